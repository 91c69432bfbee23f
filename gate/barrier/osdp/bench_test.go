package osdp

import "testing"

// BenchmarkSecureExchange is a command put into a channel, and an answer to it
// taken out of one, with their frames.
func BenchmarkSecureExchange(b *testing.B) {
	key, random := Key([]byte("a key of its own")), [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	panel := newSession(key, random)
	panel.begin([16]byte{1})
	b.ReportAllocs()
	for b.Loop() {
		f := Frame{Address: 1, Sequence: 1, CRC: true, Code: cmdOut, Data: []byte{0, 5, 5, 0}}
		panel.seal(&f)
		if _, _, err := Decode(f.Append(nil)); err != nil {
			b.Fatal(err)
		}
		answer := Frame{Address: 1, Reply: true, Sequence: 1, CRC: true, Security: []byte{scs16}, Code: repAck}
		mac := panel.mac(answer.body(), panel.cmac)
		answer.MAC = mac[:macLength]
		if err := panel.open(&answer); err != nil {
			b.Fatal(err)
		}
	}
}
