package barriertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier"
)

// Break is a way in which a device fails.
type Break uint8

// The ways.
const (
	Works  Break = iota
	Before       // commands are refused or get lost on the way: no effect
	After        // a command has its effect, and its answer gets lost
	Seized       // a command is taken and answered, and the arm does not move
	Silent       // nothing is answered any more, readings neither
)

// World is what stands around an arm.
type World interface {
	// Pulses is how many pulses the arm's controller has felt.
	Pulses() int
	// Set covers or clears a detector, or moves a limit switch.
	Set(p barrier.Point, on bool)
	// Lower closes the arm.
	Lower()
	// Break makes the device fail from now on, or work again.
	Break(b Break)
}

// Rig is an arm in its world.
type Rig struct {
	Arm    gate.Arm
	Inputs barrier.Inputs
	World  World
	// Stop ends the driver and returns when its Run has.
	Stop func()
	// Breaks are the ways in which this device can fail.
	Breaks []Break
	// Polls is a time in which the driver has read its inputs several times.
	Polls time.Duration
}

// patience is how long a check waits for what must happen.
const patience = 15 * time.Second

// Arm checks a driver. build makes a rig with a closed arm and nothing under it,
// whose confirmation takes two seconds at most; what it starts it ends by t.Cleanup.
func Arm(t *testing.T, build func(t *testing.T) *Rig) {
	can := func(t *testing.T, r *Rig, b Break) {
		t.Helper()
		if !slices.Contains(r.Breaks, b) {
			t.Skipf("this device cannot fail in way %d", b)
		}
	}
	for name, check := range map[string]func(t *testing.T, r *Rig){
		"raised and confirmed": func(t *testing.T, r *Rig) {
			if err := r.raise(t, "p1"); err != nil {
				t.Fatal(err)
			}
			r.pulses(t, 1)
			r.await(t, barrier.ArmDown, barrier.Off)
		},
		"one pulse a passage": func(t *testing.T, r *Rig) {
			if err := r.raise(t, "p1"); err != nil {
				t.Fatal(err)
			}
			r.World.Lower()
			r.await(t, barrier.ArmDown, barrier.On)
			r.await(t, barrier.ArmUp, barrier.Off)
			r.refused(t, barrier.Twice)
			r.pulses(t, 1)
			if err := r.raise(t, "p2"); err != nil {
				t.Fatal(err)
			}
			r.pulses(t, 2)
		},
		"not over a vehicle": func(t *testing.T, r *Rig) {
			r.World.Set(barrier.UnderArm, true)
			r.await(t, barrier.UnderArm, barrier.On)
			r.refused(t, barrier.Covered)
			r.pulses(t, 0)
			r.World.Set(barrier.UnderArm, false)
			r.await(t, barrier.UnderArm, barrier.Off)
			if err := r.raise(t, "p1"); err != nil {
				t.Fatalf("a refusal used the passage up: %v", err)
			}
			r.pulses(t, 1)
		},
		"not an open arm": func(t *testing.T, r *Rig) {
			r.World.Set(barrier.ArmDown, false)
			r.World.Set(barrier.ArmUp, true)
			r.await(t, barrier.ArmUp, barrier.On)
			r.await(t, barrier.ArmDown, barrier.Off)
			r.refused(t, barrier.NotClosed)
			r.pulses(t, 0)
		},
		"fails before the effect": func(t *testing.T, r *Rig) {
			can(t, r, Before)
			r.World.Break(Before)
			if err := r.raise(t, "p1"); err == nil {
				t.Fatal("no error")
			}
			r.World.Break(Works)
			r.still(t, 0)
		},
		"fails after the effect": func(t *testing.T, r *Rig) {
			can(t, r, After)
			r.World.Break(After)
			err := r.raise(t, "p1")
			r.World.Break(Works)
			if err == nil {
				t.Fatal("no error, though no answer came")
			}
			if barrier.EffectOf(err) != barrier.MayHaveMoved {
				t.Fatalf("%v says that nothing moved", err)
			}
			r.still(t, 1)
		},
		"an answer is no proof": func(t *testing.T, r *Rig) {
			can(t, r, Seized)
			r.World.Break(Seized)
			err := r.raise(t, "p1")
			if barrier.ClassOf(err) != barrier.Unconfirmed || barrier.EffectOf(err) != barrier.MayHaveMoved {
				t.Fatalf("error %v, want unconfirmed", err)
			}
			r.World.Break(Works)
			r.still(t, 1)
		},
		"the caller's time is kept": func(t *testing.T, r *Rig) {
			can(t, r, Seized)
			r.World.Break(Seized)
			var err error
			for _, id := range []gate.PassageID{"p1", "p2", "p3"} {
				ctx, cancel := context.WithTimeout(t.Context(), r.Polls)
				err = r.Arm.Raise(ctx, id)
				cancel()
				if barrier.ClassOf(err) != barrier.Offline || r.World.Pulses() != 0 {
					break // else the device was out of reach just then
				}
			}
			if err == nil || barrier.EffectOf(err) != barrier.MayHaveMoved {
				t.Fatalf("error %v, want one after which the arm may have moved", err)
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v, want the deadline in its chain", err)
			}
			r.still(t, 1)
		},
		"an ended context sends nothing": func(t *testing.T, r *Rig) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := r.Arm.Raise(ctx, "p1"); err == nil || barrier.EffectOf(err) != barrier.NotMoved {
				t.Fatalf("error %v, want one that says that nothing moved", err)
			}
			r.still(t, 0)
		},
		"one command at a time": func(t *testing.T, r *Rig) {
			var wg sync.WaitGroup
			errs := make(chan error, 8)
			for i := range cap(errs) {
				wg.Go(func() { errs <- r.raise(t, gate.PassageID(fmt.Sprintf("p%d", i))) })
			}
			wg.Wait()
			close(errs)
			raised := 0
			for err := range errs {
				switch class := barrier.ClassOf(err); {
				case err == nil:
					raised++
				case class != barrier.Busy && class != barrier.NotClosed || barrier.EffectOf(err) != barrier.NotMoved:
					t.Errorf("error %v, want busy or not closed", err)
				}
			}
			if raised != 1 {
				t.Errorf("%d raised, want 1", raised)
			}
			r.pulses(t, 1)
		},
		"nothing is sent blindly": func(t *testing.T, r *Rig) {
			can(t, r, Silent)
			r.World.Break(Silent)
			r.await(t, barrier.ArmDown, barrier.Unknown)
			r.refused(t, barrier.Unread)
			r.World.Break(Works)
			r.await(t, barrier.ArmDown, barrier.On)
			r.await(t, barrier.ArmUp, barrier.Off)
			r.await(t, barrier.UnderArm, barrier.Off)
			r.still(t, 0)
			if err := r.raise(t, "p1"); err != nil {
				t.Fatalf("after the device came back: %v", err)
			}
			r.pulses(t, 1)
		},
		"stopped in time": func(t *testing.T, r *Rig) {
			if slices.Contains(r.Breaks, Silent) {
				r.World.Break(Silent)
			}
			start := time.Now()
			r.Stop()
			// The limit is a promise to people who switch a gate off, so that it
			// is held with room for a machine that is busy.
			took := time.Since(start)
			t.Logf("stopped in %v", took.Round(time.Millisecond))
			if took > 2*barrier.CloseWithin {
				t.Error("took too long")
			}
			err := r.raise(t, "p1")
			if err == nil || barrier.EffectOf(err) != barrier.NotMoved {
				t.Fatalf("error %v, want one that says that nothing moved", err)
			}
			r.pulses(t, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := build(t)
			for p, l := range map[barrier.Point]barrier.Level{barrier.ArmDown: barrier.On, barrier.ArmUp: barrier.Off, barrier.UnderArm: barrier.Off} {
				r.await(t, p, l)
			}
			check(t, r)
		})
	}
}

func (r *Rig) raise(t *testing.T, id gate.PassageID) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return r.calm(ctx, id)
}

// calm raises the arm. Where the device was just then out of reach and nothing was
// sent, as may be on a busy machine, it raises it for another passage.
func (r *Rig) calm(ctx context.Context, id gate.PassageID) error {
	for try := 0; ; try++ {
		before := r.World.Pulses()
		err := r.Arm.Raise(ctx, id)
		lost := barrier.ClassOf(err) == barrier.Offline || barrier.ClassOf(err) == barrier.Unread
		if try == 5 || !lost || barrier.EffectOf(err) != barrier.NotMoved || r.World.Pulses() != before {
			return err
		}
		id += "+"
		select {
		case <-time.After(r.Polls):
		case <-ctx.Done():
			return err
		}
	}
}

// refused checks that p1 is refused before anything is sent.
func (r *Rig) refused(t *testing.T, class barrier.Class) {
	t.Helper()
	raise := r.calm
	if class == barrier.Unread {
		raise = r.Arm.Raise // which calm would not take for an answer
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := raise(ctx, "p1"); barrier.ClassOf(err) != class || barrier.EffectOf(err) != barrier.NotMoved {
		t.Fatalf("error %v, want %s and not moved", err, class)
	}
}

// await waits until the driver has read a level.
func (r *Rig) await(t *testing.T, p barrier.Point, want barrier.Level) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		got, _ := r.Inputs.Level(p)
		if got == want {
			return
		}
		select {
		case <-look.C:
		case <-limit.C:
			t.Fatalf("%s is %s, want %s", p, got, want)
		}
	}
}

func (r *Rig) pulses(t *testing.T, want int) {
	t.Helper()
	if got := r.World.Pulses(); got != want {
		t.Fatalf("%d pulses, want %d", got, want)
	}
}

// still waits for some polls, in which a driver that tries again would, and
// counts the pulses.
func (r *Rig) still(t *testing.T, want int) {
	t.Helper()
	<-time.After(r.Polls)
	r.pulses(t, want)
}
