package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/rf/attribute"
)

// keenEar is an attributor with all that one may be able to do.
type keenEar struct {
	ear
	sensors    map[string]int
	beside     []string // neighbours' vehicles, in words
	serial     int
	here       bool
	known      map[int]map[uint64]int // by serial
	confirmed  []attribute.Confirmed
	activities []attribute.Activity
	dropped    uint64
}

func newKeenEar() *keenEar {
	return &keenEar{sensors: map[string]int{}, serial: -1, known: map[int]map[uint64]int{}}
}

func (e *keenEar) Observe(o rf.Observation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sensors[o.Sensor]++
	e.heard++
}

func (e *keenEar) VehiclePresent(p bool, _ time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p && !e.here {
		e.serial++
		e.find = rf.Finding{}
	}
	e.here = p
}

func (e *keenEar) NeighbourPresent(lane string, present bool, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beside = append(e.beside, fmt.Sprint(lane, " ", present, " ", at.Second()))
}

func (e *keenEar) Serial() int { return e.serial }

func (e *keenEar) Known(visits map[uint64]int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known[e.serial] = visits
}

func (e *keenEar) Confirmed(time.Time) []attribute.Confirmed {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.confirmed
	e.confirmed = nil
	return c
}

func (e *keenEar) confirms(c attribute.Confirmed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.confirmed = append(e.confirmed, c)
}

func (e *keenEar) Activities() []attribute.Activity { return e.activities }
func (e *keenEar) Stats() attribute.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return attribute.Stats{Observed: uint64(e.heard), Dropped: 2 + e.dropped, Emitters: 3}
}

// listening starts a lane that counts on a sensor beside the line and on one
// before it.
func listening(t *testing.T, change ...func(*gate.Config)) (*yard, *keenEar) {
	t.Helper()
	e := newKeenEar()
	y := startYard(t, storetest.NewMemory(), gate.AssessorFunc(judge), append([]func(*gate.Config){func(c *gate.Config) {
		c.Lanes[0].Attributor = e
		c.Lanes[0].Sensors = []gate.LaneSensor{
			{Name: "stop", Heard: "box:1", Source: "device", Place: gate.PlaceStop},
			{Name: "up", Source: "serial", Place: gate.PlaceUpstream},
		}
	}}, change...))
	return y, e
}

func heard(sensor string, lead time.Duration) rf.Observation {
	return rf.Observation{TS: time.Now().Add(lead), Sensor: sensor, Kind: rf.BLE, Emitter: "c0ffee000001", RSSI: -50}
}

// sends reports an observation every third of a second.
func (y *yard) sends(sensor string, lead, during time.Duration) {
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(time.Second / 3) {
		y.c.Observe("north", heard(sensor, lead))
	}
}

func (y *yard) sensor(name string) gate.SensorHealth {
	y.t.Helper()
	synctest.Wait()
	r, _ := y.c.Radio("north")
	i := slices.IndexFunc(r.Sensors, func(h gate.SensorHealth) bool { return h.Name == name })
	if i < 0 {
		y.t.Fatalf("no sensor %q among %+v", name, r.Sensors)
	}
	return r.Sensors[i]
}

func TestSensorHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, _ := listening(t)
		defer y.close()
		begun := time.Now()
		if h := y.sensor("up"); h.State != gate.SensorNew || h.Clock.Trust != gate.ClockUnknown || !h.SilentSince.IsZero() {
			t.Errorf("before anything was heard: %+v", h)
		}
		y.sends("box:1", -200*time.Millisecond, 70*time.Second)
		h := y.sensor("stop")
		if h.State != gate.SensorAlive || h.Heard != "box:1" || h.Source != "device" || h.Place != gate.PlaceStop ||
			h.Rate1 != 3 || math.Abs(h.Rate60-3) > 0.1 || h.Accepted < 210 || h.Accepted > 212 || len(h.Refused) > 0 || h.Dropped > 0 {
			t.Errorf("a sensor that is heard: %+v", h)
		}
		if c := h.Clock; c.Trust != gate.ClockGood || c.Median != -0.2 || c.Spread != 0 || c.Samples < 170 {
			t.Errorf("its clock: %+v", c)
		}
		if h := y.sensor("up"); h.State != gate.SensorNever || !h.SilentSince.Equal(begun) {
			t.Errorf("a sensor that was never heard: %+v", h)
		}
		y.is(gate.Idle, gate.NoticeRadio, gate.ArmClosed)
		if r := y.view().Radio; !slices.Equal(r.Silent, []string{"up"}) || r.Skewed != nil || r.Sensors != 1 {
			t.Errorf("lane: %+v", r)
		}

		go y.sends("up", -100*time.Millisecond, 10*time.Second)
		y.sends("box:1", 0, 10*time.Second)
		y.is(gate.Idle, "", gate.ArmClosed)

		// Ahead within what is taken: used, and named.
		go y.sends("up", 3*time.Second, 61*time.Second)
		y.sends("box:1", 0, 61*time.Second)
		if h := y.sensor("up"); h.State != gate.SensorSkewed || h.Clock.Trust != gate.ClockOff || h.Clock.Median != 3 || len(h.Refused) > 0 {
			t.Errorf("a clock 3 s ahead: %+v", h)
		}
		y.is(gate.Idle, gate.NoticeRadio, gate.ArmClosed)
		if r := y.view().Radio; !slices.Equal(r.Skewed, []string{"up"}) || r.Silent != nil {
			t.Errorf("lane: %+v", r)
		}

		// In the year 2100: refused, counted, and still there.
		before := y.view().Radio
		go y.sends("up", 74*365*24*time.Hour, 61*time.Second)
		y.sends("box:1", 0, 61*time.Second)
		if h := y.sensor("up"); h.State != gate.SensorSkewed || h.Clock.Trust != gate.ClockWrong || h.Refused[gate.RefusedAhead] < 180 || h.Refused[gate.RefusedBehind] != 0 {
			t.Errorf("a clock of another year: %+v", h)
		}
		if r := y.view().Radio; r.Refused-before.Refused < 180 || r.Sensors != 1 {
			t.Errorf("lane: %+v", r)
		}

		// It gathers what it has for ten seconds: no clock is wrong for that.
		for range 7 {
			for i := range 10 {
				y.c.Observe("north", heard("up", -time.Duration(i)*time.Second))
				y.c.Observe("north", heard("box:1", 0))
				time.Sleep(250 * time.Millisecond)
			}
			y.sends("box:1", 0, 7500*time.Millisecond)
		}
		if h := y.sensor("up"); h.State != gate.SensorAlive || h.Clock.Trust != gate.ClockGood {
			t.Errorf("a sensor that gathers: %+v", h)
		}
		// Half a minute behind: what it says belongs to no vehicle that it hears.
		was := y.sensor("up")
		go y.sends("up", -30*time.Second, 71*time.Second)
		y.sends("box:1", 0, 71*time.Second)
		if h := y.sensor("up"); h.State != gate.SensorSkewed || h.Clock.Trust != gate.ClockWrong || h.Refused[gate.RefusedBehind] < 20 || h.Accepted == was.Accepted {
			t.Errorf("a clock behind: %+v, before %+v", h, was)
		}
		go y.sends("up", 0, 61*time.Second)
		y.sends("box:1", 0, 61*time.Second)

		last := time.Now()
		y.c.Observe("north", heard("up", 0))
		y.sends("box:1", 0, 62*time.Second)
		if h := y.sensor("up"); h.State != gate.SensorSilent || !h.SilentSince.Equal(last) || h.Rate1 != 0 || h.Clock.Trust != gate.ClockUnknown {
			t.Errorf("a sensor gone silent: %+v", h)
		}
		if all := y.c.Sensors(); len(all) != 2 || all[0].Lane != "north" || all[0].Name != "stop" {
			t.Errorf("all sensors: %+v", all)
		}
	})
}

func TestRefusedByReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, e := listening(t, func(c *gate.Config) {
			c.Admit = func(o *rf.Observation) (string, bool) {
				o.SSID = ""
				if o.Kind == rf.Fob {
					return "fobs are refused", false
				}
				return "", true
			}
		})
		defer y.close()
		for _, bad := range []struct {
			name   string
			change func(*rf.Observation)
		}{
			{"fobs are refused", func(o *rf.Observation) { o.Kind, o.TS = rf.Fob, time.Time{} }},
			{gate.RefusedAhead, func(o *rf.Observation) { o.TS = o.TS.Add(6 * time.Second) }},
			{gate.RefusedBehind, func(o *rf.Observation) { o.TS = time.Time{} }},
			{gate.RefusedLevel, func(o *rf.Observation) { o.RSSI = math.NaN() }},
			{gate.RefusedLevel, func(o *rf.Observation) { o.RSSI = 21 }},
		} {
			name, o := bad.name, heard("up", 0)
			bad.change(&o)
			was := y.sensor("up").Refused[name]
			if y.c.Observe("north", o) {
				t.Errorf("%s was taken", name)
			}
			if h := y.sensor("up"); h.Refused[name] != was+1 || h.Accepted != 0 {
				t.Errorf("%s: %+v", name, h)
			}
		}
		if y.c.Observe("north", heard("stranger", 0)) || y.sensor("stranger").Refused[gate.RefusedForeign] != 1 {
			t.Errorf("a sensor of no lane: %+v", y.sensor("stranger"))
		}
		if y.c.Observe("south", heard("up", 0)) {
			t.Error("taken by a lane that there is not")
		}
		late := y.c.Observe("north", heard("up", -3*time.Minute))
		synctest.Wait()
		if !late || !maps.Equal(e.sensors, map[string]int{"up": 1}) {
			t.Errorf("of all that, and of what came late, the attributor was given %v", e.sensors)
		}

		// A driver tells totals; where they fall it began again.
		tell := func(bad, dropped, lost uint64) {
			y.c.SensorReport("north", gate.SensorReport{Sensor: "up", Trouble: "port busy", Refused: map[string]uint64{"bad check": bad}, Dropped: dropped, Lost: lost})
		}
		before := y.view().Radio
		tell(5, 2, 1)
		tell(5, 2, 1)
		tell(9, 2, 4)
		tell(3, 1, 0)
		y.c.SensorReport("south", gate.SensorReport{Sensor: "up", Lost: 7})
		h := y.sensor("up")
		if h.Refused["bad check"] != 12 || h.Dropped != 3 || h.Lost != 4 || h.Trouble != "port busy" {
			t.Errorf("after the driver's reports: %+v", h)
		}
		if r := y.view().Radio; r.Refused != before.Refused+12 || r.Dropped != before.Dropped+3 {
			t.Errorf("lane %+v, before %+v", r, before)
		}
		// Reasons without end are told apart as far as there is room.
		for i := range 1000 {
			y.c.SensorReport("north", gate.SensorReport{Sensor: "up", Refused: map[string]uint64{fmt.Sprint("reason ", i): 1}})
		}
		h = y.sensor("up")
		if len(h.Refused) > 25 || h.Refused[gate.RefusedOther] < 900 {
			t.Errorf("%d reasons, %d others", len(h.Refused), h.Refused[gate.RefusedOther])
		}
	})
}

// twoLanes are lanes that overhear each other.
func twoLanes(t *testing.T, change func(*gate.Config)) (y *yard, north, south *keenEar) {
	t.Helper()
	south = newKeenEar()
	y, north = listening(t, func(c *gate.Config) {
		c.Lanes[0].Beside = []gate.LaneID{"south"}
		c.Lanes = append(c.Lanes, gate.LaneConfig{ID: "south", Zone: policy.ZonePublic, TurnOut: "bay", Attributor: south, Beside: []gate.LaneID{"north"},
			Sensors: []gate.LaneSensor{{Name: "far", Source: "udp", Place: gate.PlaceStop}}})
		change(c)
	})
	return y, north, south
}

func TestNeighboursAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, north, south := twoLanes(t, func(c *gate.Config) {
			c.Admit = func(o *rf.Observation) (string, bool) { return "fob", o.Kind != rf.Fob }
		})
		defer y.close()
		y.c.Observe("north", heard("up", 0))
		y.c.Observe("south", heard("far", 0))
		y.c.Observe("south", heard("far", time.Hour))
		y.c.Observe("south", rf.Observation{TS: time.Now(), Sensor: "far", Kind: rf.Fob, Emitter: "1", RSSI: -40})
		synctest.Wait()
		want := map[string]int{"up": 1, "far": 1}
		if !maps.Equal(north.sensors, want) || !maps.Equal(south.sensors, want) {
			t.Errorf("north hears %v, south %v", north.sensors, south.sensors)
		}
		r, _ := y.c.Radio("north")
		if r.Neighbours.Heard != 1 || r.Neighbours.Dropped != 0 || !slices.Equal(r.Neighbours.Lanes, []gate.LaneID{"south"}) || r.State.Accepted != 1 || r.State.Refused != 0 ||
			len(r.Levels) != 1 || r.Levels[0].Seconds[0].Observations != 1 {
			t.Errorf("north: %+v", r)
		}
		time.Sleep(3 * time.Second)
		y.arrive("G1")
		time.Sleep(20 * time.Second)
		if err := y.c.Detect(t.Context(), "south", true); err != nil {
			t.Fatal(err)
		}
		y.arrive("G2")
		synctest.Wait()
		if want := []string{"north true 3", "north false 23", "north true 23"}; !slices.Equal(south.beside, want) {
			t.Errorf("south is told %q, want %q", south.beside, want)
		}
		if want := []string{"south true 23"}; !slices.Equal(north.beside, want) {
			t.Errorf("north is told %q, want %q", north.beside, want)
		}
	})
}

func TestBesideIsChecked(t *testing.T) {
	lane := func(id gate.LaneID, beside ...gate.LaneID) gate.LaneConfig {
		return gate.LaneConfig{ID: id, Beside: beside}
	}
	for want, lanes := range map[string][]gate.LaneConfig{
		"no lane \"c\"":   {lane("a", "c"), lane("b")},
		"beside itself":   {lane("a", "a"), lane("b")},
		"beside it twice": {lane("a", "b", "b"), lane("b")},
	} {
		_, err := gate.NewController(gate.Config{Lanes: lanes, Store: storetest.NewMemory(), Registry: storetest.NewMemory(), Assessor: gate.AssessorFunc(judge)})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `lane "a"`) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestOneSensorDoesNotCostAnother(t *testing.T) {
	lanes := []gate.LaneConfig{
		{ID: "north", Attributor: newKeenEar(), Observations: 100, Beside: []gate.LaneID{"south"}, Sensors: []gate.LaneSensor{{Name: "a"}, {Name: "b"}}},
		{ID: "south", Attributor: newKeenEar(), Observations: 1000, Sensors: []gate.LaneSensor{{Name: "c"}}},
	}
	c, err := gate.NewController(gate.Config{Lanes: lanes, Store: storetest.NewMemory(), Registry: storetest.NewMemory(), Assessor: gate.AssessorFunc(judge)})
	if err != nil {
		t.Fatal(err)
	}
	// Nobody takes them: the lanes do not run.
	taken := func(lane gate.LaneID, sensor string, n int) (k int) {
		for range n {
			if c.Observe(lane, heard(sensor, 0)) {
				k++
			}
		}
		return k
	}
	if n := taken("south", "c", 1000); n != 1000 {
		t.Errorf("%d of 1,000 taken by an empty lane", n)
	}
	if n := taken("north", "a", 1000); n != 37 {
		t.Errorf("a flood takes %d of 100 places, want half of the three quarters that are the lane's", n)
	}
	if n := taken("north", "b", 1000); n != 37 {
		t.Errorf("a flood of the other sensor, and one next door, leave %d places", n)
	}
	r, _ := c.Radio("north")
	if r.Neighbours.Dropped != 975 || r.State.Dropped != 2*963 || r.Sensors[0].Dropped != 963 || r.Sensors[0].Accepted != 37 {
		t.Errorf("counted %+v", r)
	}
}

func TestRadioPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, e := listening(t)
		defer y.close()
		time.Sleep(10 * time.Second)
		begun := time.Now().Truncate(time.Second)
		const many = 2000
		for i := range many {
			o := heard("box:1", 0)
			o.Emitter, o.RSSI = fmt.Sprintf("%012x", i), -90+float64(i%30)
			y.c.Observe("north", o)
			o.Sensor, o.RSSI = "up", -70
			y.c.Observe("north", o)
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		y.c.Observe("north", rf.Observation{TS: time.Now(), Sensor: "box:1", Kind: rf.Cell, Band: "20", RSSI: -33.26})
		y.c.Observe("north", rf.Observation{TS: time.Now(), Sensor: "box:1", Kind: rf.TPMS, Emitter: "secret77", RSSI: -12, Level: rf.Relative})
		y.c.Observe("north", rf.Observation{TS: time.Now(), Sensor: "box:1", Kind: rf.TPMS, Emitter: "secret77", RSSI: rf.LowestRSSI, Level: rf.NoLevel})
		synctest.Wait()
		r, _ := y.c.Radio("north")
		at := int(begun.Sub(r.From) / time.Second)
		if r.Seconds != 13 || at != 10 || len(r.Levels) != 4 {
			t.Fatalf("picture from %s, %d s, %+v", r.From, r.Seconds, r.Levels)
		}
		ble := r.Levels[0]
		if ble.Kind != rf.BLE || len(ble.Seconds) != 1 || ble.Seconds[0].At != at || ble.Seconds[0].Stop != rf.Known(-61) || ble.Seconds[0].Upstream != rf.Known(-70) ||
			ble.Seconds[0].Observations != 2*many || math.Abs(float64(ble.Seconds[0].Emitters)-many) > many*0.1 {
			t.Errorf("BLE %+v", ble)
		}
		want := []gate.RadioLevels{
			{Kind: rf.TPMS, Level: rf.Relative, Seconds: []gate.RadioSecond{{At: at + 2, Stop: rf.Known(-12), Observations: 1, Emitters: 1}}},
			{Kind: rf.TPMS, Level: rf.NoLevel, Seconds: []gate.RadioSecond{{At: at + 2, Observations: 1, Emitters: 1}}},
			{Kind: rf.Cell, Seconds: []gate.RadioSecond{{At: at + 2, Stop: rf.Known(-33.3), Observations: 1}}},
		}
		if d := cmp.Diff(want, r.Levels[1:]); d != "" {
			t.Error(d)
		}
		if s := r.Since(r.At.Add(-time.Second)); s.Seconds != 2 || len(s.Levels) != 3 || s.Levels[0].Seconds[0].At != 1 || !s.From.Equal(r.From.Add(11*time.Second)) || len(s.Sensors) != 2 {
			t.Errorf("the last seconds: %+v", s)
		}

		// A vehicle comes, and leaves; later more is known of it.
		e.activities = []attribute.Activity{{Band: "20", Probability: 0.75}}
		came := time.Now()
		id := y.arrive("F1")
		e.finds(rf.Finding{Sensed: true, Maker: "Quectel", Emitters: []rf.Heard{{Kind: rf.WiFi, Probability: 0.96, Otherwise: rf.OfBeside, OtherwiseP: 0.03}}})
		time.Sleep(5 * time.Second)
		r, _ = y.c.Radio("north")
		if len(r.Vehicles) != 1 || !r.Vehicles[0].To.IsZero() || !r.Vehicles[0].From.Equal(came) || r.Vehicles[0].Passage != id || r.Vehicles[0].Final ||
			r.Vehicles[0].Finding.Maker != "Quectel" || len(r.Vehicles[0].Finding.Emitters) != 1 || len(r.Vehicles[0].Bands) != 1 || r.Vehicles[0].Bands[0].Band != "20" {
			t.Errorf("the vehicle at the line: %+v", r.Vehicles)
		}
		if r.Table.Observed != 2*many+3 || r.Table.Dropped != 2 {
			t.Errorf("table %+v", r.Table)
		}
		y.act(gate.ActTurnAway, id)
		time.Sleep(11 * time.Second)
		left := y.view().Since
		r, _ = y.c.Radio("north")
		if v := r.Vehicles[0]; !v.To.Equal(left) || v.Final || v.WhenLeft != nil || v.Changed != nil {
			t.Errorf("the vehicle that left: %+v", v)
		}
		e.finds(rf.Finding{Sensed: true, Maker: "Quectel", Cellular: true})
		time.Sleep(5 * time.Second)
		r, _ = y.c.Radio("north")
		if v := r.Vehicles[0]; !v.Finding.Cellular || v.WhenLeft == nil || v.WhenLeft.Cellular || !slices.Equal(v.Changed, []string{"cellular"}) {
			t.Errorf("after more is known: %+v", v)
		}
		// The next one is there by the time it is weighed the last time.
		y.arrive("F2")
		e.confirms(attribute.Confirmed{Serial: 0, Weighed: true, Finding: rf.Finding{Sensed: true, Unattributed: 1}})
		time.Sleep(time.Second)
		r, _ = y.c.Radio("north")
		if v := r.Vehicles[0]; !v.Final || v.Finding.Maker != "" || !v.Finding.Cellular || !slices.Equal(v.Changed, []string{"maker", "cellular"}) || v.WhenLeft.Maker != "Quectel" {
			t.Errorf("after it was weighed the last time: %+v", v)
		}
		if v := r.Vehicles[1]; v.Final || !v.To.IsZero() {
			t.Errorf("the next one: %+v", v)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"secret77", "0000000007cf"} {
			if strings.Contains(string(b), address) {
				t.Errorf("the picture holds the address %s", address)
			}
		}
		// Five minutes later nothing of it is left but the vehicle.
		time.Sleep(6 * time.Minute)
		if r, _ = y.c.Radio("north"); r.Seconds != gate.RadioSpan || len(r.Levels) != 0 || len(r.Vehicles) != 2 {
			t.Errorf("five minutes later: %+v", r)
		}
		for i := range 20 {
			y.arrive(fmt.Sprint("F", i))
		}
		if r, _ = y.c.Radio("north"); len(r.Vehicles) != 8 || r.Vehicles[7].Finding.Sensed {
			t.Errorf("%d vehicles", len(r.Vehicles))
		}
	})
}

// sets is a store of radio sets that answers when the test lets it.
type sets struct {
	mu    sync.Mutex
	known map[string]map[uint64]int
	kept  []gate.RadioSet
	fail  error
	hang  chan struct{} // nil: answers at once
	asked []string
}

func (s *sets) RadioSet(ctx context.Context, vin string, _ time.Time) (map[uint64]int, error) {
	s.mu.Lock()
	s.asked = append(s.asked, vin)
	hang, fail, known := s.hang, s.fail, s.known[vin]
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return known, fail
}

func (s *sets) KeepRadioSet(_ context.Context, r gate.RadioSet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, r)
	return s.fail
}

func (s *sets) change(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func TestEarlierVisits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sets{known: map[string]map[uint64]int{"G1": {7: 3, 9: 1}, "G2": {8: 1}}}
		y, e := listening(t, func(c *gate.Config) { c.RadioSets = s })
		defer y.close()
		first := y.arrive("g1")
		synctest.Wait()
		if !maps.Equal(e.known[0], map[uint64]int{7: 3, 9: 1}) {
			t.Errorf("the attributor knows %v", e.known)
		}
		r, _ := y.c.Radio("north")
		if r.Vehicles[0].Earlier != 2 || r.Sets != (gate.RadioSetsState{Asked: 1, Known: 1}) {
			t.Errorf("%+v, %+v", r.Vehicles, r.Sets)
		}

		// Who does not answer holds no vehicle, and an answer that comes when
		// another vehicle stands there is not that one's.
		hang := make(chan struct{})
		s.change(func() { s.hang = hang })
		time.Sleep(5 * time.Second)
		begun := time.Now()
		y.arrive("g2")
		if took := time.Since(begun); took != 0 {
			t.Errorf("the verdict took %s", took)
		}
		s.change(func() { s.hang = nil })
		y.arrive("g3")
		close(hang)
		synctest.Wait()
		if len(e.known) != 1 {
			t.Errorf("the attributor knows %v", e.known)
		}

		// The first has been weighed the last time.
		e.confirms(attribute.Confirmed{Serial: 0, Tags: []uint64{7, 11}})
		e.confirms(attribute.Confirmed{Serial: 1})
		e.confirms(attribute.Confirmed{Serial: 44, Tags: []uint64{1}})
		time.Sleep(time.Second)
		synctest.Wait()
		s.change(func() {
			if len(s.kept) != 1 || s.kept[0].VIN != "G1" || s.kept[0].Passage != first || !slices.Equal(s.kept[0].Tags, []uint64{7, 11}) || s.kept[0].At.Before(begun) {
				t.Errorf("kept %+v", s.kept)
			}
		})

		// Where nothing answers it is given up in time, counted, and asked no
		// more often than a few times at once.
		s.change(func() { s.hang = make(chan struct{}) })
		for i := range 10 {
			y.arrive(fmt.Sprint("g4", i))
		}
		synctest.Wait()
		r, _ = y.c.Radio("north")
		if r.Sets.Failed != 6 {
			t.Errorf("%+v, want six that were not even asked", r.Sets)
		}
		time.Sleep(3 * time.Second)
		s.change(func() { s.hang, s.fail = nil, errors.New("disk on fire") })
		y.arrive("g5")
		y.is(gate.Waiting, "", gate.ArmClosed)
		r, _ = y.c.Radio("north")
		if want := (gate.RadioSetsState{Asked: 14, Known: 2, Kept: 1, Failed: 11}); r.Sets != want {
			t.Errorf("%+v, want %+v", r.Sets, want)
		}
	})
}

// What is sent is accepted, refused or dropped, whoever sends, and whether or
// not the lane keeps up.
func TestEveryObservationIsCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sender struct {
			lane   gate.LaneID
			sensor string
			bad    int // every so many is from the future
			n      int
		}
		senders := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sender {
			return sender{
				rapid.SampledFrom([]gate.LaneID{"north", "south"}).Draw(t, "lane"), rapid.SampledFrom([]string{"a", "b", "stranger"}).Draw(t, "sensor"),
				rapid.IntRange(1, 9).Draw(t, "bad"), rapid.IntRange(0, 300).Draw(t, "n"),
			}
		}), 1, 6).Draw(t, "senders")
		room, runs := rapid.IntRange(1, 400).Draw(t, "room"), rapid.Bool().Draw(t, "runs")
		var lanes []gate.LaneConfig
		for _, id := range []gate.LaneID{"north", "south"} {
			other := map[gate.LaneID]gate.LaneID{"north": "south", "south": "north"}[id]
			lanes = append(lanes, gate.LaneConfig{ID: id, Attributor: newKeenEar(), Observations: room, Beside: []gate.LaneID{other}, Sensors: []gate.LaneSensor{{Name: "a"}, {Name: "b"}}})
		}
		memory := storetest.NewMemory()
		c, err := gate.NewController(gate.Config{Lanes: lanes, Store: memory, Registry: memory, Assessor: gate.AssessorFunc(judge)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		if runs {
			go func() { done <- c.Run(ctx) }()
		} else {
			done <- nil
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		sent, taken := map[gate.LaneID]map[string]uint64{"north": {}, "south": {}}, map[gate.LaneID]map[string]uint64{"north": {}, "south": {}}
		for _, s := range senders {
			wg.Go(func() {
				var k uint64
				for i := range s.n {
					lead := time.Duration(0)
					if i%s.bad == 0 {
						lead = time.Minute
					}
					if c.Observe(s.lane, heard(s.sensor, lead)) {
						k++
					}
				}
				mu.Lock()
				defer mu.Unlock()
				sent[s.lane][s.sensor] += uint64(s.n)
				taken[s.lane][s.sensor] += k
			})
		}
		wg.Wait()
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for lane, of := range sent {
			r, _ := c.Radio(lane)
			var all uint64
			for sensor, n := range of {
				all += n
				i := slices.IndexFunc(r.Sensors, func(h gate.SensorHealth) bool { return h.Name == sensor })
				if i < 0 {
					if n > 0 {
						t.Fatalf("%s is not shown", sensor)
					}
					continue
				}
				h := r.Sensors[i]
				sum := h.Accepted + h.Dropped
				for _, k := range h.Refused {
					sum += k
				}
				if sum != n || h.Accepted != taken[lane][sensor] {
					t.Fatalf("%s sent %d, of which %d were taken; counted %+v", sensor, n, taken[lane][sensor], h)
				}
			}
			if s := r.State; s.Accepted+s.Refused+s.Dropped != all {
				t.Fatalf("%s was sent %d, counted %+v", lane, all, s)
			}
		}
	})
}

// A sensor that sends whatever it likes, under whatever name, leaves the lane's
// memory as it is bounded, and what it made up is not in what the lane shows.
func TestHostileSensorLeavesMemoryBounded(t *testing.T) {
	memory := storetest.NewMemory()
	c, err := gate.NewController(gate.Config{Lanes: []gate.LaneConfig{{ID: "north", Attributor: forgetful{}, Observations: 4096}}, Store: memory, Registry: memory, Assessor: gate.AssessorFunc(judge)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	kinds := []rf.Kind{rf.WiFi, rf.BLE, rf.TPMS, rf.Cell, rf.V2X, rf.Fob, "gamma"}
	levels := []rf.Level{rf.DBm, rf.Relative, rf.NoLevel, "loud"}
	rng := rand.New(rand.NewPCG(1, 2))
	send := func(n int) {
		for range n {
			c.Observe("north", rf.Observation{
				TS: time.Now().Add(time.Duration(rng.IntN(250)-245) * time.Second), Sensor: fmt.Sprint("s", rng.IntN(1<<16)), Kind: kinds[rng.IntN(len(kinds))],
				Level: levels[rng.IntN(len(levels))], Emitter: fmt.Sprintf("%012x", rng.Uint64N(1<<48)), RSSI: rng.Float64()*200 - 160,
			})
			c.SensorReport("north", gate.SensorReport{Sensor: fmt.Sprint("t", rng.IntN(1<<16)), Refused: map[string]uint64{fmt.Sprint(rng.Uint64()): 1}})
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	send(1 << 15)
	before := heap()
	send(1 << 16)
	after := heap()
	r, _ := c.Radio("north")
	if len(r.Sensors) > 33 || len(r.Levels) > 18 || after > before+4<<20 {
		t.Errorf("%d sensors, %d sorts of level, heap %d → %d bytes", len(r.Sensors), len(r.Levels), before, after)
	}
	for _, h := range r.Sensors {
		if len(h.Refused) > 25 {
			t.Errorf("%d reasons", len(h.Refused))
		}
	}
	if b, err := json.Marshal(r); err != nil || len(b) > 1<<20 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// forgetful is an attributor that finds nothing and keeps nothing.
type forgetful struct{}

func (forgetful) Observe(rf.Observation)         {}
func (forgetful) VehiclePresent(bool, time.Time) {}
func (forgetful) Finding(time.Time) rf.Finding   { return rf.Finding{} }

func benchController(b *testing.B, lanes int, beside bool) *gate.Controller {
	b.Helper()
	memory := storetest.NewMemory()
	cfg := gate.Config{Store: memory, Registry: memory, Assessor: gate.AssessorFunc(judge), Admit: func(o *rf.Observation) (string, bool) { return "", o.Kind != rf.Fob }}
	for i := range lanes {
		l := gate.LaneConfig{ID: gate.LaneID(fmt.Sprint("l", i)), Attributor: forgetful{}, Sensors: []gate.LaneSensor{{Name: "a", Place: gate.PlaceStop}}}
		if beside {
			for j := range lanes {
				if j == i-1 || j == i+1 {
					l.Beside = append(l.Beside, gate.LaneID(fmt.Sprint("l", j)))
				}
			}
		}
		cfg.Lanes = append(cfg.Lanes, l)
	}
	c, err := gate.NewController(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func running(b *testing.B, c *gate.Controller) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkObserve is what an observation costs its driver; budget 200 ns. The
// lane does not run, or takes what comes beside it.
func BenchmarkObserve(b *testing.B) {
	for _, runs := range []bool{false, true} {
		b.Run(map[bool]string{false: "full", true: "taken"}[runs], func(b *testing.B) {
			c := benchController(b, 1, false)
			if runs {
				running(b, c)
			}
			o := heard("a", 0)
			b.ReportAllocs()
			for b.Loop() {
				c.Observe("l0", o)
			}
			r, _ := c.Radio("l0")
			b.ReportMetric(float64(r.State.Dropped)/float64(b.N), "dropped/op")
		})
	}
}

// BenchmarkObserveLanes is eight lanes at once, each with a driver of its own.
func BenchmarkObserveLanes(b *testing.B) {
	for _, beside := range []bool{false, true} {
		b.Run(map[bool]string{false: "alone", true: "beside"}[beside], func(b *testing.B) {
			c := benchController(b, 8, beside)
			running(b, c)
			var n sync.Mutex
			next := 0
			b.SetParallelism(4)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				n.Lock()
				id := gate.LaneID(fmt.Sprint("l", next%8))
				next++
				n.Unlock()
				o := heard("a", 0)
				for pb.Next() {
					c.Observe(id, o)
				}
			})
		})
	}
}

// BenchmarkRadio is one look at a picture that is full.
func BenchmarkRadio(b *testing.B) {
	c := benchController(b, 1, false)
	running(b, c)
	for s := range 240 {
		for _, k := range []rf.Kind{rf.WiFi, rf.BLE, rf.TPMS, rf.Cell} {
			o := heard("a", -time.Duration(s)*time.Second)
			o.Kind = k
			c.Observe("l0", o)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Radio("l0"); !ok {
			b.Fatal("no lane")
		}
	}
}

// Where more emitters are heard than can be told apart, the lane says so, and for
// a minute after.
func TestCrowdedAirIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, e := listening(t)
		for _, x := range []struct {
			dropped uint64
			during  time.Duration
			crowded bool
		}{{0, 70 * time.Second, false}, {5, 10 * time.Second, true}, {5, 60 * time.Second, false}, {9, 3 * time.Second, true}} {
			e.mu.Lock()
			e.dropped = x.dropped
			e.mu.Unlock()
			go y.sends("up", 0, x.during)
			y.sends("box:1", 0, x.during)
			synctest.Wait()
			r, _ := y.c.Radio("north")
			if got := y.view().Radio.Crowded; got != x.crowded || r.State.Crowded != x.crowded {
				t.Errorf("%d dropped, after %s: lane %v, picture %v", x.dropped, x.during, got, r.State.Crowded)
			}
		}
	})
}
