package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// sentences puts differences into words. What differs is worked out before and
// elsewhere, so that another language is another implementation and no more.
type sentences interface {
	order() string
	floor(before, after Outcome) string
	field(kind DifferenceKind, rule, field, old, new string) string
	renamed(old, new string) string
	added(p *Policy, r *ruleDoc) string
	removed(p *Policy, r *ruleDoc) string
	byParameter(rule string) string
	part(rule string, old *Policy, o *cond, new *Policy, n *cond) string
	effect(p *Policy, r *ruleDoc, e *Effect) string
	changedEffect(old *Policy, o *ruleDoc, new *Policy, n *ruleDoc, e *Effect) string
}

// english is the sentences in English.
type english struct{}

func (english) order() string { return "The two say the same, in another order." }

func (english) floor(before, after Outcome) string {
	return fmt.Sprintf("A vehicle that no rule decides: %s → %s.", before, after)
}

func (english) renamed(old, new string) string {
	return fmt.Sprintf("Rule %q is now called %q; it says the same.", old, new)
}

func (english) added(p *Policy, r *ruleDoc) string {
	return fmt.Sprintf("New rule %q: %s.", r.id, strings.TrimRight(p.fill(r.title), "."))
}

func (english) removed(p *Policy, r *ruleDoc) string {
	return fmt.Sprintf("Rule %q is gone: %s.", r.id, strings.TrimRight(p.fill(r.title), "."))
}

func (english) byParameter(rule string) string {
	return fmt.Sprintf("Rule %q changes with a value that the site chose.", rule)
}

// fieldWords name the fields of a rule and of a policy for a person.
var fieldWords = map[string]string{
	"policy": "the policy's name", "version": "the version", "title": "the title", "status": "the status", "default": "what is said where no rule decides",
	"outcome": "the outcome", "if_unknown": "what it says while something is not known", "instrument.from": "the first day", "instrument.to": "the last day",
	"work_item": "the office that gets a work item", "presumption": "the presumption", "instrument.authority": "the authority behind it",
	"instrument.title": "the instrument's title", "instrument.status": "the instrument's status", "instrument.quote": "the words quoted",
	"instrument.link": "the address of the instrument", "instrument.date": "the instrument's date",
	"exemption.holder": "who holds the exemption", "exemption.issuer": "who issued the exemption", "exemption.number": "the exemption's number",
}

// listWordsOf name what one entry of a list is.
var listWordsOf = map[string]string{
	"postures": "the threat level", "may_change": "the role that may change it", "omits": "the statement of what is left out:",
	"applies_on": "applies on", "lifts": "lifts the rule", "conditions": "imposes the condition",
}

func (english) field(kind DifferenceKind, rule, field, old, new string) string {
	subject := "The policy"
	if kind == RuleChanged {
		subject = fmt.Sprintf("Rule %q", rule)
	}
	if what, ok := listWordsOf[field]; ok && (old == "" || new == "") {
		verb := map[string]string{"applies_on": " ", "lifts": " ", "conditions": " "}[field]
		switch {
		case verb != "" && old == "":
			return fmt.Sprintf("%s now %s %s.", subject, what, new)
		case verb != "":
			return fmt.Sprintf("%s no longer %s %s.", subject, what, old)
		case old == "":
			return fmt.Sprintf("%s has gained %s %s.", subject, what, strings.TrimRight(new, "."))
		default:
			return fmt.Sprintf("%s has lost %s %s.", subject, what, strings.TrimRight(old, "."))
		}
	}
	what, ok := fieldWords[field]
	head, tail, _ := strings.Cut(field, ".")
	switch {
	case ok:
	case head == "say":
		what = "the words for the guard (" + tail + ")"
	case head == "ask":
		what = "how the guard is asked for " + tail
	case head == "parameters" && strings.HasSuffix(tail, ".words"):
		what = "the explanation of the value " + strings.TrimSuffix(tail, ".words")
	case head == "parameters":
		what = "the value " + tail
	case head == "conditions":
		what = "the words of the condition " + tail
	default:
		what = field
	}
	if field == "instrument.from" || field == "instrument.to" {
		old, new = dayInWords(old), dayInWords(new)
	}
	switch {
	case old == "":
		return fmt.Sprintf("%s: %s is now %s; there was none.", subject, what, quoted(new))
	case new == "":
		return fmt.Sprintf("%s: %s was %s; there is none now.", subject, what, quoted(old))
	}
	return fmt.Sprintf("%s: %s: %s → %s.", subject, what, quoted(old), quoted(new))
}

// quoted sets off words that could be read as part of the sentence.
func quoted(s string) string {
	if strings.Contains(strings.TrimSpace(s), " ") && (s[0] < '0' || s[0] > '9') {
		return strconv.Quote(s)
	}
	return s
}

// dayInWords is a day as people write it: 1 July 2027.
func dayInWords(s string) string {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return t.Format("2 January 2006")
}

func (w english) part(rule string, old *Policy, o *cond, new *Policy, n *cond) string {
	switch {
	case o == nil:
		return fmt.Sprintf("Rule %q also asks: %s.", rule, w.plain(new, n))
	case n == nil:
		return fmt.Sprintf("Rule %q no longer asks: %s.", rule, w.plain(old, o))
	}
	return fmt.Sprintf("Rule %q asks: %s → %s.", rule, w.plain(old, o), w.plain(new, n))
}

func (w english) effect(p *Policy, r *ruleDoc, e *Effect) string {
	var change string
	switch {
	case e.Before == "":
		change = "new " + e.After
	case e.After == "":
		change = e.Before + " → what other rules or the default say"
	case e.Before == e.After:
		change = "still " + e.After
	default:
		change = e.Before + " → " + e.After
	}
	return w.sentence(p, r, change)
}

func (w english) changedEffect(old *Policy, o *ruleDoc, new *Policy, n *ruleDoc, e *Effect) string {
	change := e.After
	switch {
	case e.Before != e.After:
		change = e.Before + " → " + e.After
	case o.outcome != n.outcome:
		change = "still " + e.After + " (another rule says so)"
	}
	if o.ifUnknown != n.ifUnknown && o.ifUnknown != 0 && n.ifUnknown != 0 {
		change += fmt.Sprintf(", and while something is not known %s → %s", o.ifUnknown, n.ifUnknown)
	}
	var more []string
	switch e.Reach {
	case ReachWider:
		more = append(more, "this now holds for more vehicles than before")
	case ReachNarrow:
		more = append(more, "this now holds for fewer vehicles than before")
	case ReachOther:
		more = append(more, "this now holds for some vehicles more and some fewer")
	case ReachUnknown:
		more = append(more, "whether this holds for more or fewer vehicles could not be decided")
	case ReachSame:
		if condText(o.when) != condText(n.when) {
			more = append(more, "it is put otherwise and holds for the same vehicles")
		}
	}
	if o.instrument.From != n.instrument.From {
		more = append(more, "until now it began "+orAlways(dayInWords(o.instrument.From), "at once"))
	}
	if o.instrument.To != n.instrument.To {
		more = append(more, "until now it ended "+orAlways(dayInWords(o.instrument.To), "never"))
	}
	if o.moments != n.moments {
		more = append(more, "until now it applied on "+listWords(o.moments.names(), "and"))
	}
	for _, id := range n.lifts {
		if !slices.Contains(o.lifts, id) {
			more = append(more, fmt.Sprintf("they are now let off the rule %q", id))
		}
	}
	for _, id := range o.lifts {
		if !slices.Contains(n.lifts, id) {
			more = append(more, fmt.Sprintf("they are no longer let off the rule %q", id))
		}
	}
	s := w.sentence(new, n, change)
	if len(more) > 0 {
		s = strings.TrimSuffix(s, ".") + "; " + strings.Join(more, "; ") + "."
	}
	return s
}

func orAlways(day, always string) string {
	if day == "" {
		return always
	}
	return "on " + day
}

// sentence says from when, whom, what and where.
func (w english) sentence(p *Policy, r *ruleDoc, change string) string {
	s := scopeOf(r)
	var b strings.Builder
	if from := r.instrument.From; from != "" {
		b.WriteString("from " + dayInWords(from) + ", ")
	}
	if to := r.instrument.To; to != "" {
		b.WriteString("until " + dayInWords(to) + ", ")
	}
	if len(s.classes) == 0 {
		b.WriteString("vehicles")
	} else {
		b.WriteString(listWords(s.classes, "and") + " vehicles")
	}
	if len(s.rest) > 0 {
		b.WriteString(" " + w.together(s.rest, func(c *cond) string { return w.who(p, c, 0) }))
	}
	switch r.moments {
	case onEntry:
	case onEntry | 1<<MomentExit:
		b.WriteString(", entering or leaving")
	case 1 << MomentExit:
		b.WriteString(", leaving")
	case 1 << MomentInside:
		b.WriteString(", standing inside")
	case 1<<MomentExit | 1<<MomentInside:
		b.WriteString(", leaving or standing inside")
	default:
		b.WriteString(", entering, leaving or standing inside")
	}
	b.WriteString(": " + change)
	if s.zones != nil {
		b.WriteString(" at " + listWords(namesOf(s.zones), "and") + " zones")
	}
	b.WriteString(".")
	return capital(b.String())
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// together joins parts that all have to hold. Those that hold alternatives come
// last, so that nobody can take what follows for one more of them.
func (english) together(parts []*cond, say func(*cond) string) string {
	var plain, grouped []string
	for _, c := range parts {
		if groups(c) {
			grouped = append(grouped, say(c))
		} else {
			plain = append(plain, say(c))
		}
	}
	if len(grouped) == 0 {
		return listWords(plain, "and")
	}
	s := strings.Join(append(plain, grouped[0]), ", ")
	for _, g := range grouped[1:] {
		s += ", and besides " + g
	}
	return s
}

// groups says whether the words of a condition number alternatives.
func groups(c *cond) bool {
	if c.op.quantifier() && c.kids[0].op == opAll { // its parts are joined, not numbered
		return slices.ContainsFunc(c.kids[0].kids, groups)
	}
	return (c.op == opAll || c.op == opAny) && len(c.kids) > 1 || slices.ContainsFunc(c.kids, groups)
}

// numbered joins the parts of a group, each with its mark: (a), (b); within a
// group (1), (2); within that (i), (ii).
func (english) numbered(kids []string, word string, depth int) string {
	if len(kids) == 1 {
		return kids[0]
	}
	marked := make([]string, len(kids))
	for i, k := range kids {
		mark := strconv.Itoa(i + 1)
		switch {
		case depth == 0 && i < 26:
			mark = string(rune('a' + i))
		case depth >= 2 && i < 8:
			mark = [...]string{"i", "ii", "iii", "iv", "v", "vi", "vii", "viii"}[i]
		}
		marked[i] = "(" + mark + ") " + k
	}
	return strings.Join(marked, " "+word+" ")
}

// group words all and any, the other way round where not stands before it.
func (w english) group(o op, not bool, kids []string, depth int) string {
	if len(kids) == 1 {
		if not {
			return "not " + kids[0]
		}
		return kids[0]
	}
	all := "both "
	if len(kids) > 2 {
		all = "all of "
	}
	switch {
	case o == opAny && not:
		return "neither " + w.numbered(kids, "nor", depth)
	case o == opAny:
		return "either " + w.numbered(kids, "or", depth)
	case not:
		return "not " + all + w.numbered(kids, "and", depth)
	}
	return all + w.numbered(kids, "and", depth)
}

// logic words what all, any, not, surely, known and unknown make of their parts;
// it is empty for any other condition.
func (w english) logic(c *cond, depth int, unsure string, say func(*cond, int) string) string {
	below := func(c *cond) []string {
		within := depth
		if len(c.kids) > 1 {
			within++
		}
		var kids []string
		for _, k := range c.kids {
			kids = append(kids, say(k, within))
		}
		return kids
	}
	switch c.op {
	case opAll, opAny:
		return w.group(c.op, false, below(c), depth)
	case opNot:
		switch k := c.kids[0]; k.op {
		case opSurely:
			return unsure + say(k.kids[0], depth)
		case opNot:
			return say(k.kids[0], depth)
		case opAll, opAny:
			return w.group(k.op, true, below(k), depth)
		}
		return "not " + say(c.kids[0], depth)
	case opSurely:
		return "for certain " + say(c.kids[0], depth)
	case opKnown:
		return "of which " + c.fact.info().label + " is known"
	case opUnknown:
		return "of which " + c.fact.info().label + " is not known"
	}
	return ""
}

// who says of which vehicles a condition holds, to follow "vehicles".
func (w english) who(p *Policy, c *cond, depth int) string {
	switch c.op {
	case opAnyModule, opAnyKnownModule:
		return "with " + w.module(p, c.kids[0], "module", depth)
	case opAnyDevice:
		return "with " + w.module(p, c.kids[0], "fitted or carried device", depth)
	case opEveryModule:
		return "of which every module is " + w.module(p, c.kids[0], "module", depth)
	case opAtom:
		return w.atom(p, c)
	}
	return w.logic(c, depth, "not known to be ", func(k *cond, depth int) string { return w.who(p, k, depth) })
}

// atom says of which vehicles one comparison holds.
func (w english) atom(p *Policy, c *cond) string {
	list := w.values(c)
	yes := len(c.vals) == 1 && c.vals[0].num == 1
	with := func(what string) string {
		if yes {
			return "with " + what
		}
		return "without " + what
	}
	switch c.fact {
	case fMake:
		return "of the make " + list
	case fModel:
		return "of the model " + list
	case fType:
		return "of the type " + list
	case fModelYear:
		switch c.test {
		case testLess:
			return "of a model year before " + list
		case testMore:
			return "of a model year after " + list
		}
		return "of model year " + w.bounds(c, list, "or later", "or earlier")
	case fBuiltIn:
		return "built in " + list
	case fBuiltOn:
		switch c.test {
		case testBefore:
			return "built before " + dayInWords(list)
		case testOnOrAfter:
			return "built on " + dayInWords(list) + " or later"
		}
		return "built on " + dayInWords(list)
	case fWMICountry:
		return "whose maker's code was assigned in " + list
	case fWeight:
		return "of " + w.bounds(c, list+" kg", "or more", "or less")
	case fWeightLeast:
		return "of a weight class that begins at " + w.bounds(c, list+" kg", "or more", "or less")
	case fVehicleMaker:
		if !c.test.supply() {
			return "made by " + list
		}
		return "whose car maker " + w.test(p, c)
	case fModem:
		return with("a modem")
	case fCameraOutside:
		return with("a camera looking out")
	case fCameraInside:
		return with("a camera looking in")
	case fMicrophone:
		return with("a microphone")
	case fGNSS:
		return with("a record of their position")
	case fSentry:
		return with("a watch over their surroundings while parked")
	case fRecordingOff:
		return with("recording switched off or covered")
	case fLookedFor:
		return with("a search for fitted and carried devices")
	case fAuthorisations:
		return "that hold the authorisation " + list
	case fOnCall:
		if yes {
			return "on an emergency call"
		}
		return "not on an emergency call"
	case fPass:
		return "whose pass is " + strings.ReplaceAll(list, "_", " ")
	case fInsideAlready:
		return "that the site's list has inside already"
	case fPlateDiffers:
		return "whose plate is not the one that the site has with the VIN"
	case fSeenElsewhere:
		return "seen elsewhere too short a time ago"
	case fWatchListed:
		return "on the site's watch list"
	case fLabelDiffers:
		return "off which two VINs were read"
	case fPassRefused:
		return "whose pass is refused"
	case fHotspotHeard:
		return "of which a hotspot was heard"
	case fCellular:
		return "of which a mobile uplink was heard"
	case fContradiction:
		return "whose own radio contradicts VIN or record"
	case fTeslaMatches:
		return "of which the Tesla's name was heard that stands for the VIN"
	case fTyreProtocol:
		return "of which a tyre sensor was heard that was never seen on the make"
	case fDimensions:
		return "whose messages tell of another size"
	case fUplinkNoModem:
		return "of which a mobile uplink was heard and no modem is declared or on record"
	case fHeardMaker:
		return "of which a maker was heard on the air that " + w.test(p, c)
	case fMarket:
		return "of the market " + list
	case fClass:
		return "of the class " + list
	case fZone:
		return "in " + w.bounds(c, list+" zones", "and above", "and below")
	case fPosture:
		return "at threat level " + w.bounds(c, list, "or above", "or below")
	case fLocalTime:
		return "at " + w.bounds(c, list, "or later", "or earlier")
	case fWeekday:
		return "on " + list
	}
	return "while " + c.fact.info().label + " " + w.test(p, c)
}

// bounds words an ordered comparison: "2015 or later".
func (english) bounds(c *cond, list, up, down string) string {
	switch c.test {
	case testAtLeast:
		return list + " " + up
	case testAtMost:
		return list + " " + down
	case testMore:
		return "more than " + list
	case testLess:
		return "less than " + list
	}
	return list
}

// values joins what an atom compares with.
func (english) values(c *cond) string {
	var list []string
	for _, v := range c.vals {
		s := valueWords(c.fact, c.test, v)
		if c.fact.kind() == kindCountry {
			s = countryInEnglish(s)
		}
		if c.fact.kind() == kindParty && !c.test.supply() {
			s = capital(strings.ReplaceAll(s, "_", " "))
		}
		list = append(list, s)
	}
	return listWords(list, "or")
}

// test words what is asked of a fact.
func (w english) test(p *Policy, c *cond) string {
	if !c.test.supply() {
		return "is " + w.bounds(c, w.values(c), "or more", "or less")
	}
	in := *c
	in.vals = nil
	for _, v := range c.vals {
		in.vals = append(in.vals, value{v.num, countryInEnglish(v.text)})
	}
	return p.describeTest(&in)
}

// countriesInEnglish are those that rules are about; others go by their code.
var countriesInEnglish = map[string]string{
	"CN": "China", "RU": "Russia", "BY": "Belarus", "IR": "Iran", "KP": "North Korea", "US": "the United States", "GB": "the United Kingdom",
	"PL": "Poland", "DE": "Germany", "CZ": "Czechia", "IL": "Israel", "TW": "Taiwan", "HK": "Hong Kong", "JP": "Japan", "KR": "South Korea",
	"SE": "Sweden", "FR": "France", "UA": "Ukraine",
}

func countryInEnglish(code string) string {
	if s, ok := countriesInEnglish[code]; ok {
		return s
	}
	return code
}

// module says which module: "a documented Quectel module".
func (w english) module(p *Policy, c *cond, noun string, depth int) string {
	parts := []*cond{c}
	if c.op == opAll {
		parts = c.kids
	}
	var before []string
	var after []*cond
	for _, k := range parts {
		switch {
		case k.op == opAtom && k.fact == fModuleCertainty && k.test == testAtLeast && k.vals[0].num != int64(CertaintyReported):
			before = append([]string{valueWords(k.fact, k.test, k.vals[0])}, before...)
		case k.op == opAtom && k.fact == fModuleMaker && !k.test.supply():
			before = append(before, w.values(k))
		default:
			after = append(after, k)
		}
	}
	s := strings.Join(append(before, noun), " ")
	article := "a "
	if strings.ContainsRune("aeiouAEIOU", rune(s[0])) {
		article = "an "
	}
	s = article + s
	if len(after) > 0 {
		s += " " + w.together(after, func(c *cond) string { return w.ofModule(p, c, depth) })
	}
	return s
}

// ofModule says of which modules a condition holds, to follow "module".
func (w english) ofModule(p *Policy, c *cond, depth int) string {
	if c.op != opAtom {
		return w.logic(c, depth, "not known to be one ", func(k *cond, depth int) string { return w.ofModule(p, k, depth) })
	}
	list := w.values(c)
	switch c.fact {
	case fModuleMaker:
		if c.test.supply() {
			return "whose maker " + w.test(p, c)
		}
		return "by " + list
	case fModuleModel:
		return "of the model " + list
	case fModuleChipDown:
		if c.vals[0].num == 1 {
			return "that is a chip on the unit's own board"
		}
		return "that is a separate module"
	case fModuleCertainty:
		return "known as " + w.bounds(c, list, "or better", "or worse")
	case fModuleBasis:
		return "known because it was " + list
	case fModuleRole:
		return "that sits in the " + list
	case fModuleUpdater:
		if c.test.supply() {
			return "whose updater " + w.test(p, c)
		}
		return "updated by " + list
	case fModuleBackEnd:
		return "that reports to " + list
	case fModuleSIMHome:
		return "whose SIM is at home in " + list
	}
	return "on " + w.who(p, c, depth)
}

// plain is a part of a condition, standing alone.
func (w english) plain(p *Policy, c *cond) string {
	if c.op == opAtom && c.fact.module() || len(c.kids) > 0 && !c.op.quantifier() && ofModules(c) {
		return "modules " + w.ofModule(p, c, 0)
	}
	return "vehicles " + w.who(p, c, 0)
}

// ofModules says whether a condition stands below a quantifier.
func ofModules(c *cond) bool {
	if c.op.quantifier() {
		return false
	}
	if c.kids == nil {
		return c.fact.module()
	}
	for _, k := range c.kids {
		if ofModules(k) {
			return true
		}
	}
	return false
}
