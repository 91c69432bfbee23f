package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// Judge gathers the evidence on a vehicle from the reference data and asks the
// policy. It is the one Assessor of the product: the lane, the command line and
// the device API all go through it. It is pure and safe for concurrent use.
type Judge struct {
	index     *vin.Index
	catalogue *telematics.Catalogue
	policy    *policy.Policy
	supply    *GraphSupply
	observed  *telematics.Shares // of inspections; nil where nothing is learnt
	zone      *time.Location     // of the site; nil is not set
	vpic      edition
	known     edition // of the catalogue
	behind    edition // of the supply graph
}

// edition is the name of an edition of reference data, and the day in it.
type edition struct {
	name string
	day  time.Time // zero where the name holds none
	date string    // day as RFC 3339 date; empty likewise
}

// vpicAddress is where NHTSA publishes vPIC.
const vpicAddress = "https://vpic.nhtsa.dot.gov/"

// NewJudge makes a Judge of the reference data and a policy.
func NewJudge(index *vin.Index, catalogue *telematics.Catalogue, graph *supply.Graph, p *policy.Policy) *Judge {
	return &Judge{
		index: index, catalogue: catalogue, policy: p, supply: NewGraphSupply(graph),
		vpic: dated(index.Edition()), known: dated(catalogue.Edition()), behind: dated(graph.Edition()),
	}
}

// Observing is the Judge with what the site has learnt from inspections as of
// one moment.
func (j *Judge) Observing(shares *telematics.Shares) *Judge {
	k := *j
	k.observed = shares
	return &k
}

// In is the Judge at a site that keeps the time of a zone. Nil is a site of which
// none is set: its clock shows UTC.
func (j *Judge) In(zone *time.Location) *Judge {
	k := *j
	k.zone = zone
	return &k
}

// Policy is the policy that decides.
func (j *Judge) Policy() *policy.Policy { return j.policy }

// Assess gathers the facts of r, evaluates the policy, and keeps every question
// that the policy put to the supply graph.
//
// What is doubtful can raise a verdict and never lowers one: what was read off
// a VIN that is not valid or fits no pattern of its maker, and a class that no registration names. The vehicle
// is judged once more without each of them, and without both, and the strictest
// assessment is the answer, with the facts it rests on.
//
// A VIN in which one character was certainly misread is judged as the one it
// must have been, and the notes say so.
func (j *Judge) Assess(r Request) Assessment {
	d, notes := j.read(r)
	a, _ := j.judge(&d, r, 0)
	view := a.Vehicle
	against := func(d *vin.Decoded, r Request, doubts ...string) {
		if b, stricter := j.judge(d, r, a.Verdict.Outcome); stricter {
			a = b
			a.Vehicle, a.Notes = view, append(a.Notes, doubts...)
		}
	}
	classless := r
	classless.Stated = ""
	stated := r.Class == "" && r.Stated != ""
	if stated {
		against(&d, classless, doubtfulClass)
	}
	plain := r
	plain.Registered = Registered{}
	if r.Registered.Claimed {
		against(&d, plain, claimedPapers)
	}
	doubt := doubtOfVIN(&d)
	if r.ByList && doubt == "" {
		doubt = listedVIN
	}
	if doubt != "" {
		blank := vin.Decoded{VIN: d.VIN, Problems: d.Problems}
		against(&blank, withoutVIN(r), doubt)
		if stated {
			against(&blank, withoutVIN(classless), doubt, doubtfulClass)
		}
	}
	a.Notes = append(a.Notes, notes...)
	return a
}

// read decodes the VIN that the request's text stands for; notes say where that
// is another than was read, or may be.
func (j *Judge) read(r Request) (d vin.Decoded, notes []string) {
	opt := vin.Options{Year: r.At.UTC().Year()}
	d = j.index.DecodeText(r.VIN, opt)
	if d.Valid || r.VIN == "" {
		return d, nil
	}
	text := j.index.Understand(r.VIN, vin.CorrectOptions{Year: opt.Year, Expected: r.Expected})
	c := text.Correction
	if v := cmp.Or(text.VIN, text.Scan.VIN); v != "" {
		d = j.index.Decode(v, opt)
	}
	if c.VIN != "" {
		notes = append(notes, "read as "+string(c.Read)+" and corrected to "+string(c.VIN)+". "+c.Why)
	} else if len(c.Candidates) > 0 {
		may := make([]string, len(c.Candidates))
		for i, k := range c.Candidates {
			may[i] = string(k.VIN)
		}
		of := ""
		if c.Candidates[0].Expected {
			of = "this site's list: "
		}
		notes = append(notes, "read as "+string(c.Read)+", which may be a misreading of "+of+strings.Join(may, " or ")+". "+c.Why)
	}
	if len(text.Scan.Candidates) > 0 {
		notes = append(notes, "several VINs may be meant by what was read: none of them was chosen")
	}
	return d, notes
}

// doubtOfVIN says why what a VIN says is doubtful, or "". A check digit can be
// made to fit: a VIN of a maker that NHTSA knows, on which none of its patterns
// fits, is that of no vehicle known to have been built.
func doubtOfVIN(d *vin.Decoded) string {
	switch {
	case d.VIN == "":
		return missingVIN
	case !d.Valid:
		return doubtfulVIN
	case d.Codes.Has(vin.CodeNoData):
		return unknownVIN
	}
	return ""
}

// What an assessment notes where a doubt decided.
const (
	missingVIN    = "no VIN was given: what is said of the vehicle without one counts in no vehicle's favour"
	doubtfulVIN   = "the VIN is not valid: what it seems to say counts in no vehicle's favour"
	unknownVIN    = "no pattern of vPIC fits this VIN: what it seems to say counts in no vehicle's favour"
	listedVIN     = "the VIN was not read but taken from the site's list by the plate: what it says counts in no vehicle's favour"
	claimedPapers = "what the fleet declares of the vehicle's make, model and day of build rests on no papers that anybody has seen: it counts in no vehicle's favour"
	doubtfulClass = "the class was entered at the lane and no registration says so: it counts in no vehicle's favour"
)

// statedAtLane is the source of a class that somebody entered.
const statedAtLane = "as entered at the lane; no registration says so"

// withoutVIN is the request of a vehicle that its VIN does not identify. It is
// not known to be the one that papers speak of; a person who inspected it under
// the very same text knows it.
func withoutVIN(r Request) Request {
	if r.Registered.From.Title == "" || r.Registered.Claimed {
		r.Registered = Registered{}
	}
	if r.ByList {
		r.Authorisations = nil
	}
	r.Inspections = slices.DeleteFunc(slices.Clone(r.Inspections), func(in Inspection) bool { return r.ByList || in.VIN != NormalVIN(r.VIN) })
	return r
}

// sharesLiftNothing is noted where what was found in other vehicles would have
// made a denial milder.
const sharesLiftNothing = "denied by what is known of this kind of vehicle without the site's inspections of others: they lift no denial, an inspection of this one may"

// judge decides on the vehicle, and says whether it comes out stricter than an
// outcome; only then is it put into words. What was found in other vehicles of
// its kind can raise a verdict, and settle what was open as far as the policy
// takes shares; it lifts no denial.
func (j *Judge) judge(d *vin.Decoded, r Request, than policy.Outcome) (Assessment, bool) {
	a := j.weigh(d, r)
	if j.observed != nil || than > 0 {
		o := j.policy.Decide(&a.Facts, j.supply)
		if j.observed != nil && o != policy.Deny && j.observed.Speaks(query(&a.Facts, d, r)) {
			if b := j.Observing(nil).weigh(d, r); j.policy.Decide(&b.Facts, j.supply) == policy.Deny {
				b.Notes = append(b.Notes, sharesLiftNothing)
				a, o = b, policy.Deny
			}
		}
		if o <= than {
			return Assessment{}, false
		}
	}
	rec := &recorder{supply: j.supply}
	a.Verdict = j.policy.Evaluate(&a.Facts, rec)
	a.Asked = rec.asked
	return a, true
}

// weigh gathers the facts.
func (j *Judge) weigh(d *vin.Decoded, r Request) Assessment {
	a := Assessment{VIN: string(d.VIN), Plate: r.Plate, Vehicle: vehicleView(d, r.Registered)}
	a.Facts = j.gather(d, r, &a)
	return a
}

// Replay computes the verdict of a recorded assessment again, from what the
// record holds and nothing else. The policy must be the one whose hash the
// record names; with it the result is the recorded verdict, byte for byte.
func Replay(p *policy.Policy, a Assessment) policy.Verdict {
	return p.Evaluate(&a.Facts, answered(a.Asked))
}

// answered is a Supply that knows the recorded answers only.
type answered []Asked

func (r answered) Ask(q policy.SupplyQuestion) policy.SupplyAnswer {
	for _, k := range r {
		if k.Q == q {
			return k.A
		}
	}
	return policy.SupplyAnswer{Because: "the record holds no answer to this question"}
}

// recorder keeps each question once, with its answer, in the order asked.
type recorder struct {
	supply policy.Supply
	asked  []Asked
}

func (r *recorder) Ask(q policy.SupplyQuestion) policy.SupplyAnswer {
	for i := range r.asked {
		if r.asked[i].Q == q {
			return r.asked[i].A
		}
	}
	a := r.supply.Ask(q)
	r.asked = append(r.asked, Asked{Q: q, A: a})
	return a
}

func vehicleView(d *vin.Decoded, reg Registered) VehicleView {
	v := VehicleView{
		Valid: d.Valid, Make: d.Make, Model: d.Model, ModelYear: d.ModelYear,
		Manufacturer: d.Manufacturer, Type: d.VehicleType, Body: d.BodyClass,
		BuiltIn: d.BuiltIn.Country, BuiltInBasis: d.BuiltIn.Basis,
	}
	for _, p := range d.Problems {
		v.Problems = append(v.Problems, p.Text)
	}
	if v.Make == "" {
		v.Make = strings.ToUpper(reg.Make)
	}
	if v.Model == "" {
		v.Model = reg.Model
	}
	if v.ModelYear == 0 {
		v.ModelYear = reg.ModelYear
	}
	return v
}

// gather fills the facts. What it cannot use it says in a.Notes.
func (j *Judge) gather(d *vin.Decoded, r Request, a *Assessment) policy.Facts {
	f := policy.Facts{At: r.At.UTC(), Moment: r.Moment}
	if d.ModelYear != 0 && !mayBeBuilt(r.Registered.BuiltOn, d.ModelYear) {
		a.Notes = append(a.Notes, fmt.Sprintf("the day of build on the papers, %s, is not one of a vehicle of model year %d: it is not used", r.Registered.BuiltOn, d.ModelYear))
		r.Registered.BuiltOn = ""
	}
	f.Vehicle = j.vehicleFacts(d, r.Registered)
	if read, _ := vin.Parse(r.VIN); d.VIN != "" && read != d.VIN {
		f.Vehicle.VIN.From.Title = "found in what was scanned or typed, and corrected where the notes say so"
	}
	if r.ByList {
		f.Vehicle.VIN.From.Title = "the site's list, by the plate"
	}
	j.moduleFacts(&f, d, r, a)
	if r.Identity != nil {
		f.Arrival = r.Identity.Facts
		f.Arrival.Findings = slices.Clone(f.Arrival.Findings)
		j.watchedModules(&f, r.Identity.Makers)
	}
	f.Registration.Authorisations = r.Authorisations
	if r.Class != "" {
		f.Registration.Class = policy.Know(r.Class, policy.Source{Title: "registration or plate list of the site"})
	} else if r.Stated != "" {
		f.Registration.Class = policy.Know(r.Stated, policy.Source{Title: statedAtLane})
	}
	if r.Zone != 0 {
		f.Site.Zone = policy.Know(r.Zone, policy.Source{Title: "configuration of the lane"})
	}
	if r.Market != "" {
		f.Site.Market = policy.Know(r.Market, policy.Source{Title: "configuration of the lane or registration"})
	}
	if r.OnCall != nil {
		f.Arrival.OnCall = policy.Know(*r.OnCall, policy.Source{Title: "as a person at the lane said"})
	}
	j.clock(&f)
	f.Site.Posture = policy.Know(r.Posture, policy.Source{Title: "posture of the site"})
	f.Data = j.Data(f.At)
	if r.Radio != nil {
		var makers []policy.Leaf[policy.Party]
		f.Radio, makers = j.radioFacts(*r.Radio, j.believed(&f, d, r))
		j.strictest(&f, makers)
	}
	return f
}

// clock says what the site's own clock and calendar show.
func (j *Judge) clock(f *policy.Facts) {
	from, at := policy.Source{Title: "UTC: no time zone of the site is set"}, f.At
	if j.zone != nil {
		from.Title, at = "the site's time zone, "+j.zone.String(), at.In(j.zone)
	}
	f.Site.LocalTime = policy.Know(at.Hour()*60+at.Minute(), from)
	f.Site.Weekday = policy.Know(strings.ToLower(at.Weekday().String()[:3]), from)
}

// mayBeBuilt says whether a vehicle of a model year may have been built then.
// Model years begin in the calendar year before, now and then earlier, and a
// last vehicle leaves the line after the year's end.
func mayBeBuilt(on string, modelYear int) bool {
	if len(on) < 4 {
		return true
	}
	y, err := strconv.Atoi(on[:4])
	return err == nil && y >= modelYear-2 && y <= modelYear+1
}

// Data is the edition and age of the reference data at an instant.
func (j *Judge) Data(at time.Time) policy.DataFacts {
	return policy.DataFacts{
		VPICEdition:      j.vpic.name,
		CatalogueEdition: j.known.name,
		SupplyEdition:    j.behind.name,
		VPICAgeDays:      j.vpic.age(at),
		CatalogueAgeDays: j.known.age(at),
		SupplyAgeDays:    j.behind.age(at),
	}
}

// dated finds the RFC 3339 date in an edition's name, such as
// "NHTSA vPIC 2026-02-17" or "2026-11-22.14ecf3a8".
func dated(name string) edition {
	e := edition{name: name}
	for i := 0; i+len(time.DateOnly) <= len(name); i++ {
		if day, err := time.Parse(time.DateOnly, name[i:i+len(time.DateOnly)]); err == nil {
			e.day, e.date = day, name[i:i+len(time.DateOnly)]
			break
		}
	}
	return e
}

// age is the number of days since the edition.
func (e edition) age(at time.Time) policy.Leaf[int] {
	if e.date == "" {
		return policy.Leaf[int]{}
	}
	return policy.Know(int(at.Sub(e.day).Hours()/24), policy.Source{Title: "edition of the data", Date: e.date})
}

func (j *Judge) vehicleFacts(d *vin.Decoded, reg Registered) policy.VehicleFacts {
	var v policy.VehicleFacts
	from := j.vinSource(d.Basis)
	if from.Title == "" {
		from.Title = "VIN"
	}
	paper := reg.From
	if paper.Title == "" {
		paper.Title = "registration, as presented"
	}
	text := func(decoded, registered string) policy.Leaf[string] {
		switch {
		case decoded != "":
			return policy.Know(decoded, from)
		case registered != "":
			return policy.Know(registered, paper)
		}
		return policy.Leaf[string]{}
	}
	if d.VIN != "" {
		v.VIN = policy.Know(string(d.VIN), policy.Source{Title: "as scanned or typed"})
	}
	v.Make = text(d.Make, strings.ToUpper(reg.Make))
	v.Model = text(d.Model, reg.Model)
	v.Type = text(d.VehicleType, "")
	if d.ModelYear != 0 {
		v.ModelYear = policy.Know(d.ModelYear, from)
	} else if reg.ModelYear != 0 {
		v.ModelYear = policy.Know(reg.ModelYear, paper)
	}
	if _, err := time.Parse(time.DateOnly, reg.BuiltOn); err == nil {
		v.BuiltOn = policy.Know(reg.BuiltOn, paper)
	}
	if b := d.BuiltIn; b.Code != "" {
		from := j.vinSource(b.Basis)
		if from.Quote = b.Note; b.Source != "" {
			from.Address, from.Date = b.Source, ""
		}
		leaf := policy.Know(b.Code, from)
		if b.Weak {
			v.WMICountry = leaf
		} else {
			v.BuiltIn = leaf
		}
	}
	if kg, ok := upperWeight(d.Attribute("GVWR_to"), d.GVWR); ok {
		v.WeightKg = policy.Know(kg, from)
	}
	if kg, ok := lowerWeight(d.GVWR); ok {
		v.WeightLeastKg = policy.Know(kg, from)
	}
	if p, ok := j.supply.graph.FindMaker(d.Manufacturer, v.Make.Value, v.Type.Value); ok {
		v.Maker = policy.Know(policy.Party(p.ID), policy.Source{ID: p.ID, Title: "supply graph: " + p.Name, Address: p.Source, Quote: p.Quote, Date: p.Date})
	}
	return v
}

// vinSource is the source of what the VIN says, on a basis that the decoder
// names. Only what rests on NHTSA's own rows carries NHTSA's address.
func (j *Judge) vinSource(basis string) policy.Source {
	s := policy.Source{Title: basis, Date: j.vpic.date}
	switch basis {
	case vin.BasisVPIC, vin.BasisPlant, vin.BasisPlantCode, vin.BasisWMI:
		s.Address = vpicAddress
	}
	return s
}

// upperWeight reads the upper bound in kilograms off the first of vPIC's gross
// weight classes that has one: "Class 2E: 6,001 - 7,000 lb (2,722 - 3,175 kg)".
func upperWeight(classes ...string) (int, bool) {
	for _, class := range classes {
		open, end := strings.LastIndexByte(class, '('), strings.LastIndex(class, " kg")
		if open < 0 || end < open || strings.Contains(class, "above") {
			continue
		}
		words := strings.Fields(class[open+1 : end])
		if len(words) == 0 {
			continue
		}
		kg, err := strconv.Atoi(strings.ReplaceAll(words[len(words)-1], ",", ""))
		if err == nil {
			return kg, true
		}
	}
	return 0, false
}

// lowerWeight reads the lower bound in kilograms off one of vPIC's gross weight
// classes: "Class 8: 33,001 lb and above (14,969 kg and above)".
func lowerWeight(class string) (int, bool) {
	_, in, _ := strings.Cut(class, "(")
	words := strings.Fields(in)
	if len(words) < 2 || strings.Contains(in, "or less") {
		return 0, false
	}
	kg, err := strconv.Atoi(strings.ReplaceAll(words[0], ",", ""))
	return kg, err == nil
}

// query is the vehicle as the catalogue is asked about it.
func query(f *policy.Facts, d *vin.Decoded, r Request) telematics.Query {
	v := &f.Vehicle
	built := r.Registered.BuiltOn
	if d.ModelYear != 0 && !mayBeBuilt(built, d.ModelYear) {
		built = ""
	}
	return telematics.Query{
		Make: v.Make.Value, Model: v.Model.Value, Year: v.ModelYear.Value, Market: r.Market,
		VehicleType: v.Type.Value, Fuel: d.FuelPrimary, BuiltIn: v.BuiltIn.Value, Built: built, Plant: plantOf(d), At: f.At,
	}
}

// plantOf names the plant that a VIN says, in the words in which an inspection
// of the vehicle keeps it.
func plantOf(d *vin.Decoded) string { return strings.Trim(d.PlantCity+", "+d.PlantCountry, ", ") }

// moduleFacts says whether a modem is fitted and what may be in each unit: from
// the catalogue, from inspections of others of its kind, from what was declared,
// and from what was inspected on this very vehicle. A declaration adds a unit and
// takes none away; an inspection in date settles the unit it names.
func (j *Judge) moduleFacts(f *policy.Facts, d *vin.Decoded, r Request, a *Assessment) {
	q := query(f, d, r)
	known := j.catalogue.Lookup(q)
	if j.observed != nil {
		known = j.observed.Merge(q, known)
	}
	f.Modem = fitted(known.ModemFitted)
	f.Capabilities = capabilities(f.Capabilities, known.Can)
	for _, u := range known.Units {
		f.Units = append(f.Units, j.unit(u, f.Vehicle.Maker))
	}
	j.inspected(f, r, a)
	for _, dec := range r.Declared {
		j.declare(f, dec, a)
	}
}

func fitted(a telematics.Fitted) policy.Leaf[bool] {
	from := policy.Source{Title: a.Because}
	if len(a.Sources) > 0 {
		from = source(a.Sources[0])
		from.Title = a.Because
	}
	switch a.Value {
	case telematics.Yes:
		return policy.Know(true, from)
	case telematics.No:
		return policy.Know(false, from)
	case telematics.Unknown:
	}
	return policy.Leaf[bool]{}
}

// unit turns a unit of the catalogue into facts; maker is that of the vehicle.
func (j *Judge) unit(u telematics.Unit, maker policy.Leaf[policy.Party]) policy.Unit {
	out := policy.Unit{Role: u.Role, Name: u.Name}
	switch u.Fitted {
	case telematics.Yes:
		out.Fitted = policy.Know(true, policy.Source{Title: "telematics catalogue"})
	case telematics.No:
		out.Fitted = policy.Know(false, policy.Source{Title: "telematics catalogue"})
	case telematics.Unknown:
	}
	for _, c := range u.Candidates {
		k := j.candidate(c.Maker, c.Model, c.ChipDown, c.Sources)
		k.Certainty, k.Basis = certainty(c.Certainty), "catalogue"
		j.told(&k, c, maker)
		out.Candidates = append(out.Candidates, k)
	}
	return out
}

// candidate looks the maker up among the parties of the supply graph. A maker
// that is no party stays unknown to the policy, by its name.
func (j *Judge) candidate(maker, model string, chipDown bool, sources []telematics.Source) policy.Candidate {
	c := policy.Candidate{MakerName: maker}
	for _, s := range sources {
		c.Sources = append(c.Sources, source(s))
	}
	var from policy.Source
	if len(c.Sources) > 0 {
		from = c.Sources[0]
	}
	if p, ok := j.supply.graph.Find(maker); ok && maker != "" {
		c.Maker = policy.Know(policy.Party(p.ID), from)
	}
	if model != "" {
		c.Model = policy.Know(model, from)
	}
	if maker != "" || model != "" || chipDown {
		c.ChipDown = policy.Know(chipDown, from)
	}
	return c
}

func source(s telematics.Source) policy.Source {
	return policy.Source{ID: s.ID, Title: s.Title, Address: s.Address, Quote: s.Quote, Date: s.Date, Reply: s.Reply}
}

func certainty(c telematics.Certainty) policy.Certainty {
	switch c {
	case telematics.Settled:
		return policy.CertaintySettled
	case telematics.Documented:
		return policy.CertaintyDocumented
	case telematics.Observed:
		return policy.CertaintyObserved
	case telematics.Reported:
		return policy.CertaintyReported
	case telematics.None:
	}
	return policy.CertaintyNone
}

// noModem is the kind of a declaration or inspection that found no modem.
const noModem = "no_modem"

// The roles of a unit.
const (
	roleTCU      = "tcu"
	roleHeadUnit = "head-unit"
	roleDevice   = "device"
	roleUnknown  = "unknown"
)

// declare adds what the driver or the fleet says. It adds a unit beside those
// of the catalogue: a declaration can raise suspicion, it clears nothing.
func (j *Judge) declare(f *policy.Facts, d Declared, a *Assessment) {
	if d.Kind == noModem {
		a.Notes = append(a.Notes, "declared to have no modem: a declaration clears nothing")
		return
	}
	id := j.catalogue.Identify(d.Kind, d.Value)
	for _, p := range id.Problems {
		a.Notes = append(a.Notes, "declared "+d.Kind+": "+p.Text)
	}
	said := policy.Source{Title: "declared for this vehicle", Quote: d.Kind + " " + d.Value, Date: f.At.Format(time.DateOnly)}
	u := policy.Unit{Name: d.Value, Role: roleUnknown, Fitted: policy.Know(true, said)}
	switch d.Kind {
	case "device":
		u.Role = roleDevice
	case "tcu_part":
		u.Role = roleTCU
	case "module":
		u.Name = "unit declared to hold " + d.Value
	default:
		u.Name = "unit declared with " + labelNames[d.Kind] + " " + d.Value
	}
	for _, m := range modulesOf(id, "declared", a) {
		c := j.candidate(m.Maker, m.Model, m.ChipDown, m.Sources)
		c.Certainty, c.Basis = certainty(m.Certainty), "declared"
		c.Sources = append(c.Sources, said)
		u.Candidates = append(u.Candidates, c)
	}
	f.Units = append(f.Units, u)
}

// labelNames are the kinds of identifiers as a label names them.
var labelNames = map[string]string{"fcc_id": "FCC ID", "ic": "IC number", "ce_type": "type designation", "imei": "IMEI", "usb_id": "bus id"}

// modulesOf are the findings that say whose module it is. The maker of a whole
// unit is the maker of its module only where the unit has no separate one; and
// a Wi-Fi module is no modem. What is passed over is said in the notes.
func modulesOf(id telematics.Identification, how string, a *Assessment) []telematics.Finding {
	var out []telematics.Finding
	for _, m := range id.Makers {
		var what string
		switch {
		case m.NotCellular:
			what = "is no modem"
		case m.Unit && !m.ChipDown:
			what = "is the whole unit; the module in it is not named"
		default:
			out = append(out, m)
			continue
		}
		a.Notes = append(a.Notes, strings.Join(strings.Fields(how+" "+id.Kind+" "+id.Value+": "+m.Maker+" "+m.Model+" "+what), " "))
	}
	return out
}
