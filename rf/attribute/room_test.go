package attribute

import (
	"fmt"
	"testing"
	"time"

	"sallyport/rf"
)

// flooded plays a lane whose only sensor hears so many new made-up addresses a
// second, all as Ford's own, for some time before a vehicle comes, and then with
// it. Each is said in so many seconds.
func flooded(t *testing.T, a *Attributor, perSecond, said, before int) rf.Finding {
	t.Helper()
	start := eight.Add(time.Duration(before) * time.Second)
	next := 0
	made := func(i int) string { return fmt.Sprintf("00:26:b4:%02x:%02x:%02x", i>>16&127|128, i>>8&255, i&255) }
	vehicle := riding(fordHotspot, -50, before, before+20)
	a.Observe(rf.Observation{TS: eight, Sensor: "stop", Kind: rf.WiFi, Emitter: "06:00:00:00:00:01", RSSI: -72, Role: "ap"})
	for s := range before + 25 {
		now := eight.Add(time.Duration(s) * time.Second)
		switch s {
		case before:
			a.VehiclePresent(true, now)
		case before + 20:
			a.VehiclePresent(false, now)
		}
		for i := range perSecond {
			for k := range said {
				if n := next - k*perSecond; n >= 0 {
					a.Observe(rf.Observation{TS: now.Add(time.Duration(i) * time.Second / time.Duration(perSecond)), Sensor: "stop", Kind: rf.WiFi, Emitter: made(n), RSSI: -60, Role: "ap"})
				}
			}
			next++
		}
		for _, o := range vehicle {
			if o.Sensor == "stop" && !o.TS.Before(now) && o.TS.Before(now.Add(time.Second)) {
				a.Observe(o)
			}
		}
	}
	return a.Finding(start.Add(25 * time.Second))
}

// A flood of made-up addresses at the lane's only sensor, slow or fast, fills its
// share of the table with itself: a vehicle's own network is heard all the same,
// and what is there for long stays.
func TestFloodDoesNotHideTheVehicle(t *testing.T) {
	for _, x := range []struct{ perSecond, said, before int }{
		{50, 1, 300},
		{50, 2, 300}, // each in two seconds
		{1000, 1, 60},
		{20_000, 1, 30},
	} {
		a := listener(table(t), Config{MaxEmitters: 10_000})
		f := flooded(t, a, x.perSecond, x.said, x.before)
		s := a.Stats()
		if !f.HotspotHeard || s.Emitters > 10_000 {
			t.Errorf("%d a second, each in %d: %+v, %+v", x.perSecond, x.said, f, s)
		}
		if s.Evicted == 0 {
			t.Errorf("%d a second, each in %d: nothing made room: %+v", x.perSecond, x.said, s)
		}
		if e := len(a.site.emitters); e != s.Emitters {
			t.Errorf("%d emitters", e)
		}
	}
}

// What persists makes room for nothing, however long it is silent; and what did
// not get in is counted.
func TestWhatPersistsStays(t *testing.T) {
	const most = 200 // 100 a sensor
	a := listener(table(t), Config{MaxEmitters: most})
	hear := func(second, i int) {
		a.Observe(rf.Observation{TS: at(second), Sensor: "stop", Kind: rf.BLE, Emitter: fmt.Sprintf("c6:00:00:00:%02x:%02x", i>>8, i&255), RSSI: -60})
	}
	for s := range 3 {
		for i := range 90 {
			hear(s, i)
		}
	}
	for s := 3; s < 100; s++ {
		for k := range 20 {
			hear(s, 1000+20*s+k)
		}
	}
	if s := a.Stats(); s.Emitters != 90 || s.Evicted != 0 || s.Dropped != 97*20 {
		t.Fatalf("%+v", s)
	}
}

// The sensors' shares hold, whoever fills them first, and the counts of the table
// are those of what is in it.
func TestSharesHold(t *testing.T) {
	p := table(t)
	a := listener(p, Config{MaxEmitters: 200})
	hear := func(second int, sensor, id string) {
		a.Observe(rf.Observation{TS: at(second), Sensor: sensor, Kind: rf.WiFi, Emitter: id, RSSI: -60, Role: "ap"})
	}
	for s := range 400 {
		for k := range 30 {
			hear(s, "stop", fmt.Sprintf("00:26:b4:00:%02x:%02x", s&255, k))
			hear(s, "stop", fmt.Sprintf("0a:%02x:00:00:%02x:%02x", s>>8, s&255, k))
		}
		hear(s, "up", fmt.Sprintf("0a:ff:00:00:00:%02x", s/100))
		autos, others := 0, 0
		for _, e := range a.site.emitters {
			switch {
			case e.by != 0:
			case e.auto:
				autos++
			default:
				others++
			}
		}
		se := a.site.sensors[0]
		waiting := 0
		for _, q := range []*queue{&se.strangers, &se.strangeAutos} {
			for e := q.oldest; e != nil; e = e.newer {
				waiting++
			}
		}
		if autos+others > 100 || se.shares != autos+others || se.autos != autos || waiting > autos+others {
			t.Fatalf("%d s: %d of vehicles, %d others; counted %d of %d; %d wait", s, autos, others, se.autos, se.shares, waiting)
		}
	}
	if s := a.Stats(); s.Emitters != 101 && s.Emitters != 102 {
		t.Fatalf("%+v", s)
	}
}
