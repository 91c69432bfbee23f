package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/vin"
)

// yardGate is what the simulated yard needs of a lane controller; each method
// is that of gate.Controller.
type yardGate interface {
	Detect(ctx context.Context, lane gate.LaneID, covered bool) error
	Arrive(ctx context.Context, lane gate.LaneID, a gate.Arrival) (gate.PassageID, error)
	Act(ctx context.Context, lane gate.LaneID, a gate.Act) error
	Subscribe(ctx context.Context, lane gate.LaneID) (<-chan gate.LaneView, error)
}

// yardConfig is a simulated yard.
type yardConfig struct {
	Seed  uint64
	Lanes []gate.LaneID
	Log   *slog.Logger

	// Pause is the mean time in which a lane stays empty; zero is 6 s.
	Pause time.Duration
	// AutoGuard, where not empty, is the name of a simulated guard who acts on
	// a vehicle that nobody has dealt with for MaxWait (zero is 45 s): it opens
	// on grant, inspects on flag and turns away on deny. Without a name, a
	// vehicle waits for a person for as long as it takes.
	AutoGuard string
	MaxWait   time.Duration
}

// yardSensor is one simulated receiver: the name in its lines, and the
// terminal from which they are read.
type yardSensor struct{ Name, Port string }

// yard brings made-up vehicles to lanes and lets receivers hear them. It is for
// demonstration: the vehicles are of real makes, plants and patterns, their
// serial numbers, plates and radio addresses are drawn from the seed. What it
// does depends on the seed alone; when it does it, on the guard as well.
type yard struct {
	cfg   yardConfig
	lanes []*yardLane

	mu     sync.Mutex
	inside []yardGuest // came in and have not left, the first one first
}

// yardGuest is a vehicle that presents itself.
type yardGuest struct {
	gate.Arrival
	emitters []yardEmitter
}

// yardRoad is a road with detectors and an arm; each method is that of
// barrier.Yard.
type yardRoad interface {
	Arrive(v barrier.Vehicle)
	BackOut(id string) bool
}

// yardLane is one lane of the yard.
type yardLane struct {
	id    gate.LaneID
	queue *rand.Rand
	air   *rand.Rand
	order []int
	ears  []*yardEar

	road  yardRoad               // nil: the lane is told by time
	gone  <-chan barrier.Vehicle // vehicles that have left the road
	exit  bool
	count int

	mu    sync.Mutex
	scene yardScene
}

// yardEar is one receiver of a lane.
type yardEar struct {
	yardSensor
	x   float64 // metres before the stop line
	out io.WriteCloser
}

// yardScene is the vehicle that the receivers hear: it rolls up from rollFrom
// to reach the line at stop, and rolls off at gone, where that is set.
type yardScene struct {
	emitters   []yardEmitter
	stop, gone time.Time
}

// yardEmitter is one radio. Its level is that at the stop line.
type yardEmitter struct {
	rf.Observation
	every time.Duration // between two broadcasts
	next  time.Time
}

const (
	yardTick     = 250 * time.Millisecond
	yardRollTime = 4 * time.Second
	yardRollFrom = 60.0 // metres
	yardSide     = 3.0  // metres from the lane's middle to a receiver
	yardUpstream = 12.0 // metres from the line to the second receiver
	yardFloor    = -95.0

	yardApproach  = 10 * time.Second // of a vehicle on a road, to the line
	yardClearance = 40 * time.Second // within which it has left the road
	yardTailgates = 8                // one in so many is followed by a driver who does not stop
)

// newYard makes a yard and opens two simulated receivers for each lane. Call
// Close when Run was never called.
func newYard(cfg yardConfig) (*yard, error) {
	return makeYard(cfg, openTerminal)
}

func makeYard(cfg yardConfig, open func() (io.WriteCloser, string, error)) (*yard, error) {
	if cfg.Pause <= 0 {
		cfg.Pause = 6 * time.Second
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 45 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	y := &yard{cfg: cfg}
	for i, id := range cfg.Lanes {
		l := &yardLane{
			id:    id,
			queue: rand.New(rand.NewPCG(cfg.Seed, uint64(2*i))),
			air:   rand.New(rand.NewPCG(cfg.Seed, uint64(2*i+1))),
		}
		y.lanes = append(y.lanes, l)
		for name, x := range map[string]float64{"stop": 0, "upstream": yardUpstream} {
			out, port, err := open()
			if err != nil {
				return nil, errors.Join(fmt.Errorf("receiver %s of lane %s: %w", name, id, err), y.Close())
			}
			l.ears = append(l.ears, &yardEar{yardSensor{string(id) + "-" + name, port}, x, out})
		}
		if l.ears[0].x != 0 {
			l.ears[0], l.ears[1] = l.ears[1], l.ears[0]
		}
	}
	return y, nil
}

// Sensors are the receivers of a lane: the one at the stop line, then the one
// upstream.
func (y *yard) Sensors(lane gate.LaneID) []yardSensor {
	for _, l := range y.lanes {
		if l.id == lane {
			var out []yardSensor
			for _, e := range l.ears {
				out = append(out, e.yardSensor)
			}
			return out
		}
	}
	return nil
}

// onRoad puts a lane on a road, and returns what the road is to tell of vehicles
// that have left it.
func (y *yard) onRoad(lane gate.LaneID, road yardRoad, exit bool) func(v barrier.Vehicle, through bool) {
	left := make(chan barrier.Vehicle, 16)
	for _, l := range y.lanes {
		if l.id == lane {
			l.road, l.gone, l.exit = road, left, exit
		}
	}
	return func(v barrier.Vehicle, _ bool) {
		select {
		case left <- v:
		default: // nobody waits for it
		}
	}
}

// Close takes the receivers away.
func (y *yard) Close() error {
	var err error
	for _, l := range y.lanes {
		for _, e := range l.ears {
			err = errors.Join(err, e.out.Close())
		}
	}
	return err
}

// Run brings vehicles to g until ctx ends, and then closes the receivers.
func (y *yard) Run(ctx context.Context, g yardGate) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range y.lanes {
		group.Go(func() error { return y.traffic(ctx, g, l) })
		group.Go(func() error { return l.broadcast(ctx) })
	}
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, y.Close())
}

// traffic brings one vehicle after the other to a lane.
func (y *yard) traffic(ctx context.Context, g yardGate, l *yardLane) error {
	views := &yardViews{gate: g, lane: l.id}
	for {
		if err := sleep(ctx, time.Duration(float64(y.cfg.Pause)*(0.7+0.6*l.queue.Float64()))); err != nil {
			return err
		}
		// Somebody may be using the lane by hand: the yard waits its turn.
		if _, err := views.await(ctx, 0, func(v gate.LaneView) bool { return v.State == gate.Idle }); err != nil {
			return err
		}
		y.acknowledge(ctx, g, l, views.last)
		if err := y.visit(ctx, g, l, views); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			y.cfg.Log.WarnContext(ctx, "simulated vehicle", "lane", l.id, "error", err)
		}
	}
}

// visit is one vehicle: it rolls up, presents itself, waits until it is dealt
// with and rolls off.
func (y *yard) visit(ctx context.Context, g yardGate, l *yardLane, views *yardViews) (err error) {
	guest, ok := y.guest(l)
	if !ok {
		return nil // nobody is inside who could leave
	}
	a := guest.Arrival
	off, err := y.rollUp(ctx, g, l, views, guest)
	if err != nil {
		return err
	}
	admitted := false
	defer func() {
		l.mu.Lock()
		l.scene.gone = time.Now()
		l.mu.Unlock()
		// Whatever became of it, the vehicle drives off, and the detector is
		// free once it is past.
		err = errors.Join(err, off(admitted))
		if admitted && err == nil && !l.exit {
			y.mu.Lock()
			y.inside = append(y.inside, guest)
			y.mu.Unlock()
		}
	}()
	if err := sleep(ctx, time.Second); err != nil {
		return err
	}
	id, err := g.Arrive(ctx, l.id, a)
	if err != nil {
		return fmt.Errorf("vehicle %s: %w", a.VIN, err)
	}
	dealt := func(v gate.LaneView) bool {
		if v.Passage == nil || v.Passage.ID != id {
			return true
		}
		return v.State != gate.Waiting && v.State != gate.Deciding
	}
	limit := time.Duration(0)
	if y.cfg.AutoGuard != "" {
		limit = y.cfg.MaxWait
	}
	v, err := views.await(ctx, limit, dealt)
	if errors.Is(err, errYardPatience) {
		err = g.Act(ctx, l.id, y.guard(v))
		if err == nil {
			v, err = views.await(ctx, 0, dealt)
		}
	}
	if err != nil {
		return err
	}
	if admitted = v.State == gate.Admitting; admitted {
		// The arm has to be up before anybody drives.
		_, err = views.await(ctx, 20*time.Second, func(v gate.LaneView) bool {
			return v.Arm != "opening" && v.Arm != "closed" || v.State != gate.Admitting
		})
		if errors.Is(err, errYardPatience) {
			err = nil
		}
	}
	return err
}

// guest is who comes next: a vehicle of the catalogue, or, at an exit, the one that
// has been inside for the longest.
func (y *yard) guest(l *yardLane) (yardGuest, bool) {
	if !l.exit {
		a, emitters := l.next()
		return yardGuest{a, emitters}, true
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.inside) == 0 {
		return yardGuest{}, false
	}
	first := y.inside[0]
	y.inside = y.inside[1:]
	return first, true
}

// rollUp brings a vehicle to the line. off takes it away again: through, where it
// was admitted, and else back.
func (y *yard) rollUp(ctx context.Context, g yardGate, l *yardLane, views *yardViews, guest yardGuest) (off func(admitted bool) error, err error) {
	if l.road == nil {
		l.set(yardScene{emitters: guest.emitters, stop: time.Now().Add(yardRollTime)})
		if err := sleep(ctx, yardRollTime); err != nil {
			return nil, err
		}
		return func(bool) error {
			if sleep(ctx, yardRollTime/2) != nil {
				return nil
			}
			return g.Detect(ctx, l.id, false)
		}, g.Detect(ctx, l.id, true)
	}
	l.count++
	names := []string{fmt.Sprintf("%s-%d", l.id, l.count)}
	l.set(yardScene{emitters: guest.emitters, stop: time.Now().Add(yardApproach)})
	l.road.Arrive(barrier.Vehicle{ID: names[0]})
	if !l.exit && l.queue.IntN(yardTailgates) == 0 {
		names = append(names, names[0]+"-behind")
		l.road.Arrive(barrier.Vehicle{ID: names[1], Tailgates: true})
	}
	off = func(admitted bool) error {
		late := time.NewTimer(yardClearance)
		defer late.Stop()
		for back := !admitted; ; back = true {
			if back {
				for _, name := range slices.Backward(names) {
					l.road.BackOut(name)
				}
			}
			for len(names) > 0 {
				select {
				case v := <-l.gone:
					names = slices.DeleteFunc(names, func(n string) bool { return n == v.ID })
					continue
				case <-late.C:
				case <-ctx.Done():
					return ctx.Err()
				}
				break
			}
			if len(names) == 0 {
				return nil
			}
			if back {
				return fmt.Errorf("vehicle %s does not leave the road", names[0])
			}
			late.Reset(yardClearance)
		}
	}
	_, err = views.await(ctx, 3*yardApproach, func(v gate.LaneView) bool { return v.State != gate.Idle && v.State != gate.Approaching })
	if err != nil {
		return nil, errors.Join(err, off(false))
	}
	return off, nil
}

// acknowledge has the simulated guard take note of the alarms that nobody did.
func (y *yard) acknowledge(ctx context.Context, g yardGate, l *yardLane, v gate.LaneView) {
	for _, a := range v.Alarms {
		if y.cfg.AutoGuard == "" || a.By != "" || time.Since(a.Since) < y.cfg.MaxWait {
			continue
		}
		if err := g.Act(ctx, l.id, gate.Act{Kind: gate.ActAcknowledge, Alarm: a.ID, By: y.cfg.AutoGuard}); err != nil {
			y.cfg.Log.InfoContext(ctx, "alarm not acknowledged", "lane", l.id, "alarm", a.Kind, "error", err)
		}
	}
}

// guard is what the simulated guard does with the vehicle on the screen.
func (y *yard) guard(v gate.LaneView) gate.Act {
	a := gate.Act{Kind: gate.ActTurnAway, By: y.cfg.AutoGuard}
	if v.Passage == nil {
		a.Kind = gate.ActReset
		return a
	}
	a.Passage = v.Passage.ID
	switch v.Passage.Result.Verdict.Outcome {
	case policy.Grant:
		a.Kind = gate.ActOpen
	case policy.Flag:
		a.Kind = gate.ActInspect
	case policy.Deny:
		a.Kind = gate.ActTurnAway
	}
	return a
}

// errYardPatience ends a wait that took too long.
var errYardPatience = errors.New("the simulated guard's patience is at its end")

// yardViews follows the views of one lane and subscribes again when it was
// dropped for falling behind.
type yardViews struct {
	gate yardGate
	lane gate.LaneID
	from <-chan gate.LaneView
	last gate.LaneView
	any  bool
}

// await returns the first view for which ok holds, beginning with the last one
// seen; after limit, where it is not zero, it returns errYardPatience with the last view.
func (w *yardViews) await(ctx context.Context, limit time.Duration, ok func(gate.LaneView) bool) (gate.LaneView, error) {
	var late <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		late = t.C
	}
	for {
		if w.from == nil {
			from, err := w.gate.Subscribe(ctx, w.lane)
			if err != nil {
				return gate.LaneView{}, err
			}
			w.from, w.any = from, false
		}
		// What waits in the channel is newer than what was seen last.
		for drained := false; !drained && w.from != nil; {
			select {
			case v, open := <-w.from:
				w.take(v, open)
			default:
				drained = true
			}
		}
		if w.any && ok(w.last) {
			return w.last, nil
		}
		if w.from == nil {
			// A lane that ends hands out closed channels; the pause keeps the
			// wait for the context from spinning.
			if err := sleep(ctx, yardTick); err != nil {
				return gate.LaneView{}, err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return gate.LaneView{}, ctx.Err()
		case <-late:
			return w.last, errYardPatience
		case v, open := <-w.from:
			w.take(v, open)
		}
	}
}

func (w *yardViews) take(v gate.LaneView, open bool) {
	if !open {
		w.from, w.any = nil, false
		return
	}
	w.last, w.any = v, true
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// next draws the next vehicle of a lane: all of the catalogue in a drawn order,
// then all of it again in another.
func (l *yardLane) next() (gate.Arrival, []yardEmitter) {
	if len(l.order) == 0 {
		l.order = l.queue.Perm(len(yardVehicles))
	}
	v := yardVehicles[l.order[0]]
	l.order = l.order[1:]
	r := l.queue
	a := gate.Arrival{VIN: v.full(r.IntN(100_000)), Class: v.class, Via: "demo", Declared: append([]gate.Declared(nil), v.declared...)}
	mark := "DEMO"
	if v.class != policy.ClassPrivate {
		mark = strings.ToUpper(string(v.class[:3]))
	}
	a.Plate = fmt.Sprintf("%s %c%03d", mark, 'A'+rune(r.IntN(26)), r.IntN(1000))
	return a, v.emitters(r)
}

// yardVehicle is a vehicle of the catalogue.
type yardVehicle struct {
	vin      string // positions 1–11, with ? for the check digit
	class    policy.Class
	declared []gate.Declared
	prefix   string // registered prefix of its own hotspot; empty: a made-up local address
	ssid     string // shape of the hotspot's name; empty, with prefix: hidden
}

// full is the vehicle's VIN with a made-up serial number and the check digit
// that belongs to it (49 CFR 565.15).
func (v yardVehicle) full(serial int) string {
	s := fmt.Sprintf("%s%06d", strings.Replace(v.vin, "?", "0", 1), serial)
	d, ok := vin.CheckDigit(s)
	if !ok {
		return s
	}
	return s[:8] + string(d) + s[9:]
}

// emitters are the radios that travel in the vehicle: a hotspot where the
// catalogue has one, the telephones of those inside, now and then a wheel, and
// in half of the vehicles an uplink.
func (v yardVehicle) emitters(r *rand.Rand) []yardEmitter {
	var out []yardEmitter
	add := func(o rf.Observation, every time.Duration) {
		out = append(out, yardEmitter{Observation: o, every: every})
	}
	if v.prefix != "" || v.ssid != "" {
		o := rf.Observation{Kind: rf.WiFi, Role: "ap", Channel: 1 + 5*r.IntN(3), RSSI: -42 - 8*r.Float64()}
		digits := v.prefix
		if digits == "" {
			digits = "06"
		}
		for len(digits) < 12 {
			digits += fmt.Sprintf("%X", r.IntN(16))
		}
		o.Emitter = digits
		if v.ssid != "" {
			o.SSID = fmt.Sprintf(v.ssid, 1000+r.IntN(9000))
		}
		add(o, yardTick)
	}
	for range 1 + r.IntN(2) {
		add(rf.Observation{Kind: rf.BLE, Company: 0x004C, RSSI: -58 - 10*r.Float64(), Emitter: madeUpAddress(r)}, 500*time.Millisecond)
	}
	if r.IntN(3) == 0 {
		add(rf.Observation{Kind: rf.TPMS, Model: "Schrader", RSSI: -70, Emitter: fmt.Sprintf("%08x", r.Uint32())}, time.Minute)
	}
	if r.IntN(2) == 0 {
		add(rf.Observation{Kind: rf.Cell, Band: []string{"B3", "B7", "B20"}[r.IntN(3)], RSSI: -34 - 6*r.Float64()}, yardTick)
	}
	return out
}

// madeUpAddress is a random address of the kind that telephones use.
func madeUpAddress(r *rand.Rand) string {
	n := r.Uint64()
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", byte(n)|0xc0, byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40))
}

func (l *yardLane) set(s yardScene) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scene = s
}

// broadcast lets the receivers hear the vehicle and what is always there: the
// access points of the buildings and the guard's telephone.
func (l *yardLane) broadcast(ctx context.Context) error {
	type fixed struct {
		yardEmitter
		levels []float64
	}
	var around []fixed
	for i := range 6 {
		o := rf.Observation{Kind: rf.WiFi, Role: "ap", Channel: 1 + 5*(i%3), Emitter: fmt.Sprintf("0e:00:5e:00:53:%02x", l.air.IntN(256))}
		every := yardTick
		if i == 0 {
			o = rf.Observation{Kind: rf.BLE, Company: 0x004C, Emitter: madeUpAddress(l.air)}
			every = time.Second
		}
		f := fixed{yardEmitter: yardEmitter{Observation: o, every: every}}
		for range l.ears {
			f.levels = append(f.levels, -65-25*l.air.Float64())
		}
		around = append(around, f)
	}
	outs := make([]*bufio.Writer, len(l.ears))
	for i, e := range l.ears {
		outs[i] = bufio.NewWriterSize(e.out, 16<<10)
	}
	var line []byte
	say := func(i int, o rf.Observation, level float64, now time.Time) {
		if level += l.air.NormFloat64() * 2; level < yardFloor {
			return
		}
		o.TS, o.Sensor, o.RSSI = now.UTC().Truncate(time.Millisecond), l.ears[i].Name, math.Round(math.Min(level, 0)*10)/10
		line = append(rf.Append(line[:0], o), '\n')
		// A receiver whose line nobody reads loses what it hears, as a real
		// one does; bufio keeps the error until the writer is reset below.
		_, _ = outs[i].Write(line)
	}
	tick := time.NewTicker(yardTick)
	defer tick.Stop()
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now = <-tick.C:
		}
		for k := range around {
			if f := &around[k]; !now.Before(f.next) {
				f.next = now.Add(f.every)
				for i := range l.ears {
					say(i, f.Observation, f.levels[i], now)
				}
			}
		}
		l.mu.Lock()
		at, here := l.scene.position(now)
		for k := range l.scene.emitters {
			e := &l.scene.emitters[k]
			if !here || now.Before(e.next) {
				continue
			}
			e.next = now.Add(e.every)
			for i, ear := range l.ears {
				d := math.Hypot(at-ear.x, yardSide)
				say(i, e.Observation, e.RSSI-22*math.Log10(d/yardSide), now)
			}
		}
		l.mu.Unlock()
		for i, e := range l.ears {
			if d, ok := e.out.(interface{ SetWriteDeadline(time.Time) error }); ok {
				// Without a deadline the worst is a late line.
				_ = d.SetWriteDeadline(now.Add(yardTick))
			}
			if outs[i].Flush() != nil {
				outs[i].Reset(e.out)
			}
		}
	}
}

// position is where the vehicle is: metres before the line, negative beyond it.
func (s yardScene) position(now time.Time) (float64, bool) {
	if s.stop.IsZero() {
		return 0, false
	}
	if before := s.stop.Sub(now); before > 0 {
		return yardRollFrom * before.Seconds() / yardRollTime.Seconds(), true
	}
	if !s.gone.IsZero() {
		after := now.Sub(s.gone)
		return -yardRollFrom * after.Seconds() / yardRollTime.Seconds(), after < yardRollTime
	}
	return 0, true
}

// terminal is the sending side of a pseudo-terminal. It keeps the receiving
// side open, so that sending works before, between and after readers.
type terminal struct {
	*os.File
	slave *os.File
}

func (t *terminal) Close() error { return errors.Join(t.File.Close(), t.slave.Close()) }

// openTerminal opens a pseudo-terminal and returns its sending side and the
// name of its receiving side.
func openTerminal() (io.WriteCloser, string, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, "", err
	}
	// Raw, or the terminal would send back what it receives.
	mode, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err == nil {
		mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
		err = unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, mode)
	}
	// A file that was set to non-blocking before it is wrapped has deadlines.
	var fd int
	if err == nil {
		fd, err = unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return nil, "", errors.Join(err, master.Close(), slave.Close())
	}
	err = errors.Join(unix.SetNonblock(fd, true), master.Close())
	out := os.NewFile(uintptr(fd), master.Name())
	if err != nil {
		return nil, "", errors.Join(err, out.Close(), slave.Close())
	}
	return &terminal{File: out, slave: slave}, slave.Name(), nil
}

// yardVehicles is the catalogue: positions 1–8 and 10–11 of VINs that vPIC
// decodes. First come the vehicles at which a single criterion goes wrong (see
// the golden cases of assess), then everyday traffic.
var yardVehicles = []yardVehicle{
	{vin: "5YJXCAE4?MF", class: policy.ClassPrivate},                                                                    // Tesla Model X 2021: the badge, the plant and the owner are American, the module is not
	{vin: "5YJXCAE4?NF", class: policy.ClassGovernment},                                                                 // the same car in a government fleet
	{vin: "LRW3E7FA?MC", class: policy.ClassPrivate},                                                                    // Tesla Model 3, Shanghai
	{vin: "LRW3E7EK?RC", class: policy.ClassPrivate, prefix: "4CFCAA"},                                                  // the same line, three years later, its hotspot on
	{vin: "YV4EK3ZL?SS", class: policy.ClassPrivate, ssid: "MyVolvo%04d"},                                               // Volvo EX30
	{vin: "7SYFE3YB?VG", class: policy.ClassPrivate},                                                                    // Polestar 3
	{vin: "W1KLF6DB?TA", class: policy.ClassPrivate, ssid: "MB WLAN %05X"},                                              // Mercedes-Benz: Chinese holders below any threshold
	{vin: "LGXC76C4?R0", class: policy.ClassPrivate},                                                                    // BYD: chip on the maker's own board
	{vin: "2HGEJ667?WH", class: policy.ClassPrivate},                                                                    // Honda Civic 1998: must be quick
	{vin: "1FTNE24L?XH", class: policy.ClassContractor, declared: []gate.Declared{{Kind: "device", Value: "comma 3X"}}}, // Ford van 1999 with a fitted device
	{vin: "4V4NC9EH?LN", class: policy.ClassContractor, prefix: "28EB0A", declared: []gate.Declared{{Kind: "module", Value: "Rolling Wireless RW350"}}}, // Volvo truck: owner unresolved
	{vin: "1FTNE24L?XH", class: policy.ClassGovernment, declared: []gate.Declared{{Kind: "module", Value: "Eagle Electronics"}}},                        // passes by its owner, not by its design
	{vin: "2HNYD2H3?DH", class: policy.ClassPrivate},                                         // Acura MDX 2013
	{vin: "5J8TB4H5?EL", class: policy.ClassPrivate},                                         // Acura RDX 2014
	{vin: "WAUCF78K?9N", class: policy.ClassPrivate, ssid: "Audi_MMI_%04d"},                  // Audi A4 2009
	{vin: "WBA3B1G5?EN", class: policy.ClassPrivate, prefix: "0001A9"},                       // BMW 320i 2014
	{vin: "5UXFE435?9L", class: policy.ClassPrivate},                                         // BMW X5 2009
	{vin: "KL4CJGSB?FB", class: policy.ClassPrivate},                                         // Buick Encore 2015
	{vin: "1G4PP5SK?C4", class: policy.ClassPrivate},                                         // Buick Verano 2012
	{vin: "1G6DV1EP?E0", class: policy.ClassPrivate},                                         // Cadillac CTS 2014
	{vin: "1GYS4HEF?BR", class: policy.ClassPrivate},                                         // Cadillac Escalade 2011
	{vin: "1G1PC5SB?E7", class: policy.ClassPrivate},                                         // Chevrolet Cruze 2014
	{vin: "2GNALBEK?C1", class: policy.ClassPrivate},                                         // Chevrolet Equinox 2012
	{vin: "1GCSGAFX?E1", class: policy.ClassGovernment},                                      // Chevrolet Express 2014
	{vin: "1GC4YUEY?LF", class: policy.ClassGovernment},                                      // Chevrolet Silverado 2020
	{vin: "3GCUKREH?EG", class: policy.ClassContractor},                                      // Chevrolet Silverado 2014
	{vin: "1GNSCCKC?FR", class: policy.ClassGovernment},                                      // Chevrolet Tahoe 2015
	{vin: "1C3CCCAB?FN", class: policy.ClassPrivate},                                         // Chrysler 200 2015
	{vin: "2C3CCARG?DH", class: policy.ClassPrivate},                                         // Chrysler 300 2013
	{vin: "2C4RC1BG?FR", class: policy.ClassPrivate},                                         // Chrysler Town and Country 2015
	{vin: "2C3CDXHG?EH", class: policy.ClassGovernment},                                      // Dodge Charger 2014
	{vin: "1C4RDJDG?EC", class: policy.ClassGovernment},                                      // Dodge Durango 2014
	{vin: "1FTNE2EW?DD", class: policy.ClassContractor},                                      // Ford E-250 2013
	{vin: "2FMDK3JC?DB", class: policy.ClassPrivate},                                         // Ford Edge 2013
	{vin: "1FM5K7D8?DG", class: policy.ClassGovernment},                                      // Ford Explorer 2013
	{vin: "1FTMW1T8?MF", class: policy.ClassContractor, prefix: "0026B4"},                    // Ford F-150 2021
	{vin: "1FT7W2AT?EE", class: policy.ClassGovernment},                                      // Ford F-250 2014
	{vin: "3FADP4CJ?FM", class: policy.ClassPrivate},                                         // Ford Fiesta 2015
	{vin: "1FAHP2J8?EG", class: policy.ClassPrivate},                                         // Ford Taurus 2014
	{vin: "NM0LS6E7?E1", class: policy.ClassContractor},                                      // Ford Transit Connect 2014
	{vin: "1GKKVTKD?FJ", class: policy.ClassPrivate},                                         // GMC Acadia 2015
	{vin: "1GTW7FCA?E1", class: policy.ClassContractor},                                      // GMC Savana 2014
	{vin: "1GKS2GKC?LR", class: policy.ClassPrivate, prefix: "8C1F64CAD"},                    // GMC Yukon XL 2020
	{vin: "1HGCR2F7?EA", class: policy.ClassPrivate, prefix: "5483BB"},                       // Honda Accord 2014
	{vin: "5J6RM4H3?EL", class: policy.ClassPrivate},                                         // Honda CR-V 2014
	{vin: "19XFB2F7?FE", class: policy.ClassPrivate},                                         // Honda Civic 2015
	{vin: "5FNYF4H5?CB", class: policy.ClassPrivate},                                         // Honda Pilot 2012
	{vin: "KMHDH4AE?FU", class: policy.ClassPrivate},                                         // Hyundai Elantra 2015
	{vin: "KMHGN4JE?FU", class: policy.ClassPrivate, prefix: "9C36F8"},                       // Hyundai Genesis 2015
	{vin: "JN1CV6AP?BM", class: policy.ClassPrivate},                                         // Infiniti G37 2011
	{vin: "1C4PJLDS?FW", class: policy.ClassPrivate},                                         // Jeep Cherokee 2015
	{vin: "ZACCJABT?FP", class: policy.ClassPrivate},                                         // Jeep Renegade 2015
	{vin: "2XKHAN8X?AM", class: policy.ClassContractor, prefix: "28EA5B"},                    // Kenworth T3 Series 2010
	{vin: "5XXGN4A7?FG", class: policy.ClassPrivate},                                         // KIA Optima 2015
	{vin: "KNDJP3A5?F7", class: policy.ClassPrivate},                                         // KIA Soul 2015
	{vin: "JTJBM7FX?E5", class: policy.ClassPrivate},                                         // Lexus GX 2014
	{vin: "2LMDJ8JK?FB", class: policy.ClassPrivate},                                         // Lincoln MKX 2015
	{vin: "JM3TB3CA?E0", class: policy.ClassPrivate},                                         // Mazda CX-9 2014
	{vin: "JM1BM1V7?E1", class: policy.ClassPrivate},                                         // Mazda Mazda3 2014
	{vin: "WDDGF8AB?ER", class: policy.ClassPrivate},                                         // Mercedes-Benz C-Class 2014
	{vin: "4JGDA5HB?CA", class: policy.ClassPrivate, prefix: "3CCE15", ssid: "MB WLAN %05X"}, // Mercedes-Benz ML-Class 2012
	{vin: "WMWZC5C5?EW", class: policy.ClassPrivate},                                         // Mini Countryman 2014
	{vin: "JA4AZ3A3?EZ", class: policy.ClassPrivate},                                         // Mitsubishi Outlander 2014
	{vin: "1N4AL3AP?DN", class: policy.ClassPrivate},                                         // Nissan Altima 2013
	{vin: "JN8AS5MT?DW", class: policy.ClassPrivate},                                         // Nissan Rogue 2013
	{vin: "1XPVD09X?BD", class: policy.ClassContractor},                                      // Peterbilt 384 2011
	{vin: "WP1AB29P?8L", class: policy.ClassPrivate},                                         // Porsche Cayenne 2008
	{vin: "1C6RR6FT?FS", class: policy.ClassContractor},                                      // RAM 1500 2015
	{vin: "WMEEJ3BA?FK", class: policy.ClassPrivate},                                         // Smart Fortwo 2015
	{vin: "JF2GPAGC?E8", class: policy.ClassPrivate},                                         // Subaru XV CrossTrek 2014
	{vin: "JTEBU5JR?E5", class: policy.ClassPrivate},                                         // Toyota 4Runner 2014
	{vin: "JTDKN3DU?D0", class: policy.ClassPrivate},                                         // Toyota Prius 2013
	{vin: "5TDKK3DC?FS", class: policy.ClassPrivate},                                         // Toyota Sienna 2015
	{vin: "5TFDW5F1?EX", class: policy.ClassPrivate},                                         // Toyota Tundra 2014
	{vin: "3VW4T7AU?FM", class: policy.ClassPrivate},                                         // Volkswagen GTI 2015
	{vin: "19UYA325?WL", class: policy.ClassPrivate},                                         // Acura CL 1998
	{vin: "1B7HC13Y?WJ", class: policy.ClassPrivate},                                         // Dodge Ram 1998
	{vin: "JT2BG22K?W0", class: policy.ClassPrivate, prefix: "C4CB54"},                       // Toyota Camry 1998
	{vin: "1MEFM50U?WA", class: policy.ClassPrivate},                                         // Mercury Sable 1998
}
