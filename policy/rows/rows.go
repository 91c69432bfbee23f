// Package rows reads and writes reference data as rows: one JSON object a line.
//
// It imports nothing of this module, and is imported by the builders of the
// supply graph and the telematics catalogue. Life of one row: Read gives a source
// file, Each hands a line of it to the builder with its number, Strict unmarshals it and
// refuses what nobody has looked at, and Compact writes the derived row back.
package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"regexp"
)

// maxRow is the longest row that is read, in bytes.
const maxRow = 1 << 20

// Each calls row for every line of r that is not empty, with its number from 1.
// Errors name the file and the line.
func Each(r io.Reader, name string, row func(n int, line []byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxRow)
	n := 0
	for sc.Scan() {
		n++
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		if err := row(n, sc.Bytes()); err != nil {
			return fmt.Errorf("%s line %d: %w", name, n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s after line %d: %w", name, n, err)
	}
	return nil
}

// Read is a whole source file. Its rows were gathered by people who also wrote
// down how they came by something, for each other; those words are made to say
// what a person who is shown the source needs: what it is, and what has none.
func Read(from fs.FS, name string) ([]byte, error) {
	b, err := fs.ReadFile(from, name)
	if err != nil {
		return nil, err
	}
	for _, w := range gatherers {
		b = w.wrote.ReplaceAll(b, []byte(w.meant))
	}
	return b, nil
}

// gatherers is what they wrote and what it means, in the order of replacement.
var gatherers = [...]struct {
	wrote *regexp.Regexp
	meant string
}{
	{regexp.MustCompile(`GitHub file found by \w+, id (\d+)`), "public GitHub file $1"},
	{regexp.MustCompile(`found by \w+ '[^']*' \(file id (\d+)\)`), "(public GitHub file $1)"},
	{regexp.MustCompile(`\b[a-z]+_file (?:id )?(\d+)`), "public GitHub file $1"},
	{regexp.MustCompile(`\bfetch (github:)`), "$1"},
	{regexp.MustCompile(`\bseed: \w+\.txt`), "The Infrastructure Threat from Chinese Cellular (IoT) Modules (CIMs), by Charles Parton"},
	{regexp.MustCompile(` is stored; read the rest before launch: [^"]*`), " was read."},
	{regexp.MustCompile(`\b(?:the )?seed paper`), "Charles Parton's paper"},
	{regexp.MustCompile(`\b(?:the )?seed author`), "Charles Parton"},
	{regexp.MustCompile(`own knowledge, see unverified\.jsonl`), "no source was read"},
	{regexp.MustCompile(`own knowledge says`), "without a source:"},
	{regexp.MustCompile(`own knowledge`), "no source was read"},
}

// Strict unmarshals one row and refuses fields that neither v nor ignored
// names: a new field of the source data is looked at, not dropped.
func Strict(line []byte, v any, ignored ...string) error {
	if len(ignored) > 0 {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(line, &m); err != nil {
			return err
		}
		for _, k := range ignored {
			delete(m, k)
		}
		var err error
		if line, err = json.Marshal(m); err != nil {
			return err
		}
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// Compact writes a row on one line, without escapes that only HTML needs.
func Compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
