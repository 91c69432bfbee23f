package meaning

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // the maker's own choice of name
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"sallyport/rf"
)

// Code names a kind of evidence.
type Code string

// The kinds of evidence.
const (
	MakeAgrees         Code = "make_agrees"          // a radio of the vehicle's own make, or of its kin
	MakeDiffers        Code = "make_differs"         // a radio of a make that does not build this vehicle's
	MakeHeard          Code = "make_heard"           // a radio of a make, and the vehicle's is not known or not comparable
	UnitHeard          Code = "unit_heard"           // a radio of a maker of units or modules
	UnitWithoutModem   Code = "unit_without_modem"   // a telematics radio, and the vehicle is said or known to have no modem
	ModuleDiffers      Code = "module_differs"       // a radio of a maker of modules other than those on record
	MixedHeard         Code = "mixed_heard"          // a prefix that sits in vehicles and in much else
	TyreDiffers        Code = "tyre_differs"         // no air protocol of a tyre sensor is one seen on the make
	SizeDiffers        Code = "size_differs"         // the vehicle's own messages tell another size
	TeslaMatches       Code = "tesla_name_matches"   // a Tesla's name that stands for this VIN
	TeslaDiffers       Code = "tesla_name_differs"   // a Tesla's name that stands for another VIN
	UplinkWithoutModem Code = "uplink_without_modem" // an uplink was in use, and the vehicle is said or known to have no modem
)

// Strength says how much a piece of evidence weighs; see the package.
type Strength uint8

// The strengths, in rising order.
const (
	Weak Strength = iota + 1
	Moderate
	Strong
)

func (s Strength) String() string { return [...]string{"none", "weak", "moderate", "strong"}[s] }

// Sure is the probability from which an attribution may contradict; Half is the
// one below which an emitter says nothing.
const (
	Sure = 0.9
	Half = 0.5
)

// Relation is what two names have to do with each other.
type Relation uint8

// The relations. Unclear is the answer wherever one is not known.
const (
	Unclear Relation = iota
	Same             // one make, one group, or cars built for each other
	Apart
)

// Record answers what the reference data says beyond the tables of this
// package. It must be pure.
type Record interface {
	// Make compares a make, or the name of a maker of vehicles, with the
	// vehicle's own.
	Make(heard string) Relation
	// Module says whether a maker of modules is one of those on record for the
	// vehicle: Apart only where all of them are known for this very vehicle, and
	// are others.
	Module(heard string) Relation
}

// Vehicle is what the site believes of the vehicle at the line. The zero value
// of every field is unknown.
type Vehicle struct {
	VIN     string // as read
	Certain bool   // the VIN is valid: another name does not come of a misreading
	Make    string
	Type    string // vPIC vehicle type
	NoModem NoModem
	Size    Size
	Record  Record // nil: nothing beyond the tables
}

// NoModem is the belief that no modem is fitted.
type NoModem struct {
	Declared bool   // the driver or the fleet says so
	Known    bool   // the record says so
	Basis    string // of Known, in words
}

// Size is what is known of the body, in cm; 0 is unknown. Of a wheel base or a
// track only the least size follows.
type Size struct {
	LeastWidthCM, MostWidthCM   int
	LeastLengthCM, MostLengthCM int
	Source                      Source
	Basis                       string
}

// Evidence is one thing that the air says of the vehicle.
type Evidence struct {
	Code        Code
	Says        string // one plain sentence
	Against     string // the belief that it questions: vin, make, no_modem, module, tyres, size; empty: it only adds
	Strength    Strength
	Probability float64  // of the attribution
	Contradicts bool     // see the package
	Explains    []string // words for what else would explain it, the likeliest first; see Explanation
	Make        string   // car make that was heard; empty: none
	Maker       string   // maker of a unit or module that was heard
	Source      Source
}

// Read says what a finding means for a vehicle: what contradicts first, then the
// stronger, then the likelier. Evidence of the same code and words is there
// once, by its likeliest emitter.
func Read(f rf.Finding, v Vehicle) []Evidence {
	t, err := embedded()
	if err != nil {
		panic(err) // the tables are part of the program, and its tests read them
	}
	r := reader{tables: t, v: v}
	for i := range f.Emitters {
		r.emitter(&f.Emitters[i])
	}
	r.uplink(f)
	slices.SortFunc(r.out, compare)
	return r.out
}

type reader struct {
	*tables
	v   Vehicle
	out []Evidence
}

// compare orders evidence.
func compare(a, b Evidence) int {
	return cmp.Or(rank(a)-rank(b), cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Says, b.Says),
		slices.Compare(a.Explains, b.Explains))
}

func rank(e Evidence) int {
	n := 10 - int(e.Strength)
	if !e.Contradicts {
		n += 10
	}
	return n
}

// add adds a piece of evidence, once.
func (r *reader) add(e Evidence) {
	for i := range r.out {
		if o := &r.out[i]; o.Code == e.Code && o.Says == e.Says {
			if compare(e, *o) < 0 {
				*o = e
			}
			return
		}
	}
	r.out = append(r.out, e)
}

// weigh gives a piece its strength by how surely its emitter is the vehicle's.
func weigh(e Evidence, h *rf.Heard, own Strength, contradicts bool) Evidence {
	e.Probability = h.Probability
	e.Strength = Weak
	if h.Probability >= Sure {
		e.Strength, e.Contradicts = own, contradicts
	}
	if explanations[h.Otherwise] != "" {
		e.Explains = append([]string{h.Otherwise}, e.Explains...)
	}
	return e
}

// What else explains a piece of evidence. What rf.Heard names as the likeliest
// other explanation of its emitter is one of the words too.
const (
	byDongle   = "dongle"
	byUnit     = "unit"
	byOther    = "near"
	byRouter   = "router"
	byPhone    = "phone"
	byKey      = "key"
	byWheels   = "wheels"
	byDecoder  = "decoder"
	bySecond   = "second"
	byMisread  = "misread"
	byCopied   = "copied"
	byRepeated = "repeated"
	byWiFiOnly = "wifi_only"
	byLoad     = "load"
	bySupplier = "supplier"
)

var explanations = map[string]string{
	rf.OfBefore:  "it belongs to the vehicle that stood here before",
	rf.OfBehind:  "it belongs to a vehicle that waits behind",
	rf.OfBeside:  "it belongs to a vehicle in the lane beside",
	rf.OfAmbient: "it is a fixture of the place",
	rf.OfPerson:  "somebody on foot carries it",
	rf.OfBrief:   "it passed by",
	byDongle:     "a dongle or tracker that a rental firm, a fleet or an insurer fitted",
	byUnit:       "a head unit or telematics unit that was fitted later",
	byOther:      "a vehicle close by whose radio was taken for this one's",
	byRouter:     "a pocket router, telephone or computer of somebody in the vehicle",
	byPhone:      "the telephone of the driver or of a passenger",
	byKey:        "the key or the app of another car, in somebody's pocket",
	byWheels:     "wheels or sensors of another vehicle, or replaced ones",
	byDecoder:    "one frame that several decoders can read",
	bySecond:     "a second Tesla of somebody in the vehicle, or one close by",
	byMisread:    "a VIN that was misread",
	byCopied:     "a VIN that was copied from another vehicle",
	byRepeated:   "a device that repeats the name",
	byWiFiOnly:   "a head unit with Wi-Fi and no modem",
	byLoad:       "a trailer or body that was fitted later, or a unit set up for another vehicle",
	bySupplier:   "a part of the vehicle's own that another supplier made",
}

// Explanation says an entry of Evidence.Explains in English; empty for a word
// that is none.
func Explanation(word string) string { return explanations[word] }

// Explanations lists the words that Evidence.Explains may hold, sorted.
func Explanations() []string { return slices.Sorted(maps.Keys(explanations)) }

// Codes lists the codes, sorted.
func Codes() []Code {
	return []Code{MakeAgrees, MakeDiffers, MakeHeard, MixedHeard, ModuleDiffers, SizeDiffers, TeslaDiffers, TeslaMatches, TyreDiffers, UnitHeard, UnitWithoutModem, UplinkWithoutModem}
}

func (r *reader) emitter(h *rf.Heard) {
	p := h.Probability
	if math.IsNaN(p) || p < Half {
		return
	}
	heard := *h
	heard.Probability = min(p, 1)
	switch h.Kind {
	case rf.WiFi, rf.BLE:
		r.name(&heard)
		r.prefix(&heard)
		r.company(&heard)
	case rf.TPMS:
		r.tyre(&heard)
	case rf.V2X:
		r.size(&heard)
	case rf.Cell, rf.Fob:
	}
}

// related compares a make that was heard with the vehicle's, by the tables and
// by the record. Kinship by either is kinship.
func (r *reader) related(heard string) Relation {
	if r.v.Make == "" {
		return Unclear
	}
	by := r.relate(heard, r.v.Make)
	if by == Same || r.v.Record == nil {
		return by
	}
	if k := r.v.Record.Make(heard); k == Same || by == Unclear {
		return k
	}
	return by
}

// making compares a make that was heard with the vehicle's.
func (r *reader) making(h *rf.Heard, what, name string, mine bool, from Source, explains ...string) {
	e := Evidence{Make: name, Source: from}
	own := Weak
	if mine {
		own = Moderate
	}
	switch r.related(name) {
	case Same:
		e.Code = MakeAgrees
		e.Says = fmt.Sprintf("%s was heard from the vehicle, and its make is %s.", what, r.v.Make)
		e.Explains = []string{byOther}
		r.add(weigh(e, h, own, false))
	case Apart:
		e.Code, e.Against = MakeDiffers, "make"
		e.Says = fmt.Sprintf("%s was heard from the vehicle, and its make is %s.", what, r.v.Make)
		e.Explains = explains
		r.add(weigh(e, h, own, mine))
	case Unclear:
		e.Code = MakeHeard
		e.Says = what + " was heard from the vehicle."
		e.Explains = explains
		r.add(weigh(e, h, own, false))
	}
}

// name reads the name of a network or of a Bluetooth advertisement.
func (r *reader) name(h *rf.Heard) {
	n := h.NameFits
	if n == nil {
		return
	}
	address, date := rf.NameBasis(n.Source)
	from := Source{address, date}
	if n.Specificity != rf.Automotive {
		r.add(weigh(Evidence{
			Code: MixedHeard, Make: n.Make, Source: from,
			Says:     fmt.Sprintf("A network name of a shape that %s vehicles use, and others too, was heard from the vehicle.", n.Make),
			Explains: []string{byRouter, byOther},
		}, h, Weak, false))
		return
	}
	if h.Kind == rf.BLE && fold(n.Make) == "tesla" && r.tesla(h, from) {
		return
	}
	if h.Kind == rf.BLE {
		r.making(h, "A Bluetooth name of the shape that "+n.Make+" vehicles use", n.Make, true, from, byKey, byOther)
		return
	}
	if !h.Offers() {
		r.making(h, "A radio that looks for a network of a name of the shape that "+n.Make+" vehicles use", n.Make, false, from, byPhone, byUnit, byOther)
		return
	}
	r.making(h, "A network name of the shape that "+n.Make+" vehicles use", n.Make, true, from, byUnit, byOther)
	r.modemless(h, "A network of the shape that "+n.Make+" vehicles offer", n.Make, "", from, h.Hotspot())
}

// TeslaName is the Bluetooth name of the Tesla of a VIN: S, the first eight bytes
// of the VIN's SHA-1 in hexadecimal, C (teslamotors/vehicle-command,
// pkg/connector/ble/ble.go).
func TeslaName(vin string) string {
	sum := sha1.Sum([]byte(vin)) //nolint:gosec // the maker's own choice of name
	return "S" + hex.EncodeToString(sum[:8]) + "C"
}

// tesla reads a Tesla's name where the vehicle is a Tesla. The last letter tells
// a state of the unit and not the vehicle.
func (r *reader) tesla(h *rf.Heard, from Source) bool {
	if r.v.VIN == "" || fold(r.v.Make) != "tesla" && !matchesTesla(h.Name, r.v.VIN) {
		return false
	}
	if short, ok := strings.CutPrefix(h.Name, "Tesla "); ok {
		e := Evidence{Make: "Tesla", Source: from}
		if len(r.v.VIN) >= 6 && strings.EqualFold(short, r.v.VIN[len(r.v.VIN)-6:]) {
			e.Code = TeslaMatches
			e.Says = "The vehicle names itself by the last six characters of this VIN, as a Tesla does. That clears nothing."
			e.Explains = []string{bySecond}
			r.add(weigh(e, h, Moderate, false))
			return true
		}
		r.other(h, e)
		return true
	}
	if len(h.Name) != 18 {
		return false
	}
	e := Evidence{Make: "Tesla", Source: from}
	if matchesTesla(h.Name, r.v.VIN) {
		e.Code = TeslaMatches
		e.Says = "The vehicle names itself as the Tesla of this VIN does. That clears nothing."
		e.Explains = []string{byRepeated}
		r.add(weigh(e, h, Strong, false))
		return true
	}
	r.other(h, e)
	return true
}

func matchesTesla(name, vin string) bool {
	if len(name) != 18 || len(vin) != 17 {
		return false
	}
	return name[:17] == TeslaName(vin)[:17]
}

// other is a Tesla's name that stands for another VIN than that of this Tesla.
func (r *reader) other(h *rf.Heard, e Evidence) {
	e.Code, e.Against = TeslaDiffers, "vin"
	e.Says = "A Tesla's Bluetooth name was heard from the vehicle that stands for another VIN than this one."
	e.Explains = []string{bySecond, byOther, byCopied}
	if !r.v.Certain {
		e.Explains = append([]string{byMisread}, e.Explains...)
	}
	r.add(weigh(e, h, Strong, r.v.Certain))
}

// The source of what address prefixes and company ids say.
var (
	prefixes  = Source{"https://standards-oui.ieee.org/", "2026-08"}
	companies = Source{"https://github.com/NordicSemiconductor/bluetooth-numbers-database", "2026-01-16"}
)

func (r *reader) prefix(h *rf.Heard) {
	if h.Prefix == "" {
		return
	}
	if h.Specificity != rf.Automotive || h.Derived {
		r.add(weigh(Evidence{
			Code: MixedHeard, Maker: h.Maker, Source: prefixes,
			Says:     fmt.Sprintf("An address with a prefix of %s was heard from the vehicle; such radios sit in vehicles and in much else.", h.Organisation),
			Explains: []string{byRouter, byDongle, byOther},
		}, h, Weak, false))
		return
	}
	what := "An address with a prefix registered to " + h.Organisation
	switch h.Category {
	case "car_maker":
		r.making(h, what, r.make(h.Maker), true, prefixes, byUnit, byOther)
	case "cell_module_auto":
		r.unit(h, what, byUnit, byDongle, byOther)
		if r.v.Record != nil && r.v.Record.Module(h.Maker) == Apart {
			r.add(weigh(Evidence{
				Code: ModuleDiffers, Against: "module", Maker: h.Maker, Source: prefixes,
				Says:     what + " was heard from the vehicle, and the modules on record are of other makers.",
				Explains: []string{byUnit, byDongle, byOther},
			}, h, Moderate, true))
		}
	case "telematics":
		r.unit(h, what, byDongle, byOther)
	default:
		r.unit(h, what, bySupplier, byUnit, byOther)
	}
	if h.Hotspot() {
		r.modemless(h, what, "", h.Maker, prefixes, h.Telematics())
	}
}

func (r *reader) unit(h *rf.Heard, what string, explains ...string) {
	r.add(weigh(Evidence{
		Code: UnitHeard, Maker: h.Maker, Source: prefixes,
		Says: what + " was heard from the vehicle.", Explains: explains,
	}, h, Moderate, false))
}

// modemless sets a telematics radio or hotspot (Heard.Hotspot) against the belief
// that there is no modem. Some networks are known to come without one, and a
// head unit may offer one for telephones alone: those only add.
func (r *reader) modemless(h *rf.Heard, what, carMake, maker string, from Source, modem bool) {
	n := r.v.NoModem
	if !n.Known && !n.Declared {
		return
	}
	e := Evidence{
		Code: UnitWithoutModem, Against: "no_modem", Make: carMake, Maker: maker, Source: from,
		Says: what + " was heard from the vehicle, and " + n.words() + ".", Explains: []string{byWiFiOnly, byDongle, byUnit, byOther},
	}
	if modem {
		r.add(weigh(e, h, Moderate, true))
		return
	}
	r.add(weigh(e, h, Weak, false))
}

func (n NoModem) words() string {
	if n.Known {
		return "the record says that it has no modem"
	}
	return "it is declared to have no modem"
}

func (r *reader) company(h *rf.Heard) {
	c := h.Company
	if c == nil {
		return
	}
	what := "A Bluetooth advertisement with the company identifier of " + c.Name
	switch {
	case c.Specificity != rf.Automotive:
		r.add(weigh(Evidence{
			Code: MixedHeard, Maker: c.Name, Source: companies,
			Says:     what + " was heard from the vehicle; such radios sit in vehicles and in much else.",
			Explains: []string{byPhone, byDongle, byOther},
		}, h, Weak, false))
	case c.Category == "car_maker":
		r.making(h, what, r.make(c.Name), false, companies, byKey, byPhone, byOther)
	default:
		r.add(weigh(Evidence{
			Code: UnitHeard, Maker: c.Name, Source: companies,
			Says: what + " was heard from the vehicle.", Explains: []string{bySupplier, byUnit, byKey, byOther},
		}, h, Weak, false))
	}
}

// tyre sets the air protocols of a tyre sensor against the make. One sensor may
// be read by several decoders; it differs only where none of them fits.
func (r *reader) tyre(h *rf.Heard) {
	if r.v.Make == "" || len(h.Models) == 0 {
		return
	}
	var seen []string
	var from Source
	models := slices.Sorted(slices.Values(h.Models))
	models = slices.Compact(models)
	for _, m := range models {
		p, ok := r.tyres[m]
		if !ok || !p.closed {
			return
		}
		for _, mk := range p.makes {
			if r.related(mk) != Apart {
				return
			}
		}
		seen = append(seen, m+" ("+p.seen+")")
		if from.Address == "" {
			from = p.Source
		}
	}
	r.add(weigh(Evidence{
		Code: TyreDiffers, Against: "tyres", Source: from,
		Says:     fmt.Sprintf("A tyre sensor speaks %s, which the authors of rtl_433 have not seen on %s.", strings.Join(seen, " or "), r.v.Make),
		Explains: []string{byWheels, byDecoder, byOther},
	}, h, Weak, false))
}

// The tolerances, in cm. A body's width is given without mirrors, which add
// some 12 cm a side; units are set up by hand, and hitches and bumpers count
// for some and not for others.
const (
	widthTolerance  = 30
	lengthTolerance = 50
)

// size sets the size that a vehicle tells of itself against what is known of its
// body, and against the largest that one of its type may be. A trailer does not
// count in either.
func (r *reader) size(h *rf.Heard) {
	if h.WidthCM <= 0 && h.LengthCM <= 0 {
		return
	}
	tells := fmt.Sprintf("The vehicle's own messages tell of a width of %s and a length of %s", centimetres(h.WidthCM), centimetres(h.LengthCM))
	e := Evidence{Code: SizeDiffers, Against: "size", Explains: []string{byLoad, byOther}}
	s := r.v.Size
	outside := func(told, least, most, tolerance int) bool {
		return told > 0 && (least > 0 && told < least-tolerance || most > 0 && told > most+tolerance)
	}
	if outside(h.WidthCM, s.LeastWidthCM, s.MostWidthCM, widthTolerance) || outside(h.LengthCM, s.LeastLengthCM, s.MostLengthCM, lengthTolerance) {
		e.Says, e.Source = tells+"; "+s.Basis+".", s.Source
		r.add(weigh(e, h, Moderate, true))
		return
	}
	l, ok := r.limits[r.v.Type]
	if ok && (outside(h.WidthCM, 0, l.widthCM, widthTolerance) || outside(h.LengthCM, 0, l.lengthCM, lengthTolerance)) {
		e.Says, e.Source = tells+", and its type is "+strings.ToLower(r.v.Type)+". "+l.why+".", l.Source
		r.add(weigh(e, h, Weak, false))
	}
}

func centimetres(n int) string {
	if n <= 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d cm", n)
}

// uplink says that an uplink was in use while no modem is believed to be fitted.
// It can never tell a modem from a telephone.
func (r *reader) uplink(f rf.Finding) {
	n := r.v.NoModem
	if !f.Cellular || !n.Known && !n.Declared {
		return
	}
	r.add(Evidence{
		Code: UplinkWithoutModem, Against: "no_modem", Strength: Weak, Probability: Sure, Source: uplinkSource,
		Says:     "A mobile uplink was in use while the vehicle stood, and " + n.words() + ". This cannot tell a modem from a telephone.",
		Explains: []string{byPhone, byDongle, byOther},
	})
}

// uplinkSource is the standard that gives the ranges of the uplinks, and the day
// on which it was read.
var uplinkSource = Source{"https://www.3gpp.org/dynareport/36101.htm", "2026-11-22"}
