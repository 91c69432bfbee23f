package attribute

import (
	"slices"
	"testing"

	"sallyport/rf"
)

// lane runs the attributor of one lane over a scene, hearing the sensors of the
// other lanes or not, and told of their vehicles or not, and scores what is
// thought of each vehicle once it has left.
func (sc *scene) lane(t testing.TB, p *rf.Prefixes, ln int, hears, told bool) tallies {
	t.Helper()
	cfg := sc.config()
	cfg.Lanes = append([]Lane{cfg.Lanes[ln]}, slices.Delete(slices.Clone(cfg.Lanes), ln, ln+1)...)
	if !hears {
		cfg.Lanes = cfg.Lanes[:1]
	}
	a, err := NewAttributor(cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	var out tallies
	var arrivals []string
	byName := map[string]int{}
	for i, x := range sc.truth {
		byName[x.arrival] = i
	}
	a.site.settled = func(_, serial int, _ pass, found []Attribution) {
		i := byName[arrivals[serial]]
		own := map[string]int{}
		for id, owner := range sc.owner {
			if owner == i {
				own[id] = sc.truth[i].emitters[id]
			}
		}
		answer := Arrival{Arrival: arrivals[serial]}
		for _, x := range found {
			answer.Emitters = append(answer.Emitters, Emitter{Emitter: x.Emitter, Kind: x.Kind, Probability: x.Probability})
		}
		score(&out, answer, own, nil, func(string) string { return "of another" })
	}
	events := sc.events
	for _, o := range sc.obs {
		for len(events) > 0 && !events[0].TS.After(o.TS) {
			e := events[0]
			events = events[1:]
			switch present := e.Event == Present; {
			case e.Lane != cfg.Lanes[0].ID && told:
				a.NeighbourPresent(e.Lane, present, e.TS)
			case e.Lane == cfg.Lanes[0].ID:
				if present {
					arrivals = append(arrivals, e.Arrival)
				}
				a.VehiclePresent(present, e.TS)
			}
		}
		a.Observe(o)
	}
	return out
}

// A lane hears more rightly where it hears the sensors of the lanes beside, and
// more so where it is told of their vehicles.
func TestNeighbours(t *testing.T) {
	p := table(t)
	var alone, hears, told tallies
	for _, seed := range []uint64{0, 10, 12} { // of three lanes
		w := newWorld(seed)
		w.minutes = 8
		sc := w.play()
		for ln := range w.lanes {
			alone.add(sc.lane(t, p, ln, false, false))
			hears.add(sc.lane(t, p, ln, true, false))
			told.add(sc.lane(t, p, ln, true, true))
		}
	}
	for _, x := range []struct {
		name string
		got  *tallies
	}{{"alone", &alone}, {"hears the lanes beside", &hears}, {"and is told of their vehicles", &told}} {
		t.Logf("%-30s %4.0f emitters: precision %.4f recall %.4f Brier %.4f", x.name, x.got.n, ratio(x.got.late.tp, x.got.late.fp), ratio(x.got.late.tp, x.got.late.fn), x.got.brier/x.got.n)
	}
	if a, h := alone.brier/alone.n, hears.brier/hears.n; h > a {
		t.Errorf("Brier %.4f alone, %.4f with the lanes beside", a, h)
	}
	if h, w := hears.brier/hears.n, told.brier/told.n; w > h {
		t.Errorf("Brier %.4f with the lanes beside, %.4f when told of their vehicles", h, w)
	}
}

// What nobody is told of is nothing: a lane that is not in the configuration,
// and the attributor's own.
func TestNeighbourUnknown(t *testing.T) {
	a := listener(table(t), Config{})
	a.NeighbourPresent("nowhere", true, eight)
	a.NeighbourPresent("lane", true, eight)
	if a.Serial() != -1 || a.site.lanes[0].open() != nil {
		t.Fatal("a vehicle came from nowhere")
	}
}

// A departed vehicle is told of once, with the pseudonyms of what was surely its
// own, whoever asks first.
func TestConfirmed(t *testing.T) {
	for name, ask := range map[string]func(a *Attributor){
		"by itself":       func(*Attributor) {},
		"after a finding": func(a *Attributor) { a.Finding(at(115)) },
	} {
		t.Run(name, func(t *testing.T) {
			a := listener(table(t), Config{Tag: func(o rf.Observation) (uint64, uint64) {
				if o.Emitter == before {
					return 0, 9 // not to be kept under the key of now
				}
				return uint64(o.Emitter[len(o.Emitter)-1]), 0
			}})
			obs := append(vehicles(), ambient(110, 120)...)
			second := 0
			for _, o := range obs {
				for ; !at(second).After(o.TS); second++ {
					switch second {
					case 30, 60:
						a.VehiclePresent(true, at(second))
					case 45, 80:
						a.VehiclePresent(false, at(second))
					case 109:
						if got := a.Confirmed(at(second)); len(got) != 1 || got[0].Serial != 0 || len(got[0].Tags) != 0 {
							t.Fatalf("of the first vehicle: %+v", got)
						}
					}
				}
				a.Observe(o)
			}
			ask(a)
			got := a.Confirmed(at(116))
			if len(got) != 1 || got[0].Serial != 1 || !slices.Equal(got[0].Tags, []uint64{'1'}) || !got[0].Present.Equal(at(60)) || !got[0].Gone.Equal(at(80)) {
				t.Fatalf("%+v", got)
			}
			if again := a.Confirmed(at(200)); len(again) != 0 {
				t.Fatalf("told twice: %+v", again)
			}
		})
	}
}
