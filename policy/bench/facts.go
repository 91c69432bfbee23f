package bench

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sallyport/policy"
)

// MaxModules is how many modules a vehicle has at most.
const MaxModules = 3

// Facts is one arrival of which everything is known that the rules ask.
type Facts struct {
	Class           string
	Zone            int64 // 1 public to 4 critical
	Posture         int64
	Make            string
	ModelYear       int64
	WeightKg        int64
	BuiltIn         string
	MakerControlled []string // countries that the car maker counts as controlled from
	CameraOutside   bool
	RecordingOff    bool
	HotspotHeard    bool
	HeardControlled []string // likewise, of the maker heard on the air
	CatalogueAge    int64    // days
	SupplyAge       int64
	Modules         []Module // one at least
}

// Module is a module of a vehicle with what stands behind its maker.
type Module struct {
	Role       string
	Model      string
	Certainty  int64 // 1 reported to 4 settled
	Basis      string
	ChipDown   bool
	Controlled []string // countries
	Listed     []string // lists that name the maker
	Design     []string // countries
}

var (
	someClasses   = []string{"private", "government", "contractor", "emergency", "military", "diplomatic", "allied"}
	someMakes     = []string{"BYD", "NIO", "TESLA", "VOLVO", "FORD", "MAKE 0", "MAKE 1", "MAKE 2", "MAKE 3", "MAKE 4", "MAKE 5"}
	someCountries = []string{"CN", "RU", "US", "DE"}
	someRoles     = []string{"tcu", "head-unit", "device"}
	someBases     = []string{"catalogue", "declared", "inspected", "heard"}
	certainties   = []string{"none", "reported", "observed", "documented", "settled"}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// some is each of a list with a chance of one half.
func some(r *rand.Rand, list []string) []string {
	out := []string{}
	for _, s := range list {
		if r.IntN(2) == 0 {
			out = append(out, s)
		}
	}
	return out
}

// Random draws an arrival. The first module is the vehicle's own.
func Random(r *rand.Rand) Facts {
	f := Facts{
		Class: pick(r, someClasses), Zone: 1 + r.Int64N(4), Posture: r.Int64N(6), Make: pick(r, someMakes), ModelYear: 2010 + r.Int64N(25),
		WeightKg: 1500 + r.Int64N(6000), BuiltIn: pick(r, someCountries), MakerControlled: some(r, someCountries), CameraOutside: r.IntN(2) == 0,
		RecordingOff: r.IntN(2) == 0, HotspotHeard: r.IntN(2) == 0, HeardControlled: some(r, someCountries[:2]),
		CatalogueAge: r.Int64N(80), SupplyAge: r.Int64N(80),
	}
	for k := range 1 + r.IntN(MaxModules) {
		m := Module{
			Role: pick(r, someRoles), Model: fmt.Sprintf("%s%d", pick(r, []string{"M", "D"}), r.IntN(6)), Certainty: 1 + r.Int64N(4), Basis: pick(r, someBases),
			ChipDown: r.IntN(2) == 0, Controlled: some(r, someCountries), Listed: some(r, []string{"us-1260h"}), Design: some(r, someCountries[:2]),
		}
		if k == 0 {
			m.Role = someRoles[r.IntN(2)]
		}
		f.Modules = append(f.Modules, m)
	}
	return f
}

// Typical is a known car with one module, of which a few rules are true.
func Typical() Facts {
	return Facts{
		Class: "private", Zone: 3, Posture: 0, Make: "TESLA", ModelYear: 2021, WeightKg: 2722, BuiltIn: "US", MakerControlled: []string{},
		CameraOutside: true, HeardControlled: []string{}, CatalogueAge: 3, SupplyAge: 3,
		Modules: []Module{{Role: "tcu", Model: "AG525R-GL", Certainty: 3, Basis: "catalogue", Controlled: []string{"CN"}, Listed: []string{"us-1260h"}, Design: []string{"CN"}}},
	}
}

var day = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// answers are those of the supply graph, by question.
type answers map[policy.SupplyQuestion]policy.SupplyAnswer

// Ask answers a question (policy.Supply).
func (a answers) Ask(q policy.SupplyQuestion) policy.SupplyAnswer { return a[q] }

// Native is f as package policy takes it: the facts, and who answers for the
// supply graph.
func (f *Facts) Native() (*policy.Facts, policy.Supply) {
	from := policy.Source{Title: "comparison"}
	table := answers{}
	say := func(p policy.Party, op string, about []string, all ...string) {
		for _, arg := range all {
			q := policy.SupplyQuestion{Op: op, Party: p, Arg: arg, Day: day.Format(time.DateOnly)}
			if op == "controlled_from" {
				q.Pct = 50
			}
			v := policy.False
			for _, is := range about {
				if is == arg {
					v = policy.True
				}
			}
			table[q] = policy.SupplyAnswer{Value: v}
		}
	}
	p := &policy.Facts{At: day}
	p.Registration.Class = policy.Know(policy.Class(f.Class), from)
	p.Site.Zone, p.Site.Posture = policy.Know(policy.Zone(f.Zone), from), policy.Know(int(f.Posture), from)
	p.Vehicle.Make, p.Vehicle.ModelYear, p.Vehicle.WeightKg = policy.Know(f.Make, from), policy.Know(int(f.ModelYear), from), policy.Know(int(f.WeightKg), from)
	p.Vehicle.BuiltIn, p.Vehicle.Maker = policy.Know(f.BuiltIn, from), policy.Know(policy.Party("car"), from)
	say("car", "controlled_from", f.MakerControlled, "CN", "RU")
	p.Capabilities.CameraOutside, p.Capabilities.RecordingOff = policy.Know(f.CameraOutside, from), policy.Know(f.RecordingOff, from)
	p.Radio.Sensed, p.Radio.HotspotHeard, p.Radio.HeardMaker = policy.Know(true, from), policy.Know(f.HotspotHeard, from), policy.Know(policy.Party("heard"), from)
	say("heard", "controlled_from", f.HeardControlled, "CN", "RU")
	p.Data.CatalogueAgeDays, p.Data.SupplyAgeDays = policy.Know(int(f.CatalogueAge), from), policy.Know(int(f.SupplyAge), from)
	p.Modem = policy.Know(true, from)
	for i := range f.Modules {
		m := &f.Modules[i]
		maker := policy.Party(fmt.Sprintf("maker-%d", i))
		p.Units = append(p.Units, policy.Unit{Role: m.Role, Fitted: policy.Know(true, from), Candidates: []policy.Candidate{{
			Maker: policy.Know(maker, from), MakerName: string(maker), Model: policy.Know(m.Model, from), ChipDown: policy.Know(m.ChipDown, from),
			Certainty: policy.Certainty(m.Certainty), Basis: m.Basis,
		}}})
		say(maker, "controlled_from", m.Controlled, "CN", "RU")
		say(maker, "listed_on", m.Listed, "us-1260h")
		say(maker, "design_from", m.Design, "CN")
	}
	return p, table
}
