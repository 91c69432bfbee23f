package osdp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
)

// Key is a secure channel base key.
type Key [16]byte

// installKey is SCBK-D, which the standard publishes.
var installKey = Key{0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F}

// check refuses keys that protect nothing.
func (k Key) check() error {
	switch k {
	case installKey:
		return errors.New("this is the install-mode key, which everybody knows")
	case Key{}:
		return errors.New("the key is all zeros")
	}
	return nil
}

// session is a secure channel (IEC 60839-11-5, annex D).
type session struct {
	enc, mac1, mac2 cipher.Block
	cmac, rmac      [16]byte // the last MACs of a command and of an answer
}

// newSession derives the session's keys from the base key and the panel's random
// number.
func newSession(key Key, random [8]byte) *session {
	base := block(key[:])
	derive := func(kind byte) cipher.Block {
		k := [16]byte{0x01, kind}
		copy(k[2:8], random[:6])
		base.Encrypt(k[:], k[:])
		return block(k[:])
	}
	return &session{enc: derive(0x82), mac1: derive(0x01), mac2: derive(0x02)}
}

// block is AES-128; a key of 16 bytes cannot be refused.
func block(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return b
}

// cryptogram is that of the reader for (panel's, reader's) random number, and that
// of the panel for the two the other way round.
func (s *session) cryptogram(first, second [8]byte) (c [16]byte) {
	copy(c[:8], first[:])
	copy(c[8:], second[:])
	s.enc.Encrypt(c[:], c[:])
	return c
}

// begin sets the chain of MACs up from the panel's cryptogram, and returns the
// R-MAC that the reader must answer with.
func (s *session) begin(panel [16]byte) [16]byte {
	s.mac1.Encrypt(s.rmac[:], panel[:])
	s.mac2.Encrypt(s.rmac[:], s.rmac[:])
	return s.rmac
}

// mac is the MAC of a message after the other side's last one: CBC with S-MAC1, the
// last block with S-MAC2.
func (s *session) mac(message []byte, last [16]byte) [16]byte {
	m := append([]byte(nil), message...)
	if len(m)%aes.BlockSize != 0 {
		m = pad(m)
	}
	chain := last
	for len(m) > 0 {
		for i := range chain {
			chain[i] ^= m[i]
		}
		m = m[aes.BlockSize:]
		if len(m) > 0 {
			s.mac1.Encrypt(chain[:], chain[:])
		} else {
			s.mac2.Encrypt(chain[:], chain[:])
		}
	}
	return chain
}

// pad appends 0x80 and as many zeros as fill the block.
func pad(b []byte) []byte {
	b = append(b, 0x80)
	for len(b)%aes.BlockSize != 0 {
		b = append(b, 0)
	}
	return b
}

// unpad takes the padding off.
func unpad(b []byte) ([]byte, error) {
	for i := len(b) - 1; i >= 0; i-- {
		switch b[i] {
		case 0:
		case 0x80:
			return b[:i], nil
		default:
			return nil, errInsecure
		}
	}
	return nil, errInsecure
}

var errInsecure = errors.New("answer does not belong to the secure channel")

// seal puts a command into the channel.
func (s *session) seal(f *Frame) {
	f.Security = []byte{scs15}
	if len(f.Data) > 0 {
		f.Security = []byte{scs17}
		data := pad(append([]byte(nil), f.Data...))
		cipher.NewCBCEncrypter(s.enc, inverted(s.rmac)).CryptBlocks(data, data)
		f.Data = data
	}
	f.MAC = make([]byte, macLength)
	s.cmac = s.mac(f.body(), s.rmac)
	copy(f.MAC, s.cmac[:])
}

// open takes an answer out of the channel. After an error the channel is of no
// more use.
func (s *session) open(f *Frame) error {
	if len(f.Security) == 0 || f.Security[0] != scs16 && f.Security[0] != scs18 {
		return errInsecure
	}
	mac := s.mac(f.body(), s.cmac)
	if subtle.ConstantTimeCompare(mac[:macLength], f.MAC) != 1 {
		return errInsecure
	}
	s.rmac = mac
	if f.Security[0] == scs16 {
		if len(f.Data) > 0 {
			return errInsecure
		}
		return nil
	}
	if len(f.Data) == 0 || len(f.Data)%aes.BlockSize != 0 {
		return errInsecure
	}
	data := make([]byte, len(f.Data))
	cipher.NewCBCDecrypter(s.enc, inverted(s.cmac)).CryptBlocks(data, f.Data)
	data, err := unpad(data)
	if err != nil {
		return err
	}
	f.Data = data
	return nil
}

func inverted(b [16]byte) []byte {
	for i := range b {
		b[i] = ^b[i]
	}
	return b[:]
}
