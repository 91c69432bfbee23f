package scanner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sallyport/rf/serial"
)

// eviocgrab is EVIOCGRAB of linux/input.h: _IOW('E', 0x90, int).
const eviocgrab = 0x40044590

// keyboard is an input device that is ours alone.
type keyboard struct{ f *os.File }

// OpenKeyboard opens an input device, such as
// /dev/input/by-id/usb-…-event-kbd, and takes it for this program alone, so that
// nothing that is scanned is typed into another program. A device that somebody
// else has taken, or that is none, is an error.
func OpenKeyboard(name string) (serial.Port, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("keyboard scanner: %w", err)
	}
	raw, err := f.SyscallConn()
	if err == nil {
		cerr := raw.Control(func(fd uintptr) { err = unix.IoctlSetInt(int(fd), eviocgrab, 1) })
		err = errors.Join(err, cerr)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keyboard scanner %s: cannot be taken for this program alone: %w", name, err), f.Close())
	}
	return keyboardPort(f), nil
}

// keyboardPort gives a file of events the manners of a serial.Port.
func keyboardPort(f *os.File) serial.Port { return &keyboard{f} }

// Read implements serial.Port.
func (k *keyboard) Read(b []byte) (int, error) {
	if err := k.f.SetReadDeadline(time.Now().Add(serial.ReadTimeout)); err != nil {
		return 0, fmt.Errorf("%w: %w", serial.ErrGone, err)
	}
	n, err := k.f.Read(b)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil
	case errors.Is(err, os.ErrClosed):
		return 0, serial.ErrClosed
	case err == nil || errors.Is(err, io.EOF):
		return 0, serial.ErrGone
	default:
		return 0, fmt.Errorf("%w: %w", serial.ErrGone, err)
	}
}

// Write implements serial.Port: nothing is written to a keyboard.
func (k *keyboard) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close implements serial.Port, and gives the device back.
func (k *keyboard) Close() error { return k.f.Close() }
