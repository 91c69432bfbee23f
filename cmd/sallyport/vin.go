package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"sallyport/vin"
)

// vinCmd is `sallyport vin`: one JSON object a line, in input order.
type vinCmd struct {
	JSON bool     `name:"json" help:"Print JSON, one object a line. This is the only form; the flag is there to say so."`
	VINs []string `arg:"" optional:"" name:"vin" help:"VINs to decode, or - to read them from standard input, one a line."`
}

// maxVINLine is how much of an input line is looked at; the rest is counted
// and dropped.
const maxVINLine = 4096

// Run decodes the VINs. A text that is no VIN is answered with its problems;
// only a failure to read or write ends the command.
func (c *vinCmd) Run(ctx context.Context, s *streams) error {
	if len(c.VINs) == 0 {
		return errors.New("give one or more VINs, or - to read them from standard input")
	}
	ix, err := vin.Embedded()
	if err != nil {
		return err
	}
	p := newVINPrinter(ix, s)
	if len(c.VINs) == 1 && c.VINs[0] == "-" {
		// a read of a terminal cannot be interrupted: leave it behind instead
		done := make(chan error, 1)
		go func() { done <- p.stream(ctx, s.in) }()
		select {
		case err = <-done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	} else {
		for _, text := range c.VINs {
			if err = p.print(ix.DecodeText(text, p.opt)); err != nil {
				break
			}
		}
		err = errors.Join(err, p.out.Flush())
	}
	if err != nil {
		return fmt.Errorf("decoding VINs: %w", err)
	}
	return nil
}

type vinPrinter struct {
	ix  *vin.Index
	opt vin.Options
	out *bufio.Writer
	enc *json.Encoder
}

func newVINPrinter(ix *vin.Index, s *streams) *vinPrinter {
	out := bufio.NewWriterSize(s.out, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return &vinPrinter{ix: ix, opt: vin.Options{Year: s.now().Year()}, out: out, enc: enc}
}

func (p *vinPrinter) print(d vin.Decoded) error { return p.enc.Encode(d.Answer()) }

// stream answers each line of in. It holds one line's first maxVINLine bytes
// at a time, whatever the line's length.
func (p *vinPrinter) stream(ctx context.Context, in io.Reader) error {
	r := bufio.NewReaderSize(in, maxVINLine)
	for ctx.Err() == nil {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		text, size := string(line), len(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.ReadSlice('\n')
			size += len(line)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(err, p.out.Flush())
		}
		if err := p.print(p.decode(text, size)); err != nil {
			return err
		}
		if err != nil {
			break // the last line had no end
		}
		if r.Buffered() == 0 {
			// nothing more is at hand: whoever waits for the answers gets them
			if err := p.out.Flush(); err != nil {
				return err
			}
		}
	}
	return errors.Join(ctx.Err(), p.out.Flush())
}

// decode decodes a line of size bytes of which text is the start.
func (p *vinPrinter) decode(text string, size int) vin.Decoded {
	if size == len(text) {
		return p.ix.DecodeText(text, p.opt)
	}
	// the cut must not leave half a character behind
	for i := 1; i < utf8.UTFMax && i < len(text); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				text = text[:len(text)-i]
			}
			break
		}
	}
	d := p.ix.DecodeText(text, p.opt)
	long := vin.Problem{Code: vin.ProblemTooLong, At: vin.Length + 1,
		Text: fmt.Sprintf("The line has %d bytes; a VIN has %d characters. Only its beginning is looked at.", size, vin.Length)}
	d.Valid = false
	for i := range d.Problems {
		if d.Problems[i].Code == vin.ProblemTooLong {
			d.Problems[i] = long
			return d
		}
	}
	d.Problems = append(d.Problems, long)
	return d
}
