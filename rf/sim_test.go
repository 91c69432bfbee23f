package rf

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
		Stop, Leave   time.Time
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

type laneEvent struct {
	TS                   time.Time
	Lane, Event, Arrival string
}

type score struct {
	Precision, Recall, Brier, CellPrecision, CellRecall float64
	EarlyPrecision, EarlyRecall                         float64
	Arrivals, Missing                                   int
	Sure, SureWrong                                     int // at decision, by the threshold of a claim
	Observed, Dropped                                   uint64
}

// replay runs a simulated site through one attributor a lane, as a site would:
// each lane gets its own sensors and its neighbours' stop sensors.
func replay(t testing.TB, dir string) score {
	var truth truthFile
	b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	p, err := EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	lanes := map[string]*Config{}
	for _, s := range truth.Sensors {
		if lanes[s.Lane] == nil {
			lanes[s.Lane] = &Config{KeepAddress: true}
		}
		for _, o := range truth.Sensors {
			switch up := strings.HasSuffix(o.ID, "upstream"); {
			case s.ID == o.ID && up:
				lanes[s.Lane].Upstream = o.ID
			case s.ID == o.ID:
				lanes[s.Lane].Stop = o.ID
			case s.Lane != o.Lane && !up && strings.HasSuffix(s.ID, "stop"):
				lanes[s.Lane].Neighbours = append(lanes[s.Lane].Neighbours, o.ID)
			}
		}
	}
	as := map[string]*Attributor{}
	for l, c := range lanes {
		as[l] = NewAttributor(*c, p)
	}
	var events []laneEvent
	f, err := os.Open(filepath.Join(dir, "lane.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		var e laneEvent
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	type answer struct{ emitters, cell map[string]float64 }
	late, early := map[string]answer{}, map[string]answer{}
	byPresent := map[string]map[time.Time]string{}
	collect := func(lane, arrival string, into map[string]answer) {
		got := answer{map[string]float64{}, map[string]float64{}}
		for _, x := range as[lane].Attributed() {
			if byPresent[lane][x.Present] != arrival {
				continue
			}
			if x.Kind == Cell {
				got.cell[x.Band] = x.Probability
			} else {
				got.emitters[x.Emitter] = x.Probability
			}
		}
		into[arrival] = got
	}
	type due struct {
		at            time.Time
		lane, arrival string
		early         bool
	}
	var todo []due
	advance := func(now time.Time) {
		rest := todo[:0]
		for _, d := range todo {
			if d.at.After(now) {
				rest = append(rest, d)
				continue
			}
			if !d.early {
				collect(d.lane, d.arrival, late)
			} else if _, done := early[d.arrival]; !done {
				collect(d.lane, d.arrival, early)
			}
		}
		todo = rest
		for len(events) > 0 && !events[0].TS.After(now) {
			e := events[0]
			events = events[1:]
			if byPresent[e.Lane] == nil {
				byPresent[e.Lane] = map[time.Time]string{}
			}
			a := as[e.Lane]
			if e.Event == "vehicle_present" {
				byPresent[e.Lane][e.TS] = e.Arrival
				a.VehiclePresent(true, e.TS)
				todo = append(todo, due{e.TS.Add(10 * time.Second), e.Lane, e.Arrival, true})
			} else {
				if _, done := early[e.Arrival]; !done {
					collect(e.Lane, e.Arrival, early)
				}
				a.VehiclePresent(false, e.TS)
				todo = append(todo, due{e.TS.Add((afterSeconds + 2) * time.Second), e.Lane, e.Arrival, false})
			}
		}
	}
	g, err := os.Open(filepath.Join(dir, "observations.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	z, err := gzip.NewReader(g)
	if err != nil {
		t.Fatal(err)
	}
	sc = bufio.NewScanner(z)
	for sc.Scan() {
		o, err := p.ParseLine(sc.Bytes())
		if err != nil {
			t.Fatalf("a line of the simulation was refused: %v", err)
		}
		advance(o.TS)
		for _, a := range as {
			a.Observe(o)
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	end := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	advance(end)
	advance(end)

	// The counts are those of the simulator's own score.py.
	var s score
	var tp, fp, fn, etp, efp, efn, ctp, cfp, cfn, n float64
	for _, x := range truth.Arrivals {
		s.Arrivals++
		o, ok := late[x.Arrival]
		if !ok {
			s.Missing++
		}
		first := early[x.Arrival]
		own := map[string]bool{}
		for _, e := range x.Emitters {
			own[e.Emitter] = true
			if e.Heard < 5 {
				continue
			}
			q := o.emitters[e.Emitter]
			if q >= 0.5 {
				tp++
			} else {
				fn++
			}
			s.Brier += (1 - q) * (1 - q)
			n++
			if first.emitters[e.Emitter] >= 0.5 {
				etp++
			} else {
				efn++
			}
		}
		for k, q := range o.emitters {
			if own[k] {
				continue
			}
			if q >= 0.5 {
				fp++
			}
			s.Brier += q * q
			n++
		}
		for k, q := range first.emitters {
			if !own[k] && q >= 0.5 {
				efp++
			}
			if q >= sureEnough {
				s.Sure++
				if !own[k] {
					s.SureWrong++
				}
			}
		}
		active := map[string]bool{}
		for _, c := range x.Cellular {
			if c.Active {
				active[c.Band] = true
				if o.cell[c.Band] >= 0.5 {
					ctp++
				} else {
					cfn++
				}
			}
		}
		for band, q := range o.cell {
			if q >= 0.5 && !active[band] {
				cfp++
			}
		}
	}
	s.Precision, s.Recall, s.Brier = tp/(tp+fp), tp/(tp+fn), s.Brier/n
	s.EarlyPrecision, s.EarlyRecall = etp/(etp+efp), etp/(etp+efn)
	s.CellPrecision, s.CellRecall = ctp/(ctp+cfp), ctp/(ctp+cfn)
	for _, a := range as {
		st := a.Stats()
		s.Observed += st.Observed
		s.Dropped += st.Dropped
	}
	return s
}

// TestSimulations holds the first attribution to modest floors; what it
// reaches is in the log. The floors are no aim.
func TestSimulations(t *testing.T) {
	for _, x := range []struct {
		name                             string
		precision, recall, cellPrecision float64
	}{
		{"dev", 0.90, 0.95, 0.8}, {"single", 0.90, 0.95, 0.7}, {"hard", 0.85, 0.90, 0.8},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := replay(t, shared(t, "rf", "sim", x.name))
			t.Logf("%d arrivals, %d without an answer: precision %.4f recall %.4f Brier %.4f; at decision precision %.4f recall %.4f; cellular precision %.4f recall %.4f",
				s.Arrivals, s.Missing, s.Precision, s.Recall, s.Brier, s.EarlyPrecision, s.EarlyRecall, s.CellPrecision, s.CellRecall)
			t.Logf("at decision %d of %d emitters that a claim may rest on were not the vehicle's; %d observations, %d dropped", s.SureWrong, s.Sure, s.Observed, s.Dropped)
			if s.Missing != 0 || s.Dropped != 0 {
				t.Errorf("%d arrivals without an answer, %d observations dropped", s.Missing, s.Dropped)
			}
			if s.Precision < x.precision || s.Recall < x.recall || s.CellPrecision < x.cellPrecision {
				t.Errorf("below the floor of precision %.2f recall %.2f, cellular precision %.2f", x.precision, x.recall, x.cellPrecision)
			}
			if 50*s.SureWrong > s.Sure {
				t.Errorf("more than one in fifty of the sure ones is wrong")
			}
		})
	}
}
