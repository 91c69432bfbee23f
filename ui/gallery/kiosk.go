package gallery

import (
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/ui/view"
	"sallyport/vin/telematics"
)

// The vehicles of the kiosk's pages: one for each verdict.
const (
	vinDeny  = "5YJXCAE4XMF000001"
	vinFlag  = "WBA53BJ0XNW000017"
	vinGrant = "WVWZZZ3BZWE000042"
)

var (
	srcModule = policy.Source{ID: "V0003", Title: "owner's manual (regulatory certification table)", Address: "https://www.tesla.com/ownersmanual/modelx/en_us/",
		Quote: "Telematics: Quectel AG525R-GL, FCC ID XMR2020AG525RGL", Date: "2021-10-05"}
	srcList = policy.Source{ID: "us-1260h-2026", Title: "US DoD, Section 1260H list, edition 2026-06-08", Address: "https://media.defense.gov/2026/Jun/08/2003945537/-1/-1/1/1260H.PDF",
		Quote: "Quectel Wireless Solutions Co., Ltd.", Date: "2026-06-08", Reply: "Quectel has stated that it is not a military company."}
)

// kioskSay has the words of the rules that the kiosk's pages name.
func kioskSay(_, rule, lang string) string {
	return map[string]map[string]string{
		"prc-module-restricted": {
			"en": "Its module comes from a maker under PRC control. Not allowed in this zone.",
			"pl": "Moduł pochodzi od producenta kontrolowanego z ChRL. W tej strefie jest to niedozwolone.",
			"de": "Das Modul stammt von einem Hersteller unter Kontrolle der VR China. In dieser Zone nicht erlaubt.",
		},
		"module-unknown": {
			"en": "It has a modem, and nobody knows whose.",
			"pl": "Pojazd ma modem nieznanego producenta.",
			"de": "Das Fahrzeug hat ein Modem; der Hersteller ist unbekannt.",
		},
		"before-site-year": {
			"en": "Older than the year this site chose, and nothing is known against it.",
			"pl": "Starszy niż rok wybrany przez obiekt i nic przeciw niemu nie wiadomo.",
			"de": "Älter als das von der Liegenschaft gewählte Jahr; nichts liegt dagegen vor.",
		},
	}[rule][lang]
}

// judged is a verdict as a lane shows it.
func judged(vin string) gate.Assessment {
	a := gate.Assessment{VIN: vin}
	a.Verdict.Policy, a.Verdict.Hash = "paper-baseline 1", strings.Repeat("ab12", 16)
	switch vin {
	case vinDeny:
		a.Vehicle = gate.VehicleView{Valid: true, Make: "TESLA", Model: "Model X", ModelYear: 2021, BuiltIn: "United States (USA)", BuiltInBasis: "plant of the VIN"}
		a.Verdict.Outcome = policy.Deny
		a.Verdict.Conditions, a.Verdict.ConditionIDs = []string{"park outside the fence"}, []string{"park-outside"}
		a.Verdict.Reasons = []policy.Reason{{Rule: "prc-module-restricted", Outcome: policy.Deny, Because: "Telematics unit: Quectel AG525R-GL is documented for this build; Quectel is controlled from CN.",
			Source: srcModule.Address, Quote: srcModule.Quote, Date: srcModule.Date, Instrument: srcList, Evidence: []policy.Source{srcModule, srcList}}}
	case vinGrant:
		a.Vehicle = gate.VehicleView{Valid: true, Make: "VOLKSWAGEN", Model: "Passat", ModelYear: 1998, BuiltIn: "Germany"}
		a.Verdict.Outcome, a.Verdict.Presumed = policy.Grant, true
		a.Verdict.Reasons = []policy.Reason{{Rule: "before-site-year", Outcome: policy.Grant, Because: "model_year 1998 is before 2009; modem is not known."}}
	default:
		a.Vehicle = gate.VehicleView{Valid: vin == vinFlag, Make: "BMW", Model: "540i", ModelYear: 2022, BuiltIn: "Germany"}
		a.Verdict.Outcome = policy.Flag
		a.Verdict.Reasons = []policy.Reason{{Rule: "module-unknown", Outcome: policy.Flag, Open: true, Because: "modem is fitted; the module's maker is not known."}}
		a.Verdict.Open = []policy.OpenQuestion{
			{Fact: "module.maker", Unit: "telematics unit", Ask: "Read the label on the telematics unit: FCC ID, IC, IMEI or module type", Rules: []string{"module-unknown"}},
			{Fact: "vehicle.built_in", Ask: "Read the maker's plate on the door frame: plant or country of manufacture", Rules: []string{"module-unknown"}},
		}
	}
	return a
}

// kioskEntries are the pages that stand on a kiosk.
func kioskEntries() []Entry {
	at := At()
	var out []Entry
	lane := func(name string, st gate.State, vin string, change func(*gate.LaneView)) {
		lv := gate.LaneView{Lane: "north-1", Name: "North 1", Zone: policy.ZoneRestricted, TurnOut: "Car park P3, left of the arm",
			State: st, Since: at, Version: 7, Arm: "closed", Durable: true, Radio: gate.RadioState{Sensors: 1, LastHeard: at}, LastEnd: gate.EndAdmitted}
		if vin != "" {
			p := gate.Passage{ID: gate.PassageID("p-" + vin), Lane: "north-1", At: at, Arrival: gate.Arrival{VIN: vin, Plate: "WE 4821K"}, Result: judged(vin)}
			lv.Passage, lv.Decision = &p, 1
			lv.Allowed = []gate.ActKind{gate.ActOpen, gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActReset}
			if p.Result.Verdict.Outcome == policy.Deny {
				lv.Allowed = []gate.ActKind{gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActReset, gate.ActOverride}
			}
			if st != gate.Waiting {
				lv.Allowed = []gate.ActKind{gate.ActReset}
			}
		}
		if change != nil {
			change(&lv)
		}
		out = append(out, Entry{Name: "kiosk-" + name, Role: auth.Guard, Path: "/lane/north-1", Gloves: true, Page: func(b view.Base) (view.Page, error) {
			k := view.NewKiosk(b, lv, kioskSay)
			k.Working, k.Watch, k.Stays, k.Inspects = true, true, true, true
			k.Signers = []string{"Ewa Maciejewska"}
			return k, nil
		}})
	}
	lane("idle", gate.Idle, "", nil)
	lane("coming", gate.Approaching, "", func(v *gate.LaneView) { v.Direction, v.Turns = gate.DirectionExit, true })
	lane("at-line", gate.AtLine, "", func(v *gate.LaneView) { v.LastEnd, v.Warnings = gate.EndLeft, []string{gate.WarnBackedOut} })
	lane("deciding", gate.Deciding, "", func(v *gate.LaneView) { v.Inbound = 2 })
	lane("grant", gate.Waiting, vinGrant, nil)
	lane("flag", gate.Waiting, vinFlag, nil)
	lane("deny", gate.Waiting, vinDeny, nil)
	lane("badvin", gate.Waiting, vinDeny[:16], func(v *gate.LaneView) {
		v.Passage.Result.Vehicle.Problems = []string{"The text has 16 characters; a VIN has 17."}
	})
	lane("clock", gate.Waiting, vinDeny, func(v *gate.LaneView) { v.Notice, v.Inbound = "clock", 3 })
	lane("admitting", gate.Admitting, vinGrant, func(v *gate.LaneView) { v.Arm = "open" })
	lane("arm-failed", gate.Admitting, vinGrant, func(v *gate.LaneView) { v.Arm, v.Notice, v.ArmFault = gate.ArmFault, gate.NoticeArm, "halfway" })
	lane("refusing", gate.Refusing, vinDeny, nil)
	lane("redirected", gate.Redirected, vinFlag, nil)
	lane("manual", gate.Manual, "", func(v *gate.LaneView) { v.Notice, v.Durable = gate.NoticeStorage, false })
	lane("out", gate.OutOfService, "", func(v *gate.LaneView) {
		v.Closed, v.Ordered = "works", &gate.Ordered{By: "Maria Kowalczyk-Wiśniewska", At: at.Add(-30 * time.Hour)}
	})
	lane("egress", gate.Egress, "", func(v *gate.LaneView) {
		v.Ordered, v.Direction, v.Arm = &gate.Ordered{At: at}, gate.DirectionExit, gate.ArmFault
		v.Alarms = []gate.Alarm{{ID: 1, Kind: gate.AlarmEgressArm, Since: at}}
	})
	lane("lost-device", gate.Waiting, vinDeny, func(v *gate.LaneView) {
		v.Notice, v.Devices = gate.NoticeDevice, []gate.DeviceStatus{{Device: "relay-board-7", Fault: "offline"}, {Device: string(gate.PointAtLine), Fault: "unread"}}
	})
	return slices.Concat(out, inspectEntries(at), trainEntries(at))
}

func inspectEntries(at time.Time) []Entry {
	source := telematics.Source{ID: "V0044", Title: "teardown", Address: "https://fccid.io/N7NEM7455", Quote: "EM7455 behind the instrument cluster", Date: "2023-04"}
	questions := []telematics.Question{
		{ID: telematics.AskLabel, Ask: "Read the label.", Kind: "label", Settles: true, Place: "behind the glove box, above the fuse carrier, two screws", Sources: []telematics.Source{source}},
		{ID: telematics.AskIMEI, Ask: "Read the IMEI.", Kind: "imei", Settles: true},
		{ID: telematics.AskDevices, Ask: "Ask for devices.", Kind: "device", Settles: true},
	}
	label := telematics.Label{Certain: true, Maker: "Sierra Wireless", Readings: []telematics.Reading{
		{Kind: "fcc_id", Text: "FCC ID: N7NEM7455", Value: "N7NEM7455", Makers: []telematics.Finding{{Maker: "Sierra Wireless", Model: "EM7455", Sources: []telematics.Source{source}}}},
		{Kind: "imei", Text: "35907206O123456", Value: "359072060123456", Mended: true},
	}}
	page := func(b view.Base, change func(*view.Inspect)) (view.Page, error) {
		p := gate.Passage{ID: "p-1", At: at, Arrival: gate.Arrival{VIN: vinFlag, Plate: "KR 5M821"}, Result: judged(vinFlag)}
		v := view.Inspect{Base: b, LaneID: "north-1", Name: "North 1", Draft: "d1", Vehicle: view.NewSent(b, &p, false).Vehicle, Looks: view.NewLooks(b, questions), Role: "tcu", Photos: true, MayCall: true}
		change(&v)
		return v, nil
	}
	record := view.Record{ID: "20261123T112800Z-77", Result: "found", Role: "tcu", By: "Maria Nowak-Lindqvist", At: at, Expires: at.AddDate(1, 0, 0), Maker: "Sierra Wireless"}
	entry := func(name string, p func(view.Base) (view.Page, error)) Entry {
		return Entry{Name: name, Role: auth.Guard, Path: "/lane/north-1/inspect", Gloves: true, Page: p}
	}
	return []Entry{
		entry("inspect-pick", func(b view.Base) (view.Page, error) {
			v := view.Inspections{Base: b, LaneID: "north-1", Name: "North 1", TurnOut: "Bay 2"}
			for i, vin := range []string{vinFlag, vinDeny} {
				p := gate.Passage{ID: gate.PassageID("p-" + vin), At: at, Arrival: gate.Arrival{VIN: vin, Plate: "KR 5M821"}, Result: judged(vin)}
				v.Rows = append(v.Rows, view.NewSent(b, &p, i == 0))
			}
			return v, nil
		}),
		entry("inspect-pick-none", func(b view.Base) (view.Page, error) {
			return view.Inspections{Base: b, LaneID: "north-1", Name: "North 1", VIN: "WBA53", Problem: b.T("error.inspect-vin")}, nil
		}),
		entry("inspect-look", func(b view.Base) (view.Page, error) { return page(b, func(*view.Inspect) {}) }),
		entry("inspect-found", func(b view.Base) (view.Page, error) {
			return page(b, func(v *view.Inspect) { v.Text, v.Found, v.Two = "FCC ID: N7NEM7455", view.NewReads(b, label), true })
		}),
		entry("inspect-unclear", func(b view.Base) (view.Page, error) {
			return page(b, func(v *view.Inspect) {
				v.Text, v.Problem = "MODULE 77", b.T("error.inspect-none")
				v.Found = view.NewReads(b, telematics.Label{Modules: []telematics.Finding{{Maker: "Sierra Wireless"}, {Maker: "Rolling Wireless"}}, Problems: []telematics.Problem{{Code: "several", Text: "The label may name Sierra Wireless or Rolling Wireless; it does not settle which."}}})
			})
		}),
		entry("inspect-recorded", func(b view.Base) (view.Page, error) {
			return page(b, func(v *view.Inspect) { r := record; v.Record = &r })
		}),
		entry("inspect-second", func(b view.Base) (view.Page, error) {
			return page(b, func(v *view.Inspect) {
				r := record
				r.Waits = true
				v.Record, v.People, v.ByPIN = &r, []string{"Ewa Maciejewska", "Jan Kowalczyk"}, true
			})
		}),
	}
}

func trainEntries(at time.Time) []Entry {
	lessons := gate.Lessons()
	entry := func(name string, n int, did gate.TrainAct, vin string) Entry {
		return Entry{Name: name, Role: auth.Guard, Path: "/train/now", Gloves: true, Page: func(b view.Base) (view.Page, error) {
			t := gate.NewTraining(lessons, at)
			for range n {
				l, _ := t.Lesson()
				t = t.Do(l.Right, at.Add(4*time.Second)).Next(at)
			}
			if did != "" {
				t = t.Do(did, at.Add(5*time.Second))
			}
			return view.NewTrain(b, t, judged(vin), kioskSay), nil
		}}
	}
	return []Entry{
		{Name: "train-start", Role: auth.Guard, Path: "/train", Gloves: true, Page: func(b view.Base) (view.Page, error) { return view.TrainStart{Base: b, Of: len(lessons)}, nil }},
		entry("train-grant", 0, "", vinGrant),
		entry("train-deny", 6, "", vinDeny),
		entry("train-manual", len(lessons)-1, "", ""),
		entry("train-right", 1, gate.TrainAct(gate.ActTurnAway), vinDeny),
		entry("train-wrong", 5, gate.TrainAct(gate.ActOpen), vinFlag),
		{Name: "train-result", Role: auth.Guard, Path: "/train", Gloves: true, Page: func(b view.Base) (view.Page, error) {
			t := gate.NewTraining(lessons, at)
			for i := range lessons {
				l, _ := t.Lesson()
				did := l.Right
				if i%5 == 4 {
					did = gate.TrainAct(gate.ActHold)
				}
				t = t.Do(did, at.Add(4*time.Second)).Next(at)
			}
			return view.NewTrainResult(b, t), nil
		}},
	}
}
