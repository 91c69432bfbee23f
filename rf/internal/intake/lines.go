// Package intake holds what the sources under rf share: cutting a stream into
// lines or into JSON values within a bound, walking a JSON object in place, and
// reading a binary file through a window.
//
// It imports the standard library only, and rf itself may import it. Nothing is copied out of the read
// buffer but what a caller takes by name, so that a field nobody asked for never
// leaves it; a stream that never ends a line costs no more memory than the
// bound. Life of one line: Lines reads it into its buffer, the caller walks its
// members with Object and keeps the values of white-listed keys, and the next
// line overwrites it.
package intake

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Lines calls each for every line of r without its line end and blanks before
// it, passing over empty ones, and long once for every line of more than limit
// bytes, of which nothing is kept. A last line without an end counts. The line is valid only during the
// call. Lines ends with r, with r's error, or with each's.
func Lines(r io.Reader, limit int, each func(line []byte) error, long func()) error {
	in := bufio.NewReaderSize(r, max(limit+2, 4096))
	for {
		line, err := in.ReadSlice('\n')
		over := false
		for errors.Is(err, bufio.ErrBufferFull) {
			over = true
			_, err = in.ReadSlice('\n')
		}
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		line = bytes.TrimRight(line, " \t\r\n")
		switch {
		case over || len(line) > limit:
			long()
		case len(line) > 0:
			if failed := each(line); failed != nil {
				return failed
			}
		}
		if ended {
			return nil
		}
	}
}

// Objects calls each for every JSON object of r, which may be written over
// several lines where all but the first are indented. A line that begins with a
// brace ends what was not ended, so that damage does not spread; such a remnant
// is handed on as it is. An object of more than limit bytes is passed over with
// a call of long.
func Objects(r io.Reader, limit int, each func(object []byte) error, long func()) error {
	var (
		held  = make([]byte, 0, min(limit, 1<<14))
		depth int
		over  bool
	)
	end := func() error {
		whole, lost := held, over
		held, depth, over = held[:0], 0, false
		if lost {
			long()
			return nil
		}
		if len(whole) == 0 {
			return nil
		}
		return each(whole)
	}
	err := Lines(r, limit, func(line []byte) error {
		if line[0] == '{' && (depth > 0 || over) {
			if err := end(); err != nil {
				return err
			}
		}
		if len(held)+len(line)+1 > limit+1 {
			over = true
		} else {
			held = append(append(held, line...), '\n')
		}
		quoted := false
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case c == '\\' && quoted:
				i++
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{':
				depth++
			case c == '}':
				depth--
			}
		}
		if depth <= 0 {
			return end()
		}
		return nil
	}, func() { over = true })
	return errors.Join(err, end())
}

// Values calls each for every JSON value of r: where r begins with a bracket,
// for the elements of that array, however long it is, and otherwise for its
// lines. A value of more than limit bytes is passed over with a call of long,
// and the end of r within an array with a call of cut. What is handed on is one
// value's bytes by its brackets, not yet checked to be JSON.
func Values(r io.Reader, limit int, each func(value []byte) error, long, cut func()) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		c, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '[':
			return values(in, limit, each, long, cut)
		}
		if err := in.UnreadByte(); err != nil {
			return err
		}
		return Lines(in, limit, each, long)
	}
}

func values(in *bufio.Reader, limit int, each func(value []byte) error, long, cut func()) error {
	var (
		held           = make([]byte, 0, min(limit, 1<<14))
		depth          int
		quoted, escape bool
		over           bool
	)
	end := func() error {
		v := bytes.TrimSpace(held)
		held = held[:0]
		if over {
			over = false
			long()
			return nil
		}
		if len(v) == 0 {
			return nil
		}
		return each(v)
	}
	hold := func(part []byte) {
		if len(held)+len(part) > limit {
			over = true
			return
		}
		held = append(held, part...)
	}
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			cut()
			return nil
		} else if err != nil {
			return err
		}
		chunk, err := in.Peek(in.Buffered())
		if err != nil {
			return err
		}
		from := 0
		for i, c := range chunk {
			switch {
			case quoted:
				if escape {
					escape = false
				} else if c == '"' {
					quoted = false
				} else if c == '\\' {
					escape = true
				}
			case c == '"':
				quoted = true
			case c == '{' || c == '[':
				depth++
			case depth == 0 && (c == ',' || c == ']'):
				hold(chunk[from:i])
				from = i + 1
				if err := end(); err != nil || c == ']' {
					return err
				}
			case c == '}' || c == ']':
				depth = max(depth-1, 0)
			}
		}
		hold(chunk[from:])
		if _, err := in.Discard(len(chunk)); err != nil {
			return err
		}
	}
}
