package meaning

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed makes.tsv
var makesText string

//go:embed tyres.tsv
var tyresText string

//go:embed sizes.tsv
var sizesText string

// Source is where a row of a table comes from.
type Source struct {
	Address string
	Date    string
}

// kin is one row on makes that may carry each other's radios.
type kin struct {
	makes []string // folded
	why   string
	Source
}

// protocol is one air protocol of tyre sensors.
type protocol struct {
	name   string
	closed bool     // its makes and their kin, and no other
	makes  []string // as written
	seen   string
	Source
}

// limit is the largest that a vehicle of a type may be.
type limit struct {
	widthCM, lengthCM int
	why               string
	Source
}

type tables struct {
	kin    []kin
	alias  map[string]string // folded name as registered → make
	tyres  map[string]protocol
	limits map[string]limit // by vPIC type
}

var embedded = sync.OnceValues(func() (*tables, error) { return readTables(makesText, tyresText, sizesText) })

// readTables reads the three tables: lines of fields parted by tabs, with
// comments after #. An error names the table and the line.
func readTables(makes, tyres, sizes string) (*tables, error) {
	t := &tables{alias: map[string]string{}, tyres: map[string]protocol{}, limits: map[string]limit{}}
	err := eachLine("makes", makes, func(f []string) error {
		switch {
		case f[0] == "K" && len(f) == 5:
			k := kin{why: f[2], Source: Source{f[3], f[4]}}
			for m := range strings.SplitSeq(f[1], "|") {
				k.makes = append(k.makes, fold(m))
			}
			t.kin = append(t.kin, k)
		case f[0] == "A" && len(f) == 5:
			t.alias[fold(f[1])] = f[2]
		default:
			return fmt.Errorf("a line of kind %.8q with %d fields is not known", f[0], len(f))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachLine("tyres", tyres, func(f []string) error {
		if len(f) != 6 {
			return fmt.Errorf("%d fields instead of 6", len(f))
		}
		p := protocol{name: f[0], closed: f[1] == "closed", seen: f[3], Source: Source{f[4], f[5]}}
		if !p.closed && f[1] != "open" && f[1] != "aftermarket" {
			return fmt.Errorf("kind %.20q is neither closed, open nor aftermarket", f[1])
		}
		if f[2] != "" {
			p.makes = strings.Split(f[2], "|")
		}
		if p.closed && len(p.makes) == 0 {
			return fmt.Errorf("protocol %.20q is closed to no make", p.name)
		}
		t.tyres[p.name] = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachLine("sizes", sizes, func(f []string) error {
		if len(f) != 6 {
			return fmt.Errorf("%d fields instead of 6", len(f))
		}
		w, werr := strconv.Atoi(f[1])
		l, lerr := strconv.Atoi(f[2])
		if werr != nil || lerr != nil || w <= 0 || l <= 0 {
			return fmt.Errorf("%.20q and %.20q are no width and length", f[1], f[2])
		}
		t.limits[f[0]] = limit{w, l, f[3], Source{f[4], f[5]}}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func eachLine(name, text string, do func(fields []string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		err := do(f)
		if err == nil && (f[len(f)-1] == "" || f[len(f)-2] == "") {
			err = fmt.Errorf("no source and date")
		}
		if err != nil {
			return fmt.Errorf("table of %s, line %d: %w", name, n, err)
		}
	}
	return nil
}

// fold brings a name to the form in which names are compared.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, accents.Replace(s))
}

var accents = strings.NewReplacer("ë", "e", "Ë", "E", "é", "e", "É", "E", "Š", "S", "š", "s", "ö", "o", "Ö", "O", "ü", "u", "Ü", "U")

// make turns a name as registered into a make.
func (t *tables) make(name string) string {
	if m, ok := t.alias[fold(name)]; ok {
		return m
	}
	return name
}

// listed tells whether a folded make stands in the table at all.
func (t *tables) listed(m string) bool {
	return slices.ContainsFunc(t.kin, func(k kin) bool { return slices.Contains(k.makes, m) })
}

// relate compares two makes: one and the same, of companies that build each
// other's cars, of others, or one that the table does not know.
func (t *tables) relate(a, b string) Relation {
	a, b = fold(a), fold(b)
	switch {
	case a == "" || b == "":
		return Unclear
	case a == b:
		return Same
	}
	for _, k := range t.kin {
		if slices.Contains(k.makes, a) && slices.Contains(k.makes, b) {
			return Same
		}
	}
	if t.listed(a) && t.listed(b) {
		return Apart
	}
	return Unclear
}
