package attribute

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"sallyport/rf"
)

// Observed is what an emitter said of itself, as far as it is remembered: in
// memory only, a few words of each emitter, and no address. Where it said
// different things at different times, what says most is kept, so that the
// order in which they were heard does not matter.
type Observed struct {
	Role     string      // wifi: ap before client before probe
	Address  rf.Address  // ble: kind of address; one that is not public, where both were told
	Company  int         // ble: the one that says most
	Identity rf.Identity `json:"-"` // by prefix, by company, and by name where that fits a vehicle pattern
	Models   []string    // tpms: air protocols, sorted, at most four; must not be changed
	Pressure rf.Quantity // tpms: the first that was known
	WidthCM  int         // v2x: of the vehicle, the first that was told; 0: not told
	LengthCM int         // v2x: likewise
}

// maxModels is how many air protocols of one emitter are remembered. One frame
// fits several decoders.
const maxModels = 4

// described is Observed, and when its first values were heard.
type described struct {
	Observed
	auto                          bool // the identity is that of a vehicle's own radio
	pressureAt, widthAt, lengthAt float64
}

// first keeps the value that was heard first, and the lower of two that were
// heard at once.
func first[T cmp.Ordered](had bool, value *T, at *float64, v T, t float64) {
	if !had || t < *at || t == *at && v < *value {
		*value, *at = v, t
	}
}

// hear adds what one observation says. It is called for each: where nothing is
// new it costs a few comparisons.
func (d *described) hear(o *rf.Observation, t float64, p *rf.Prefixes) {
	switch o.Kind {
	case rf.WiFi:
		if o.Role != "" && (d.Role == "" || o.Role < d.Role) {
			d.Role = strings.Clone(o.Role)
		}
		d.named(o, o.SSID, p)
	case rf.BLE:
		if o.Company != 0 && o.Company != d.Company && (d.Company == 0 || saysMore(o.Company, d.Company, p)) {
			d.Company = o.Company
			d.company(p)
		}
		if o.Address != "" && o.Address != d.Address {
			d.addressed(o.Address)
		}
		d.named(o, o.Name, p)
	case rf.TPMS:
		if o.Model != "" {
			d.modelled(o.Model)
		}
		if q := o.Pressure; q.Known && !math.IsNaN(q.Value) {
			first(d.Pressure.Known, &d.Pressure.Value, &d.pressureAt, q.Value, t)
			d.Pressure.Known = true
		}
	case rf.V2X:
		if o.WidthCM > 0 {
			first(d.WidthCM > 0, &d.WidthCM, &d.widthAt, o.WidthCM, t)
		}
		if o.LengthCM > 0 {
			first(d.LengthCM > 0, &d.LengthCM, &d.lengthAt, o.LengthCM, t)
		}
	}
}

// named takes a network or Bluetooth name, where none is known yet that fits a
// vehicle pattern; those that fit none are not remembered.
func (d *described) named(o *rf.Observation, name string, p *rf.Prefixes) {
	if name == "" || d.Identity.Name != nil {
		return
	}
	if d.Identity.Hear(*o, p); d.Identity.Name != nil {
		d.Identity.Text = strings.Clone(name)
		d.company(p)
	}
}

// company puts what the table holds of the company into the identity.
func (d *described) company(p *rf.Prefixes) {
	d.Identity.Company = nil
	if c, ok := p.Company(d.Company); ok {
		d.Identity.Company = &c
	}
	d.auto = d.Identity.Automotive()
}

// saysMore tells whether company a is kept rather than b: one found in vehicles
// alone before others, one that the table holds before one that it does not,
// then the lower.
func saysMore(a, b int, p *rf.Prefixes) bool {
	rank := func(id int) int {
		switch c, ok := p.Company(id); {
		case ok && c.Specificity == rf.Automotive:
			return 0
		case ok:
			return 1
		}
		return 2
	}
	return cmp.Or(rank(a)-rank(b), a-b) < 0
}

// addressed takes the kind of a Bluetooth address. Only a public one has a
// registered prefix: one that was looked up before it was known to be made up
// is taken back.
func (d *described) addressed(a rf.Address) {
	switch {
	case d.Address == "", d.Address == rf.Public, a != rf.Public && a < d.Address:
		d.Address = a
	}
	if d.Address != rf.Public && d.Identity.Known {
		d.Identity.Known, d.Identity.Prefix = false, rf.Prefix{}
		d.auto = d.Identity.Automotive()
	}
}

func (d *described) modelled(model string) {
	at, there := slices.BinarySearch(d.Models, model)
	if there || len(d.Models) == maxModels && at == maxModels {
		return
	}
	// A new slice each time: what an Attribution holds does not change.
	models := slices.Insert(slices.Clone(d.Models), at, strings.Clone(model))
	d.Models = models[:min(len(models), maxModels)]
}

// Why is what an attribution rests on.
type Why struct {
	Seconds  int      // in which the stop sensor heard it while the vehicle stood
	Stop     Loudness // what that sensor heard then
	Upstream Loudness // … and the second antenna
	// Rivals are the other explanations, the likeliest first; those under one in
	// a hundred are left out. None: there is no other one worth naming, or the
	// vehicle at the line is so much less likely than what is no vehicle that the
	// others were not weighed.
	Rivals []Rival
}

// Loudness is how loud one sensor heard an emitter: its loudest observation and
// the mean over the seconds, as far as they had a level.
type Loudness struct {
	Seconds int // with a level; 0: none, and the rest means nothing
	Loudest float64
	Mean    float64
	Level   rf.Level // what the two are
}

// Rival is another explanation of what was heard, and its probability.
type Rival struct {
	Word        string // rf.OfBefore …
	Probability float64
}

// The other explanations, as the weighing numbers them. The words are rf's.
const (
	rivalBrief = iota
	rivalAmbient
	rivalPerson
	rivalBefore
	rivalBehind
	rivalBeside
	rivals
)

var rivalWords = [rivals]string{rf.OfBrief, rf.OfAmbient, rf.OfPerson, rf.OfBefore, rf.OfBehind, rf.OfBeside}

// why tells what the last judgement of an emitter rested on.
func (s *Site) why(e *emitter, b *board, seconds int) Why {
	from, to := b.stood()
	l := s.lanes[b.lane]
	w := Why{Seconds: seconds, Stop: e.at[l.stop].loudness(from, to)}
	if l.up >= 0 {
		w.Upstream = e.at[l.up].loudness(from, to)
	}
	for i, p := range s.scratch.rivals {
		if p >= 0.01 {
			w.Rivals = append(w.Rivals, Rival{rivalWords[i], p})
		}
	}
	slices.SortStableFunc(w.Rivals, func(x, y Rival) int { return cmp.Compare(y.Probability, x.Probability) })
	return w
}

// loudness of a series in the seconds from, …, to.
func (s *series) loudness(from, to int32) Loudness {
	l := Loudness{Loudest: math.Inf(-1)}
	for _, x := range s.from(from) {
		if x.at > to {
			break
		}
		if x.n > 0 {
			l.Seconds++
			l.Mean += x.level()
			l.Loudest = math.Max(l.Loudest, x.loudest())
		}
	}
	if l.Seconds == 0 {
		return Loudness{Level: rf.NoLevel}
	}
	l.Mean /= float64(l.Seconds)
	l.Level = s.scale.level()
	return l
}
