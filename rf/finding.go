package rf

import (
	"cmp"
	"slices"
)

// Finding is what the air said of one vehicle, reduced to what a decision may
// use. It holds no address.
type Finding struct {
	Sensed       bool           `json:"sensed"` // a sensor was alive during the stop
	Sensor       string         `json:"sensor,omitempty"`
	HotspotHeard bool           `json:"hotspot_heard"`    // a vehicle hotspot or telematics radio was attributed
	Make         string         `json:"make,omitempty"`   // car make that an SSID pattern or prefix names
	Maker        string         `json:"maker,omitempty"`  // module or unit maker behind an attributed automotive prefix
	Prefix       string         `json:"prefix,omitempty"` // the prefix, never the address
	Cellular     bool           `json:"cellular"`         // uplink energy beyond the background
	Confidence   float64        `json:"confidence"`       // 0..1, of the strongest attribution
	Heard        int            `json:"heard"`            // emitters attributed to the vehicle
	Unattributed int            `json:"unattributed"`     // emitters heard and not attributed
	Emitters     []Heard        `json:"emitters,omitempty"`
	Sources      []FindingBasis `json:"sources,omitempty"`
}

// MaxHeard is the most emitters that a Finding lists: those that tell of a
// vehicle first, then the likeliest.
const MaxHeard = 128

// FindingBasis is the source of a look-up that a finding rests on.
type FindingBasis struct {
	Claim   string `json:"claim"`
	Address string `json:"source"`
	Date    string `json:"date"`
}

// Heard is one emitter that is attributed to the vehicle, or may be: what it
// says of who made it and what it is, and how sure the attribution is. It holds
// no address and nothing that two visits could be linked by.
type Heard struct {
	Kind        Kind          `json:"kind"`
	Role        string        `json:"role,omitempty"`        // wifi: ap, client, probe
	Probability float64       `json:"probability"`           // that it is the vehicle's, 0..1
	Seconds     int           `json:"seconds,omitempty"`     // in which it was heard while the vehicle stood
	LoudestDBm  float64       `json:"loudest_dbm,omitempty"` // then; Level says of what
	Level       Level         `json:"level,omitempty"`       // as Observation.Level
	Otherwise   string        `json:"otherwise,omitempty"`   // the likeliest other explanation; empty: not weighed
	OtherwiseP  float64       `json:"otherwise_p,omitempty"` // its probability
	Prefix      string        `json:"prefix,omitempty"`      // as Prefix.String, of its address; never the address
	Derived     bool          `json:"derived,omitempty"`     // as Prefix.Derived
	MakerInfo                 // behind the prefix
	Company     *HeardCompany `json:"company,omitempty"` // behind the Bluetooth company id; nil: none that says something of a vehicle
	NameFits    *HeardName    `json:"name,omitempty"`    // nil: its name fits no vehicle pattern
	// Name is its network or Bluetooth name, where that fits a vehicle pattern.
	// A Tesla's stands for one VIN: it stays in memory.
	Name     string   `json:"-"`
	Models   []string `json:"models,omitempty"` // tpms: air protocols as the decoder names them; one emitter may carry several
	Pressure Quantity `json:"pressure_kpa,omitzero"`
	WidthCM  int      `json:"width_cm,omitempty"` // v2x: of the vehicle, by its own word; 0: not told
	LengthCM int      `json:"length_cm,omitempty"`
}

// MakerInfo says whose address prefix an emitter has. The zero value is one
// that the table does not hold.
type MakerInfo struct {
	Organisation string      `json:"organisation,omitempty"` // as registered
	Maker        string      `json:"maker,omitempty"`        // our name for it
	Category     string      `json:"category,omitempty"`     // as Prefix.Category
	Specificity  Specificity `json:"specificity,omitempty"`
}

// HeardCompany is a Bluetooth SIG company identifier.
type HeardCompany struct {
	ID          int         `json:"id"`
	Name        string      `json:"name"` // as registered
	Category    string      `json:"category"`
	Specificity Specificity `json:"specificity"`
}

// HeardName is the vehicle pattern that a name fits.
type HeardName struct {
	Make        string      `json:"make"`
	Source      string      `json:"source"` // of the pattern
	Specificity Specificity `json:"specificity"`
	Modemless   bool        `json:"modemless,omitempty"` // such networks are known to come without a cellular modem
}

// The other explanations of an emitter.
const (
	OfBefore  = "before"  // the vehicle that stood at the line before
	OfBehind  = "behind"  // one that waits behind
	OfBeside  = "beside"  // one in a lane beside
	OfAmbient = "ambient" // a fixture of the place
	OfPerson  = "person"  // somebody on foot, or a thing carried
	OfBrief   = "brief"   // something that passed
)

// Automotive tells whether it is found in vehicles alone. What is mixed sits in
// phones and pocket routers too; tyres and messages between vehicles are a
// vehicle's own.
func (h *Heard) Automotive() bool {
	return h.Kind == TPMS || h.Kind == V2X ||
		h.Prefix != "" && h.Specificity == Automotive ||
		h.Company != nil && h.Company.Specificity == Automotive ||
		h.NameFits != nil && h.NameFits.Specificity == Automotive
}

// Hotspot tells whether it is a vehicle's own network, or a telematics unit's
// radio, by what is found in vehicles alone: an access point with a vehicle's
// name or prefix, or any radio with the prefix of a maker of telematics units or
// automotive modules. Head units and keys are heard by prefixes, too: as clients
// and over Bluetooth they lead to no modem, nor does a network that is known to
// come without one. A company id is one that anybody's advertisement may carry.
func (h *Heard) Hotspot() bool {
	n := h.NameFits
	switch {
	case h.Kind == WiFi && n != nil && n.Modemless:
		return false
	case h.Offers() && n != nil && n.Specificity == Automotive:
		return true
	case h.Prefix == "" || h.Specificity != Automotive || h.Derived:
		return false
	}
	return h.Telematics() || h.Kind == WiFi && h.Role == "ap"
}

// Telematics tells whether its prefix is of a maker of nothing but what has a
// modem.
func (h *Heard) Telematics() bool {
	return h.Category == "telematics" || h.Category == "cell_module_auto"
}

// Offers tells whether a name that it was heard with is that of a network of its
// own, and not of one that it looks for.
func (h *Heard) Offers() bool {
	return h.Kind == WiFi && h.Role != "client" && h.Role != "probe"
}

// Keep lists the emitters of a finding: those that tell of a vehicle first, then
// the likelier, and so that the same ones always come in the same order. What is
// beyond MaxHeard is left out.
func (f *Finding) Keep(heard []Heard) {
	slices.SortFunc(heard, compareHeard)
	if len(heard) > MaxHeard {
		heard = slices.Clip(heard[:MaxHeard])
	}
	f.Emitters = heard
}

func compareHeard(a, b Heard) int {
	first := func(x bool) int {
		if x {
			return 0
		}
		return 1
	}
	// A tyre or a message of its own is named by thousands of made-up ids as
	// easily as by one: what is identified by a registered name comes first.
	named := func(h *Heard) bool {
		return h.Kind != TPMS && h.Kind != V2X && h.Automotive()
	}
	return cmp.Or(
		first(named(&a))-first(named(&b)),
		first(a.Automotive())-first(b.Automotive()),
		cmp.Compare(b.Probability, a.Probability),
		a.compareWhat(&b),
		cmp.Compare(a.Otherwise, b.Otherwise), cmp.Compare(a.OtherwiseP, b.OtherwiseP),
		cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(b.LoudestDBm, a.LoudestDBm), cmp.Compare(a.Level, b.Level),
		cmp.Compare(a.Pressure.Value, b.Pressure.Value),
	)
}

// compareWhat compares what two emitters say of who and what they are, and not
// how surely they are the vehicle's.
func (h *Heard) compareWhat(o *Heard) int {
	company := func(x *Heard) int {
		if x.Company == nil {
			return -1
		}
		return x.Company.ID
	}
	return cmp.Or(
		cmp.Compare(h.Kind, o.Kind), cmp.Compare(h.Role, o.Role), cmp.Compare(h.Name, o.Name), cmp.Compare(h.Prefix, o.Prefix),
		company(h)-company(o), slices.Compare(h.Models, o.Models), h.WidthCM-o.WidthCM, h.LengthCM-o.LengthCM,
	)
}

// Adds tells whether a finding says anything of the vehicle that an earlier one,
// or none, did not: about its makers, an uplink, or an emitter that tells of a
// vehicle and was not attributed then, or not surely.
func (f *Finding) Adds(before *Finding) bool {
	if before == nil {
		before = &Finding{}
	}
	if f.HotspotHeard && !before.HotspotHeard || f.Cellular && !before.Cellular ||
		f.Maker != "" && f.Maker != before.Maker || f.Make != "" && f.Make != before.Make {
		return true
	}
	return slices.ContainsFunc(f.Emitters, func(h Heard) bool {
		return h.Automotive() && !slices.ContainsFunc(before.Emitters, func(b Heard) bool {
			return sureness(b.Probability) >= sureness(h.Probability) && b.compareWhat(&h) == 0
		})
	})
}

// sureness is how surely an emitter is the vehicle's, in the steps that a
// decision knows.
func sureness(p float64) int {
	switch {
	case p >= 0.9:
		return 2
	case p >= 0.5:
		return 1
	}
	return 0
}
