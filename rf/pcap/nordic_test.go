package pcap

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"sallyport/rf"
)

// sniffed is a packet of the sniffer by its protocol's description, with the
// radio's byte behind the frame's header or without.
func sniffed(version, counter int, event, flags, channel, magnitude byte, frame []byte, padded bool) []byte {
	if padded {
		frame = cat(frame[:6], []byte{0xEE}, frame[6:])
	}
	n := 10 + len(frame)
	head := le16(n)
	if version == 1 {
		head = []byte{6, byte(n)}
	}
	return cat(head, []byte{byte(version)}, le16(counter), []byte{event, 10, flags, channel, magnitude}, le16(7), le32(150), frame)
}

// slip frames a packet for the serial line.
func slip(b []byte) []byte {
	out := []byte{0xAB}
	for _, c := range b {
		switch c {
		case 0xAB, 0xBC, 0xCD:
			out = append(out, 0xCD, c+1)
		default:
			out = append(out, c)
		}
	}
	return append(out, 0xBC)
}

func TestSniffer(t *testing.T) {
	frame := advertised(0, publicAir+ad(9, "S1a87a5a75f3df858C")+ad(255, "\x2b\x02\xab\xbc\xcd"))
	want := rf.Observation{TS: at, Sensor: "s", Kind: rf.BLE, Emitter: "00:26:b4:01:02:03", RSSI: -60, Channel: 38, FreqMHz: 2426, Address: rf.Public, Name: "S1a87a5a75f3df858C", Company: 0x022B}
	var line []byte
	for i, p := range [][]byte{
		sniffed(1, 65534, 6, 1, 38, 60, frame, true),
		sniffed(2, 65535, 6, 1, 38, 60, frame, true),
		sniffed(3, 2, 2, 1, 38, 60, frame, true), // 0 and 1 are lost
	} {
		line = append(line, slip(p)...)
		line = append(line, "noise \x00\xcd"[:i]...)
	}
	for _, step := range []int{1, 7, len(line)} {
		s := NewSniffer(Config{Sensor: "s"}, prefixes(t))
		n := 0
		for rest := line; len(rest) > 0; {
			chunk := rest[:min(step, len(rest))]
			rest = rest[len(chunk):]
			if err := s.Push(chunk, at, func(o rf.Observation) error {
				if n++; o != want {
					t.Errorf("%+v, want %+v", o, want)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if n != 3 || s.Lost() != 2 || s.Tally().Total() != 3 {
			t.Errorf("%d, %d lost, %v", n, s.Lost(), s.Tally().Refused())
		}
	}
	got, d, err := decode(t, bytes.NewReader(pcapOf(linkNordic, cat([]byte{0}, sniffed(3, 1, 2, 1, 38, 60, frame, false)))))
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%+v, %v, %v", got, d.Tally().Refused(), err)
	}
	stop := errors.New("stop")
	if err := NewSniffer(Config{Sensor: "s"}, prefixes(t)).Push(line, at, func(rf.Observation) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestSnifferRefusals(t *testing.T) {
	frame := advertised(0, publicAir)
	good := sniffed(3, 1, 2, 1, 37, 60, frame, true)
	edit := func(i int, v byte) []byte {
		b := bytes.Clone(good)
		b[i] = v
		return b
	}
	for _, x := range []struct {
		name string
		in   []byte
		want string
	}{
		{"begun twice", append(slip(good)[:9], slip(frame[:3])...), "the receiver's framing is broken"},
		{"unknown escape", []byte("\xab\x01\xcd\x02\xbc"), "the receiver's framing is broken"},
		{"ends in an escape", []byte("\xab\x01\xcd\xbc"), "the receiver's framing is broken"},
		{"never ends", append([]byte{0xAB}, make([]byte, 2000)...), "the receiver's framing is broken"},
		{"empty", []byte("\xab\xbc"), "shorter than its fields"},
		{"version", slip(edit(2, 9)), "receiver's header is malformed"},
		{"answer to a ping", slip(edit(5, 0x0E)), "the receiver's word on something else than an advertisement"},
		{"connection's data", slip(edit(5, 6)), "the receiver's word on something else than an advertisement"},
		{"length", slip(edit(0, 9)), "length of the frame or of its kind is wrong"},
		{"reception's length", slip(edit(6, 9)), "receiver's header is malformed"},
		{"CRC", slip(edit(7, 0)), "check sequence is wrong"},
		{"encrypted", slip(edit(7, 5)), "data, not looked at"},
		{"Coded PHY", slip(edit(7, 0x21)), "the receiver's word on something else than an advertisement"},
		{"other access address", slip(edit(16, 0)), "data, not looked at"},
		{"no frame", slip(sniffed(3, 1, 2, 1, 37, 60, frame[:6], false)), "shorter than its fields"},
	} {
		s := NewSniffer(Config{Sensor: "s"}, prefixes(t))
		if err := s.Push(x.in, at, func(o rf.Observation) error { t.Errorf("%s: %+v", x.name, o); return nil }); err != nil {
			t.Fatal(err)
		}
		got := s.Tally().Refused()
		if x.name == "begun twice" {
			delete(got, "shorter than its fields") // of the second
		}
		if !maps.Equal(got, map[string]uint64{x.want: 1}) {
			t.Errorf("%s: %v", x.name, got)
		}
	}
}

func FuzzSniffer(f *testing.F) {
	frame := advertised(0, publicAir+ad(255, "\x2b\x02"))
	f.Add(slip(sniffed(1, 1, 6, 1, 38, 60, frame, true)))
	f.Add(append(slip(sniffed(3, 1, 2, 1, 38, 60, frame, true)), slip(sniffed(2, 9, 6, 1, 0, 200, frame[:8], true))...))
	p := prefixes(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewSniffer(Config{Sensor: "s"}, p)
		n := uint64(0)
		if err := s.Push(b, at, func(o rf.Observation) error {
			n++
			if back, err := p.ParseLine(rf.Append(nil, o)); err != nil || back != o {
				t.Fatalf("%+v is not canonical: %+v, %v", o, back, err)
			}
			return nil
		}); err != nil || n != s.Tally().Taken() {
			t.Fatalf("%d of %d, %v", n, s.Tally().Taken(), err)
		}
	})
}
