package rf

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Specificity says how much a name or an address prefix tells of a vehicle.
type Specificity string

// The specificities. A mixed prefix sits in phones, routers and cars alike: it
// is shown, and never decides (Quectel and WNC sit in MiFi boxes, Murata in
// phones).
const (
	Automotive Specificity = "automotive"
	Mixed      Specificity = "mixed"
)

// Prefix is one row of an address registry: who registered it, and what that
// organisation makes.
type Prefix struct {
	Hex          string      // upper case, Bits/4 digits: "0026B4", "8C1F64A27"
	Bits         int         // 24, 28 or 36
	Organisation string      // as registered
	Maker        string      // our name for the maker
	Country      string      // of registration, as registered; not where a thing was made
	Category     string      // car_maker, tier1_auto, telematics, cell_module, v2x …
	Specificity  Specificity // what it says of a vehicle
	Derived      bool        // found with the locally administered bit cleared: a hint only
}

// String writes the prefix as "0026B4/24". It is never an address.
func (p Prefix) String() string { return p.Hex + "/" + strconv.Itoa(p.Bits) }

// Company is one Bluetooth SIG company identifier.
type Company struct {
	ID          int
	Name        string // as registered
	Category    string
	Specificity Specificity
}

// SSIDPattern is one shape of network name that vehicles of a make broadcast.
type SSIDPattern struct {
	Pattern      string
	Make         string
	Organisation string // whose address prefix was seen with it
	Source       string
	Note         string
	Specificity  Specificity
	Over         Kind // wifi, or ble for names in Bluetooth advertisements
	re           *regexp.Regexp
	head         string // what every name that fits begins with
}

// DataSource is where a part of the table comes from.
type DataSource struct {
	Part    string // oui, company, ssid
	Address string
	Date    string
	Note    string
}

// Prefixes is the table of address prefixes, company identifiers and network
// names that say something of a vehicle. It is immutable and safe for
// concurrent use.
type Prefixes struct {
	edition   string
	sources   map[string]DataSource
	order     []DataSource
	prefixes  []Prefix
	by24      map[uint32]int
	by28      map[uint32]int
	by36      map[uint64]int
	companies map[int]Company
	patterns  []SSIDPattern
}

//go:embed prefixes.tsv
var embeddedPrefixes []byte

var embedded = sync.OnceValues(func() (*Prefixes, error) {
	return ReadPrefixes(bytes.NewReader(embeddedPrefixes))
})

// EmbeddedPrefixes is the table that ships with the program. The error is that
// of a damaged build.
func EmbeddedPrefixes() (*Prefixes, error) { return embedded() }

const prefixHeader = "sallyport-rf-prefixes 1"

// ReadPrefixes reads the compact form that Write writes: UTF-8 lines of fields
// parted by tabs. The first line is the header; then a line starts with S
// (source), P (prefix), C (company) or N (network name). Anything else, a
// field too many or too few, or a prefix given twice is an error with its line.
func ReadPrefixes(r io.Reader) (*Prefixes, error) {
	p := &Prefixes{
		sources:   map[string]DataSource{},
		by24:      map[uint32]int{},
		by28:      map[uint32]int{},
		by36:      map[uint64]int{},
		companies: map[int]Company{},
	}
	sc := bufio.NewScanner(r)
	line := 0
	for sc.Scan() {
		line++
		f := strings.Split(sc.Text(), "\t")
		var err error
		switch {
		case line == 1:
			if len(f) != 2 || f[0] != prefixHeader {
				err = fmt.Errorf("the header is not %q and an edition", prefixHeader)
			} else {
				p.edition = f[1]
			}
		case !utf8.ValidString(sc.Text()):
			err = errors.New("not UTF-8")
		case f[0] == "S" && len(f) == 5:
			s := DataSource{Part: f[1], Address: f[2], Date: f[3], Note: f[4]}
			p.sources[s.Part] = s
			p.order = append(p.order, s)
		case f[0] == "P" && len(f) == 7:
			bits, size := 4*len(f[1]), len(f[1])
			if size != 6 && size != 7 && size != 9 {
				err = fmt.Errorf("a prefix has 6, 7 or 9 digits, not %d", size)
				break
			}
			err = p.addPrefix(Prefix{Hex: f[1], Bits: bits, Maker: f[2], Category: f[3], Specificity: Specificity(f[4]), Country: f[5], Organisation: f[6]})
		case f[0] == "C" && len(f) == 5:
			var id uint64
			if id, err = strconv.ParseUint(f[1], 16, 16); err == nil {
				err = p.addCompany(Company{ID: int(id), Category: f[2], Specificity: Specificity(f[3]), Name: f[4]})
			}
		case f[0] == "N" && len(f) == 8:
			err = p.addPattern(SSIDPattern{Over: Kind(f[1]), Specificity: Specificity(f[2]), Make: f[3], Pattern: f[4], Organisation: f[5], Source: f[6], Note: f[7]})
		default:
			err = fmt.Errorf("a line of kind %.8q with %d fields is not known", f[0], len(f))
		}
		if err != nil {
			return nil, fmt.Errorf("radio prefixes, line %d: %w", line, err)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("radio prefixes after line %d: %w", line, err)
	}
	if line == 0 {
		return nil, errors.New("radio prefixes: empty")
	}
	return p, nil
}

func (s Specificity) check() error {
	if s != Automotive && s != Mixed {
		return fmt.Errorf("specificity %.20q is neither automotive nor mixed", string(s))
	}
	return nil
}

func (p *Prefixes) addPrefix(x Prefix) error {
	if err := x.Specificity.check(); err != nil {
		return err
	}
	n, err := strconv.ParseUint(x.Hex, 16, 64)
	if err != nil || x.Hex != strings.ToUpper(x.Hex) {
		return fmt.Errorf("prefix %.12q is not in upper-case hexadecimal digits", x.Hex)
	}
	at := len(p.prefixes)
	var dup bool
	switch x.Bits {
	case 24:
		_, dup = p.by24[uint32(n)]
		p.by24[uint32(n)] = at
	case 28:
		_, dup = p.by28[uint32(n)]
		p.by28[uint32(n)] = at
	case 36:
		_, dup = p.by36[n]
		p.by36[n] = at
	default:
		return fmt.Errorf("a prefix has 24, 28 or 36 bits, not %d", x.Bits)
	}
	if dup {
		return fmt.Errorf("prefix %s is there twice", x.Hex)
	}
	p.prefixes = append(p.prefixes, x)
	return nil
}

func (p *Prefixes) addCompany(c Company) error {
	if err := c.Specificity.check(); err != nil {
		return err
	}
	if _, dup := p.companies[c.ID]; dup {
		return fmt.Errorf("company %#04x is there twice", c.ID)
	}
	p.companies[c.ID] = c
	return nil
}

func (p *Prefixes) addPattern(n SSIDPattern) error {
	if err := n.Specificity.check(); err != nil {
		return err
	}
	if n.Over != WiFi && n.Over != BLE {
		return fmt.Errorf("a name is heard over wifi or ble, not %.10q", string(n.Over))
	}
	if _, err := regexp.Compile(n.Pattern); err != nil {
		return fmt.Errorf("name pattern: %w", err)
	}
	if !strings.HasPrefix(n.Pattern, "^") || !strings.HasSuffix(n.Pattern, "$") {
		return fmt.Errorf("name pattern %q is not anchored at both ends: it would keep names of people", n.Pattern)
	}
	// Anchored as a whole: in ^a|b$ neither end binds both halves.
	var err error
	if n.re, err = regexp.Compile("^(?:" + n.Pattern + ")$"); err != nil {
		return fmt.Errorf("name pattern: %w", err)
	}
	if open, err := regexp.Compile(strings.TrimPrefix(n.Pattern, "^")); err == nil {
		n.head, _ = open.LiteralPrefix()
	}
	p.patterns = append(p.patterns, n)
	return nil
}

// Write writes the table in the form that ReadPrefixes reads, sorted, so that
// the same data gives the same bytes.
func (p *Prefixes) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s\t%s\n", prefixHeader, p.edition)
	for _, s := range p.order {
		writeRow(b, "S", s.Part, s.Address, s.Date, s.Note)
	}
	rows := append([]Prefix(nil), p.prefixes...)
	sort.Slice(rows, func(i, j int) bool { return rows[i].Hex < rows[j].Hex })
	for _, x := range rows {
		writeRow(b, "P", x.Hex, x.Maker, x.Category, string(x.Specificity), x.Country, x.Organisation)
	}
	ids := make([]int, 0, len(p.companies))
	for id := range p.companies {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	for _, id := range ids {
		c := p.companies[id]
		writeRow(b, "C", fmt.Sprintf("%04X", id), c.Category, string(c.Specificity), c.Name)
	}
	for _, n := range p.patterns {
		writeRow(b, "N", string(n.Over), string(n.Specificity), n.Make, n.Pattern, n.Organisation, n.Source, n.Note)
	}
	return b.Flush()
}

func writeRow(b *bufio.Writer, fields ...string) {
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, f))
	}
	b.WriteByte('\n')
}

// Edition names the edition of the table.
func (p *Prefixes) Edition() string { return p.edition }

// Source is where a part (oui, company, ssid) comes from.
func (p *Prefixes) Source(part string) DataSource { return p.sources[part] }

// Len is the number of address prefixes.
func (p *Prefixes) Len() int { return len(p.prefixes) }

// Lookup finds the longest registered prefix of a MAC address (six pairs of
// hexadecimal digits parted by colons or hyphens, or twelve digits). For a locally administered address no
// registration exists; as many hotspots make one out of a registered address by
// setting that bit, the address with the bit cleared is tried, and what is
// found is marked Derived and made Mixed.
func (p *Prefixes) Lookup(mac string) (Prefix, bool) {
	n, ok := parseMAC(mac)
	if !ok || n>>40&1 == 1 {
		return Prefix{}, false
	}
	const local = 1 << 41
	derived := n&local != 0
	n &^= local
	at, ok := p.by36[n>>12]
	if !ok {
		at, ok = p.by28[uint32(n>>20)]
	}
	if !ok {
		at, ok = p.by24[uint32(n>>24)]
	}
	if !ok {
		return Prefix{}, false
	}
	x := p.prefixes[at]
	if derived {
		x.Derived, x.Specificity = true, Mixed
	}
	return x, true
}

// Company finds a Bluetooth SIG company identifier.
func (p *Prefixes) Company(id int) (Company, bool) {
	c, ok := p.companies[id]
	return c, ok
}

// SSIDMake finds the pattern that a network name fits, wholly. Names that fit
// none say nothing of a vehicle and must not be kept.
func (p *Prefixes) SSIDMake(ssid string) (SSIDPattern, bool) { return p.name(ssid, WiFi) }

// BLEName does the same for a name in a Bluetooth advertisement.
func (p *Prefixes) BLEName(name string) (SSIDPattern, bool) { return p.name(name, BLE) }

// longestName is that of a network (IEEE 802.11-2020, 9.4.2.2) in bytes, and
// longer than a vehicle's over Bluetooth.
const longestName = 32

func (p *Prefixes) name(s string, over Kind) (SSIDPattern, bool) {
	if s == "" || len(s) > longestName {
		return SSIDPattern{}, false
	}
	for i := range p.patterns {
		n := &p.patterns[i]
		if n.Over == over && strings.HasPrefix(s, n.head) && n.re.MatchString(s) {
			return *n, true
		}
	}
	return SSIDPattern{}, false
}

// Keep is a copy of a network's name (over WiFi) or a device's (over BLE) that
// fits a vehicle pattern, and empty for any other: no copy stays of those.
func (p *Prefixes) Keep(name []byte, over Kind) string {
	if len(name) == 0 || len(name) > longestName {
		return ""
	}
	for i := range p.patterns {
		if n := &p.patterns[i]; n.Over == over && bytes.HasPrefix(name, []byte(n.head)) {
			s := string(name)
			if _, ok := p.name(s, over); ok {
				return s
			}
			return ""
		}
	}
	return ""
}

// parseMAC reads an EUI-48 into the low 48 bits.
func parseMAC[T string | []byte](s T) (uint64, bool) {
	step := 3
	switch len(s) {
	case 12:
		step = 2
	case 17:
		for i := 2; i < 17; i += 3 {
			if s[i] != ':' && s[i] != '-' {
				return 0, false
			}
		}
	default:
		return 0, false
	}
	var n uint64
	for i := 0; i < len(s); i += step {
		hi, lo := hexDigit(s[i]), hexDigit(s[i+1])
		if hi < 0 || lo < 0 {
			return 0, false
		}
		n = n<<8 | uint64(hi)<<4 | uint64(lo)
	}
	return n, true
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// PrefixTables are the public tables that BuildPrefixes reads, as CSV with a
// header line.
type PrefixTables struct {
	OUI       io.Reader // prefix_hex, prefix_bits, organisation_as_registered, country_of_registration, category, maker, specificity, …
	SSID      io.Reader // pattern, make, oui_organisation_seen, source, note
	Companies io.Reader // company_id_hex, name_as_registered, category
	Edition   string
	Sources   []DataSource
}

// BuildPrefixes makes the compact table out of the public ones. A bad row is an
// error that names file, line and reason; nothing is made then.
func BuildPrefixes(t PrefixTables) (*Prefixes, error) {
	p := &Prefixes{
		edition: t.Edition, order: t.Sources,
		sources: map[string]DataSource{}, by24: map[uint32]int{}, by28: map[uint32]int{}, by36: map[uint64]int{}, companies: map[int]Company{},
	}
	for _, s := range t.Sources {
		p.sources[s.Part] = s
	}
	err := eachRow("OUI table", t.OUI, []string{"prefix_hex", "prefix_bits", "organisation_as_registered", "country_of_registration", "category", "maker", "specificity"}, func(f []string) error {
		bits, err := strconv.Atoi(f[1])
		if err != nil || bits != 4*len(f[0]) {
			return fmt.Errorf("prefix %.12q does not have %.8s bits", f[0], f[1])
		}
		return p.addPrefix(Prefix{Hex: f[0], Bits: bits, Organisation: f[2], Country: f[3], Category: f[4], Maker: f[5], Specificity: Specificity(f[6])})
	})
	if err != nil {
		return nil, err
	}
	err = eachRow("company table", t.Companies, []string{"company_id_hex", "name_as_registered", "category"}, func(f []string) error {
		id, err := strconv.ParseUint(strings.TrimPrefix(f[0], "0x"), 16, 16)
		if err != nil {
			return fmt.Errorf("company id %.12q is not 16 bits in hexadecimal", f[0])
		}
		spec := Automotive
		switch f[2] {
		case "tier1_mixed", "cell_module", "telematics":
			spec = Mixed
		}
		return p.addCompany(Company{ID: int(id), Name: f[1], Category: f[2], Specificity: spec})
	})
	if err != nil {
		return nil, err
	}
	before := ""
	err = eachRow("SSID table", t.SSID, []string{"pattern", "make", "oui_organisation_seen", "source", "note"}, func(f []string) error {
		n := SSIDPattern{Pattern: f[0], Organisation: f[2], Source: f[3], Note: f[4], Over: WiFi, Specificity: Automotive}
		if n.Source == "same" {
			n.Source = before
		}
		before = n.Source
		// The remark in brackets says how a name is heard, not whose it is.
		n.Make, _, _ = strings.Cut(f[1], " (")
		if strings.Contains(f[1], "BLE local name") {
			n.Over = BLE
		}
		if strings.Contains(n.Note, "generic") {
			n.Specificity = Mixed
		}
		return p.addPattern(n)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func eachRow(name string, r io.Reader, want []string, do func([]string) error) error {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return fmt.Errorf("%s, header: %w", name, err)
	}
	at := make([]int, len(want))
	for i, w := range want {
		at[i] = -1
		for j, h := range head {
			if h == w {
				at[i] = j
			}
		}
		if at[i] < 0 {
			return fmt.Errorf("%s: column %s is missing", name, w)
		}
	}
	f := make([]string, len(want))
	for {
		row, err := c.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		row = joinPattern(row, len(head))
		for i, j := range at {
			if j >= len(row) {
				return fmt.Errorf("%s, line %d: column %s is missing", name, line, want[i])
			}
			f[i] = row[j]
		}
		if err := do(f); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, line, err)
		}
	}
}

// joinPattern mends a row whose first field is a regular expression with an
// unquoted comma in a repetition, such as {5,6}, as the public table has it.
func joinPattern(row []string, columns int) []string {
	for len(row) > columns && strings.HasPrefix(row[0], "^") && !strings.HasSuffix(row[0], "$") {
		row = append([]string{row[0] + "," + row[1]}, row[2:]...)
	}
	return row
}
