package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// claim is what one inspection says of one unit or device.
type claim struct {
	in      Inspection
	from    policy.Source
	modules [][]telematics.Finding // one group for each module that was read: the makers it may stand for
	hints   []telematics.Finding   // what a label that is not certain may be of: settles nothing, and may be held against
}

func (c *claim) absent() bool {
	return c.in.Result == ResultNone || c.in.Result == ResultRemoved
}

// Describe is what kind of vehicle a VIN is of, to be kept with an inspection.
func (j *Judge) Describe(text, market string, at time.Time) InspectedVehicle {
	d := j.index.DecodeText(text, vin.Options{Year: at.UTC().Year()})
	if !d.Valid {
		return InspectedVehicle{Market: market}
	}
	v := InspectedVehicle{Make: d.Make, Model: d.Model, ModelYear: d.ModelYear, Market: market}
	v.Plant = plantOf(&d)
	return v
}

// inspected puts what people read off this very vehicle in the place of what
// was only known of its kind. See settleUnit for what counts against what.
func (j *Judge) inspected(f *policy.Facts, r Request, a *Assessment) {
	list := slices.DeleteFunc(slices.Clone(r.Inspections), func(in Inspection) bool { return in.VIN != a.VIN })
	if len(list) == 0 {
		return
	}
	oldestFirst(list)
	for _, in := range list {
		if end, ended := in.EndAt(f.At); ended && !in.At.After(f.At) {
			a.Notes = append(a.Notes, fmt.Sprintf("the %s no longer counts: %s, entered by %s on %s", in.words(), end.Kind.words(), end.By, day(end.At)))
		}
	}
	force, waiting := r.Inspecting.InForce(list, f.At, r.Zone)
	claims := func(list []Inspection, role string, seen bool) []claim {
		var out []claim
		for _, in := range list {
			if in.Role == role && (in.Kind == KindSeen) == seen {
				out = append(out, j.claim(in, r.Inspecting, a))
			}
		}
		return out
	}
	for _, role := range [...]string{roleTCU, roleHeadUnit} {
		j.settleUnit(f, role, claims(force, role, true), claims(force, role, false), a)
	}
	j.settleDevices(f, claims(force, roleDevice, true), claims(force, roleDevice, false), a)
	for _, in := range waiting {
		c := j.claim(in, r.Inspecting, a)
		a.Notes = append(a.Notes, fmt.Sprintf("the %s settles nothing until a second person confirms it", in.words()))
		if !c.absent() && in.Result != ResultUnclear && !j.agrees(f, &c) {
			j.beside(f, &c)
		}
	}
}

// claim reads what an inspection says. What it cannot use it says in a.Notes.
func (j *Judge) claim(in Inspection, rules InspectionRules, a *Assessment) claim {
	c := claim{in: in, from: policy.Source{ID: in.ID, Title: in.words(), Address: "inspection " + in.ID + " of this site", Quote: cmp.Or(in.quote(), string(in.Result)), Date: day(in.At)}}
	if e := rules.expires(in); !e.IsZero() {
		c.from.Expires = day(e)
	}
	how := "inspected"
	if in.Kind != KindSeen {
		how = "stated"
	}
	named := false
	read := func(id telematics.Identification) {
		for _, p := range id.Problems {
			a.Notes = append(a.Notes, how+" "+id.Kind+": "+p.Text)
		}
		if m := modulesOf(id, how, a); len(m) > 0 {
			named = true
			c.add(m)
		}
		c.hints = append(c.hints, id.Candidates...)
	}
	for _, r := range in.Read {
		read(j.catalogue.Identify(r.Kind, r.Value))
	}
	for _, w := range [...]struct{ note, words string }{
		{telematics.EnumeratesNote, "a bus id shows who enumerates and not who made it, and settles nothing by itself"},
		{telematics.NameOnlyNote, "a maker's name without a known model settles nothing by itself"},
	} {
		if c.rests(w.note) {
			a.Notes = append(a.Notes, strings.Join(strings.Fields(how+" "+in.quote()), " ")+": "+w.words)
		}
	}
	if in.Text != "" {
		read(j.catalogue.Identify("label", in.Text))
	}
	if !named && (len(in.Read) > 0 || in.Text != "") && in.Result != ResultUnclear {
		a.Notes = append(a.Notes, strings.Join(strings.Fields(how+" "+in.quote()), " ")+": it names no module's maker and settles nothing")
	}
	return c
}

// add joins one more reading to those before: readings of one module narrow
// each other down, and one that fits no module read so far is another module.
func (c *claim) add(m []telematics.Finding) {
	for i, group := range c.modules {
		if both := common(group, m); len(both) > 0 {
			c.modules[i] = both
			return
		}
	}
	c.modules = append(c.modules, m)
}

// common are the findings that both readings may stand for, the fuller of each
// two.
func common(a, b []telematics.Finding) []telematics.Finding {
	var out []telematics.Finding
	for _, x := range a {
		for _, y := range b {
			if sameModule(x, y) {
				if len(y.Model) > len(x.Model) {
					x.Model = y.Model
				}
				if feeble(x) {
					x.Note = y.Note
				}
				x.ChipDown = x.ChipDown || y.ChipDown
				x.Certainty = max(x.Certainty, y.Certainty)
				x.Sources = append(slices.Clone(x.Sources), slices.DeleteFunc(slices.Clone(y.Sources), func(s telematics.Source) bool {
					return slices.ContainsFunc(x.Sources, func(t telematics.Source) bool { return t.ID == s.ID })
				})...)
				out = append(out, x)
				break
			}
		}
	}
	return out
}

// feeble says whether a finding rests on bus ids alone, which whoever writes the
// firmware chooses, or on a maker's name alone, which anybody can print.
func feeble(m telematics.Finding) bool {
	return m.Note == telematics.EnumeratesNote || m.Note == telematics.NameOnlyNote
}

// rests says whether a module is named by nothing better than what bears the
// note.
func (c *claim) rests(note string) bool {
	return slices.ContainsFunc(c.modules, func(m []telematics.Finding) bool {
		return slices.ContainsFunc(m, func(f telematics.Finding) bool { return f.Note == note })
	})
}

// weak says whether the claim names modules, and some of them by feeble findings
// alone: then it can raise a verdict and settles nothing.
func (c *claim) weak() bool {
	return c.rests(telematics.EnumeratesNote) || c.rests(telematics.NameOnlyNote)
}

// sameModule says whether two findings may be of one module: one maker, and
// models of which one is the beginning of the other, or not named.
func sameModule(a, b telematics.Finding) bool {
	x, y := bare(a.Model), bare(b.Model)
	return bare(a.Maker) == bare(b.Maker) && (strings.HasPrefix(x, y) || strings.HasPrefix(y, x))
}

// bare is a name without what is written in many ways.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}

// agree says whether two inspections can both be right. Where one names no
// module it says only that something is there, and of whose it may be.
func agree(a, b *claim) bool {
	if a.absent() || b.absent() {
		return a.absent() == b.absent()
	}
	switch x, y := len(a.modules) > 0, len(b.modules) > 0; {
	case x && y:
		return covers(a, b) && covers(b, a)
	case x:
		return a.bears(b.hints)
	case y:
		return b.bears(a.hints)
	}
	return true
}

// bears says whether one of the modules may be what was hinted at, or nothing
// was.
func (c *claim) bears(hints []telematics.Finding) bool {
	return len(hints) == 0 || slices.ContainsFunc(c.modules, func(m []telematics.Finding) bool { return len(common(m, hints)) > 0 })
}

func covers(a, b *claim) bool {
	for _, m := range a.modules {
		if !slices.ContainsFunc(b.modules, func(n []telematics.Finding) bool { return len(common(m, n)) > 0 }) {
			return false
		}
	}
	return true
}

// settleUnit applies what is in force for one of the vehicle's own units.
//
// What was seen comes first. Inspections that agree settle the unit, by the
// newest that names a module. One that found the unit removed does not
// contradict what was found before, because that is what was removed; every
// other two that differ contradict each other, and then the newer does not win
// by being newer: nothing is settled, what is known of the kind of vehicle
// stands, and every module that somebody claims to have seen counts as a unit
// beside it, which can raise a verdict and not lower one. To let the newer win,
// a person voids or withdraws the older.
//
// A maker's or importer's statement on this very VIN takes the place of the
// catalogue's candidates where nothing was seen. Every other statement is a
// unit beside.
func (j *Judge) settleUnit(f *policy.Facts, role string, seen, stated []claim, a *Assessment) {
	for i := len(seen) - 1; i >= 0; i-- {
		if seen[i].in.Result == ResultRemoved {
			seen = seen[i:]
			break
		}
	}
	looked := len(seen) > 0
	seen = slices.DeleteFunc(seen, func(c claim) bool {
		if c.in.Result == ResultUnclear {
			a.Notes = append(a.Notes, "the "+c.in.words()+" could not tell")
			return true
		}
		return false
	})
	if role == roleHeadUnit && looked && len(seen) == 0 && slices.ContainsFunc(f.Units, func(u policy.Unit) bool { return u.Role == roleTCU && u.Fitted.Known && !u.Fitted.Value }) {
		// That the telematics unit is absent does not say what a head unit holds
		// of which nobody could tell.
		f.Modem = policy.Leaf[bool]{}
		unitOf(f, role)
	}
	if first, second, found := contradiction(seen); found {
		a.Notes = append(a.Notes, fmt.Sprintf("the %s and the %s contradict each other: neither settles the %s until one is withdrawn or voided",
			first.in.words(), second.in.words(), roleWords[role]))
		for i := range seen {
			if !seen[i].absent() {
				f.Modem = policy.Know(true, seen[i].from)
				j.beside(f, &seen[i])
			}
		}
		for i := range stated {
			j.hear(f, &stated[i], false, a)
		}
		return
	}
	if len(seen) > 0 {
		j.settle(f, role, seen, a)
	}
	// Statements that contradict each other are two declarations.
	var build []claim
	for _, c := range stated {
		if c.in.Kind != KindDealer && !c.absent() && len(c.modules) > 0 {
			build = append(build, c)
		}
	}
	_, _, differ := contradiction(build)
	for i := range stated {
		j.hear(f, &stated[i], len(seen) == 0 && !differ, a)
	}
}

// contradiction finds two claims that cannot both be right.
func contradiction(list []claim) (a, b *claim, found bool) {
	for i := range list {
		for k := range list[:i] {
			if !agree(&list[k], &list[i]) {
				return &list[k], &list[i], true
			}
		}
	}
	return nil, nil, false
}

// unitOf is the unit of that role, put there where there is none.
func unitOf(f *policy.Facts, role string) *policy.Unit {
	at := slices.IndexFunc(f.Units, func(u policy.Unit) bool { return u.Role == role })
	if at < 0 {
		f.Units = append(f.Units, policy.Unit{Role: role, Name: role})
		at = len(f.Units) - 1
	}
	return &f.Units[at]
}

// settle applies inspections of one unit that agree, oldest first.
func (j *Judge) settle(f *policy.Facts, role string, seen []claim, a *Assessment) {
	last := &seen[len(seen)-1]
	u := unitOf(f, role)
	if known := knownFitted(f, u, role); last.in.Result == ResultNone && known != "" {
		// Not to find it is not to show that it is not there.
		a.Notes = append(a.Notes, fmt.Sprintf("the %s found none, and a source shows one in this kind of vehicle (%s): that stands until the unit is found, or is recorded as removed",
			last.in.words(), known))
		return
	}
	if last.absent() {
		u.Fitted, u.Candidates = policy.Know(false, last.from), nil
		other := slices.ContainsFunc(f.Units, func(u policy.Unit) bool {
			return (u.Role == roleTCU || u.Role == roleHeadUnit) && (!u.Fitted.Known || u.Fitted.Value)
		})
		if role == roleTCU && !other {
			f.Modem = policy.Know(false, last.from)
		}
		return
	}
	u.Fitted = policy.Know(true, last.from)
	f.Modem = policy.Know(true, last.from)
	for i := len(seen) - 1; i >= 0; i-- {
		c := &seen[i]
		if c.in.Result == ResultIsolated {
			a.Notes = append(a.Notes, "the "+c.in.words()+" found the unit isolated: it is judged as it is, because a cut can be mended")
		}
	}
	for i := len(seen) - 1; i >= 0; i-- {
		c := &seen[i]
		switch {
		case len(c.modules) == 0:
			continue
		case c.weak():
			j.beside(f, c)
			continue
		}
		u.Candidates = j.candidates(c, 0, policy.CertaintySettled, "inspected")
		// Another module read off the same unit is one more module in it.
		for n := 1; n < len(c.modules); n++ {
			more := policy.Unit{Role: role, Name: fmt.Sprintf("%s, module %d", roleWords[role], n+1), Fitted: policy.Know(true, c.from)}
			more.Candidates = j.candidates(c, n, policy.CertaintySettled, "inspected")
			f.Units = append(f.Units, more)
		}
		return
	}
}

// knownFitted is the source that shows the unit, or a modem that can be in no
// other place, to be in this kind of vehicle; empty where none does.
func knownFitted(f *policy.Facts, u *policy.Unit, role string) string {
	switch {
	case u.Fitted.Known && u.Fitted.Value:
		if len(u.Candidates) > 0 && len(u.Candidates[0].Sources) > 0 {
			return cmp.Or(u.Candidates[0].Sources[0].Title, u.Fitted.From.Title)
		}
		return u.Fitted.From.Title
	case role == roleTCU && f.Modem.Known && f.Modem.Value:
		return f.Modem.From.Title
	}
	return ""
}

// hear applies a statement. One of the maker or importer that names a module
// takes the place of the catalogue's candidates where it may.
func (j *Judge) hear(f *policy.Facts, c *claim, may bool, a *Assessment) {
	switch {
	case c.absent():
		a.Notes = append(a.Notes, "the "+c.in.words()+" says that none is fitted: a statement clears nothing")
	case j.agrees(f, c):
		// What was seen says the same, and better.
	case may && c.in.Kind != KindDealer && len(c.modules) == 1 && !c.weak():
		u := unitOf(f, c.in.Role)
		u.Fitted = policy.Know(true, c.from)
		f.Modem = policy.Know(true, c.from)
		u.Candidates = j.candidates(c, 0, policy.CertaintyDocumented, "declared")
	default:
		j.beside(f, c)
	}
}

// agrees says whether a claim names only modules that are settled in a unit of
// its role.
func (j *Judge) agrees(f *policy.Facts, c *claim) bool {
	settled := func(m []telematics.Finding) bool {
		for i := range f.Units {
			if u := &f.Units[i]; u.Role == c.in.Role && len(u.Candidates) == 1 && u.Candidates[0].Certainty == policy.CertaintySettled {
				if len(common([]telematics.Finding{{Maker: u.Candidates[0].MakerName, Model: u.Candidates[0].Model.Value}}, m)) > 0 {
					return true
				}
			}
		}
		return false
	}
	return len(c.modules) > 0 && !slices.ContainsFunc(c.modules, func(m []telematics.Finding) bool { return !settled(m) })
}

// beside adds what a claim names as units beside those on record. They are of
// no role, so that they stand in for none of the vehicle's own; a device stays
// a device.
func (j *Judge) beside(f *policy.Facts, c *claim) {
	role, how, basis := roleUnknown, "unit seen", "inspected"
	if c.in.Kind != KindSeen {
		how, basis = "unit stated", "declared"
	}
	if c.in.Role == roleDevice {
		role = roleDevice
		how = strings.Replace(how, "unit", "device", 1)
	}
	name := how
	if q := c.in.quote(); q != "" {
		name += " with " + q
	}
	if len(c.modules) == 0 {
		f.Units = append(f.Units, policy.Unit{Role: role, Name: name, Fitted: policy.Know(true, c.from)})
		return
	}
	for n := range c.modules {
		f.Units = append(f.Units, policy.Unit{Role: role, Name: name, Fitted: policy.Know(true, c.from),
			Candidates: j.candidates(c, n, policy.CertaintyReported, basis)})
	}
}

// candidates are the makers that one module read by an inspection may have.
func (j *Judge) candidates(c *claim, n int, certain policy.Certainty, basis string) []policy.Candidate {
	group := c.modules[n]
	// What may stand for several makers settles none of them.
	if len(group) > 1 || slices.ContainsFunc(group, feeble) {
		certain = policy.CertaintyReported
	}
	out := make([]policy.Candidate, 0, len(group))
	for _, m := range group {
		k := j.candidate(m.Maker, m.Model, m.ChipDown, m.Sources)
		k.Certainty, k.Basis = certain, basis
		k.Sources = append([]policy.Source{c.from}, k.Sources...)
		out = append(out, k)
	}
	return out
}

// settleDevices applies what is in force on devices: fitted afterwards or
// carried. A device that was found stays on record until its inspection ends or
// a later one found it removed (the same place, or an identifier in common):
// that none was found on another day does not say where it went. None found,
// with none on record, is noted as a device that is not fitted; it answers for
// the day it was looked for, and a device declared today counts beside it.
func (j *Judge) settleDevices(f *policy.Facts, seen, stated []claim, a *Assessment) {
	var there []claim
	var none *claim
	for i := range seen {
		c := seen[i]
		if c.in.Result != ResultUnclear {
			f.Devices.LookedFor = policy.Know(true, c.from)
		}
		switch c.in.Result {
		case ResultUnclear:
			a.Notes = append(a.Notes, "the "+c.in.words()+" could not tell")
		case ResultNone:
			none = &seen[i]
			if len(there) > 0 {
				a.Notes = append(a.Notes, fmt.Sprintf("the %s found no device, and the %s found one: it stays on record until somebody sees it removed", c.in.words(), there[0].in.words()))
			}
		case ResultRemoved:
			there = slices.DeleteFunc(there, func(d claim) bool { return sameDevice(&d, &c) })
		case ResultFound, ResultIsolated:
			there = slices.DeleteFunc(there, func(d claim) bool { return sameDevice(&d, &c) && c.says(&d) })
			there = append(there, c)
		}
	}
	for i := range there {
		c := &there[i]
		if c.in.Result == ResultIsolated {
			a.Notes = append(a.Notes, "the "+c.in.words()+" found the device isolated: it is judged as it is, because a cut can be mended")
		}
		u := policy.Unit{Role: roleDevice, Name: c.deviceName(), Fitted: policy.Know(true, c.from)}
		for n := range max(len(c.modules), 1) {
			if n < len(c.modules) {
				u.Candidates = j.candidates(c, n, policy.CertaintySettled, "inspected")
			}
			f.Units = append(f.Units, u)
		}
	}
	if none != nil && len(there) == 0 {
		f.Units = append(f.Units, policy.Unit{Role: roleDevice, Name: "fitted or carried devices", Fitted: policy.Know(false, none.from)})
	}
	for i := range stated {
		j.hear(f, &stated[i], false, a)
	}
}

// sameDevice says whether two claims are of one device: by an identifier that
// both read, or by its place where they read none of one kind, and no modules,
// that differ.
func sameDevice(a, b *claim) bool {
	differ := len(a.modules) > 0 && len(b.modules) > 0 && !(covers(a, b) && covers(b, a))
	for _, r := range a.in.Read {
		for _, s := range b.in.Read {
			if r.Kind == s.Kind {
				if bare(r.Value) == bare(s.Value) {
					return true
				}
				differ = true
			}
		}
	}
	return !differ && a.in.Place != "" && strings.EqualFold(strings.TrimSpace(a.in.Place), strings.TrimSpace(b.in.Place))
}

// says whether the claim names all that an earlier one named, so that it can
// stand in its place.
func (c *claim) says(earlier *claim) bool {
	return len(earlier.modules) == 0 && agree(earlier, c) || len(c.modules) > 0 && covers(earlier, c) && covers(c, earlier)
}

// deviceName is what a person would call the device.
func (c *claim) deviceName() string {
	for _, r := range c.in.Read {
		if r.Kind == "device" {
			return r.Value
		}
	}
	return cmp.Or(c.in.quote(), c.in.Place, "device")
}

// roleWords name the roles in a note.
var roleWords = map[string]string{roleTCU: "telematics unit", roleHeadUnit: "head unit", roleDevice: "device"}

// words name an inspection in a note: who, of what, when.
func (in Inspection) words() string {
	what := map[InspectionKind]string{
		KindSeen: "inspection", KindMaker: "maker's statement", KindImporter: "importer's statement", KindDealer: "dealer's statement",
	}[in.Kind]
	by := " by " + in.By
	if in.Kind != KindSeen {
		by = " filed by " + in.By
	}
	return what + " of the " + cmp.Or(roleWords[in.Role], in.Role) + " of this vehicle" + by + " on " + day(in.At)
}

// maxQuote bounds a label's text in a source, in characters.
const maxQuote = 200

// quote is what was read, in one line.
func (in Inspection) quote() string {
	var parts []string
	for _, r := range in.Read {
		parts = append(parts, r.Kind+" "+r.Value)
	}
	if text := []rune(strings.Join(strings.Fields(in.Text), " ")); len(text) > maxQuote {
		parts = append(parts, string(text[:maxQuote])+"…")
	} else if len(text) > 0 {
		parts = append(parts, string(text))
	}
	return strings.Join(parts, ", ")
}

func (k InspectionActKind) words() string {
	switch k {
	case InspectionConfirmed:
		return "confirmed"
	case InspectionWithdrawn:
		return "withdrawn as wrong"
	case InspectionTCUReplaced:
		return "the telematics unit was replaced"
	case InspectionRecalled:
		return "the vehicle was recalled to a workshop"
	case InspectionOwner:
		return "the vehicle changed its owner"
	}
	return string(k)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
