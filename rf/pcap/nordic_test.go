package pcap

import (
	"bytes"
	"maps"
	"testing"

	"sallyport/rf"
)

// sniffed is a packet of the sniffer as captures hold it, behind the number of
// the board.
func sniffed(version, counter int, event, flags, channel, magnitude byte, frame []byte) []byte {
	n := 10 + len(frame)
	head := le16(n)
	if version == 1 {
		head = []byte{6, byte(n)}
	}
	return cat([]byte{0}, head, []byte{byte(version)}, le16(counter), []byte{event, 10, flags, channel, magnitude}, le16(7), le32(150), frame)
}

func TestNordic(t *testing.T) {
	frame := advertised(0, publicAir+ad(9, "S1a87a5a75f3df858C")+ad(255, "\x2b\x02\xab\xbc\xcd"))
	want := rf.Observation{TS: at, Sensor: "s", Kind: rf.BLE, Emitter: "00:26:b4:01:02:03", RSSI: -60, Channel: 38, FreqMHz: 2426, Address: rf.Public, Name: "S1a87a5a75f3df858C", Company: 0x022B}
	packets := [][]byte{
		sniffed(1, 65534, 6, 1, 38, 60, frame),
		sniffed(2, 65535, 6, 1, 38, 60, frame),
		sniffed(3, 2, 2, 1, 38, 60, frame),
		sniffed(3, 3, 2, 1|2<<1, 38, 60, frame), // by an auxiliary packet
	}
	got, d, err := decode(t, bytes.NewReader(pcapOf(linkNordic, packets...)))
	if err != nil || len(got) != len(packets) {
		t.Fatalf("%d, %v, %v", len(got), d.Tally().Refused(), err)
	}
	for _, o := range got {
		if o != want {
			t.Errorf("%+v, want %+v", o, want)
		}
	}
}

func TestNordicRefusals(t *testing.T) {
	frame := advertised(0, publicAir)
	good := sniffed(3, 1, 2, 1, 37, 60, frame)
	edit := func(i int, v byte) []byte {
		b := bytes.Clone(good)
		b[1+i] = v
		return b
	}
	for _, x := range []struct {
		name string
		in   []byte
		want string
	}{
		{"no packet", []byte{}, "shorter than its fields"},
		{"empty", []byte{0}, "shorter than its fields"},
		{"version", edit(2, 9), "receiver's header is malformed"},
		{"answer to a ping", edit(5, 0x0E), "the receiver's word on something else than an advertisement"},
		{"connection's data", edit(5, 6), "the receiver's word on something else than an advertisement"},
		{"length", edit(0, 9), "length of the frame or of its kind is wrong"},
		{"reception's length", edit(6, 9), "receiver's header is malformed"},
		{"CRC", edit(7, 0), "check sequence is wrong"},
		{"encrypted", sniffed(2, 1, 6, 5, 37, 60, frame), "data, not looked at"},
		{"Coded PHY", edit(7, 0x21), "the receiver's word on something else than an advertisement"},
		{"other access address", edit(16, 0), "data, not looked at"},
		{"no frame", sniffed(3, 1, 2, 1, 37, 60, frame[:5]), "shorter than its fields"},
	} {
		d := New(Config{Sensor: "s"}, prefixes(t))
		if o, ok := d.Frame(linkNordic, at, x.in); ok || !maps.Equal(d.Tally().Refused(), map[string]uint64{x.want: 1}) {
			t.Errorf("%s: %+v, %v", x.name, o, d.Tally().Refused())
		}
	}
}
