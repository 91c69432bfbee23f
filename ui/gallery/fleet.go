package gallery

import (
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/ui/view"
)

// fleetEntries are the pages of fleets.
func fleetEntries() []Entry {
	at := At()
	zones := []string{"restricted", "public"}
	fleet := gate.Fleet{ID: "bread-and-coal", Name: "Przedsiębiorstwo Zaopatrzenia Wojskowego Nord-Süd GmbH & Co. KG", Classes: []policy.Class{policy.ClassContractor, policy.ClassPrivate}, By: "Maria Nowak-Lindqvist", At: at}
	head := func(here string) view.FleetHead { return view.NewFleetHead(fleet, here, true) }
	listed := gate.Registration{VIN: "5YJXCAE42MF000001", Plate: "WE4821K", Class: policy.ClassContractor, BuiltOn: "2021-03-15", By: "Fryderyk Großmann-Wiśniewski", At: at.Add(-40 * 24 * time.Hour),
		Declared: []gate.Declared{{Kind: "fcc_id", Value: "XMR2020AG525RGL"}, {Kind: "tcu_part", Value: "1960017-00-H Rev. 04, as on the label behind the glove box"}}}
	deny := gate.Assessment{Vehicle: gate.VehicleView{Valid: true, Make: "TESLA", Model: "Model X", ModelYear: 2021, BuiltIn: "United States (USA)", BuiltInBasis: "vPIC plant pattern"}}
	src := policy.Source{Title: "owner's manual (regulatory certification table)", Address: "https://www.tesla.com/ownersmanual/modelx/en_us/", Quote: "Telematics: Quectel AG525R-GL, FCC ID XMR2020AG525RGL", Date: "2021-10-05"}
	deny.Verdict = policy.Verdict{Outcome: policy.Deny, Policy: "paper-baseline 3", Reasons: []policy.Reason{{Rule: "module-restricted-zone", Outcome: policy.Deny,
		Because: "Telematics unit: Quectel AG525R-GL is documented for this build; sources put Quectel under control from CN.", Source: src.Address, Quote: src.Quote, Date: src.Date, Evidence: []policy.Source{src}}},
		Conditions: []string{"Park outside, at the place the guard names"}, Open: []policy.OpenQuestion{{Fact: "module.maker", Ask: "Read the label on the telematics unit"}}}
	flag := deny
	flag.Verdict.Outcome, flag.Verdict.Reasons = policy.Flag, []policy.Reason{{Rule: "module-open-zone", Outcome: policy.Flag, Because: "Telematics unit: Quectel AG525R-GL is documented for this build."}}
	both := []gate.Assessment{deny, flag}
	exemption := gate.Exemption{ID: "x-1f2e3d4c5b6a7988", Fleet: fleet.ID, VIN: listed.VIN, Rule: "module-restricted-zone", Reason: "Brings the bread every morning before six; no other lorry can be had until the new one comes in spring.", From: at.Add(-24 * time.Hour), Until: at.AddDate(0, 2, 0), By: "Fryderyk Großmann-Wiśniewski", At: at.Add(-26 * time.Hour)}
	granted := exemption
	granted.ID, granted.Steps = "x-9a8b7c6d5e4f3a2b", []gate.ExemptionStep{{Kind: gate.ExemptionGranted, By: "Otto Weißmüller", At: at.Add(-25 * time.Hour), Note: "until the new lorry is here"}}
	rules := []view.RuleChoice{{ID: "module-restricted-zone", Title: "No vehicle with a module of a maker under PRC control enters a restricted or critical zone", Outcome: "deny"}, {ID: "unknown-module", Title: "Nobody knows whose module it is", Outcome: "flag"}}
	doc, err := gate.FileDocument(gate.Document{ID: "d-1", Kind: "maker-statement", Name: "Erklärung des Herstellers über das verbaute Mobilfunkmodul, unterschrieben, Fassung vom März.pdf", By: listed.By, At: at.Add(-time.Hour)}, []byte("%PDF-1.7\n%%EOF\n"))
	pass := gate.VehiclePass{ID: "p-0123456789abcdef", VIN: listed.VIN, Plate: listed.Plate, From: at.Add(-time.Hour), Until: at.AddDate(0, 1, 0), Zones: []string{"restricted"}, Conditions: []string{"Escort by the workshop"}, By: listed.By, At: at}
	row := func(b view.Base, seq int64, list []gate.Assessment) view.FleetVehicleRow {
		return b.Row(&gate.FleetVehicle{Seq: seq, Listed: listed, Papers: 2}, zones, list, nil)
	}
	entry := func(name, path string, role auth.Role, page func(b view.Base) view.Page) Entry {
		return Entry{Name: name, Role: role, Path: path, Page: func(b view.Base) (view.Page, error) { return page(b), err }}
	}
	counts := gate.FleetCount{All: 4963, Grant: 3120, Flag: 1290, Deny: 550, None: 3}
	notice := gate.Notice{ID: 7, At: at.Add(-3 * time.Hour), Seq: 31, Zone: "restricted", Before: "flag", After: "deny", Cause: []string{"policy"}, Version: 4, Rule: "module-restricted-zone", Because: deny.Verdict.Reasons[0].Because, Listed: listed}
	future := notice
	future.ID, future.Future, future.From, future.Before, future.After = 8, true, at.AddDate(0, 0, 9), "deny", "flag"
	imported := func(state gate.ImportState) *gate.ImportView {
		v := &gate.ImportView{ID: "i-1", Fleet: fleet.ID, File: "Flota 2026-11 (poprawiona, ostateczna).csv", State: state, Encoding: gate.Encoding1250, Comma: ';', Rows: 50_000, Class: policy.ClassContractor,
			Head: []string{"Numer VIN", "Nr rej.", "Klasa", "Uwagi kierownika floty, bardzo długa nazwa kolumny"}, Fields: []string{"vin", "plate", "class", ""},
			Samples: [][]string{{"5YJXCAE42MF000001", "WE 4821K", "wykonawca", "przegląd w maju"}, {"WVWZZZ3BZWE000042", "GD 4471", "wykonawca", "<script>alert(1)</script>"}}, Done: 31_500, Of: 50_000}
		if state != gate.ImportRead {
			v.New, v.Changed, v.Same, v.BadRows = 49_900, 60, 3, 37
		}
		if state == gate.ImportChecked {
			for i, f := range gate.VehicleFaultCodes() {
				v.Bad = append(v.Bad, gate.RowFault{VehicleFault: gate.VehicleFault{Field: "vin", Code: f, Value: "5YJXCAE42MF00000I"}, Line: 12 + i*131, Column: 1, Header: "Numer VIN"})
			}
		}
		if state == gate.ImportDone || state == gate.ImportStopped {
			v.Entered = 49_960
		}
		return v
	}
	importPage := func(state gate.ImportState) func(b view.Base) view.Page {
		return func(b view.Base) view.Page { return view.NewFleetImport(b, head("import"), imported(state)) }
	}
	exposures := gate.Exposures{At: at, Vehicles: 4963, Makers: []gate.ExposureRow{{Name: "", Grant: 900, Flag: 1100}, {Name: "Quectel", Deny: 540, Flag: 10}, {Name: "Telit Cinterion", Grant: 1220, Flag: 60}, {Name: "LG Electronics", Grant: 980}, {Name: "Rolling Wireless, whose name is as long as they come in registers", Flag: 120, Deny: 10}},
		Owners:  []gate.ExposureRow{{Name: "", Grant: 900, Flag: 1100}, {Name: "Quectel Wireless Solutions Co., Ltd.", Deny: 540, Flag: 10}, {Name: "Telit IoT Solutions Holding", Grant: 1220, Flag: 60}},
		Country: []gate.ExposureRow{{Name: "", Grant: 900, Flag: 1100}, {Name: "CN", Deny: 550, Flag: 10}, {Name: "US", Grant: 1220}, {Name: "KR", Grant: 980}},
		Certain: []gate.ExposureRow{{Name: "none", Grant: 900, Flag: 1100}, {Name: "documented", Deny: 500, Grant: 1800}, {Name: "reported", Flag: 90, Deny: 40}, {Name: "settled", Grant: 420, Deny: 10}}}
	return []Entry{
		entry("fleets", "/fleet", auth.SecurityManager, func(b view.Base) view.Page {
			return view.Fleets{Base: b, Manages: true, Asked: 2, Notices: 5, All: []string{"contractor", "private", "government", "military", "emergency", "diplomatic", "allied"}, Rows: []view.FleetRow{{FleetHead: head(""), Count: counts}, {FleetHead: view.FleetHead{ID: "motor-pool", Name: "Motor pool", Closed: true, Classes: []string{"military"}}, Count: gate.FleetCount{}}}}
		}),
		entry("fleets-none", "/fleet", auth.FleetManager, func(b view.Base) view.Page { return view.Fleets{Base: b} }),
		entry("fleet", "/fleet/of/bread-and-coal", auth.FleetManager, func(b view.Base) view.Page {
			xss := row(b, 32, nil)
			xss.VIN, xss.Plate, xss.Title = "", "GD4471", `<script>alert("x")</script>`
			return view.Fleet{Base: b, FleetHead: head("vehicles"), Count: counts, Rows: []view.FleetVehicleRow{row(b, 31, both), xss}, More: 30}
		}),
		entry("fleet-empty", "/fleet/of/bread-and-coal", auth.FleetManager, func(b view.Base) view.Page { return view.Fleet{Base: b, FleetHead: head("vehicles")} }),
		entry("fleet-vehicle", "/fleet/of/bread-and-coal/vehicles/31", auth.FleetManager, func(b view.Base) view.Page {
			return view.FleetVehicle{Base: b, FleetHead: head("vehicles"), Row: row(b, 31, both), Basis: "vPIC plant pattern", By: listed.By, Since: listed.At, Declared: listed.Declared,
				Zones: []view.FleetZone{b.Zone("restricted", deny, nil), b.Zone("public", flag, nil)}, Documents: []gate.Document{doc}, Kinds: gate.DocumentKinds(),
				Exemptions: []view.FleetExemption{b.Exemption(exemption, fleet.Name, true, false, false)}, Rules: rules, Passes: []view.FleetPassRow{b.Pass(pass)},
				Notices: []view.FleetNotice{b.Notice(future, fleet.Name, ""), b.Notice(notice, fleet.Name, "")}, ZoneNames: zones, IssuesPass: true, Today: "2026-11-23"}
		}),
		entry("fleet-add", "/fleet/of/bread-and-coal/add", auth.FleetManager, func(b view.Base) view.Page {
			r := row(b, 0, both)
			return &view.FleetForm{Base: b, FleetHead: head("add"), V: map[string]string{"vin": listed.VIN, "class": "contractor", "imei": "490154203237519"}, Wrong: map[string]string{"imei": b.T("fleet.fault.imei-form", "490154203237519")}, Row: &r}
		}),
		entry("fleet-import", "/fleet/of/bread-and-coal/import", auth.FleetManager, func(b view.Base) view.Page { return view.NewFleetImport(b, head("import"), nil) }),
		entry("fleet-import-read", "/fleet/of/bread-and-coal/import/i-1", auth.FleetManager, importPage(gate.ImportRead)),
		entry("fleet-import-checked", "/fleet/of/bread-and-coal/import/i-1", auth.FleetManager, importPage(gate.ImportChecked)),
		entry("fleet-import-stopped", "/fleet/of/bread-and-coal/import/i-1", auth.FleetManager, importPage(gate.ImportStopped)),
		entry("fleet-exposure", "/fleet/of/bread-and-coal/exposure", auth.FleetManager, func(b view.Base) view.Page {
			return view.NewFleetExposure(b, head("exposure"), "restricted", exposures)
		}),
		entry("fleet-notices", "/fleet/notices", auth.FleetManager, func(b view.Base) view.Page {
			return view.FleetNotices{Base: b, Rows: []view.FleetNotice{b.Notice(future, fleet.Name, ""), b.Notice(notice, fleet.Name, "")}}
		}),
		entry("fleet-exemptions", "/fleet/exemptions", auth.SecurityManager, func(b view.Base) view.Page {
			return view.FleetExemptions{Base: b, Version: 4, Said: b.T("fleet.done.granted"), Rows: []view.FleetExemption{b.Exemption(exemption, fleet.Name, false, true, true), b.Exemption(granted, fleet.Name, false, true, true)},
				Fleets: []view.FleetRow{{FleetHead: head("")}}, Rules: rules, Today: "2026-11-23"}
		}),
		{Name: "fleet-pass", Role: auth.FleetManager, Path: "/fleet/of/bread-and-coal/vehicles/31/passes/p-1", Page: func(b view.Base) (view.Page, error) {
			code, err := view.NewQR("eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJzYWxseXBvcnQ6d2VzdCIsInN1YiI6InAtMDEyMzQ1Njc4OWFiY2RlZiJ9.signature-signature-signature-signature-signature-signature")
			return view.NewFleetPass(b, head("vehicles"), 31, pass, code, func(_, key string) string { return b.T(key) }), err
		}},
	}
}
