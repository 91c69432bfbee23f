package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
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
