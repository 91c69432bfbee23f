package telematics

import (
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"strings"
	"sync"
)

// rowSet holds the rows of a catalogue: their lines as they were read, a short
// record of each that says whether it may speak of a vehicle, and one table
// from names to rows. A row itself is read off its line when it is used. For
// 100,000 rows of about 700 bytes that is their text and some 25 MB.
//
// The table is an array of entries in buckets, filled once: names lie in one
// block of bytes, so that opening a catalogue makes no string for each of them.
type rowSet struct {
	text    string // the lines, one row each
	recs    []rowRec
	markets [][]string // distinct sets of markets; rowRec.markets counts from 1
	seed    maphash.Seed
	names   []byte
	starts  []uint32 // bucket -> its first entry
	entries []entry
}

// rowRec is what a look-up asks of every row.
type rowRec struct {
	off, n   uint32 // where its line lies in text
	from, to int16  // years; 0 is open
	markets  uint16 // 0 is every market
	flags    uint8
}

// The flags of a row.
const (
	recBuild uint8 = 1 << iota // from and to are years of build
	recDated                   // it says months as well
)

// entry is one name under which a row is found.
type entry struct {
	tag  uint32 // the name's hash, cut
	off  uint32 // where the name lies in names
	row  uint32 // number of the row, and in the last bit whether the name is its own and not a part of it
	size uint16
}

// What a name is of. Model names begin with a letter or digit of the make.
const (
	namePart     = 1 // of a telematics unit's part
	nameApproval = 2 // an FCC id
)

// The limits of the packed records.
const (
	maxRowText = 1<<32 - 1
	maxRowSize = 1 << 20
	maxName    = 1 << 10
	maxMarkets = 1<<16 - 1
	maxYear    = 9999
)

// some is what one worker makes of a run of lines.
type some struct {
	recs    []rowRec
	entries []entry
	names   []byte
	markets [][]string
	known   map[string]uint16
	tacs    []TAC
	failed  error
	at      int // offset in text of the line that failed
}

// readRows reads the lines of a section, on as many processors as there are.
// The error's offset is that of the line that could not be read.
func readRows(text string, makes map[string]string) (s *rowSet, tacs []TAC, at int, err error) {
	if uint64(len(text)) > maxRowText {
		return nil, nil, 0, errors.New("its rows are larger than 4 GB")
	}
	const least = 256 << 10 // bytes that are worth a worker
	workers := max(1, min(runtime.GOMAXPROCS(0), len(text)/least))
	s = &rowSet{text: text, seed: maphash.MakeSeed()}
	parts := make([]some, workers)
	var wg sync.WaitGroup
	to := 0
	for i := range workers {
		from := to
		to = len(text)
		if i < workers-1 {
			to = max(from, len(text)*(i+1)/workers)
			if nl := strings.IndexByte(text[to:], '\n'); nl >= 0 {
				to += nl + 1
			} else {
				to = len(text)
			}
		}
		end := to
		wg.Go(func() { parts[i].read(s, from, end, makes) })
	}
	wg.Wait()
	rows, entries, names := 0, 0, 0
	for i := range parts {
		if parts[i].failed != nil {
			return nil, nil, parts[i].at, parts[i].failed
		}
		rows, entries, names = rows+len(parts[i].recs), entries+len(parts[i].entries), names+len(parts[i].names)
	}
	if rows > 1<<31-1 || uint64(names) > maxRowText {
		return nil, nil, 0, errors.New("it has more rows than can be numbered")
	}
	s.recs, s.names = make([]rowRec, 0, rows), make([]byte, 0, names)
	buckets := 1
	for buckets < entries {
		buckets *= 2
	}
	s.starts, s.entries = make([]uint32, buckets+1), make([]entry, entries)
	known := map[string]uint16{}
	for i := range parts {
		p := &parts[i]
		to := make([]uint16, len(p.markets)+1)
		for j, m := range p.markets {
			k := strings.Join(m, " ")
			n, ok := known[k]
			if !ok {
				if len(s.markets) == maxMarkets {
					return nil, nil, 0, errors.New("it has more sets of markets than can be numbered")
				}
				s.markets = append(s.markets, m)
				n = uint16(len(s.markets))
				known[k] = n
			}
			to[j+1] = n
		}
		row, off := uint32(len(s.recs)), uint32(len(s.names))
		for j := range p.recs {
			p.recs[j].markets = to[p.recs[j].markets]
		}
		for j := range p.entries {
			p.entries[j].row += row << 1
			p.entries[j].off += off
			s.starts[s.bucket(p.entries[j].tag)+1]++
		}
		s.recs, s.names = append(s.recs, p.recs...), append(s.names, p.names...)
		tacs = append(tacs, p.tacs...)
	}
	for i := range buckets {
		s.starts[i+1] += s.starts[i]
	}
	next := make([]uint32, buckets)
	copy(next, s.starts)
	for i := range parts {
		for _, e := range parts[i].entries {
			b := s.bucket(e.tag)
			s.entries[next[b]] = e
			next[b]++
		}
	}
	return s, tacs, 0, nil
}

// tag is a name's hash, cut to what an entry keeps of it.
func (s *rowSet) tag(name []byte) uint32 { return uint32(maphash.Bytes(s.seed, name)) }

// bucket is where names of a tag lie. There is a power of two of them.
func (s *rowSet) bucket(tag uint32) int { return int(tag) & (len(s.starts) - 2) }

// read reads the lines between two offsets of the text.
func (p *some) read(s *rowSet, from, to int, makes map[string]string) {
	p.known = map[string]uint16{}
	// Rows of the public data have 700 bytes, five names, and 30 bytes of names.
	size := to - from
	p.recs, p.entries, p.names = make([]rowRec, 0, size/600), make([]entry, 0, size/140), make([]byte, 0, size/20)
	var r Row
	var ends []int
	for from < to {
		end := strings.IndexByte(s.text[from:to], '\n')
		if end < 0 {
			end = to
		} else {
			end += from
		}
		line := s.text[from:end]
		last := end >= len(s.text)
		if body, comma := strings.CutSuffix(line, ","); comma == !last {
			line = body
		} else {
			p.failed, p.at = errors.New("rows are not parted by one comma at the end of the line"), from
			return
		}
		if err := p.row(s, line, from, &r, &ends, makes); err != nil {
			p.failed, p.at = err, from
			return
		}
		from = end + 1
	}
}

// row reads one line and takes down under which names it is found.
func (p *some) row(s *rowSet, line string, off int, r *Row, ends *[]int, makes map[string]string) error {
	if len(line) > maxRowSize {
		return fmt.Errorf("the row has more than %d bytes", maxRowSize)
	}
	if err := readRow(line, r); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	rec := rowRec{off: uint32(off), n: uint32(len(line)), from: int16(r.From), to: int16(r.To)}
	if r.Build {
		rec.flags |= recBuild
	}
	if r.Since != "" || r.Until != "" {
		rec.flags |= recDated
	}
	if len(r.Markets) > 0 {
		k := strings.Join(r.Markets, " ")
		n, ok := p.known[k]
		if !ok {
			if len(p.markets) == maxMarkets {
				return errors.New("there are more sets of markets than can be numbered")
			}
			p.markets = append(p.markets, append([]string(nil), r.Markets...))
			n = uint16(len(p.markets))
			p.known[k] = n
		}
		rec.markets = n
	}
	number := uint32(len(p.recs))
	p.recs = append(p.recs, rec)
	for _, mk := range r.Makes {
		for _, md := range r.Models {
			at := len(p.names)
			p.names = appendMake(p.names, mk, makes)
			p.names = append(p.names, '|')
			if md == "*" {
				p.names = append(p.names, '*')
				p.add(s, at, len(p.names), number<<1|1)
				continue
			}
			*ends = (*ends)[:0]
			model := len(p.names)
			p.names, *ends = appendTokens(p.names, md, *ends)
			p.names, *ends = withoutMake(p.names, at, model, *ends)
			if len(*ends) == 0 {
				return fmt.Errorf("row %q has the model name %q, which has neither letter nor digit", r.ID, md)
			}
			if len(p.names)-at > maxName {
				return fmt.Errorf("row %q has a model name of more than %d bytes", r.ID, maxName)
			}
			for i, end := range *ends {
				own := uint32(0)
				if i == len(*ends)-1 {
					own = 1
				}
				p.add(s, at, end, number<<1|own)
			}
		}
	}
	for _, list := range [...]struct {
		of    byte
		names []string
	}{{namePart, r.TCUParts}, {nameApproval, r.Approvals}} {
		for _, n := range list.names {
			at := len(p.names)
			p.names = appendFold(append(p.names, list.of), n)
			if len(p.names)-at > maxName {
				return fmt.Errorf("row %q has a part or approval number of more than %d bytes", r.ID, maxName)
			}
			p.add(s, at, len(p.names), number<<1|1)
		}
	}
	if r.TAC != "" {
		p.tacs = append(p.tacs, TAC{TAC: r.TAC, Maker: first(r.Maker, r.TCUMaker), Model: first(r.Model, r.TCUName), Unit: r.Maker == "", Source: r.Source})
	}
	return nil
}

func (p *some) add(s *rowSet, from, to int, row uint32) {
	p.entries = append(p.entries, entry{tag: s.tag(p.names[from:to]), off: uint32(from), row: row, size: uint16(to - from)})
}

// check says what a row lacks.
func (r *Row) check() error {
	switch {
	case r.ID == "" || len(r.Makes) == 0 || len(r.Models) == 0:
		return errors.New("it has no id, make or model")
	case r.From < 0 || r.From > maxYear || r.To < 0 || r.To > maxYear || r.To != 0 && r.From > r.To:
		return fmt.Errorf("row %q speaks of the years %d to %d", r.ID, r.From, r.To)
	case !partOfDay(r.Since) || !partOfDay(r.Until):
		return fmt.Errorf("row %q has the dates %q and %q, which are not yyyy-mm or yyyy-mm-dd", r.ID, r.Since, r.Until)
	case r.Maker != "" && (r.Resolves == "unit" || r.Resolves == "unit-maker"):
		return fmt.Errorf("row %q only shows a unit and names a module's maker", r.ID)
	}
	return nil
}

// partOfDay says whether s is empty, a month or a day.
func partOfDay(s string) bool {
	const form = "dddd-dd-dd"
	if s == "" {
		return true
	}
	if len(s) != len("2006-01") && len(s) != len("2006-01-02") {
		return false
	}
	for i := range len(s) {
		if form[i] == '-' && s[i] != '-' || form[i] == 'd' && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s[5:7] >= "01" && s[5:7] <= "12" && (len(s) == 7 || s[8:] >= "01" && s[8:] <= "31")
}

// near returns the entries of the bucket that name lies in and its tag; those
// of another name may be among them.
func (s *rowSet) near(name []byte) ([]entry, uint32) {
	tag := s.tag(name)
	b := s.bucket(tag)
	return s.entries[s.starts[b]:s.starts[b+1]], tag
}

// is says whether an entry of the bucket is of the name.
func (s *rowSet) is(e *entry, tag uint32, name []byte) bool {
	return e.tag == tag && string(s.names[e.off:e.off+uint32(e.size)]) == string(name)
}

// under returns the numbers of the rows with a part or approval number.
func (s *rowSet) under(of byte, name string) []int32 {
	var b [64]byte
	key := appendFold(append(b[:0], of), name)
	if len(key) == 1 {
		return nil
	}
	var out []int32
	near, tag := s.near(key)
	for i := range near {
		if s.is(&near[i], tag, key) {
			out = append(out, int32(near[i].row>>1))
		}
	}
	return out
}

// row reads a row off its line.
func (s *rowSet) row(i int32) *Row {
	rec := &s.recs[i]
	r := new(Row)
	if err := readRow(s.text[rec.off:rec.off+rec.n], r); err != nil {
		panic(fmt.Sprintf("telematics: row %d was read when the catalogue was opened, and now: %v", i, err))
	}
	return r
}
