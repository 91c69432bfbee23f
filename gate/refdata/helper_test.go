package refdata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

var day0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const days = 24 * time.Hour

// council is three authorities, two of whom must agree, an ally and a site,
// each with a key of its own.
type council struct {
	t    testing.TB
	keys map[string]PrivateKey
	repo *Repo
}

const councilRules = `
[root]
sign = [%[1]s]
need = 2
days = 365
[policy]
sign = [%[1]s]
need = 2
days = 365
[release]
sign = [%[1]s]
need = 2
days = 30
[[role]]
name = "catalogue"
standing = "ours"
parts = ["catalogue"]
sign = [%[1]s]
need = 2
days = 180
[[role]]
name = "supply"
standing = "ours"
parts = ["supply", "lists"]
sign = [%[1]s]
need = 2
days = 180
[[role]]
name = "rf"
standing = "ours"
parts = ["rf", "packs", "vpic", "tac"]
sign = [%[1]s]
need = 1
days = 180
[[role]]
name = "ally-cz"
title = "Czechia, for advice"
standing = "%[2]s"
parts = ["catalogue", "supply", "lists"]
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
`

func newCouncil(t testing.TB) *council {
	t.Helper()
	c := &council{t: t, keys: map[string]PrivateKey{}, repo: &Repo{Files: Files{}}}
	for _, n := range []string{"pl", "de", "us", "fr", "cz", "krk", "mallory"} {
		k, err := NewKey(n)
		c.ok(err)
		c.keys[n] = k
	}
	return c
}

func (c *council) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *council) agreement(standing Standing, members ...string) *Agreement {
	c.t.Helper()
	var b strings.Builder
	for _, n := range append([]string{"cz", "krk"}, members...) {
		fmt.Fprintf(&b, "[[authority]]\nname = %q\nkey = %q\n", n, n)
	}
	list := `"` + strings.Join(members, `", "`) + `"`
	a, err := ParseAgreement([]byte(b.String()+fmt.Sprintf(councilRules, list, standing)), c.public)
	c.ok(err)
	return a
}

func (c *council) public(name string) ([]byte, error) {
	k, ok := c.keys[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	p, err := k.Public()
	if err != nil {
		return nil, err
	}
	return p.Encode()
}

// release drafts and has it signed.
func (c *council) release(a *Agreement, at time.Time, puts []Put, by ...string) *Repo {
	c.t.Helper()
	_, err := c.repo.Draft(a, puts, nil, at)
	c.ok(err)
	c.sign(c.repo, by...)
	return c.repo.clone()
}

func (c *council) sign(r *Repo, by ...string) {
	c.t.Helper()
	for _, n := range by {
		_, err := r.Sign(c.keys[n])
		c.ok(err)
	}
}

func (r *Repo) clone() *Repo {
	out := &Repo{Files: Files{}}
	for n, b := range r.Files {
		out.Files[n] = bytes.Clone(b)
	}
	return out
}

func (c *council) pack(r *Repo) []byte {
	c.t.Helper()
	var b bytes.Buffer
	c.ok(WriteArchive(&b, r.Files))
	return b.Bytes()
}

// small is a catalogue, a graph and prefixes of a few rows.
func small(t testing.TB, edition string, rows ...telematics.Row) []Put {
	t.Helper()
	cat, err := (&telematics.File{Edition: edition + ".c", Rows: rows}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return []Put{{Role: "catalogue", Kind: Catalogue, Data: cat}, {Role: "supply", Kind: Supply, Data: smallGraph(t, edition+".s")},
		{Role: "rf", Kind: RF, Data: []byte("sallyport-rf-prefixes 1\t" + edition + "\nS\toui\thttps://standards-oui.ieee.org/\t2026-08\tIEEE\n")}}
}

func smallGraph(t testing.TB, edition string, change ...func(*supply.File)) []byte {
	t.Helper()
	ref := supply.Ref{Source: "https://example.org/filing", Date: "2024", Certainty: "official"}
	f := supply.File{
		Edition: edition,
		Parties: []supply.Party{{ID: "maker", Name: "Maker", Kind: "company", Country: "DE", Ref: ref}, {ID: "owner", Name: "Owner", Kind: "company", Country: "CN", Ref: ref}},
		Edges:   []supply.Edge{{ID: "E1", From: "maker", To: "owner", Kind: supply.OwnedBy, Controlling: true, Since: "2024-07-26", Ref: ref}},
		Lists: []supply.List{{ID: "1260h", Title: "Section 1260H", Editions: []supply.Edition{
			{ID: "2025", From: "2025-01-07", Entries: []supply.Entry{{Name: "Owner", Party: "owner", Ref: ref}}, Ref: ref}}}},
	}
	for _, ch := range change {
		ch(&f)
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func row(id, maker string) telematics.Row {
	return telematics.Row{Makes: []string{"Tesla"}, Models: []string{"Model 3"}, Role: "tcu", Resolves: "module", Maker: maker, Model: "X1",
		Source: telematics.Source{ID: id, Address: "https://example.org/" + id, Date: "2025-01-01", Certainty: telematics.Documented}}
}

// tree is every file under dir with its content, links and modes.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		out[path] = info.Mode().String() + " " + content
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}
