package scanner

import (
	"encoding/binary"
	"strconv"
)

// Layout is what the keys of a keyboard mean, by Linux key code: alone, with
// Shift, and with AltGr. 0 means nothing.
type Layout [128][3]rune

// row fills keys from one code on with what they mean, character by character; a
// blank means nothing.
func (l *Layout) row(from int, plain, shift, altGr string) {
	for level, s := range []string{plain, shift, altGr} {
		at := from
		for _, c := range s {
			if c != ' ' {
				l[at][level] = c
			}
			at++
		}
	}
}

// keypad and the keys that are alike everywhere.
func common() (l Layout) {
	l[keySpace] = [3]rune{' ', ' ', ' '}
	l[15] = [3]rune{'\t', '\t', '\t'}
	l[keyEnter] = [3]rune{'\r', '\r', '\r'}
	l[96] = l[keyEnter] // of the keypad
	l[1] = [3]rune{0x1B, 0x1B, 0x1B}
	for code, c := range map[int]rune{55: '*', 74: '-', 78: '+', 83: '.', 98: '/'} {
		l[code] = [3]rune{c, c, c}
	}
	for code, digit := range keypadDigits {
		l[code] = [3]rune{'0' + digit, '0' + digit, '0' + digit}
	}
	return l
}

// US is the layout of the United States, which Poland's programmers use too.
func US() Layout {
	l := common()
	l.row(2, "1234567890-=", "!@#$%^&*()_+", "")
	l.row(16, "qwertyuiop[]", "QWERTYUIOP{}", "")
	l.row(30, "asdfghjkl;'`", "ASDFGHJKL:\"~", "")
	l.row(43, "\\zxcvbnm,./", "|ZXCVBNM<>?", "")
	return l
}

// German is the layout of Germany: Y and Z change places, which in a VIN nobody
// would see.
func German() Layout {
	l := common()
	l.row(2, "1234567890ß´", "!\"§$%&/()=?`", " ²³   {[]}\\ ")
	l.row(16, "qwertzuiopü+", "QWERTZUIOPÜ*", "@ €        ~")
	l.row(30, "asdfghjklöä^", "ASDFGHJKLÖÄ°", "")
	l.row(43, "#yxcvbnm,.-", "'YXCVBNM;:_", "")
	l.row(86, "<", ">", "|")
	return l
}

// Key codes of linux/input-event-codes.h.
const (
	keyEnter      = 28
	keyLeftCtrl   = 29
	keyLeftShift  = 42
	keyRightShift = 54
	keyLeftAlt    = 56
	keySpace      = 57
	keyCapsLock   = 58
	keyRightCtrl  = 97
	keyRightAlt   = 100

	evSyn      = 0
	evKey      = 1
	synReport  = 0
	synDropped = 3

	pressed = 1
)

// keypadDigits by key code.
var keypadDigits = map[int]rune{71: 7, 72: 8, 73: 9, 75: 4, 76: 5, 77: 6, 79: 1, 80: 2, 81: 3, 82: 0}

// Sizes of struct input_event: its time is two words of 64 bits, or of 32 on
// 32-bit systems.
const (
	eventSize64 = 24
	eventSize32 = 16
	eventSize   = eventSize32 + (eventSize64-eventSize32)*(strconv.IntSize/64)
)

// event is the part of struct input_event that is used.
type event struct {
	kind, code uint16
	value      int32
}

// parseEvent reads one struct input_event; b has the size of one.
func parseEvent(b []byte) event {
	b = b[len(b)-8:]
	return event{
		kind: binary.NativeEndian.Uint16(b), code: binary.NativeEndian.Uint16(b[2:]),
		value: int32(binary.NativeEndian.Uint32(b[4:])),
	}
}

// keys turns key events into the characters that they type. A scanner types with
// Shift, Ctrl (control characters: Ctrl and ] is a group separator), AltGr, Caps
// Lock, or by holding Alt while it types a character's number on the keypad.
type keys struct {
	layout Layout
	size   int    // of an event
	rest   []byte // the beginning of an event
	out    []byte

	shift, ctrl [2]bool
	alt, altGr  bool
	caps        bool
	number      rune // typed on the keypad while Alt is held
	digits      int
	deaf        bool // until the next report, after events were lost
}

// feed takes bytes of events and returns what was typed, valid until the next
// call. lost is called where the system lost events, with what was typed until
// then; what follows is returned.
func (k *keys) feed(b []byte, lost func(before []byte)) (typed []byte) {
	k.out = k.out[:0]
	k.rest = append(k.rest, b...)
	at := 0
	for ; len(k.rest)-at >= k.size; at += k.size {
		if k.event(parseEvent(k.rest[at : at+k.size])) {
			lost(k.out)
			k.out = k.out[:0]
		}
	}
	k.rest = append(k.rest[:0], k.rest[at:]...)
	return k.out
}

func (k *keys) event(e event) (dropped bool) {
	if e.kind == evSyn {
		switch e.code {
		case synDropped:
			layout, size, rest, out, caps := k.layout, k.size, k.rest, k.out, k.caps
			*k = keys{layout: layout, size: size, rest: rest, out: out, caps: caps, deaf: true}
			return true
		case synReport:
			k.deaf = false
		}
		return false
	}
	if e.kind != evKey || k.deaf || e.value > pressed { // repeats are a key that hangs
		return false
	}
	down := e.value == pressed
	switch e.code {
	case keyLeftShift:
		k.shift[0] = down
	case keyRightShift:
		k.shift[1] = down
	case keyLeftCtrl:
		k.ctrl[0] = down
	case keyRightCtrl:
		k.ctrl[1] = down
	case keyRightAlt:
		k.altGr = down
	case keyLeftAlt:
		if k.alt && !down && k.digits > 0 {
			k.put(k.number)
		}
		k.alt, k.number, k.digits = down, 0, 0
	case keyCapsLock:
		if down {
			k.caps = !k.caps
		}
	default:
		if down {
			k.press(int(e.code))
		}
	}
	return false
}

func (k *keys) press(code int) {
	if digit, ok := keypadDigits[code]; ok && k.alt {
		if k.digits < 7 {
			k.number = k.number*10 + digit
			k.digits++
		}
		return
	}
	if code >= len(k.layout) {
		return
	}
	shift := k.shift[0] || k.shift[1]
	means := k.layout[code]
	c := means[0]
	if k.caps && isLetter(means[0]) {
		shift = !shift
	}
	switch {
	case k.altGr && means[2] != 0:
		c = means[2]
	case shift:
		c = means[1]
	}
	if k.ctrl[0] || k.ctrl[1] {
		// Ctrl with @ A-Z [ \ ] ^ _ are the characters from 00 on.
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c < '@' || c > '_' {
			return
		}
		c -= '@'
		if c == 0 {
			return
		}
	}
	if c != 0 {
		k.put(c)
	}
}

func isLetter(c rune) bool {
	return 'a' <= c && c <= 'z' || c == 'ä' || c == 'ö' || c == 'ü'
}

func (k *keys) put(c rune) { k.out = append(k.out, string(c)...) }
