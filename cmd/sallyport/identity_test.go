package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
)

// The lists are kept through the command line: two people for a removal, every bad
// row named, a pass that can be shown and is found revoked.
func TestListsByCommand(t *testing.T) {
	dir := rulesSite(t)
	refused := func(words, password string, args ...string) {
		t.Helper()
		if code, out, errs := rules(t, dir, password, args...); code == 0 || !strings.Contains(errs, words) {
			t.Errorf("%v: exit %d, %q, %q; want %q", args, code, out, errs, words)
		}
	}
	refused("edit-watch", managerWord, "watch", "add", "--plate", "WX 1", "--reason", "stolen", "--do", "hold", "--by", "jan")
	refused("reason", managerWord, "watch", "add", "--plate", "WX 1", "--reason", "Mr X", "--do", "hold", "--by", "ewa")
	rulesOK(t, dir, managerWord, "watch", "add", "--plate", "wx 00001", "--reason", "stolen", "--do", "Hold it", "--by", "ewa")
	file := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(file, []byte("kind;value;reason;do;until\nvin;5yjxcae42mf000001;stolen;Hold it;2099-01-01\nplate;;x;y;\nvin;123;stolen;Hold;\nmaker;quectel;module;Ask;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("line 3, column value", managerWord, "watch", "import", file, "--by", "ewa")
	refused("2 of 4 rows are bad; nothing was entered", managerWord, "watch", "import", file, "--by", "ewa")
	if out := rulesOK(t, dir, managerWord, "watch", "import", file, "--good-rows", "--by", "ewa"); !strings.Contains(out, "2 entered") {
		t.Error(out)
	}
	var first gate.WatchEntry
	list := strings.Split(strings.TrimSpace(rulesOK(t, dir, otherWord, "watch", "list", "--by", "maria")), "\n")
	if len(list) != 3 || json.Unmarshal([]byte(list[0]), &first) != nil || first.Value != "WX00001" || first.By != "ewa" {
		t.Fatalf("%q", list)
	}
	refused("needs a reason", managerWord, "watch", "remove", first.ID, "--by", "ewa")
	rulesOK(t, dir, managerWord, "watch", "remove", first.ID, "--why", "found", "--by", "ewa")
	refused("second person", managerWord, "watch", "remove", first.ID, "--by", "ewa")
	if out := rulesOK(t, dir, otherWord, "watch", "remove", first.ID, "--by", "maria"); !strings.Contains(out, "removed") {
		t.Error(out)
	}
	if out := rulesOK(t, dir, otherWord, "watch", "list", "--by", "maria"); strings.Contains(out, "WX00001") {
		t.Error(out)
	}

	refused("no lane", otherWord, "pass", "issue", "--vin", "5YJXCAE42MF000001", "--until", "2099-01-01", "--lane", "nowhere", "--by", "maria")
	until := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	text := strings.TrimSpace(rulesOK(t, dir, otherWord, "pass", "issue", "--vin", "5YJXCAE42MF000001", "--until", until, "--condition", "escort, always", "--by", "maria"))
	if strings.Count(text, ".") != 2 {
		t.Errorf("the text of a pass: %q", text)
	}
	var pass gate.VehiclePass
	if err := json.Unmarshal([]byte(rulesOK(t, dir, otherWord, "pass", "list", "--by", "maria")), &pass); err != nil || pass.VIN != "5YJXCAE42MF000001" || len(pass.Conditions) != 1 {
		t.Fatalf("%+v, %v", pass, err)
	}
	if out := rulesOK(t, dir, otherWord, "pass", "qr", pass.ID, "--by", "maria"); !strings.HasPrefix(out, "<svg ") {
		t.Errorf("%.80s", out)
	}
	rulesOK(t, dir, otherWord, "pass", "revoke", pass.ID, "--why", "sold", "--by", "maria")
	if out := rulesOK(t, dir, otherWord, "pass", "list", "--by", "maria"); out != "" {
		t.Error(out)
	}

	refused("correct-inside", managerWord, "inside", "add", "--plate", "AB 12", "--why", "seen", "--by", "jan")
	id := strings.TrimSpace(rulesOK(t, dir, managerWord, "inside", "add", "--plate", "AB 12", "--why", "seen at P2", "--by", "ewa"))
	if out := rulesOK(t, dir, managerWord, "inside", "list", "--by", "jan"); !strings.Contains(out, `"plate":"AB12"`) || !strings.Contains(out, id) {
		t.Error(out)
	}
	rulesOK(t, dir, managerWord, "inside", "left", id, "--why", "gone by night", "--by", "ewa")
	if out := rulesOK(t, dir, managerWord, "inside", "list", "--by", "jan"); out != "" {
		t.Error(out)
	}
	if out := rulesOK(t, dir, "", "log", "verify"); out == "" {
		t.Error("the log says nothing")
	}
}

// identitySite has an entry, an exit and the people of rulesSite.
const identitySite = `
site = "t"
name = "Identity test"
policy = "paper-baseline"
retention_days = 30
posture.levels = ["normal", "bravo", "delta"]
[identity]
longest_stay = "12h"
[[identity.travel]]
from = "north"
to = "out"
at_least = "2m"
[[lane]]
id = "north"
name = "North"
zone = "restricted"
market = "US"
turn_out = "Bay"
[lane.arm]
kind = "simulated"
journal = "north.journal"
delay = "5ms"
[[lane]]
id = "out"
name = "Out"
direction = "exit"
zone = "restricted"
market = "US"
turn_out = "Bay"
[lane.arm]
kind = "simulated"
journal = "out.journal"
delay = "5ms"
`

// Who presents itself, on the real program: passes and another key, the watch
// list, who is inside, two lanes at once and a camera. Whatever a person changes
// has the vehicle at the line decided again.
func TestIdentityOnTheRealProgram(t *testing.T) {
	dir := rulesSite(t)
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(identitySite), 0o600); err != nil {
		t.Fatal(err)
	}
	token := func(kind, lane string) string {
		t.Helper()
		lines := strings.Split(strings.TrimSpace(rulesOK(t, dir, "", "device", "add", kind+"-"+lane, "--kind", kind, "--lane", lane)), "\n")
		return lines[len(lines)-1]
	}
	north, out, camera := token("kiosk", "north"), token("kiosk", "out"), token("plate-camera", "north")
	p := start(t, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	ctx := t.Context()
	type answer struct {
		Passage string `json:"passage"`
		Answer  struct {
			Verdict string `json:"verdict"`
			Reasons []struct {
				Rule string `json:"rule"`
			} `json:"reasons"`
		} `json:"answer"`
	}
	rulesOf := func(a answer) (out []string) {
		for _, r := range a.Answer.Reasons {
			out = append(out, r.Rule)
		}
		return out
	}
	call := func(token, method, path string, body any) answer {
		t.Helper()
		var a answer
		if code, err := p.call(ctx, method, path, token, body, &a); err != nil || code >= 300 {
			t.Fatalf("%s %s %v: %d, %v", method, path, body, code, err)
		}
		return a
	}
	arrive := func(token, lane string, body map[string]string) answer {
		return call(token, "POST", "/api/v1/lanes/"+lane+"/arrivals", body)
	}
	gone := func(token, lane, passage string) {
		call(token, "POST", "/api/v1/lanes/"+lane+"/acts", map[string]string{"kind": "reset", "passage": passage})
	}
	says := func(when string, a answer, rule string, want bool) {
		t.Helper()
		if slices.Contains(rulesOf(a), rule) != want {
			t.Errorf("%s: %v; %s: want %v", when, rulesOf(a), rule, want)
		}
	}
	atLine := func() answer { return call(north, "GET", "/api/v1/lanes/north", nil) }
	const car, other = "5YJXCAE42MF000001", "5YJXCAE40MF000014"

	until := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	former := strings.TrimSpace(rulesOK(t, dir, otherWord, "pass", "issue", "--vin", car, "--until", until, "--by", "maria"))
	var pass gate.VehiclePass
	if err := json.Unmarshal([]byte(rulesOK(t, dir, otherWord, "pass", "list", "--by", "maria")), &pass); err != nil {
		t.Fatal(err)
	}
	shown := func(when, vin, text string, refused bool) {
		t.Helper()
		a := arrive(north, "north", map[string]string{"vin": vin, "pass": text})
		says(when, a, "pass-refused", refused)
		gone(north, "north", a.Passage)
	}
	shown("a pass", car, former, false)
	shown("another vehicle's pass", other, former, true)
	rulesOK(t, dir, "", "device", "rotate", "--overlap", "1")
	shown("after another key, within the overlap", car, former, false)
	present := strings.TrimSpace(rulesOK(t, dir, otherWord, "pass", "issue", "--vin", car, "--until", until, "--by", "maria"))
	if strings.Split(present, ".")[0] == strings.Split(former, ".")[0] {
		t.Error("the running site signs passes with the former key")
	}
	shown("by the new key", car, present, false)
	rulesOK(t, dir, "", "device", "rotate", "--overlap", "0")
	shown("by a key that ended at once", car, present, true)
	shown("by the one before, in its overlap", car, former, false)
	shown("garbage", car, "eyJ.garbage.é", true)
	shown("oversized", car, "eyJ."+strings.Repeat("A", 3000)+".", true)
	a := arrive(north, "north", map[string]string{"vin": car, "pass": former})
	rulesOK(t, dir, otherWord, "pass", "revoke", pass.ID, "--why", "sold", "--by", "maria")
	says("revoked while it stands there", atLine(), "pass-refused", true)

	rulesOK(t, dir, managerWord, "watch", "add", "--vin", car, "--reason", "stolen", "--do", "Hold it", "--by", "ewa")
	says("listed while it stands there", atLine(), "watch-listed", true)
	gone(north, "north", a.Passage)

	// Who is inside, and corrected while the vehicle stands there.
	stay := strings.TrimSpace(rulesOK(t, dir, managerWord, "inside", "add", "--vin", other, "--plate", "WX 1", "--why", "seen", "--by", "ewa"))
	a = arrive(north, "north", map[string]string{"vin": other})
	says("inside already", a, "inside-already", true)
	rulesOK(t, dir, managerWord, "inside", "left", stay, "--why", "seen outside", "--by", "ewa")
	says("and said to have left while it stands there", atLine(), "inside-already", false)

	// The same VIN at two lanes: both are looked at, whoever came first.
	b := arrive(out, "out", map[string]string{"vin": other})
	says("the second of two", b, "seen-elsewhere", true)
	waitFor(ctx, t, func() bool { return slices.Contains(rulesOf(atLine()), "seen-elsewhere") })
	gone(out, "out", b.Passage)
	gone(north, "north", a.Passage)
	says("too soon at another lane", arrive(out, "out", map[string]string{"vin": other}), "seen-elsewhere", true)

	// A camera: a guess, the other way, and a plate that somebody else's VIN has.
	plate := func(body map[string]any) (read struct {
		Left    string `json:"left"`
		Passage string `json:"passage"`
	}) {
		t.Helper()
		if code, err := p.call(ctx, "POST", "/api/v1/lanes/north/plates", camera, body, &read); err != nil || code >= 300 {
			t.Fatalf("%v: %d, %v", body, code, err)
		}
		return read
	}
	if got := plate(map[string]any{"plate": "WX 1", "confidence": 0.2}); got.Left != "unsure" {
		t.Errorf("a guess: %+v", got)
	}
	if got := plate(map[string]any{"plate": "WX 1", "confidence": 0.9, "at": time.Now().Add(-30 * time.Second).UTC().Format(time.RFC3339)}); got.Left != "lane" {
		t.Errorf("read before the last vehicle had left: %+v", got)
	}
	rulesOK(t, dir, managerWord, "watch", "add", "--plate", "WXO0I", "--reason", "follow-up", "--do", "Look", "--by", "ewa")
	got := plate(map[string]any{"plate": "WX 00I", "confidence": 0.9, "at": time.Now().UTC().Format(time.RFC3339)})
	says("a plate that only looks like one on the list", atLine(), "watch-listed", false)
	if got.Passage == "" || atLine().Passage != got.Passage {
		t.Errorf("%+v, at the line %+v", got, atLine())
	}
	if out := rulesOK(t, dir, "", "log", "verify"); out == "" {
		t.Error("the log says nothing")
	}
}

// The drawn code is what was asked to be drawn, in every form.
func TestDrawQR(t *testing.T) {
	for _, format := range []string{"svg", "png", "text"} {
		var b bytes.Buffer
		if err := drawQR(&b, strings.Repeat("eyJhbGciOiJFZERTQSJ9.", 20), format); err != nil {
			t.Fatal(err)
		}
		switch format {
		case "png":
			img, err := png.Decode(&b)
			if err != nil || img.Bounds().Dx() != img.Bounds().Dy() {
				t.Errorf("%v", err)
			}
		case "svg":
			if !strings.HasPrefix(b.String(), "<svg ") || strings.Count(b.String(), "M") < 100 {
				t.Errorf("%.200s", b.String())
			}
		default:
			if len(strings.Split(b.String(), "\n")) < 30 {
				t.Error(b.String())
			}
		}
	}
}
