package gate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/rf"
	"sallyport/rf/meaning"
	"sallyport/vin"
)

// radioFacts says what the air says of the vehicle: what was heard of it, and
// what that means for what VIN and record say. It is gathered last, when the
// units are known. What was not heard stays unknown: silence proves nothing.
// makers are all that were heard; HeardMaker is the first of them.
func (j *Judge) radioFacts(h rf.Finding, v meaning.Vehicle) (f policy.RadioFacts, makers []policy.Leaf[policy.Party]) {
	from := policy.Source{Title: "passive sensor " + h.Sensor}
	f.Sensed = policy.Know(h.Sensed, from)
	if !h.Sensed {
		return f, nil
	}
	if len(h.Sources) > 0 {
		from.Address, from.Date, from.Quote = h.Sources[0].Address, h.Sources[0].Date, h.Sources[0].Claim
	}
	if h.HotspotHeard {
		f.HotspotHeard = policy.Know(true, from)
	}
	if h.Cellular {
		f.Cellular = policy.Know(true, from)
	}
	heard := func(maker string, from policy.Source) {
		p, ok := j.supply.graph.Find(maker)
		if ok && maker != "" && !slices.ContainsFunc(makers, func(m policy.Leaf[policy.Party]) bool { return m.Value == policy.Party(p.ID) }) {
			makers = append(makers, policy.Know(policy.Party(p.ID), from))
		}
	}
	heard(h.Maker, from)
	for _, e := range meaning.Read(h, v) {
		said := j.evidence(&f, e, "passive sensor "+h.Sensor)
		if e.Probability >= meaning.Sure && e.Strength > meaning.Weak {
			heard(e.Maker, said)
		}
	}
	if len(makers) > 0 {
		f.HeardMaker = makers[0]
	}
	return f, makers
}

// strictest has the maker heard be the one, of several, under which the policy
// decides most strictly: who else was heard beside a maker clears him of nothing.
func (j *Judge) strictest(f *policy.Facts, makers []policy.Leaf[policy.Party]) {
	if len(makers) < 2 {
		return
	}
	var most policy.Outcome
	worst := makers[0]
	for _, m := range makers {
		f.Radio.HeardMaker = m
		if o := j.policy.Decide(f, j.supply); o > most {
			most, worst = o, m
		}
	}
	f.Radio.HeardMaker = worst
}

// maxEvidence is how many pieces a record keeps, the weightiest first. Every
// piece counts for the facts.
const maxEvidence = 32

// evidence adds one piece and gives its source. The pieces come in order of
// weight: the first of a kind is the one that the fact is known from.
func (j *Judge) evidence(f *policy.RadioFacts, e meaning.Evidence, title string) policy.Source {
	from := policy.Source{Title: title, Address: e.Source.Address, Quote: e.Says, Date: e.Source.Date}
	if len(f.Evidence) < maxEvidence {
		f.Evidence = append(f.Evidence, policy.RadioEvidence{
			Code: string(e.Code), Says: e.Says, Against: e.Against, Strength: e.Strength.String(), Probability: e.Probability,
			Contradicts: e.Contradicts, Explains: e.Explains, From: from,
		})
	}
	learn := func(l *policy.Leaf[bool]) {
		if !l.Known {
			*l = policy.Know(true, from)
		}
	}
	if e.Contradicts {
		learn(&f.Contradiction)
	}
	if e.Make != "" && !f.HeardMake.Known && e.Probability >= meaning.Sure && e.Strength > meaning.Weak {
		f.HeardMake = policy.Know(e.Make, from)
	}
	switch e.Code {
	case meaning.TeslaMatches:
		if e.Probability >= meaning.Sure {
			learn(&f.TeslaNameMatches)
		}
	case meaning.TyreDiffers:
		learn(&f.TyreProtocol)
	case meaning.SizeDiffers:
		learn(&f.Dimensions)
	case meaning.UplinkWithoutModem:
		learn(&f.UplinkWithoutModem)
	default: // the others are told by contradiction, make and maker
	}
	return from
}

// believed is the vehicle as VIN and record have it, for what the air says to be
// set against.
func (j *Judge) believed(f *policy.Facts, d *vin.Decoded, r Request) meaning.Vehicle {
	v := meaning.Vehicle{
		VIN: f.Vehicle.VIN.Value, Certain: doubtOfVIN(d) == "", Make: f.Vehicle.Make.Value, Type: f.Vehicle.Type.Value,
		Size: sizeOf(d, f.Vehicle.Make.From), Record: &radioRecord{graph: j.supply.graph, facts: f},
	}
	v.NoModem.Declared = slices.ContainsFunc(r.Declared, func(dec Declared) bool { return dec.Kind == noModem })
	v.NoModem.Known = f.Modem.Known && !f.Modem.Value
	return v
}

// sizeOf is what vPIC says of the size of the body. A body is longer than its
// wheel base and wider than its track; of a bus the length itself is told.
func sizeOf(d *vin.Decoded, from policy.Source) meaning.Size {
	s := meaning.Size{
		LeastLengthCM: leastCM(d.Attribute("WheelBaseShort"), cmPerInch), LeastWidthCM: leastCM(d.Attribute("TrackWidth"), cmPerInch),
		Source: meaning.Source{Address: from.Address, Date: from.Date},
	}
	if bus := leastCM(d.Attribute("BusLength"), cmPerFoot); bus > 0 {
		s.LeastLengthCM, s.MostLengthCM, s.Basis = bus, bus, "by its VIN it is "+strconv.Itoa(bus)+" cm long"
	} else if s.LeastLengthCM > 0 {
		s.Basis = "by its VIN its wheel base alone is " + strconv.Itoa(s.LeastLengthCM) + " cm"
	} else if s.LeastWidthCM > 0 {
		s.Basis = "by its VIN its track alone is " + strconv.Itoa(s.LeastWidthCM) + " cm wide"
	}
	return s
}

const (
	cmPerInch = 2.54
	cmPerFoot = 30.48
)

// leastCM reads the least of the lengths that a vPIC variable holds; 0 is none.
func leastCM(text string, cm float64) int {
	least := 0
	for s := range strings.SplitSeq(text, vin.Separator) {
		n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || !(n > 0 && n < 1000) {
			continue
		}
		if x := int(n*cm + 0.5); least == 0 || x < least {
			least = x
		}
	}
	return least
}

// radioRecord answers by the supply graph and by the units on record.
type radioRecord struct {
	graph *supply.Graph
	facts *policy.Facts
}

// Make compares by who stands behind the two.
func (r *radioRecord) Make(heard string) meaning.Relation {
	v := &r.facts.Vehicle
	p, ok := r.graph.FindMaker("", heard, v.Type.Value)
	if !ok || !v.Maker.Known {
		return meaning.Unclear
	}
	return r.related(p.ID, string(v.Maker.Value))
}

// Module compares with the modules on record. A maker is another than those only
// where every module of the vehicle was settled on this very one.
func (r *radioRecord) Module(heard string) meaning.Relation {
	p, ok := r.graph.Find(heard)
	if !ok {
		return meaning.Unclear
	}
	settled := 0
	for _, u := range r.facts.Units {
		for _, c := range u.Candidates {
			if c.Maker.Known && r.related(p.ID, string(c.Maker.Value)) == meaning.Same {
				return meaning.Same
			}
		}
		switch {
		case u.Fitted.Known && !u.Fitted.Value:
		case len(u.Candidates) == 1 && u.Candidates[0].Certainty == policy.CertaintySettled && u.Candidates[0].Maker.Known:
			settled++
		default:
			return meaning.Unclear
		}
	}
	if settled == 0 {
		return meaning.Unclear
	}
	return meaning.Apart
}

// related tells whether two parties have an owner, a brand, a licence or an
// engineering team in common on the day. States, funds and persons make nobody
// kin: half an industry has one of those.
func (r *radioRecord) related(a, b string) meaning.Relation {
	above := r.above(b)
	for id := range r.above(a) {
		if above[id] {
			return meaning.Same
		}
	}
	return meaning.Apart
}

func (r *radioRecord) above(id string) map[string]bool {
	found := map[string]bool{id: true}
	day := r.facts.At.Truncate(24 * time.Hour)
	edges := r.graph.Edges()
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		for i := range edges {
			e := &edges[i]
			if e.From != queue[0] || e.To == "" || found[e.To] || !ties(e.Kind) || !e.InForce(day) {
				continue
			}
			if p, ok := r.graph.Party(e.To); ok && (p.Kind == "company" || p.Kind == "brand") {
				found[e.To] = true
				queue = append(queue, e.To)
			}
		}
	}
	return found
}

func ties(k supply.Kind) bool {
	switch k {
	case supply.OwnedBy, supply.ControlledBy, supply.BrandOf, supply.LicenceFrom, supply.FirmwareBy, supply.EngineeringShared, supply.ProductEquivalent:
		return true
	default:
		return false
	}
}
