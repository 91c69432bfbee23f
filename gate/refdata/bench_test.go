package refdata

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// fullSet is everything the program carries, as a release.
func fullSet(b testing.TB) (*council, []byte, []byte) {
	b.Helper()
	c := newCouncil(b)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		c.ok(err)
		return data
	}
	graph := read("policy/supply/supply.json")
	lists, err := ListsOf(graph)
	c.ok(err)
	r := c.release(c.agreement(Advice, "pl", "de", "us"), day0, []Put{
		{Role: "catalogue", Kind: Catalogue, Data: read("vin/telematics/catalogue.json")},
		{Role: "supply", Kind: Supply, Data: graph},
		{Role: "supply", Kind: Lists, Data: lists},
		{Role: "rf", Kind: VPIC, Data: read("vin/vpic.idx")},
		{Role: "rf", Kind: RF, Data: read("rf/prefixes.tsv")},
		{Role: "rf", Kind: Packs, Name: "house", Data: read("policy/pack/packs/paper-baseline.yaml")},
	}, "pl", "de")
	return c, r.Files[rootName(1)], c.pack(r)
}

func BenchmarkVerify(b *testing.B) {
	_, root, bundle := fullSet(b)
	b.SetBytes(int64(len(bundle)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(bundle), DefaultLimits(), Trust{Root: root, At: day0}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyInstall reads the full set off the stick, verifies and opens
// it, and installs it durably.
func BenchmarkVerifyInstall(b *testing.B) {
	c, root, bundle := fullSet(b)
	b.SetBytes(int64(len(bundle)))
	for b.Loop() {
		s := NewStore(filepath.Join(b.TempDir(), "refdata"))
		t := Trust{Root: root, At: day0}
		rel, err := Read(bytes.NewReader(bundle), DefaultLimits(), t)
		c.ok(err)
		_, err = rel.Open()
		c.ok(err)
		c.ok(s.Install(rel, t))
	}
}

// BenchmarkLoad is what a start pays: the installed set read, verified and
// opened.
func BenchmarkLoad(b *testing.B) {
	c, root, bundle := fullSet(b)
	s := NewStore(filepath.Join(b.TempDir(), "refdata"))
	t := Trust{Root: root, At: day0}
	rel, err := Read(bytes.NewReader(bundle), DefaultLimits(), t)
	c.ok(err)
	c.ok(s.Install(rel, t))
	for b.Loop() {
		now, err := s.Load(root)
		c.ok(err)
		_, err = now.Open()
		c.ok(err)
	}
}
