package nrf

import (
	"bytes"
	"encoding/binary"
	"testing"
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

// packet frames a PDU as the sniffer does.
func packet(version byte, counter uint16, id, flags, channel byte) []byte {
	body := []byte{10, flags, channel, 61, 0, 0, 0, 0, 0, 0, 0xD6, 0xBE, 0x89, 0x8E, pdu[0], pdu[1], 0}
	body = append(append(body, pdu[2:]...), crc(pdu)...)
	head := []byte{byte(len(body)), 0, version}
	if version == 1 {
		head = []byte{6, byte(len(body)), version}
	}
	head = append(binary.LittleEndian.AppendUint16(head, counter), id)
	out := []byte{start}
	for _, c := range append(head, body...) {
		if c == start || c == end || c == escape {
			out = append(out, escape)
			c++
		}
		out = append(out, c)
	}
	return append(out, end)
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
	stream = append(stream, packet(2, 7, 0x06, 1, 12)...)      // data
	stream = append(stream, packet(3, 8, 0x02, 0, 39)...)      // bad check
	stream = append(stream, packet(3, 9, 0x0E, 1, 39)...)      // answer to a ping
	stream = append(stream, packet(3, 10, 0x02, 0x11, 39)...)  // 2 Mbit/s
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

func FuzzBytes(f *testing.F) {
	f.Add(packet(1, 0, 0x06, 1, 37))
	f.Add(packet(3, 1, 0x02, 1, 39))
	f.Add(append(packet(3, 1, 0x02, 1, 39)[:30], packet(2, 2, 0x06, 1, 38)...))
	f.Add([]byte{start, escape, end, start, 6, 0, 1, 0, 0, 6, end})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDecoder(t)
		taken := uint64(0)
		d.Bytes(b, now, func(o rf.Observation) {
			taken++
			if _, err := rf.ParseLine(rf.Append(nil, o)); err != nil {
				t.Fatalf("%+v: %v", o, err)
			}
		})
		if d.Tally().Taken() != taken || d.Tally().Total() > uint64(bytes.Count(b, []byte{start})) {
			t.Fatalf("%d of %d", taken, d.Tally().Total())
		}
	})
}
