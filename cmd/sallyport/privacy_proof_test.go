package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/rf"
)

// airSite is the site of the proof: sensors over UDP, over a serial line, over
// HTTP, and Nordic's sniffer. The third %s is its [radio].
const airSite = `
site = "kill"
name = "Proof"
policy = "paper-baseline"
retention_days = 30
people.codes = "optional"
%s
[[lane]]
id = "north"
name = "North"
zone = "restricted"
market = "EU"
turn_out = "Bay"
arm.kind = "none"
[[lane.sensor]]
name = "north-stop"
udp = "%s"
plain = true

[[lane]]
id = "south"
name = "South"
zone = "restricted"
market = "EU"
turn_out = "Bay"
arm.kind = "none"
[[lane.sensor]]
name = "south-stop"
port = "%s"
baud = 115200
plain = true
[[lane.sensor]]
name = "south-up"
device = "%s"

[[lane]]
id = "east"
name = "East"
zone = "restricted"
market = "EU"
turn_out = "Bay"
arm.kind = "none"
[[lane.sensor]]
name = "east-stop"
port = "%s"
baud = 115200
source = "nrf"
`

// TestAirSite is no test of its own: it is the site of the proof, in a process
// that has never seen what is searched for but through its sensors. It serves
// the directory that the environment names, and writes its heap where standard
// input says.
func TestAirSite(t *testing.T) {
	dir := os.Getenv("SALLYPORT_AIR_SITE")
	if dir == "" {
		t.Skip("started by TestNothingOfTheAirLeaves")
	}
	cfg, err := loadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	st, err := wireSite(ctx, dir, cfg, time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- st.serve(ctx, "127.0.0.1:0", func(base string) { fmt.Printf("listening on %s\n", base) })
	}()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		path := in.Text()
		// What is dead must be gone: pools give up what they hold at the second
		// collection, and finalizers run in between.
		for range 4 {
			runtime.GC()
		}
		debug.FreeOSMemory()
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		debug.WriteHeapDump(f.Fd())
		for _, name := range []string{"heap", "allocs", "goroutine"} {
			var b bytes.Buffer
			if err := pprof.Lookup(name).WriteTo(&b, 0); err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(&b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(f, z); err != nil {
				t.Fatal(err)
			}
			if err := pprof.Lookup(name).WriteTo(f, 2); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		fmt.Println("heap written")
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}

// needles are what must be found nowhere.
type needles struct {
	by    map[[6]byte][]needle // by the first six bytes
	first [1 << 13]uint64      // bit set of the first 19 bits of those
	n     int
}

type needle struct {
	form []byte
	what string
}

func (n *needles) add(what string, form []byte) {
	if len(form) < 6 {
		panic("too short to be searched for: " + what)
	}
	if n.by == nil {
		n.by = map[[6]byte][]needle{}
	}
	k := [6]byte(form)
	if slices.ContainsFunc(n.by[k], func(x needle) bool { return bytes.Equal(x.form, form) }) {
		return
	}
	n.by[k] = append(n.by[k], needle{bytes.Clone(form), what})
	h := prefixOf(form)
	n.first[h>>6] |= 1 << (h & 63)
	n.n++
}

func prefixOf(b []byte) uint32 {
	return (uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16) * 2654435761 >> 13
}

// text adds a text as it is, and as JSON, HTML and hexadecimal would show it.
func (n *needles) text(what, s string) {
	for _, form := range []string{s, strings.ToUpper(s), strings.ToLower(s), hex.EncodeToString([]byte(s)), url.QueryEscape(s)} {
		n.add(what, []byte(form))
	}
}

// address adds an address in all its usual forms.
func (n *needles) address(what, mac string) {
	b, err := hex.DecodeString(strings.ReplaceAll(mac, ":", ""))
	if err != nil || len(b) != 6 {
		panic(mac)
	}
	back := slices.Clone(b)
	slices.Reverse(back)
	for i, raw := range [][]byte{b, back} {
		order := []string{"", ", lowest byte first"}[i]
		n.add(what+order+", binary", raw)
		for _, sep := range []string{"", ":", "-"} {
			parts := make([]string, 6)
			for j, c := range raw {
				parts[j] = fmt.Sprintf("%02x", c)
			}
			s := strings.Join(parts, sep)
			n.add(what+order+", digits", []byte(s))
			n.add(what+order+", digits", []byte(strings.ToUpper(s)))
		}
	}
}

// in reports each needle that occurs, with where.
func (n *needles) in(data []byte) (found []string) {
	for i := 0; i+6 <= len(data); i++ {
		h := prefixOf(data[i:])
		if n.first[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, x := range n.by[[6]byte(data[i:])] {
			if bytes.HasPrefix(data[i:], x.form) {
				from, to := max(0, i-40), min(len(data), i+len(x.form)+40)
				found = append(found, fmt.Sprintf("%s at %d: %q", x.what, i, data[from:to]))
				if len(found) >= 5 {
					return found
				}
			}
		}
	}
	return found
}

func (n *needles) want(t *testing.T, where string, data []byte) {
	t.Helper()
	for _, f := range n.in(data) {
		t.Errorf("%s holds %s", where, f)
	}
}

// gone wants nothing to be left in what look sees, once connections that were
// closed at this end have been taken down at the other, which hold their last
// request until then.
func (n *needles) gone(ctx context.Context, t *testing.T, where string, look func() []byte) {
	t.Helper()
	for {
		found := n.in(look())
		if len(found) == 0 {
			return
		}
		if ctx.Err() != nil {
			for _, f := range found {
				t.Errorf("%s holds %s", where, f)
			}
			return
		}
	}
}

// air is what is in the air in the proof.
type air struct {
	addresses map[string]string // by what it is
	secrets   map[string]string // payloads and names that nobody may ever hold
	capture   []byte            // pcapng: Wi-Fi with radiotap, and Bluetooth
}

func madeUpMAC(first byte) string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	b[0] = first
	return rf.FormatMAC(uint64(b[0])<<40 | uint64(b[1])<<32 | uint64(b[2])<<24 | uint64(b[3])<<16 | uint64(b[4])<<8 | uint64(b[5]))
}

func raw(mac string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(mac, ":", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func reversed(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

// block is one of pcapng.
func block(kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)+12))
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, uint32(len(body)+12))
}

// radiotap is a frame as a receiver in monitor mode records it, with its level.
func radiotap(level int8, frame []byte) []byte {
	return append([]byte{0, 0, 9, 0, 0x20, 0, 0, 0, byte(level)}, frame...)
}

// dot11 is the header of a frame of a type: to, from, network.
func dot11(control byte, to, from, bssid string, body ...[]byte) []byte {
	f := []byte{control, 0, 0, 0}
	f = append(append(append(f, raw(to)...), raw(from)...), raw(bssid)...)
	f = append(f, 0x10, 0)
	for _, b := range body {
		f = append(f, b...)
	}
	return f
}

func element(id byte, data string) []byte { return append([]byte{id, byte(len(data))}, data...) }

// lowEnergy is a link layer packet as a sniffer records it (link type 256), with
// its check sequence.
func lowEnergy(channel byte, level int8, access uint32, pdu []byte) []byte {
	b := []byte{channel, byte(level), 0x80, 0}
	b = binary.LittleEndian.AppendUint32(b, access)
	b = append(b, 0x13, 0x0c) // dewhitened, level valid, reference address valid, CRC checked and right
	b = binary.LittleEndian.AppendUint32(b, access)
	return append(append(b, pdu...), lowEnergyCRC(pdu)...)
}

// lowEnergyCRC is that of the Core Specification, vol. 6, part B, 3.1.1, on the
// advertising channels.
func lowEnergyCRC(pdu []byte) []byte {
	state := uint32(0x555555)
	for _, c := range pdu {
		for i := range 8 {
			bit := (state>>23 ^ uint32(c>>i)) & 1
			state = state << 1 & 0xffffff
			if bit == 1 {
				state ^= 0x00065b
			}
		}
	}
	out := make([]byte, 3)
	for i := range 24 {
		if state>>(23-i)&1 == 1 {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// nordic is what Nordic's sniffer writes of a packet heard on a channel.
func nordic(counter uint16, channel byte, level int8, access uint32, pdu []byte) []byte {
	frame := binary.LittleEndian.AppendUint32(nil, access)
	frame = append(frame, pdu[:2]...)
	frame = append(frame, 0)
	frame = append(append(frame, pdu[2:]...), lowEnergyCRC(pdu)...)
	payload := append([]byte{10, 1, channel, byte(-level), 0, 0, 0, 0, 0, 0}, frame...)
	b := []byte{6, byte(len(payload)), 1, byte(counter), byte(counter >> 8), 6}
	b = append(b, payload...)
	out := []byte{0xab}
	for _, c := range b {
		switch c {
		case 0xab:
			out = append(out, 0xcd, 0xac)
		case 0xbc:
			out = append(out, 0xcd, 0xbd)
		case 0xcd:
			out = append(out, 0xcd, 0xce)
		default:
			out = append(out, c)
		}
	}
	return append(out, 0xbc)
}

const advertising = 0x8e89bed6

// advertisement is an ADV_NONCONN_IND of a random static address, with a name.
func advertisement(mac, name string) []byte {
	body := append(reversed(raw(mac)), byte(len(name)+1), 0x09)
	body = append(body, name...)
	return append([]byte{0x42, byte(len(body))}, body...)
}

// The vehicle's way.
const (
	stands = 8 * time.Second
	leaves = 20 * time.Second
)

// comesAndGoes is how loud the vehicle's access point is at the line.
func comesAndGoes(after time.Duration) (level int8, near bool) {
	switch {
	case after < stands-3*time.Second || after > leaves+3*time.Second:
		return 0, false
	case after < stands:
		return int8(-46 - 12*(stands-after).Seconds()), true
	case after > leaves:
		return int8(-46 - 12*(after-leaves).Seconds()), true
	}
	return int8(-46 - int(after/(100*time.Millisecond))%4), true
}

// inTheAir makes up the air: a vehicle's own radios, people's, frames of data.
// The vehicle stands from the eighth second to the twentieth; all else is there
// for the twenty-eight seconds.
func inTheAir() air {
	secret := func(what string) string { return what + rand.Text()[:14] }
	a := air{
		addresses: map[string]string{
			"the vehicle's access point": "00:26:b4" + madeUpMAC(0)[8:], "the vehicle's Bluetooth": madeUpMAC(0xc6), "the vehicle's second Bluetooth": madeUpMAC(0xce),
			"a neighbour's access point": madeUpMAC(0x02), "a telephone that searches": madeUpMAC(0x06), "a client that joins": madeUpMAC(0x0a),
			"a sender of data": madeUpMAC(0x0e), "a receiver of data": madeUpMAC(0x12), "a telephone's Bluetooth": madeUpMAC(0xd2), "a connected device": madeUpMAC(0xe2),
		},
		secrets: map[string]string{
			"payload of a data frame": secret("PAYLOAD1"), "payload of a protected frame": secret("PAYLOAD2"), "payload of a Bluetooth connection": secret("PAYLOAD3"),
			"payload of a vendor's element": secret("PAYLOAD4"), "payload beside a record": secret("PAYLOAD5"),
			"the network that a telephone searches for": secret("Familie "), "a neighbour's network": secret("Zuhause "), "a telephone's name": secret("Anna "),
		},
	}
	at := func(s string) string { return a.addresses[s] }
	say := func(s string) string { return a.secrets[s] }
	const all = "ff:ff:ff:ff:ff:ff"
	beacon := func(mac, ssid string) []byte {
		return dot11(0x80, all, mac, mac, make([]byte, 8), []byte{0x64, 0, 0x11, 0}, element(0, ssid), element(1, "\x82\x84\x8b\x96"), element(3, "\x06"), element(221, "\x00\x50\xf2"+say("payload of a vendor's element")))
	}
	a.capture = block(0x0a0d0d0a, append([]byte{0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 8)...))
	for _, link := range []byte{127, 0} { // 127, and 256 as two bytes
		body := []byte{link, 0, 0, 0, 0, 0, 0, 0}
		if link == 0 {
			body[1] = 1
		}
		a.capture = append(a.capture, block(1, body)...)
	}
	start := time.Now().Add(-time.Minute)
	record := func(after time.Duration, iface uint32, frame []byte) {
		us := uint64(start.Add(after).UnixMicro())
		b := binary.LittleEndian.AppendUint32(nil, iface)
		b = binary.LittleEndian.AppendUint32(b, uint32(us>>32))
		b = binary.LittleEndian.AppendUint32(b, uint32(us))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
		a.capture = append(a.capture, block(6, append(b, frame...))...)
	}
	for after := time.Duration(0); after < 28*time.Second; after += 100 * time.Millisecond {
		if level, near := comesAndGoes(after); near {
			record(after, 0, radiotap(level, beacon(at("the vehicle's access point"), "Audi_MMI_1234")))
			record(after, 1, lowEnergy(37, level-10, advertising, advertisement(at("the vehicle's Bluetooth"), "x")))
			record(after, 1, lowEnergy(38, level-14, advertising, advertisement(at("the vehicle's second Bluetooth"), "y")))
		}
		record(after, 0, radiotap(-80, beacon(at("a neighbour's access point"), say("a neighbour's network"))))
		record(after, 0, radiotap(-60, dot11(0x40, all, at("a telephone that searches"), all, element(0, say("the network that a telephone searches for")), element(1, "\x82\x84"))))
		record(after, 0, radiotap(-60, dot11(0x00, at("a neighbour's access point"), at("a client that joins"), at("a neighbour's access point"), []byte{1, 4, 10, 0}, element(0, say("a neighbour's network")), element(1, "\x82"))))
		for _, control := range []byte{0x08, 0x88} { // data, QoS data
			record(after, 0, radiotap(-50, dot11(control, at("a receiver of data"), at("a sender of data"), at("a neighbour's access point"), []byte{0, 0}, []byte("\xaa\xaa\x03\x00\x00\x00\x08\x00"+say("payload of a data frame")))))
		}
		protected := dot11(0x08, at("a receiver of data"), at("a sender of data"), at("a neighbour's access point"), []byte{1, 2, 3, 0x20, 0, 0, 0, 0}, []byte(say("payload of a protected frame")))
		protected[1] |= 0x41
		record(after, 0, radiotap(-50, protected))
		record(after, 1, lowEnergy(39, -70, advertising, advertisement(at("a telephone's Bluetooth"), say("a telephone's name"))))
		pdu := append([]byte{0x02, byte(len(say("payload of a Bluetooth connection")))}, say("payload of a Bluetooth connection")...)
		record(after, 1, lowEnergy(11, -60, 0x50a1b2c3, pdu))
		// A request to connect names both sides.
		body := append(reversed(raw(at("a connected device"))), reversed(raw(at("a telephone's Bluetooth")))...)
		record(after, 1, lowEnergy(37, -60, advertising, append([]byte{0xc5, 34}, append(body, make([]byte, 22)...)...)))
	}
	return a
}

// proof is the site of one variant, and what is searched for.
type proof struct {
	t         *testing.T
	dir       string
	base      string
	in        io.WriteCloser
	said      *bufio.Scanner
	logs      *lockedBuffer
	cmd       *exec.Cmd
	udp       string
	kiosk     string // tokens
	sensor    string
	lines     *os.File // the far end of the serial line
	packets   *os.File
	all       needles // addresses and secrets
	secrets   needles
	answers   int
	workplace string // for captures and heaps: not of the site
}

// TestNothingOfTheAirLeaves plays a capture full of frames of data, of people's
// networks and telephones and of a vehicle's radios through the real commands to
// the sensors of a site, while a vehicle comes, is decided on and leaves, and
// then looks for every address in all usual forms, and for every payload and
// person's name, wherever the site keeps, says or shows anything: database and
// write-ahead log, every other file, the log of the program at its most talkative,
// every answer, errors among them, every page and stream, the commands that ask
// the site, and its whole heap once the vehicle has gone. Payloads and names are
// looked for in the heap while the vehicle stands there, too.
func TestNothingOfTheAirLeaves(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute and a half")
	}
	for _, v := range []struct {
		name, radio string
		keeps       bool
	}{
		{"everything that may be kept is", "radio.jurisdiction = \"US\"\nradio.dpia = \"DPIA 7 of the proof\"\nradio.keep_sets = true\nradio.key_days = 7\n", true},
		{"no assessment", "", false},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			prove(t, v.radio, v.keeps)
		})
	}
}

func prove(t *testing.T, radio string, keeps bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	a := inTheAir()
	p := openAirSite(t, radio)
	for what, mac := range a.addresses {
		p.all.address(what, mac)
	}
	for what, s := range a.secrets {
		p.all.text(what, s)
		p.secrets.text(what, s)
	}
	capture := filepath.Join(p.workplace, "air.pcapng")
	if err := os.WriteFile(capture, a.capture, 0o600); err != nil {
		t.Fatal(err)
	}
	// A decoder's output is meant to have addresses, and nothing else.
	decoded, err := exec.Command(program(t), "rf", "decode", "--source", "pcap", capture).Output()
	if err != nil {
		t.Fatal(err)
	}
	p.secrets.want(t, "what rf decode prints", decoded)
	for _, what := range []string{"the vehicle's access point", "the vehicle's Bluetooth", "a neighbour's access point", "a telephone that searches", "a client that joins", "a telephone's Bluetooth"} {
		if !bytes.Contains(decoded, []byte(a.addresses[what])) {
			t.Errorf("rf decode does not hear %s: the proof would prove less", what)
		}
	}
	for _, what := range []string{"a sender of data", "a receiver of data", "a connected device"} {
		if bytes.Contains(decoded, []byte(a.addresses[what])) {
			t.Errorf("rf decode tells of %s", what)
		}
	}
	if len(p.all.in(decoded)) == 0 {
		t.Error("the search finds nothing where there is something")
	}
	p.recorded(ctx)
	p.careless(a)
	p.sniff(a)

	tokenFile := filepath.Join(p.workplace, "token")
	if err := os.WriteFile(tokenFile, []byte(p.sensor), 0o600); err != nil {
		t.Fatal(err)
	}
	replay := func(to string, more ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, program(t), append([]string{"rf", "replay", "--source", "pcap", "--sensor", "s", "--now", "--speed", "1", "--to", to, capture}, more...)...)
		cmd.Stderr = p.logs
		return cmd
	}
	over := []*exec.Cmd{replay("udp://" + p.udp), replay(p.base+"/api/v1/lanes/south/observations", "--token-file", tokenFile), replay("-")}
	over[2].Stdout = p.lines
	begun := time.Now()
	for _, cmd := range over {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	p.until(ctx, begun.Add(stands))
	passage := p.arrive(ctx, "north", "5YJXCAE42MF000001", "WX 00001")
	p.arrive(ctx, "south", "1HGCM82633A004352", "WX 00002")
	var now gate.LaneRadio
	soon, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	defer func() {
		if t.Failed() {
			t.Logf("the air at the north lane: %+v", now.Vehicles)
			t.Logf("its sensors: %+v %+v", now.Sensors, now.Table)
		}
	}()
	waitFor(soon, t, func() bool {
		p.get("/api/v1/lanes/north/radio", &now)
		return len(now.Vehicles) > 0 && now.Vehicles[len(now.Vehicles)-1].Finding.Heard > 0
	})
	if now.Live == keeps {
		t.Errorf("live only: %t", now.Live)
	}
	p.secrets.want(t, "the heap, while the vehicle stands there", p.heap("during"))
	if code := p.post("/api/v1/lanes/north/acts", p.kiosk, map[string]any{"kind": "turn-away", "passage": passage}); code != http.StatusOK && code != http.StatusNoContent {
		t.Errorf("turned away: %d", code)
	}
	p.until(ctx, begun.Add(leaves+time.Second))
	p.arrive(ctx, "north", "2HGEJ6672WH500001", "WX 00003") // so the first has left
	for _, cmd := range over {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	settled, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	waitFor(settled, t, func() bool {
		p.get("/api/v1/lanes/north/radio", &now)
		return now.Vehicles[0].Final && (!keeps || now.Sets.Kept > 0)
	})
	p.commands()
	for path, page := range p.crawl(ctx) {
		p.all.want(t, "the answer to "+path, page)
	}
	if p.answers < 40 {
		t.Errorf("only %d answers were looked at", p.answers)
	}
	closing, closed := context.WithTimeout(ctx, 20*time.Second)
	defer closed()
	p.all.gone(closing, t, "the heap, after the vehicle left", func() []byte { return p.heap("after") })
	p.files(keeps)
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the site ended badly: %v\n%s", err, p.logs)
	}
	p.files(keeps)
	p.all.want(t, "the log of the program", []byte(p.logs.String()))
	if !strings.Contains(p.logs.String(), "level=") {
		t.Errorf("the program logged nothing:\n%s", p.logs)
	}
	out, err := command(t, "", "log", "verify", "--data", p.dir)
	if err != nil {
		t.Errorf("log verify: %v\n%s", err, out)
	}
	p.all.want(t, "log verify", []byte(out))
	// What the law and the assessment allow was done: else the proof is of a
	// site that is deaf.
	st := p.store(ctx)
	sets, err := st.RadioSetsOf(ctx, "5YJXCAE42MF000001", "")
	if err != nil || (len(sets) > 0) != keeps {
		t.Errorf("sets %+v, %v", sets, err)
	}
	rec, err := st.Passage(ctx, passage)
	if err != nil {
		t.Fatal(err)
	}
	heard := rec.Passage.Result.Facts.Radio.HotspotHeard.Known
	for _, r := range rec.Reassessments {
		heard = heard || r.Result.Facts.Radio.HotspotHeard.Known
	}
	if sensed := rec.Passage.Result.Facts.Radio.Sensed.Known; sensed != keeps || heard && !keeps {
		t.Errorf("the record says sensed %t, hotspot %t", sensed, heard)
	}
}

const proofPassword = "correct horse battery"

var proofRoles = []string{"guard", "supervisor", "security-manager", "fleet-manager", "auditor", "administrator"}

// openAirSite makes the site and starts it in a process of its own.
func openAirSite(t *testing.T, radio string) *proof {
	t.Helper()
	p := &proof{t: t, dir: filepath.Join(t.TempDir(), "site"), workplace: t.TempDir(), logs: &lockedBuffer{}}
	run := func(in string, args ...string) string {
		t.Helper()
		out, err := command(t, in, args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	run("", "init", "--data", p.dir, "--site", "kill", "--name", "Proof")
	for _, role := range proofRoles {
		run(proofPassword+"\n", "user", "add", role, "--role", role, "--data", p.dir)
	}
	line, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	packets, tty2, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range []*os.File{line, tty, packets, tty2} {
			_ = f.Close()
		}
	})
	p.lines, p.packets = line, packets
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.udp = free.LocalAddr().String()
	_ = free.Close()
	write := func(device string) {
		text := fmt.Sprintf(airSite, radio, p.udp, tty.Name(), device, tty2.Name())
		if err := os.WriteFile(filepath.Join(p.dir, siteFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("unknown")
	p.kiosk = addDevice(t, p.dir, "kiosk", "north")
	told := run("", "device", "add", "sensor of the proof", "--kind", "sensor", "--lane", "south", "--data", p.dir)
	m := regexp.MustCompile(`device (\S+) \(`).FindStringSubmatch(told)
	if m == nil {
		t.Fatalf("device add said %s", told)
	}
	p.sensor = strings.TrimSpace(told[strings.LastIndex(strings.TrimSpace(told), "\n")+1:])
	write(m[1])

	p.cmd = exec.Command(os.Args[0], "-test.run=^TestAirSite$", "-test.count=1", "-test.timeout=10m")
	// What the collector frees is overwritten: otherwise the unused end of a
	// buffer that is alive shows what lay there before it.
	p.cmd.Env = append(os.Environ(), "SALLYPORT_AIR_SITE="+p.dir, "GODEBUG=clobberfree=1")
	p.cmd.Stderr = p.logs
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.said = bufio.NewScanner(out)
	p.base = strings.TrimPrefix(p.hears("listening on "), "listening on ")
	return p
}

// hears waits for a line of the site's standard output.
func (p *proof) hears(prefix string) string {
	p.t.Helper()
	for p.said.Scan() {
		if strings.HasPrefix(p.said.Text(), prefix) {
			return p.said.Text()
		}
		fmt.Fprintln(p.logs, p.said.Text())
	}
	p.t.Fatalf("the site ended:\n%s", p.logs)
	return ""
}

func (p *proof) until(ctx context.Context, at time.Time) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// heap is the whole heap of the site, with its profiles. Connections that a
// client of the test holds open are closed first: a server's buffer keeps the
// last request for as long.
func (p *proof) heap(name string) []byte {
	p.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	path := filepath.Join(p.workplace, name+".heap")
	if _, err := fmt.Fprintln(p.in, path); err != nil {
		p.t.Fatal(err)
	}
	p.hears("heap written")
	b, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(b) < 1<<20 || !bytes.HasPrefix(b, []byte("go1.7 heap dump\n")) {
		p.t.Fatalf("a heap of %d bytes", len(b))
	}
	if err := os.Remove(path); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// do sends a request and looks at the answer for secrets and addresses: no
// answer may hold any, at any time.
func (p *proof) do(client *http.Client, method, path, token, kind string, body []byte) (int, []byte) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// A stream never ends: what comes within a second is looked at.
	var resp *http.Response
	if strings.HasSuffix(path, "/events") || strings.HasSuffix(path, "/stream") {
		timer := time.AfterFunc(time.Second, cancel)
		defer timer.Stop()
	}
	if resp, err = client.Do(req); err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil && ctx.Err() == nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	var head bytes.Buffer
	_ = resp.Header.Write(&head)
	p.answers++
	p.all.want(p.t, method+" "+path, append(head.Bytes(), b...))
	return resp.StatusCode, b
}

func (p *proof) get(path string, v any) {
	p.t.Helper()
	code, b := p.do(http.DefaultClient, http.MethodGet, path, p.kiosk, "", nil)
	if code != http.StatusOK {
		p.t.Fatalf("%s: %d %s", path, code, b)
	}
	if err := json.Unmarshal(b, v); err != nil {
		p.t.Fatal(err)
	}
}

func (p *proof) post(path, token string, v any) int {
	p.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	code, _ := p.do(http.DefaultClient, http.MethodPost, path, token, "application/json", body)
	return code
}

// arrive presents a vehicle by the kiosk of its lane.
func (p *proof) arrive(ctx context.Context, lane, vin, plate string) gate.PassageID {
	p.t.Helper()
	if lane != "north" {
		// By a person: the kiosk of the proof stands at the north lane.
		c := p.signedIn("guard")
		code, b := p.do(c, http.MethodPost, "/lane/"+lane+"/arrivals", "", "application/x-www-form-urlencoded", []byte(url.Values{"vin": {vin}, "plate": {plate}, "class": {"private"}}.Encode()))
		if code >= 400 {
			p.t.Errorf("arrival at %s: %d %s", lane, code, b)
		}
		return ""
	}
	var got struct{ Passage gate.PassageID }
	body, err := json.Marshal(map[string]string{"vin": vin, "plate": plate, "class": "private"})
	if err != nil {
		p.t.Fatal(err)
	}
	code, b := p.do(http.DefaultClient, http.MethodPost, "/api/v1/lanes/north/arrivals", p.kiosk, "application/json", body)
	if err := json.Unmarshal(b, &got); err != nil || code >= 300 || got.Passage == "" {
		p.t.Fatalf("arrival: %d %s, %v", code, b, err)
	}
	return got.Passage
}

// careless sends what sensors should not: records with payload and names beside
// them, halves of records, numbers that are none, over every way and under every
// credential. Whatever is wrong with them, no answer and no log repeats it.
func (p *proof) careless(a air) {
	p.t.Helper()
	conn, err := net.Dial("udp", p.udp)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	now := time.Now().UTC().Format(time.RFC3339Nano)
	mac, name, payload := a.addresses["a neighbour's access point"], a.secrets["a neighbour's network"], a.secrets["payload beside a record"]
	lines := []string{
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":"wifi","role":"ap","emitter":%q,"rssi_dbm":-50,"ssid":%q,"payload":%q}`, now, mac, name, payload),
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":"wifi","role":"probe","emitter":%q,"rssi_dbm":-50,"ssid":%q}`, now, mac, name),
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":"ble","emitter":%q,"rssi_dbm":-50,"name":%q,"data":{"deep":[%q]}}`, now, mac, name, payload),
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":"wifi","role":%q,"emitter":%q,"rssi_dbm":-50}`, now, payload, mac),
		fmt.Sprintf(`{"ts":%q,"sensor":%q,"kind":"wifi","emitter":%q,"rssi_dbm":"-50"}`, now, name, mac),
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":%q,"emitter":%q,"rssi_dbm":-50}`, now, payload, mac),
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":"cell","band":"B20","emitter":%q,"rssi_dbm":-50}`, now, mac),
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":"tpms","emitter":%q,"rssi_dbm":-50,"model":%q}`, now, strings.ReplaceAll(mac, ":", ""), "("+payload+")"),
		fmt.Sprintf(`{"ts":"1970-01-01T00:00:00Z","sensor":"s","kind":"wifi","role":"ap","emitter":%q,"rssi_dbm":-50}`, mac),
		fmt.Sprintf(`{"ts":"2099-01-01T00:00:00Z","sensor":"s","kind":"wifi","role":"ap","emitter":%q,"rssi_dbm":-50}`, mac),
		fmt.Sprintf(`{"ts":%q,"sensor":"s","kind":"wifi","emitter":%q`, now, mac),
		payload + " " + mac + " " + name,
		"$7,,{" + payload + mac + "}*0000",
	}
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, l := range lines {
		if _, err := io.WriteString(conn, l); err != nil {
			p.t.Fatal(err)
		}
		if _, err := io.WriteString(p.lines, l+"\n"); err != nil {
			p.t.Fatal(err)
		}
		for _, token := range []string{p.sensor, p.kiosk, "", "x" + p.sensor} {
			for _, lane := range []string{"south", "north", "nowhere"} {
				p.do(once, http.MethodPost, "/api/v1/lanes/"+lane+"/observations", token, "application/x-ndjson", []byte(l+"\n"))
			}
		}
		p.do(once, http.MethodPost, "/api/v1/lanes/south/observations", p.sensor, "application/json", []byte("["+l+","+l))
		p.do(once, http.MethodPost, "/api/v1/lanes/north/arrivals", p.sensor, "application/json", []byte(l))
		p.do(once, http.MethodPost, "/lane/north/arrivals", "", "application/x-www-form-urlencoded", []byte(l))
	}
}

// sniff has Nordic's sniffer hear advertisements and a connection.
func (p *proof) sniff(a air) {
	p.t.Helper()
	secret := a.secrets["payload of a Bluetooth connection"]
	for n := uint16(0); n < 40; n += 4 {
		for i, b := range [][]byte{
			nordic(n, 37, -50, advertising, advertisement(a.addresses["the vehicle's Bluetooth"], "x")),
			nordic(n+1, 38, -60, advertising, advertisement(a.addresses["a telephone's Bluetooth"], a.secrets["a telephone's name"])),
			nordic(n+2, 11, -60, 0x50a1b2c3, append([]byte{2, byte(len(secret))}, secret...)),
			[]byte("\xab\x06\xff" + secret), // cut off
		} {
			if _, err := p.packets.Write(b); err != nil {
				p.t.Fatalf("packet %d: %v", i, err)
			}
		}
	}
}

// recorded plays recordings of the real air, where they are there, and adds the
// addresses in them to what is searched for.
func (p *proof) recorded(ctx context.Context) {
	p.t.Helper()
	folder := filepath.Join(moduleRoot(p.t), "..", "shared", "data", "rf", "captures")
	added := 0
	for _, name := range []string{"aircrack-ng/test1.pcap", "aircrack-ng/wpa2.eapol.cap", "aircrack-ng/capture_wds-01.cap", "crackle/le_secure_connections.pcapng"} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err != nil {
			p.t.Logf("WITHOUT RECORDINGS OF THE REAL AIR: %v", err)
			continue
		}
		out, err := exec.CommandContext(ctx, program(p.t), "rf", "decode", "--source", "pcap", path).Output()
		if err != nil {
			p.t.Fatal(err)
		}
		seen := map[string]bool{}
		for l := range bytes.Lines(out) {
			var o rf.Observation
			if err := json.Unmarshal(l, &o); err != nil {
				p.t.Fatal(err)
			}
			if b, err := hex.DecodeString(strings.ReplaceAll(o.Emitter, ":", "")); err == nil && len(b) == 6 && telling(b) && !seen[o.Emitter] && len(seen) < 200 {
				seen[o.Emitter] = true
				p.all.address("an address of "+name, o.Emitter)
				added++
			}
		}
		if out, err := exec.CommandContext(ctx, program(p.t), "rf", "replay", "--source", "pcap", "--sensor", "s", "--now", "--speed", "max", "--to", "udp://"+p.udp, path).CombinedOutput(); err != nil {
			p.t.Fatalf("%v\n%s", err, out)
		}
	}
	p.t.Logf("%d forms are searched for, of %d addresses of the real air and those made up", p.all.n, added)
}

// telling is an address that does not stand in every heap, as 00:00:00:00:11:22
// does.
func telling(mac []byte) bool {
	different := map[byte]bool{}
	for _, b := range mac {
		different[b] = true
	}
	return len(different) >= 5
}

// commands are those that ask a running site.
func (p *proof) commands() {
	p.t.Helper()
	for _, args := range [][]string{{"rf", "sensors", "--data", p.dir}, {"rf", "sensors", "--json", "--data", p.dir}, {"inspect", "list", "--data", p.dir}, {"posture", "show", "--data", p.dir}} {
		out, _ := command(p.t, "", args...) // exit code 1 where a sensor is silent
		if len(out) == 0 {
			p.t.Errorf("%v says nothing", args)
		}
		p.all.want(p.t, strings.Join(args, " "), []byte(out))
	}
}

func (p *proof) signedIn(name string) *http.Client {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	code, b := p.do(c, http.MethodPost, "/signin", "", "application/x-www-form-urlencoded", []byte(url.Values{"name": {name}, "password": {proofPassword}}.Encode()))
	if code != http.StatusOK {
		p.t.Fatalf("sign in as %s: %d %s", name, code, b)
	}
	return c
}

var links = regexp.MustCompile(`(?:href|src|action|data-[a-z-]+)="(/[^"#]*)"`)

// crawl is every page that anybody can reach by links, every stream, and every
// answer of the API, by who asked and where.
func (p *proof) crawl(ctx context.Context) map[string][]byte {
	p.t.Helper()
	pages := map[string][]byte{}
	for _, role := range proofRoles {
		c := p.signedIn(role)
		todo := []string{"/", "/radio", "/radio/events", "/passages", "/log", "/data", "/policy", "/nowhere"}
		for _, lane := range []string{"north", "south", "east"} {
			todo = append(todo, "/lane/"+lane, "/lane/"+lane+"/events", "/lane/"+lane+"/radio", "/lane/"+lane+"/radio/events")
		}
		seen := map[string]bool{}
		for len(todo) > 0 && ctx.Err() == nil {
			path := strings.ReplaceAll(todo[0], "&amp;", "&")
			todo = todo[1:]
			// What is beyond the first pages, and a stream, is the same to all who
			// may see it.
			if len(pages["once "+path]) > 0 || seen[path] || strings.HasPrefix(path, "/signout") || len(seen) > 100 {
				continue
			}
			seen[path] = true
			code, b := p.do(c, http.MethodGet, path, "", "", nil)
			pages[role+" "+path] = b
			if code == http.StatusOK && strings.Count(path, "/") > 1 {
				pages["once "+path] = b
			}
			for _, m := range links.FindAllSubmatch(b, -1) {
				todo = append(todo, string(m[1]))
			}
		}
		c.CloseIdleConnections()
	}
	for _, path := range []string{"/api/v1/sensors", "/api/v1/lanes/north", "/api/v1/lanes/north/radio", "/api/v1/lanes/north/radio/stream", "/api/v1/lanes/south/radio", "/api/v1/lanes/nowhere", "/debug/pprof/", "/debug/pprof/heap", "/healthz"} {
		for _, token := range []string{p.kiosk, p.sensor, ""} {
			_, pages["token "+path] = p.do(http.DefaultClient, http.MethodGet, path, token, "", nil)
		}
	}
	return pages
}

// files looks at every file of the site, as it lies there.
func (p *proof) files(keeps bool) {
	p.t.Helper()
	names := []string{}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		names = append(names, d.Name())
		p.all.want(p.t, d.Name(), b)
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if !slices.Contains(names, "site.db") {
		p.t.Errorf("only %v was looked at", names)
	}
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "radio-") }) != keeps {
		p.t.Errorf("files %v, of a site that keeps sets: %t", names, keeps)
	}
}

// store reads the site once it has been stopped.
func (p *proof) store(ctx context.Context) *sqlite.Store {
	p.t.Helper()
	st, err := sqlite.Open(ctx, p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = st.Close() })
	return st
}
