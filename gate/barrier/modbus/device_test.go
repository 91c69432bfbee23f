package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simonvetter/modbus"

	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
)

// The wiring of the boards in these tests.
const (
	coilArm, coilRed, coilGreen = 0, 1, 2
	coils                       = 10
	regArm                      = 4
	inDown, inUp, inUnder       = 0, 1, 2
)

var wiring = []Input{{inDown, barrier.ArmDown, false}, {inUp, barrier.ArmUp, false}, {inUnder, barrier.UnderArm, true}}

// board is a relay board with an arm behind it. It releases its outputs by
// itself, as the boards do that the package drives.
type board struct {
	model  *barriertest.Model
	length time.Duration

	mu     sync.Mutex
	how    barriertest.Break
	mended chan struct{} // closed when the board works again
	coils  map[uint16]bool
	held   bool // the output of the arm is not released
	writes []string
}

func newBoard() *board {
	b := &board{model: barriertest.NewModel(40*time.Millisecond, nil), length: 50 * time.Millisecond, coils: map[uint16]bool{}, mended: make(chan struct{})}
	close(b.mended)
	return b
}

func (b *board) Pulses() int                  { return b.model.Pulses() }
func (b *board) Set(p barrier.Point, on bool) { b.model.Set(p, on) }
func (b *board) Lower()                       { b.model.Lower() }

func (b *board) Break(how barriertest.Break) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.how == barriertest.Works && how != barriertest.Works {
		b.mended = make(chan struct{})
	} else if b.how != barriertest.Works && how == barriertest.Works {
		close(b.mended)
	}
	b.how = how
	b.model.Seize(how == barriertest.Seized)
}

func (b *board) state() (how barriertest.Break, mended <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.how, b.mended
}

// reads waits while the board is silent.
func (b *board) reads() {
	if how, mended := b.state(); how == barriertest.Silent {
		<-mended
	}
}

// write does a write in the way in which the board is broken.
func (b *board) write(what string, arm bool, do func()) error {
	how, mended := b.state()
	switch {
	case how == barriertest.Silent:
		<-mended
		return modbus.ErrServerDeviceFailure // its asker has gone
	case how == barriertest.Before && arm:
		return modbus.ErrServerDeviceBusy
	}
	b.mu.Lock()
	b.writes = append(b.writes, what)
	b.mu.Unlock()
	do()
	if how == barriertest.After && arm {
		<-mended
	}
	return nil
}

func (b *board) pulse() {
	b.setCoil(coilArm, true)
	b.model.Pulse()
	time.AfterFunc(b.length, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.held {
			b.coils[coilArm] = false
		}
	})
}

func (b *board) setCoil(c uint16, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.coils[c] = on
}

func (b *board) coil(c uint16) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.coils[c]
}

// The library's server asks these.

func (b *board) HandleCoils(r *modbus.CoilsRequest) ([]bool, error) {
	if int(r.Addr)+int(max(1, r.Quantity)) > coils {
		return nil, modbus.ErrIllegalDataAddress
	}
	if !r.IsWrite {
		b.reads()
		levels := make([]bool, r.Quantity)
		for i := range levels {
			levels[i] = b.coil(r.Addr + uint16(i))
		}
		return levels, nil
	}
	on := r.Args[0]
	return nil, b.write(fmt.Sprintf("coil %d %v", r.Addr, on), r.Addr == coilArm, func() {
		if r.Addr != coilArm {
			b.setCoil(r.Addr, on)
		} else if on {
			b.pulse()
		}
	})
}

func (b *board) HandleDiscreteInputs(r *modbus.DiscreteInputsRequest) ([]bool, error) {
	b.reads()
	all := []bool{b.model.On(barrier.ArmDown), b.model.On(barrier.ArmUp), !b.model.On(barrier.UnderArm)}
	if int(r.Addr)+int(r.Quantity) > len(all) {
		return nil, modbus.ErrIllegalDataAddress
	}
	return all[r.Addr : r.Addr+r.Quantity], nil
}

func (b *board) HandleHoldingRegisters(r *modbus.HoldingRegistersRequest) ([]uint16, error) {
	if r.Addr != regArm {
		return nil, modbus.ErrIllegalDataAddress
	}
	if !r.IsWrite {
		b.reads()
		if b.coil(coilArm) {
			return []uint16{1}, nil
		}
		return []uint16{0}, nil
	}
	return nil, b.write(fmt.Sprintf("register %d %04x", r.Addr, r.Args[0]), true, b.pulse)
}

func (b *board) HandleInputRegisters(*modbus.InputRegistersRequest) ([]uint16, error) {
	return nil, modbus.ErrIllegalFunction
}

// serve puts the board on a TCP port of this machine.
func (b *board) serve(t *testing.T) (address string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	b.serveAt(t, address)
	return address
}

func (b *board) serveAt(t *testing.T, address string) (stop func()) {
	t.Helper()
	s, err := modbus.NewServer(&modbus.ServerConfiguration{URL: "tcp://" + address, MaxClients: 200, Timeout: time.Minute, Logger: log.New(io.Discard, "", 0)}, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		b.Break(barriertest.Works)
		stop()
		b.model.Stop()
	})
	return stop
}

// start runs a device until the test ends or stop is called.
func start(t *testing.T, cfg Config) (d *Device, stop func()) {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return d, stop
}

func TestArmOverTCP(t *testing.T) {
	for name, pulse := range map[string]*Pulse{
		"coil":     {Address: coilArm, Length: 50 * time.Millisecond},
		"register": {Register: true, Address: regArm, Value: 0x0601, Length: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			barriertest.Arm(t, func(t *testing.T) *barriertest.Rig {
				b := newBoard()
				d, stop := start(t, Config{
					Name: "north", URL: "tcp://" + b.serve(t), Pulse: pulse, Inputs: wiring,
					Every: 5 * time.Millisecond, Timeout: 60 * time.Millisecond, Confirm: 2 * time.Second,
				})
				return &barriertest.Rig{
					Arm: d, Inputs: d, World: b, Stop: stop, Polls: 150 * time.Millisecond,
					Breaks: []barriertest.Break{barriertest.Before, barriertest.After, barriertest.Seized, barriertest.Silent},
				}
			})
		})
	}
}

func TestLampsAreNeverBothLit(t *testing.T) {
	b := newBoard()
	d, _ := start(t, Config{Name: "north", URL: "tcp://" + b.serve(t), Lamps: &Lamps{Red: coilRed, Green: coilGreen}, Inputs: wiring, Every: 5 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	await(t, "red from the start", func() bool { return b.coil(coilRed) })
	for _, s := range []barrier.Signal{barrier.Green, barrier.Red, barrier.Dark, barrier.Green, barrier.Dark} {
		if err := d.Show(ctx, s); err != nil {
			t.Fatal(err)
		}
		if red, green := b.coil(coilRed), b.coil(coilGreen); red != (s == barrier.Red) || green != (s == barrier.Green) {
			t.Errorf("%s: red %v, green %v", s, red, green)
		}
	}
	red, green := false, false
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.writes {
		switch w {
		case "coil 1 true", "coil 1 false":
			red = w == "coil 1 true"
		case "coil 2 true", "coil 2 false":
			green = w == "coil 2 true"
		}
		if red && green {
			t.Fatalf("both lit: %q", b.writes)
		}
	}
}

func TestLampsComeBackWithTheDevice(t *testing.T) {
	b := newBoard()
	address := b.serve(t)
	events := make(chan error, 16)
	d, _ := start(t, Config{
		Name: "north", URL: "tcp://" + address, Lamps: &Lamps{Red: coilRed, Green: coilGreen}, Inputs: wiring,
		Every: 5 * time.Millisecond, Timeout: 50 * time.Millisecond, Notify: func(err error) { events <- err },
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	next := func() error {
		select {
		case err := <-events:
			return err
		case <-ctx.Done():
			t.Fatal("nothing was told")
			return nil
		}
	}
	if err := next(); err != nil {
		t.Fatal(err)
	}
	b.Break(barriertest.Silent)
	if err := next(); barrier.ClassOf(err) != barrier.Offline {
		t.Fatalf("told %v, want offline", err)
	}
	if d.Up() {
		t.Error("up while silent")
	}
	if l, _ := d.Level(barrier.ArmDown); l != barrier.Unknown {
		t.Errorf("arm-down is %s", l)
	}
	if err := d.Show(ctx, barrier.Green); barrier.ClassOf(err) != barrier.Offline {
		t.Fatalf("error %v, want offline", err)
	}
	b.Break(barriertest.Works)
	if err := next(); err != nil {
		t.Fatal(err)
	}
	await(t, "green again", func() bool { return b.coil(coilGreen) && !b.coil(coilRed) })
}

func TestOutputThatStaysOn(t *testing.T) {
	b := newBoard()
	b.held = true
	told := make(chan error, 16)
	d, _ := start(t, Config{
		Name: "north", URL: "tcp://" + b.serve(t), Pulse: &Pulse{Address: coilArm, Length: 20 * time.Millisecond}, Inputs: wiring,
		Every: 5 * time.Millisecond, Confirm: time.Second, Notify: func(err error) { told <- err },
	})
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	if err := d.Raise(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-told:
		if barrier.ClassOf(err) != barrier.Stuck {
			t.Fatalf("told %v, want stuck", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("an output that stays on was not told")
	}
	b.Lower()
	await(t, "a closed arm", func() bool {
		down, _ := d.Level(barrier.ArmDown)
		up, _ := d.Level(barrier.ArmUp)
		return down == barrier.On && up == barrier.Off
	})
	if err := d.Raise(t.Context(), "p2"); barrier.ClassOf(err) != barrier.Stuck || barrier.EffectOf(err) != barrier.NotMoved {
		t.Fatalf("error %v, want stuck and not moved", err)
	}
	b.setCoil(coilArm, false)
	if err := <-told; err != nil {
		t.Fatalf("told %v, want that all is well", err)
	}
	if b.Pulses() != 1 {
		t.Errorf("%d pulses", b.Pulses())
	}
}

func TestEventsTellForcedFromCommanded(t *testing.T) {
	b := newBoard()
	events := make(chan barrier.Event, 64)
	d, stop := start(t, Config{
		Name: "north", URL: "tcp://" + b.serve(t), Pulse: &Pulse{Address: coilArm, Length: 20 * time.Millisecond}, Inputs: wiring,
		Every: 5 * time.Millisecond, Confirm: time.Second, Events: func(e barrier.Event) { events <- e },
	})
	next := func(p barrier.Point, l barrier.Level) barrier.Event {
		t.Helper()
		select {
		case e := <-events:
			if e.Point != p || e.Level != l {
				t.Fatalf("event %s %s, want %s %s", e.Point, e.Level, p, l)
			}
			return e
		case <-time.After(10 * time.Second):
			t.Fatalf("no event, want %s %s", p, l)
			return barrier.Event{}
		}
	}
	next(barrier.UnderArm, barrier.Off)
	next(barrier.ArmDown, barrier.On)
	next(barrier.ArmUp, barrier.Off)
	if err := d.Raise(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	if e := next(barrier.ArmDown, barrier.Off); e.Forced || !e.At.After(e.After) {
		t.Errorf("commanded: %+v", e)
	}
	next(barrier.ArmUp, barrier.On)
	b.model.Set(barrier.ArmUp, false)
	next(barrier.ArmUp, barrier.Off)
	b.model.Set(barrier.ArmDown, true)
	next(barrier.ArmDown, barrier.On)
	b.model.Set(barrier.ArmDown, false)
	if e := next(barrier.ArmDown, barrier.Off); !e.Forced {
		t.Errorf("by hand: %+v", e)
	}
	stop()
	next(barrier.UnderArm, barrier.Unknown)
	next(barrier.ArmDown, barrier.Unknown)
	next(barrier.ArmUp, barrier.Unknown)
}

func TestNewRefuses(t *testing.T) {
	good := func() Config {
		return Config{Name: "n", URL: "tcp://127.0.0.1:1", Pulse: &Pulse{}, Lamps: &Lamps{1, 2}, Inputs: wiring}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"rtu://":                       func(c *Config) { c.URL = "udp://127.0.0.1:1" },
		"parity":                       func(c *Config) { c.Parity = "mark" },
		"timeout":                      func(c *Config) { c.Timeout = 2 * time.Second },
		"negative":                     func(c *Config) { c.Every = -1 },
		"nothing is connected":         func(c *Config) { *c = Config{URL: c.URL} },
		"same coil":                    func(c *Config) { c.Lamps.Green = 0 },
		"stands there twice":           func(c *Config) { c.Inputs = append(slices.Clone(wiring), wiring[0]) },
		"do not fit":                   func(c *Config) { c.Inputs = append(slices.Clone(wiring), Input{Address: 2000, Point: barrier.AtLine}) },
		"neither arm-down nor arm-up":  func(c *Config) { c.Inputs = wiring[2:] },
		"confirm is negative|negative": func(c *Config) { c.Confirm = -1 },
	} {
		cfg := good()
		change(&cfg)
		_, err := New(cfg)
		if err == nil || !slices.ContainsFunc(strings.Split(want, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func TestRunTwiceAndAfter(t *testing.T) {
	d, stop := start(t, Config{Name: "north", URL: "tcp://127.0.0.1:1", Pulse: &Pulse{}, Lamps: &Lamps{1, 2}, Inputs: wiring})
	stop()
	if err := d.Run(t.Context()); err == nil {
		t.Error("ran twice")
	}
	if err := d.Show(t.Context(), barrier.Red); barrier.ClassOf(err) != barrier.Ended {
		t.Errorf("error %v, want ended", err)
	}
}

func TestWhatTheLibrarysErrorsSay(t *testing.T) {
	d, err := New(Config{Name: "north", URL: "tcp://127.0.0.1:1", Pulse: &Pulse{}, Inputs: wiring})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		err    error
		class  barrier.Class
		effect barrier.Effect
	}{
		{modbus.ErrIllegalFunction, barrier.Rejected, barrier.NotMoved},
		{modbus.ErrIllegalDataAddress, barrier.Rejected, barrier.NotMoved},
		{modbus.ErrIllegalDataValue, barrier.Rejected, barrier.NotMoved},
		{modbus.ErrServerDeviceBusy, barrier.Rejected, barrier.NotMoved},
		{modbus.ErrGWPathUnavailable, barrier.Rejected, barrier.NotMoved},
		{modbus.ErrServerDeviceFailure, barrier.Rejected, barrier.MayHaveMoved},
		{modbus.ErrAcknowledge, barrier.Rejected, barrier.MayHaveMoved},
		{modbus.ErrGWTargetFailedToRespond, barrier.Offline, barrier.MayHaveMoved},
		{modbus.ErrRequestTimedOut, barrier.Offline, barrier.MayHaveMoved},
		{modbus.ErrBadCRC, barrier.Garbled, barrier.MayHaveMoved},
		{modbus.ErrShortFrame, barrier.Garbled, barrier.MayHaveMoved},
		{modbus.ErrProtocolError, barrier.Garbled, barrier.MayHaveMoved},
		{modbus.ErrBadUnitId, barrier.Garbled, barrier.MayHaveMoved},
		{io.ErrUnexpectedEOF, barrier.Offline, barrier.MayHaveMoved},
	} {
		got := d.classify(x.err)
		if barrier.ClassOf(got) != x.class || barrier.EffectOf(got) != x.effect || !errors.Is(got, x.err) {
			t.Errorf("%v became %v", x.err, got)
		}
	}
	if err := d.classify(nil); err != nil {
		t.Error(err)
	}
}

// await waits for something that is about to happen.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-limit.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A board that two lanes share keeps them apart: each arm, lamp and contact is
// that of its lane, and an output that stays on stops that lane's arm only.
func TestTwoLanesOfOneBoard(t *testing.T) {
	b := newBoard()
	var mu sync.Mutex
	var told []barrier.Event
	other := barrier.NewContacts(nil, barrier.ArmDown)
	d, _ := start(t, Config{
		Name: "board", URL: "tcp://" + b.serve(t), Pulse: &Pulse{Address: coilArm}, Lamps: &Lamps{Red: coilRed, Green: coilGreen},
		Inputs: wiring, Every: 5 * time.Millisecond, Confirm: 2 * time.Second,
		More: []Lane{{
			Pulse: &Pulse{Address: 7}, Lamps: &Lamps{Red: 8, Green: 9}, Inputs: []Input{{inUnder, barrier.Approach, true}},
			Contacts: other, Confirm: 50 * time.Millisecond,
			Events: func(e barrier.Event) { mu.Lock(); told = append(told, e); mu.Unlock() },
		}},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	first, second := d.Sides()[0], d.Sides()[1]
	if err := first.Contacts().Await(ctx, func(level func(barrier.Point) (barrier.Level, time.Time)) bool {
		l, _ := level(barrier.ArmDown)
		return l == barrier.On
	}); err != nil {
		t.Fatal(err)
	}
	if err := second.Raise(ctx, "p1"); barrier.ClassOf(err) != barrier.Unread {
		t.Fatalf("an arm whose contact another device has not read: %v", err)
	}
	if err := second.Show(ctx, barrier.Green); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	if !b.coils[9] || b.coils[8] || b.coils[coilGreen] {
		t.Errorf("lamps %v", b.coils)
	}
	b.mu.Unlock()
	other.Set(time.Now(), barrier.Reading{barrier.ArmDown: barrier.On})
	if err := second.Raise(ctx, "p2"); barrier.ClassOf(err) != barrier.Unconfirmed {
		t.Fatalf("the second lane's arm, which nothing moves: %v", err)
	}
	if b.Pulses() != 0 {
		t.Error("the first lane's arm felt the second's pulse")
	}
	if err := first.Raise(ctx, "p3"); err != nil || b.Pulses() != 1 {
		t.Errorf("the first lane's arm: %v, %d pulses", err, b.Pulses())
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) == 0 || told[0].Point != barrier.Approach || told[0].Level != barrier.Off {
		t.Errorf("the second lane was told %+v", told)
	}
	for name, more := range map[string]Lane{
		"the first lane's coil": {Lamps: &Lamps{Red: coilArm, Green: 9}},
		"its own coil":          {Pulse: &Pulse{Address: 9}, Lamps: &Lamps{Red: 8, Green: 9}, Inputs: wiring},
		"nothing":               {},
		"far away":              {Pulse: &Pulse{Address: 4000}, Inputs: wiring},
	} {
		if _, err := New(Config{Name: "b", URL: "tcp://127.0.0.1:1", Pulse: &Pulse{Address: coilArm}, Inputs: wiring, More: []Lane{more}}); err == nil {
			t.Errorf("a second lane with %s was accepted", name)
		}
	}
}
