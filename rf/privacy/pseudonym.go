package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Key is a site's secret of one epoch: 256 random bits.
type Key [32]byte

// Pseudonym names an emitter within one epoch of one site.
type Pseudonym [16]byte

// Pseudonym makes the pseudonym of an address: HMAC-SHA-256 under the key of
//
//	"sallyport emitter v1\n", epoch (8 bytes, the highest first), class name, 0, address
//
// cut to 128 bits. The address is as rf.Observation.Emitter holds it.
func (k *Key) Pseudonym(epoch int, c Class, address string) (p Pseudonym) {
	m := hmac.New(sha256.New, k[:])
	b := make([]byte, 0, 96)
	b = append(b, "sallyport emitter v1\n"...)
	b = binary.BigEndian.AppendUint64(b, uint64(epoch))
	b = append(b, c.String()...)
	b = append(b, 0)
	b = append(b, address...)
	m.Write(b)
	clear(b)
	var sum [sha256.Size]byte
	copy(p[:], m.Sum(sum[:0]))
	return p
}

// Tag is the form in which a pseudonym is compared and kept: its first 56 bits
// behind the low 8 of the epoch, so that a tag made before the key was changed
// is never taken for one made after. No tag is 0. Less than the pseudonym is
// kept because less is enough: where 10^5 emitters are heard, one is taken for
// another of a vehicle's set less than once in 10^9 visits.
func (p Pseudonym) Tag(epoch int) uint64 {
	t := binary.BigEndian.Uint64(p[:8])>>8 | uint64(uint8(epoch))<<56
	return max(t, 1)
}

// OfEpoch tells whether a tag was made in an epoch, or in one 256 before it.
func OfEpoch(tag uint64, epoch int) bool { return uint8(tag>>56) == uint8(epoch) }

// Commitment is what the log tells of a key: SHA-256 of "sallyport radio key
// v1\n" and the key, as hexadecimal digits. The key is random and too long to
// be tried, so it tells which key it is and nothing else.
func (k *Key) Commitment() string {
	h := sha256.New()
	h.Write([]byte("sallyport radio key v1\n"))
	h.Write(k[:])
	return hex.EncodeToString(h.Sum(nil))
}
