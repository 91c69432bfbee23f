package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/simonvetter/modbus"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
	"sallyport/gate/sqlite"
)

// relayBoard is a Modbus board over TCP with an arm, lamps and detectors behind
// it. It releases the arm's output by itself.
type relayBoard struct {
	address string
	model   *barriertest.Model

	mu     sync.Mutex
	server *modbus.ModbusServer
	onArm  func() // told of each pulse, before the arm moves
	coils  [3]bool
}

const boardArm, boardRed, boardGreen = 0, 1, 2

// boardPoints are the board's inputs, in order.
var boardPoints = []barrier.Point{barrier.ArmDown, barrier.ArmUp, barrier.UnderArm, barrier.AtLine, barrier.Beyond}

func (b *relayBoard) HandleCoils(r *modbus.CoilsRequest) ([]bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int(r.Addr)+int(r.Quantity) > len(b.coils) {
		return nil, modbus.ErrIllegalDataAddress
	}
	if !r.IsWrite {
		return slices.Clone(b.coils[r.Addr : r.Addr+r.Quantity]), nil
	}
	b.coils[r.Addr] = r.Args[0]
	if r.Addr == boardArm && r.Args[0] {
		if b.onArm != nil {
			b.onArm()
		}
		b.model.Pulse()
		time.AfterFunc(100*time.Millisecond, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.coils[boardArm] = false
		})
	}
	return nil, nil
}

func (b *relayBoard) HandleDiscreteInputs(r *modbus.DiscreteInputsRequest) ([]bool, error) {
	var all []bool
	for _, p := range boardPoints {
		all = append(all, b.model.On(p))
	}
	if int(r.Addr)+int(r.Quantity) > len(all) {
		return nil, modbus.ErrIllegalDataAddress
	}
	return all[r.Addr : r.Addr+r.Quantity], nil
}

func (b *relayBoard) HandleHoldingRegisters(*modbus.HoldingRegistersRequest) ([]uint16, error) {
	return nil, modbus.ErrIllegalFunction
}

func (b *relayBoard) HandleInputRegisters(*modbus.InputRegistersRequest) ([]uint16, error) {
	return nil, modbus.ErrIllegalFunction
}

// lamp tells what the lamps show.
func (b *relayBoard) lamp() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return map[[2]bool]string{{true, false}: "red", {false, true}: "green", {true, true}: "both", {}: "dark"}[[2]bool{b.coils[boardRed], b.coils[boardGreen]}]
}

// plug puts the board on its address, unplug takes it off.
func (b *relayBoard) plug(t *testing.T) {
	t.Helper()
	s, err := modbus.NewServer(&modbus.ServerConfiguration{URL: "tcp://" + b.address, MaxClients: 4, Logger: log.New(io.Discard, "", 0)}, b)
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.server = s
	b.mu.Unlock()
}

func (b *relayBoard) unplug() {
	b.mu.Lock()
	s := b.server
	b.server = nil
	b.mu.Unlock()
	if s != nil {
		_ = s.Stop()
	}
}

func newRelayBoard(t *testing.T) *relayBoard {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &relayBoard{address: free.Addr().String(), model: barriertest.NewModel(200*time.Millisecond, nil)}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	b.plug(t)
	t.Cleanup(func() {
		b.unplug()
		b.model.Stop()
	})
	return b
}

// wiredLane is a running site of one lane with a board and a scanner, and the
// hands of a test on its devices.
type wiredLane struct {
	t     *testing.T
	dir   string
	token string
	board *relayBoard
	gun   *os.File // the scanner's end
	link  string   // the name by which the program opens the scanner
	prog  *running
}

const wiredLaneSite = `
site = "wired"
name = "Wired"
policy = "paper-baseline"
retention_days = 30
[[device]]
id = "board"
kind = "modbus"
url = "tcp://%s"
[[lane]]
id = "north"
name = "North"
zone = "restricted"
market = "US"
turn_out = "Bay"
[lane.arm]
kind = "modbus"
device = "board"
coil = 0
confirm = "3s"
[lane.lamps]
device = "board"
red = 1
green = 2
[[lane.input]]
point = "arm-down"
device = "board"
input = 0
[[lane.input]]
point = "arm-up"
device = "board"
input = 1
[[lane.input]]
point = "under-arm"
device = "board"
input = 2
[[lane.input]]
point = "at-line"
device = "board"
input = 3
[[lane.input]]
point = "beyond"
device = "board"
input = 4
[[lane.scanner]]
name = "gun"
port = "%s"
baud = 9600
`

func newWiredLane(t *testing.T) *wiredLane {
	t.Helper()
	l := &wiredLane{t: t, dir: filepath.Join(t.TempDir(), "site"), board: newRelayBoard(t)}
	if out, err := command(t, "", "init", "--data", l.dir, "--site", "wired", "--name", "Wired"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	l.link = filepath.Join(l.dir, "gun")
	l.plugGun()
	if err := os.WriteFile(filepath.Join(l.dir, siteFile), fmt.Appendf(nil, wiredLaneSite, l.board.address, l.link), 0o600); err != nil {
		t.Fatal(err)
	}
	l.token = addDevice(t, l.dir, "kiosk", "north")
	l.start()
	return l
}

// plugGun plugs a scanner in, as udev does: a new terminal under the old name.
func (l *wiredLane) plugGun() {
	l.t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.Symlink(tty.Name(), l.link); err != nil {
		l.t.Fatal(err)
	}
	l.gun = master
	l.t.Cleanup(func() { _ = master.Close(); _ = tty.Close() })
}

func (l *wiredLane) start() {
	l.t.Helper()
	l.prog = start(l.t, "serve", "--data", l.dir, "--addr", "127.0.0.1:0")
}

// devices asks the program how its devices are, as the command does.
func (l *wiredLane) devices() map[string]deviceHealth {
	l.t.Helper()
	call, end, err := reach(context.Background(), l.dir, func(*sqlite.Store) (map[string]operation, error) {
		return nil, errors.New("the site does not run")
	})
	var a devicesAnswer
	if err == nil {
		err = errors.Join(call(opDevices, struct{}{}, &a), end())
	}
	if err != nil {
		l.t.Fatalf("devices: %v\n%s", err, l.prog.logs)
	}
	by := map[string]deviceHealth{}
	for _, d := range a.Devices {
		by[d.Device] = d
	}
	return by
}

// state waits until a device is in a state.
func (l *wiredLane) state(ctx context.Context, device, state string) {
	l.t.Helper()
	waitFor(ctx, l.t, func() bool { return l.devices()[device].State == state })
}

// view is the lane as a kiosk is told.
func (l *wiredLane) view(ctx context.Context) (v struct {
	State   gate.State     `json:"state"`
	Passage gate.PassageID `json:"passage"`
	Notice  string         `json:"notice"`
	Arm     string         `json:"arm"`
}) {
	l.t.Helper()
	if code, err := l.prog.call(ctx, http.MethodGet, "/api/v1/lanes/north", l.token, nil, &v); err != nil || code != http.StatusOK {
		l.t.Fatalf("lane: %d %v\n%s", code, err, l.prog.logs)
	}
	return v
}

// until waits until the lane is in a state, and returns the passage at its line.
func (l *wiredLane) until(ctx context.Context, s gate.State) gate.PassageID {
	l.t.Helper()
	var id gate.PassageID
	waitFor(ctx, l.t, func() bool {
		v := l.view(ctx)
		id = v.Passage
		return v.State == s
	})
	return id
}

// scan pulls the trigger.
func (l *wiredLane) scan(text string) {
	l.t.Helper()
	if _, err := io.WriteString(l.gun, text); err != nil {
		l.t.Fatal(err)
	}
}

func (l *wiredLane) open(ctx context.Context, id gate.PassageID) {
	l.t.Helper()
	code, err := l.prog.call(ctx, http.MethodPost, "/api/v1/lanes/north/acts", l.token, map[string]any{"kind": "open", "passage": id}, nil)
	if err != nil || code != http.StatusOK {
		l.t.Fatalf("open: %d %v\n%s", code, err, l.prog.logs)
	}
}

// record ends the program, and reads back what is on record of a passage.
func (l *wiredLane) record(id gate.PassageID) *gate.PassageRecord {
	l.t.Helper()
	l.prog.kill()
	if out, err := command(l.t, "", "log", "verify", "--data", l.dir); err != nil {
		l.t.Fatalf("log verify: %v\n%s", err, out)
	}
	store, err := sqlite.Open(l.t.Context(), l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	defer store.Close()
	rec, err := store.Passage(l.t.Context(), id)
	if err != nil {
		l.t.Fatal(err)
	}
	return &rec
}

func civic(n int) string { return withCheckDigit(fmt.Sprintf("2HGEJ667?WH%06d", n)) }

// TestWiredLane takes a vehicle through a lane with real drivers on both sides of
// the real program: a Modbus board with arm, lamps and detectors, and a scanner on
// a serial line, which is unplugged and comes back.
func TestWiredLane(t *testing.T) {
	l := newWiredLane(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	l.state(ctx, "board", deviceWorks)
	l.state(ctx, "north/gun", deviceWorks)
	l.until(ctx, gate.Idle)
	waitFor(ctx, t, func() bool { return l.board.lamp() == "red" })

	l.board.model.Set(barrier.AtLine, true)
	l.until(ctx, gate.AtLine)
	l.scan("]C1I" + civic(1) + "\r") // an import label, as a code 128
	id := l.until(ctx, gate.Waiting)
	l.scan("]C1I" + civic(1) + "\r") // and the trigger once more
	waitFor(ctx, t, func() bool { return l.devices()["north/gun"].Read == 2 })
	if again := l.until(ctx, gate.Waiting); again != id {
		t.Errorf("the second scan of the same vehicle became passage %s, not %s", again, id)
	}
	if l.board.model.Pulses() != 0 {
		t.Fatal("the arm moved before anybody acted")
	}
	l.open(ctx, id)
	waitFor(ctx, t, func() bool { return l.board.lamp() == "green" })
	if n := l.board.model.Pulses(); n != 1 {
		t.Fatalf("%d pulses, want 1", n)
	}
	// It drives through, and the arm comes down behind it.
	for _, step := range []struct {
		p  barrier.Point
		on bool
	}{{barrier.UnderArm, true}, {barrier.AtLine, false}, {barrier.Beyond, true}, {barrier.UnderArm, false}} {
		l.board.model.Set(step.p, step.on)
		before := l.devices()["board"].LastSeen
		waitFor(ctx, t, func() bool { return l.devices()["board"].LastSeen.Sub(before) > 3*modbusEvery })
	}
	waitFor(ctx, t, func() bool { return l.board.lamp() == "red" })
	l.board.model.Lower()
	l.board.model.Set(barrier.Beyond, false)
	l.until(ctx, gate.Idle)

	if err := os.Remove(l.link); err != nil {
		t.Fatal(err)
	}
	if err := l.gun.Close(); err != nil {
		t.Fatal(err)
	}
	l.state(ctx, "north/gun", deviceFails)
	out, err := command(t, "", "devices", "--data", l.dir)
	if err == nil || !strings.Contains(out, "board") || !strings.Contains(out, "fails: offline") || !strings.Contains(out, "\nnorth/gun: ") {
		t.Errorf("the command says, with %v:\n%s", err, out)
	}
	if v := l.view(ctx); v.Notice != gate.NoticeDevice {
		t.Errorf("notice %q of a lane without its scanner", v.Notice)
	}
	l.plugGun()
	l.state(ctx, "north/gun", deviceWorks)
	l.scan(civic(2) + "\r")
	if next := l.until(ctx, gate.Waiting); next == id {
		t.Error("the next vehicle is the one before")
	}
	rec := l.record(id)
	if rec.Outcome == nil || rec.Outcome.Ending != gate.EndAdmitted || rec.Passage.Arrival.Via != "scanner" {
		t.Errorf("record %+v", rec)
	}
	if n := l.board.model.Pulses(); n != 1 {
		t.Errorf("%d pulses in the end, want 1", n)
	}
}

// modbusEvery is how often the board is asked.
const modbusEvery = 50 * time.Millisecond

// TestBoardLostWhileTheArmRises pulls the board's cable while the arm rises: a
// person is told, and no second pulse is given when the board comes back.
func TestBoardLostWhileTheArmRises(t *testing.T) {
	l := newWiredLane(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	l.state(ctx, "board", deviceWorks)
	l.state(ctx, "north/gun", deviceWorks)
	lost := make(chan struct{})
	l.board.onArm = func() { go func() { l.board.unplug(); close(lost) }() }
	l.scan(civic(1) + "\r")
	id := l.until(ctx, gate.Waiting)
	l.open(ctx, id)
	<-lost
	waitFor(ctx, t, func() bool { return l.view(ctx).Arm == gate.ArmFault })
	if v := l.view(ctx); v.Notice != gate.NoticeArm && v.Notice != gate.NoticeDevice {
		t.Errorf("notice %q", v.Notice)
	}
	l.state(ctx, "board", deviceFails)
	waitFor(ctx, t, func() bool { return l.board.model.On(barrier.ArmUp) })
	l.board.model.Lower()
	l.board.plug(t)
	l.state(ctx, "board", deviceWorks)
	before := l.devices()["board"].LastSeen
	waitFor(ctx, t, func() bool { return l.devices()["board"].LastSeen.Sub(before) > 10*modbusEvery })
	if n := l.board.model.Pulses(); n != 1 {
		t.Errorf("%d pulses, want 1", n)
	}
	if rec := l.record(id); rec.Outcome == nil || rec.Outcome.Ending != gate.EndArmFailed {
		t.Errorf("outcome %+v, want arm-failed", rec.Outcome)
	}
}

// TestKilledAtThePulse kills the program when the act is on record and nothing has
// been told of the arm: after the start nothing is raised, and the passage ends as
// unknown.
func TestKilledAtThePulse(t *testing.T) {
	l := newWiredLane(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	l.state(ctx, "board", deviceWorks)
	l.state(ctx, "north/gun", deviceWorks)
	l.scan(civic(1) + "\r")
	id := l.until(ctx, gate.Waiting)
	// Killed as soon as the pulse has left it, and before any contact has changed.
	killed := make(chan struct{})
	l.board.onArm = func() { l.prog.kill(); close(killed) }
	_, _ = l.prog.call(ctx, http.MethodPost, "/api/v1/lanes/north/acts", l.token, map[string]any{"kind": "open", "passage": id}, nil)
	<-killed
	l.board.mu.Lock()
	l.board.onArm = nil
	l.board.mu.Unlock()
	waitFor(ctx, t, func() bool { return l.board.model.On(barrier.ArmUp) })
	l.board.model.Lower()
	given := l.board.model.Pulses()
	l.start()
	l.state(ctx, "board", deviceWorks)
	l.until(ctx, gate.Idle)
	before := l.devices()["board"].LastSeen
	waitFor(ctx, t, func() bool { return l.devices()["board"].LastSeen.Sub(before) > 10*modbusEvery })
	if n := l.board.model.Pulses(); n != given {
		t.Errorf("%d pulses after the start, %d before", n, given)
	}
	rec := l.record(id)
	if len(rec.Acts) != 1 || rec.Acts[0].Kind != gate.ActOpen || rec.Outcome == nil || rec.Outcome.Ending != gate.EndUnknown {
		t.Errorf("record %+v, %+v", rec.Acts, rec.Outcome)
	}
}
