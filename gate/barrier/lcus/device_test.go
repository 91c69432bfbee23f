package lcus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
	"sallyport/rf/serial"
)

// board is a relay board on the far end of a pseudo-terminal, with an arm behind
// it that answers to the beginning of a pulse.
type board struct {
	t        *testing.T
	model    *barriertest.Model
	contacts *barrier.Contacts
	far      *os.File
	name     string

	mu    sync.Mutex
	how   barriertest.Break
	relay bool
	heard []string
	rest  []byte
}

var allPoints = []barrier.Point{barrier.ArmDown, barrier.ArmUp, barrier.UnderArm}

func newBoard(t *testing.T, kind Kind) *board {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	b := &board{t: t, far: far, name: near.Name(), contacts: barrier.NewContacts(nil, allPoints...)}
	raw(t, near)
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	b.model = barriertest.NewModel(30*time.Millisecond, func(p barrier.Point, on bool) {
		if b.state() != barriertest.Silent {
			b.contacts.Set(time.Now(), barrier.Reading{p: barrier.LevelOf(on)})
		}
	})
	b.readContacts()
	var ended sync.WaitGroup
	ended.Go(func() {
		buf := make([]byte, 64)
		for {
			n, err := far.Read(buf)
			if n > 0 {
				b.take(kind, buf[:n])
			}
			if errors.Is(err, os.ErrClosed) {
				return
			}
			if err != nil {
				// Nobody has the line open: it can be opened again.
				select {
				case <-t.Context().Done():
				case <-time.After(time.Millisecond):
				}
			}
		}
	})
	t.Cleanup(func() {
		far.Close()
		ended.Wait()
		b.model.Stop()
	})
	return b
}

// raw keeps the terminal from changing bytes before a driver sets it up.
func raw(t *testing.T, f *os.File) {
	t.Helper()
	tio, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, tio); err != nil {
		t.Fatal(err)
	}
}

func (b *board) open() (serial.Port, error) { return serial.Open(b.name, Baud) }

func (b *board) state() barriertest.Break {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.how
}

func (b *board) take(kind Kind, in []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest = append(b.rest, in...)
	size := 4
	if kind == HW667 {
		size = 1
	}
	for len(b.rest) >= size {
		f := b.rest[:size]
		b.rest = b.rest[size:]
		b.heard = append(b.heard, fmt.Sprintf("% x", f))
		var on bool
		switch {
		case kind == HW667:
			on = f[0] == 0xCC
		case f[0] != 0xA0 || f[3] != f[0]+f[1]+f[2]:
			b.t.Errorf("no command of the board: % x", f)
			continue
		case f[1] != 1:
			continue // another channel
		default:
			on = f[2] == 1
		}
		if b.how == barriertest.Before {
			continue
		}
		if on && !b.relay {
			go b.model.Pulse()
		}
		b.relay = on
	}
}

func (b *board) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.heard, ", ")
}

func (b *board) readContacts() {
	r := barrier.Reading{}
	for _, p := range allPoints {
		r[p] = barrier.LevelOf(b.model.On(p))
	}
	b.contacts.Set(time.Now(), r)
}

func (b *board) Pulses() int                  { return b.model.Pulses() }
func (b *board) Set(p barrier.Point, on bool) { b.model.Set(p, on) }
func (b *board) Lower()                       { b.model.Lower() }

func (b *board) Break(how barriertest.Break) {
	b.mu.Lock()
	b.how = how
	b.mu.Unlock()
	b.model.Seize(how == barriertest.Seized)
	if how == barriertest.Silent {
		b.contacts.Lost(time.Now())
	} else {
		b.readContacts()
	}
}

func start(t *testing.T, cfg Config) (d *Device, stop func()) {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan error, 64)
	notify := cfg.Notify
	d.cfg.Notify = func(err error) {
		up <- err
		if notify != nil {
			notify(err)
		}
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
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	return d, stop
}

func TestArm(t *testing.T) {
	barriertest.Arm(t, func(t *testing.T) *barriertest.Rig {
		b := newBoard(t, LCUS)
		d, stop := start(t, Config{Name: "north", Open: b.open, Length: 20 * time.Millisecond, Contacts: b.contacts, Confirm: 2 * time.Second})
		return &barriertest.Rig{
			Arm: d, Inputs: b.contacts, World: b, Stop: stop, Polls: 100 * time.Millisecond,
			Breaks: []barriertest.Break{barriertest.Before, barriertest.Seized, barriertest.Silent},
		}
	})
}

func TestBytes(t *testing.T) {
	for _, x := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"first channel", Config{}, "a0 01 00 a1, a0 01 01 a2, a0 01 00 a1"},
		{"third channel", Config{Channel: 3}, "a0 03 00 a3, a0 03 01 a4, a0 03 00 a3"},
		{"hw-667", Config{Kind: HW667}, "bb, cc, bb"},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := newBoard(t, x.cfg.Kind)
			cfg := x.cfg
			cfg.Name, cfg.Open, cfg.Contacts = "north", b.open, b.contacts
			if cfg.Kind == "" {
				cfg.Length = 10 * time.Millisecond
			}
			d, _ := start(t, cfg)
			if cfg.Channel == 3 {
				// The arm stands behind the first channel: nothing confirms this one.
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				if err := d.Raise(ctx, "p1"); barrier.ClassOf(err) != barrier.Unconfirmed {
					t.Errorf("error %v, want unconfirmed", err)
				}
			} else if err := d.Raise(t.Context(), "p1"); err != nil {
				t.Error(err)
			}
			await(t, x.want, b.said)
		})
	}
}

func TestStopEndsThePulse(t *testing.T) {
	b := newBoard(t, LCUS)
	d, stop := start(t, Config{Name: "north", Open: b.open, Length: MaxLength, Contacts: b.contacts})
	if err := d.Raise(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	b.model.Lower()
	if err := d.Raise(t.Context(), "p2"); barrier.ClassOf(err) != barrier.Busy || barrier.EffectOf(err) != barrier.NotMoved {
		t.Errorf("during a pulse: error %v, want busy and not moved", err)
	}
	stop()
	await(t, "a0 01 00 a1, a0 01 01 a2, a0 01 00 a1", b.said)
}

// cable is a line that can be pulled in the middle of a pulse.
type cable struct {
	mu      sync.Mutex
	written bytes.Buffer
	pulled  chan struct{}
	opened  int
	bad     bool
}

func (c *cable) Read([]byte) (int, error) {
	c.mu.Lock()
	pulled := c.pulled
	c.mu.Unlock()
	select {
	case <-pulled:
		return 0, serial.ErrGone
	case <-time.After(serial.ReadTimeout):
		return 0, nil
	}
}

func (c *cable) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bad {
		return 0, serial.ErrGone
	}
	return c.written.Write(b)
}

func (c *cable) Close() error { return nil }

func TestCablePulledDuringAPulse(t *testing.T) {
	c := &cable{pulled: make(chan struct{})}
	contacts := barrier.NewContacts(nil, barrier.ArmDown)
	contacts.Set(time.Now(), barrier.Reading{barrier.ArmDown: barrier.On})
	told := make(chan error, 16)
	d, _ := start(t, Config{
		Name: "north", Length: MaxLength, Contacts: contacts, Notify: func(err error) { told <- err },
		Open: func() (serial.Port, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.opened++
			if c.opened > 1 {
				c.pulled = make(chan struct{})
				c.bad = false
			}
			return c, nil
		},
	})
	<-told
	done := make(chan error, 1)
	go func() { done <- d.Raise(t.Context(), "p1") }()
	await(t, fmt.Sprintf("% x", append(Frame(1, false), Frame(1, true)...)), func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		return fmt.Sprintf("% x", c.written.Bytes())
	})
	contacts.Set(time.Now(), barrier.Reading{barrier.ArmDown: barrier.Off})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.bad = true
	close(c.pulled)
	c.mu.Unlock()
	if err := <-told; barrier.ClassOf(err) != barrier.Stuck {
		t.Fatalf("told %v, want stuck: the relay is still on", err)
	}
	contacts.Set(time.Now(), barrier.Reading{barrier.ArmDown: barrier.On})
	if err := d.Raise(t.Context(), "p2"); barrier.ClassOf(err) != barrier.Offline || barrier.EffectOf(err) != barrier.NotMoved {
		t.Errorf("without a cable: error %v, want offline and not moved", err)
	}
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !bytes.HasSuffix(c.written.Bytes(), Frame(1, false)) {
		t.Errorf("written % x, which leaves the relay on", c.written.Bytes())
	}
}

func TestNewRefuses(t *testing.T) {
	open := func() (serial.Port, error) { return nil, errors.New("none") }
	good := Config{Name: "n", Open: open, Contacts: barrier.NewContacts(nil, barrier.ArmDown)}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"kind":           func(c *Config) { c.Kind = "x" },
		"channel 9":      func(c *Config) { c.Channel = 9 },
		"one channel":    func(c *Config) { c.Kind, c.Channel = HW667, 2 },
		"pulses of 1s":   func(c *Config) { c.Kind, c.Length = HW667, time.Minute },
		"a pulse of":     func(c *Config) { c.Length = time.Minute },
		"no serial line": func(c *Config) { c.Open = nil },
		"neither":        func(c *Config) { c.Contacts = nil },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func await(t *testing.T, want string, got func() string) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for got() != want {
		select {
		case <-look.C:
		case <-limit.C:
			t.Fatalf("%q, want %q", got(), want)
		}
	}
}
