package vin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The index file.
//
// All numbers are little-endian. A header, then sections of fixed-size records
// that are read where they lie; nothing is unpacked.
//
//	 0  magic "SPVPIC\x00\x01"
//	 8  u32 format version
//	12  u32 CRC-32C of everything from byte 16
//	16  u64 length of the file
//	24  per section: u32 offset, u32 length, in the order of the sec constants
//
// Sections, with their records:
//
//	meta        text, lines key=value: edition, year, and what the builder adds
//	strOff      u32 offset into strData; string i lies between records i and i+1; string 0 is empty
//	strData     bytes
//	elements    u16 vPIC id, u8 weight, u8 flags, u32 code (string); the record number is the element's slot
//	classes     u64 set of symbols; 0 is "anything or nothing", 1 is "any one character"
//	keys        5×u16 classes of VIN positions 4–8, u16 tail (0 none); keys stand in the order in which
//	            de-duplication prefers them (shorter text first); the tail's top bit says "no less than the key before"
//	tails       10×u16 classes of: the `|`, VIN positions 10–17, and one unused
//	values      u32 text (string)<<8 | slot, u32 extra: for a model its make (string); for a displacement a record of
//	            conversions; for an engine model its number in engines plus 1; for a plant country its alpha-2 code
//	            (string); for a body class its flags; else 0
//	conversions 2×u32 strings: the value in the two other units, in the order of vPIC's element numbers
//	engines     u32 first engineRow; engine i's rows lie between records i and i+1
//	engineRows  u32 value, u32 date
//	schemas     u32 first group, u32 first pattern, u32 vPIC id, u32 charset and flag; schema i's groups lie between records i and i+1
//	charsets    9×u16 classes: the symbols that some key names for VIN positions 4–8 and 11–14; 0 where none does
//	groups      24 bits: key<<7 | number of patterns with it; a key with more patterns has several groups
//	patterns    u64: value<<44 | date<<23 | vPIC pattern id
//	wmiKeys     u32 WMI in base 37, ascending
//	wmis        u32 first link, u32 manufacturer, u32 make (0 none or several), u32 public from (yyyymmdd, 0 never),
//	            2 bytes country (alpha-2, NUL where unknown), u8 vehicle type, u8 truck type<<4 | flags
//	links       u16 schema, u8 first year−1900, u8 last year−1900 (255 open); WMI i's links lie between wmis i and i+1
//	descriptors 14 bytes descriptor padded with NUL, u16 model year, ascending
//	defaults    u32 vehicle type, u32 value
//	types       u32 vehicle type id, u32 name
//	world       u32 WMI in base 37 ascending, u32 make, u32 manufacturer, u32 country (alpha-2) — WMIs vPIC does not hold
//
// An index of NHTSA's whole download has version 2 and further sections, any
// of which may be empty:
//
//	schemaNames u32 name (string) of each schema
//	valid       u32 WMI in base 37, u32 model year, u32 set of validSets; ascending by the first two
//	validSets   9×u64 sets of symbols that may stand at VIN positions 4–8 and 11–14; 0 where any may
//	exceptions  17 bytes VIN whose check digit NHTSA lets pass, ascending
//	errors      u32 error code, u32 name (string), u32 what else there is to say (string)
//	wmiMakes    u32 WMI in base 37, u32 vPIC make id, ascending by both
//	specs       u32 value of the model, ascending; u32 vPIC make id, u32 vehicle type, u32 vPIC id, u32 first of specRows,
//	            u32 number of them, u32 first of specYears, u32 number of them
//	specYears   u16 model year
//	specRows    u32 value (or model year), u32 date<<2 | kind; a date is a rank as elsewhere
//
// A date is a rank: the n-th distinct time of creation or update. It orders
// patterns as vPIC's own times do.

const (
	magic         = "SPVPIC\x00\x01"
	formatVersion = 1 // of an index without the further sections
	wholeVersion  = 2
)

// headerSize is the length of the header of a version of the format.
func headerSize(version uint32) int {
	if version == wholeVersion {
		return 24 + 8*sections
	}
	return 24 + 8*cutSections
}

// The sections, in file order.
const (
	secMeta = iota
	secStrOff
	secStrData
	secElements
	secClasses
	secKeys
	secTails
	secValues
	secConversions
	secEngines
	secEngineRows
	secSchemas
	secCharsets
	secGroups
	secPatterns
	secWMIKeys
	secWMIs
	secLinks
	secDescriptors
	secDefaults
	secTypes
	secWorld
	secSchemaNames
	secValid
	secValidSets
	secExceptions
	secErrors
	secWMIMakes
	secSpecs
	secSpecYears
	secSpecRows
	sections

	cutSections = secSchemaNames // how many an index of the public cut has
)

var sectionNames = [sections]string{"meta", "strOff", "strData", "elements", "classes", "keys", "tails", "values",
	"conversions", "engines", "engineRows", "schemas", "charsets", "groups", "patterns", "wmiKeys", "wmis", "links", "descriptors",
	"defaults", "types", "world", "schemaNames", "valid", "validSets", "exceptions", "errors", "wmiMakes", "specs", "specYears", "specRows"}

var recordSize = [sections]int{1, 4, 1, 8, 8, 12, 20, 8, 8, 4, 8, 16, 18, 3, 8, 4, 20, 4, 16, 8, 8, 16,
	4, 12, 72, Length, 12, 8, 32, 2, 8}

// Limits of the packed records.
const (
	MaxValues   = 1 << 20
	MaxDates    = 1 << 21
	MaxPatterns = 1 << 23 // largest vPIC pattern id, plus one
	MaxKeys     = 1 << 17
	MaxTails    = 1 << 15
	MaxPerGroup = 1<<7 - 1
	MaxSlots    = 256
)

// Flags of elements, values and WMIs.
const (
	ElementMulti    = 1 << 0 // several values may stay
	ValueGlider     = 1 << 0 // body class of a glider (error code 9)
	ValueOffRoad    = 1 << 1 // body class not meant for roads (error code 10)
	ValueIncomplete = 1 << 2 // body class of an incomplete vehicle
	WMICommunity    = 1 << 0 // not NHTSA's row
	WMISeveralMakes = 1 << 1
	WMIPadded       = 1 << 2  // the manufacturer's name starts or ends with white space
	SchemaFormula   = 1 << 31 // in charset: some key holds `#`
	KeyTies         = 1 << 15 // in tail: ranks with the key before
)

// OpenYear as a link's last year says that it has none.
const OpenYear = 255

// symbols of the keys string: 0–9, A–Z, then these.
const (
	symStar  = 36
	symBar   = 37
	symHash  = 38
	symOther = 39
	symNone  = 40 // the keys string ends before this position
)

// ClassAny is the set of all symbols that are a character; ClassFree also
// holds the end of the text.
const (
	ClassAny  uint64 = 1<<symNone - 1
	ClassFree uint64 = 1<<(symNone+1) - 1
)

// SymbolBit is the set that holds just the symbol of c.
func SymbolBit(c byte) uint64 { return 1 << symbolOf[c] }

var symbolOf = func() (t [256]uint8) {
	for i := range t {
		t[i] = symOther
	}
	for i := range 10 {
		t['0'+i] = uint8(i)
	}
	for i := range 26 {
		t['A'+i] = uint8(10 + i)
	}
	t['*'], t['|'], t['#'] = symStar, symBar, symHash
	return t
}()

// Tables is the content of an index before it is packed: what the builder
// makes and Encode writes. The fields mirror the sections.
type Tables struct {
	Meta        string
	Strings     []string // Strings[0] is empty
	Elements    []ElementRow
	Classes     []uint64
	Keys        []KeyRow
	Tails       [][9]uint16
	Values      []ValueRow
	Conversions [][2]uint32
	Engines     [][]EngineRow
	Schemas     []SchemaRow
	Charsets    [][9]uint16
	WMIs        []WMIRow // ascending by key
	Descriptors []DescriptorRow
	Defaults    []DefaultRow
	Types       []TypeRow
	World       []WorldRow // ascending by key

	// Of NHTSA's whole download only.

	SchemaNames []uint32   // strings, one a schema, or none at all
	Valid       []ValidRow // ascending by WMI and year
	ValidSets   [][9]uint64
	Exceptions  []string // VINs, ascending
	Errors      []ErrorRow
	WMIMakes    [][2]uint32 // WMI, vPIC make id; ascending
	Specs       []SpecRow   // ascending by model
	SpecYears   []uint16
	SpecRows    [][2]uint32 // value, date<<2 | kind
}

// ValidRow names the set of symbols that a WMI's VINs of a model year may hold.
type ValidRow struct{ Key, Year, Set uint32 }

// ErrorRow is one error code in NHTSA's words.
type ErrorRow struct{ Code, Name, More uint32 }

// SpecRow is what is added to a model that has some values.
type SpecRow struct{ Model, Make, Type, ID, FirstRow, Rows, FirstYear, Years uint32 }

// ElementRow is one vPIC element.
type ElementRow struct {
	ID     uint16
	Weight uint8
	Flags  uint8
	Code   uint32
}

// KeyRow is one pattern key. Keys stand in the order that de-duplication
// prefers; Ties says that this one ranks with the one before.
type KeyRow struct {
	VDS  [5]uint16
	Tail uint16
	Ties bool
}

// ValueRow is one value that an element can take.
type ValueRow struct {
	Slot        uint8
	Text, Extra uint32
}

// EngineRow is one value that an engine model brings.
type EngineRow struct{ Value, Date uint32 }

// SchemaRow is one VIN schema with its patterns, grouped by key.
type SchemaRow struct {
	ID, Charset uint32
	Groups      []GroupRow
}

// GroupRow is the patterns of one schema that share a key, by ascending id.
type GroupRow struct {
	Key      uint32
	Patterns []PatternRow
}

// PatternRow is one pattern.
type PatternRow struct{ Value, Date, ID uint32 }

// WMIRow is one world manufacturer identifier of vPIC.
type WMIRow struct {
	Key, Manufacturer, Make, PublicFrom uint32
	Country                             string // ISO 3166-1 alpha-2, or empty
	Type, TruckType, Flags              uint8
	Links                               []LinkRow
}

// LinkRow ties a schema to a WMI for a span of model years.
type LinkRow struct {
	Schema   uint16
	From, To uint8
}

// DescriptorRow is one row of vPIC's VinDescriptor.
type DescriptorRow struct {
	Text string
	Year uint16
}

// DefaultRow is the value of an element that nothing else gave.
type DefaultRow struct{ Type, Value uint32 }

// TypeRow is one vehicle type.
type TypeRow struct{ ID, Name uint32 }

// WorldRow is one WMI that vPIC does not hold.
type WorldRow struct{ Key, Make, Manufacturer, Country uint32 }

// WMIKey packs a WMI of 3 or 6 characters (0–9, A–Z). It is false for any
// other text.
func WMIKey(wmi string) (uint32, bool) {
	if len(wmi) > 6 {
		return 0, false
	}
	var buf [6]byte
	return wmiKey(buf[:copy(buf[:], wmi)])
}

func wmiKey(wmi []byte) (uint32, bool) {
	if len(wmi) != 3 && len(wmi) != 6 {
		return 0, false
	}
	var k uint32
	for i := range 6 {
		k *= 37
		if i < len(wmi) {
			s := symbolOf[wmi[i]]
			if s >= symStar {
				return 0, false
			}
			k += uint32(s) + 1
		}
	}
	return k, true
}

// Encode packs the tables into the form that Open reads.
func (t *Tables) Encode() ([]byte, error) {
	var sec [sections][]byte
	le := binary.LittleEndian
	u32 := func(s int, vs ...uint32) {
		for _, v := range vs {
			sec[s] = le.AppendUint32(sec[s], v)
		}
	}
	u16 := func(s int, vs ...uint16) {
		for _, v := range vs {
			sec[s] = le.AppendUint16(sec[s], v)
		}
	}
	switch {
	case len(t.Elements) > MaxSlots:
		return nil, fmt.Errorf("vin: %d elements, the index holds %d", len(t.Elements), MaxSlots)
	case len(t.Values) > MaxValues:
		return nil, fmt.Errorf("vin: %d values, the index holds %d", len(t.Values), MaxValues)
	case len(t.Keys) > MaxKeys:
		return nil, fmt.Errorf("vin: %d keys, the index holds %d", len(t.Keys), MaxKeys)
	case len(t.Classes) > 1<<16 || len(t.Tails) > MaxTails || len(t.Schemas) > 1<<16 || len(t.Strings) > 1<<24:
		return nil, errors.New("vin: more classes, tails, schemas or strings than the index can number")
	}
	sec[secMeta] = []byte(t.Meta)
	for _, s := range t.Strings {
		u32(secStrOff, uint32(len(sec[secStrData])))
		sec[secStrData] = append(sec[secStrData], s...)
	}
	u32(secStrOff, uint32(len(sec[secStrData])))
	for _, e := range t.Elements {
		u16(secElements, e.ID)
		sec[secElements] = append(sec[secElements], e.Weight, e.Flags)
		u32(secElements, e.Code)
	}
	for _, c := range t.Classes {
		sec[secClasses] = le.AppendUint64(sec[secClasses], c)
	}
	for _, k := range t.Keys {
		u16(secKeys, k.VDS[:]...)
		tail := k.Tail
		if k.Ties {
			tail |= KeyTies
		}
		u16(secKeys, tail)
	}
	for _, k := range t.Tails {
		u16(secTails, k[:]...)
		u16(secTails, 0)
	}
	for _, v := range t.Values {
		u32(secValues, v.Text<<8|uint32(v.Slot), v.Extra)
	}
	for _, c := range t.Conversions {
		u32(secConversions, c[:]...)
	}
	for _, rows := range t.Engines {
		u32(secEngines, uint32(len(sec[secEngineRows])/8))
		for _, r := range rows {
			u32(secEngineRows, r.Value, r.Date)
		}
	}
	u32(secEngines, uint32(len(sec[secEngineRows])/8))
	for _, c := range t.Charsets {
		u16(secCharsets, c[:]...)
	}
	for _, s := range t.Schemas {
		u32(secSchemas, uint32(len(sec[secGroups])/3), uint32(len(sec[secPatterns])/8), s.ID, s.Charset)
		for _, g := range s.Groups {
			for part := range slices.Chunk(g.Patterns, MaxPerGroup) {
				w := g.Key<<7 | uint32(len(part))
				sec[secGroups] = append(sec[secGroups], byte(w), byte(w>>8), byte(w>>16))
				for _, p := range part {
					if p.Date >= MaxDates || p.ID >= MaxPatterns {
						return nil, fmt.Errorf("vin: pattern %d or its date is beyond what the index holds", p.ID)
					}
					sec[secPatterns] = le.AppendUint64(sec[secPatterns], uint64(p.Value)<<44|uint64(p.Date)<<23|uint64(p.ID))
				}
			}
		}
	}
	u32(secSchemas, uint32(len(sec[secGroups])/3), uint32(len(sec[secPatterns])/8), 0, 0)
	for _, w := range t.WMIs {
		u32(secWMIKeys, w.Key)
		u32(secWMIs, uint32(len(sec[secLinks])/4), w.Manufacturer, w.Make, w.PublicFrom)
		var country [2]byte
		copy(country[:], w.Country)
		sec[secWMIs] = append(sec[secWMIs], country[0], country[1], w.Type, w.TruckType<<4|w.Flags)
		for _, l := range w.Links {
			u16(secLinks, l.Schema)
			sec[secLinks] = append(sec[secLinks], l.From, l.To)
		}
	}
	u32(secWMIs, uint32(len(sec[secLinks])/4), 0, 0, 0, 0)
	for _, d := range t.Descriptors {
		if len(d.Text) > 14 {
			return nil, fmt.Errorf("vin: descriptor %q has more than 14 characters", d.Text)
		}
		sec[secDescriptors] = append(sec[secDescriptors], d.Text...)
		sec[secDescriptors] = append(sec[secDescriptors], make([]byte, 14-len(d.Text))...)
		u16(secDescriptors, d.Year)
	}
	for _, d := range t.Defaults {
		u32(secDefaults, d.Type, d.Value)
	}
	for _, d := range t.Types {
		u32(secTypes, d.ID, d.Name)
	}
	for _, w := range t.World {
		u32(secWorld, w.Key, w.Make, w.Manufacturer, w.Country)
	}
	if err := t.whole(&sec); err != nil {
		return nil, err
	}
	version, n := uint32(formatVersion), cutSections
	for _, s := range sec[cutSections:] {
		if len(s) > 0 {
			version, n = wholeVersion, sections
		}
	}
	out := make([]byte, headerSize(version))
	copy(out, magic)
	le.PutUint32(out[8:], version)
	for i := range n {
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
		le.PutUint32(out[24+8*i:], uint32(len(out)))
		le.PutUint32(out[28+8*i:], uint32(len(sec[i])))
		out = append(out, sec[i]...)
	}
	le.PutUint64(out[16:], uint64(len(out)))
	le.PutUint32(out[12:], crc32.Checksum(out[16:], castagnoli))
	return out, nil
}

// whole packs the sections of NHTSA's whole download.
func (t *Tables) whole(sec *[sections][]byte) error {
	le := binary.LittleEndian
	u32 := func(s int, vs ...uint32) {
		for _, v := range vs {
			sec[s] = le.AppendUint32(sec[s], v)
		}
	}
	u32(secSchemaNames, t.SchemaNames...)
	for _, v := range t.Valid {
		u32(secValid, v.Key, v.Year, v.Set)
	}
	for _, set := range t.ValidSets {
		for _, m := range set {
			sec[secValidSets] = le.AppendUint64(sec[secValidSets], m)
		}
	}
	for _, v := range t.Exceptions {
		if len(v) != Length {
			return fmt.Errorf("vin: exception %q is no whole VIN", v)
		}
		sec[secExceptions] = append(sec[secExceptions], v...)
	}
	for _, e := range t.Errors {
		u32(secErrors, e.Code, e.Name, e.More)
	}
	for _, m := range t.WMIMakes {
		u32(secWMIMakes, m[:]...)
	}
	for _, s := range t.Specs {
		u32(secSpecs, s.Model, s.Make, s.Type, s.ID, s.FirstRow, s.Rows, s.FirstYear, s.Years)
	}
	for _, y := range t.SpecYears {
		sec[secSpecYears] = le.AppendUint16(sec[secSpecYears], y)
	}
	for _, r := range t.SpecRows {
		u32(secSpecRows, r[:]...)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Index is an opened vPIC index. It is immutable and safe for concurrent use.
type Index struct {
	sec    [sections]string
	meta   map[string]string
	masks  *[1 << 16]uint64 // classes, as many as a class number can name
	elems  []element
	slot   [256]uint8 // vPIC element id → slot+1, 0 where the index has no such element
	typeOf [256]string
	year   int  // calendar year of the edition
	whole  bool // NHTSA's whole download
	beyond *beyond
	names  []attributeName

	sketches  []uint64          // of the key of each group
	groups    []group           // as section groups has them, and one that ends them
	slots     []uint8           // of each value
	heads     [37*37 + 1]uint32 // where the WMIs with the first two symbols start
	described prefixes

	scratch sync.Pool // of *query: working memory of a decode, nothing of which outlives it

	weighted, multi slotSet // slots of elements that have a weight, that may keep several values
}

type element struct {
	id     int
	weight int
	multi  bool
	role   role
	code   string
}

// role is the field of an answer that an element's value fills.
type role uint8

const (
	roleNone role = iota
	roleModel
	roleBodyClass
	roleGVWR
	roleFuel
	rolePlantCountry
	rolePlantState
	rolePlantCity
	roleBattery // fills none, but may have several values where the vehicle specs say so
	roles
)

func roleOf(id int) role {
	switch id {
	case elemModel:
		return roleModel
	case elemBodyClass:
		return roleBodyClass
	case elemGVWR:
		return roleGVWR
	case elemFuel:
		return roleFuel
	case elemPlantCountry:
		return rolePlantCountry
	case elemPlantState:
		return rolePlantState
	case elemPlantCity:
		return rolePlantCity
	case elemBattery:
		return roleBattery
	}
	return roleNone
}

// Counts says how much an index holds.
type Counts struct {
	WMIs, CommunityWMIs, WorldWMIs int
	Schemas, Patterns, Keys        int
	Strings, Bytes                 int
}

// ErrIndex is wrapped by every error of Open.
var ErrIndex = errors.New("not a usable vPIC index")

// Open checks an index file and makes it ready for use. It keeps its own copy
// of data. A file that is not whole is refused with an error that names what
// is wrong; nothing of it is used.
func Open(data []byte) (*Index, error) { return open(string(data)) }

func open(data string) (*Index, error) {
	if n := headerSize(formatVersion); len(data) < n {
		return nil, fmt.Errorf("vin: %w: %d bytes, the header alone has %d", ErrIndex, len(data), n)
	}
	if data[:8] != magic {
		return nil, fmt.Errorf("vin: %w: it does not start as one", ErrIndex)
	}
	version := u32(data, 8)
	if version != formatVersion && version != wholeVersion {
		return nil, fmt.Errorf("vin: %w: format version %d, this program reads %d and %d", ErrIndex, version, formatVersion, wholeVersion)
	}
	header, held := headerSize(version), sections
	if version == formatVersion {
		held = cutSections
	}
	if len(data) < header {
		return nil, fmt.Errorf("vin: %w: %d bytes, the header alone has %d", ErrIndex, len(data), header)
	}
	if n := u64(data, 16); n != uint64(len(data)) {
		return nil, fmt.Errorf("vin: %w: it has %d bytes but says it has %d", ErrIndex, len(data), n)
	}
	if got, want := checksum(data[16:]), u32(data, 12); got != want {
		return nil, fmt.Errorf("vin: %w: checksum %08x, the header says %08x", ErrIndex, got, want)
	}
	ix := new(Index)
	for i := range held {
		off, n := uint64(u32(data, 24+8*i)), uint64(u32(data, 28+8*i))
		if off < uint64(header) || off+n > uint64(len(data)) {
			return nil, fmt.Errorf("vin: %w: section %s lies outside the file", ErrIndex, sectionNames[i])
		}
		if n%uint64(recordSize[i]) != 0 {
			return nil, fmt.Errorf("vin: %w: section %s has %d bytes, not a multiple of %d", ErrIndex, sectionNames[i], n, recordSize[i])
		}
		ix.sec[i] = data[off : off+n]
	}
	if err := ix.check(); err != nil {
		return nil, fmt.Errorf("vin: %w: %w", ErrIndex, err)
	}
	ix.load()
	y, err := strconv.Atoi(ix.meta["year"])
	if err != nil || ix.meta["edition"] == "" {
		return nil, fmt.Errorf("vin: %w: it names no edition and year", ErrIndex)
	}
	ix.year = y
	if ix.beyond, err = beyondVPIC(); err != nil {
		return nil, err
	}
	return ix, nil
}

// checksum is the CRC-32C of s, taken in pieces so that s is not copied whole.
func checksum(s string) uint32 {
	var buf [64 << 10]byte
	var sum uint32
	for len(s) > 0 {
		n := copy(buf[:], s)
		sum = crc32.Update(sum, castagnoli, buf[:n])
		s = s[n:]
	}
	return sum
}

// check makes sure that every number in the file that refers to a record
// refers to one that is there, so that decoding need not.
func (ix *Index) check() error {
	n := func(s int) uint32 { return uint32(len(ix.sec[s]) / recordSize[s]) }
	// rising demands that column col of section s starts records of section
	// into: never falling, the last one its number of records.
	rising := func(s, col, into int) error {
		var last uint32
		for i := 0; i < int(n(s)); i++ {
			v := u32(ix.sec[s], i*recordSize[s]+col)
			if v < last {
				return fmt.Errorf("%s record %d points back", sectionNames[s], i)
			}
			last = v
		}
		if n(s) == 0 || last != n(into) || u32(ix.sec[s], col) != 0 {
			return fmt.Errorf("%s does not cover %s", sectionNames[s], sectionNames[into])
		}
		return nil
	}
	// below demands that column col of section s numbers a record of into.
	below := func(s, col int, limit uint32) error {
		for i := 0; i < int(n(s)); i++ {
			if u32(ix.sec[s], i*recordSize[s]+col) >= limit {
				return fmt.Errorf("%s record %d refers to what is not there", sectionNames[s], i)
			}
		}
		return nil
	}
	below16 := func(s, col int, limit uint32) error {
		for i := 0; i < int(n(s)); i++ {
			if uint32(u16(ix.sec[s], i*recordSize[s]+col)) >= limit {
				return fmt.Errorf("%s record %d refers to what is not there", sectionNames[s], i)
			}
		}
		return nil
	}
	if n(secSchemaNames) != 0 && n(secSchemaNames) != n(secSchemas)-1 {
		return errors.New("schemaNames does not name every schema")
	}
	if n(secStrOff) < 2 || n(secClasses) < 2 || n(secElements) > MaxSlots || n(secSchemas) == 0 || n(secWMIs) != n(secWMIKeys)+1 {
		return errors.New("a section is too short or too long")
	}
	strs := n(secStrOff) - 1
	errs := []error{
		rising(secStrOff, 0, secStrData), rising(secEngines, 0, secEngineRows),
		rising(secSchemas, 0, secGroups), rising(secSchemas, 4, secPatterns), rising(secWMIs, 0, secLinks),
		below(secElements, 4, strs), below(secConversions, 0, strs), below(secConversions, 4, strs), below(secEngineRows, 0, n(secValues)),
		below(secWMIs, 4, strs), below(secWMIs, 8, strs),
		below(secDefaults, 4, n(secValues)), below(secTypes, 0, 256), below(secTypes, 4, strs),
		below(secWorld, 4, strs), below(secWorld, 8, strs), below(secWorld, 12, strs),
		below16(secLinks, 0, n(secSchemas)-1),
		below(secSchemaNames, 0, strs), below(secValid, 8, n(secValidSets)), below(secErrors, 4, strs), below(secErrors, 8, strs),
		ix.checkSpecs(),
	}
	for i := range 5 {
		errs = append(errs, below16(secKeys, 2*i, n(secClasses)))
	}
	for i := range 9 {
		errs = append(errs, below16(secTails, 2*i, n(secClasses)), below16(secCharsets, 2*i, n(secClasses)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := 0; i < int(n(secKeys)); i++ {
		if t := u16(ix.sec[secKeys], i*12+10) &^ KeyTies; t != 0 && uint32(t) >= n(secTails) {
			return fmt.Errorf("keys record %d refers to what is not there", i)
		}
	}
	// the extra of a value numbers a record of what its element says
	extras := make([]uint32, n(secElements))
	for i := range extras {
		id, several := u16(ix.sec[secElements], i*8), ix.sec[secElements][i*8+3]&ElementMulti != 0
		switch id {
		case elemModel, elemPlantCountry, elemCC, elemCI, elemL, elemEngineModel, elemBodyClass, elemBattery:
			if several {
				return fmt.Errorf("elements record %d may keep several values, but the rules read one", i)
			}
		}
		switch id {
		case elemModel, elemPlantCountry:
			extras[i] = strs
		case elemCC, elemCI, elemL:
			extras[i] = n(secConversions)
		case elemEngineModel:
			extras[i] = n(secEngines)
		case elemBodyClass:
			extras[i] = 1 << 8
		default:
			extras[i] = 1
		}
	}
	for i := 0; i < int(n(secValues)); i++ {
		w, extra := u32(ix.sec[secValues], i*8), u32(ix.sec[secValues], i*8+4)
		if w>>8 >= strs || w&0xff >= n(secElements) || extra >= extras[w&0xff] {
			return fmt.Errorf("values record %d refers to what is not there", i)
		}
	}
	schemas, groups := ix.sec[secSchemas], ix.sec[secGroups]
	keys, charsets, vals := n(secKeys), n(secCharsets), uint64(n(secValues))
	for i := 0; i < int(n(secSchemas))-1; i++ {
		r := schemas[i*16:]
		var sum uint32
		for g := u32(r, 0); g < u32(r, 16); g++ {
			w := u24(groups, int(g)*3)
			if w>>7 >= keys {
				return fmt.Errorf("groups record %d refers to what is not there", g)
			}
			sum += w & MaxPerGroup
		}
		if sum != u32(r, 20)-u32(r, 4) || u32(r, 12)&^SchemaFormula >= charsets {
			return fmt.Errorf("schemas record %d does not cover its patterns", i)
		}
	}
	for i := 0; i < int(n(secPatterns)); i++ {
		if u64(ix.sec[secPatterns], i*8)>>44 >= vals {
			return fmt.Errorf("patterns record %d refers to what is not there", i)
		}
	}
	return nil
}

// checkSpecs does for the vehicle specs what check does for the rest.
func (ix *Index) checkSpecs() error {
	n := func(s int) uint64 { return uint64(len(ix.sec[s]) / recordSize[s]) }
	for i := 0; i < int(n(secSpecs)); i++ {
		r := ix.sec[secSpecs][i*32:]
		if uint64(u32(r, 16))+uint64(u32(r, 20)) > n(secSpecRows) || uint64(u32(r, 24))+uint64(u32(r, 28)) > n(secSpecYears) {
			return fmt.Errorf("specs record %d refers to what is not there", i)
		}
	}
	for i := 0; i < int(n(secSpecRows)); i++ {
		r := ix.sec[secSpecRows][i*8:]
		if u32(r, 4)&3 != SpecYear && uint64(u32(r, 0)) >= n(secValues) {
			return fmt.Errorf("specRows record %d refers to what is not there", i)
		}
	}
	return nil
}

// load prepares the small tables that decoding wants at hand.
func (ix *Index) load() {
	ix.meta = make(map[string]string)
	for line := range strings.Lines(ix.sec[secMeta]) {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			ix.meta[k] = v
		}
	}
	ix.whole = ix.meta["whole"] == "yes"
	ix.masks = new([1 << 16]uint64)
	for i := range len(ix.sec[secClasses]) / 8 {
		ix.masks[i] = u64(ix.sec[secClasses], i*8)
	}
	ix.elems = make([]element, len(ix.sec[secElements])/8)
	for i := range ix.elems {
		r := ix.sec[secElements][i*8:]
		e := element{id: int(u16(r, 0)), weight: int(r[2]), multi: r[3]&ElementMulti != 0, role: roleOf(int(u16(r, 0))), code: ix.str(u32(r, 4))}
		ix.elems[i] = e
		if e.weight != 0 {
			ix.weighted.add(uint8(i))
		}
		if e.multi {
			ix.multi.add(uint8(i))
		}
		if e.id < len(ix.slot) {
			ix.slot[e.id] = uint8(i + 1)
		}
	}
	ix.names = attributeNames(ix.elems)
	ix.sketch()
	n := 0
	for i := range ix.heads {
		for n < len(ix.sec[secWMIKeys])/4 && int(u32(ix.sec[secWMIKeys], n*4)/(37*37*37*37)) < i {
			n++
		}
		ix.heads[i] = uint32(n)
	}
	ix.slots = make([]uint8, len(ix.sec[secValues])/8)
	for i := range ix.slots {
		ix.slots[i] = ix.sec[secValues][i*8]
	}
	for d := ix.sec[secDescriptors]; len(d) > 0; d = d[16:] {
		ix.described.add(d[:3])
	}
	for i := 0; i < len(ix.sec[secTypes]); i += 8 {
		ix.typeOf[u32(ix.sec[secTypes], i)] = ix.str(u32(ix.sec[secTypes], i+4))
	}
}

// str is string number i.
func (ix *Index) str(i uint32) string {
	off := ix.sec[secStrOff]
	return ix.sec[secStrData][u32(off, int(i)*4):u32(off, int(i)*4+4)]
}

// Edition names the vPIC data that the index was built from.
func (ix *Index) Edition() string { return ix.meta["edition"] }

// Counts says how much the index holds.
func (ix *Index) Counts() Counts {
	n := func(s int) int { return len(ix.sec[s]) / recordSize[s] }
	c := Counts{WMIs: n(secWMIKeys), WorldWMIs: n(secWorld), Schemas: n(secSchemas) - 1,
		Patterns: n(secPatterns), Keys: n(secKeys), Strings: n(secStrOff) - 1, Bytes: headerSize(formatVersion)}
	if len(ix.sec[secSchemaNames])+len(ix.sec[secErrors]) > 0 {
		c.Bytes = headerSize(wholeVersion)
	}
	for i := range c.WMIs {
		if ix.sec[secWMIs][i*20+19]&WMICommunity != 0 {
			c.CommunityWMIs++
		}
	}
	for _, s := range ix.sec {
		c.Bytes += len(s)
	}
	return c
}

func u16(s string, i int) uint16 {
	_ = s[i+1]
	return uint16(s[i]) | uint16(s[i+1])<<8
}

func u24(s string, i int) uint32 {
	_ = s[i+2]
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16
}

func u32(s string, i int) uint32 {
	_ = s[i+3]
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

func u64(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}
