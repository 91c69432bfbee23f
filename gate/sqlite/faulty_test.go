package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/sqlite/faulty"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// brokenYard is one lane over a database on a disk that can be broken.
type brokenYard struct {
	dir    string
	disk   *faulty.Disk
	store  *sqlite.Store
	c      *gate.Controller
	raised []gate.PassageID // by the lane's goroutine, or while it waits for the arm
	// raising is called while the arm moves; it may be nil.
	raising func()
	stop    func()
}

// Raise commands the arm (gate.Arm).
func (y *brokenYard) Raise(_ context.Context, id gate.PassageID) error {
	y.raised = append(y.raised, id)
	if y.raising != nil {
		y.raising()
	}
	return nil
}

func newBrokenYard(t *testing.T, auto bool) *brokenYard {
	t.Helper()
	y := &brokenYard{dir: t.TempDir()}
	var err error
	if y.disk, err = faulty.New(y.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Init(t.Context(), y.dir, "test", storetest.Noon.AddDate(-1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	y.store = open(t, y.dir)
	y.c, err = gate.NewController(gate.Config{
		Store: y.store, Registry: y.store, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Assessor: gate.AssessorFunc(func(r gate.Request) gate.Assessment {
			return gate.Assessment{VIN: r.VIN, Verdict: policy.Verdict{Outcome: policy.Grant, Hash: "x"}}
		}),
		Lanes: []gate.LaneConfig{{ID: "north", Arm: y, AutoOpen: auto, StoreTimeout: 400 * time.Millisecond,
			RetryAfter: time.Hour}}, // records are tried again at the next arrival
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- y.c.Run(ctx) }()
	y.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	y.await(t, func(v gate.LaneView) bool { return v.State == gate.Idle })
	return y
}

// await waits for a state of the lane.
func (y *brokenYard) await(t *testing.T, want func(gate.LaneView) bool) gate.LaneView {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	views, err := y.c.Subscribe(ctx, "north")
	if err != nil {
		t.Fatal(err)
	}
	var last gate.LaneView
	for v := range views {
		if last = v; want(v) {
			return v
		}
	}
	t.Fatalf("the lane stays %s, notice %q", last.State, last.Notice)
	return last
}

// copySite copies the files of a site as a power cut would leave them, without
// the index of the write-ahead log, which lives in memory.
func copySite(t testing.TB, from string) (to string) {
	t.Helper()
	to = t.TempDir()
	for _, name := range []string{"site.db", "site.db-wal", "log.key", "log.pub", "log.heads"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestDiskFaultTable breaks the disk under the real store at every step of the
// path to the barrier. At once the lane is in manual procedure and the arm is
// not commanded for what could not be recorded; what a power cut at that moment
// would leave fits its log; and when the disk works again the lane does, with
// nothing lost that had been acknowledged.
func TestDiskFaultTable(t *testing.T) {
	const (
		record, act, outcome = "record", "act", "outcome"
		auto                 = "record, opening by itself"
	)
	for _, f := range []struct {
		name  string
		fault faulty.Fault
		// persisted says whether what was answered with an error is there after a
		// power cut at that moment.
		persisted bool
	}{
		{"disk full", faulty.Fault{Op: faulty.Write, File: faulty.WAL, Code: faulty.Full}, false},
		{"disk full amid the transaction", faulty.Fault{Op: faulty.Write, File: faulty.WAL, Code: faulty.Full, After: 3}, false},
		{"I/O error on write", faulty.Fault{Op: faulty.Write, Code: faulty.IOErrWrite}, false},
		{"I/O error on a write that is done", faulty.Fault{Op: faulty.Write, Code: faulty.IOErrWrite, After: 1, Effect: true}, false},
		{"I/O error on fsync", faulty.Fault{Op: faulty.Sync, Code: faulty.IOErrFsync}, true},
		{"I/O error on an fsync that is done", faulty.Fault{Op: faulty.Sync, Code: faulty.IOErrFsync, Effect: true}, true},
		{"read-only", faulty.Fault{Op: faulty.Write | faulty.Truncate, Code: faulty.ReadOnly}, false},
		{"locked", faulty.Fault{}, false},
	} {
		for _, step := range []string{record, auto, act, outcome} {
			t.Run(f.name+": "+step, func(t *testing.T) {
				y := newBrokenYard(t, step == auto)
				defer func() { y.stop() }()
				heal := func() {
					if n := y.disk.Heal(); n == 0 {
						t.Error("nothing failed: the test proved nothing")
					}
				}
				hurt := func() { y.disk.Break(f.fault) }
				if f.fault.Code == 0 {
					db := intruder(t, y.dir)
					exec := func(s string) {
						if _, err := db.Exec(s); err != nil {
							t.Error(err)
						}
					}
					hurt, heal = func() { exec("BEGIN IMMEDIATE") }, func() { exec("ROLLBACK") }
				}
				present := func(vin string) (gate.PassageID, error) {
					return y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: vin})
				}
				lets := func(id gate.PassageID) error {
					return y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: id, By: "anna"})
				}

				if step == record || step == auto {
					hurt()
				}
				id, err := present("V1")
				if broke := step == record || step == auto; broke != errors.Is(err, gate.ErrManual) || !broke && err != nil {
					t.Fatalf("arrival: %v", err)
				}
				if err == nil {
					if step == act {
						hurt()
					} else {
						y.raising = hurt
					}
					if err := lets(id); (step == act) != errors.Is(err, gate.ErrManual) || step != act && err != nil {
						t.Fatalf("act: %v", err)
					}
				}
				v := y.await(t, func(v gate.LaneView) bool { return v.State == gate.Manual })
				if v.Notice != gate.NoticeStorage || len(v.Allowed) > 0 && slices.Contains(v.Allowed, gate.ActOpen) {
					t.Errorf("notice %q, allowed %v", v.Notice, v.Allowed)
				}
				raised := 0
				if step == outcome {
					raised = 1
				}
				if len(y.raised) != raised {
					t.Errorf("the arm was commanded for %v", y.raised)
				}

				// The power goes now.
				cut := open(t, copySite(t, y.dir))
				verified(t, cut)
				list, err := cut.Passages(t.Context(), gate.PassageFilter{Limit: 10})
				if err != nil {
					t.Fatal(err)
				}
				there := 0
				if step == act || step == outcome || f.persisted {
					there = 1
				}
				if len(list) != there {
					t.Fatalf("after a power cut %d passages, want %d", len(list), there)
				}
				if there == 1 {
					rec, err := cut.Passage(t.Context(), list[0].ID)
					if err != nil {
						t.Fatal(err)
					}
					if got, want := len(rec.Acts), step == outcome || step == act && f.persisted; (got == 1) != want {
						t.Errorf("after a power cut %d acts, want any: %v", got, want)
					}
					if got, want := rec.Outcome != nil, step == outcome && f.persisted; got != want {
						t.Errorf("after a power cut the outcome is there: %v, want %v", got, want)
					}
					for _, r := range y.raised {
						if r != list[0].ID || len(rec.Acts) == 0 {
							t.Errorf("the arm was commanded for %s, which has no act on record", r)
						}
					}
				}

				// Or it does not, and the disk works again.
				if again, err := present("V2"); !errors.Is(err, gate.ErrManual) {
					t.Errorf("while the disk is broken %s is answered with %v", again, err)
				}
				y.raising = nil
				heal()
				two, err := present("V3")
				if err != nil {
					t.Fatalf("with a whole disk: %v", err)
				}
				if step != auto {
					if err := lets(two); err != nil {
						t.Fatal(err)
					}
				}
				y.await(t, func(v gate.LaneView) bool { return v.State == gate.Idle || v.LastEnd == gate.EndAdmitted })
				y.stop()
				y.stop = func() {}
				verified(t, y.store)
				if want := raised + 1; len(y.raised) != want || y.raised[raised] != two {
					t.Errorf("the arm was commanded for %v", y.raised)
				}
				rec, err := y.store.Passage(t.Context(), two)
				if err != nil || len(rec.Acts) != 1 || rec.Outcome == nil || rec.Outcome.Ending != gate.EndAdmitted {
					t.Errorf("the next vehicle: %+v, %v", rec, err)
				}
				if step == act || step == outcome {
					want := gate.EndUnknown
					if step == outcome {
						want = gate.EndAdmitted
					}
					rec, err := y.store.Passage(t.Context(), id)
					if err != nil || rec.Outcome == nil || rec.Outcome.Ending != want {
						t.Errorf("the vehicle at the line ended as %+v, %v; want %s", rec.Outcome, err, want)
					}
				}
			})
		}
	}
}

// TestDiskFullForReal fills a small file system of its own, and makes it
// larger again.
func TestDiskFullForReal(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("SKIPPED: a file system of one's own needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	site := filepath.Join(dir, "site")
	if _, err := sqlite.Init(t.Context(), site, "test", storetest.Noon.AddDate(-1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	s := open(t, site)
	recorded := 0
	var failed error
	for n := 0; failed == nil && n < 100_000; n++ {
		if failed = s.Record(t.Context(), storetest.Sample(n, policy.Grant)); failed == nil {
			recorded++
		}
	}
	if failed == nil || recorded == 0 {
		t.Fatalf("%d recorded, then %v", recorded, failed)
	}
	t.Logf("%d recorded, then: %v", recorded, failed)
	verified(t, s)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), storetest.Sample(200_000, policy.Grant)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	list, err := s.Passages(t.Context(), gate.PassageFilter{Limit: 1})
	if err != nil || len(list) != 1 || list[0].ID != storetest.Sample(200_000, 0).ID {
		t.Errorf("%+v, %v", list, err)
	}
	if r := verified(t, s); r.Entries != int64(recorded)+2 {
		t.Errorf("%d entries, want %d", r.Entries, recorded+2)
	}
}

// TestReadOnlyForReal starts a site on a file system that may not be written.
func TestReadOnlyForReal(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("SKIPPED: a file system of one's own needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	site := filepath.Join(dir, "site")
	if _, err := sqlite.Init(t.Context(), site, "test", storetest.Noon); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), site)
	if err == nil {
		err = s.RecordEvent(t.Context(), gate.Event{Kind: gate.EventStarted, At: storetest.Noon})
		_ = s.Close()
		if err == nil {
			t.Fatal("recorded on a file system that may not be written")
		}
	}
	t.Logf("read-only: %v", err)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	again := open(t, site)
	if err := again.RecordEvent(t.Context(), gate.Event{Kind: gate.EventStarted, At: storetest.Noon}); err != nil {
		t.Error(err)
	}
	verified(t, again)
}

// TestReadFaults has reads fail: the store says so, and works again with the disk.
func TestReadFaults(t *testing.T) {
	dir := t.TempDir()
	disk, err := faulty.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Init(t.Context(), dir, "test", storetest.Noon); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		s := open(t, dir)
		for i := range 50 {
			if err := s.Record(t.Context(), storetest.Sample(n*50+i, policy.Grant)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for after := 0; after < 40; after += 5 {
		disk.Break(faulty.Fault{Op: faulty.Read, Code: faulty.IOErrRead, After: after, Times: 1})
		s, err := sqlite.Open(t.Context(), dir)
		if err == nil {
			rep, verr := s.Verify(t.Context())
			rerr := s.Record(t.Context(), storetest.Sample(1000+after, policy.Grant))
			hits := disk.Heal()
			if hits == 0 {
				t.Errorf("after %d reads none failed", after)
			}
			if verr == nil && len(rep.Misfits) > 0 {
				t.Errorf("after %d reads: a read that fails is taken for a log that does not fit: %+v", after, rep.Misfits)
			}
			if rerr != nil {
				if err := s.Record(t.Context(), storetest.Sample(2000+after, policy.Grant)); err != nil {
					t.Errorf("after %d reads, with a whole disk: %v", after, err)
				}
			}
			verified(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		} else {
			disk.Heal()
		}
	}
	verified(t, open(t, dir))
}

// TestDamagedPages flips one bit in each page of a database, one page after the
// other: it is never taken for whole by the check that a start makes, and
// whatever still answers holds the passages that it held.
func TestDamagedPages(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	smallLog(t, s)
	actsAndPhotos(t, s)
	for n := range 40 {
		if err := s.Record(t.Context(), storetest.Sample(n, policy.Grant)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "site.db"))
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	found, silent := 0, []string(nil)
	for p := 0; p < len(whole)/page; p += 2 {
		// The header of a page; and its cells, which are filled from its end.
		for _, at := range []int{3, page - 5} {
			if p == 0 && at == 3 {
				at = 103
			}
			to := t.TempDir()
			data := slices.Clone(whole)
			data[p*page+at] ^= 0x10
			if slices.Equal(data, whole) {
				t.Fatal("nothing was changed")
			}
			for _, name := range []string{"log.key", "log.pub", "log.heads"} {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(to, "site.db"), data, 0o600); err != nil {
				t.Fatal(err)
			}
			err := func() error {
				s, err := sqlite.Open(t.Context(), to)
				if err != nil {
					return err
				}
				defer func() { _ = s.Close() }()
				if err := s.CheckPages(t.Context()); err != nil {
					return err
				}
				rep, err := s.Verify(t.Context())
				if err == nil && !rep.Clean() {
					err = errors.New(rep.Misfits[0].What)
				}
				return err
			}()
			if err != nil {
				found++
			} else {
				silent = append(silent, fmt.Sprintf("page %d byte %d", p+1, at))
			}
		}
	}
	t.Logf("%d of %d damaged pages are found; the others hold nothing at that place, or what no record rests on: %s", found, found+len(silent), strings.Join(silent, ", "))
	if found < len(silent)*2 {
		t.Errorf("only %d found, and %d not", found, len(silent))
	}
}

// TestSwappedUnderneath puts another file in place of the database while the
// site runs: nothing more is acknowledged, for it would go into a file that has
// no name. And an older copy that is put back is found by the heads outside.
func TestSwappedUnderneath(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	if err := s.Record(t.Context(), storetest.Sample(1, policy.Grant)); err != nil {
		t.Fatal(err)
	}
	if err := s.Truncate(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := copySite(t, dir)
	if err := s.Record(t.Context(), storetest.Sample(2, policy.Grant)); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepHead(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(old, "site.db"), filepath.Join(dir, "site.db")); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), storetest.Sample(3, policy.Grant)); !errors.Is(err, sqlite.ErrReplaced) {
		t.Errorf("recorded into a file without a name: %v", err)
	}
	if err := s.Close(); err != nil && !errors.Is(err, sqlite.ErrReplaced) {
		t.Logf("close: %v", err)
	}
	for _, leftover := range []string{"site.db-wal", "site.db-shm"} {
		if err := os.Remove(filepath.Join(dir, leftover)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	rep, err := sqlite.Verify(t.Context(), dir, "")
	if err != nil || rep.Clean() {
		t.Errorf("an older copy is taken for the log: %+v, %v", rep.Misfits, err)
	}
}
