package telematics

import (
	"cmp"
	"slices"
)

// Question is one act that would settle, or help to settle, which module is in
// a vehicle. Its ID is stable: a screen finds the words of another language by
// it. Ask, Kind and Cost are the same for every vehicle; the rest is not.
type Question struct {
	ID      string   `json:"id"`
	Ask     string   `json:"ask"`     // the act, in words a guard or driver can follow
	Kind    string   `json:"kind"`    // of what it yields: one of Kinds, or "" where it yields a paper to be judged
	Cost    int      `json:"cost"`    // rank of the effort, 1 the least
	Settles bool     `json:"settles"` // it reads this very vehicle's unit or device; else it narrows, as a paper or a letter does
	Unit    string   `json:"unit"`    // role of the unit it is about; "" where it is about the whole vehicle
	Place   string   `json:"place"`   // where that unit sits in this model, where a source says so
	Because string   `json:"because"` // why it is asked of this vehicle, in one plain sentence
	Sources []Source `json:"sources"` // what Place, or the reason for asking, rests on
}

// The acts. Their words stand in questionWords.
const (
	AskPapers       = "ask-papers"       // first registration and market, type approval
	AskLabel        = "read-label"       // label of the unit at its place
	AskManual       = "read-manual"      // certification table of the owner's manual
	AskIMEI         = "show-imei"        // the vehicle's own screen
	AskDevices      = "ask-devices"      // fitted or carried devices
	AskPart         = "read-part"        // TCU part number from the build sheet or a diagnostic read-out
	AskDeclaration  = "ask-declaration"  // EU declaration of conformity of the unit
	AskCertificate  = "ask-certificate"  // 15 CFR part 791 declaration of conformity
	AskSIM          = "ask-sim"          // operator of the SIM
	AskLetter       = "ask-letter"       // importer's or maker's letter
	AskBench        = "read-bus-id"      // on the bench, by the bus
	AskReplacements = "ask-replacements" // was the unit replaced
)

// act is what is the same for every vehicle.
type act struct {
	id, kind string
	cost     int
	settles  bool
}

// acts are in order of cost: what a driver shows at the line comes before what
// a person looks for in the car, that before what an office writes, and the
// bench comes last. The order is the customer's inspection practice and no
// measurement.
var acts = [...]act{
	{AskReplacements, "", 1, false},
	{AskDevices, "device", 2, true},
	{AskPapers, "", 3, false},
	{AskIMEI, "imei", 4, true},
	{AskManual, "fcc_id", 5, false},
	{AskLabel, "label", 6, true},
	{AskPart, "tcu_part", 7, true},
	{AskSIM, "", 8, false},
	{AskDeclaration, "ce_type", 9, false},
	{AskCertificate, "", 10, false},
	{AskLetter, "module", 11, false},
	{AskBench, "usb_id", 12, false},
}

// questionWords are the English words of each act. A screen in another language
// has its own by the same ids.
var questionWords = map[string]string{
	AskReplacements: "Ask whether the telematics unit was ever replaced or upgraded, and see the workshop's paper.",
	AskDevices:      "Ask for devices fitted or carried beside the car's own (tracker, dash-cam, insurance dongle, driver-assistance box) and read their labels.",
	AskPapers:       "Read the registration paper: day of first registration, country, and day of the type approval.",
	AskIMEI:         "Have the driver open the vehicle's information or emergency-call page and read the IMEI off the screen.",
	AskManual:       "Have the driver open the owner's manual at the radio certification table and read the FCC, IC or CE numbers beside the telematics unit.",
	AskLabel:        "Read the label of the telematics unit: FCC ID, IC, CE type and the module's marking. Photograph it as it is.",
	AskPart:         "Read the telematics unit's part number from the build sheet or a diagnostic read-out for this VIN.",
	AskSIM:          "Ask the keeper which operator's SIM the vehicle's contract is with.",
	AskDeclaration:  "Ask the maker or importer for the EU declaration of conformity of the telematics unit.",
	AskCertificate:  "Ask the maker for what its declaration of conformity under 15 CFR part 791 says of this vehicle's connectivity hardware.",
	AskLetter:       "Ask the importer or maker for a letter that names the cellular module of this VIN.",
	AskBench:        "On the bench, connect to the unit and read the USB or PCI id under which the modem answers.",
}

// Questions returns the acts that would settle which module is in the vehicle
// of a query, cheapest first, given the answer that Lookup gave to it. A
// vehicle whose modem is known not to be fitted is asked for devices only; one
// whose every unit has one documented module is asked whether that unit is
// still the one; any other is asked all that can apply to it.
func (c *Catalogue) Questions(q Query, a Answer) []Question {
	market := marketOf(q.Market)
	unit := a.asked()
	known := unit != nil && len(unit.Candidates) == 1 && unit.Candidates[0].Maker != "" && unit.Candidates[0].Certainty >= Documented
	var out []Question
	for _, k := range acts {
		question := Question{ID: k.id, Ask: questionWords[k.id], Kind: k.kind, Cost: k.cost, Settles: k.settles, Sources: []Source{}}
		if unit != nil && k.id != AskDevices && k.id != AskPapers {
			question.Unit = unit.Role
		}
		if !c.applicable(k.id, q, a, market, known, unit, &question) {
			continue
		}
		out = append(out, question)
	}
	slices.SortStableFunc(out, func(x, y Question) int { return cmp.Compare(x.Cost, y.Cost) })
	return out
}

// asked is the unit that the questions are about: the one of which least is
// known, the telematics unit before another.
func (a Answer) asked() *Unit {
	var worst *Unit
	for i := range a.Units {
		u := &a.Units[i]
		if worst == nil || openness(worst) < openness(u) {
			worst = u
		}
	}
	return worst
}

// openness ranks a unit by how little is known of it: no module named, then
// several, then one.
func openness(u *Unit) int {
	switch {
	case u.Candidates[0].Maker == "":
		return 2
	case len(u.Candidates) > 1:
		return 1
	}
	return 0
}

// applicable says whether an act is worth its while for a vehicle, and why.
func (c *Catalogue) applicable(id string, q Query, a Answer, market string, known bool, unit *Unit, to *Question) bool {
	none := a.ModemFitted.Value == No
	switch id {
	case AskDevices:
		to.Because = "Nothing known of the car says what else with a modem is fitted in it or carried in it."
		return true
	case AskReplacements:
		to.Because = "A unit may have been exchanged since the vehicle was built."
		if unit != nil {
			for _, cd := range unit.Candidates {
				to.Sources = append(to.Sources, cd.Sources[0])
			}
		}
		if ended := c.Sunsets(a, market, q.At); len(ended) > 0 {
			for _, s := range ended {
				to.Because += " " + s.Because
				to.Sources = append(to.Sources, s.Source)
			}
			to.Because += " A unit of that generation may have been exchanged for that; else it is still there."
		}
		return !none && unit != nil
	case AskPapers:
		to.Because = "The market, the build period or the day of the type approval is not known, and sources differ by it."
		return !none && !known && (market == "" || q.Year == 0 || a.ModemFitted.Value == Unknown && q.TypeApproved == "")
	}
	if none || known && id != AskLabel && id != AskIMEI {
		return false
	}
	switch id {
	case AskLabel:
		to.Because = "The label of the unit names its module's approval, whatever the car's make."
		if unit != nil && unit.Place.Value != "" {
			to.Place, to.Sources = unit.Place.Value, unit.Place.Sources
		}
	case AskIMEI:
		to.Because = "The first eight digits of an IMEI are those of the modem's type approval."
	case AskManual:
		to.Because = "Makers print the radio approvals of a build period in the manual; a manual for several variants narrows and does not settle."
	case AskPart:
		to.Because = "The part number tells which of a model's units was built in."
		if unit != nil {
			for _, cd := range unit.Candidates {
				if cd.TCUPart != "" {
					to.Because = "Sources give the part numbers of this model's units: they tell them apart."
					to.Sources = append(to.Sources, cd.Sources[0])
				}
			}
		}
	case AskDeclaration:
		to.Because = "Who sells radio equipment in the Union must declare its conformity and name its maker."
		return market == "" || market == "EU" || c.eu[market]
	case AskCertificate:
		to.Because = "Makers who sell in the United States from model year 2027 on must know who made this hardware."
		return market == "US" && q.Year >= 2027
	case AskSIM:
		to.Because = "Where the SIM's home network is cannot be seen from the lane."
		return unit == nil || unit.Candidates[0].SIMHome.Value == ""
	case AskLetter:
		to.Because = "The maker or importer knows from the build record which module was built in."
	case AskBench:
		to.Because = "A modem tells its vendor id on the bus; it shows who enumerates, not who made it."
	}
	return true
}
