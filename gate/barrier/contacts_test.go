package barrier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
)

func TestContactsTellEachChangeOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var told []barrier.Event
		c := barrier.NewContacts(func(e barrier.Event) { told = append(told, e) }, barrier.AtLine, barrier.UnderArm)
		at := time.Unix(1000, 0)
		known := map[barrier.Point]barrier.Level{}
		changes := 0
		for range rapid.IntRange(0, 30).Draw(t, "readings") {
			at = at.Add(time.Second)
			r := barrier.Reading{}
			for _, p := range []barrier.Point{barrier.AtLine, barrier.UnderArm, barrier.ArmUp} {
				if rapid.Bool().Draw(t, "read") {
					r[p] = barrier.Level(rapid.IntRange(0, 2).Draw(t, "level"))
				}
			}
			for p, l := range r {
				if p != barrier.ArmUp && known[p] != l {
					known[p] = l
					changes++
				}
			}
			c.Set(at, r)
		}
		if len(told) != changes {
			t.Fatalf("%d told, %d changes", len(told), changes)
		}
		last := map[barrier.Point]barrier.Level{}
		for _, e := range told {
			if e.Level == last[e.Point] || !e.At.After(e.After) {
				t.Fatalf("%+v after %s", e, last[e.Point])
			}
			last[e.Point] = e.Level
		}
		for p, l := range known {
			if got, _ := c.Level(p); got != l || last[p] != l {
				t.Fatalf("%s is %s, told %s, want %s", p, got, last[p], l)
			}
		}
		if l, _ := c.Level(barrier.ArmUp); l != barrier.Unknown {
			t.Fatal("a point that is not connected was read")
		}
	})
}

func TestForced(t *testing.T) {
	at := time.Unix(1000, 0)
	for _, x := range []struct {
		name string
		has  []barrier.Point
		was  barrier.Reading
		is   barrier.Reading
		want bool
	}{
		{"leaves its place", []barrier.Point{barrier.ArmDown}, barrier.Reading{barrier.ArmDown: barrier.On}, barrier.Reading{barrier.ArmDown: barrier.Off}, true},
		{"comes back", []barrier.Point{barrier.ArmDown}, barrier.Reading{barrier.ArmDown: barrier.Off}, barrier.Reading{barrier.ArmDown: barrier.On}, false},
		{"first reading", []barrier.Point{barrier.ArmDown}, nil, barrier.Reading{barrier.ArmDown: barrier.Off}, false},
		{"device lost", []barrier.Point{barrier.ArmDown}, barrier.Reading{barrier.ArmDown: barrier.On}, barrier.Reading{barrier.ArmDown: barrier.Unknown}, false},
		{"only the upper switch", []barrier.Point{barrier.ArmUp}, barrier.Reading{barrier.ArmUp: barrier.Off}, barrier.Reading{barrier.ArmUp: barrier.On}, true},
		{"the lower switch tells", []barrier.Point{barrier.ArmDown, barrier.ArmUp}, barrier.Reading{barrier.ArmUp: barrier.Off}, barrier.Reading{barrier.ArmUp: barrier.On}, false},
		{"a detector", []barrier.Point{barrier.AtLine}, barrier.Reading{barrier.AtLine: barrier.On}, barrier.Reading{barrier.AtLine: barrier.Off}, false},
	} {
		forced := false
		c := barrier.NewContacts(func(e barrier.Event) { forced = forced || e.Forced }, x.has...)
		c.Set(at, x.was)
		c.Set(at.Add(time.Second), x.is)
		if forced != x.want {
			t.Errorf("%s: forced %v", x.name, forced)
		}
	}
}

// rig is an arm without any device between it and its model.
func rig(t *testing.T, cfg barrier.ArmConfig, has ...barrier.Point) (*barrier.Arm, *barriertest.Model, *barrier.Contacts) {
	t.Helper()
	c := barrier.NewContacts(nil, has...)
	m := barriertest.NewModel(time.Second, func(p barrier.Point, on bool) {
		c.Set(time.Now(), barrier.Reading{p: barrier.LevelOf(on)})
	})
	for _, p := range has {
		c.Set(time.Now(), barrier.Reading{p: barrier.LevelOf(m.On(p))})
	}
	cfg.Name, cfg.Contacts = "arm", c
	if cfg.Pulse == nil {
		cfg.Pulse = func(context.Context) error {
			time.Sleep(time.Millisecond) // in a synctest bubble: a pulse takes its time
			m.Pulse()
			return nil
		}
	}
	a, err := barrier.NewArm(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a, m, c
}

func TestArmBelievesContactsOnly(t *testing.T) {
	for name, x := range map[string]struct {
		has   []barrier.Point
		world func(*barriertest.Model)
		want  barrier.Class
		took  time.Duration
	}{
		"both switches":       {[]barrier.Point{barrier.ArmDown, barrier.ArmUp}, nil, "", time.Second + time.Millisecond},
		"lower switch alone":  {[]barrier.Point{barrier.ArmDown}, nil, "", time.Second/2 + time.Millisecond},
		"upper switch alone":  {[]barrier.Point{barrier.ArmUp}, nil, "", time.Second + time.Millisecond},
		"too slow to be open": {[]barrier.Point{barrier.ArmDown, barrier.ArmUp}, func(m *barriertest.Model) { m.Travel = 30 * time.Second }, barrier.Unconfirmed, barrier.DefaultConfirm},
		"half-way":            {[]barrier.Point{barrier.ArmDown, barrier.ArmUp}, func(m *barriertest.Model) { m.Travel = 10 * time.Second }, barrier.Halfway, barrier.DefaultConfirm},
		"seized":              {[]barrier.Point{barrier.ArmDown}, func(m *barriertest.Model) { m.Seize(true) }, barrier.Unconfirmed, barrier.DefaultConfirm},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, m, _ := rig(t, barrier.ArmConfig{}, x.has...)
				defer m.Stop()
				if x.world != nil {
					x.world(m)
				}
				begun := time.Now()
				err := a.Raise(t.Context(), "p1")
				if barrier.ClassOf(err) != x.want || (err == nil) != (x.want == "") {
					t.Errorf("error %v, want %q", err, x.want)
				}
				if took := time.Since(begun); took != x.took {
					t.Errorf("took %v, want %v", took, x.took)
				}
				if m.Pulses() != 1 {
					t.Errorf("%d pulses", m.Pulses())
				}
			})
		})
	}
}

func TestArmKnowsALongQueueOfPassages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, m, _ := rig(t, barrier.ArmConfig{}, barrier.ArmDown)
		defer m.Stop()
		for i := range 1000 {
			if err := a.Raise(t.Context(), gate.PassageID(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // until its upper switch has been reached
			m.Lower()
			time.Sleep(time.Millisecond)
		}
		for _, id := range []gate.PassageID{"999", "800"} {
			if err := a.Raise(t.Context(), id); barrier.ClassOf(err) != barrier.Twice {
				t.Errorf("%s: error %v, want twice", id, err)
			}
		}
	})
}

func TestArmWithoutAnythingToBelieve(t *testing.T) {
	pulse := func(context.Context) error { return nil }
	for want, cfg := range map[string]barrier.ArmConfig{
		"no output": {Contacts: barrier.NewContacts(nil, barrier.ArmDown)},
		"neither":   {Pulse: pulse, Contacts: barrier.NewContacts(nil, barrier.UnderArm)},
		"neither ":  {Pulse: pulse},
		"negative":  {Pulse: pulse, Contacts: barrier.NewContacts(nil, barrier.ArmUp), Confirm: -1},
	} {
		if _, err := barrier.NewArm(cfg); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func TestPulseThatFails(t *testing.T) {
	cause := errors.New("wire")
	for _, x := range []struct {
		err    error
		class  barrier.Class
		effect barrier.Effect
	}{
		{cause, barrier.Offline, barrier.MayHaveMoved},
		{&barrier.Fault{Device: "d", Class: barrier.Rejected, Effect: barrier.NotMoved, Err: cause}, barrier.Rejected, barrier.NotMoved},
		{&barrier.Fault{Device: "d", Class: barrier.Garbled, Err: cause}, barrier.Garbled, barrier.MayHaveMoved},
	} {
		sent := 0
		a, _, _ := rig(t, barrier.ArmConfig{Pulse: func(context.Context) error { sent++; return x.err }}, barrier.ArmDown)
		err := a.Raise(t.Context(), "p1")
		if barrier.ClassOf(err) != x.class || barrier.EffectOf(err) != x.effect || !errors.Is(err, cause) {
			t.Errorf("%v became %v", x.err, err)
		}
		if err := a.Raise(t.Context(), "p1"); barrier.ClassOf(err) != barrier.Twice || sent != 1 {
			t.Errorf("again: error %v, sent %d times", err, sent)
		}
	}
}

func TestEveryFaultHasItsSentence(t *testing.T) {
	classes := []barrier.Class{
		barrier.Covered, barrier.NotClosed, barrier.Busy, barrier.Twice, barrier.Unread, barrier.Offline, barrier.Rejected,
		barrier.Garbled, barrier.Unconfirmed, barrier.Halfway, barrier.Stuck, barrier.Replaced, barrier.Insecure, barrier.Ended,
	}
	var seen []string
	for _, c := range classes {
		s := (&barrier.Fault{Device: "north arm", Class: c, Effect: barrier.NotMoved}).Sentence()
		if !strings.HasSuffix(s, ".") || slices.Contains(seen, s) || strings.Contains(s, "has failed") || strings.Contains(s, "north") {
			t.Errorf("%s: %q", c, s)
		}
		seen = append(seen, s)
	}
	if s := (&barrier.Fault{Class: barrier.Offline}).Sentence(); !strings.Contains(s, "look at the arm") {
		t.Errorf("an arm that may have moved: %q", s)
	}
	if s := (&barrier.Fault{Class: "new"}).Sentence(); s == "" {
		t.Error("no words for a new class")
	}
	if barrier.EffectOf(errors.New("x")) != barrier.MayHaveMoved || barrier.ClassOf(nil) != "" {
		t.Error("an error of another kind is taken for harmless")
	}
	f := barrier.Faultf("north arm", barrier.Offline, barrier.NotMoved, "line: %w", errors.ErrUnsupported)
	if got := f.Error(); got != "north arm: offline, not moved: line: unsupported operation" || !errors.Is(f, errors.ErrUnsupported) {
		t.Errorf("chain %q", got)
	}
}

func TestNamesOfPoints(t *testing.T) {
	for p := barrier.Approach; p <= barrier.Tamper; p++ {
		if got, ok := barrier.PointOf(p.String()); !ok || got != p {
			t.Errorf("%s is %v", p, got)
		}
	}
	if _, ok := barrier.PointOf("?"); ok || barrier.Point(99).String() != "?" {
		t.Error("a point without a name")
	}
}
