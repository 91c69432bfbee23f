package gallery

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy/supply"
	drawing "sallyport/policy/supply/picture"
	"sallyport/rf/privacy"
	"sallyport/ui/view"
	"sallyport/vin/telematics"
)

// knowledgeEntries are the pages of the knowledge in use and of what the site is.
// Catalogue and supply graph are those built into the program.
func knowledgeEntries() []Entry {
	at := At()
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	return []Entry{
		{Name: "catalogue", Role: auth.SecurityManager, Path: "/catalogue", Page: func(b view.Base) (view.Page, error) { return catalogue(b, "", "") }},
		{Name: "catalogue-search", Role: auth.SecurityManager, Path: "/catalogue", Page: func(b view.Base) (view.Page, error) { return catalogue(b, "tesla 2022", "") }},
		{Name: "catalogue-none", Role: auth.FleetManager, Path: "/catalogue", Page: func(b view.Base) (view.Page, error) {
			return catalogue(b, "a make that nobody has heard of, Donaudampfschifffahrtsgesellschaft", b.T("error.no-vin"))
		}},
		{Name: "knownvehicle", Role: auth.SecurityManager, Path: "/catalogue", Page: func(b view.Base) (view.Page, error) {
			return knownVehicle(b, view.VehicleAsk{Make: "Tesla", Model: "Model 3", Year: 2022, Market: "EU"})
		}},
		{Name: "knownvehicle-unknown", Role: auth.FleetManager, Path: "/catalogue", Page: func(b view.Base) (view.Page, error) {
			return knownVehicle(b, view.VehicleAsk{Make: "Škoda", Model: "Octavia", Year: 1998, Market: "PL"})
		}},
		{Name: "supply-search", Role: auth.SecurityManager, Path: "/supply", Page: func(b view.Base) (view.Page, error) {
			g, err := supply.Embedded()
			if err != nil {
				return nil, err
			}
			return &view.Supply{Base: b, Text: "tel", Found: g.Parties()[:12], Edition: g.Edition()}, nil
		}},
		{Name: "supply", Role: auth.SecurityManager, Path: "/supply", Page: func(b view.Base) (view.Page, error) { return owners(b, "telit_cinterion", day, nil) }},
		{Name: "supply-whatif", Role: auth.SecurityManager, Path: "/supply", Page: func(b view.Base) (view.Page, error) {
			return owners(b, "quectel", day, &view.Supposed{How: "drop", Done: true, Zone: "restricted", Policy: "version 3", Words: []string{"the row quectel/zhang_dong were not there: quectel owned by qian_penghe, 22.3 %"},
				Report: gate.WhatIfReport{Makes: gate.WhatIfCount{Judged: 912, Lowered: 3}, Rows: gate.WhatIfCount{Judged: 106, Lowered: 14, Reasons: 2}, Vehicles: gate.WhatIfCount{Judged: 4210, Raised: 1}, Passages: gate.WhatIfCount{Judged: 18220, Passed: 411},
					List: []gate.Rejudged{
						{Kind: gate.WhatIfVehicle, ID: "5YJ3E1EA7NF000001", Vehicle: "TESLA Model 3 2022", Before: "deny", After: "flag", Was: "Telematics unit: Quectel AG525R-GL is documented for this build; Quectel is controlled from CN.", Because: "The module's maker is Quectel, whose owners are not known to the top.", Rule: "owner-unresolved"},
						{Kind: gate.WhatIfMake, ID: "BYD", Before: "deny", After: "deny", Was: "BYD is controlled from CN.", Because: "BYD is on the list us-1260h.", Rule: "maker-listed"},
					}}})
		}},
		{Name: "supply-whatif-wrong", Role: auth.SecurityManager, Path: "/supply", Page: func(b view.Base) (view.Page, error) {
			return owners(b, "quectel", day, &view.Supposed{How: "add", Owner: "Nobody & Söhne", Problem: b.T("if.wrong"), Detail: `no party of the supply graph answers to "Nobody & Söhne": neither an id, nor a name, nor a reviewed alias`})
		}},
		{Name: "lists", Role: auth.SecurityManager, Path: "/lists", Page: func(b view.Base) (view.Page, error) {
			g, err := supply.Embedded()
			if err != nil {
				return nil, err
			}
			p := &view.Lists{Base: b, Edition: g.Edition()}
			for _, l := range g.Lists() {
				p.Rows = append(p.Rows, view.ListRow{List: l, Now: l.EditionOn(day)})
			}
			return p, nil
		}},
		{Name: "list", Role: auth.SecurityManager, Path: "/lists/us-1260h", Page: func(b view.Base) (view.Page, error) { return officialList(b, day) }},
		{Name: "suppliers", Role: auth.SecurityManager, Path: "/suppliers", Page: func(b view.Base) (view.Page, error) {
			g, err := supply.Embedded()
			if err != nil {
				return nil, err
			}
			p := &view.Suppliers{Base: b, Day: day, Authorised: g.Authorisations(), Faults: g.Advisories(), Edition: g.Edition(), Names: map[string]string{"telit_cinterion": "Telit Cinterion"}}
			p.Lists = append(p.Lists, supply.TrustList{ID: "mod-2026", Title: "Suppliers cleared for vehicle modules", Authority: "Ministry of Defence, Directorate of Security", Ref: supply.Ref{Source: "https://example.org/cleared.pdf", Quote: "The suppliers named below are cleared.", Date: "2026-03-01", Certainty: "official"},
				Trusts: []supply.Trust{{Name: "Telit Cinterion Deutschland GmbH", Party: "telit_cinterion", Scope: "modules of the series ME310 and LE910", From: "2026-03-01", Until: "2027-03-01"}, {Name: "Sierra Wireless", Party: "sierra_wireless", From: "2024-01-01", Until: "2025-01-01"}}})
			return p, nil
		}},
		{Name: "data", Role: auth.SecurityManager, Path: "/data", Page: func(b view.Base) (view.Page, error) {
			return view.Data{Base: b, Sets: gallerySets(), Release: &view.Release{Number: 41, Of: at.AddDate(0, 0, -9), AgeDays: 9, Installed: at.AddDate(0, 0, -8), Expires: at.AddDate(0, 1, 0), ExpiresOf: "timestamp", Signers: []string{"Ministry key A", "Ministry key C"}, Root: 3, RootNeed: 2, RootBy: []string{"Ministry key A", "Ministry key B", "Army cyber command"}, DisagreeOf: 1,
				Roles:    []view.ReleaseRole{{Name: "own", Title: "Directorate of Security", Standing: "own", Version: 17, Signers: []string{"Ministry key A"}, Need: 1, Expires: at.AddDate(0, 3, 0), Parts: []view.ReleasePart{{Path: "own/supply.json", Edition: "2026-11-14+0a1b2c3d", SHA256: strings.Repeat("0f1e", 16), Bytes: 1204411}}}, {Name: "ally-b", Title: "An ally's bureau for the security of information technology", Standing: "advice"}},
				Disagree: []view.Disagreement{{Part: "supply", Section: "edge", ID: "telit_cinterion/dbay", Role: "ally-b", Used: "ours", Ours: `{"share":60}`, Theirs: `{"share":57.4}`}}}}, nil
		}},
		{Name: "data-none", Role: auth.Administrator, Path: "/data", Page: func(b view.Base) (view.Page, error) { return view.Data{Base: b, Sets: gallerySets()}, nil }},
		{Name: "watch", Role: auth.SecurityManager, Path: "/watch", Page: func(b view.Base) (view.Page, error) {
			p := &view.Watch{Base: b, Edits: true, Done: "watch.done.asked", Total: 3}
			for _, e := range []gate.WatchEntry{
				{ID: "w-1", Kind: gate.WatchVIN, Value: "1M8GDM9AXKP042788", Reason: "stolen", Do: "Hold it in the turn-out bay, keep the driver there, and call the duty officer on 4711", From: at.AddDate(0, 0, -9), Until: at.AddDate(0, 6, 0), By: "Karin Lindqvist", At: at.AddDate(0, 0, -9)},
				{ID: "w-2", Kind: gate.WatchPlate, Value: "WXÄ12345", Reason: "follow-up", Do: "Ask for the importer's letter", From: at.AddDate(0, 0, -3), By: "Karin Lindqvist", At: at.AddDate(0, 0, -3), Steps: []gate.WatchStep{{Entry: "w-2", Kind: gate.WatchRemovalAsked, By: "Karin Lindqvist", Note: "the letter has come", At: at.Add(-time.Hour)}}},
				{ID: "w-3", Kind: gate.WatchGroup, Value: "quectel", Reason: "order-of-3-may", Do: "Send to inspection", From: at.AddDate(0, 0, -30), By: "Maria Nowak-Lindqvist", At: at.AddDate(0, 0, -30), Steps: []gate.WatchStep{{Entry: "w-3", Kind: gate.WatchRemovalAsked, By: "Maria Nowak-Lindqvist", Note: "order lifted", At: at.Add(-time.Hour)}}},
			} {
				p.Rows = append(p.Rows, b.NewWatchRow(e, "Maria Nowak-Lindqvist", at))
			}
			return p, nil
		}},
		{Name: "watch-wrong", Role: auth.Supervisor, Path: "/watch", Page: func(b view.Base) (view.Page, error) {
			return &view.Watch{Base: b, Edits: true, Problem: b.T("error.watch-entry"), Detail: `VIN "1M8GDM9": 17 letters and digits without I, O and Q`, Typed: gate.WatchEntry{Kind: gate.WatchVIN, Value: "1M8GDM9", Reason: "stolen", Do: "<script>alert(1)</script>"}}, nil
		}},
		{Name: "watchfile", Role: auth.SecurityManager, Path: "/watch", Page: func(b view.Base) (view.Page, error) {
			return &view.WatchFile{Base: b, Name: "stolen vehicles of the police, 2026-11, second edition.csv", Key: "K", Good: 3120, BadIn: 2, Until: at.Add(15 * time.Minute),
				Bad:  []gate.RowError{{Line: 17, Column: "value", What: `VIN "1M8GDM9AXKPO42788": 17 letters and digits without I, O and Q`}, {Line: 40, What: `extraneous or missing " in quoted-field`}},
				Rows: []gate.WatchEntry{{Kind: gate.WatchVIN, Value: "1M8GDM9AXKP042788", Reason: "stolen", Do: "Hold it, call the duty officer", Until: at.AddDate(1, 0, 0)}}}, nil
		}},
		{Name: "machines", Role: auth.Administrator, Path: "/machines", Page: func(b view.Base) (view.Page, error) {
			p := &view.Machines{Base: b, ID: "k3v7q", Token: strings.Repeat("eyJhbGciOiJFZERTQSJ9.", 14), Kinds: []string{"sensor", "plate-camera", "alarm-panel", "integration"}, Lanes: []view.Pick{{Value: "north", Label: "North gate, lane 1"}},
				Rows: []view.MachineRow{{ID: "k3v7q", Name: "North, mast", Kind: "sensor", Lane: "North gate, lane 1", Created: at}, {ID: "a1", Name: "Control room", Kind: "alarm-panel", Lane: "*", Created: at.AddDate(-1, 0, 0), Revoked: true}}}
			p.Typed.Days = 365
			return p, nil
		}},
		{Name: "settings", Role: auth.SecurityManager, Path: "/settings", Page: func(b view.Base) (view.Page, error) {
			return &view.Settings{Base: b, Sheet: sheet(), Law: airLaw(), Changes: true, Done: "set.done.proposed", Rows: []view.SettingRow{
				{Key: "retention-days", Value: "30", Number: true, Min: 1, Max: 3650, Waiting: &view.SettingChange{ID: "s-1", Value: "14", Why: "order of the ministry of 3 May", By: "Karin Lindqvist", At: at}},
				{Key: "controller", Value: "The Commander, Barracks West", Letters: 200, From: &view.SettingChange{By: "Karin Lindqvist", DecidedBy: "Maria Nowak", DecidedAt: at.AddDate(0, -1, 0)}},
				{Key: "basis", Letters: 2000, Long: true},
			}, Past: []view.SettingChange{{Key: "controller", Value: "The Commander, Barracks West", Why: "first entry", By: "Karin Lindqvist", At: at, Decided: "approved", DecidedBy: "Maria Nowak", DecidedAt: at}}}, nil
		}},
		{Name: "signs", Role: auth.SecurityManager, Path: "/signs", Page: func(b view.Base) (view.Page, error) {
			p := &view.Signs{Base: b, Sheet: sheet(), Law: airLaw(), Controller: "The Commander, Barracks West", Hears: true, Missing: []string{"contact"}}
			p.Texts = append(p.Texts, view.SignText{Base: b, Sign: p})
			return p, nil
		}},
		{Name: "dpia", Role: auth.SecurityManager, Path: "/dpia", Page: func(b view.Base) (view.Page, error) {
			return &view.ImpactAssessment{Base: b, Sheet: sheet(), Law: airLaw(), Controller: "The Commander, Barracks West", Contact: "Guard office, telephone 4711", Necessity: "Opening every vehicle takes twenty minutes.", Missing: []string{"basis", "placement", "consulted"}, Data: gallerySets()}, nil
		}},
	}
}

func gallerySets() []view.DataSet {
	return []view.DataSet{
		{Name: "NHTSA vPIC", Edition: "2026-02", Date: "2026-02-14", AgeDays: 282, Rows: 799121, Licence: "US government work, public domain", Source: "https://vpic.nhtsa.dot.gov/"},
		{Name: "Supply graph and lists", Edition: "2026-11-14+0a1b2c3d", AgeDays: 9, Licence: "compiled facts; every row names its document", Source: "the documents that each row names"},
	}
}

func catalogue(b view.Base, text, problem string) (view.Page, error) {
	c, err := telematics.Embedded()
	if err != nil {
		return nil, err
	}
	g, err := supply.Embedded()
	if err != nil {
		return nil, err
	}
	rows, total := c.Search(text, 0, 12)
	p := &view.Catalogue{Base: b, Text: text, Total: total, Edition: c.Edition(), All: c.Rows(), Before: -1, Market: "EU", Problem: problem}
	if total > len(rows) {
		p.Next = len(rows)
	}
	for _, r := range rows {
		row := view.CatalogueRow{Base: b, Row: r}
		if party, ok := g.Find(r.Maker); ok && r.Maker != "" {
			row.Party = party.ID
		}
		p.Rows = append(p.Rows, row)
	}
	return p, nil
}

func knownVehicle(b view.Base, ask view.VehicleAsk) (view.Page, error) {
	c, err := telematics.Embedded()
	if err != nil {
		return nil, err
	}
	q := telematics.Query{Make: ask.Make, Model: ask.Model, Year: ask.Year, Market: ask.Market, At: At()}
	a := c.Lookup(q)
	return &view.KnownVehicle{Base: b, Ask: ask, Answer: a, Parties: map[string]string{"Quectel": "quectel"}, Questions: c.Questions(q, a), Sees: true, Terms: telematics.Terms{K: 5, M: 3, Weight: .5},
		Found: []telematics.Group{{Make: ask.Make, Model: ask.Model, ModelYear: ask.Year, Market: ask.Market, Role: "tcu", Inspected: 14, Days: 9, Enough: true, CouldNotTell: 2,
			Makers: []telematics.Share{{Maker: "Quectel", Found: 11, Named: true, Share: .79, Low: .49, High: .95, Modules: []telematics.ModuleShare{{Module: "AG525R-GL", Found: 11}}}}, None: telematics.Share{Found: 1, Share: .07, Low: 0, High: .34}},
			{Make: ask.Make, Model: ask.Model, Role: "head-unit", Inspected: 2, Days: 1}}}, nil
}

func owners(b view.Base, party string, day time.Time, supposed *view.Supposed) (view.Page, error) {
	g, err := supply.Embedded()
	if err != nil {
		return nil, err
	}
	p := &view.Supply{Base: b, Day: day, First: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), Last: day.AddDate(1, 0, 0), Turning: g.Turning(party), Edition: g.Edition(), Asks: true, If: supposed}
	var ok bool
	if p.Party, ok = g.Party(party); !ok {
		return nil, fmt.Errorf("no party %q", party)
	}
	if p.Chain, err = drawing.Gather(g, party, day); err != nil {
		return nil, err
	}
	svg, err := drawing.Draw(p.Chain)
	if err != nil {
		return nil, err
	}
	p.SVG = template.HTML(svg) //nolint:gosec // Draw escapes every text
	p.Answers = []view.SupplyAnswer{{Question: b.T("supply.q.control", b.Land("CN")), Answer: g.ControlledFrom(party, "CN", supply.Control, day)}, {Question: b.T("supply.q.owners"), Answer: g.OwnerResolved(party, day)}}
	for _, e := range g.Edges()[:6] {
		p.Edges = append(p.Edges, view.EdgeChoice{ID: e.ID, Words: b.T("edge."+string(e.Kind), e.From, e.To)})
	}
	p.Lists = []view.EditionChoice{{ID: "us-1260h-2026", Title: g.Lists()[0].Title, Names: true}}
	return p, nil
}

func officialList(b view.Base, day time.Time) (view.Page, error) {
	g, err := supply.Embedded()
	if err != nil {
		return nil, err
	}
	l, ok := g.List("us-1260h")
	if !ok {
		return nil, fmt.Errorf("no list us-1260h")
	}
	p := &view.OfficialList{Base: b, List: *l, Now: l.EditionOn(day), Today: day, From: "2025-01-06", To: "2026-11-23", Asks: true, Judged: 4210}
	p.Entries, p.Total = p.Now.Entries[:min(8, len(p.Now.Entries))], len(p.Now.Entries)
	from, to := time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC), day
	c, err := g.DiffOn(l.ID, from, to)
	if err != nil {
		return nil, err
	}
	p.Changes, p.Turned = &c, g.Turns(l.ID, from, to)
	if len(p.Turned) > 0 {
		p.Touched = []supply.Touched{{Vehicle: supply.Vehicle{ID: "5YJ3E1EA7NF000001", Group: "registered, contractor", Roles: []supply.Role{{Party: p.Turned[0].Party, As: "maker of the module in the telematics unit (documented)"}}}, By: []int{0}}}
	}
	return p, nil
}

func airLaw() view.AirLaw {
	rules, err := privacy.RulesOf("DE")
	if err != nil {
		return view.AirLaw{}
	}
	return view.NewAirLaw(rules, true, "DPIA 2026-07, signed 1 June 2026", true)
}

func sheet() view.Sheet {
	return view.Sheet{ID: "west", Name: "Barracks West", Timezone: "Europe/Berlin", File: "/var/lib/sallyport/site.toml", Data: "/var/lib/sallyport", Program: "v1.4.0", Policy: "paper-baseline, 3", Retention: 30, Inspection: 365, Statement: 180, TwoPerson: "restricted",
		Levels: []string{"normal", "alpha", "bravo"}, Jurisdiction: "DE", Assessment: "DPIA 2026-07, signed 1 June 2026", KeepsSets: true, KeyDays: 30, BackupTo: "/media/backup", BackupAt: "04:00", LongestStay: 14 * time.Hour, Witness: true,
		Lanes: []view.SheetLane{{ID: "north", Name: "North gate, lane 1", Market: "EU", TurnOut: "Turn-out bay on the right, before the arm", Direction: "entry", Arm: "modbus", Zone: "3", Tandem: true, Sensors: []view.SheetSensor{{Name: "north-stop", Source: "kismet"}, {Name: "north-up", Source: "kismet", Upstream: true}}, Cameras: []string{"q7x"}, Scanners: []string{"gun"}},
			{ID: "ammo", Name: "Ammunition store", TurnOut: "Lay-by", Direction: "reversible", Zone: "4", AutoOpen: true}}}
}
