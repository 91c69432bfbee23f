package osdp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectors are published frames: libosdp's unit tests, annex E of the standard
// and Verkada's tests, each with its check recomputed.
func TestVectors(t *testing.T) {
	for _, x := range []struct {
		name  string
		bytes string
		want  Frame
	}{
		{"POLL", "53 65 08 00 04 60 60 90", Frame{Address: 0x65, CRC: true, Code: cmdPoll}},
		{"ID", "53 65 09 00 04 61 00 d9 7a", Frame{Address: 0x65, CRC: true, Code: cmdID, Data: []byte{0}}},
		{"ACK", "53 e5 08 00 06 40 b0 f0", Frame{Address: 0x65, Reply: true, Sequence: 2, CRC: true, Code: repAck}},
		{"PDCAP", "53 e5 0b 00 05 46 04 04 01 b3 ec", Frame{Address: 0x65, Reply: true, Sequence: 1, CRC: true, Code: repPDCap, Data: []byte{4, 4, 1}}},
		{"POLL with a checksum", "53 65 07 00 00 60 e1", Frame{Address: 0x65, Code: cmdPoll}},
		{"COMSET, annex E", "53 7f 0d 00 04 6e 00 80 25 00 00 6e 38", Frame{Address: 0x7f, CRC: true, Code: 0x6e, Data: []byte{0, 0x80, 0x25, 0, 0}}},
		{"COMSET with a checksum, annex E", "53 7f 0c 00 00 6e 00 80 25 00 00 0f", Frame{Address: 0x7f, Code: 0x6e, Data: []byte{0, 0x80, 0x25, 0, 0}}},
		{"ID, annex E", "53 00 09 00 04 61 00 c0 66", Frame{CRC: true, Code: cmdID, Data: []byte{0}}},
		{"ID with a checksum, annex E", "53 00 08 00 00 61 00 44", Frame{Code: cmdID, Data: []byte{0}}},
		{"NAK", "53 00 09 00 04 41 01 07 70", Frame{CRC: true, Code: repNak, Data: []byte{1}}},
		{"CHLNG, annex E", "53 00 13 00 0d 03 11 00 76 b0 b1 b2 b3 b4 b5 b6 b7 31 77", Frame{Sequence: 1, CRC: true, Security: []byte{scs11, 0}, Code: cmdChlng, Data: []byte{0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7}}},
		{"SCRYPT, annex E", "53 00 1b 00 0e 03 13 00 77 26 d3 35 6e 07 76 2d 26 28 01 fc 8e 66 65 a8 91 40 b4", Frame{Sequence: 2, CRC: true, Security: []byte{scs13, 0}, Code: cmdSCrypt, Data: unhex(t, "26d3356e07762d262801fc8e6665a891")}},
		{"CCRYPT, annex E", "53 80 2b 00 0d 03 12 00 76 00 06 8e 00 00 00 00 00 a0 a1 a2 a3 a4 a5 a6 a7 fd e5 d2 f4 28 ec 16 31 24 71 ea 3c 02 bd 77 96 f8 1e", Frame{Reply: true, Sequence: 1, CRC: true, Security: []byte{scs12, 0}, Code: repCCrypt, Data: unhex(t, "00068e0000000000a0a1a2a3a4a5a6a7fde5d2f428ec16312471ea3c02bd7796")}},
	} {
		b := unhex(t, x.bytes)
		f, n, err := Decode(b)
		if err != nil || n != len(b) {
			t.Errorf("%s: took %d of %d, %v", x.name, n, len(b), err)
			continue
		}
		if got, want := fmt.Sprintf("%+v", f), fmt.Sprintf("%+v", x.want); got != want {
			t.Errorf("%s: read as\n%s, want\n%s", x.name, got, want)
		}
		if got := x.want.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%s: written as\n% x, want\n% x", x.name, got, b)
		}
	}
}

// TestSessionVectors are those of annex E for the install-mode key.
func TestSessionVectors(t *testing.T) {
	panel := [8]byte{0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7}
	reader := [8]byte{0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7}
	s := newSession(installKey, panel)
	hold := func(name string, got []byte, want string) {
		t.Helper()
		if !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: %x, want %s", name, got, want)
		}
	}
	c := s.cryptogram(panel, reader)
	hold("client's cryptogram", c[:], "fde5d2f428ec16312471ea3c02bd7796")
	c = s.cryptogram(reader, panel)
	hold("server's cryptogram", c[:], "26d3356e07762d262801fc8e6665a891")
	r := s.begin(c)
	hold("initial R-MAC", r[:], "b2a30057eb98ba2229ec1f875662b524")

	// Verkada's vector of a MAC: two blocks after the message's header.
	f := Frame{CRC: true, Security: []byte{scs17}, Code: 0x80, Data: unhex(t, "bf8dc2a8329acb8c67c6d0cd9a451682bf8dc2a8329acb8c67c6d0cd9a451682")}
	mac := s.mac(f.body(), [16]byte(unhex(t, "bf8dc2a8329acb8c67c6d0cd9a451682")))
	if want := unhex(t, "bc6fbb59f42f6ff0a432d2b1f593ff92"); !bytes.Equal(mac[:], want) {
		t.Errorf("MAC: %x, want %x", mac, want)
	}
}

func TestKeysThatProtectNothing(t *testing.T) {
	for _, k := range []Key{installKey, {}} {
		if _, err := NewReader(ReaderConfig{Name: "r", Key: k}); err == nil {
			t.Errorf("key %x was taken", k)
		}
	}
}

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytesOf := func(label string, low, high int) []byte {
			return rapid.SliceOfN(rapid.Byte(), low, high).Draw(t, label)
		}
		f := Frame{
			Address: rapid.Uint8Range(0, 127).Draw(t, "address"), Reply: rapid.Bool().Draw(t, "reply"),
			Sequence: rapid.Uint8Range(0, 3).Draw(t, "sequence"), CRC: rapid.Bool().Draw(t, "crc"),
			Code: rapid.Byte().Draw(t, "code"), Data: bytesOf("data", 0, 200),
		}
		if rapid.Bool().Draw(t, "secure") {
			f.Security = append([]byte{rapid.Uint8Range(scs11, scs18).Draw(t, "type")}, bytesOf("block", 0, 3)...)
			if f.Security[0] >= scs15 {
				f.MAC = bytesOf("mac", macLength, macLength)
			}
		}
		noise := bytes.ReplaceAll(bytesOf("noise", 0, 20), []byte{som}, []byte{mark})
		encoded := f.Append(append([]byte(nil), noise...))
		var got []Frame
		var d decoder
		for len(encoded) > 0 {
			n := rapid.IntRange(1, len(encoded)).Draw(t, "chunk")
			d.feed(encoded[:n], func(f Frame) {
				got = append(got, Frame{f.Address, f.Reply, f.Sequence, f.CRC, bytes.Clone(f.Security), f.Code, bytes.Clone(f.Data), bytes.Clone(f.MAC)})
			})
			encoded = encoded[n:]
		}
		if len(got) != 1 || !bytes.Equal(got[0].Append(nil), f.Append(nil)) {
			t.Fatalf("%+v became %+v", f, got)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"5365080004606090", "ff53e50b0005460404 01b3ec", "53650700 0060e1", "5300090004410107 70",
		"5300130 00d03110076b0b1b2b3b4b5b6b73177", "53 00 0d 00 0c 02 15 60 00 00 00 00 00", "53 53 53 65 08 00 04 60 60 90",
		"53 00 ff ff 04", "53 00 08 00 0c ff 15 60",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		frame, n, err := Decode(in)
		if err == nil {
			if n > len(in) || n > maxFrame {
				t.Fatalf("took %d of %d", n, len(in))
			}
			again, m, err := Decode(frame.Append(nil))
			if err != nil || fmt.Sprint(again) != fmt.Sprint(frame) || m > n {
				t.Fatalf("% x: %+v became %+v, %v", in, frame, again, err)
			}
		} else if n > len(in) && !errors.Is(err, errShort) {
			t.Fatalf("%d of %d: %v", n, len(in), err)
		}
		// However it is cut, a stream gives the same frames, and keeps no more
		// than one frame that has begun.
		var whole, single []string
		var a, b decoder
		a.feed(in, func(f Frame) { whole = append(whole, fmt.Sprint(f)) })
		for i := range in {
			b.feed(in[i:i+1], func(f Frame) { single = append(single, fmt.Sprint(f)) })
		}
		if fmt.Sprint(whole) != fmt.Sprint(single) {
			t.Fatalf("% x: %v in one, %v byte by byte", in, whole, single)
		}
		if len(a.buf) > maxFrame {
			t.Fatalf("%d bytes kept", len(a.buf))
		}
	})
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte{0, 0, 26, 0, 1, 2, 3, 4})
	f.Add([]byte{0, 3, '1', 0x7f, 0x0d})
	f.Add([]byte{0, 0, 1, 'A'})
	f.Add(make([]byte, 12))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := NewReader(ReaderConfig{Name: "r", Plain: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range []uint8{repAck, repPDID, repPDCap, repLStat, repIStat, repRaw, repFmt, repKeypad} {
			_ = r.understand(Frame{Code: code, Data: in}) // no panic is all that is asked
		}
		if id, err := parseIdentity(in); err == nil && len(id.String()) == 0 {
			t.Fatal("an identity without words")
		}
		if c, err := parseCapabilities(in); err == nil && len(c) > len(in)/3 {
			t.Fatal("more capabilities than came")
		}
	})
}
