package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy/supply"
)

// stick is a made-up authority that signs releases alone, and what it hands to
// the site.
type stick struct {
	*offline
	repo, root string
	n          int
}

func newStick(t *testing.T) *stick {
	t.Helper()
	s := &stick{offline: &offline{t: t, dir: t.TempDir()}}
	s.must("", "refdata", "keygen", "pl", "--no-passphrase", "--out", s.on("pl"))
	quorum := "sign = [\"pl\"]\nneed = 1\ndays = 300\n"
	s.write(s.on("pl", "agreement.toml"), []byte("[[authority]]\nname = \"pl\"\nkey = \"pl.pub\"\n[root]\n"+quorum+"[policy]\n"+quorum+"[release]\n"+quorum+
		"[[role]]\nname = \"supply\"\nstanding = \"ours\"\nparts = [\"supply\"]\n"+quorum+"[[role]]\nname = \"tac\"\nstanding = \"ours\"\nparts = [\"tac\"]\n"+quorum))
	s.repo = s.on("pl", "repo")
	return s
}

// release signs a graph, changed where change is given, and returns the bundle.
func (s *stick) release(edition string, change func(*supply.File)) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(moduleRoot(s.t), "policy", "supply", "supply.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := supply.ReadFile(b)
	if err != nil {
		s.t.Fatal(err)
	}
	f.Edition = edition
	if change != nil {
		change(f)
	}
	if b, err = json.Marshal(f); err != nil {
		s.t.Fatal(err)
	}
	s.n++
	s.write(s.on("pl", "supply.json"), b)
	s.must("", "refdata", "draft", "--agreement", s.on("pl", "agreement.toml"), "--repo", s.repo, "--put", "supply/supply="+s.on("pl", "supply.json"))
	s.must("", "refdata", "sign", s.repo, "--key", s.on("pl", "pl.key"))
	out := s.on("stick", fmt.Sprintf("release-%d.refdata", s.n))
	s.must("", "refdata", "export", "--repo", s.repo, "--out", out)
	s.root = filepath.Join(s.repo, "metadata", "1.root.json")
	return out
}

// dark is the graph in which who holds the maker of the module in the vehicle
// that waits is no longer known.
func dark(f *supply.File) {
	for i := range f.Parties {
		if f.Parties[i].ID == "quectel" {
			f.Parties[i].Unresolved = "its register was closed"
		}
	}
}

// A bundle reaches a site that runs: it is verified, installed and used at once,
// also for the vehicle that waits, and the log has both. What is refused, or
// cannot be loaded, changes nothing.
func TestInstallReachesARunningSite(t *testing.T) {
	s := newStick(t)
	one := s.release("2026-11-20.one", nil)
	two := s.release("2026-11-21.two", dark)
	whole, err := os.ReadFile(two)
	if err != nil {
		t.Fatal(err)
	}
	cut := s.on("stick", "cut.refdata")
	s.write(cut, whole[:len(whole)/2])
	dir := s.on("site", "data")
	s.must("", "init", "--data", dir, "--site", "krk", "--name", "Kraków", "--refdata-root", s.root)
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	st, err := wireSite(ctx, dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done, up := make(chan error, 1), make(chan string, 1)
	go func() { done <- st.serve(ctx, "127.0.0.1:0", func(base string) { up <- base }) }()
	select {
	case <-up:
	case err := <-done:
		t.Fatal(err)
	}
	lane := gate.LaneID(cfg.Lanes[0].ID)
	views, err := st.controller.Subscribe(ctx, lane)
	if err != nil {
		t.Fatal(err)
	}
	await := func(what string, is func(gate.LaneView) bool) gate.LaneView {
		t.Helper()
		for v := range views {
			if is(v) {
				return v
			}
		}
		t.Fatalf("the lane ended before %s", what)
		return gate.LaneView{}
	}
	const tesla = "5YJXCAE42MF000001"
	if _, err := st.controller.Arrive(ctx, lane, gate.Arrival{VIN: tesla, Via: "keyboard"}); err != nil {
		t.Fatal(err)
	}
	waits := await("the verdict", func(v gate.LaneView) bool { return v.State == gate.Waiting && v.Passage != nil })
	edition := func(v gate.LaneView) string { return v.Passage.Result.Facts.Data.SupplyEdition }
	before := edition(waits)

	// Refused, and not to be read from here: nothing changes.
	held := s.must("", "refdata", "status", "--data", dir)
	s.refused("truncated", "refdata", "install", cut, "--data", dir)
	if now := s.must("", "refdata", "status", "--data", dir); now != held || st.live.Load().held != nil {
		t.Errorf("a refusal changed what is held:\n%s", now)
	}

	out := s.must("", "refdata", "install", one, "--data", dir)
	s.says(out, "release 1 is installed; the running site decides by it from now on", "2026-11-20.one")
	after := await("the vehicle was decided again", func(v gate.LaneView) bool { return v.Passage != nil && edition(v) != before })
	if edition(after) != "2026-11-20.one" || after.Passage.ID != waits.Passage.ID {
		t.Errorf("decided by %s", edition(after))
	}
	s.says(s.must("", "refdata", "install", one, "--data", dir), "release 1 is installed already; nothing was changed")
	// What bears the number that is held and is not that release, is refused.
	s.refused("bad-hash", "refdata", "install", s.tampered(one), "--data", dir)

	s.must("", "refdata", "install", two, "--data", dir)
	after = await("the vehicle was decided by the new graph", func(v gate.LaneView) bool { return v.Passage != nil && edition(v) == "2026-11-21.two" })
	if a := st.learning.Judge().Assess(gate.Request{VIN: tesla, At: time.Now(), Market: "EU"}); a.Facts.Data.SupplyEdition != "2026-11-21.two" {
		t.Errorf("a later vehicle is decided by %s", a.Facts.Data.SupplyEdition)
	}
	if why := fmt.Sprint(after.Passage.Result.Asked); !strings.Contains(why, "its register was closed") {
		t.Errorf("the new graph was not asked: %s", why)
	}
	s.refused("rollback", "refdata", "install", one, "--data", dir)
	found := ""
	for _, d := range st.dataSets() {
		found += d.Name + " " + d.Edition + "\n"
	}
	s.says(found, "Signed release of reference data release 2", "Supply graph and lists 2026-11-21.two")

	rec, err := st.store.Passage(ctx, waits.Passage.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Reassessments); n != 2 || rec.Reassessments[0].Because != "data" || rec.Reassessments[1].Because != "data" {
		t.Errorf("%d reassessments: %+v", n, rec.Reassessments)
	}
	known, err := loggedNumbers(ctx, st.store)
	if err != nil || known.Release != 2 {
		t.Errorf("the log remembers release %d, %v", known.Release, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.says(s.must("", "log", "verify", "--data", dir), "clean")
	s.says(s.must("", "refdata", "status", "--data", dir), "release  2 of")
}

// tampered is a bundle with the metadata of the original and one file exchanged.
func (s *stick) tampered(path string) string {
	s.t.Helper()
	repo, err := refdata.OpenRepo(path)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, b := range repo.Files {
		if strings.HasSuffix(name, "/supply.json") && strings.HasPrefix(name, "targets/") {
			repo.Files[name] = append(b[:len(b):len(b)], ' ')
			repo.Files[name] = repo.Files[name][1:]
		}
	}
	out := s.on("stick", "tampered.refdata")
	if err := repo.SaveBundle(out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// A release that is properly signed and that the running site cannot load
// changes nothing there, and the log says so; one that cannot be made durable
// is not decided by.
func TestInstallThatFailsChangesNothing(t *testing.T) {
	s := newStick(t)
	one := s.release("2026-11-20.one", nil)
	dir := s.on("site", "data")
	s.must("", "init", "--data", dir, "--site", "krk", "--name", "Kraków", "--refdata-root", s.root)
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	st, err := wireSite(t.Context(), dir, cfg, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.store.Close(); err != nil {
			t.Error(err)
		}
	}()
	was, judge := st.live.Load(), st.learning.Judge()
	unchanged := func(what string) {
		t.Helper()
		if st.live.Load() != was || st.learning.Judge() != judge {
			t.Errorf("%s: the site decides by other data", what)
		}
		if now, err := openRefdata(dir, cfg); err != nil || now != nil {
			t.Errorf("%s: %v is installed, %v", what, now, err)
		}
	}
	// The index that site.toml names has gone.
	in := st.runningInstaller()
	st.cfg.VPIC = "gone.idx"
	_, err = in.install(t.Context(), installAsk{Bundle: one})
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") || !strings.Contains(err.Error(), "gone.idx") {
		t.Errorf("loaded without an index: %v", err)
	}
	unchanged("an index that is not there")
	st.cfg.VPIC = ""
	// The directory cannot be written to.
	if err := os.WriteFile(filepath.Join(dir, refdataDir), []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := in.install(t.Context(), installAsk{Bundle: one}); err == nil {
		t.Error("installed into a file")
	}
	if err := os.Remove(filepath.Join(dir, refdataDir)); err != nil {
		t.Fatal(err)
	}
	unchanged("a directory that cannot be written to")
	full := errors.New("disk full")
	if _, err := st.learning.Renew(t.Context(), judge, nil, func() error { return full }); !errors.Is(err, full) {
		t.Errorf("renewed without being durable: %v", err)
	}
	unchanged("an installation that is not durable")
	got, err := in.install(t.Context(), installAsk{Bundle: one})
	if err != nil || !got.Live || got.Release != 1 || st.live.Load() == was {
		t.Errorf("%+v, %v", got, err)
	}
}
