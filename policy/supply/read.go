package supply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Format is the number of the form in which this program reads and writes a
// File. A form with other fields has another number, and is refused as that.
const Format = 1

// certainties are the words that say what a source is.
var certainties = []string{"official", "press", "secondary", "reviewed"}

// ReadFile reads a graph's file row by row, without holding its rows against
// each other. It refuses, with the row named, a field that the form has not, a
// claim without a source or without a word for its certainty, and a text that
// holds what no reader can see.
func ReadFile(b []byte) (*File, error) {
	var head struct {
		Format  int    `json:"format"`
		Edition string `json:"edition"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	switch {
	case head.Format != 0 && head.Format != Format:
		return nil, fmt.Errorf("%w that this program reads: it is of format %d, and this program reads format %d", ErrFormat, head.Format, Format)
	case head.Edition == "":
		return nil, fmt.Errorf("%w: it names no edition", ErrFormat)
	}
	f := &File{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(f); err != nil {
		if at := misfit(b, reflect.TypeFor[File](), "the file"); at != nil {
			err = at
		}
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := checkRows(reflect.ValueOf(f).Elem(), "the file"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return f, nil
}

// misfit finds the row in which a file is not of its form; nil is none.
func misfit(b []byte, t reflect.Type, at string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		var rows []json.RawMessage
		if err := json.Unmarshal(b, &rows); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		for i, row := range rows {
			is := reflect.New(t.Elem())
			_ = json.Unmarshal(row, is.Interface()) // as far as it can be read, for its name
			if err := misfit(row, t.Elem(), within(at, rowName(is.Elem(), i))); err != nil {
				return err
			}
		}
		return nil
	case t.Kind() == reflect.Struct:
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(b, &fields); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		known := fieldsOf(t)
		names := make([]string, 0, len(fields))
		for name := range fields {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			of, ok := known[strings.ToLower(name)]
			if !ok {
				return fmt.Errorf("%s: unknown field %q", at, name)
			}
			if err := misfit(fields[name], of, at); err != nil {
				return err
			}
		}
		return nil
	}
	if err := json.Unmarshal(b, reflect.New(t).Interface()); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// fieldsOf are the fields of a row by their names in JSON, in lower case, those
// of what it embeds among them.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for name, of := range fieldsOf(f.Type) {
				out[name] = of
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out[strings.ToLower(name)] = f.Type
	}
	return out
}

// within is the place of a row in another; the file itself is not said.
func within(at, row string) string {
	if at == "the file" {
		return row
	}
	return at + ", " + row
}

// rowName says which row one is: what it is, and its id, or else its name, or
// else the number that it has among the rows.
func rowName(row reflect.Value, i int) string {
	what := map[string]string{"TrustList": "positive list", "MakeName": "make", "EditionEntry": "entry"}[row.Type().Name()]
	if what == "" {
		what = strings.ToLower(row.Type().Name())
	}
	for _, field := range []string{"ID", "Name", "Brand", "Party", "Country"} {
		if f := row.FieldByName(field); f.IsValid() && f.Kind() == reflect.String && f.String() != "" {
			return what + " " + strconv.Quote(f.String())
		}
	}
	return what + " " + strconv.Itoa(i+1)
}

// checkRows holds every row against what a claim needs. at says where v stands.
//
// Every row that has a Ref is a claim, of whatever kind: it needs a source and a
// word for how certain that is. Control characters, line ends among them, and
// marks that turn the order of letters round are refused: with these a row could
// write lines of its own into an answer, or on the terminal that shows it.
func checkRows(v reflect.Value, at string) error {
	switch v.Kind() {
	case reflect.String:
		for _, r := range v.String() {
			if unseen(r) {
				return fmt.Errorf("%s: the text %q holds the character %U", at, v.String(), r)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			row := at
			if v.Index(i).Kind() == reflect.Struct {
				row = within(at, rowName(v.Index(i), i))
			}
			if err := checkRows(v.Index(i), row); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if ref, ok := v.Interface().(Ref); ok {
			if err := ref.check(); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		}
		for i := range v.NumField() {
			if err := checkRows(v.Field(i), at); err != nil {
				return err
			}
		}
	}
	return nil
}

// check refuses a claim on nobody's word.
func (r *Ref) check() error {
	switch {
	case strings.TrimSpace(r.Source) == "":
		return errors.New("it names no source")
	case r.Certainty == "":
		return errors.New("it does not say how certain its source is")
	case !slices.Contains(certainties, r.Certainty):
		return fmt.Errorf("its certainty %q is none of %s", r.Certainty, strings.Join(certainties, ", "))
	}
	return nil
}

// unseen says whether a rune writes nothing and rules what others look like: a
// control character, an end of a line, or a mark that turns the order of letters
// round. The marks that only say how one letter reads (U+200E) are let be.
func unseen(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}
