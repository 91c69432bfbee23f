package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

const testPassword = "correct horse battery\n"

// recordedSite is a site with a passage of each of two vehicles, one of them
// open, and a security manager, sofia.
func recordedSite(t *testing.T) (dir string) {
	t.Helper()
	dir = inspectSite(t, "")
	runOK(t, testPassword, "user", "add", "sofia", "--role", "security-manager", "--data", dir)
	inStore(t, dir, func(s *sqlite.Store) {
		for i, p := range []gate.Passage{
			{ID: "p1", Lane: "north", Arrival: gate.Arrival{VIN: inspectVIN, Plate: "WX 1"}},
			{ID: "p2", Lane: "north", Arrival: gate.Arrival{VIN: "5YJXCAE42MF000001"}},
			{ID: "p3", Lane: "north", Arrival: gate.Arrival{VIN: inspectVIN, Plate: "WX 1"}},
		} {
			p.At = testNow.Add(time.Duration(i) * time.Minute)
			p.Result = packAssessment(t, p.Arrival.VIN)
			if err := s.Record(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if p.ID == "p3" {
				continue
			}
			if err := s.RecordOutcome(t.Context(), gate.Outcome{Passage: p.ID, Ending: gate.EndRefused, At: p.At}); err != nil {
				t.Fatal(err)
			}
		}
	})
	return dir
}

func inStore(t *testing.T, dir string, do func(*sqlite.Store)) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// says runs a command, wants its exit code, and every text in what it printed.
func says(t *testing.T, code int, texts []string, in string, args ...string) string {
	t.Helper()
	got, out, errs := runWith(t, []byte(in), args...)
	all := string(out) + string(errs)
	if got != code {
		t.Errorf("sallyport %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, all)
	}
	for _, w := range texts {
		if !strings.Contains(all, w) {
			t.Errorf("sallyport %s does not say %q:\n%s", strings.Join(args, " "), w, all)
		}
	}
	return all
}

// TestBundlesOnAnotherMachine exports what the log says, and checks it with the
// public key alone.
func TestBundlesOnAnotherMachine(t *testing.T) {
	dir := recordedSite(t)
	away := t.TempDir()
	key := filepath.Join(away, "log.pub")
	text, err := os.ReadFile(filepath.Join(dir, "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, text, 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(away, name) }

	runOK(t, "", "log", "head", "--data", dir, "--out", file("old.head"))
	says(t, 0, []string{"2 entries"}, "", "log", "prove", "inclusion", "--data", dir, "--passage", "p1", "--out", file("p1"))
	says(t, 0, []string{"clean", "passage p1", "entries      2; personal data of 0 disclosed, of 1 withheld"}, "", "log", "verify", "--bundle", file("p1"), "--key", key)
	says(t, 0, []string{"clean", "entries      1"}, "", "log", "verify", "--bundle", proved(t, dir, file("one"), "2"), "--key", strings.TrimSpace(string(text)))

	says(t, 1, []string{"--disclose needs --by"}, "", "log", "export", "--data", dir, "--passage", "p1", "--disclose", "--out", file("no"))
	says(t, 1, []string{"guard"}, testPassword, "log", "export", "--data", dir, "--passage", "p1", "--disclose", "--by", "anna", "--out", file("no"))
	says(t, 1, []string{"no entry is of it"}, "", "log", "export", "--data", dir, "--passage", "p9", "--out", file("no"))
	if _, err := os.Stat(file("no")); err == nil {
		t.Error("a file was left of what was refused")
	}
	says(t, 0, nil, testPassword, "log", "export", "--data", dir, "--from", "2026-11-22T05:00:30Z", "--until", "2026-11-22T05:02:00Z", "--disclose", "--by", "ewa", "--out", file("day"))
	says(t, 0, []string{"clean", "entries      2; personal data of 1 disclosed, of 0 withheld"}, "", "log", "verify", "--bundle", file("day"), "--key", key)
	bundle, err := os.ReadFile(file("day"))
	if err != nil || !bytes.Contains(bundle, []byte("5YJXCAE42MF000001")) {
		t.Errorf("%v: the bundle does not disclose the VIN", err)
	}
	if err := os.WriteFile(file("forged"), bytes.Replace(bundle, []byte("5YJXCAE42MF000001"), []byte("5YJXCAE42MF000002"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, 1, []string{"NOT CLEAN: line 2", "is not what it commits to"}, "", "log", "verify", "--bundle", file("forged"), "--key", key)
	says(t, 1, []string{"made by the log with the key"}, "", "log", "verify", "--bundle", file("day"), "--key", "sallyport/golden+268aa571+AbOzvd/FnVJuMcLU52B9d3qRvWNHOK29jdhq1mYkBv7i")
	says(t, 1, []string{"--bundle needs --key"}, "", "log", "verify", "--bundle", file("day"))

	// Both exports and their refusals are entries of the log by now.
	says(t, 0, []string{"clean"}, "", "log", "verify", "--data", dir, "--head", file("old.head"))
	says(t, 0, []string{"0 entries"}, "", "log", "prove", "consistency", "--data", dir, file("old.head"), "--out", file("grown"))
	says(t, 0, []string{"clean", "continues    the head of"}, "", "log", "verify", "--bundle", file("grown"), "--key", key)

	// Another log with the same name does not continue the head.
	other := recordedSite(t)
	says(t, 1, []string{"note has no verifiable signatures"}, "", "log", "prove", "consistency", "--data", other, file("old.head"))
}

func proved(t *testing.T, dir, out string, seqs ...string) string {
	t.Helper()
	runOK(t, "", append([]string{"log", "prove", "inclusion", "--data", dir, "--out", out}, seqs...)...)
	return out
}

// TestWitness goes the way of the stick: the site puts its head there, the
// witness cosigns, the site keeps that; then somebody puts an older copy of the
// site back, with everything in its directory.
func TestWitness(t *testing.T) {
	dir := recordedSite(t)
	stick, home := filepath.Join(t.TempDir(), "stick"), t.TempDir()
	secret := filepath.Join(home, "witness.key")
	public := strings.TrimSpace(string(runOK(t, "", "log", "witness-key", "example.org/officer", "--out", secret)))
	f, err := os.OpenFile(filepath.Join(dir, siteFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n[witness]\npath = \"" + stick + "\"\nkeys = [\"" + public + "\"]\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	o, err := cfg.Witness.outside()
	if err != nil {
		t.Fatal(err)
	}
	meet := func(dir string) (err error) {
		t.Helper()
		inStore(t, dir, func(s *sqlite.Store) {
			s.WitnessedBy(o)
			err = s.MeetWitness(t.Context(), testNow)
		})
		return err
	}
	if err := meet(dir); err != nil {
		t.Errorf("without the stick: %v", err)
	}
	if _, err := os.Stat(stick); err == nil {
		t.Fatal("the directory of the stick was made where the stick is not")
	}
	if err := os.Mkdir(stick, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := meet(dir); err != nil {
		t.Fatal(err)
	}
	key, head, cosigned := filepath.Join(dir, "log.pub"), filepath.Join(stick, "sallyport-t.head"), filepath.Join(stick, "sallyport-t.cosigned")
	says(t, 0, []string{"cosigned     never"}, "", "log", "verify", "--data", dir)
	says(t, 0, []string{"cosigned as " + public}, "", "log", "cosign", "--key", secret, "--log", key, head)
	if err := meet(dir); err != nil {
		t.Fatal(err)
	}
	if err := meet(dir); err != nil { // nothing new
		t.Fatal(err)
	}
	says(t, 0, []string{"cosigned     the first", "by example.org/officer", "clean"}, "", "log", "verify", "--data", dir)
	out := says(t, 0, []string{"cosigned     the first"}, "", "log", "verify", "--bundle", proved(t, dir, filepath.Join(home, "b"), "0"), "--key", key, "--witness", public)
	if !strings.Contains(out, "clean") {
		t.Error(out)
	}

	// An older copy of the whole directory.
	older := t.TempDir()
	if err := os.CopyFS(older, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log.key", "device.key"} {
		if err := os.Chmod(filepath.Join(older, name), 0o600); err != nil && name == "log.key" {
			t.Fatal(err)
		}
	}
	inStore(t, dir, func(s *sqlite.Store) {
		if err := s.RecordEvent(t.Context(), gate.Event{Kind: gate.EventSignIn, At: testNow, By: "anna"}); err != nil {
			t.Fatal(err)
		}
	})
	if err := meet(dir); err != nil {
		t.Fatal(err)
	}
	says(t, 0, nil, "", "log", "cosign", "--key", secret, "--log", key, head)
	if err := meet(dir); err != nil {
		t.Fatal(err)
	}
	latest, err := os.ReadFile(head)
	if err != nil {
		t.Fatal(err)
	}
	if err := meet(older); err == nil || !strings.Contains(err.Error(), "does not continue") {
		t.Errorf("the older copy met the witness: %v", err)
	}
	if now, err := os.ReadFile(head); err != nil || !bytes.Equal(now, latest) {
		t.Errorf("the older copy wrote over the newer head: %v", err)
	}
	says(t, 1, []string{"NOT CLEAN", "cut off, or an older copy"}, "", "log", "verify", "--data", older)

	// Without the stick the older copy looks whole; the witness refuses it.
	if err := os.Rename(stick, stick+"2"); err != nil {
		t.Fatal(err)
	}
	says(t, 0, []string{"clean"}, "", "log", "verify", "--data", older)
	request := filepath.Join(home, "r.head")
	runOK(t, "", "log", "head", "--data", older, "--out", request)
	says(t, 1, []string{"not cosigned", "shorter"}, "", "log", "cosign", "--key", secret, "--log", key, request)

	// A cosigned head that somebody changed, and one by a witness of their own.
	if err := os.Rename(stick+"2", stick); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(cosigned)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndexByte(good, ' ') + 20
	bad := bytes.Clone(good)
	if bad[at] = 'A'; good[at] == 'A' {
		bad[at] = 'B'
	}
	if err := os.WriteFile(cosigned, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := meet(dir); err == nil || !strings.Contains(err.Error(), "the cosignature of example.org/officer is not valid") {
		t.Errorf("%v", err)
	}
	says(t, 1, []string{"NOT CLEAN", "the cosignature of example.org/officer is not valid"}, "", "log", "verify", "--data", dir)
}

// TestEraseAndHold: a person who may orders it, by password; a hold forbids it.
func TestEraseAndHold(t *testing.T) {
	t.Parallel()
	dir := recordedSite(t)
	says(t, 1, []string{"supervisor"}, testPassword, "erase", "--data", dir, "--vin", inspectVIN, "--by", "maria", "--why", "asked")
	says(t, 1, []string{"wrong"}, "another password\n", "erase", "--data", dir, "--vin", inspectVIN, "--by", "sofia", "--why", "asked")
	says(t, 1, []string{"name the vehicle"}, testPassword, "erase", "--data", dir, "--by", "sofia", "--why", "asked")
	says(t, 1, []string{"the reason names the vehicle"}, testPassword, "erase", "--data", dir, "--vin", inspectVIN, "--by", "sofia", "--why", "of "+inspectVIN)

	out := filepath.Join(t.TempDir(), "subject.json")
	says(t, 0, nil, testPassword, "export", "subject", "--data", dir, "--vin", inspectVIN, "--by", "ewa", "--out", out)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var export gate.SubjectExport
	if err := json.Unmarshal(text, &export); err != nil || len(export.Records) != 3 {
		t.Errorf("%+v, %v; want two passages and an outcome", export.Records, err)
	}
	says(t, 1, []string{"guard"}, testPassword, "export", "subject", "--data", dir, "--vin", inspectVIN, "--by", "anna")

	id := strings.TrimSpace(string(runOK(t, testPassword, "hold", "place", "--data", dir, "--plate", "WX 1", "--by", "sofia", "--why", "inquiry")))
	says(t, 0, []string{"a hold is on it", "0 records erased"}, testPassword, "erase", "--data", dir, "--vin", inspectVIN, "--by", "sofia", "--why", "asked by the keeper")
	says(t, 0, []string{id, "WX1", "inquiry"}, "", "hold", "list", "--data", dir)
	says(t, 0, []string{"lifted"}, testPassword, "hold", "lift", id, "--data", dir, "--by", "sofia", "--why", "closed")
	says(t, 0, []string{"erased   passage          1", "stays    passage", "has not ended", "1 records erased", "also     WX1", "copies made before"}, testPassword, "erase", "--data", dir, "--vin", inspectVIN, "--by", "sofia", "--why", "asked by the keeper")
	says(t, 0, []string{"clean", "1 erased"}, "", "log", "verify", "--data", dir)
}

func TestWitnessConfigIsChecked(t *testing.T) {
	for _, bad := range []witnessConfig{{Path: "stick"}, {Keys: []string{"x"}}, {Keys: []string{"sallyport/golden+268aa571+AbOzvd/FnVJuMcLU52B9d3qRvWNHOK29jdhq1mYkBv7i"}}} {
		if bad.check() == nil {
			t.Errorf("%+v: accepted", bad)
		}
	}
}
