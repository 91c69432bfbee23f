package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate/refdata"
	"sallyport/vin/telematics"
)

// offline is the world of one test: machines that share nothing but what is
// carried between them.
type offline struct {
	t   *testing.T
	dir string
}

// on is a path on a machine.
func (o *offline) on(machine string, path ...string) string {
	p := filepath.Join(append([]string{o.dir, machine}, path...)...)
	if err := os.MkdirAll(filepath.Join(o.dir, machine), 0o755); err != nil {
		o.t.Fatal(err)
	}
	return p
}

// carry copies a file or folder from one machine to another.
func (o *offline) carry(from, to string) {
	o.t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		o.t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.RemoveAll(to); err != nil {
			o.t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			o.t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(from)
	if err != nil {
		o.t.Fatal(err)
	}
	o.write(to, b)
}

func (o *offline) write(path string, b []byte) {
	o.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// must runs the real program, with a line on standard input.
func (o *offline) must(in string, args ...string) string {
	o.t.Helper()
	out, err := command(o.t, in, args...)
	if err != nil {
		o.t.Fatalf("sallyport %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// refused runs the program and wants a refusal of the class.
func (o *offline) refused(class string, args ...string) {
	o.t.Helper()
	out, err := command(o.t, "", args...)
	if err == nil || !strings.Contains(out, "refused ("+class+")") {
		o.t.Errorf("sallyport %s: %v, want refused (%s)\n%s", strings.Join(args, " "), err, class, out)
	}
}

func (o *offline) says(out string, want ...string) {
	o.t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			o.t.Errorf("does not say %q:\n%s", w, out)
		}
	}
}

const pass = "correct horse battery"

func (o *offline) agreement(members ...string) []byte {
	var b strings.Builder
	for _, n := range append([]string{"cz", "krk"}, members...) {
		fmt.Fprintf(&b, "[[authority]]\nname = %q\nkey = \"%s.pub\"\n", n, n)
	}
	list := `"` + strings.Join(members, `", "`) + `"`
	for _, q := range []struct {
		name string
		days int
	}{{"root", 365}, {"policy", 365}, {"release", 30}} {
		fmt.Fprintf(&b, "[%s]\nsign = [%s]\nneed = 2\ndays = %d\n", q.name, list, q.days)
	}
	for _, r := range []string{"vpic", "catalogue", "supply", "lists", "rf", "packs"} {
		fmt.Fprintf(&b, "[[role]]\nname = %q\nstanding = \"ours\"\nparts = [%q]\nsign = [%s]\nneed = 2\ndays = 180\n", r, r, list)
	}
	b.WriteString(`[[role]]
name = "ally-cz"
title = "Czechia"
standing = "advice"
parts = ["catalogue"]
sign = ["cz"]
need = 1
days = 90
[[role]]
name = "site-krk"
standing = "advice"
parts = ["aggregates"]
sign = ["krk"]
need = 1
days = 90
`)
	return []byte(b.String())
}

// catalogueOf writes the program's own catalogue under another edition, with
// one row changed where change is given.
func (o *offline) catalogueOf(path, edition string, change func(*telematics.Row)) {
	o.t.Helper()
	c, err := telematics.Embedded()
	if err != nil {
		o.t.Fatal(err)
	}
	f := *c.File()
	f.Edition = edition
	if change != nil {
		f.Rows = append([]telematics.Row(nil), f.Rows...)
		change(&f.Rows[0])
	}
	b, err := f.Encode()
	if err != nil {
		o.t.Fatal(err)
	}
	o.write(path, b)
}

// TestReferenceDataIsAgreedOffline is the whole way, by the real program, on
// machines without a network: three authorities make keys and a 2-of-3 root,
// sign on their own machines, and a site installs from a stick; then one key is
// exchanged, the next release installed, and the old one refused.
func TestReferenceDataIsAgreedOffline(t *testing.T) {
	t.Parallel()
	o := &offline{t: t, dir: t.TempDir()}
	root := moduleRoot(t)
	embedded := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }

	// Each makes its key at home; only the public halves travel to the editor.
	for _, who := range []string{"pl", "de", "us", "fr", "cz", "krk"} {
		o.must(pass+"\n", "refdata", "keygen", who, "--out", o.on(who))
		o.carry(o.on(who, who+".pub"), o.on("editor", who+".pub"))
	}
	private, err := os.ReadFile(o.on("pl", "pl.key"))
	if err != nil || strings.Contains(string(private), "seed") {
		t.Fatalf("the private key stands in clear: %s %v", private, err)
	}

	// The editor, who has no key, drafts; an ally and a site send what they know.
	o.catalogueOf(o.on("cz", "catalogue.json"), "2026-11-20.cz", func(r *telematics.Row) { r.Maker = "Another Maker" })
	o.must(pass+"\n", "refdata", "export", "--kind", "catalogue", "--in", o.on("cz", "catalogue.json"), "--role", "ally-cz", "--key", o.on("cz", "cz.key"), "--out", o.on("cz", "cz.refdata"))
	o.write(o.on("krk", "aggregates.json"), []byte(`{"format":"sallyport-shares","version":1,"site":"krk","made":"2026-11-19","names":"2026-11-01.c","from":"","to":"","k":5,"m":3,"level":0.95,"weight":0.5,"groups":[]}`))
	o.must(pass+"\n", "refdata", "export", "--kind", "aggregates", "--in", o.on("krk", "aggregates.json"), "--role", "site-krk", "--key", o.on("krk", "krk.key"), "--out", o.on("krk", "krk.refdata"))
	o.carry(o.on("cz", "cz.refdata"), o.on("editor", "cz.refdata"))
	o.carry(o.on("krk", "krk.refdata"), o.on("editor", "krk.refdata"))
	o.catalogueOf(o.on("editor", "catalogue.json"), "2026-11-21.joint", nil)
	o.write(o.on("editor", "agreement.toml"), o.agreement("pl", "de", "us"))
	repo := o.on("editor", "repo")
	out := o.must("", "refdata", "draft", "--agreement", o.on("editor", "agreement.toml"), "--repo", repo,
		"--put", "vpic/vpic="+embedded("vin/vpic.idx"), "--put", "catalogue/catalogue="+o.on("editor", "catalogue.json"),
		"--put", "supply/supply="+embedded("policy/supply/supply.json"), "--put", "lists/lists="+embedded("policy/supply/supply.json"),
		"--put", "rf/rf="+embedded("rf/prefixes.tsv"), "--put", "packs/packs:house="+embedded("policy/pack/packs/paper-baseline.yaml"),
		"--include", o.on("editor", "cz.refdata"), "--include", o.on("editor", "krk.refdata"))
	o.says(out, "signed by nobody: needs 2")
	o.refused("signatures", "refdata", "export", "--repo", repo, "--out", o.on("editor", "early.refdata"))

	// pl and de each sign their own copy; the signatures come together.
	for _, who := range []string{"pl", "de"} {
		o.carry(repo, o.on(who, "repo"))
		o.must(pass+"\n", "refdata", "sign", o.on(who, "repo"), "--key", o.on(who, who+".key"))
		o.carry(o.on(who, "repo"), o.on("editor", "from-"+who))
	}
	out = o.must("", "refdata", "sign", repo, "--join", o.on("editor", "from-pl"), "--join", o.on("editor", "from-de"))
	o.says(out, "signed by de, pl: enough")
	if strings.Contains(out, "needs") {
		t.Errorf("something is not signed:\n%s", out)
	}
	one := o.on("stick", "release-1.refdata")
	o.must("", "refdata", "export", "--repo", repo, "--out", one)
	if out, err := command(t, "wrong passphrase\n", "refdata", "sign", o.on("us", "none"), "--key", o.on("us", "us.key")); err == nil {
		t.Errorf("signed what is not there:\n%s", out)
	}

	// The site trusts the root it was given by hand.
	data := o.on("site", "data")
	o.carry(filepath.Join(repo, "metadata", "1.root.json"), o.on("site", "root.json"))
	out = o.must("", "init", "--data", data, "--site", "krk", "--name", "Kraków", "--refdata-root", o.on("site", "root.json"))
	o.says(out, "trusts the root with the SHA-256")
	o.says(o.must("", "refdata", "status", "--data", data), "no bundle is installed")
	o.says(o.must("", "refdata", "verify", one, "--data", data), "nothing was installed", "signed by de, pl", "2026-11-21.joint")
	o.says(o.must("", "refdata", "diff", one, "--data", data), "from nothing to release 1", "added    file       vpic/vpic.idx")
	o.says(o.must("", "refdata", "install", one, "--data", data), "release 1 is installed")
	o.says(o.must("", "refdata", "install", one, "--data", data), "installed already; nothing was changed")
	out = o.must("", "refdata", "status", "--data", data)
	o.says(out, "release  1 of", "signed by de, pl (2 needed)", "valid until", "days old", "ally-cz (Czechia): advice, number 1, signed by cz",
		"1 rows on which we and an ally say different things", "used: ours", "Another Maker", "site-krk/aggregates.json")

	// assess and serve use it.
	o.says(o.must(`{"vin":"5YJXCAE42MF000001","at":"2026-11-22T05:00:00Z"}`+"\n", "assess", "--data", data, "--policy", "house"), "2026-11-21.joint")

	// us gives its key back, fr takes its place; pl and de were the quorum and
	// sign the change, fr signs with them.
	o.catalogueOf(o.on("editor", "catalogue.json"), "2026-11-22.joint", func(r *telematics.Row) { r.Note = "seen again" })
	o.write(o.on("editor", "agreement.toml"), o.agreement("pl", "de", "fr"))
	o.must("", "refdata", "draft", "--agreement", o.on("editor", "agreement.toml"), "--repo", repo, "--put", "catalogue/catalogue="+o.on("editor", "catalogue.json"))
	for _, who := range []string{"pl", "de", "fr"} { // one after the other this time
		o.carry(repo, o.on(who, "repo"))
		o.must(pass+"\n", "refdata", "sign", o.on(who, "repo"), "--key", o.on(who, who+".key"))
		o.carry(o.on(who, "repo"), repo)
	}
	two := o.on("stick", "release-2.refdata")
	o.says(o.must("", "refdata", "export", "--repo", repo, "--out", two), "root     2")
	out = o.must("", "refdata", "diff", two, one, "--root", o.on("site", "root.json"))
	o.says(out, "from release 1 to release 2", "changed  row        catalogue/catalogue.json V0", "now edition 2026-11-22.joint")

	// What a site must refuse, and it changes nothing.
	broken, err := os.ReadFile(two)
	if err != nil {
		t.Fatal(err)
	}
	o.write(o.on("stick", "cut.refdata"), broken[:len(broken)/3])
	held := o.must("", "refdata", "status", "--data", data)
	o.refused("truncated", "refdata", "install", o.on("stick", "cut.refdata"), "--data", data)
	o.refused("missing", "refdata", "install", o.on("cz", "cz.refdata"), "--data", data)
	if now := o.must("", "refdata", "status", "--data", data); now != held {
		t.Errorf("a refusal changed what is held:\n%s", now)
	}
	o.says(o.must("", "refdata", "install", two, "--data", data), "release 2 is installed", "root     2")
	o.refused("rollback", "refdata", "install", one, "--data", data)
	o.says(o.must("", "refdata", "diff", one, "--data", data), "from release 2 to release 1", "changed  row        catalogue/catalogue.json")
	// The directory is lost; the log remembers.
	if err := os.RemoveAll(filepath.Join(data, "refdata")); err != nil {
		t.Fatal(err)
	}
	o.refused("rollback", "refdata", "install", one, "--data", data)
	o.must("", "refdata", "install", two, "--data", data)
	o.says(o.must("", "log", "verify", "--data", data), "clean")

	run := start(t, "serve", "--data", data, "--addr", "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, run.base+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d %s %v", resp.StatusCode, body, err)
	}
	resp.Body.Close()
	o.says(run.logs.String(), `msg="reference data" release=2`, "disagreements=1")
	run.kill()

	// Installed data that somebody changed stops the start.
	matches, err := filepath.Glob(filepath.Join(data, "refdata", "release-2-*", "targets", "rf", "prefixes.tsv"))
	if err != nil || len(matches) != 1 {
		t.Fatal(matches, err)
	}
	b, err := os.ReadFile(matches[0])
	if err != nil {
		t.Fatal(err)
	}
	o.write(matches[0], append(b, '\n'))
	o.refused("bad-hash", "serve", "--data", data, "--addr", "127.0.0.1:0")
	var status struct{}
	if out, err := command(t, "", "refdata", "status", "--json", "--data", data); err == nil || json.Unmarshal([]byte(out), &status) == nil {
		t.Errorf("status of changed data: %s", out)
	}
}

// What an ally wrote cannot write lines of its own, or rule the terminal.
func TestTextOfAnAllyStaysInItsLine(t *testing.T) {
	rel := &refdata.Release{}
	d := &refdata.Data{Disagreements: []refdata.Disagreement{{Part: refdata.Lists, Section: "entry", ID: "l/e/A\nrelease  9 of 2026\x1b[2J", Role: "ally-cz", Standing: refdata.Advice,
		Theirs: json.RawMessage("{\"name\":\"\u009b2J \u202egnp 沃尔沃\"}"), Used: "none"}}}
	var out strings.Builder
	if err := printRelease(&out, rel, d, testNow); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.ContainsAny(s, "\x1b\u009b\u202e") || !strings.Contains(s, `l/e/A\nrelease  9 of 2026\x1b[2J`) || !strings.Contains(s, `{"name":"\u009b2J \u202egnp 沃尔沃"}`) {
		t.Errorf("%q", s)
	}
}
