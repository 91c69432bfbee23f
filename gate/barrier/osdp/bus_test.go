package osdp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"

	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
	"sallyport/rf/serial"
)

var wiring = []Input{{0, barrier.ArmDown, false}, {1, barrier.ArmUp, false}, {2, barrier.UnderArm, true}}

func configOf(p *barriertest.PD) ReaderConfig {
	return ReaderConfig{
		Name: "north", Address: p.Address, Key: Key(p.Key), Arm: &ArmOutput{}, Inputs: wiring, Confirm: time.Second,
	}
}

// start runs a line until the test ends or stop is called. told hears what the
// reader tells.
func start(t *testing.T, open func() (serial.Port, error), cfg ReaderConfig) (r *Reader, told chan error, stop func()) {
	t.Helper()
	told = make(chan error, 256)
	cfg.Notify = func(err error) { told <- err }
	r, err := NewReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBus(BusConfig{Name: "line", Open: open, Every: 5 * time.Millisecond}, r)
	if err != nil {
		t.Fatal(err)
	}
	return r, told, run(t, b)
}

func run(t *testing.T, b *Bus) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// next is what the reader tells next.
func next(t *testing.T, told <-chan error, want barrier.Class) error {
	t.Helper()
	select {
	case err := <-told:
		if barrier.ClassOf(err) != want || (err == nil) != (want == "") {
			t.Fatalf("told %v, want %q", err, want)
		}
		return err
	case <-time.After(time.Minute):
		t.Fatalf("nothing was told, want %q", want)
		return nil
	}
}

// bubble runs a test in its own time.
func bubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestArm(t *testing.T) {
	breaks := []barriertest.Break{barriertest.Before, barriertest.After, barriertest.Seized, barriertest.Silent}
	for name, change := range map[string]func(*barriertest.PD, *ReaderConfig){
		"secure channel": nil,
		"plain": func(p *barriertest.PD, cfg *ReaderConfig) {
			p.Plain, cfg.Plain, cfg.Key = true, true, Key{}
		},
		"checksum": func(_ *barriertest.PD, cfg *ReaderConfig) { cfg.Checksum = true },
	} {
		t.Run(name, func(t *testing.T) {
			barriertest.Arm(t, func(t *testing.T) *barriertest.Rig {
				p := barriertest.NewPD(t)
				cfg := configOf(p)
				if change != nil {
					change(p, &cfg)
				}
				r, _, stop := start(t, p.Open, cfg)
				return &barriertest.Rig{Arm: r, Inputs: r, World: p, Stop: stop, Polls: 300 * time.Millisecond, Breaks: breaks}
			})
		})
	}
}

// TestArmOverATerminal has a real terminal between the two.
func TestArmOverATerminal(t *testing.T) {
	barriertest.Arm(t, func(t *testing.T) *barriertest.Rig {
		p := barriertest.NewPD(t)
		far, near, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		name := near.Name()
		first, err := serial.Open(name, 9600) // which makes the terminal raw
		if err != nil {
			t.Fatal(err)
		}
		stopped := make(chan struct{})
		ended := p.On(far, stopped)
		r, _, stop := start(t, func() (serial.Port, error) { return serial.Open(name, 9600) }, configOf(p))
		t.Cleanup(func() {
			stop()
			close(stopped)
			first.Close()
			near.Close()
			far.Close()
			ended.Wait()
		})
		return &barriertest.Rig{
			Arm: r, Inputs: r, World: p, Stop: stop, Polls: 300 * time.Millisecond,
			Breaks: []barriertest.Break{barriertest.Before, barriertest.After, barriertest.Seized, barriertest.Silent},
		}
	})
}

func TestAcquaintance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		r, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		s := r.Status()
		if !s.Up || !s.Secure || s.Repeats != 0 || s.Garbled != 0 {
			t.Errorf("%+v", s)
		}
		if got := s.Identity.String(); got != "00-06-8E model 7.1 serial 12345 firmware 2.3.4" {
			t.Errorf("identity %s", got)
		}
		if got := p.Done(); !bytes.HasPrefix(got, []byte{cmdID, cmdCap, cmdLStat}) {
			t.Errorf("commands % x", got)
		}
	})
}

func TestBadgesComeOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		got := make(chan barrier.Badge, 16)
		cfg := configOf(p)
		cfg.Badge = func(b barrier.Badge) { got <- b }
		_, told, _ := start(t, p.Open, cfg)
		next(t, told, "")
		card := []byte{repRaw, 0, 1, 26, 0, 0xDE, 0xAD, 0xBE, 0xC0}
		for _, how := range []func(){func() {}, func() { p.Lose = 1 }, func() { p.Spoil = 2 }, func() { p.Late = 1 }} {
			p.With(func() {
				p.Events = append(p.Events, card)
				how()
			})
			b := <-got
			if b.Bits != 26 || !bytes.Equal(b.Data, card[5:]) || b.At.IsZero() {
				t.Errorf("badge %+v", b)
			}
			time.Sleep(2 * time.Second)
		}
		p.With(func() { p.Events = append(p.Events, []byte{repKeypad, 0, 4, '1', '2', 0x7F, 0x0D}) })
		if b := <-got; b.Keys != "12*#" || b.Bits != 0 {
			t.Errorf("keys %+v", b)
		}
		p.With(func() { p.Events = append(p.Events, []byte{repFmt, 0, 0, 3, 'A', 'B', 'C'}) })
		if b := <-got; string(b.Data) != "ABC" || b.Bits != 24 {
			t.Errorf("card as text %+v", b)
		}
		time.Sleep(2 * time.Second)
		if len(got) != 0 || len(told) != 0 {
			t.Errorf("%d badges too many; told %d times", len(got), len(told))
		}
		p.With(func() {
			if p.Repeated == 0 {
				t.Error("no answer was ever repeated: nothing was tried")
			}
		})
	})
}

func TestLostGarbledAndLateAnswersAreAskedForAgain(t *testing.T) {
	for name, how := range map[string]func(*barriertest.PD){
		"lost":    func(p *barriertest.PD) { p.Lose = 2 },
		"garbled": func(p *barriertest.PD) { p.Spoil = 2 },
		"late":    func(p *barriertest.PD) { p.Late = 2 },
		"busy":    func(p *barriertest.PD) { p.Busy = 5 },
		"old":     func(p *barriertest.PD) { p.Twice = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := barriertest.NewPD(t)
				r, told, _ := start(t, p.Open, configOf(p))
				next(t, told, "")
				before := len(p.Done())
				p.With(func() { how(p) })
				if err := r.Tell(t.Context(), barrier.Notice{Signal: barrier.Green, Text: "PROCEED", Beeps: 2}); err != nil {
					t.Fatal(err)
				}
				p.With(func() {
					if len(p.Shown) != 3 {
						t.Errorf("shown %d times, want each part once: % x", len(p.Shown), p.Shown)
					}
				})
				time.Sleep(time.Second)
				if len(told) != 0 {
					t.Errorf("told %v", <-told)
				}
				if len(p.Done()) <= before {
					t.Error("no longer polled")
				}
			})
		})
	}
}

func TestPanel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		r, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		if err := r.Tell(t.Context(), barrier.Notice{Signal: barrier.Red, Text: "STOP", Beeps: 3}); err != nil {
			t.Fatal(err)
		}
		p.With(func() {
			want := "[69 00 00 00 00 00 00 00 00 00 01 01 00 01 01 6b 00 01 00 01 01 04 53 54 4f 50 6a 00 02 02 01 03]"
			if got := fmt.Sprintf("[% x]", bytes.Join(p.Shown, nil)); got != want {
				t.Errorf("shown %s, want %s", got, want)
			}
			p.Shown = nil
		})
		for _, n := range []barrier.Notice{{Beeps: 11}, {Beeps: -1}, {Text: strings.Repeat("x", 33)}, {Text: "ł"}, {Text: "\n"}} {
			if err := r.Tell(t.Context(), n); barrier.ClassOf(err) != barrier.Rejected {
				t.Errorf("%+v: error %v", n, err)
			}
		}
	})
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		p.Caps = []byte{capLED, 1, 1, capSecurity, 1, 1}
		cfg := configOf(p)
		cfg.Arm, cfg.Inputs = nil, nil
		r, told, _ := start(t, p.Open, cfg)
		next(t, told, "")
		if err := r.Tell(t.Context(), barrier.Notice{Signal: barrier.Red, Text: "STOP", Beeps: 3}); err != nil {
			t.Fatal(err)
		}
		p.With(func() {
			if len(p.Shown) != 1 || p.Shown[0][0] != cmdLED {
				t.Errorf("a reader with an LED alone was shown % x", p.Shown)
			}
		})
		if err := r.Raise(t.Context(), "p1"); barrier.ClassOf(err) != barrier.Rejected || barrier.EffectOf(err) != barrier.NotMoved {
			t.Errorf("error %v, want rejected", err)
		}
	})
}

func TestRefusalsOfTheReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		r, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		p.With(func() { p.Naks = []byte{cmdLED} })
		err := r.Tell(t.Context(), barrier.Notice{Signal: barrier.Red})
		if nak, ok := errors.AsType[Nak](err); !ok || nak != nakRecord || barrier.ClassOf(err) != barrier.Rejected {
			t.Fatalf("error %v, want the reader's refusal", err)
		}
		if err := r.Tell(t.Context(), barrier.Notice{Signal: barrier.Red}); err != nil {
			t.Errorf("after a refusal: %v", err)
		}
		if len(told) != 0 {
			t.Errorf("a refusal ended the channel: %v", <-told)
		}
	})
}

func TestRebootOfTheReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		r, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		p.Reboot()
		next(t, told, barrier.Rejected)
		next(t, told, "")
		if !r.Status().Secure {
			t.Error("no channel after the reader came back")
		}
	})
}

func TestTamperAndSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		var events []barrier.Event
		cfg := configOf(p)
		cfg.Events = func(e barrier.Event) {
			if e.Point == barrier.Tamper {
				events = append(events, e)
			}
		}
		r, told, stop := start(t, p.Open, cfg)
		next(t, told, "")
		p.With(func() { p.Events = append(p.Events, []byte{repLStat, 1, 1}) })
		time.Sleep(time.Second)
		if !r.Status().Power {
			t.Error("the failure of the supply was not seen")
		}
		p.Break(barriertest.Silent)
		next(t, told, barrier.Offline)
		// It is looked for again with growing pauses: each try is one question.
		time.Sleep(time.Minute)
		p.Break(barriertest.Works)
		next(t, told, "")
		stop()
		var got []string
		for _, e := range events {
			got = append(got, e.Level.String())
		}
		if s := strings.Join(got, " "); s != "off on unknown off unknown" {
			t.Errorf("tamper told %s", s)
		}
	})
}

func TestAnotherReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		r, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		p.Reboot()
		p.With(func() { p.Identity[5]++ })
		next(t, told, barrier.Rejected)
		err := next(t, told, barrier.Replaced)
		if !strings.Contains(err.Error(), "serial 12346") || !strings.Contains(err.Error(), "serial 12345") {
			t.Errorf("%v does not name both", err)
		}
		if err := r.Tell(t.Context(), barrier.Notice{}); barrier.ClassOf(err) != barrier.Offline {
			t.Errorf("another reader was used: %v", err)
		}
		p.With(func() { p.Identity[5]-- })
		next(t, told, "")
	})
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		cfg := configOf(p)
		cfg.Identity = &Identity{Vendor: [3]byte{0, 6, 0x8E}, Model: 7, Serial: 12345, Firmware: [3]uint8{9, 9, 9}}
		_, told, _ := start(t, p.Open, cfg)
		next(t, told, "") // newer firmware is the same reader
	})
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		cfg := configOf(p)
		cfg.Identity = &Identity{Vendor: [3]byte{0, 6, 0x8E}, Model: 7, Serial: 1}
		_, told, _ := start(t, p.Open, cfg)
		next(t, told, barrier.Replaced)
	})
}

func TestInsecureReadersAreRefused(t *testing.T) {
	for name, change := range map[string]func(*barriertest.PD){
		"the install-mode key":    func(p *barriertest.PD) { p.Install = true },
		"another key":             func(p *barriertest.PD) { p.Key[3] ^= 1 },
		"no channel at all":       func(p *barriertest.PD) { p.Caps = []byte{capLED, 1, 1} },
		"a channel without a key": func(p *barriertest.PD) { p.Caps = []byte{capSecurity, 0, 0} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := barriertest.NewPD(t)
				cfg := configOf(p)
				change(p)
				r, told, _ := start(t, p.Open, cfg)
				if err := next(t, told, barrier.Insecure); p.Install && !errors.Is(err, errOpen) {
					t.Errorf("%v does not say that the key is everybody's", err)
				}
				time.Sleep(time.Minute)
				if r.Status().Up || len(told) != 0 {
					t.Errorf("%+v; told %d times", r.Status(), len(told))
				}
				p.With(func() {
					if bytes.ContainsAny(p.Commands, string([]byte{cmdPoll, cmdOut, cmdLED})) {
						t.Errorf("it was used: % x", p.Commands)
					}
				})
			})
		})
	}
}

// TestAnswersOutsideTheChannel has somebody on the line who answers in the open,
// with the right number, while the reader is away.
func TestAnswersOutsideTheChannel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		badges := 0
		cfg := configOf(p)
		cfg.Badge = func(barrier.Badge) { badges++ }
		_, told, _ := start(t, p.Open, cfg)
		next(t, told, "")
		p.With(func() {
			forged := Frame{Address: p.Address, Reply: true, CRC: true, Sequence: uint8(p.Next), Code: repRaw, Data: []byte{0, 1, 8, 0, 0xAA}}
			b := forged.Append(nil)
			p.Lose = 1
			time.AfterFunc(10*time.Millisecond, func() { p.Out <- b })
		})
		next(t, told, barrier.Insecure)
		next(t, told, "")
		if badges != 0 {
			t.Error("a badge from outside the channel was believed")
		}
	})
}

// TestForgedAnswersInTheChannel has somebody change answers on their way.
func TestForgedAnswersInTheChannel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		_, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		for range 3 {
			p.With(func() { p.Forge = 1 })
			next(t, told, barrier.Insecure)
			next(t, told, "")
		}
	})
}

func TestNewKey(t *testing.T) {
	other := Key([]byte("another key, new"))
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		r, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		for _, k := range []Key{installKey, {}} {
			if err := r.SetKey(t.Context(), k); barrier.ClassOf(err) != barrier.Rejected {
				t.Errorf("%x: error %v, want rejected", k, err)
			}
		}
		if err := r.SetKey(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		p.With(func() {
			if p.Key != other {
				t.Errorf("key %x", p.Key)
			}
		})
		if err := r.Tell(t.Context(), barrier.Notice{}); err != nil || !r.Status().Secure {
			t.Errorf("with the new key: %v", err)
		}
		p.Reboot()
		next(t, told, barrier.Rejected)
		next(t, told, "")
	})
	for name, how := range map[string]func(*barriertest.PD){
		"taken, and no answer": func(p *barriertest.PD) { p.Lose = tries },
		"never heard":          func(p *barriertest.PD) { p.How = barriertest.Silent },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := barriertest.NewPD(t)
				r, told, _ := start(t, p.Open, configOf(p))
				next(t, told, "")
				p.With(func() { how(p) })
				if err := r.SetKey(t.Context(), other); err == nil {
					t.Fatal("no error, though no answer came")
				}
				p.Break(barriertest.Works)
				for deadline := time.Now().Add(time.Minute); !r.Status().Up && time.Now().Before(deadline); {
					<-told
				}
				if !r.Status().Secure {
					t.Error("neither key was found again")
				}
			})
		})
	}
	p := barriertest.NewPD(t)
	cfg := configOf(p)
	cfg.Plain, cfg.Key = true, Key{}
	r, err := NewReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetKey(t.Context(), other); barrier.ClassOf(err) != barrier.Insecure {
		t.Errorf("in the open: error %v", err)
	}
}

// TestTwoReaders has one that is never there beside one that is.
func TestTwoReaders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		told, absent := make(chan error, 64), make(chan error, 64)
		cfg := configOf(p)
		cfg.Notify = func(err error) { told <- err }
		here, err := NewReader(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Address, cfg.Name = 3, "absent"
		cfg.Notify = func(err error) { absent <- err }
		away, err := NewReader(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewBus(BusConfig{Name: "line", Open: p.Open}, away, here)
		if err != nil {
			t.Fatal(err)
		}
		run(t, b)
		next(t, absent, barrier.Offline)
		next(t, told, "")
		before := len(p.Done())
		time.Sleep(time.Minute)
		// A round takes 50 ms, or 250 ms where the absent one is asked.
		if n := len(p.Done()) - before; n < 1000 {
			t.Errorf("%d commands a minute beside an absent reader", n)
		}
		if len(told) != 0 || len(absent) != 0 {
			t.Errorf("told %d and %d times", len(told), len(absent))
		}
		if err := here.Raise(t.Context(), "p1"); err != nil {
			t.Error(err)
		}
		if err := away.Raise(t.Context(), "p1"); barrier.ClassOf(err) != barrier.Unread {
			t.Errorf("error %v, want unread", err)
		}
	})
}

func TestCablePulled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := barriertest.NewPD(t)
		r, told, _ := start(t, p.Open, configOf(p))
		next(t, told, "")
		p.With(func() { close(p.Pull) })
		err := next(t, told, barrier.Offline)
		if !errors.Is(err, serial.ErrGone) {
			t.Errorf("%v does not say that the line is gone", err)
		}
		if err := r.Tell(t.Context(), barrier.Notice{}); barrier.ClassOf(err) != barrier.Offline || barrier.EffectOf(err) != barrier.NotMoved {
			t.Errorf("error %v, want offline and not moved", err)
		}
		p.With(func() { p.Pull = make(chan struct{}) })
		next(t, told, "")
	})
}

func TestRefusedConfigurations(t *testing.T) {
	p := barriertest.NewPD(t)
	for want, change := range map[string]func(*ReaderConfig){
		"address 127":       func(c *ReaderConfig) { c.Address = 127 },
		"declared plain":    func(c *ReaderConfig) { c.Plain = true },
		"install-mode":      func(c *ReaderConfig) { c.Key = installKey },
		"all zeros":         func(c *ReaderConfig) { c.Key = Key{} },
		"twice":             func(c *ReaderConfig) { c.Inputs = append(c.Inputs[:1:1], c.Inputs[0]) },
		"own tamper":        func(c *ReaderConfig) { c.Inputs = []Input{{0, barrier.Tamper, false}} },
		"a pulse of":        func(c *ReaderConfig) { c.Arm = &ArmOutput{Length: time.Hour} },
		"neither arm-down":  func(c *ReaderConfig) { c.Inputs = nil },
		"confirm is negati": func(c *ReaderConfig) { c.Confirm = -1 },
	} {
		cfg := configOf(p)
		change(&cfg)
		if _, err := NewReader(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	a, err := NewReader(configOf(p))
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewReader(configOf(p))
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() (*Bus, error){
		"same address": func() (*Bus, error) { return NewBus(BusConfig{Open: p.Open}, a, b) },
		"no line":      func() (*Bus, error) { return NewBus(BusConfig{}, a) },
		"no reader":    func() (*Bus, error) { return NewBus(BusConfig{Open: p.Open}) },
	} {
		if _, err := try(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	bus, err := NewBus(BusConfig{Open: p.Open}, a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewBus(BusConfig{Open: p.Open}, a); err == nil {
		t.Error("a reader on two lines")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := bus.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := bus.Run(ctx); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("ran twice: %v", err)
	}
	if err := a.Tell(t.Context(), barrier.Notice{}); barrier.ClassOf(err) != barrier.Ended {
		t.Errorf("error %v, want ended", err)
	}
}
