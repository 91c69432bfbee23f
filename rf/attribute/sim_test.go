package attribute

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sallyport/rf"
)

// shared finds a folder of the data that lies next to the repository, or skips.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
	path := filepath.Join(append([]string{filepath.Dir(dir), "shared", "data"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, NOTHING CHECKED: %s is missing", path)
	}
	return path
}

type truthFile struct {
	Arrivals []struct {
		Arrival, Lane string
		Stop          time.Time
		Emitters      []struct {
			Emitter string
			Heard   int `json:"heard_at_stop"`
		}
		Cellular []struct {
			Band   string
			Active bool `json:"active_at_stop"`
		}
	}
	Sensors []struct{ ID, Lane string }
}

// recording is one folder of the simulation.
type recording struct {
	truth  truthFile
	events []Event
	obs    []rf.Observation
	lanes  []Lane
}

func record(t testing.TB, dir string, p *rf.Prefixes) *recording {
	t.Helper()
	r := &recording{}
	b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err == nil {
		err = json.Unmarshal(b, &r.truth)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.truth.Sensors {
		n, err := strconv.Atoi(s.Lane[len("lane"):])
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(r.lanes, func(l Lane) bool { return l.ID == s.Lane })
		if i < 0 {
			i = len(r.lanes)
			r.lanes = append(r.lanes, Lane{ID: s.Lane, Place: n})
		}
		if s.ID == s.Lane+"-upstream" {
			r.lanes[i].Upstream = s.ID
		} else {
			r.lanes[i].Stop = s.ID
		}
	}
	lines := func(name string, take func([]byte) error) {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sc := bufio.NewScanner(f)
		if filepath.Ext(name) == ".gz" {
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			sc = bufio.NewScanner(z)
		}
		for sc.Scan() {
			if err := take(sc.Bytes()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := sc.Err(); err != nil {
			t.Fatal(err)
		}
	}
	lines("lane.ndjson", func(b []byte) error {
		var e Event
		err := json.Unmarshal(b, &e)
		r.events = append(r.events, e)
		return err
	})
	lines("observations.ndjson.gz", func(b []byte) error {
		o, err := p.ParseLine(b)
		r.obs = append(r.obs, o)
		return err
	})
	return r
}

func (r *recording) replay(t testing.TB, p *rf.Prefixes, give func(Arrival) error) Stats {
	t.Helper()
	s, err := NewSite(Config{Lanes: r.lanes, KeepAddress: true}, p)
	if err != nil {
		t.Fatal(err)
	}
	replay := NewReplay(s, r.events, give)
	for _, o := range r.obs {
		if err := replay.Observe(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := replay.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Stats()
}

func (r *recording) score(t testing.TB, p *rf.Prefixes) (tallies, Stats) {
	t.Helper()
	var out tallies
	owner := map[string]int{}
	byName := map[string]int{}
	for i, a := range r.truth.Arrivals {
		byName[a.Arrival] = i
		for _, e := range a.Emitters {
			owner[e.Emitter] = i
		}
	}
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for _, o := range r.obs {
		if first[o.Emitter].IsZero() {
			first[o.Emitter] = o.TS
		}
		last[o.Emitter] = o.TS
	}
	stats := r.replay(t, p, func(a Arrival) error {
		x := r.truth.Arrivals[byName[a.Arrival]]
		own, bands := map[string]int{}, map[string]bool{}
		for _, e := range x.Emitters {
			own[e.Emitter] = e.Heard
		}
		for _, c := range x.Cellular {
			bands[c.Band] = c.Active
		}
		score(&out, a, own, bands, func(id string) string {
			i, ok := owner[id]
			if !ok {
				if last[id].Sub(first[id]) > 10*time.Minute {
					return "always there"
				}
				return "of nobody who stood"
			}
			switch y := r.truth.Arrivals[i]; {
			case y.Lane != x.Lane:
				return "the next lane's"
			case y.Stop.Before(x.Stop):
				return "a vehicle before's"
			}
			return "a vehicle behind's"
		})
		return nil
	})
	out.missing = len(r.truth.Arrivals) - out.arrivals
	return out, stats
}

// TestSimulations holds the attribution to what is asked of it.
func TestSimulations(t *testing.T) {
	p := table(t)
	var cell tallies
	for _, x := range []struct {
		name                                            string
		precision, recall, brier, earlyPrecision, early float64
	}{
		{"dev", 0.99, 0.99, 0.02, 0.94, 0.90}, {"single", 0.93, 0.93, 0.02, 0.94, 0.90}, {"hard", 0.97, 0.95, 0.02, 0.94, 0.90},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, stats := record(t, shared(t, "rf", "sim", x.name), p).score(t, p)
			t.Log(&s, s.confusion(), s.reliability())
			cell.add(s)
			if s.missing != 0 || stats.Dropped != 0 {
				t.Errorf("%d arrivals without an answer, %d observations dropped", s.missing, stats.Dropped)
			}
			for _, y := range []struct {
				what       string
				got, least float64
			}{
				{"precision", ratio(s.late.tp, s.late.fp), x.precision}, {"recall", ratio(s.late.tp, s.late.fn), x.recall},
				{"precision at decision", ratio(s.early.tp, s.early.fp), x.earlyPrecision}, {"recall at decision", ratio(s.early.tp, s.early.fn), x.early},
				{"1 − Brier", 1 - s.brier/s.n, 1 - x.brier}, {"1 − calibration error", 1 - s.ece(), 0.95},
			} {
				if y.got < y.least {
					t.Errorf("%s %.4f, want at least %.2f", y.what, y.got, y.least)
				}
			}
		})
	}
	if cell.arrivals > 0 && (ratio(cell.cell.tp, cell.cell.fp) < 0.8 || ratio(cell.cell.tp, cell.cell.fn) < 0.85) {
		t.Errorf("cellular activity over the three together: %v", fmt.Sprint(&cell))
	}
}
