package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/barrier/lcus"
	"sallyport/gate/barrier/modbus"
	"sallyport/gate/barrier/osdp"
	"sallyport/gate/scanner"
	"sallyport/rf/serial"
	"sallyport/ui/i18n"
	"sallyport/vin"
)

// hardware is what stands at the lanes of a site: boards, readers and scanners,
// each with its driver. A driver opens its device again whenever it is lost, with
// growing pauses, for as long as the site runs; what it finds goes to the lanes'
// controller as inputs and as the state of the device.
type hardware struct {
	gate    laneInputs // set before run
	log     *slog.Logger
	words   *i18n.Catalogues
	drivers []driver
	lanes   map[gate.LaneID]*laneHardware
	bell    *modbus.Side // nil: the site has none

	mu     sync.Mutex
	health []*deviceHealth
}

// laneInputs is what drivers tell; each method is that of gate.Controller.
type laneInputs interface {
	Input(lane gate.LaneID, in gate.Input) bool
	Device(lane gate.LaneID, s gate.DeviceStatus) bool
	Arrive(ctx context.Context, lane gate.LaneID, a gate.Arrival) (gate.PassageID, error)
	View(lane gate.LaneID) (gate.LaneView, bool)
}

// driver is one goroutine that keeps a line.
type driver struct {
	devices []string // of that line
	run     func(context.Context) error
}

// laneHardware is what one lane has.
type laneHardware struct {
	points    []gate.Point
	contacts  *barrier.Contacts // of all its devices together
	arm       gate.Arm
	lamps     gate.Lamps
	lampsBack gate.Lamps
	panels    panels
	yard      *barrier.Yard                         // of a made-up lane
	gone      func(v barrier.Vehicle, through bool) // set before run; may be nil
	scans     scans
}

// deviceHealth is how one device is.
type deviceHealth struct {
	Device   string        `json:"device"`
	Kind     string        `json:"kind"`
	Lanes    []gate.LaneID `json:"lanes"`
	State    string        `json:"state"`           // one of the states below
	Fault    string        `json:"fault,omitempty"` // class, as barrier.Class
	Trouble  string        `json:"trouble,omitempty"`
	Since    time.Time     `json:"since,omitzero"`     // of the state
	LastSeen time.Time     `json:"last_seen,omitzero"` // when it said something last; zero: never
	Faults   uint64        `json:"faults"`             // that began since the program did
	Lost     uint64        `json:"lost,omitempty"`     // answers and scans that were lost or made no sense, and were got over
	Read     uint64        `json:"read,omitempty"`     // codes that a scanner read, badges that a reader did
	Unusable uint64        `json:"unusable,omitempty"` // of them those in which no VIN was found, or that came to nothing

	seen func() time.Time // of a device that is asked again and again; nil: as LastSeen says
	lost func() uint64    // as Lost; nil of a device that answers nothing
}

// The states of a device.
const (
	deviceStarting = "starting" // nothing was heard of it yet
	deviceWorks    = "works"
	deviceFails    = "fails"
)

// newHardware makes the drivers of a site's devices. Nothing is opened before run.
func (st *site) newHardware() (_ *hardware, err error) {
	words, err := i18n.Load()
	if err != nil {
		return nil, err
	}
	h := &hardware{log: st.log, words: words, lanes: make(map[gate.LaneID]*laneHardware)}
	for i := range st.cfg.Lanes {
		if err := h.lane(st, i); err != nil {
			return nil, err
		}
	}
	lines := map[string][]*osdp.Reader{} // by port
	for i, d := range st.cfg.Devices {
		var err error
		switch d.Kind {
		case kindModbus:
			err = h.board(st.cfg, d)
		case kindLCUS, kindHW667:
			err = h.relay(st.cfg, d)
		case kindOSDP:
			var r *osdp.Reader
			if r, err = h.reader(st, d); err == nil {
				lines[d.Port] = append(lines[d.Port], r)
			}
		}
		if err != nil {
			return nil, placed(st.dir, &placeError{place{table: "device", n: i}, fmt.Errorf("device %q: %w", d.ID, err)})
		}
	}
	for port, readers := range lines {
		on := func(d deviceConfig) bool { return d.Kind == kindOSDP && d.Port == port }
		first := st.cfg.Devices[slices.IndexFunc(st.cfg.Devices, on)]
		bus, err := osdp.NewBus(osdp.BusConfig{Name: first.ID, Open: func() (serial.Port, error) { return serial.Open(port, cmp.Or(first.Baud, 9600)) }}, readers...)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, d := range st.cfg.Devices {
			if on(d) {
				ids = append(ids, d.ID)
			}
		}
		h.drivers = append(h.drivers, driver{ids, bus.Run})
	}
	return h, nil
}

// lane makes what a lane has without its boards and readers.
func (h *hardware) lane(st *site, n int) error {
	l := st.cfg.Lanes[n]
	id := gate.LaneID(l.ID)
	own := &laneHardware{}
	h.lanes[id] = own
	tell := func(e barrier.Event) {
		h.gate.Input(id, gate.Input{Point: gate.Point(e.Point.String()), Level: levelOf(e.Level), At: e.At, Forced: e.Forced})
	}
	var has []barrier.Point
	for _, in := range l.Inputs {
		p, _ := barrier.PointOf(in.Point)
		has = append(has, p)
	}
	switch l.Arm.Kind {
	case kindSimulated:
		arm, err := barrier.NewSim(barrier.SimConfig{Journal: filepath.Join(st.dir, l.Arm.Journal), Delay: time.Duration(l.Arm.Delay)})
		if err != nil {
			return fmt.Errorf("lane %q: %w", l.ID, err)
		}
		own.arm = arm
	case kindYard:
		yard, err := barrier.NewYard(barrier.YardConfig{
			Name: l.ID + "-yard", Events: tell, Confirm: l.Arm.confirm(),
			Gone: func(v barrier.Vehicle, through bool) {
				if own.gone != nil {
					own.gone(v, through)
				}
			},
		})
		if err != nil {
			return fmt.Errorf("lane %q: %w", l.ID, err)
		}
		own.yard, own.arm, own.lamps = yard, yard, lamps{yard}
		has = []barrier.Point{barrier.Approach, barrier.AtLine, barrier.UnderArm, barrier.Beyond, barrier.ArmDown, barrier.ArmUp}
		name := l.ID + "-yard"
		h.add(&deviceHealth{Device: name, Kind: kindYard, Lanes: []gate.LaneID{id}, State: deviceWorks, Since: st.now().UTC(), seen: func() time.Time {
			_, at := yard.Level(barrier.ArmDown)
			return at
		}})
		h.drivers = append(h.drivers, driver{[]string{name}, yard.Run})
	}
	own.contacts = barrier.NewContacts(tell, has...)
	for _, p := range has {
		own.points = append(own.points, gate.Point(p.String()))
	}
	for _, sc := range l.Scanners {
		h.scanner(id, sc)
	}
	return nil
}

// into gives a lane what it has.
func (l *laneHardware) into(lc *gate.LaneConfig, arm armConfig) {
	lc.Points, lc.Arm, lc.Lamps, lc.LampsBack = l.points, l.arm, l.lamps, l.lampsBack
	if len(l.panels) > 0 {
		lc.Panel = l.panels
	}
	if arm.Kind != kindSimulated && arm.Kind != kindNone {
		lc.ArmTimeout = arm.timeout()
	}
}

// levelOf is a driver's level as the lane's controller has it.
func levelOf(l barrier.Level) gate.Level {
	switch l {
	case barrier.Off:
		return gate.LevelOff
	case barrier.On:
		return gate.LevelOn
	default:
		return gate.LevelUnknown
	}
}

// inputsOf are a lane's inputs at a device.
func inputsOf(l laneConfig, device string) []inputConfig {
	var out []inputConfig
	for _, in := range l.Inputs {
		if in.Device == device {
			out = append(out, in)
		}
	}
	return out
}

// uses says whether a lane uses a device.
func uses(l laneConfig, device string) bool {
	return l.Arm.Device == device || l.Lamps != nil && l.Lamps.Device == device || l.LampsBack != nil && l.LampsBack.Device == device ||
		len(inputsOf(l, device)) > 0 || slices.ContainsFunc(l.Panels, func(p panelConfig) bool { return p.Device == device })
}

// joined hands what one device reads for a lane to the contacts of the lane, of
// which other devices read others.
func (h *hardware) joined(l laneConfig, device string) func(barrier.Event) {
	contacts := h.lanes[gate.LaneID(l.ID)].contacts
	of := map[barrier.Point]bool{}
	for _, in := range inputsOf(l, device) {
		p, _ := barrier.PointOf(in.Point)
		of[p] = true
	}
	return func(e barrier.Event) {
		if of[e.Point] {
			contacts.Set(e.At, barrier.Reading{e.Point: e.Level})
		}
	}
}

// board makes the driver of a Modbus board, with a side for each lane that uses
// it, and one more for a reversible lane's lamps at its other end.
func (h *hardware) board(site siteConfig, d deviceConfig) error {
	var sides []modbus.Lane
	var take []func(*modbus.Side)
	health := &deviceHealth{Device: d.ID, Kind: d.Kind, State: deviceStarting}
	for _, l := range site.Lanes {
		if !uses(l, d.ID) {
			continue
		}
		id := gate.LaneID(l.ID)
		own := h.lanes[id]
		health.Lanes = append(health.Lanes, id)
		side := modbus.Lane{Contacts: own.contacts, Confirm: l.Arm.confirm(), Events: h.joined(l, d.ID)}
		for _, in := range inputsOf(l, d.ID) {
			p, _ := barrier.PointOf(in.Point)
			side.Inputs = append(side.Inputs, modbus.Input{Address: *in.Input, Point: p, Inverted: in.Inverted})
		}
		if l.Arm.Device == d.ID {
			p := modbus.Pulse{Value: l.Arm.Value, Length: time.Duration(l.Arm.Pulse)}
			if l.Arm.Register != nil {
				p.Register, p.Address = true, *l.Arm.Register
			} else {
				p.Address = *l.Arm.Coil
			}
			side.Pulse = &p
		}
		if l.Lamps != nil && l.Lamps.Device == d.ID {
			side.Lamps = &modbus.Lamps{Red: *l.Lamps.Red, Green: *l.Lamps.Green}
		}
		if side.Pulse != nil || side.Lamps != nil || len(side.Inputs) > 0 {
			sides = append(sides, side)
			take = append(take, func(s *modbus.Side) {
				if side.Pulse != nil {
					own.arm = s
				}
				if side.Lamps != nil {
					own.lamps = lamps{s}
				}
			})
		}
		if l.LampsBack != nil && l.LampsBack.Device == d.ID {
			sides = append(sides, modbus.Lane{Lamps: &modbus.Lamps{Red: *l.LampsBack.Red, Green: *l.LampsBack.Green}})
			take = append(take, func(s *modbus.Side) { own.lampsBack = lamps{s} })
		}
	}
	if site.Bell != nil && site.Bell.Device == d.ID {
		sides = append(sides, modbus.Lane{Bell: site.Bell.Coil})
		take = append(take, func(s *modbus.Side) { h.bell = s })
	}
	cfg, first := d.board(), sides[0]
	cfg.Pulse, cfg.Lamps, cfg.Inputs, cfg.Contacts, cfg.Confirm, cfg.Events = first.Pulse, first.Lamps, first.Inputs, first.Contacts, first.Confirm, first.Events
	cfg.Bell = first.Bell
	cfg.More, cfg.Notify = sides[1:], h.told(d.ID)
	board, err := modbus.New(cfg)
	if err != nil {
		return err
	}
	health.lost = board.Lost
	for i, s := range board.Sides() {
		take[i](s)
	}
	if at := slices.IndexFunc(sides, func(l modbus.Lane) bool { return len(l.Inputs) > 0 }); at >= 0 {
		side, point := board.Sides()[at], sides[at].Inputs[0].Point
		health.seen = func() time.Time {
			_, seen := side.Level(point)
			return seen
		}
	}
	h.add(health)
	h.drivers = append(h.drivers, driver{[]string{d.ID}, board.Run})
	return nil
}

// relay makes the driver of a USB relay.
func (h *hardware) relay(site siteConfig, d deviceConfig) error {
	l := site.Lanes[slices.IndexFunc(site.Lanes, func(l laneConfig) bool { return uses(l, d.ID) })]
	own := h.lanes[gate.LaneID(l.ID)]
	relay, err := lcus.New(lcus.Config{
		Name: d.ID, Kind: lcus.Kind(d.Kind), Open: func() (serial.Port, error) { return serial.Open(d.Port, lcus.Baud) },
		Channel: uint8(l.Arm.Channel), Length: time.Duration(l.Arm.Pulse), Contacts: own.contacts, Confirm: l.Arm.confirm(), Notify: h.told(d.ID),
	})
	if err != nil {
		return err
	}
	own.arm = relay
	h.add(&deviceHealth{Device: d.ID, Kind: d.Kind, Lanes: []gate.LaneID{gate.LaneID(l.ID)}, State: deviceStarting})
	h.drivers = append(h.drivers, driver{[]string{d.ID}, relay.Run})
	return nil
}

// reader makes the driver of a reader; its line is another's business.
func (h *hardware) reader(st *site, d deviceConfig) (*osdp.Reader, error) {
	key, err := d.key(st.dir)
	if err != nil {
		return nil, err
	}
	l := st.cfg.Lanes[slices.IndexFunc(st.cfg.Lanes, func(l laneConfig) bool { return uses(l, d.ID) })]
	id := gate.LaneID(l.ID)
	own := h.lanes[id]
	health := &deviceHealth{Device: d.ID, Kind: d.Kind, Lanes: []gate.LaneID{id}, State: deviceStarting}
	cfg := osdp.ReaderConfig{
		Name: d.ID, Address: uint8(d.Address), Key: key, Plain: d.Plain, Checksum: d.Checksum,
		Contacts: own.contacts, Confirm: l.Arm.confirm(), Events: h.joined(l, d.ID), Notify: h.told(d.ID),
		Badge: func(b barrier.Badge) {
			h.mu.Lock()
			defer h.mu.Unlock()
			health.Read++
			health.LastSeen = b.At.UTC()
		},
	}
	for _, in := range inputsOf(l, d.ID) {
		if p, _ := barrier.PointOf(in.Point); in.Input != nil {
			cfg.Inputs = append(cfg.Inputs, osdp.Input{Number: uint8(*in.Input), Point: p, Inverted: in.Inverted})
		}
	}
	if l.Arm.Device == d.ID {
		cfg.Arm = &osdp.ArmOutput{Output: uint8(l.Arm.Output), Length: time.Duration(l.Arm.Pulse)}
	}
	r, err := osdp.NewReader(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Arm != nil {
		own.arm = r
	}
	if n := slices.IndexFunc(l.Panels, func(p panelConfig) bool { return p.Device == d.ID }); n >= 0 {
		own.panels = append(own.panels, panel{r, h.words.Words(l.Panels[n].Language, time.UTC)})
	}
	if len(cfg.Inputs) > 0 {
		point := cfg.Inputs[0].Point
		health.seen = func() time.Time {
			_, at := r.Level(point)
			return at
		}
	}
	health.lost = func() uint64 { return r.Status().Repeats }
	h.add(health)
	return r, nil
}

// scanner makes the driver of a scanner.
func (h *hardware) scanner(lane gate.LaneID, cfg scannerConfig) {
	name := string(lane) + "/" + cfg.Name
	health := &deviceHealth{Device: name, Kind: "scanner", Lanes: []gate.LaneID{lane}, State: deviceStarting}
	h.add(health)
	sc := scanner.New(cfg.format(), h.told(name))
	if cfg.Keyboard != "" {
		sc = scanner.NewKeyboard(cfg.format(), layouts()[cfg.Layout], h.told(name))
	}
	health.lost = func() uint64 {
		s := sc.Stats()
		return s.Half + s.Empty + s.TooLong
	}
	seen := &sighting{role: cmp.Or(cfg.Role, roleLabel), of: &h.lanes[lane].scans}
	h.drivers = append(h.drivers, driver{[]string{name}, func(ctx context.Context) error {
		return sc.Run(ctx, cfg.open, func(r scanner.Reading) { h.scanned(ctx, lane, health, seen, r) })
	}})
}

// add puts a device on the list.
func (h *hardware) add(d *deviceHealth) { h.health = append(h.health, d) }

// told makes what a driver tells of the state of its device by: nil, or why it
// does not work.
func (h *hardware) told(name string) func(error) {
	return func(err error) {
		now := time.Now().UTC().Round(0)
		h.mu.Lock()
		d := h.health[slices.IndexFunc(h.health, func(d *deviceHealth) bool { return d.Device == name })]
		was := d.Fault
		d.State, d.Fault, d.Trouble = deviceWorks, "", ""
		if err != nil {
			d.State, d.Fault, d.Trouble = deviceFails, classOf(err), err.Error()
			if was == "" {
				d.Faults++
			}
		} else {
			d.LastSeen = now
		}
		d.Since = now
		status, lanes := gate.DeviceStatus{Device: name, Fault: d.Fault, Since: now}, d.Lanes
		h.mu.Unlock()
		if err != nil {
			h.log.Warn("device fails", "device", name, "error", err)
		} else {
			h.log.Info("device works", "device", name)
		}
		for _, l := range lanes {
			h.gate.Device(l, status)
		}
	}
}

// classOf is the class of a device's error; what no driver gave one is a device
// that does not answer.
func classOf(err error) string {
	return string(cmp.Or(barrier.ClassOf(err), barrier.Offline))
}

// run keeps the drivers until ctx ends. A driver that fails takes its devices with
// it and nothing else: what they do falls to people.
func (h *hardware) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range h.drivers {
		g.Go(func() error {
			err := safely(ctx, d.run)
			if ctx.Err() == nil {
				h.log.ErrorContext(ctx, "driver ended", "devices", d.devices, "error", err)
				for _, name := range d.devices {
					h.told(name)(&barrier.Fault{Device: name, Class: barrier.Ended, Err: err})
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// safely runs a driver, which may panic.
func safely(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("driver failed: %v", r)
		}
	}()
	return run(ctx)
}

// states are how the devices are.
func (h *hardware) states() []deviceHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]deviceHealth, len(h.health))
	for i, d := range h.health {
		out[i] = *d
		out[i].Lanes = slices.Clone(d.Lanes)
		if d.lost != nil {
			out[i].Lost = d.lost()
		}
		if d.seen != nil && d.State == deviceWorks {
			if at := d.seen().UTC().Round(0); at.After(d.LastSeen) {
				out[i].LastSeen = at
			}
		}
	}
	return out
}

// lamps are a driver's lamps as the lane's controller has them.
type lamps struct{ barrier.Lamps }

// Show implements gate.Lamps.
func (l lamps) Show(ctx context.Context, s gate.Signal) error {
	return l.Lamps.Show(ctx, map[gate.Signal]barrier.Signal{gate.SignalRed: barrier.Red, gate.SignalGreen: barrier.Green}[s])
}

// panel is a reader that speaks a language.
type panel struct {
	barrier.Panel
	words i18n.Words
}

// panels are all of a lane; every one of them is told.
type panels []panel

// Tell implements gate.Panel.
func (p panels) Tell(ctx context.Context, s gate.Sign) error {
	var errs []error
	for _, one := range p {
		errs = append(errs, one.Panel.Tell(ctx, noticeOf(one.words, s)))
	}
	return errors.Join(errs...)
}

// noticeOf is a sign in light, sound and words.
func noticeOf(words i18n.Words, s gate.Sign) barrier.Notice {
	if s == gate.SignNone {
		return barrier.Notice{}
	}
	n := barrier.Notice{Signal: barrier.Red, Text: words.T("sign." + string(s))}
	switch s {
	case gate.SignGo, gate.SignLeave:
		n.Signal, n.Beeps = barrier.Green, 1
	case gate.SignTurn, gate.SignInspection:
		n.Beeps = 2
	}
	return n
}

// scanPatience is how long a scan waits for the lane.
const scanPatience = 15 * time.Second

// scans is what the scanners of a lane have found at it: with which of them the
// vehicle that waits was read.
type scans struct {
	mu   sync.Mutex
	last gate.PassageID // that began with a scan
	role string         // of the scanner it began with
}

// sighting is one scanner's part in it.
type sighting struct {
	role string
	of   *scans
}

// scanned presents what was scanned at the lane. The same VIN again, and what
// another kind of scanner reads while the vehicle waits, is one more reading of
// that vehicle; anything else is the next one.
func (h *hardware) scanned(ctx context.Context, lane gate.LaneID, health *deviceHealth, by *sighting, r scanner.Reading) {
	count := func(n *uint64) {
		h.mu.Lock()
		defer h.mu.Unlock()
		*n++
		health.LastSeen = r.At.UTC().Round(0)
	}
	count(&health.Read)
	a, ok := arrivalOf(r)
	if !ok {
		count(&health.Unusable)
		h.log.InfoContext(ctx, "no VIN in what was scanned", "device", health.Device, "symbology", r.Symbology, "length", len(r.Text))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, scanPatience)
	defer cancel()
	by.of.mu.Lock()
	defer by.of.mu.Unlock()
	if v, there := h.gate.View(lane); there && v.State == gate.Waiting && v.Passage != nil {
		again := gate.NormalVIN(v.Passage.Arrival.VIN) == gate.NormalVIN(a.VIN)
		beside := by.of.last == v.Passage.ID && by.of.role != by.role
		if a.VIN != "" && (again || beside) {
			a.Of = v.Passage.ID
		}
	}
	id, err := h.gate.Arrive(ctx, lane, a)
	if a.Of != "" && errors.Is(err, gate.ErrStale) { // it left meanwhile
		a.Of = ""
		id, err = h.gate.Arrive(ctx, lane, a)
	}
	switch {
	case err != nil:
		count(&health.Unusable)
		h.log.WarnContext(ctx, "scan came to nothing", "device", health.Device, "error", err)
	case id != by.of.last && a.Of == "":
		by.of.last, by.of.role = id, by.role
	}
}

// arrivalOf is what a reading says of a vehicle. False says that it is none.
func arrivalOf(r scanner.Reading) (gate.Arrival, bool) {
	a := gate.Arrival{Via: "scanner"}
	s := vin.FromScan([]byte(r.AIM + r.Text))
	switch {
	case s.VIN != "":
		a.VIN = string(s.VIN)
	case len(s.Candidates) == 1: // perhaps misread; the assessor says so
		a.VIN = string(s.Candidates[0])
	case len(s.Candidates) == 0 && strings.HasPrefix(r.Text, "eyJ") && strings.Count(r.Text, ".") == 2:
		a.Pass = r.Text // a signed text; what it is worth is for the lane to find out
	default:
		return gate.Arrival{}, false
	}
	return a, true
}
