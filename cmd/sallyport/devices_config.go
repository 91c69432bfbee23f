package main

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier"
	"sallyport/gate/barrier/lcus"
	"sallyport/gate/barrier/modbus"
	"sallyport/gate/barrier/osdp"
	"sallyport/gate/scanner"
	"sallyport/rf"
	"sallyport/rf/serial"
)

// The kinds of devices.
const (
	kindModbus = "modbus" // relay board with inputs, RTU or TCP
	kindLCUS   = "lcus"   // USB relay
	kindHW667  = "hw-667" // USB relay that ends its pulse by itself
	kindOSDP   = "osdp"   // reader

	// The kinds of arms without a device.
	kindNone      = "none"
	kindSimulated = "simulated" // on paper
	kindYard      = "yard"      // of the demonstration's made-up road
)

// deviceConfig is one [[device]] of site.toml: something with outputs and inputs
// that lanes use by its id.
type deviceConfig struct {
	ID       string   `toml:"id"`
	Kind     string   `toml:"kind"`      // modbus, lcus, hw-667, osdp
	URL      string   `toml:"url"`       // modbus: tcp://host:port or rtuovertcp://host:port
	Port     string   `toml:"port"`      // instead: /dev/serial/by-id/…
	Baud     int      `toml:"baud"`      // with port; absent is 9600
	Parity   string   `toml:"parity"`    // modbus with port: none (also where absent), even, odd
	StopBits int      `toml:"stop_bits"` // modbus with port: 1 (also where absent), 2
	Unit     int      `toml:"unit"`      // modbus: 1 to 247; absent is 1
	Every    duration `toml:"every"`     // modbus: between two polls; absent is 50ms
	Timeout  duration `toml:"timeout"`   // modbus: of one request; absent is 150ms
	Address  int      `toml:"address"`   // osdp: 0 to 126
	KeyFile  string   `toml:"key_file"`  // osdp: file with the reader's own key, 32 hexadecimal digits, relative to the data directory; readable by its owner only
	Plain    bool     `toml:"plain"`     // osdp: no secure channel; anybody on the line can speak for the reader
	Checksum bool     `toml:"checksum"`  // osdp: one byte of checksum instead of a CRC
}

// armConfig is a lane's traffic arm. There is no kind for an active barrier.
type armConfig struct {
	Kind    string   `toml:"kind"`    // none, simulated, modbus, lcus, hw-667, osdp; yard in the demonstration
	Journal string   `toml:"journal"` // simulated: file that keeps each command, relative to the data directory
	Delay   duration `toml:"delay"`   // simulated: time the arm takes to move

	Device   string   `toml:"device"`   // id of the [[device]] with the output
	Coil     *uint16  `toml:"coil"`     // modbus: the coil of an output that the board releases by itself, counted from 0
	Register *uint16  `toml:"register"` // modbus, instead: the register that takes "on for so long"
	Value    uint16   `toml:"value"`    // modbus: what is written to register
	Channel  int      `toml:"channel"`  // lcus: 1 to 8; absent is 1
	Output   int      `toml:"output"`   // osdp: number of the reader's output
	Pulse    duration `toml:"pulse"`    // how long the output stays on; absent is the kind's own
	Confirm  duration `toml:"confirm"`  // from the command to the arm being open; absent is 8s
	Timeout  duration `toml:"timeout"`  // until the lane takes the arm for failed; absent is a second more than confirm
}

// lampsConfig is a pair of signal lamps on a board.
type lampsConfig struct {
	Device string  `toml:"device"`
	Red    *uint16 `toml:"red"` // coils, counted from 0
	Green  *uint16 `toml:"green"`
}

// inputConfig is one [[lane.input]]: which input of which device tells of a point.
type inputConfig struct {
	Point    string  `toml:"point"` // approach, at-line, under-arm, beyond, arm-down, arm-up, tamper, egress
	Device   string  `toml:"device"`
	Input    *uint16 `toml:"input"`    // counted from 0; an osdp reader's own tamper contact has none
	Inverted bool    `toml:"inverted"` // the contact is open when the point is on
}

// scannerConfig is one [[lane.scanner]].
type scannerConfig struct {
	Name     string `toml:"name"`
	Port     string `toml:"port"` // /dev/serial/by-id/…
	Baud     int    `toml:"baud"`
	Keyboard string `toml:"keyboard"` // instead: /dev/input/by-id/…-event-kbd
	Layout   string `toml:"layout"`   // keyboard: us, de: the country that the scanner is set to
	Role     string `toml:"role"`     // what is scanned with it: label (also where absent), windscreen
	Prefix   string `toml:"prefix"`
	Suffix   string `toml:"suffix"`
	KeepAIM  bool   `toml:"keep_aim"` // the scanner sends no AIM identifier, and codes may begin with ]
	Strict   bool   `toml:"strict"`   // what comes without prefix or suffix is half a scan, and not taken
}

// cameraConfig is one [[lane.camera]]: an enrolled device that reports plates.
type cameraConfig struct {
	Device string `toml:"device"` // its id, as `sallyport device list` says
	Name   string `toml:"name"`
}

// panelConfig is one [[lane.panel]]: a reader at which drivers are spoken to.
type panelConfig struct {
	Device   string `toml:"device"`   // id of a [[device]] of kind osdp
	Language string `toml:"language"` // of what it shows: en (also where absent), pl, de
}

// place is where in the file something stands.
type place struct {
	table string // device, lane
	n     int    // which one, from 0
	sub   string // table of it, such as arm or input; empty is itself
	m     int    // which one, from 0
	key   string
}

// placeError says where in the file something is wrong.
type placeError struct {
	at  place
	err error
}

func (e *placeError) Error() string { return e.err.Error() }
func (e *placeError) Unwrap() error { return e.err }

// lineOf is the line of a file on which a key stands, else that on which its table
// begins, or 0.
func lineOf(text []byte, at place) int {
	n, m, number, head, found := -1, -1, 0, "", 0
	for l := range strings.Lines(string(text)) {
		number++
		plain, _, _ := strings.Cut(strings.NewReplacer(" ", "", "\t", "", `"`, "").Replace(strings.TrimSpace(l)), "#")
		here := strings.Trim(plain, "[]")
		switch {
		case plain == "[["+at.table+"]]":
			n, m, head = n+1, -1, here
			if n == at.n {
				found = number
			}
			continue
		case strings.HasPrefix(plain, "["):
			head = here
			if n == at.n && at.sub != "" && here == at.table+"."+at.sub {
				if m++; m == at.m {
					found = number
				}
			}
			continue
		}
		key, _, is := strings.Cut(plain, "=")
		if !is || n != at.n || at.key == "" {
			continue
		}
		inside := at.sub == "" && head == at.table && key == at.key
		inside = inside || at.sub != "" && head == at.table && key == at.sub+"."+at.key
		if inside || at.sub != "" && head == at.table+"."+at.sub && m == at.m && key == at.key {
			return number
		}
	}
	return found
}

// activeWords are those by which people call barriers that stop a vehicle by
// force.
var activeWords = []string{"bollard", "final", "denial", "wedge", "blocker", "crash", "spike", "tyre", "tire", "net", "active", "m30", "m50"}

// activeBarrier says that no output is for an active barrier.
func activeBarrier(word string) error {
	lower := strings.ToLower(word)
	for part := range strings.FieldsFuncSeq(lower, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		if slices.Contains(activeWords, strings.TrimSuffix(part, "s")) || strings.HasSuffix(part, "blocker") {
			return fmt.Errorf("%q: no command is given to an active (final-denial) barrier: those are for people's hands, and none of the outputs may be wired to one; this program raises traffic arms", word)
		}
	}
	return nil
}

// checkDevices says what is wrong with [[device]] and with what lanes use of them.
func (c siteConfig) checkDevices() error {
	ids, ports := map[string]int{}, map[string]string{}
	for i, d := range c.Devices {
		bad := func(key, format string, args ...any) error {
			return &placeError{place{table: "device", n: i, key: key}, fmt.Errorf("device %q: "+format, append([]any{d.ID}, args...)...)}
		}
		if !rf.ValidName(d.ID, 64) {
			return bad("id", "id is not 1 to 64 letters, digits, . _ : -")
		}
		if _, twice := ids[d.ID]; twice {
			return bad("id", "stands there twice")
		}
		ids[d.ID] = i
		if key, err := d.check(); err != nil {
			return bad(key, "%w", err)
		}
		for _, way := range []string{d.Port, d.URL} {
			other, twice := ports[way]
			switch {
			case way == "":
			case twice && (d.Kind != kindOSDP || !strings.HasPrefix(other, kindOSDP+" ")):
				return bad("port", "is at %s, where %s is: one device to a line, but for readers of kind osdp", way, other)
			case !twice:
				ports[way] = d.Kind + " " + d.ID
			}
		}
		for j, o := range c.Devices[:i] {
			if d.Kind == kindOSDP && o.Port == d.Port && o.Address == d.Address {
				return bad("address", "has the address %d of device %q on the same line", d.Address, c.Devices[j].ID)
			}
			if d.Kind == kindOSDP && o.Port == d.Port && cmp.Or(o.Baud, 9600) != cmp.Or(d.Baud, 9600) {
				return bad("baud", "speaks at another speed than device %q on the same line", c.Devices[j].ID)
			}
		}
	}
	w := wiring{site: c, outputs: map[string]string{}, readers: map[string]int{}, taken: ports}
	for i := range c.Lanes {
		if err := w.lane(i); err != nil {
			return err
		}
	}
	if err := w.bell(); err != nil {
		return err
	}
	for i, d := range c.Devices {
		if !w.used[i] {
			return &placeError{place{table: "device", n: i, key: "id"}, fmt.Errorf("device %q: no lane uses it, nor the bell", d.ID)}
		}
	}
	return nil
}

// check says what is wrong with a device by itself, and at which key.
func (d deviceConfig) check() (key string, err error) {
	if err := activeBarrier(d.Kind); err != nil {
		return "kind", err
	}
	switch d.Kind {
	case kindModbus, kindLCUS, kindHW667, kindOSDP:
	case "":
		return "kind", errors.New("kind is missing")
	default:
		return "kind", fmt.Errorf("kind %q is none of modbus, lcus, hw-667, osdp", d.Kind)
	}
	of := func(key string, set bool, kinds ...string) error {
		if set && !slices.Contains(kinds, d.Kind) {
			return fmt.Errorf("%s belongs to the kind %s", key, strings.Join(kinds, ", "))
		}
		return nil
	}
	for _, k := range []struct {
		key   string
		set   bool
		kinds []string
	}{
		{"url", d.URL != "", []string{kindModbus}}, {"parity", d.Parity != "", []string{kindModbus}}, {"stop_bits", d.StopBits != 0, []string{kindModbus}},
		{"unit", d.Unit != 0, []string{kindModbus}}, {"every", d.Every != 0, []string{kindModbus}}, {"timeout", d.Timeout != 0, []string{kindModbus}},
		{"baud", d.Baud != 0, []string{kindModbus, kindOSDP}},
		{"address", d.Address != 0, []string{kindOSDP}}, {"key_file", d.KeyFile != "", []string{kindOSDP}}, {"plain", d.Plain, []string{kindOSDP}}, {"checksum", d.Checksum, []string{kindOSDP}},
	} {
		if err := of(k.key, k.set, k.kinds...); err != nil {
			return k.key, err
		}
	}
	switch {
	case (d.URL == "") == (d.Port == ""):
		return "port", errors.New("needs either port or url")
	case d.URL != "" && (d.Baud != 0 || d.Parity != "" || d.StopBits != 0):
		return "baud", errors.New("baud, parity and stop_bits belong to port")
	case d.Port != "" && !filepath.IsAbs(d.Port):
		return "port", fmt.Errorf("port %q is no path such as /dev/serial/by-id/…", d.Port)
	case d.Baud < 0 || d.Every < 0 || d.Timeout < 0:
		return "", errors.New("baud, every or timeout is negative")
	case d.StopBits < 0 || d.StopBits > 2:
		return "stop_bits", fmt.Errorf("stop_bits %d is neither 1 nor 2", d.StopBits)
	case d.Unit < 0 || d.Unit > 247:
		return "unit", fmt.Errorf("unit %d is none of 1 to 247", d.Unit)
	case d.Address < 0 || d.Address > 126:
		return "address", fmt.Errorf("address %d is none of 0 to 126", d.Address)
	}
	if d.URL != "" {
		u, err := url.Parse(d.URL)
		if err != nil {
			return "url", fmt.Errorf("url: %w", err)
		}
		if _, _, err := net.SplitHostPort(u.Host); err != nil || u.Scheme != "tcp" && u.Scheme != "rtuovertcp" {
			return "url", fmt.Errorf("url %q is not tcp://host:port or rtuovertcp://host:port", d.URL)
		}
	}
	if d.Kind == kindOSDP {
		switch {
		case d.Plain && d.KeyFile != "":
			return "plain", errors.New("plain and key_file exclude each other")
		case !d.Plain && d.KeyFile == "":
			return "key_file", errors.New("key_file is missing: give the reader a key of its own, or say plain = true and that anybody on the line may speak for it")
		case d.KeyFile != "" && !filepath.IsLocal(d.KeyFile):
			return "key_file", fmt.Errorf("key_file %q lies outside the data directory", d.KeyFile)
		}
	}
	return "", nil
}

// key reads the reader's own key.
func (d deviceConfig) key(dir string) (k osdp.Key, err error) {
	if d.Plain {
		return k, nil
	}
	b, err := readOwn(filepath.Join(dir, d.KeyFile))
	if err != nil {
		return k, fmt.Errorf("key_file: %w", err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(raw) != len(k) {
		return k, fmt.Errorf("key_file: %s does not hold 32 hexadecimal digits", d.KeyFile)
	}
	return osdp.Key(raw), nil
}

// wiring checks what lanes use of devices.
type wiring struct {
	site    siteConfig
	outputs map[string]string // "device coil 3" to lane
	readers map[string]int    // of devices that serve one lane, to that lane
	taken   map[string]string // lines
	used    map[int]bool
}

// lane says what is wrong with one lane's devices.
func (w *wiring) lane(i int) error {
	l := w.site.Lanes[i]
	if w.used == nil {
		w.used = map[int]bool{}
	}
	bad := func(sub string, m int, key, format string, args ...any) error {
		return &placeError{place{"lane", i, sub, m, key}, fmt.Errorf("lane %q: "+format, append([]any{l.ID}, args...)...)}
	}
	switch gate.Direction(l.Direction) {
	case "", gate.DirectionEntry, gate.DirectionExit, gate.DirectionReversible:
	default:
		return bad("", 0, "direction", "direction %q is none of entry, exit, reversible", l.Direction)
	}
	for key, d := range map[string]duration{
		"held_open_after": l.HeldOpenAfter, "covered_after": l.CoveredAfter, "tailgate_within": l.TailgateWithin, "back_out_after": l.BackOutAfter, "clear_after": l.ClearAfter,
	} {
		if d < 0 {
			return bad("", 0, key, "%s is negative", key)
		}
	}
	// use finds a device and says that the lane has it.
	use := func(id string, kinds ...string) (deviceConfig, error) {
		n := slices.IndexFunc(w.site.Devices, func(d deviceConfig) bool { return d.ID == id })
		if id == "" {
			return deviceConfig{}, errors.New("device is missing")
		}
		if n < 0 {
			return deviceConfig{}, fmt.Errorf("device %q: there is no such [[device]]", id)
		}
		d := w.site.Devices[n]
		if !slices.Contains(kinds, d.Kind) {
			return d, fmt.Errorf("device %q is of kind %s, and %s is needed", id, d.Kind, strings.Join(kinds, " or "))
		}
		if d.Kind != kindModbus {
			if other, there := w.readers[id]; there && other != i {
				return d, fmt.Errorf("device %q serves lane %q: a board of kind %s is one lane's", id, w.site.Lanes[other].ID, d.Kind)
			}
			w.readers[id] = i
		}
		w.used[n] = true
		return d, nil
	}
	output := func(device, what string, n int) error {
		name := fmt.Sprintf("%s %s %d", device, what, n)
		if other, there := w.outputs[name]; there {
			return fmt.Errorf("device %q: %s %d is an output of lane %q already", device, what, n, other)
		}
		w.outputs[name] = l.ID
		return nil
	}

	if l.Arm.Kind == kindYard && w.site.Site != demoSiteID {
		return bad("arm", 0, "kind", "arm.kind yard is a made-up arm, for the demonstration only")
	}
	points := map[barrier.Point]bool{}
	inputs := map[string]bool{}
	for j, in := range l.Inputs {
		point, ok := barrier.PointOf(in.Point)
		switch {
		case !ok:
			return bad("input", j, "point", "input: point %q is none of %s", in.Point, pointNames())
		case points[point]:
			return bad("input", j, "point", "input: point %s stands there twice", point)
		case l.Arm.Kind == kindYard || l.Arm.Kind == kindSimulated:
			return bad("input", j, "", "input: an arm of kind %s has no contacts but its own", l.Arm.Kind)
		}
		points[point] = true
		d, err := use(in.Device, kindModbus, kindOSDP)
		if err != nil {
			return bad("input", j, "device", "input %s: %w", point, err)
		}
		own := d.Kind == kindOSDP && point == barrier.Tamper // which every reader tells by itself
		name := ""
		if in.Input != nil {
			name = fmt.Sprintf("%s %d", in.Device, *in.Input)
		}
		switch {
		case own && (in.Input != nil || in.Inverted):
			return bad("input", j, "input", "input %s: a reader tells of its own tamper contact without a number", point)
		case !own && in.Input == nil:
			return bad("input", j, "input", "input %s: input is missing: the number of the input at the device, counted from 0", point)
		case !own && d.Kind == kindOSDP && *in.Input > 254:
			return bad("input", j, "input", "input %s: %d is none of 0 to 254", point, *in.Input)
		case inputs[name] && !own:
			return bad("input", j, "input", "input %s: input %d of device %q tells of another point already", point, *in.Input, in.Device)
		}
		inputs[name] = true
	}
	if err := w.arm(i, points, use, output, bad); err != nil {
		return err
	}
	for _, lamps := range []struct {
		sub  string
		conf *lampsConfig
	}{{"lamps", l.Lamps}, {"lamps_back", l.LampsBack}} {
		if lamps.conf == nil {
			continue
		}
		if lamps.sub == "lamps_back" && l.Direction != string(gate.DirectionReversible) {
			return bad(lamps.sub, 0, "", "lamps_back belong to a reversible lane")
		}
		if l.Arm.Kind == kindYard {
			return bad(lamps.sub, 0, "", "an arm of kind yard has lamps of its own")
		}
		if _, err := use(lamps.conf.Device, kindModbus); err != nil {
			return bad(lamps.sub, 0, "device", "%s: %w", lamps.sub, err)
		}
		if lamps.conf.Red == nil || lamps.conf.Green == nil {
			return bad(lamps.sub, 0, "", "%s: red and green are the coils of the two lamps", lamps.sub)
		}
		for key, coil := range map[string]uint16{"red": *lamps.conf.Red, "green": *lamps.conf.Green} {
			if err := output(lamps.conf.Device, "coil", int(coil)); err != nil {
				return bad(lamps.sub, 0, key, "%s: %w", lamps.sub, err)
			}
		}
	}
	for j, p := range l.Panels {
		if _, err := use(p.Device, kindOSDP); err != nil {
			return bad("panel", j, "device", "panel: %w", err)
		}
		if !slices.Contains([]string{"", "en", "pl", "de"}, p.Language) {
			return bad("panel", j, "language", "panel: language %q is none of en, pl, de", p.Language)
		}
		if slices.ContainsFunc(l.Panels[:j], func(o panelConfig) bool { return o.Device == p.Device }) {
			return bad("panel", j, "device", "panel: device %q stands there twice", p.Device)
		}
	}
	for j, s := range l.Scanners {
		key, err := s.check()
		if err == nil {
			for _, way := range []string{s.Port, s.Keyboard} {
				if other := w.taken[way]; way != "" && other != "" {
					key, err = "port", fmt.Errorf("is at %s, where %s is", way, other)
				}
			}
			w.taken[s.Port+s.Keyboard] = "scanner " + s.Name
		}
		if err == nil && slices.ContainsFunc(l.Scanners[:j], func(o scannerConfig) bool { return o.Name == s.Name }) {
			key, err = "name", errors.New("stands there twice")
		}
		if err != nil {
			return bad("scanner", j, key, "scanner %q: %w", s.Name, err)
		}
	}
	for j, cam := range l.Cameras {
		if cam.Device == "" {
			return bad("camera", j, "device", "camera: device is missing: the id that `sallyport device add --kind camera` printed")
		}
		for o := range w.site.Lanes[:i+1] {
			for k, other := range w.site.Lanes[o].Cameras {
				if other.Device == cam.Device && (o != i || k < j) {
					return bad("camera", j, "device", "camera: device %q reports at lane %q already", cam.Device, w.site.Lanes[o].ID)
				}
			}
		}
	}
	return nil
}

// arm says what is wrong with a lane's arm.
func (w *wiring) arm(i int, points map[barrier.Point]bool, use func(string, ...string) (deviceConfig, error), output func(string, string, int) error,
	bad func(sub string, m int, key, format string, args ...any) error,
) error {
	l := w.site.Lanes[i]
	a := l.Arm
	arm := func(key, format string, args ...any) error { return bad("arm", 0, key, format, args...) }
	if err := activeBarrier(a.Kind); err != nil {
		return arm("kind", "arm.kind %w", err)
	}
	if a.Confirm < 0 || a.Timeout < 0 || a.Pulse < 0 {
		return arm("", "arm: a time is negative")
	}
	switch a.Kind {
	case kindNone:
		if a != (armConfig{Kind: kindNone}) {
			return arm("kind", "arm.kind is none, and other keys of the arm are set")
		}
		return nil
	case kindSimulated:
		switch {
		case a.Delay < 0:
			return arm("delay", "arm.delay is negative")
		case a.Journal == "":
			return arm("kind", "arm.journal is missing")
		case !filepath.IsLocal(a.Journal):
			return arm("journal", "arm.journal %q lies outside the data directory", a.Journal)
		case a.Device != "":
			return arm("device", "arm.device: an arm of kind simulated has none")
		}
		return nil
	case kindYard:
		return nil
	case kindModbus, kindLCUS, kindHW667, kindOSDP:
	default:
		return arm("kind", "arm.kind %q is none of none, simulated, modbus, lcus, hw-667, osdp", a.Kind)
	}
	if a.Journal != "" || a.Delay != 0 {
		return arm("kind", "arm.journal and arm.delay belong to the kind simulated")
	}
	d, err := use(a.Device, a.Kind)
	if err != nil {
		return arm("device", "arm: %w", err)
	}
	if !points[barrier.ArmDown] && !points[barrier.ArmUp] {
		return arm("kind", "arm: neither arm-down nor arm-up is among the lane's inputs: nothing would say whether the arm moved")
	}
	if l.AutoOpen && !points[barrier.UnderArm] {
		return bad("", 0, "auto_open", "auto_open needs the input under-arm: without it nobody sees what the arm would come down on")
	}
	if confirm, timeout := a.confirm(), a.timeout(); timeout < confirm {
		return arm("timeout", "arm.timeout %v is shorter than arm.confirm %v", timeout, confirm)
	}
	for _, k := range []struct {
		key  string
		set  bool
		kind []string
	}{
		{"coil", a.Coil != nil, []string{kindModbus}}, {"register", a.Register != nil, []string{kindModbus}}, {"value", a.Value != 0, []string{kindModbus}},
		{"channel", a.Channel != 0, []string{kindLCUS}}, {"output", a.Output != 0, []string{kindOSDP}}, {"pulse", a.Pulse != 0, []string{kindModbus, kindLCUS, kindOSDP}},
	} {
		if k.set && !slices.Contains(k.kind, a.Kind) {
			return arm(k.key, "arm.%s belongs to the kind %s", k.key, strings.Join(k.kind, ", "))
		}
	}
	switch a.Kind {
	case kindModbus:
		switch {
		case (a.Coil == nil) == (a.Register == nil):
			return arm("", "arm: needs either coil or register")
		case a.Register != nil && a.Value == 0:
			return arm("register", "arm.value is missing: what means \"on for so long\" in the register")
		case a.Register == nil && a.Value != 0:
			return arm("value", "arm.value belongs to register")
		case a.Register != nil:
			err = output(d.ID, "register", int(*a.Register))
		default:
			err = output(d.ID, "coil", int(*a.Coil))
		}
	case kindLCUS, kindHW667:
		if a.Channel < 0 || a.Channel > 8 {
			return arm("channel", "arm.channel %d is none of 1 to 8", a.Channel)
		}
		if time.Duration(a.Pulse) > lcus.MaxLength {
			return arm("pulse", "arm.pulse %v is longer than %v", time.Duration(a.Pulse), lcus.MaxLength)
		}
	case kindOSDP:
		if a.Output < 0 || a.Output > 254 {
			return arm("output", "arm.output %d is none of 0 to 254", a.Output)
		}
		if time.Duration(a.Pulse) > time.Minute {
			return arm("pulse", "arm.pulse %v is longer than a minute", time.Duration(a.Pulse))
		}
	}
	if err != nil {
		return arm("", "arm: %w", err)
	}
	return nil
}

// confirm is how long the arm may take to be open, and timeout when the lane takes
// it for failed.
func (a armConfig) confirm() time.Duration {
	return cmp.Or(time.Duration(a.Confirm), barrier.DefaultConfirm)
}

func (a armConfig) timeout() time.Duration {
	return cmp.Or(time.Duration(a.Timeout), a.confirm()+time.Second)
}

// pointNames are the points as an error names them.
func pointNames() string {
	var names []string
	for _, p := range gate.Points() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// The roles of a scanner.
const (
	roleLabel      = "label"      // the VIN label of the vehicle, or papers
	roleWindscreen = "windscreen" // the VIN behind the windscreen
)

// check says what is wrong with a scanner, and at which key.
func (s scannerConfig) check() (key string, err error) {
	serialLine := s.Port != "" || s.Baud != 0
	switch {
	case !rf.ValidName(s.Name, 64):
		return "name", errors.New("name is not 1 to 64 letters, digits, . _ : -")
	case serialLine == (s.Keyboard != "") || serialLine && (s.Port == "" || s.Baud <= 0):
		return "", errors.New("needs either port and baud, or keyboard")
	case serialLine && !filepath.IsAbs(s.Port):
		return "port", fmt.Errorf("port %q is no path such as /dev/serial/by-id/…", s.Port)
	case s.Keyboard != "" && (filepath.Dir(s.Keyboard) != "/dev/input/by-id" || !strings.HasSuffix(s.Keyboard, "-event-kbd")):
		return "keyboard", fmt.Errorf("keyboard %q is not /dev/input/by-id/…-event-kbd: by another name it may be somebody else's keyboard after the next start", s.Keyboard)
	case serialLine && s.Layout != "":
		return "layout", errors.New("layout belongs to keyboard")
	case !slices.Contains([]string{"", roleLabel, roleWindscreen}, s.Role):
		return "role", fmt.Errorf("role %q is none of label, windscreen", s.Role)
	case len(s.Prefix) > 16 || len(s.Suffix) > 16:
		return "prefix", errors.New("prefix or suffix is longer than 16 bytes")
	}
	if s.Keyboard != "" {
		if _, ok := layouts()[s.Layout]; !ok {
			return "layout", fmt.Errorf("layout %q is none of us, de: the country that the scanner is set to", s.Layout)
		}
	}
	return "", nil
}

func layouts() map[string]scanner.Layout {
	return map[string]scanner.Layout{"us": scanner.US(), "de": scanner.German()}
}

func (s scannerConfig) format() scanner.Format {
	return scanner.Format{Prefix: s.Prefix, Suffix: s.Suffix, KeepAIM: s.KeepAIM, Strict: s.Strict}
}

// open opens the scanner's line.
func (s scannerConfig) open() (serial.Port, error) {
	if s.Keyboard != "" {
		return scanner.OpenKeyboard(s.Keyboard)
	}
	return serial.Open(s.Port, s.Baud)
}

// line is where a board is, as the driver names it.
func (d deviceConfig) line() string {
	if d.URL != "" {
		return d.URL
	}
	return "rtu://" + d.Port
}

// board is a modbus board without what lanes have of it.
func (d deviceConfig) board() modbus.Config {
	return modbus.Config{
		Name: d.ID, URL: d.line(), Baud: uint(d.Baud), Parity: d.Parity, StopBits: uint(d.StopBits), Unit: uint8(d.Unit),
		Every: time.Duration(d.Every), Timeout: time.Duration(d.Timeout),
	}
}
