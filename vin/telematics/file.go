package telematics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"sallyport/policy/rows"
)

// The stored form of a catalogue is one JSON object, laid out so that two
// editions can be compared by eye and a large one can be read quickly: the
// edition on the first line, then the sections in the order of File, each row
// on a line of its own, and on the last line the CRC-32C of each section's
// text. Any JSON reader reads it; Open insists on the layout.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// section is one section of the file.
type section struct {
	name string
	rows func(f *File) (n int, row func(int) any)
	read func(f *File, line []byte) error // of a section of rows
	one  func(f *File) any                // pointer to the content of a section on one line
}

func rowsOf[T any](name string, of func(*File) *[]T) section {
	return section{
		name: name,
		rows: func(f *File) (int, func(int) any) { l := *of(f); return len(l), func(i int) any { return l[i] } },
		read: func(f *File, line []byte) error {
			var v T
			if err := rows.Strict(line, &v); err != nil {
				return err
			}
			*of(f) = append(*of(f), v)
			return nil
		},
	}
}

// sectionList is the sections in the order of the file. The first is read by
// readRows.
var sectionList = [...]section{
	rowsOf("rows", func(f *File) *[]Row { return &f.Rows }),
	rowsOf("devices", func(f *File) *[]Device { return &f.Devices }),
	rowsOf("context", func(f *File) *[]Context { return &f.Context }),
	rowsOf("grantees", func(f *File) *[]Grantee { return &f.Grantees }),
	rowsOf("modules", func(f *File) *[]Module { return &f.Modules }),
	rowsOf("patterns", func(f *File) *[]Pattern { return &f.Patterns }),
	rowsOf("sold", func(f *File) *[]Sold { return &f.Sold }),
	rowsOf("tacs", func(f *File) *[]TAC { return &f.TACs }),
	rowsOf("bus_ids", func(f *File) *[]BusID { return &f.BusIDs }),
	rowsOf("companies", func(f *File) *[]Company { return &f.Companies }),
	rowsOf("types", func(f *File) *[]TypeName { return &f.Types }),
	rowsOf("makers", func(f *File) *[]MakerName { return &f.Makers }),
	rowsOf("rules", func(f *File) *[]Rule { return &f.Rules }),
	rowsOf("abouts", func(f *File) *[]About { return &f.Abouts }),
	rowsOf("sunsets", func(f *File) *[]Sunset { return &f.Sunsets }),
	{name: "makes", one: func(f *File) any { return &f.Makes }},
	{name: "variants", one: func(f *File) any { return &f.Variants }},
	{name: "eu", one: func(f *File) any { return &f.EU }},
}

// Encode writes the form that Open reads. The same content gives the same
// bytes.
func (f *File) Encode() ([]byte, error) {
	var out bytes.Buffer
	edition, err := rows.Compact(f.Edition)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "{\"edition\":%s,\n", edition)
	var sums strings.Builder
	for i, s := range sectionList {
		from := out.Len()
		fmt.Fprintf(&out, "%q:", s.name)
		if s.one != nil {
			b, err := rows.Compact(s.one(f))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			out.Write(b)
		} else {
			n, row := s.rows(f)
			out.WriteByte('[')
			for j := range n {
				if j > 0 {
					out.WriteByte(',')
				}
				out.WriteByte('\n')
				b, err := rows.Compact(row(j))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", s.name, err)
				}
				out.Write(b)
			}
			out.WriteByte(']')
		}
		if i > 0 {
			sums.WriteByte(',')
		}
		fmt.Fprintf(&sums, "%q:\"%08x\"", s.name, crc32.Checksum(out.Bytes()[from:], castagnoli))
		out.WriteString(",\n")
	}
	fmt.Fprintf(&out, "\"sums\":{%s}}\n", sums.String())
	return out.Bytes(), nil
}

// rowsText is where the lines of the rows on vehicles lie.
type rowsText struct {
	rows string
	at   int
}

// sections reads all but the rows on vehicles, which it finds. The line is that
// of the error, or 0. raw is the same text.
func (f *File) sections(text string, raw []byte) (rt rowsText, line int, err error) {
	first, rest, ok := strings.Cut(text, "\n")
	edition, head := strings.CutPrefix(first, `{"edition":`)
	edition, comma := strings.CutSuffix(edition, ",")
	if !ok || !head || !comma || json.Unmarshal([]byte(edition), &f.Edition) != nil {
		return rt, 1, errors.New("it does not begin with an edition on a line of its own")
	}
	if f.Edition == "" {
		return rt, 1, errors.New("it names no edition")
	}
	at := len(text) - len(rest)
	lineOf := func(at int) int { return 1 + strings.Count(text[:at], "\n") }
	last := strings.LastIndex(text, "\n\"sums\":")
	if last < at-1 {
		return rt, lineOf(len(text)), errors.New("it has no checksums at its end: it is not whole")
	}
	var sums map[string]string
	end, ok := strings.CutSuffix(text[last+len("\n\"sums\":"):], "}\n")
	if !ok || json.Unmarshal([]byte(end), &sums) != nil || len(sums) != len(sectionList) {
		return rt, lineOf(last + 1), errors.New("its checksums cannot be read: it is not whole")
	}
	for i, s := range sectionList {
		body, ok := strings.CutPrefix(text[at:last+1], fmt.Sprintf("%q:", s.name))
		if !ok {
			return rt, lineOf(at), fmt.Errorf("the section %q does not begin here", s.name)
		}
		size := last - at // of the section with its comma
		if i < len(sectionList)-1 {
			if size = strings.Index(text[at:last+1], "\n\""); size < 0 {
				return rt, lineOf(at), fmt.Errorf("nothing follows the section %q", s.name)
			}
		}
		if size == 0 || text[at+size-1] != ',' {
			return rt, lineOf(at + size), fmt.Errorf("the section %q does not end with a comma", s.name)
		}
		all := text[at : at+size-1]
		body = body[:len(body)-(last+1-at-size)-1]
		if sum := fmt.Sprintf("%08x", crc32.Checksum(raw[at:at+len(all)], castagnoli)); sum != sums[s.name] {
			return rt, lineOf(at), fmt.Errorf("the section %q that begins here does not fit its checksum: it was damaged, or changed by hand", s.name)
		}
		switch {
		case s.one != nil:
			if err := rows.Strict([]byte(body), s.one(f)); err != nil {
				return rt, lineOf(at), fmt.Errorf("%s: %w", s.name, err)
			}
		case body == "[]":
		case !strings.HasPrefix(body, "[\n") || !strings.HasSuffix(body, "]"):
			return rt, lineOf(at), fmt.Errorf("the section %q does not hold a row a line", s.name)
		default:
			lines, from := body[2:len(body)-1], at+len(all)-len(body)+2
			if i == 0 {
				rt = rowsText{lines, from}
				break
			}
			for len(lines) > 0 {
				row, rest, more := strings.Cut(lines, "\n")
				row, comma := strings.CutSuffix(row, ",")
				if comma != more {
					return rt, lineOf(from), errors.New("rows are not parted by one comma at the end of the line")
				}
				if err := s.read(f, []byte(row)); err != nil {
					return rt, lineOf(from), fmt.Errorf("%s: %w", s.name, err)
				}
				from, lines = from+len(lines)-len(rest), rest
			}
		}
		at += size + 1
	}
	return rt, 0, nil
}
