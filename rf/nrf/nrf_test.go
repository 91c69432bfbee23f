package nrf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"sallyport/rf"
	"sallyport/rf/pcap"
)

var now = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

// pdu is an ADV_NONCONN_IND of a public address with a company's data.
var pdu = []byte{0x02, 0x0D, 0x01, 0x00, 0x00, 0xB4, 0x26, 0x00, 0x06, 0xFF, 0x4C, 0x00, 0xAB, 0xBC, 0xCD}

// crc is the link layer's, bit by bit as the specification draws the register
// (vol. 6, part B, 3.1.1).
func crc(b []byte) []byte {
	reg := uint32(0x555555)
	for _, x := range b {
		for i := range 8 {
			out := reg>>23&1 ^ uint32(x>>i&1)
			reg = reg << 1 & 0xFFFFFF
			if out == 1 {
				reg ^= 0x00065B
			}
		}
	}
	var rev uint32
	for i := range 24 {
		rev |= reg >> i & 1 << (23 - i)
	}
	return []byte{byte(rev), byte(rev >> 8), byte(rev >> 16)}
}

// reception is a packet of the sniffer before it is framed: the frame has the
// radio's byte behind its header, as on the line.
type reception struct {
	version     byte
	counter     uint16
	id          byte
	flags       byte
	channel     byte
	magnitude   byte
	us          uint32
	access, pdu []byte
}

func (r reception) bytes() []byte {
	if r.access == nil {
		r.access = []byte{0xD6, 0xBE, 0x89, 0x8E}
	}
	body := []byte{10, r.flags, r.channel, r.magnitude, 7, 0}
	body = binary.LittleEndian.AppendUint32(body, r.us)
	body = append(append(body, r.access...), r.pdu[0], r.pdu[1], 0xEE)
	body = append(append(body, r.pdu[2:]...), crc(r.pdu)...)
	head := []byte{byte(len(body)), 0, r.version}
	if r.version == 1 {
		head = []byte{6, byte(len(body)), r.version}
	}
	return append(append(binary.LittleEndian.AppendUint16(head, r.counter), r.id), body...)
}

// framed writes a packet as it is on the line.
func framed(b []byte) []byte {
	out := []byte{start}
	for _, c := range b {
		if c == start || c == end || c == escape {
			out = append(out, escape)
			c++
		}
		out = append(out, c)
	}
	return append(out, end)
}

// packet frames a PDU as the sniffer does.
func packet(version byte, counter uint16, id, flags, channel byte) []byte {
	return framed(reception{version: version, counter: counter, id: id, flags: flags, channel: channel, magnitude: 61, pdu: pdu}.bytes())
}

func newDecoder(t testing.TB) *Decoder {
	t.Helper()
	p, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	return New(pcap.New(pcap.Config{Sensor: "s"}, p).Frame)
}

func TestPackets(t *testing.T) {
	var stream []byte
	stream = append(stream, "boot \x00\xBC"...) // noise before
	stream = append(stream, packet(1, 0xFFFF, 0x06, 1, 37)...)
	stream = append(stream, packet(2, 0, 0x06, 1, 38)...)
	stream = append(stream, packet(3, 1, 0x02, 1, 39)...)
	stream = append(stream, packet(3, 5, 0x02, 1, 39)[:20]...) // cut, so not counted
	stream = append(stream, packet(3, 6, 0x06, 1, 12)...)      // data
	stream = append(stream, packet(2, 7, 0x06, 5, 12)...)      // data, encrypted
	stream = append(stream, packet(3, 8, 0x02, 0, 39)...)      // bad check
	stream = append(stream, packet(3, 9, 0x0E, 1, 39)...)      // answer to a ping
	stream = append(stream, packet(3, 10, 0x02, 0x21, 39)...)  // coded
	stream = append(stream, packet(4, 11, 0x02, 1, 39)...)
	stream = append(stream, start, escape, 0x01, end)
	stream = append(append(append(stream, start), bytes.Repeat([]byte{1}, 2*maxPacket)...), end)
	for step := 1; step < 80; step += 13 {
		d := newDecoder(t)
		var got []rf.Observation
		for rest := stream; len(rest) > 0; {
			n := min(step, len(rest))
			d.Bytes(rest[:n], now, func(o rf.Observation) { got = append(got, o) })
			rest = rest[n:]
		}
		if len(got) != 3 {
			t.Fatalf("%d observations; %v", len(got), d.Tally().Refused())
		}
		for i, o := range got {
			want := rf.Observation{
				TS: now, Sensor: "s", Kind: rf.BLE, Emitter: "00:26:b4:00:00:01", Address: rf.Public, RSSI: -61,
				Channel: 37 + i, FreqMHz: []float64{2402, 2426, 2480}[i], Company: 0x4C,
			}
			if o != want {
				t.Errorf("%+v, want %+v", o, want)
			}
		}
		if d.Missing() != 4 || d.Tally().Total() != 12 {
			t.Errorf("%d missing, %d packets: %v", d.Missing(), d.Tally().Total(), d.Tally().Refused())
		}
		if bytes.Contains(d.packet[:cap(d.packet)], pdu[2:8]) || bytes.Contains(d.out[:cap(d.out)], pdu[2:8]) {
			t.Error("an address is still there")
		}
	}
}

// A vehicle's advertisement of every version comes out the same, however the
// line is cut into reads and whatever noise stands between the packets.
func TestVersions(t *testing.T) {
	name := "S1a87a5a75f3df858C"
	car := append([]byte{0x00, 0, 0x03, 0x02, 0x01, 0xB4, 0x26, 0x00, byte(len(name) + 1), 9}, name...)
	car = append(car, 6, 0xFF, 0x2B, 0x02, 0xAB, 0xBC, 0xCD)
	car[1] = byte(len(car) - 2)
	want := rf.Observation{
		TS: now, Sensor: "s", Kind: rf.BLE, Emitter: "00:26:b4:01:02:03", RSSI: -60, Channel: 38, FreqMHz: 2426,
		Address: rf.Public, Name: name, Company: 0x022B,
	}
	var line []byte
	for i, r := range []reception{
		{version: 1, counter: 65534, id: 6},
		{version: 2, counter: 65535, id: 6},
		{version: 3, counter: 2, id: 2}, // 0 and 1 are lost
	} {
		r.flags, r.channel, r.magnitude, r.pdu = 1, 38, 60, car
		line = append(line, framed(r.bytes())...)
		line = append(line, "noise \x00\xcd"[:i]...)
	}
	for _, step := range []int{1, 7, len(line)} {
		d, n := newDecoder(t), 0
		for rest := line; len(rest) > 0; {
			chunk := rest[:min(step, len(rest))]
			rest = rest[len(chunk):]
			d.Bytes(chunk, now, func(o rf.Observation) {
				if n++; o != want {
					t.Errorf("%+v, want %+v", o, want)
				}
			})
		}
		if n != 3 || d.Missing() != 2 || d.Tally().Total() != 3 {
			t.Errorf("%d, %d lost, %v", n, d.Missing(), d.Tally().Refused())
		}
	}
	stop := errors.New("stop")
	if err := newDecoder(t).Decode(bytes.NewReader(line), now, func(rf.Observation) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if err := newDecoder(t).Decode(iotest.ErrReader(stop), now, nil); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// What is heard beside the three channels is an advertisement where its access
// address says so, and its channel, PHY and level are told.
func TestReceptions(t *testing.T) {
	aux := []byte{0x07, 8, 0x07, 0x01, 0x01, 0x00, 0x00, 0xB4, 0x26, 0x00}
	for _, x := range []struct {
		name string
		in   reception
		want rf.Observation
	}{
		{"auxiliary", reception{version: 3, id: 2, flags: 1, channel: 0, magnitude: 61, pdu: aux}, rf.Observation{RSSI: -61, Channel: 0, FreqMHz: 2404}},
		{"auxiliary at 2 Mbit/s", reception{version: 3, id: 2, flags: 0x17, channel: 11, magnitude: 61, pdu: aux}, rf.Observation{RSSI: -61, Channel: 11, FreqMHz: 2428}},
		{"auxiliary, of version 2", reception{version: 2, id: 6, flags: 1, channel: 36, magnitude: 128, pdu: aux}, rf.Observation{RSSI: -128, Channel: 36, FreqMHz: 2478}},
		{"channel 10", reception{version: 3, id: 2, flags: 1, channel: 10, magnitude: 1, pdu: aux}, rf.Observation{RSSI: -1, Channel: 10, FreqMHz: 2424}},
		{"no level", reception{version: 3, id: 2, flags: 1, channel: 37, magnitude: 0, pdu: aux}, rf.Observation{RSSI: rf.LowestRSSI, Level: rf.NoLevel, Channel: 37, FreqMHz: 2402}},
		{"level of no receiver", reception{version: 3, id: 2, flags: 1, channel: 39, magnitude: 129, pdu: aux}, rf.Observation{RSSI: rf.LowestRSSI, Level: rf.NoLevel, Channel: 39, FreqMHz: 2480}},
	} {
		x.want.TS, x.want.Sensor, x.want.Kind, x.want.Emitter, x.want.Address = now, "s", rf.BLE, "00:26:b4:00:00:01", rf.Public
		d, n := newDecoder(t), 0
		d.Bytes(framed(x.in.bytes()), now, func(o rf.Observation) {
			if n++; o != x.want {
				t.Errorf("%s: %+v, want %+v", x.name, o, x.want)
			}
		})
		if n != 1 {
			t.Errorf("%s: %v", x.name, d.Tally().Refused())
		}
	}
}

func TestRefusals(t *testing.T) {
	good := reception{version: 3, counter: 1, id: 2, flags: 1, channel: 37, magnitude: 60, pdu: pdu}.bytes()
	edit := func(i int, v byte) []byte {
		b := bytes.Clone(good)
		b[i] = v
		return framed(b)
	}
	for _, x := range []struct {
		name string
		in   []byte
		want int
	}{
		{"begun twice", append(framed(good)[:9], start), cut},
		{"unknown escape", []byte("\xab\x01\xcd\x02\xbc"), badEscape},
		{"ends in an escape", []byte("\xab\x01\xcd\xbc"), badEscape},
		{"never ends", append([]byte{start}, make([]byte, 2000)...), tooLong},
		{"empty", []byte("\xab\xbc"), badHeader},
		{"version", edit(2, 9), badHeader},
		{"header's length", framed(reception{version: 1, id: 6, pdu: pdu}.bytes()[1:]), badHeader},
		{"answer to a ping", edit(5, 0x0E), notHeard},
		{"any frame, as of version 2", framed(append([]byte{good[0], 0, 2, 1, 0, 2}, good[6:]...)), notHeard},
		{"connection's data", edit(5, 6), notAdvertising},
		{"length", edit(0, 9), badHeader},
		{"reception's length", edit(6, 9), badHeader},
		{"channel", edit(8, 40), badHeader},
		{"CRC, by the sniffer", edit(7, 0), badCheck},
		{"CRC", edit(len(good)-1, good[len(good)-1]^1), notTaken},
		{"encrypted", framed(reception{version: 2, id: 6, flags: 5, channel: 37, pdu: pdu}.bytes()), notAdvertising},
		{"coded PHY", edit(7, 0x21), codedPHY},
		{"another PHY", edit(7, 0x31), codedPHY},
		{"other access address", edit(16, 0), notAdvertising},
		{"no frame", framed(append([]byte{16, 0, 3, 1, 0, 2}, good[6:22]...)), badHeader},
		{"scan request", framed(reception{version: 3, id: 2, flags: 1, channel: 37, pdu: append([]byte{3, 12}, make([]byte, 12)...)}.bytes()), notTaken},
	} {
		d := newDecoder(t)
		d.Bytes(x.in, now, func(o rf.Observation) { t.Errorf("%s: %+v", x.name, o) })
		all := rf.NewTally("longer than a packet can be", "cut off before its end", "an escape that is none", "header or length is wrong", "not a packet that was heard",
			"check sequence is wrong", "not an advertisement, not looked at", "of the coded PHY", "frame was not taken; its decoder has the reason")
		all.Refuse(x.want)
		if got := d.Tally().Refused(); !maps.Equal(got, all.Refused()) {
			t.Errorf("%s: %v, want %v", x.name, got, all.Refused())
		}
	}
}

// A recording's times are those of the sniffer's clock, over its restart and
// over the end of its count.
func TestRecordedTimes(t *testing.T) {
	for version, x := range map[byte]struct{ us, want []uint32 }{
		3: {us: []uint32{math.MaxUint32 - 99, 400, 900, 100, 600}, want: []uint32{0, 500, 1000, 1000, 1500}},
		// A packet lasts 8 µs for each byte: 1, 4, 15 and 3 of them.
		2: {us: []uint32{5000, 150, 400}, want: []uint32{0, 150 + 184, 150 + 400 + 2*184}},
	} {
		var line []byte
		for i, us := range x.us {
			id := byte(6)
			if version == 3 {
				id = 2
			}
			line = append(line, framed(reception{version: version, counter: uint16(i), id: id, flags: 1, channel: 37, us: us, pdu: pdu}.bytes())...)
		}
		line = append(line, start, 1, 2) // the recording ends within a packet
		d := newDecoder(t)
		var got []uint32
		if err := d.Decode(iotest.OneByteReader(bytes.NewReader(line)), now, func(o rf.Observation) error {
			got = append(got, uint32(o.TS.Sub(now).Microseconds()))
			return nil
		}); err != nil || !slices.Equal(got, x.want) || d.Tally().Refused()["cut off before its end"] != 1 {
			t.Errorf("version %d: %v, want %v; %v, %v", version, got, x.want, d.Tally().Refused(), err)
		}
	}
	d := newDecoder(t)
	if err := d.Decode(bytes.NewReader(packet(3, 1, 2, 1, 37)), time.Time{}, func(o rf.Observation) error { t.Errorf("%+v", o); return nil }); err != nil || d.Tally().Total() != 1 {
		t.Errorf("without a time: %v, %v", d.Tally().Refused(), err)
	}
}

// A sniffer that begins to count anew has lost nothing that is known.
func TestRestart(t *testing.T) {
	d := newDecoder(t)
	for _, n := range []uint16{9, 9, 12, 0, 1, 65535, 3} {
		d.Bytes(packet(3, n, 2, 1, 37), now, func(rf.Observation) {})
	}
	if d.Missing() != 2+3 { // 10 and 11; from 65535 on 0, 1 and 2
		t.Errorf("%d missing", d.Missing())
	}
}

// FuzzBytes holds that every start mark is counted once, and that it does not
// matter how the line is cut into reads.
func FuzzBytes(f *testing.F) {
	f.Add(packet(1, 0, 0x06, 1, 37), 5)
	f.Add(packet(3, 1, 0x02, 1, 39), 30)
	f.Add(append(packet(3, 1, 0x02, 1, 39)[:30], packet(2, 2, 0x06, 1, 38)...), 31)
	f.Add([]byte{start, escape, end, start, 6, 0, 1, 0, 0, 6, end}, 2)
	f.Add(append(packet(3, 1, 2, 1, 38), packet(2, 9, 6, 1, 0)...), 40)
	f.Add(framed(reception{version: 3, id: 2, flags: 0x17, channel: 11, magnitude: 61, pdu: []byte{7, 8, 7, 1, 1, 0, 0, 0xB4, 0x26, 0}}.bytes()), 1)
	f.Fuzz(func(t *testing.T, b []byte, split int) {
		whole, parts := newDecoder(t), newDecoder(t)
		var got, again []rf.Observation
		if err := whole.Decode(bytes.NewReader(b), now, func(o rf.Observation) error {
			got = append(got, o)
			if back, err := rf.ParseLine(rf.Append(nil, o)); err != nil || back != o {
				t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n := uint64(len(got)); whole.Tally().Taken() != n || whole.Tally().Total() != uint64(bytes.Count(b, []byte{start})) {
			t.Fatalf("%d of %d: %v", n, whole.Tally().Total(), whole.Tally().Refused())
		}
		at := max(0, split) % (len(b) + 1)
		for _, part := range [][]byte{b[:at], b[at:]} {
			parts.Bytes(part, now, func(o rf.Observation) { again = append(again, o) })
		}
		for i := range got {
			got[i].TS = now
		}
		if !slices.Equal(got, again) || whole.Missing() != parts.Missing() {
			t.Fatalf("cut at %d: %+v, whole %+v", at, again, got)
		}
	})
}

func BenchmarkPackets(b *testing.B) {
	line := packet(3, 1, 0x02, 1, 39)
	d := newDecoder(b)
	n := 0
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		d.Bytes(line, now, func(rf.Observation) { n++ })
	}
	if n == 0 {
		b.Fatal(d.Tally().Refused())
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "frames/s")
}
