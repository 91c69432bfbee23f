package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport/rf"
)

var at = time.Date(2026, 5, 4, 8, 0, 0, 123456000, time.UTC)

// The builders below write frames byte by byte, by the standards and not by the
// code under test.

func le16(v int) []byte { return []byte{byte(v), byte(v >> 8)} }
func le32(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }
func cat(parts ...[]byte) []byte {
	return bytes.Join(parts, nil)
}

func element(id int, v string) []byte { return cat([]byte{byte(id), byte(len(v))}, []byte(v)) }

const (
	carMAC   = "\x00\x26\xb4\x01\x02\x03"
	otherMAC = "\xfc\x32\x10\x77\xda\xaf"
	everyone = "\xff\xff\xff\xff\xff\xff"
)

// header is a frame's header: frame control, duration, three addresses, sequence.
func header(control, flags int, a1, a2, a3 string) []byte {
	return cat([]byte{byte(control), byte(flags), 0, 0}, []byte(a1), []byte(a2), []byte(a3), []byte{0x10, 0})
}

func beaconOf(mac, ssid string, more ...[]byte) []byte {
	return cat(header(0x80, 0, everyone, mac, mac), make([]byte, 8), le16(100), le16(0x0411),
		element(0, ssid), element(1, "\x82\x84\x8b\x96"), element(3, "\x06"), cat(more...))
}

// tapped puts a radiotap header before a frame: flags, channel 6, three levels
// of antennas, each of the later two in a presence word of its own.
func tapped(flags byte, frame []byte) []byte {
	fields := cat([]byte{flags, 0}, le16(2437), le16(0x00a0), []byte{0xb0}, []byte{0xaa, 0}, []byte{0xad, 1})
	const first, antenna, more, same = 1<<1 | 1<<3 | 1<<5, 1<<5 | 1<<11, 1 << 31, 1 << 29
	head := cat(le32(first|same|more), le32(antenna|same|more), le32(antenna))
	return cat([]byte{0, 0}, le16(4+len(head)+len(fields)), head, fields, frame)
}

// pcapOf is a little-endian capture in microseconds.
func pcapOf(link int, frames ...[]byte) []byte {
	b := cat(le32(-0x5e4d3c2c), le16(2), le16(4), le32(0), le32(0), le32(65535), le32(link))
	for _, f := range frames {
		b = append(b, cat(le32(int(at.Unix())), le32(at.Nanosecond()/1000), le32(len(f)), le32(len(f)), f)...)
	}
	return b
}

// pcapngOf is a big-endian capture in nanoseconds, with a block of another kind
// and a frame without a time.
func pcapngOf(link int, frames ...[]byte) []byte {
	u32 := func(v uint64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
	block := func(kind int, parts ...[]byte) []byte {
		body := cat(parts...)
		body = append(body, make([]byte, (4-len(body)%4)%4)...)
		return cat(u32(uint64(kind)), u32(uint64(len(body)+12)), body, u32(uint64(len(body)+12)))
	}
	b := cat(block(0x0A0D0D0A, u32(0x1A2B3C4D), []byte{0, 1, 0, 0}, bytes.Repeat([]byte{0xff}, 8)),
		block(1, []byte{byte(link >> 8), byte(link), 0, 0}, u32(0), []byte{0, 9, 0, 1, 9, 0, 0, 0}, []byte{0, 14, 0, 8}, make([]byte, 7), []byte{10}, make([]byte, 4)),
		block(0x0BAD, []byte("anything")),
		block(3, u32(4), []byte("abcd")))
	ticks := uint64(at.Add(-10 * time.Second).UnixNano())
	for _, f := range frames {
		b = cat(b, block(6, u32(0), u32(ticks>>32), u32(ticks), u32(uint64(len(f))), u32(uint64(len(f))), f))
	}
	return b
}

// advertised is a link layer frame with its CRC, computed bit by bit.
func advertised(pdu int, body string) []byte {
	b := cat([]byte{byte(pdu), byte(len(body))}, []byte(body))
	state := uint32(0x555555)
	for _, c := range b {
		for i := range 8 {
			in := uint32(c>>i) & 1
			out := state >> 23 & 1
			state = state << 1 & 0xFFFFFF
			if out^in == 1 {
				state ^= 0x00065B
			}
		}
	}
	var crc [3]byte
	for i := range 24 { // highest position of the register first
		crc[i/8] |= byte(state>>(23-i)&1) << (i % 8)
	}
	return cat([]byte{0xd6, 0xbe, 0x89, 0x8e}, b, crc[:])
}

func phdr(channel, level byte, flags int, frame []byte) []byte {
	return cat([]byte{channel, level, 0, 0, 0, 0, 0, 0}, le16(flags), frame)
}

func ad(kind int, v string) string { return string([]byte{byte(len(v) + 1), byte(kind)}) + v }

const (
	publicAir   = "\x03\x02\x01\xb4\x26\x00" // 00:26:b4:01:02:03, lowest byte first
	staticAir   = "\x03\x02\x01\xb4\x26\xc0"
	resolvedAir = "\x03\x02\x01\xb4\x26\x41"
)

func decode(t testing.TB, in io.Reader) ([]rf.Observation, *Decoder, error) {
	t.Helper()
	d := New(Config{Sensor: "s"}, prefixes(t))
	var got []rf.Observation
	err := d.Decode(in, func(o rf.Observation) error { got = append(got, o); return nil })
	for _, o := range got {
		if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
			t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
		}
	}
	return got, d, err
}

func TestFrames(t *testing.T) {
	wifi := func(f func(*rf.Observation)) rf.Observation {
		o := rf.Observation{TS: at, Sensor: "s", Kind: rf.WiFi, Emitter: "00:26:b4:01:02:03", RSSI: -80, Channel: 6, FreqMHz: 2437, Role: "ap"}
		f(&o)
		return o
	}
	ble := func(f func(*rf.Observation)) rf.Observation {
		o := rf.Observation{TS: at, Sensor: "s", Kind: rf.BLE, Emitter: "00:26:b4:01:02:03", RSSI: -60, Channel: 38, FreqMHz: 2426, Address: rf.Public}
		f(&o)
		return o
	}
	same := func(*rf.Observation) {}
	prism := make([]byte, 144)
	copy(prism, cat(le32(0x44), le32(144)))
	copy(prism[48:], cat(le32(0x00030044), le16(0), le16(4), le32(6)))
	avs := make([]byte, 64)
	binary.BigEndian.PutUint32(avs, 0x80211001)
	binary.BigEndian.PutUint32(avs[4:], 64)
	binary.BigEndian.PutUint32(avs[28:], 6)
	binary.BigEndian.PutUint32(avs[44:], 2)
	binary.BigEndian.PutUint32(avs[48:], 0xFFFFFFB0)
	for _, x := range []struct {
		name string
		link int
		in   []byte
		want rf.Observation
	}{
		{"beacon of a vehicle", linkRadiotap, tapped(0, beaconOf(carMAC, "Audi_MMI_1234")), wifi(func(o *rf.Observation) { o.SSID = "Audi_MMI_1234" })},
		{"beacon of a person", linkRadiotap, tapped(0, beaconOf(carMAC, "Anna's iPhone")), wifi(same)},
		{"hidden name", linkRadiotap, tapped(0, beaconOf(carMAC, "")), wifi(same)},
		{"check sequence declared", linkRadiotap, tapped(0x10, cat(beaconOf(carMAC, "x"), []byte("\xdd\x09\x00\x00"))), wifi(same)},
		{"check sequence not declared", linkRadiotap, tapped(0, cat(beaconOf(carMAC, "x"), []byte("\xdd\x09\x00\x00"))), wifi(same)},
		{"probe response", linkRadiotap, tapped(0, cat(header(0x50, 0, otherMAC, carMAC, carMAC), make([]byte, 12), element(0, "MB WLAN 1A2B3C"))), wifi(func(o *rf.Observation) { o.SSID = "MB WLAN 1A2B3C" })},
		{"name that a client asks for is dropped", linkRadiotap, tapped(0, cat(header(0x40, 0, everyone, carMAC, everyone), element(0, "Audi_MMI_1234"))), wifi(func(o *rf.Observation) { o.Role = "probe" })},
		{"association request", linkRadiotap, tapped(0, cat(header(0x00, 0, otherMAC, carMAC, otherMAC), make([]byte, 4), element(0, "Audi_MMI_1234"))), wifi(func(o *rf.Observation) { o.Role = "client" })},
		{"authentication of a client", linkRadiotap, tapped(0, cat(header(0xb0, 0, otherMAC, carMAC, otherMAC), make([]byte, 6))), wifi(func(o *rf.Observation) { o.Role = "client" })},
		{"authentication of an access point", linkRadiotap, tapped(0, cat(header(0xb0, 0, otherMAC, carMAC, carMAC), make([]byte, 6))), wifi(same)},
		{"protected body is not read", linkRadiotap, tapped(0, cat(header(0xb0, 0x40, otherMAC, carMAC, otherMAC), []byte{1})), wifi(func(o *rf.Observation) { o.Role = "client" })},
		{"fields from 32 on", linkRadiotap, cat([]byte{0, 0}, le16(26), le32(-1<<31|1<<3|1<<5), le32(-1<<31|0xF7), le32(1<<29|1<<5), le16(2437), le16(0x00a0), []byte{0xb0, 1, 2, 3, 4, 5}, beaconOf(carMAC, "x")), wifi(same)},
		{"no receiver's header", link80211, beaconOf(carMAC, "x"), wifi(func(o *rf.Observation) { o.RSSI, o.Level, o.FreqMHz = rf.LowestRSSI, rf.NoLevel, 0 })},
		{"Prism", linkPrism, cat(prism, beaconOf(carMAC, "x")), wifi(func(o *rf.Observation) { o.RSSI, o.Level, o.FreqMHz = rf.LowestRSSI, rf.NoLevel, 0 })},
		{"AVS", linkAVS, cat(avs, beaconOf(carMAC, "x")), wifi(func(o *rf.Observation) { o.FreqMHz = 0 })},
		{"PPI", linkPPI, cat([]byte{0, 0}, le16(32), le32(105), le16(2), le16(20), make([]byte, 12), le16(2437), make([]byte, 4), []byte{0xb0, 0xa0}, beaconOf(carMAC, "x")), wifi(same)},

		{"advertisement of a Tesla", linkBTLEPHDR, phdr(12, 0xc4, 3, advertised(0, publicAir+ad(1, "\x06")+ad(9, "S1a87a5a75f3df858C")+ad(255, "\x2b\x02rest"))),
			ble(func(o *rf.Observation) { o.Name, o.Company = "S1a87a5a75f3df858C", 0x022B })},
		{"a person's name is dropped", linkBTLEPHDR, phdr(12, 0xc4, 3, advertised(4, publicAir+ad(8, "Anna"))), ble(same)},
		{"static random", linkBTLEPHDR, phdr(12, 0xc4, 3, advertised(0x42, staticAir)), ble(func(o *rf.Observation) { o.Emitter, o.Address = "c0:26:b4:01:02:03", rf.Static })},
		{"resolvable", linkBTLEPHDR, phdr(39, 0xc4, 3, advertised(0x46, resolvedAir)), ble(func(o *rf.Observation) {
			o.Emitter, o.Address, o.Channel, o.FreqMHz = "41:26:b4:01:02:03", rf.Resolvable, 39, 2480
		})},
		{"non-resolvable, no level", linkBTLEPHDR, phdr(0, 0xc4, 1, advertised(0x40, publicAir)), ble(func(o *rf.Observation) {
			o.Address, o.Channel, o.FreqMHz, o.RSSI, o.Level = rf.NonResolvable, 37, 2402, rf.LowestRSSI, rf.NoLevel
		})},
		{"extended", linkBTLEPHDR, phdr(12, 0xc4, 3, advertised(7, "\x07\x01"+publicAir+ad(255, "\x2b\x02"))), ble(func(o *rf.Observation) { o.Company = 0x022B })},
		{"bare link layer", linkBTLE, advertised(0, publicAir), ble(func(o *rf.Observation) { o.Channel, o.FreqMHz, o.RSSI, o.Level = 0, 0, rf.LowestRSSI, rf.NoLevel })},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, file := range [][]byte{pcapOf(x.link, x.in), pcapngOf(x.link, x.in)} {
				got, d, err := decode(t, iotest.OneByteReader(bytes.NewReader(file)))
				if err != nil || len(got) != 1 || got[0] != x.want {
					t.Fatalf("got %+v, %v, %v\nwant %+v", got, d.Tally().Refused(), err, x.want)
				}
			}
			d := New(Config{Sensor: "s"}, prefixes(t))
			if o, ok := d.Frame(uint32(x.link), at, x.in); !ok || o != x.want {
				t.Fatalf("%+v, %v", o, d.Tally().Refused())
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	b := beaconOf(carMAC, "x")
	head := header(0x80, 0, everyone, carMAC, carMAC)
	bad := advertised(0, publicAir)
	bad[8] ^= 1
	for _, x := range []struct {
		name string
		link int
		in   []byte
		want string
	}{
		{"data", linkRadiotap, tapped(0, header(0x08, 1, carMAC, otherMAC, carMAC)), "data, not looked at"},
		{"QoS data", link80211, []byte{0x88, 0}, "data, not looked at"},
		{"acknowledgement", link80211, []byte{0xd4, 0}, "control frame, not looked at"},
		{"DMG beacon", link80211, []byte{0x0c, 0}, "extension frame, not looked at"},
		{"version", link80211, []byte{0x81, 0}, "not of protocol version 0"},
		{"deauthentication", link80211, cat(header(0xc0, 0, otherMAC, carMAC, carMAC), le16(7)), "management between two stations"},
		{"action", link80211, cat(header(0xd0, 0, otherMAC, carMAC, carMAC), []byte{0x7f}), "management between two stations"},
		{"sent by a group", link80211, beaconOf("\x01\x26\xb4\x01\x02\x03", "x"), "sender's address is a group's"},
		{"sent by nobody", link80211, beaconOf("\x00\x00\x00\x00\x00\x00", "x"), "no sender's address"},
		{"bad check sequence", linkRadiotap, tapped(0x50, b), "check sequence is wrong"},
		{"radiotap version", linkRadiotap, cat([]byte{1}, tapped(0, b)[1:]), "receiver's header is malformed"},
		{"radiotap length", linkRadiotap, cat([]byte{0, 0}, le16(4000), b), "receiver's header is malformed"},
		{"radiotap field beyond its end", linkRadiotap, cat([]byte{0, 0}, le16(8), le32(1), b), "receiver's header is malformed"},
		{"radiotap without an end", linkRadiotap, cat([]byte{0, 0}, le16(12), bytes.Repeat([]byte{0xff}, 40)), "receiver's header is malformed"},
		{"radiotap vendor beyond its end", linkRadiotap, cat([]byte{0, 0}, le16(18), le32(-1<<31|1<<30), le32(0), []byte{0, 0, 0, 0, 1, 0}, b), "receiver's header is malformed"},
		{"Prism", linkPrism, b, "receiver's header is malformed"},
		{"AVS", linkAVS, b, "receiver's header is malformed"},
		{"PPI", linkPPI, cat([]byte{0, 0}, le16(12), le32(105), le16(2), le16(20), b), "receiver's header is malformed"},
		{"nothing", link80211, []byte{0x80}, "shorter than its fields"},
		{"half a header", link80211, head[:20], "shorter than its fields"},
		{"half a body", link80211, cat(head, make([]byte, 11)), "shorter than its fields"},
		{"element over the end", link80211, cat(b, []byte{221, 50, 0, 0, 0, 0, 0}), "an element runs over the frame's end"},
		{"name of 33 bytes", link80211, beaconOf(carMAC, strings.Repeat("x", 33)), "an element runs over the frame's end"},
		{"Ethernet", 1, b, "a link type that is not read"},
		{"cellular signalling", 224, b, "a link type that is not read"},

		{"Bluetooth data", linkBTLE, cat([]byte{1, 2, 3, 4}, bad[4:]), "data, not looked at"},
		{"CRC", linkBTLE, bad, "check sequence is wrong"},
		{"CRC, by the receiver", linkBTLEPHDR, phdr(0, 0, 0x0401, advertised(0, publicAir)), "check sequence is wrong"},
		{"whitened", linkBTLEPHDR, phdr(0, 0, 0, advertised(0, publicAir)), "not yet decoded by the receiver"},
		{"directed", linkBTLE, advertised(1, publicAir+staticAir), "meant for one device"},
		{"extended and directed", linkBTLE, advertised(7, "\x0d\x03"+publicAir+staticAir), "meant for one device"},
		{"scan request", linkBTLE, advertised(3, publicAir+staticAir), "meant for one device"},
		{"connection request", linkBTLE, advertised(5, publicAir+staticAir+strings.Repeat("x", 22)), "meant for one device"},
		{"extended without an address", linkBTLE, advertised(7, "\x01\x00"), "no sender's address"},
		{"reserved kind of address", linkBTLE, advertised(0x40, "\x03\x02\x01\xb4\x26\x80"), "no sender's address"},
		{"reserved PDU", linkBTLE, advertised(9, publicAir), "kind of frame that is not defined"},
		{"too short an advertisement", linkBTLE, advertised(0, "\x01\x02"), "length of the frame or of its kind is wrong"},
		{"structure over the end", linkBTLE, advertised(0, publicAir+"\x09\x09Anna"), "an element runs over the frame's end"},
		{"PDU over the end", linkBTLE, cat([]byte{0xd6, 0xbe, 0x89, 0x8e, 0, 37}, []byte(publicAir)), "length of the frame or of its kind is wrong"},
		{"no CRC", linkBTLE, advertised(0, publicAir)[:12], "shorter than its fields"},
	} {
		got, d, err := decode(t, bytes.NewReader(pcapOf(x.link, x.in)))
		if err != nil || len(got) != 0 || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.want: 1}) {
			t.Errorf("%s: %+v, %v, %v", x.name, got, d.Tally().Refused(), err)
		}
	}
	d := New(Config{Sensor: "s"}, prefixes(t))
	for _, when := range []time.Time{time.Unix(0, 0), {}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if o, ok := d.Frame(link80211, when, b); ok {
			t.Errorf("%+v", o)
		}
	}
	if got := d.Tally().Refused()["time is not between 2015 and 2100"]; got != 3 {
		t.Errorf("%v", d.Tally().Refused())
	}
}

func TestFiles(t *testing.T) {
	frame := tapped(0, beaconOf(carMAC, "x"))
	whole := pcapOf(linkRadiotap, frame, frame)
	ng := pcapngOf(linkRadiotap, frame, frame)
	// A frame that the capture did not keep whole is read as far as it goes.
	kept := cat(whole[:32], le32(len(frame)-3), le32(len(frame)), frame[:len(frame)-3])
	// Larger than any management frame: a beacon followed by a long tail.
	long := pcapOf(linkRadiotap, tapped(0, beaconOf(carMAC, "x", bytes.Repeat(element(221, strings.Repeat("v", 255)), 400))), frame)
	for _, x := range []struct {
		name    string
		in      []byte
		taken   int
		refused string
		fails   string
	}{
		{"empty", nil, 0, "", "no capture"},
		{"no capture", []byte("GIF89a........................."), 0, "", "neither pcap nor pcapng"},
		{"short", whole[:20], 0, "", "no capture"},
		{"version", cat(whole[:4], le16(3), whole[6:]), 0, "", "version 3"},
		{"no frame", whole[:24], 0, "", ""},
		{"cut in a header", whole[:30], 0, "cut short by the end of the input", ""},
		{"cut in a frame", whole[:len(whole)-1], 1, "cut short by the end of the input", ""},
		{"not kept whole", kept, 1, "", ""},
		{"long frame", long, 2, "", ""},
		{"length of a damaged file", cat(whole[:32], le32(1<<25), le32(1<<25), frame), 0, "", "damaged file: a frame of"},
		{"pcapng", ng, 2, "no time", ""},
		{"pcapng of two sections", cat(ng, ng), 4, "no time", ""},
		{"pcapng cut", ng[:len(ng)-4], 2, "", ""},
		{"pcapng cut in a frame", ng[:len(ng)-40], 1, "", ""},
		{"pcapng without an interface", cat(ng[:28], ng[72:]), 0, "", "interface 0"},
		{"pcapng of no order", cat(ng[:8], []byte("????"), ng[12:]), 0, "", "byte order"},
		{"pcapng block", cat(ng[:28], []byte{0, 0, 0, 9, 0, 0, 0, 13}), 0, "", ""},
	} {
		got, d, err := decode(t, bytes.NewReader(x.in))
		if len(got) != x.taken || (x.fails == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), x.fails) || x.refused != "" && d.Tally().Refused()[x.refused] == 0 {
			t.Errorf("%s: %d taken, %v, %v", x.name, len(got), d.Tally().Refused(), err)
		}
	}
	stop := errors.New("stop")
	if _, _, err := decode(t, io.MultiReader(bytes.NewReader(whole[:40]), iotest.ErrReader(stop))); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	d := New(Config{Sensor: "s"}, prefixes(t))
	if err := d.Decode(bytes.NewReader(whole), func(rf.Observation) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	// Seconds in ticks of 2^-20, and ones that no clock has.
	if got := (iface{units: 1 << 20}).time(3<<19 + 1700000000<<20); !got.Equal(time.Unix(1700000001, 5e8)) {
		t.Errorf("%v", got)
	}
	if got := (iface{units: 1}).time(1 << 63); !got.IsZero() {
		t.Errorf("%v", got)
	}
}

// TestNothingOfAPayloadStays feeds data frames and people's names, and looks
// for them in what comes out and in the buffer that they went through.
func TestNothingOfAPayloadStays(t *testing.T) {
	var frames [][]byte
	for range 50 {
		frames = append(frames,
			tapped(0, cat(header(0x08, 1, carMAC, otherMAC, carMAC), []byte("SECRET mail"))),
			tapped(0, cat(header(0x88, 2, carMAC, otherMAC, carMAC), []byte("\x00\x00SECRET word"))),
			tapped(0, beaconOf(otherMAC, "SECRET home")),
			tapped(0, cat(header(0x40, 0, everyone, otherMAC, everyone), element(0, "SECRET cafe"))))
	}
	file := pcapOf(linkRadiotap, frames...)
	got, d, err := decode(t, bytes.NewReader(file))
	if err != nil || len(got) != 100 || d.Tally().Refused()["data, not looked at"] != 100 {
		t.Fatalf("%d, %v, %v", len(got), d.Tally().Refused(), err)
	}
	for _, o := range got {
		if bytes.Contains(rf.Append(nil, o), []byte("SECRET")) {
			t.Fatalf("%+v", o)
		}
	}
	if d.wifi.ssid != nil || d.ble.Name != nil {
		t.Error("the decoder holds on to a frame")
	}
	var last []byte
	if err := read(bytes.NewReader(file), func(p packet) error { last = p.data; return nil }, nil, nil); err != nil {
		t.Fatal(err)
	}
	if buf := last[:cap(last)]; !bytes.Equal(buf, make([]byte, len(buf))) {
		t.Error("the buffer is not cleared")
	}
}

func seeds() [][]byte {
	wifi, air := tapped(0, beaconOf(carMAC, "Audi_MMI_1234")), phdr(12, 0xc4, 3, advertised(0, publicAir+ad(9, "S1a87a5a75f3df858C")+ad(255, "\x2b\x02")))
	return [][]byte{
		pcapOf(linkRadiotap, wifi, tapped(0x10, header(0x08, 1, carMAC, otherMAC, carMAC))), pcapngOf(linkRadiotap, wifi),
		pcapOf(linkBTLEPHDR, air, phdr(0, 0, 1, advertised(7, "\x07\x01"+publicAir))), pcapngOf(linkBTLEPHDR, air),
		pcapOf(link80211, beaconOf(carMAC, "x"), cat(header(0xb0, 0x80, otherMAC, carMAC, carMAC), make([]byte, 12))),
		pcapOf(linkPPI, cat([]byte{0, 0}, le16(24), le32(147), le16(ppiBTLE), le16(12), []byte{0, 0x62, 9}, make([]byte, 9), advertised(0, publicAir))),
	}
}

// classicFrames counts the frames of a little-endian pcap file in a second way,
// and whether something is left at its end.
func classicFrames(b []byte) (frames uint64, rest bool) {
	for b = b[24:]; len(b) > 0; frames++ {
		if len(b) < 16 {
			return frames, true
		}
		size := int(binary.LittleEndian.Uint32(b[8:]))
		if b = b[16:]; len(b) < min(size, maxFrame) {
			return frames, true
		}
		if len(b) < size {
			return frames + 1, true
		}
		b = b[size:]
	}
	return frames, false
}

// FuzzDecode holds that what is taken is canonical, that every frame is counted,
// and that it does not matter how the file is cut into reads.
func FuzzDecode(f *testing.F) {
	for i, s := range seeds() {
		f.Add(s, 31*i)
	}
	p := prefixes(f)
	f.Fuzz(func(t *testing.T, b []byte, split int) {
		split = max(0, split) % (len(b) + 1)
		var all [2][]rf.Observation
		var d [2]*Decoder
		var errs [2]error
		for i, in := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b[:split]), iotest.OneByteReader(bytes.NewReader(b[split:])))} {
			d[i] = New(Config{Sensor: "s"}, p)
			errs[i] = d[i].Decode(in, func(o rf.Observation) error {
				all[i] = append(all[i], o)
				if back, err := p.ParseLine(rf.Append(nil, o)); err != nil || back != o {
					t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
				}
				return nil
			})
			if uint64(len(all[i])) != d[i].Tally().Taken() {
				t.Fatalf("%d of %d", len(all[i]), d[i].Tally().Taken())
			}
		}
		if !slices.Equal(all[0], all[1]) || (errs[0] == nil) != (errs[1] == nil) || !maps.Equal(d[0].Tally().Refused(), d[1].Tally().Refused()) {
			t.Fatalf("cut at %d: %+v, %v; whole %+v, %v", split, all[1], errs[1], all[0], errs[0])
		}
		if little := len(b) > 0 && (b[0] == 0xD4 || b[0] == 0x4D); errs[0] != nil || !little {
			return
		}
		n, rest := classicFrames(b)
		if rest {
			n++
		}
		if d[0].Tally().Total() != n {
			t.Fatalf("%d of %d counted: %v", d[0].Tally().Total(), n, d[0].Tally().Refused())
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(uint32(linkRadiotap), tapped(0, beaconOf(carMAC, "Audi_MMI_1234")))
	f.Add(uint32(linkRadiotap), cat([]byte{0, 0}, le16(28), le32(-1<<31|1<<30), le32(-1<<31|1<<29), le32(1<<5), []byte{0, 0, 0, 0, 2, 0}, []byte{9, 9, 0xb0, 0}, beaconOf(carMAC, "x")))
	f.Add(uint32(linkBTLEPHDR), phdr(12, 0xc4, 3, advertised(0, publicAir+ad(255, "\x2b\x02"))))
	f.Add(uint32(linkNordic), sniffed(3, 1, 2, 1, 38, 60, advertised(0, publicAir)))
	f.Add(uint32(linkBTLE), advertised(7, "\x07\x01"+publicAir))
	f.Add(uint32(linkPPI), cat([]byte{0, 0}, le16(32), le32(105), le16(2), le16(20), make([]byte, 20), beaconOf(carMAC, "x")))
	f.Add(uint32(linkPrism), cat(le32(0x44), le32(144), make([]byte, 136), beaconOf(carMAC, "x")))
	f.Add(uint32(linkAVS), cat([]byte{0x80, 0x21, 0x10, 1, 0, 0, 0, 64}, make([]byte, 56), beaconOf(carMAC, "x")))
	p := prefixes(f)
	f.Fuzz(func(t *testing.T, link uint32, b []byte) {
		d := New(Config{Sensor: "s"}, p)
		o, ok := d.Frame(link, at, b)
		if d.Tally().Total() != 1 {
			t.Fatal(d.Tally().Refused())
		}
		if !ok {
			return
		}
		if back, err := p.ParseLine(rf.Append(nil, o)); err != nil || back != o {
			t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
		}
	})
}

// air is a mixture as it is in the air: two beacons, a probe request, and data.
func air() [][]byte {
	rich := cat(element(7, "DE \x01\x0d\x14"), element(48, strings.Repeat("r", 20)), element(45, strings.Repeat("h", 26)), element(61, strings.Repeat("o", 22)),
		element(127, strings.Repeat("c", 8)), element(221, "\x00\x50\xf2\x02"+strings.Repeat("w", 20)), element(221, "\x00\x50\xf2\x04"+strings.Repeat("p", 60)))
	return [][]byte{
		tapped(0x10, cat(beaconOf(carMAC, "Home Network", rich), make([]byte, 4))),
		tapped(0x10, cat(beaconOf(otherMAC, "Guest", rich), make([]byte, 4))),
		tapped(0x10, cat(header(0x40, 0, everyone, otherMAC, everyone), element(0, ""), element(1, "\x02\x04\x0b\x16"), element(45, strings.Repeat("h", 26)), make([]byte, 4))),
	}
}

func BenchmarkManagement(b *testing.B) {
	d := New(Config{Sensor: "s"}, prefixes(b))
	frames := air()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, ok := d.Frame(linkRadiotap, at, frames[n%len(frames)]); !ok {
			b.Fatal(d.Tally().Refused())
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkAdvertisement(b *testing.B) {
	d := New(Config{Sensor: "s"}, prefixes(b))
	frame := phdr(12, 0xc4, 3, advertised(0, publicAir+ad(1, "\x06")+ad(9, "Headphones")+ad(255, "\x4c\x00rest")))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, ok := d.Frame(linkBTLEPHDR, at, frame); !ok {
			b.Fatal(d.Tally().Refused())
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkFile(b *testing.B) {
	var frames [][]byte
	for range 1000 {
		frames = append(frames, air()...)
		frames = append(frames, tapped(0, cat(header(0x88, 2, carMAC, otherMAC, carMAC), make([]byte, 1400))))
	}
	file := pcapOf(linkRadiotap, frames...)
	d := New(Config{Sensor: "s"}, prefixes(b))
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(bytes.NewReader(file), func(rf.Observation) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.Tally().Total())/b.Elapsed().Seconds(), "frames/s")
}
