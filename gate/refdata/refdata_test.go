package refdata

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// site is a store with a pinned root.
type site struct {
	*Store
	t    testing.TB
	root []byte
}

func newSite(t testing.TB, root []byte) *site {
	return &site{Store: NewStore(filepath.Join(t.TempDir(), "refdata")), t: t, root: root}
}

func TestReleaseIsInstalledAndLoaded(t *testing.T) {
	c := newCouncil(t)
	a := c.agreement(Advice, "pl", "de", "us")
	one := c.release(a, day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	s := newSite(t, one.Files[rootName(1)])

	if now, err := s.Load(s.root); now != nil || err != nil {
		t.Fatalf("an empty store holds %v, %v", now, err)
	}
	rel := s.install(c.pack(one), Trust{At: day0.Add(days)})
	if rel.Release != 1 || rel.Root != 1 || rel.Snapshot != 1 {
		t.Errorf("numbers %+v", rel.Numbers)
	}
	if diff := cmp.Diff([]string{"de", "pl"}, rel.Signers); diff != "" {
		t.Error(diff)
	}
	now, err := s.Load(s.root)
	c.ok(err)
	if diff := cmp.Diff(rel.Numbers, now.Numbers); diff != "" {
		t.Error(diff)
	}
	d, err := now.Open()
	c.ok(err)
	if d.Catalogue == nil || d.Catalogue.Edition() != "2026-11-01.c" || d.Graph == nil || d.Prefixes == nil || d.VPIC != nil {
		t.Errorf("opened: %+v", d)
	}

	// The next release is signed by two others, and is the one that is used.
	two := c.release(a, day0.Add(2*days), small(t, "2026-11-24", row("V1", "Telit"), row("V2", "Quectel")), "de", "us")
	s.install(c.pack(two), Trust{At: day0.Add(3 * days)})
	now, err = s.Load(s.root)
	c.ok(err)
	if now.Release.Release != 2 || now.Numbers.Roles["catalogue"] != 2 {
		t.Errorf("numbers %+v", now.Numbers)
	}

	// It stays in use when it is too old, and says so.
	if st := now.StateAt(day0.Add(60 * days)); !st.Expired || st.AgeDays != 58 {
		t.Errorf("state after 60 days: %+v", st)
	}
	if now.ExpiresRole != "timestamp" && now.ExpiresRole != "snapshot" {
		t.Errorf("first to expire is %s", now.ExpiresRole)
	}
}

func (s *site) install(bundle []byte, t Trust) *Release {
	s.t.Helper()
	rel, err := s.try(bundle, t)
	if err != nil {
		s.t.Fatal(err)
	}
	return rel
}

func (s *site) try(bundle []byte, t Trust) (*Release, error) {
	trust, err := s.Trust(s.root, t.Held, t.At)
	if err != nil {
		return nil, err
	}
	rel, err := Read(bytes.NewReader(bundle), DefaultLimits(), trust)
	if err != nil {
		return nil, err
	}
	if _, err := rel.Open(); err != nil {
		return nil, err
	}
	return rel, s.Install(rel, trust)
}
