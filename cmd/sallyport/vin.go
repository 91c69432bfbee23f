package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"unicode/utf8"

	"sallyport/vin"
)

// vinCmd is `sallyport vin`: one JSON object a line, in input order.
type vinCmd struct {
	JSON    bool     `name:"json" help:"Print JSON, one object a line. This is the only form but for --explain."`
	Explain bool     `name:"explain" help:"Say position by position what each character means, and which pattern, schema and edition said so; plain text, or with --json one object a line."`
	Index   string   `placeholder:"FILE" help:"Index made by refdata build vpic; the default is the one in the program."`
	VINs    []string `arg:"" optional:"" name:"vin" help:"VINs to decode, or - to read them from standard input, one a line."`
}

// openIndex opens a VIN index: a file made by `refdata build vpic`, or, without
// a name, the one in the program. A damaged file is refused with what is wrong.
func openIndex(path string) (*vin.Index, error) {
	if path == "" {
		return vin.Embedded()
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("VIN index: %w", err)
	}
	ix, err := vin.Open(b)
	if err != nil {
		return nil, fmt.Errorf("VIN index %s: %w", path, err)
	}
	return ix, nil
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
	ix, err := openIndex(c.Index)
	if err != nil {
		return err
	}
	p := newVINPrinter(ix, s)
	if c.Explain {
		return c.explain(ctx, p)
	}
	if len(c.VINs) == 1 && c.VINs[0] == "-" {
		err = p.stream(ctx, s.in)
	} else {
		err = p.print(c.VINs)
	}
	if err != nil {
		return fmt.Errorf("decoding VINs: %w", err)
	}
	return nil
}

// explain answers each VIN in full. It is for looking at some, not for a
// stream.
func (c *vinCmd) explain(ctx context.Context, p *vinPrinter) error {
	if slices.Contains(c.VINs, "-") {
		return errors.New("--explain takes VINs as arguments, not from standard input")
	}
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	for i, text := range c.VINs {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := p.ix.ExplainText(text, p.opt)
		var err error
		switch {
		case c.JSON:
			err = enc.Encode(e)
		case i > 0:
			_, err = fmt.Fprintf(p.out, "\n%s", e)
		default:
			_, err = fmt.Fprint(p.out, e)
		}
		if err != nil {
			return fmt.Errorf("explaining VINs: %w", err)
		}
	}
	return nil
}

// A stream of VINs is cut into chunks of whole lines, which as many workers as
// there are processors answer, and whose answers are written in the order of
// the lines. A chunk is handed on when it is full or when no further line is at
// hand, so that whoever waits for an answer before giving the next VIN gets it.
const (
	maxChunkText    = 32 << 10 // bytes of input
	maxChunkLines   = 2048
	chunksPerWorker = 3 // at work, waiting for one, or waiting to be written
)

// vinChunk is some lines on their way from input to output. It is used again
// and again: its buffers keep their size.
type vinChunk struct {
	text  []byte
	lines []vinLine
	out   []byte
	done  chan struct{} // receives once when out is complete
}

// vinLine is one line of a chunk: where its text ends, and how many bytes it
// had before it was cut.
type vinLine struct{ end, size int }

type vinPrinter struct {
	ix  *vin.Index
	opt vin.Options
	out io.Writer
}

func newVINPrinter(ix *vin.Index, s *streams) *vinPrinter {
	return &vinPrinter{ix: ix, opt: vin.Options{Year: s.now().Year()}, out: s.out}
}

// print answers texts one after the other.
func (p *vinPrinter) print(texts []string) error {
	out := bufio.NewWriterSize(p.out, 64<<10)
	var line []byte
	for _, text := range texts {
		d := p.ix.DecodeText(text, p.opt)
		line = append(p.appendAnswer(line[:0], text, &d), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// stream answers each line of in until it ends, ctx is done, or the answers
// cannot be written. It holds a bounded number of chunks, and of a line its first
// maxVINLine bytes, whatever the line's length. A read that is under way when
// ctx ends cannot be interrupted and is left behind.
func (p *vinPrinter) stream(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	n := workers * chunksPerWorker
	free := make(chan *vinChunk, n)
	for range n {
		free <- &vinChunk{done: make(chan struct{}, 1)}
	}
	work, order := make(chan *vinChunk, n), make(chan *vinChunk, n)
	for range workers {
		go func() {
			for c := range work {
				p.answer(c)
				c.done <- struct{}{}
			}
		}()
	}
	read := make(chan error, 1)
	go func() {
		err := readChunks(ctx, in, free, func(c *vinChunk) {
			work <- c // neither can be full: there are only n chunks
			order <- c
		})
		close(work)
		close(order)
		read <- err
	}()
	for {
		var c *vinChunk
		var more bool
		select {
		case c, more = <-order:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !more {
			return <-read
		}
		<-c.done
		if _, err := p.out.Write(c.out); err != nil {
			return err
		}
		c.text, c.lines, c.out = c.text[:0], c.lines[:0], c.out[:0]
		free <- c
	}
}

// readChunks fills free chunks with the lines of in and hands them on.
func readChunks(ctx context.Context, in io.Reader, free <-chan *vinChunk, handOn func(*vinChunk)) error {
	r := bufio.NewReaderSize(in, maxChunkText)
	var c *vinChunk
	for {
		if c == nil {
			select {
			case c = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		line, err := r.ReadSlice('\n')
		size := len(line)
		if size > 0 {
			c.text = append(c.text, line[:min(size, maxVINLine)]...)
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = r.ReadSlice('\n')
				size += len(line)
			}
			c.lines = append(c.lines, vinLine{end: len(c.text), size: size})
		}
		if len(c.lines) > 0 && (err != nil || len(c.text) >= maxChunkText || len(c.lines) >= maxChunkLines || !lineAtHand(r)) {
			handOn(c)
			c = nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// lineAtHand says whether r holds a whole line, so that reading it cannot
// block.
func lineAtHand(r *bufio.Reader) bool {
	held, _ := r.Peek(r.Buffered()) // never more than is there, so there is no error
	return bytes.IndexByte(held, '\n') >= 0
}

// answer writes the answers to the lines of c into its out.
func (p *vinPrinter) answer(c *vinChunk) {
	text := string(c.text)
	start := 0
	for _, l := range c.lines {
		d := p.decode(text[start:l.end], l.size)
		c.out = append(p.appendAnswer(c.out, text[start:l.end], &d), '\n')
		start = l.end
	}
}

// appendAnswer appends the answer to a text that was decoded as d. Where it is
// no valid VIN, the answer says as well what it may have been before it was
// misread.
func (p *vinPrinter) appendAnswer(b []byte, text string, d *vin.Decoded) []byte {
	if d.Valid {
		return d.AppendJSON(b)
	}
	a := d.Answer()
	a.Read(p.ix.Understand(text, vin.CorrectOptions{Year: p.opt.Year, NamedOnly: true}))
	return a.AppendJSON(b)
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
