package radiokey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/rf/privacy"
)

var errCrash = errors.New("crashed on purpose")

// faulty crashes at the step of a number: nothing after it happens.
type faulty struct {
	*storetest.Memory
	folder
	left int    // steps until the crash; negative: none
	how  string // before, half, after: how much of the step took effect
	dead bool
	done []string
}

func (f *faulty) step(what string, whole, half func() error) error {
	if f.dead {
		return errCrash
	}
	f.done = append(f.done, what)
	if f.left--; f.left != -1 {
		return whole()
	}
	f.dead = true
	switch f.how {
	case "half":
		_ = half()
	case "after":
		_ = whole()
	}
	return errCrash
}

func (f *faulty) create(name string, data []byte) error {
	return f.step("create", func() error { return f.folder.create(name, data) }, func() error { return f.folder.create(name, data[:len(data)/2]) })
}

func (f *faulty) destroy(name string) error {
	return f.step("destroy", func() error { return f.folder.destroy(name) }, func() error {
		path := filepath.Join(string(f.folder), name)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, make([]byte, info.Size()), 0o600)
	})
}

func nothing() error { return nil }

func (f *faulty) RecordRadioKey(ctx context.Context, s gate.RadioKeyStep) error {
	return f.step("record "+s.Kind, func() error { return f.Memory.RecordRadioKey(ctx, s) }, nothing)
}

func (f *faulty) EraseRadioSets(ctx context.Context, which gate.RadioSetFilter, at time.Time, why string) (n int, err error) {
	err = f.step("erase", func() (err error) { n, err = f.Memory.EraseRadioSets(ctx, which, at, why); return err }, nothing)
	return n, err
}

// yard is a site whose time and faults a test chooses.
type yard struct {
	*faulty
	t     *testing.T
	at    time.Time
	days  int
	visit int
}

func newYard(t *testing.T) *yard {
	t.Helper()
	return &yard{faulty: &faulty{Memory: storetest.NewMemory(), folder: folder(t.TempDir()), left: -1}, t: t, at: storetest.Noon.UTC(), days: 30}
}

func (y *yard) config() Config {
	return Config{
		Store: y.faulty, disk: y.faulty, Days: y.days, Now: func() time.Time { return y.at },
		Keeps: func(o *rf.Observation) (privacy.Class, bool) { return privacy.ClassOf(o), o.Kind == rf.BLE },
	}
}

func (y *yard) open() *Ring {
	y.t.Helper()
	r, err := Open(y.t.Context(), y.config())
	if err != nil {
		y.t.Fatal(err)
	}
	return r
}

func (y *yard) look(r *Ring) {
	y.t.Helper()
	if err := r.Look(y.t.Context()); err != nil {
		y.t.Fatal(err)
	}
}

func emitter(n int) rf.Observation {
	return rf.Observation{Kind: rf.BLE, Address: rf.Static, Emitter: fmt.Sprintf("c2:00:00:00:00:%02x", n)}
}

// keep has a vehicle visit with some emitters, and keeps its set.
func (y *yard) keep(r *Ring, emitters ...int) gate.PassageID {
	y.t.Helper()
	y.visit++
	p := storetest.Sample(y.visit, policy.Flag)
	p.Result.VIN = "5YJXCAE4XMF000001"
	p.At = y.at
	if err := y.Record(y.t.Context(), p); err != nil {
		y.t.Fatal(err)
	}
	set := gate.RadioSet{VIN: p.Result.VIN, Passage: p.ID, At: y.at}
	for _, n := range emitters {
		tag, _ := r.Tag(emitter(n))
		set.Tags = append(set.Tags, tag)
	}
	if err := r.KeepRadioSet(y.t.Context(), set); err != nil {
		y.t.Fatal(err)
	}
	return p.ID
}

// known is on how many visits each emitter is known to have been with the
// vehicle.
func (y *yard) known(r *Ring, emitters ...int) (visits []int) {
	y.t.Helper()
	m, err := r.RadioSet(y.t.Context(), "5YJXCAE4XMF000001", y.at.Add(time.Hour))
	if err != nil {
		y.t.Fatal(err)
	}
	for _, n := range emitters {
		tag, before := r.Tag(emitter(n))
		visits = append(visits, m[tag]+m[before])
	}
	return visits
}

// whole wants log, files and sets to agree: what the log calls live has its one
// file, nothing else has, every set has its key, and no key or number was used
// twice.
func (y *yard) whole() (live []int) {
	y.t.Helper()
	steps, err := y.RadioKeys(y.t.Context())
	if err != nil {
		y.t.Fatal(err)
	}
	made, keys := map[int]string{}, map[string]int{}
	state := map[int]bool{}
	last := 0
	for _, s := range steps {
		switch s.Kind {
		case gate.RadioKeyMade:
			if s.Epoch <= last {
				y.t.Errorf("epoch %d after %d", s.Epoch, last)
			}
			last = s.Epoch
			if other, twice := keys[s.Commitment]; twice {
				y.t.Errorf("epochs %d and %d have one key", other, s.Epoch)
			}
			made[s.Epoch], keys[s.Commitment], state[s.Epoch] = s.Commitment, s.Epoch, true
		case gate.RadioKeyDestroyed:
			if !state[s.Epoch] || made[s.Epoch] != s.Commitment {
				y.t.Errorf("destroyed %+v", s)
			}
			delete(state, s.Epoch)
		}
	}
	names, err := y.folder.list()
	if err != nil {
		y.t.Fatal(err)
	}
	live = slices.Sorted(maps.Keys(state))
	var files []int
	for _, name := range names {
		e, _ := epochOf(name)
		data, err := y.folder.read(name)
		if err != nil {
			y.t.Fatal(err)
		}
		k, ok := decodeKey(e, data)
		if !ok || k.Commitment() != made[e] {
			y.t.Errorf("the file of epoch %d holds another key", e)
		}
		files = append(files, e)
	}
	slices.Sort(files)
	if !slices.Equal(files, live) {
		y.t.Errorf("files of epochs %v, but live by the log are %v", files, live)
	}
	sets, err := y.RadioSetsOf(y.t.Context(), "", "")
	if err != nil {
		y.t.Fatal(err)
	}
	for _, s := range sets {
		if !state[s.Epoch] {
			y.t.Errorf("a set of epoch %d is left without its key", s.Epoch)
		}
	}
	if rep, err := y.Memory.Verify(y.t.Context()); err != nil || !rep.Clean() {
		y.t.Errorf("the log does not fit: %+v, %v", rep.Misfits, err)
	}
	return live
}

func TestEpochs(t *testing.T) {
	y := newYard(t)
	r := y.open()
	if live := y.whole(); !slices.Equal(live, []int{1}) {
		t.Fatalf("live %v", live)
	}
	y.keep(r, 1, 2)
	y.at = y.at.AddDate(0, 0, 29)
	y.look(r)
	y.keep(r, 1)
	if got := y.known(r, 1, 2, 3); !slices.Equal(got, []int{2, 1, 0}) {
		t.Errorf("known %v", got)
	}
	oldTag, _ := r.Tag(emitter(1))
	y.at = y.at.AddDate(0, 0, 1)
	y.look(r)
	if live := y.whole(); !slices.Equal(live, []int{1, 2}) {
		t.Fatalf("live %v", live)
	}
	if tag, before := r.Tag(emitter(1)); before != oldTag || tag == oldTag || tag == 0 {
		t.Errorf("tags %x and %x, was %x", tag, before, oldTag)
	}
	// What was kept before is still known, and a visit now is kept under the
	// new key; a tag from before the change is left out.
	p := y.keep(r, 1)
	if got := y.known(r, 1, 2); !slices.Equal(got, []int{3, 1}) {
		t.Errorf("known %v", got)
	}
	sets, err := y.RadioSetsOf(t.Context(), "", "")
	if err != nil || sets[0].Passage != p || sets[0].Epoch != 2 {
		t.Fatalf("%+v, %v", sets, err)
	}
	y.visit++
	late := storetest.Sample(y.visit, policy.Flag)
	if err := y.Record(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if err := r.KeepRadioSet(t.Context(), gate.RadioSet{Passage: late.ID, At: y.at, Tags: []uint64{oldTag}}); err != nil {
		t.Fatal(err)
	}
	if again, err := y.RadioSetsOf(t.Context(), "", ""); err != nil || len(again) != len(sets) {
		t.Errorf("a tag of the old key was kept: %+v, %v", again, err)
	}
	// The second change takes the first key, and what was kept under it.
	y.at = y.at.AddDate(0, 0, 30)
	y.look(r)
	if live := y.whole(); !slices.Equal(live, []int{2, 3}) {
		t.Fatalf("live %v", live)
	}
	if got := y.known(r, 1, 2); !slices.Equal(got, []int{1, 0}) {
		t.Errorf("known %v", got)
	}
	// The same after the program began anew, and for a site that was off long.
	if r = y.open(); !slices.Equal(y.known(r, 1, 2), []int{1, 0}) {
		t.Errorf("known %v", y.known(r, 1, 2))
	}
	y.at = y.at.AddDate(1, 0, 0)
	r = y.open()
	if live := y.whole(); !slices.Equal(live, []int{4}) || !slices.Equal(y.known(r, 1), []int{0}) {
		t.Errorf("live %v, known %v", live, y.known(r, 1))
	}
}

func TestTagOnlyOfWhatMayBeKept(t *testing.T) {
	r := newYard(t).open()
	if tag, before := r.Tag(rf.Observation{Kind: rf.TPMS, Emitter: "aabbccdd"}); tag != 0 || before != 0 {
		t.Errorf("%x, %x", tag, before)
	}
	if tag, before := r.Tag(emitter(1)); tag == 0 || before != 0 {
		t.Errorf("%x, %x", tag, before)
	}
}

// TestManyTags: of a bus full of telephones no more is kept than a set holds.
func TestManyTags(t *testing.T) {
	y := newYard(t)
	r := y.open()
	all := make([]int, 3*gate.MaxRadioSet)
	for i := range all {
		all[i] = i
	}
	y.keep(r, all...)
	sets, err := y.RadioSetsOf(t.Context(), "", "")
	if err != nil || len(sets) != 1 || len(sets[0].Tags) != gate.MaxRadioSet {
		t.Errorf("%+v, %v", sets, err)
	}
}

// TestClock: an epoch ends forward only, whatever the clock does.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		name  string
		looks []int // days from the beginning at which is looked, one look each
		live  []int // afterwards
	}{
		{"runs on", []int{1, 2, 29}, []int{1}},
		{"a little behind", []int{0, 0, 0}, []int{1}},
		{"dead battery at the start, set right within the day", append(slices.Repeat([]int{-20000}, believeAfter-1), 1), []int{1}},
		{"back by two months for an hour, many times", slices.Concat(slices.Repeat([]int{-60, 1}, 30), []int{2}), []int{1}},
		{"leaps ahead, and is set right", append([]int{5000}, slices.Repeat([]int{1}, believeAfter-1)...), []int{2}},
		{"leaps ahead, is set right, and stays", append([]int{5000}, slices.Repeat([]int{1}, believeAfter)...), []int{2, 3}},
		{"leaps ahead, is set right, and the next epoch ends in its time", slices.Concat([]int{5000}, slices.Repeat([]int{1}, believeAfter), []int{31}), []int{3, 4}},
		{"to and fro across the end of the epoch", []int{31, 29, 31, 29, 31}, []int{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newYard(t)
			r := y.open()
			begun := y.at
			for _, d := range c.looks {
				y.at = begun.AddDate(0, 0, d)
				y.look(r)
				live := y.whole()
				if in := r.using.Load(); in.now.epoch != slices.Max(live) {
					t.Fatalf("epoch %d in use, the last one is %d", in.now.epoch, slices.Max(live))
				}
			}
			if live := y.whole(); !slices.Equal(live, c.live) {
				t.Errorf("live %v, want %v", live, c.live)
			}
		})
	}
}

// TestFaults crashes at every step of every change, before, in the midst of and
// after its effect, and wants the next start to leave everything whole.
func TestFaults(t *testing.T) {
	scenes := []struct {
		name string
		make func(y *yard)       // what was before
		run  func(y *yard) error // what crashes
		want []int               // live once it was finished
	}{
		{"first key", func(*yard) {}, func(y *yard) error { _, err := Open(y.t.Context(), y.config()); return err }, nil},
		{"second key", func(y *yard) { y.keep(y.open(), 1); y.at = y.at.AddDate(0, 0, 30) },
			func(y *yard) error { _, err := Open(y.t.Context(), y.config()); return err }, nil},
		{"third key, the first goes", func(y *yard) {
			y.keep(y.open(), 1)
			y.at = y.at.AddDate(0, 0, 30)
			y.keep(y.open(), 1)
			y.at = y.at.AddDate(0, 0, 30)
		}, func(y *yard) error { _, err := Open(y.t.Context(), y.config()); return err }, nil},
		{"the present key is lost", func(y *yard) {
			y.keep(y.open(), 1)
			y.at = y.at.AddDate(0, 0, 30)
			y.keep(y.open(), 1)
			_ = os.Remove(filepath.Join(string(y.folder), fileName(2)))
		}, func(y *yard) error { _, err := Open(y.t.Context(), y.config()); return err }, nil},
		{"a file of an old key came back", func(y *yard) {
			y.keep(y.open(), 1)
			old, _ := y.folder.read(fileName(1))
			for range 2 {
				y.at = y.at.AddDate(0, 0, 30)
				y.keep(y.open(), 1)
			}
			_ = y.folder.create(fileName(1), old)
		}, func(y *yard) error { _, err := Open(y.t.Context(), y.config()); return err }, nil},
		{"nothing may be kept any more", func(y *yard) {
			y.keep(y.open(), 1)
			y.at = y.at.AddDate(0, 0, 30)
			y.keep(y.open(), 1)
		}, func(y *yard) error { return Retire(y.t.Context(), y.config(), "no assessment") }, []int{}},
	}
	crashes := 0
	for _, scene := range scenes {
		for _, how := range []string{"before", "half", "after"} {
			for at := 0; ; at++ {
				y := newYard(t)
				scene.make(y)
				y.left, y.how, y.done = at, how, nil
				err := scene.run(y)
				crashed := y.dead
				if !crashed && err != nil {
					t.Fatalf("%s: %v", scene.name, err)
				}
				if crashed && !errors.Is(err, errCrash) {
					t.Errorf("%s, %s step %d (%v): the caller was told %v", scene.name, how, at, y.done, err)
				}
				y.left, y.dead = -1, false
				if crashed {
					crashes++
					if err := scene.run(y); err != nil {
						t.Fatalf("%s, %s step %d (%v): the next start: %v", scene.name, how, at, y.done, err)
					}
				}
				live := y.whole()
				if scene.want != nil && !slices.Equal(live, scene.want) {
					t.Errorf("%s, %s step %d: live %v", scene.name, how, at, live)
				}
				if scene.want == nil {
					// It works on, and what it keeps can be erased.
					r := y.open()
					y.keep(r, 7)
					if got := y.known(r, 7); got[0] != 1 {
						t.Errorf("%s, %s step %d: known %v", scene.name, how, at, got)
					}
					if err := Retire(t.Context(), y.config(), "the end"); err != nil {
						t.Fatal(err)
					}
					if live := y.whole(); len(live) != 0 {
						t.Errorf("%s, %s step %d: live at the end %v", scene.name, how, at, live)
					}
					if sets, err := y.RadioSetsOf(t.Context(), "", ""); err != nil || len(sets) != 0 {
						t.Errorf("%s, %s step %d: sets at the end %+v, %v", scene.name, how, at, sets, err)
					}
				}
				if !crashed {
					t.Logf("%s: %v", scene.name, y.done[:min(len(y.done), at)])
					break
				}
			}
		}
	}
	if crashes < 30 {
		t.Errorf("only %d crashes: the table is not walked", crashes)
	}
}

// TestRotationIsInTheLog: each key made and destroyed is an entry, with its
// number and commitment, and the key itself stands nowhere but in its file.
func TestRotationIsInTheLog(t *testing.T) {
	y := newYard(t)
	y.open()
	file, err := y.folder.read(fileName(1))
	if err != nil {
		t.Fatal(err)
	}
	k, _ := decodeKey(1, file)
	for range 2 {
		y.at = y.at.AddDate(0, 0, 30)
		y.open()
	}
	entries, err := y.Entries(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range entries {
		if strings.Contains(string(e.Data), `"kind":"radio_key"`) {
			told = append(told, string(e.Data))
		}
		if strings.Contains(string(e.Data), fmt.Sprintf("%x", k[:8])) {
			t.Errorf("the log holds the key: %s", e.Data)
		}
	}
	if len(told) != 4 || !strings.Contains(told[0], k.Commitment()) || !strings.Contains(told[3], "destroyed") || !strings.Contains(told[3], k.Commitment()) {
		t.Errorf("the log tells\n%s", strings.Join(told, "\n"))
	}
	if _, err := os.Stat(filepath.Join(string(y.folder), fileName(1))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of the destroyed key: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for _, days := range []int{0, -1, MaxDays + 1} {
		y := newYard(t)
		y.days = days
		if _, err := Open(t.Context(), y.config()); err == nil || !strings.Contains(err.Error(), fmt.Sprint(days)) {
			t.Errorf("%d days: %v", days, err)
		}
	}
	y := newYard(t)
	y.open()
	path := filepath.Join(string(y.folder), fileName(1))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), y.config()); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

func TestFiles(t *testing.T) {
	d := folder(t.TempDir())
	k := privacy.Key{1, 2, 3}
	for _, c := range []struct {
		name  string
		epoch int
		ours  bool
	}{{"radio-1.key", 1, true}, {"radio-12.key", 12, true}, {"radio-01.key", 0, false}, {"radio-0.key", 0, false}, {"radio--1.key", 0, false}, {"radio-1.key~", 0, false}, {"device.key", 0, false}, {"radio-.key", 0, false}} {
		if n, ours := epochOf(c.name); ours != c.ours || ours && n != c.epoch {
			t.Errorf("%s: %d %t", c.name, n, ours)
		}
	}
	if err := d.create(fileName(3), encodeKey(3, &k)); err != nil {
		t.Fatal(err)
	}
	if err := d.create(fileName(3), encodeKey(3, &k)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	data, err := d.read(fileName(3))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := decodeKey(3, data); !ok || got != k {
		t.Errorf("%v %t", got, ok)
	}
	if _, ok := decodeKey(4, data); ok {
		t.Error("the file of another epoch was taken")
	}
	for range 2 {
		if err := d.destroy(fileName(3)); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := d.list(); err != nil || !reflect.DeepEqual(names, []string(nil)) {
		t.Errorf("%v, %v", names, err)
	}
}
