package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
	"sallyport/rf/serial"
)

const readerLaneSite = `
site = "wired"
name = "Wired"
policy = "paper-baseline"
retention_days = 30
[[device]]
id = "reader"
kind = "osdp"
port = "%s"
address = 101
key_file = "reader.key"
[[lane]]
id = "north"
name = "North"
zone = "restricted"
market = "US"
turn_out = "Bay"
[lane.arm]
kind = "osdp"
device = "reader"
output = 0
confirm = "3s"
[[lane.input]]
point = "arm-down"
device = "reader"
input = 0
[[lane.input]]
point = "arm-up"
device = "reader"
input = 1
[[lane.input]]
point = "under-arm"
device = "reader"
input = 2
inverted = true
[[lane.panel]]
device = "reader"
language = "pl"
`

// readerLane is a running site of one lane with a reader on a terminal, at whose
// output the arm is.
type readerLane struct {
	wiredLane
	pd    *barriertest.PD
	close func() // pulls the cable
}

func newReaderLane(t *testing.T) *readerLane {
	t.Helper()
	l := &readerLane{wiredLane: wiredLane{t: t, dir: filepath.Join(t.TempDir(), "site")}, pd: barriertest.NewPD(t)}
	if out, err := command(t, "", "init", "--data", l.dir, "--site", "wired", "--name", "Wired"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	l.link = filepath.Join(l.dir, "line")
	for name, text := range map[string]string{siteFile: fmt.Sprintf(readerLaneSite, l.link), "reader.key": hex.EncodeToString(l.pd.Key[:]) + "\n"} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.token = addDevice(t, l.dir, "kiosk", "north")
	l.plug()
	l.start()
	return l
}

// plug connects the reader, as udev does: a new terminal under the old name.
func (l *readerLane) plug() {
	l.t.Helper()
	master, near, err := pty.Open()
	if err != nil {
		l.t.Fatal(err)
	}
	// A reading that waits must end when the cable is pulled.
	syscall.ForkLock.RLock()
	fd, err := syscall.Dup(int(master.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd) // the program must not hold its own line open
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		err = errors.Join(syscall.SetNonblock(fd, true), master.Close())
	}
	if err != nil {
		l.t.Fatal(err)
	}
	far := os.NewFile(uintptr(fd), "reader")
	raw, err := serial.Open(near.Name(), 9600) // which makes the terminal raw
	if err != nil {
		l.t.Fatal(err)
	}
	stop := make(chan struct{})
	ended := l.pd.On(far, stop)
	if err := os.Symlink(near.Name(), l.link); err != nil {
		l.t.Fatal(err)
	}
	done := false
	l.close = func() {
		if done {
			return
		}
		done = true
		close(stop)
		_ = os.Remove(l.link)
		_ = far.Close()
		ended.Wait()
		_, _ = raw.Close(), near.Close()
	}
	l.t.Cleanup(l.close)
}

// shows waits until the reader's display has shown a text.
func (l *readerLane) shows(ctx context.Context, text string) {
	l.t.Helper()
	waitFor(ctx, l.t, func() (ok bool) {
		l.pd.With(func() {
			ok = slices.ContainsFunc(l.pd.Shown, func(b []byte) bool { return b[0] == 0x6B && strings.HasSuffix(string(b), text) })
		})
		return ok
	})
}

// arrives presents a vehicle and returns its passage.
func (l *readerLane) arrives(ctx context.Context, vin string) gate.PassageID {
	l.t.Helper()
	var a struct {
		Passage gate.PassageID `json:"passage"`
	}
	if code, err := l.prog.call(ctx, http.MethodPost, "/api/v1/lanes/north/arrivals", l.token, map[string]any{"vin": vin}, &a); err != nil || code != http.StatusCreated {
		l.t.Fatalf("arrival: %d %v\n%s", code, err, l.prog.logs)
	}
	return a.Passage
}

// TestReaderLane takes a vehicle through a lane whose arm, contacts and display are
// those of a reader, on a real terminal and in the secure channel; the line loses
// answers meanwhile, and the reader starts anew.
func TestReaderLane(t *testing.T) {
	l := newReaderLane(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	l.state(ctx, "reader", deviceWorks)
	l.until(ctx, gate.Idle)

	// A card is held to it twice: personal data, which is counted and kept nowhere.
	l.pd.With(func() {
		for range 2 {
			l.pd.Events = append(l.pd.Events, []byte{0x50, 0, 1, 26, 0, 0xDE, 0xAD, 0xBE, 0xC0})
		}
	})
	waitFor(ctx, t, func() bool { return l.devices()["reader"].Read == 2 })
	if strings.Contains(strings.ToLower(l.prog.logs.String()), "deadbe") {
		t.Error("the card is in the log")
	}

	id := l.arrives(ctx, civic(1))
	l.shows(ctx, "PROSZE CZEKAC")
	l.pd.With(func() { l.pd.Lose = 1 })
	waitFor(ctx, t, func() bool { return l.devices()["reader"].Lost > 0 })
	if d := l.devices()["reader"]; d.State != deviceWorks || d.Faults != 0 {
		t.Errorf("one lost answer: %+v", d)
	}
	if l.pd.Pulses() != 0 {
		t.Fatal("the arm moved before anybody acted")
	}
	l.open(ctx, id)
	l.shows(ctx, "PROSZE JECHAC")
	waitFor(ctx, t, func() bool { return l.view(ctx).Arm == gate.ArmOpen })
	if n := l.pd.Pulses(); n != 1 {
		t.Fatalf("%d pulses, want 1", n)
	}
	l.pd.Set(barrier.UnderArm, true)
	l.seen(ctx)
	l.pd.Set(barrier.UnderArm, false)
	l.seen(ctx)
	l.pd.Lower()
	l.until(ctx, gate.Idle)

	// It is switched off and on: another acquaintance, another channel.
	l.pd.Reboot()
	waitFor(ctx, t, func() bool { d := l.devices()["reader"]; return d.Faults == 1 && d.State == deviceWorks })
	rec := l.record(id)
	if rec.Outcome == nil || rec.Outcome.Ending != gate.EndAdmitted {
		t.Errorf("outcome %+v", rec.Outcome)
	}
	if n := l.pd.Pulses(); n != 1 {
		t.Errorf("%d pulses in the end, want 1", n)
	}
}

// seen waits until the program has read the reader's inputs several times.
func (l *readerLane) seen(ctx context.Context) {
	l.t.Helper()
	before := l.devices()["reader"].LastSeen
	waitFor(ctx, l.t, func() bool { return l.devices()["reader"].LastSeen.Sub(before) > 500*time.Millisecond })
}

// TestReaderThatIsNotToBeTrusted breaks the reader in every way while a vehicle
// waits: a person is told each time, and the arm is never raised, nor twice.
func TestReaderThatIsNotToBeTrusted(t *testing.T) {
	l := newReaderLane(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	l.state(ctx, "reader", deviceWorks)
	id := l.arrives(ctx, civic(1))
	fails := func(class barrier.Class) {
		t.Helper()
		waitFor(ctx, t, func() bool { return l.devices()["reader"].Fault == string(class) })
		waitFor(ctx, t, func() bool {
			v := l.view(ctx)
			return v.Notice == gate.NoticeDevice || v.Notice == gate.NoticeArm
		})
	}
	for _, way := range []struct {
		class barrier.Class
		how   func(on bool)
	}{
		{barrier.Insecure, func(on bool) { l.pd.Install = on }},             // the key that everybody knows
		{barrier.Insecure, func(bool) { l.pd.Key[3] ^= 1 }},                 // a key of somebody else
		{barrier.Replaced, func(bool) { l.pd.Identity[5] ^= 0x40 }},         // another reader in its place
		{barrier.Insecure, func(bool) { l.pd.Caps[len(l.pd.Caps)-2] ^= 1 }}, // no channel
	} {
		l.pd.With(func() { way.how(true) })
		l.pd.Reboot()
		fails(way.class)
		l.pd.With(func() { way.how(false) })
		l.state(ctx, "reader", deviceWorks)
	}
	l.close()
	fails(barrier.Offline)
	l.plug()
	l.pd.Reboot()
	l.state(ctx, "reader", deviceWorks)
	if n := l.pd.Pulses(); n != 0 {
		t.Fatalf("%d pulses before anybody acted", n)
	}
	// The pulse is given, and its answer gets lost: nobody knows, and a person looks.
	l.pd.Break(barriertest.After)
	l.open(ctx, id)
	waitFor(ctx, t, func() bool { return l.view(ctx).Arm == gate.ArmFault })
	l.pd.Break(barriertest.Works)
	l.pd.Lower()
	l.state(ctx, "reader", deviceWorks)
	l.seen(ctx)
	if n := l.pd.Pulses(); n != 1 {
		t.Errorf("%d pulses, want 1", n)
	}
	if d := l.devices()["reader"]; d.Faults < 6 {
		t.Errorf("%d faults were counted, want 6 and more", d.Faults)
	}
	if rec := l.record(id); rec.Outcome == nil || rec.Outcome.Ending != gate.EndArmFailed {
		t.Errorf("outcome %+v, want arm-failed", rec.Outcome)
	}
}
