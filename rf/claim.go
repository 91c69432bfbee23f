package rf

import "cmp"

// Identity is what an emitter's broadcasts say of who made it.
type Identity struct {
	Prefix Prefix       // of its address, where Known
	Known  bool         // the table holds its prefix
	Name   *SSIDPattern // vehicle pattern that its network name fits; nil: none
}

// Identity looks up what one observation says. Only Wi-Fi and Bluetooth say
// anything.
func (p *Prefixes) Identity(o Observation) Identity {
	var i Identity
	if o.Kind == WiFi || o.Kind == BLE {
		i.Prefix, i.Known = p.Lookup(o.Emitter)
	}
	i.Hear(o, p)
	return i
}

// Hear adds the network name of a further observation of the same emitter,
// where none is known yet.
func (i *Identity) Hear(o Observation, p *Prefixes) {
	if i.Name != nil || o.SSID == "" {
		return
	}
	if n, ok := p.SSIDMake(o.SSID); ok {
		i.Name = &n
	}
}

// Automotive tells whether the prefix or the name is found in vehicles alone.
// Mixed ones sit in every other pocket router.
func (i Identity) Automotive() bool {
	return i.Known && i.Prefix.Specificity == Automotive || i.Name != nil && i.Name.Specificity == Automotive
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
	return cmp.Or(name(i)-name(j), cmp.Compare(i.Prefix.Hex, j.Prefix.Hex))
}

// Claim adds to a finding what an automotive emitter says that was attributed
// to the vehicle with the given probability. It names the prefix, never the
// address.
func (p *Prefixes) Claim(f *Finding, i Identity, probability float64) {
	f.HotspotHeard, f.Confidence = true, probability
	if i.Name != nil && i.Name.Specificity == Automotive {
		f.Make = i.Name.Make
		f.Sources = append(f.Sources, FindingBasis{
			Claim:   "a network name of the shape that " + i.Name.Make + " vehicles broadcast was heard from the vehicle",
			Address: i.Name.Source, Date: p.Source("ssid").Date,
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
}
