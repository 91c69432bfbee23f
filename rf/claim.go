package rf

import (
	"cmp"
	"strings"
)

// Identity is what an emitter's broadcasts say of who made it.
type Identity struct {
	Prefix  Prefix       // of its address, where Known
	Known   bool         // the table holds its prefix
	Name    *SSIDPattern // vehicle pattern that its network name, or Bluetooth name, fits; nil: none
	Text    string       // the name that fits; for memory only
	Company *Company     // behind its Bluetooth company id, where the table holds that; nil: none
}

// Identity looks up what one observation says. Only Wi-Fi and Bluetooth say
// anything; and of Bluetooth's addresses only a public one has a prefix that
// somebody registered. One of which the kind is not told is taken for public.
func (p *Prefixes) Identity(o Observation) Identity {
	var i Identity
	if o.Kind == WiFi || o.Kind == BLE && (o.Address == "" || o.Address == Public) {
		i.Prefix, i.Known = p.Lookup(o.Emitter)
	}
	i.Hear(o, p)
	return i
}

// Says tells whether an observation can add anything to an identity but by its
// address: Hear is worth calling.
func (o *Observation) Says() bool { return o.SSID != "" || o.Name != "" || o.Company != 0 }

// Hear adds the name and the company id of a further observation of the same
// emitter, where none is known yet.
func (i *Identity) Hear(o Observation, p *Prefixes) {
	if i.Name == nil {
		var n SSIDPattern
		var ok bool
		text := ""
		switch {
		case o.Kind == WiFi && o.SSID != "":
			n, ok = p.SSIDMake(o.SSID)
			text = o.SSID
		case o.Kind == BLE && o.Name != "":
			n, ok = p.BLEName(o.Name)
			text = o.Name
		}
		if ok {
			i.Name, i.Text = &n, text
		}
	}
	if i.Company == nil && o.Kind == BLE && o.Company != 0 {
		if c, ok := p.Company(o.Company); ok {
			i.Company = &c
		}
	}
}

// Automotive tells whether the prefix, the name or the company is found in
// vehicles alone. Mixed ones sit in every other pocket router.
func (i Identity) Automotive() bool {
	return i.Known && i.Prefix.Specificity == Automotive || i.Name != nil && i.Name.Specificity == Automotive ||
		i.Company != nil && i.Company.Specificity == Automotive
}

// Compare orders identities by how much they say: one with a name first, then
// the lower prefix, so that the order in which they were found does not matter.
func (i Identity) Compare(j Identity) int {
	name := func(x Identity) int {
		if x.Name != nil {
			return 0
		}
		return 1
	}
	company := func(x Identity) int {
		if x.Company != nil {
			return x.Company.ID
		}
		return 1 << 16
	}
	return cmp.Or(name(i)-name(j), cmp.Compare(i.Prefix.Hex, j.Prefix.Hex), cmp.Compare(i.Text, j.Text), company(i)-company(j))
}

// Describe says in h who made the emitter.
func (i Identity) Describe(h *Heard) {
	if i.Known {
		h.Prefix, h.Derived = i.Prefix.String(), i.Prefix.Derived
		h.MakerInfo = MakerInfo{i.Prefix.Organisation, i.Prefix.Maker, i.Prefix.Category, i.Prefix.Specificity}
	}
	if c := i.Company; c != nil {
		h.Company = &HeardCompany{c.ID, c.Name, c.Category, c.Specificity}
	}
	if n := i.Name; n != nil {
		h.Name, h.NameFits = i.Text, &HeardName{n.Make, n.Source, n.Specificity, n.Modemless()}
	}
}

// Hotspot tells whether an emitter of that identity is one by Heard.Hotspot.
func (i Identity) Hotspot(kind Kind, role string) bool {
	h := Heard{Kind: kind, Role: role}
	i.Describe(&h)
	return h.Hotspot()
}

// Modemless tells whether the network of that name is known to come without a
// cellular modem, as its row says.
func (n *SSIDPattern) Modemless() bool { return strings.Contains(n.Note, "WITHOUT a cellular modem") }

// NameBasis is where a pattern of names comes from, by its row's source, and of
// which day that is: the page's own, or the day on which one that bears none was
// read.
func NameBasis(source string) (address, date string) {
	address, _, _ = strings.Cut(source, " ") // what follows names the place in it
	if strings.Contains(address, "martin.heiland.io/2017/03/12") {
		return address, "2017-03-12"
	}
	return address, "2026-11-22"
}

// Claim adds to a finding what an automotive emitter says that was attributed
// to the vehicle with the given probability; hotspot is whether it is one. It
// names the prefix, never the address.
func (p *Prefixes) Claim(f *Finding, i Identity, hotspot bool, probability float64) {
	f.HotspotHeard, f.Confidence = f.HotspotHeard || hotspot, probability
	if i.Name != nil && i.Name.Specificity == Automotive {
		f.Make = i.Name.Make
		what := "a network name"
		if i.Name.Over == BLE {
			what = "a Bluetooth name"
		}
		address, date := NameBasis(i.Name.Source)
		f.Sources = append(f.Sources, FindingBasis{
			Claim:   what + " of the shape that " + i.Name.Make + " vehicles broadcast was heard from the vehicle",
			Address: address, Date: date,
		})
	}
	if i.Known && i.Prefix.Specificity == Automotive {
		s := p.Source("oui")
		f.Prefix = i.Prefix.String()
		if i.Prefix.Category != "car_maker" {
			f.Maker = i.Prefix.Maker
		} else if f.Make == "" {
			f.Make = i.Prefix.Maker
		}
		f.Sources = append(f.Sources, FindingBasis{
			Claim:   "an address with a prefix registered to " + i.Prefix.Organisation + " was heard from the vehicle",
			Address: s.Address, Date: s.Date,
		})
	}
	if c := i.Company; c != nil && c.Specificity == Automotive {
		s := p.Source("company")
		f.Sources = append(f.Sources, FindingBasis{
			Claim:   "a Bluetooth advertisement with the company identifier of " + c.Name + " was heard from the vehicle",
			Address: s.Address, Date: s.Date,
		})
	}
}
