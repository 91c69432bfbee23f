package barriertest

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"sallyport/gate/barrier"
	"sallyport/rf/serial"
)

// PD is an OSDP reader (a peripheral device) on a line, written from the published
// frames and vectors and not from the panel's code: it shares neither framing nor
// cryptography with it. It is also the line, on which answers can be lost, garbled
// or late. Its fields may be changed in With, or before it is on a line.
type PD struct {
	t     testing.TB
	Model *Model // the arm at its output, and the contacts at its inputs

	mu       sync.Mutex
	How      Break
	Address  byte
	Key      [16]byte
	Install  bool   // it offers the install-mode key
	Plain    bool   // it has no secure channel
	Caps     []byte // what it answers to a question for its capabilities
	Identity []byte // likewise
	tamper   byte
	Events   [][]byte // replies to the next polls: code and data

	// of the acquaintance
	Next     int // the sequence number that is due; -1 for any
	last     []byte
	lastSeq  byte
	secured  bool
	pending  bool // a challenge has been answered
	rndA     []byte
	rndB     []byte
	enc      []byte
	mac1     []byte
	mac2     []byte
	cmac     []byte
	rmac     []byte
	Commands []byte   // codes that were done, in order
	Shown    [][]byte // commands for light, sound and text: code and data
	Repeated int      // answers given twice, because they were asked for twice

	// of the line
	Out   chan []byte // what it has said
	shut  chan struct{}
	Lose  int // this many answers get lost
	Spoil int // this many get garbled
	Late  int // this many come too late
	Busy  int // this many commands are answered by BUSY
	Twice int // this many come after the one before them, once more
	Forge int // this many are changed by somebody who can compute a CRC
	sent  []byte
	Naks  []byte        // commands that are refused, each once
	Pull  chan struct{} // closed: the line is gone
}

// NewPD is a reader with the address 0x65, a key of its own, an arm that takes
// 20 ms at its output 0, and its contacts at the inputs 0 (closed), 1 (open) and 2
// (opens when something is under it).
func NewPD(t testing.TB) *PD {
	p := &PD{
		t: t, Address: 0x65, Next: -1,
		Caps:     []byte{1, 1, 3, 2, 1, 1, 4, 1, 1, 5, 1, 1, 6, 1, 1, 9, 1, 1}, // inputs, outputs, LED, sound, text, security
		Identity: []byte{0x00, 0x06, 0x8E, 7, 1, 0x39, 0x30, 0, 0, 2, 3, 4},
		Out:      make(chan []byte, 64), Pull: make(chan struct{}),
	}
	copy(p.Key[:], "a key of its own")
	p.Model = NewModel(20*time.Millisecond, nil)
	t.Cleanup(p.Model.Stop)
	return p
}

// On puts the reader on a real line, until that is closed or stop is.
func (p *PD) On(line io.ReadWriter, stop <-chan struct{}) (ended *sync.WaitGroup) {
	ended = new(sync.WaitGroup)
	ended.Go(func() {
		var rest []byte
		buf := make([]byte, 256)
		for {
			n, err := line.Read(buf)
			if errors.Is(err, os.ErrClosed) {
				return
			}
			// What a line that was just plugged in brings may begin amid a frame.
			rest = append(rest, buf[:n]...)
			if at := bytes.Index(rest, []byte{0xFF, 0x53}); at > 0 {
				rest = rest[at:]
			}
			for len(rest) >= 5 && len(rest) >= 1+int(rest[3]) {
				size := 1 + int(rest[3])
				p.Hear(slices.Clone(rest[:size]))
				rest = rest[size:]
			}
		}
	})
	ended.Go(func() {
		for {
			select {
			case b := <-p.Out:
				if _, err := line.Write(b); err != nil {
					return
				}
			case <-stop:
				return
			}
		}
	})
	return ended
}

// Open gives the panel's end of a line that is not a real one.
func (p *PD) Open() (serial.Port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = make(chan struct{})
	return &wire{p, p.shut, p.Pull, sync.Once{}}, nil
}

// wire is the panel's end of the line.
type wire struct {
	pd   *PD
	shut chan struct{}
	pull chan struct{}
	once sync.Once
}

func (w *wire) Read(b []byte) (int, error) {
	quiet := time.NewTimer(serial.ReadTimeout)
	defer quiet.Stop()
	select {
	case <-w.shut:
		return 0, serial.ErrClosed
	case <-w.pull:
		return 0, serial.ErrGone
	case in := <-w.pd.Out:
		return copy(b, in), nil
	case <-quiet.C:
		return 0, nil
	}
}

func (w *wire) Write(b []byte) (int, error) {
	select {
	case <-w.pull:
		return 0, serial.ErrGone
	default:
	}
	w.pd.Hear(append([]byte(nil), b...))
	return len(b), nil
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.shut) })
	return nil
}

func pdCRC(b []byte) uint16 {
	crc := uint16(0x1D0F)
	for _, x := range b {
		crc = crc>>8 | crc<<8
		crc ^= uint16(x)
		crc ^= crc & 0xff >> 4
		crc ^= crc << 12
		crc ^= (crc & 0xff) << 5
	}
	return crc
}

func ecb(key, in []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, 16)
	c.Encrypt(out, in)
	return out
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}

// macOf is the MAC over a message from the last MAC of the other side.
func (p *PD) macOf(message, last []byte) []byte {
	m := append([]byte(nil), message...)
	if len(m)%16 != 0 {
		m = append(m, 0x80)
		for len(m)%16 != 0 {
			m = append(m, 0)
		}
	}
	v := last
	for len(m) > 16 {
		v, m = ecb(p.mac1, xor(v, m[:16])), m[16:]
	}
	return ecb(p.mac2, xor(v, m))
}

func not(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = ^b[i]
	}
	return out
}

// Hear takes what the panel writes: one frame at a time, after a mark.
func (p *PD) Hear(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.How == Silent {
		return
	}
	if len(b) < 8 || b[0] != 0xFF || b[1] != 0x53 {
		p.t.Errorf("the panel wrote % x", b)
		return
	}
	b = b[1:]
	if b[1] != p.Address {
		return // for another reader
	}
	if int(binary.LittleEndian.Uint16(b[2:])) != len(b) {
		p.t.Errorf("length of % x", b)
		return
	}
	withCRC := b[4]&4 != 0
	whole := b
	if withCRC {
		if pdCRC(b[:len(b)-2]) != binary.LittleEndian.Uint16(b[len(b)-2:]) {
			p.t.Errorf("CRC of % x", b)
		}
		b = b[:len(b)-2]
	} else {
		var sum byte
		for _, x := range b {
			sum += x
		}
		if sum != 0 {
			p.t.Errorf("checksum of % x", b)
		}
		b = b[:len(b)-1]
	}
	seq := b[4] & 3
	if seq == 0 {
		p.forget()
		p.last = nil
	} else if p.last != nil && seq == p.lastSeq {
		p.Repeated++
		p.answer(p.last)
		return
	} else if p.Next >= 0 && int(seq) != p.Next {
		p.forget()
		p.say(whole, nil, 0x41, []byte{4})
		return
	}
	p.lastSeq = seq
	p.Next = int(seq)%3 + 1
	if p.Busy > 0 {
		p.Busy--
		p.Next, p.lastSeq = int(seq), 9
		if seq == 0 {
			p.Next = -1
		}
		p.answer(p.frame(whole, nil, 0x79, nil))
		return
	}
	rest := b[5:]
	var scb []byte
	if b[4]&8 != 0 {
		scb, rest = rest[1:rest[0]], rest[rest[0]:]
	}
	if len(p.Naks) > 0 && p.Naks[0] == rest[0] {
		p.Naks = p.Naks[1:]
		p.reply(whole, scb, 0x41, []byte{9}, rest, b)
		return
	}
	p.reply(whole, scb, 0, nil, rest, b)
}

// reply does a command and answers it.
func (p *PD) reply(whole, scb []byte, nak byte, nakData, rest, signed []byte) {
	switch {
	case scb != nil && scb[0] == 0x11 && !p.Plain:
		p.challenge(whole, scb, rest)
		return
	case scb != nil && scb[0] == 0x13:
		p.cryptogram(whole, rest)
		return
	case scb != nil && scb[0] >= 0x15:
		if !p.secured {
			p.say(whole, nil, 0x41, []byte{6})
			return
		}
		mac := p.macOf(signed[:len(signed)-4], p.rmac)
		if string(mac[:4]) != string(signed[len(signed)-4:]) {
			p.t.Errorf("MAC of % x", signed)
			p.forget()
			p.say(whole, nil, 0x41, []byte{6})
			return
		}
		iv := not(p.rmac)
		p.cmac = mac
		data := rest[1 : len(rest)-4]
		if scb[0] == 0x17 {
			data = p.decrypt(data, iv)
		}
		rest = append([]byte{rest[0]}, data...)
	case scb == nil && p.secured:
		// In the open, a reader with a channel answers to greetings only.
		if rest[0] != 0x60 && rest[0] != 0x61 && rest[0] != 0x62 {
			p.say(whole, nil, 0x41, []byte{6})
			return
		}
		p.forget()
	}
	if nak != 0 {
		p.say(whole, scb, nak, nakData)
		return
	}
	code, data := p.do(rest[0], rest[1:])
	p.say(whole, scb, code, data)
}

// do is what a command does.
func (p *PD) do(code byte, data []byte) (byte, []byte) {
	p.Commands = append(p.Commands, code)
	switch code {
	case 0x60:
		if len(p.Events) > 0 {
			e := p.Events[0]
			p.Events = p.Events[1:]
			return e[0], e[1:]
		}
		return 0x40, nil
	case 0x61:
		return 0x45, p.Identity
	case 0x62:
		return 0x46, p.Caps
	case 0x64:
		return 0x48, []byte{p.tamper, 0}
	case 0x65:
		bit := func(b barrier.Point) byte {
			if p.Model.On(b) {
				return 1
			}
			return 0
		}
		return 0x49, []byte{bit(barrier.ArmDown), bit(barrier.ArmUp), 1 - bit(barrier.UnderArm)}
	case 0x68:
		if p.How == Before {
			return 0x41, []byte{9}
		}
		if len(data) != 4 || data[0] != 0 || data[1] != 5 || data[2] == 0 && data[3] == 0 {
			p.t.Errorf("OUT % x", data)
		}
		p.Model.Pulse()
		if p.How == After {
			p.Lose++
		}
		return 0x40, nil
	case 0x69, 0x6A, 0x6B:
		p.Shown = append(p.Shown, append([]byte{code}, data...))
		return 0x40, nil
	case 0x75:
		if len(data) != 18 || data[0] != 1 || data[1] != 16 || !p.secured {
			p.t.Errorf("KEYSET % x", data)
			return 0x41, []byte{9}
		}
		copy(p.Key[:], data[2:])
		return 0x40, nil
	default:
		return 0x41, []byte{3}
	}
}

func (p *PD) forget() { p.secured, p.pending = false, false }

// Reboot makes the reader forget everything but its key.
func (p *PD) Reboot() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget()
	p.Next, p.last = -1, nil
}

func (p *PD) challenge(whole, scb, rest []byte) {
	kind := byte(1)
	key := p.Key[:]
	if p.Install {
		kind, key = 0, []byte("0123456789:;<=>?")
	}
	p.rndA = append([]byte(nil), rest[1:9]...)
	p.rndB = []byte("RANDOM_B")
	sub := func(k byte) []byte {
		in := make([]byte, 16)
		in[0], in[1] = 1, k
		copy(in[2:], p.rndA[:6])
		return ecb(key, in)
	}
	p.enc, p.mac1, p.mac2 = sub(0x82), sub(0x01), sub(0x02)
	p.pending = true
	data := append(append([]byte(nil), p.Identity[:8]...), p.rndB...)
	data = append(data, ecb(p.enc, append(append([]byte(nil), p.rndA...), p.rndB...))...)
	p.last = p.frame(whole, []byte{0x12, kind}, 0x76, data)
	p.answer(p.last)
	_ = scb
}

func (p *PD) cryptogram(whole, rest []byte) {
	want := ecb(p.enc, append(append([]byte(nil), p.rndB...), p.rndA...))
	if !p.pending || string(want) != string(rest[1:]) {
		p.say(whole, nil, 0x41, []byte{6})
		return
	}
	p.rmac = ecb(p.mac2, ecb(p.mac1, want))
	p.secured = true
	p.last = p.frame(whole, []byte{0x14, 1}, 0x78, p.rmac)
	p.answer(p.last)
}

func (p *PD) decrypt(data, iv []byte) []byte {
	c, err := aes.NewCipher(p.enc)
	if err != nil {
		panic(err)
	}
	var out []byte
	for len(data) >= 16 {
		x := make([]byte, 16)
		c.Decrypt(x, data[:16])
		out = append(out, xor(x, iv)...)
		iv, data = data[:16], data[16:]
	}
	for len(out) > 0 && out[len(out)-1] == 0 {
		out = out[:len(out)-1]
	}
	if len(out) == 0 || out[len(out)-1] != 0x80 {
		p.t.Errorf("padding of % x", out)
		return nil
	}
	return out[:len(out)-1]
}

// say answers, in the channel where the command came in it.
func (p *PD) say(whole, scb []byte, code byte, data []byte) {
	if scb == nil || scb[0] < 0x15 || !p.secured {
		p.last = p.frame(whole, nil, code, data)
		p.answer(p.last)
		return
	}
	kind := byte(0x16)
	if len(data) > 0 {
		kind = 0x18
		data = append(append([]byte(nil), data...), 0x80)
		for len(data)%16 != 0 {
			data = append(data, 0)
		}
		iv := not(p.cmac)
		var out []byte
		for len(data) > 0 {
			iv = ecb(p.enc, xor(iv, data[:16]))
			out, data = append(out, iv...), data[16:]
		}
		data = out
	}
	p.last = p.frame(whole, []byte{kind}, code, data)
	p.answer(p.last)
}

// frame makes an answer to a command.
func (p *PD) frame(whole, scb []byte, code byte, data []byte) []byte {
	control := whole[4] & 7 // sequence and kind of check
	if code == 0x79 {
		control &^= 3
	}
	var body []byte
	if scb != nil {
		control |= 8
		body = append(body, byte(1+len(scb)))
		body = append(body, scb...)
	}
	body = append(append(body, code), data...)
	length := 5 + len(body) + 1
	if control&4 != 0 {
		length++
	}
	secure := scb != nil && scb[0] >= 0x15
	if secure {
		length += 4
	}
	out := append([]byte{0x53, p.Address | 0x80, byte(length), byte(length >> 8), control}, body...)
	if secure {
		p.rmac = p.macOf(out, p.cmac)
		out = append(out, p.rmac[:4]...)
	}
	if control&4 != 0 {
		return binary.LittleEndian.AppendUint16(out, pdCRC(out))
	}
	var sum byte
	for _, x := range out {
		sum += x
	}
	return append(out, -sum)
}

// answer puts bytes on the line.
func (p *PD) answer(b []byte) {
	b = append([]byte(nil), b...)
	switch {
	case p.Lose > 0:
		p.Lose--
		return
	case p.Spoil > 0:
		p.Spoil--
		b[len(b)/2] ^= 0x55
	case p.Forge > 0:
		p.Forge--
		b[len(b)-3] ^= 1 // of the MAC
		binary.LittleEndian.PutUint16(b[len(b)-2:], pdCRC(b[:len(b)-2]))
	case p.Late > 0:
		p.Late--
		time.AfterFunc(250*time.Millisecond, func() { p.Out <- b })
		return
	}
	if p.Twice > 0 {
		p.Twice--
		p.Out <- p.sent
	}
	p.sent = b
	// In two pieces, as lines do.
	p.Out <- b[:3]
	p.Out <- b[3:]
}

// The world of the conformance checks.

// Pulses implements World.
func (p *PD) Pulses() int { return p.Model.Pulses() }

// Set implements World.
func (p *PD) Set(pt barrier.Point, on bool) { p.Model.Set(pt, on) }

// Lower implements World.
func (p *PD) Lower() { p.Model.Lower() }

// Break implements World.
func (p *PD) Break(how Break) {
	p.mu.Lock()
	p.How = how
	p.mu.Unlock()
	p.Model.Seize(how == Seized)
}

// Done are the codes of the commands that were done, in order.
func (p *PD) Done() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]byte(nil), p.Commands...)
}

// With changes or looks at the reader while nothing happens to it.
func (p *PD) With(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}
