package refdata

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

func TestKeyRotation(t *testing.T) {
	c := newCouncil(t)
	old := c.agreement(Advice, "pl", "de", "us")
	v1 := c.release(old, day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	root := v1.Files[rootName(1)]
	s := newSite(t, root)
	s.install(c.pack(v1), Trust{At: day0})

	// us gives its key back; fr takes its place.
	now := c.agreement(Advice, "pl", "de", "fr")
	draft := c.repo.clone()
	_, err := draft.Draft(now, small(t, "2026-11-02", row("V1", "Quectel")), nil, day0.Add(days))
	c.ok(err)

	t.Run("the new root needs the old quorum", func(t *testing.T) {
		// pl is in both; of the old ones de is missing.
		r := draft.clone()
		c.sign(r, "pl", "fr")
		_, err := s.try(c.pack(r), Trust{At: day0.Add(days)})
		if ClassOf(err) != UnknownKey && ClassOf(err) != FewSignatures || !strings.Contains(err.Error(), "root 2 (by the keys of root 1)") {
			t.Errorf("%v", err)
		}
	})
	t.Run("the new root needs its own quorum", func(t *testing.T) {
		r := draft.clone()
		c.sign(r, "pl", "us")
		_, err := s.try(c.pack(r), Trust{At: day0.Add(days)})
		if ClassOf(err) != UnknownKey || !strings.Contains(err.Error(), "root 2 (by its own keys)") {
			t.Errorf("%v", err)
		}
	})
	c.repo = draft.clone()
	c.sign(c.repo, "pl", "de", "us")
	v2 := c.repo.clone()
	s.install(c.pack(v2), Trust{At: day0.Add(days)})

	t.Run("a key that was given back signs nothing any more", func(t *testing.T) {
		_, err := c.repo.Draft(now, small(t, "2026-11-03", row("V1", "u-blox")), nil, day0.Add(2*days))
		c.ok(err)
		r := c.repo.clone()
		c.sign(r, "pl")
		for _, n := range []string{"timestamp", "snapshot"} {
			forceSign(c, r, metadataDir+n+".json", "us")
		}
		_, err = s.try(c.pack(r), Trust{At: day0.Add(2 * days)})
		if ClassOf(err) != UnknownKey || !strings.Contains(err.Error(), "one of us, which may not sign it") {
			t.Errorf("%v", err)
		}
		c.sign(c.repo, "de", "fr")
		v3 := c.repo.clone()
		s.install(c.pack(v3), Trust{At: day0.Add(2 * days)})
	})
	t.Run("the old release is refused after the rotation", func(t *testing.T) {
		_, err := s.try(c.pack(v1), Trust{At: day0.Add(2 * days)})
		if ClassOf(err) != Rollback || !strings.Contains(err.Error(), "root 2 is trusted here already") {
			t.Errorf("%v", err)
		}
	})
	t.Run("and may still be compared", func(t *testing.T) {
		trust, err := s.Trust(root, Numbers{}, day0)
		c.ok(err)
		if rel, err := v1.Check(trust); err != nil || rel.Root != 1 {
			t.Error(err)
		}
	})
	t.Run("a bundle without the newest root is refused", func(t *testing.T) {
		r := c.repo.clone()
		delete(r.Files, rootName(2))
		if _, err := s.try(c.pack(r), Trust{At: day0.Add(2 * days)}); ClassOf(err) != Rollback {
			t.Errorf("%v", err)
		}
	})
	t.Run("older targets under a new snapshot, signed by all, are refused", func(t *testing.T) {
		r := c.repo.clone()
		_, err := r.Draft(now, nil, nil, day0.Add(2*days))
		c.ok(err)
		c.sign(r, "de", "fr")
		r.Files[metadataDir+"targets.json"] = v1.Files[metadataDir+"targets.json"]
		resnap(c, r, "targets", "de", "fr")
		if _, err := s.try(c.pack(r), Trust{At: day0.Add(2 * days)}); ClassOf(err) != Rollback || !strings.Contains(err.Error(), "targets metadata of the bundle is number 1; 2 is held") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a new site with the first root walks to the newest", func(t *testing.T) {
		rel := newSite(t, root).install(c.pack(c.repo), Trust{At: day0.Add(3 * days)})
		if rel.Root != 2 || rel.Release != 3 {
			t.Errorf("%+v", rel.Numbers)
		}
	})
	t.Run("a new site with the newest root takes it too", func(t *testing.T) {
		newSite(t, c.repo.Files[rootName(2)]).install(c.pack(c.repo), Trust{At: day0.Add(3 * days)})
	})
	t.Run("a new site with the first root needs every step", func(t *testing.T) {
		r := c.repo.clone()
		delete(r.Files, rootName(2))
		r.Files[rootName(3)] = c.repo.Files[rootName(2)]
		if _, err := newSite(t, root).try(c.pack(r), Trust{At: day0.Add(3 * days)}); ClassOf(err) != Missing {
			t.Errorf("%v", err)
		}
	})
	t.Run("the site with its own roots needs no first root in the bundle", func(t *testing.T) {
		r := c.repo.clone()
		delete(r.Files, rootName(1))
		_, err := r.Draft(now, nil, nil, day0.Add(3*days))
		c.ok(err)
		c.sign(r, "de", "fr")
		s.install(c.pack(r), Trust{At: day0.Add(3 * days)})
		if _, err := s.Load(root); err != nil {
			t.Error(err)
		}
	})
}

// TestTamperedStore holds that installed files are verified at every start.
func TestTamperedStore(t *testing.T) {
	c := newCouncil(t)
	v1 := c.release(c.agreement(Advice, "pl", "de", "us"), day0, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	root := v1.Files[rootName(1)]
	for name, want := range map[string]Class{
		targetsDir + "catalogue/catalogue.json": BadHash,
		metadataDir + "timestamp.json":          BadSignature,
		heldFile:                                Damaged,
	} {
		s := newSite(t, root)
		s.install(c.pack(v1), Trust{At: day0})
		tamper(t, s, name)
		if _, err := s.Load(root); ClassOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newSite(t, root)
	s.install(c.pack(v1), Trust{At: day0})
	other := newCouncil(t)
	foreign := other.release(other.agreement(Advice, "pl", "de", "us"), day0, small(t, "2026-11-01"), "pl", "de")
	if _, err := s.Load(foreign.Files[rootName(1)]); ClassOf(err) != Mixed {
		t.Errorf("under another root: %v", err)
	}
}

// fromFiles hands go-tuf's updater the files of a repository.
type fromFiles Files

func (f fromFiles) DownloadFile(address string, _ int64, _ time.Duration) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if b, ok := f[strings.TrimPrefix(u.Path, "/")]; ok {
		return b, nil
	}
	return nil, &metadata.ErrDownloadHTTP{StatusCode: http.StatusNotFound, URL: address}
}

// TestAnyTUFClientReadsIt holds that a release is a TUF repository like any
// other: go-tuf's own updater, which knows nothing of ours, follows it over a
// rotation to the same bytes.
func TestAnyTUFClientReadsIt(t *testing.T) {
	c := newCouncil(t)
	at := time.Now().UTC() // the updater asks the clock
	v1 := c.release(c.agreement(Advice, "pl", "de", "us"), at, small(t, "2026-11-01", row("V1", "Telit")), "pl", "de")
	c.release(c.agreement(Advice, "pl", "de", "fr"), at, small(t, "2026-11-02", row("V1", "Quectel")), "pl", "de")
	cfg, err := config.New("http://stick/metadata", v1.Files[rootName(1)])
	c.ok(err)
	cfg.DisableLocalCache = true
	cfg.PrefixTargetsWithHash = false
	cfg.RemoteTargetsURL = "http://stick/targets"
	cfg.Fetcher = fromFiles(c.repo.Files)
	up, err := updater.New(cfg)
	c.ok(err)
	c.ok(up.Refresh())
	for _, path := range []string{"catalogue/catalogue.json", "supply/supply.json", "rf/prefixes.tsv"} {
		info, err := up.GetTargetInfo(path)
		c.ok(err)
		_, got, err := up.DownloadTarget(info, "", "")
		c.ok(err)
		if diff := cmp.Diff(c.repo.Files[targetsDir+path], got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}
