package gallery

import (
	"math"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/ui/view"
)

// auditEntries are the pages of who looks at the site's records.
func auditEntries() []Entry {
	at := At()
	line := func(seq int64, ago time.Duration, kind, lane, passage string, body map[string]string) gate.LogLine {
		t := at.Add(-ago)
		return gate.LogLine{Seq: seq, At: t, Place: gate.LogPlace{At: t.UnixMilli(), Seq: seq}, Kind: kind, Lane: gate.LaneID(lane), Passage: gate.PassageID(passage), Body: body,
			Text: `{"seq":184220,"at":"2026-11-23T11:29:40.123456Z","kind":"` + kind + `","lane":"` + lane + `","commit":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`}
	}
	const one = "20261123T112900.123456Z-north-1-0a1b2c3d"
	page := gate.LogPage{More: true, Lines: []gate.LogLine{
		line(184220, 20*time.Second, "outcome", "north-1", one, map[string]string{"ending": "admitted"}),
		line(184219, 31*time.Second, "act", "north-1", one, map[string]string{"act": "override", "by": "Wolfgang-Friedrich Schmidtmeier-Oberhauser", "supervisor": "Maria Nowak-Lindqvist"}),
		line(184218, 40*time.Second, "passage", "north-1", one, map[string]string{"outcome": "deny", "policy": "be"}),
		line(184217, 2*time.Minute, "export", "", "", map[string]string{"by": "otto", "detail": "passages, as xlsx"}),
		line(184216, 9*time.Minute, "shift_step", "south", "", map[string]string{"number": "41", "step": "accepted"}),
		line(184215, 11*time.Minute, "device-fault", "south", "", map[string]string{"detail": "arm-south: no answer on the serial line for 5 s"}),
		line(184214, 26*time.Minute, "erasure-request", "", "", map[string]string{"by": "Maria Nowak-Lindqvist", "detail": "by VIN and plate: letter of the keeper of 2026-11-20"}),
	}}
	lanes := []view.Choose{{Value: "north-1", Label: "North 1"}, {Value: "south", Label: "South gate, heavy goods"}}
	kinds := []string{"act", "erasure-request", "export", "outcome", "passage", "shift_step"}
	nobody := func(gate.LogLine) bool { return false }
	report := &view.LogReport{OK: true, Entries: 1048576, Root: "Hb1WmW5d1m8eXz1Tt3Qe0mT3nS1o8B3sVqk2v0m0a7c=", Checkpoint: "sallyport/barracks-west, 1048576 entries, signed 2026-11-23T11:29:40Z", FirstBad: -1, Took: 1904 * time.Millisecond}
	wrong := &view.LogReport{Entries: 1048576, Root: report.Root, Checkpoint: report.Checkpoint, FirstBad: 52341, Problem: "entry 52341: its row in table passage is not what the entry commits to", Took: 4211 * time.Millisecond}
	figures := func(span string, vehicles bool) func(view.Base) (view.Page, error) {
		return func(b view.Base) (view.Page, error) {
			day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
			days, step := 7, 24*time.Hour
			if span == "day" {
				days, step = 1, time.Hour
			}
			f := gate.Figures{From: day.AddDate(0, 0, 1-days), Until: day.AddDate(0, 0, 1), Hourly: span == "day", Use: gate.Usage{Median: -1, P90: -1}}
			for n, t := 0, f.From; t.Before(f.Until); n, t = n+1, t.Add(step) {
				p := gate.FigurePoint{At: t, Median: -1, P90: -1}
				if vehicles {
					wave := 1 + math.Sin(float64(n)/4)
					p.Grants, p.Flags, p.Denies, p.None = int(80*wave), int(22*wave), int(9*wave), n%3
					p.Median, p.P90 = int64(9+n%4), int64(31+5*(n%3))
					p.Heard, p.Unheard, p.Faults, p.Back = int(90*wave), int(21*wave), n%2, n%2
				}
				f.Points = append(f.Points, p)
				f.Use.Vehicles += p.Grants + p.Flags + p.Denies + p.None
				f.Use.Checked += p.Grants + p.Flags + p.Denies
				f.Use.Unheard += p.Unheard
			}
			if vehicles {
				f.Use.Counted, f.Use.Admitted, f.Use.Overridden, f.Use.Stale, f.Use.Open = f.Use.Checked, f.Use.Checked*9/10, 7, 41, f.Use.Checked/4
				f.Reasons = []gate.ReasonCount{{Rule: "module-maker-unknown-in-restricted-zone", Flags: 121}, {Rule: "prc-module-restricted", Denies: 38}, {Rule: "pl-general-staff-2026-made-in-prc", Flags: 4, Denies: 17}, {Rule: "cameras-uncovered", Flags: 12}}
				f.Shifts = []gate.ShiftFigure{{Lane: "north-1", Number: 41, Holder: "Wolfgang-Friedrich Schmidtmeier-Oberhauser", Since: at.Add(-5 * time.Hour), Vehicles: 320, Denied: 12, Overrides: 3}, {Lane: "south", Number: 40, Holder: "anna", Since: at.Add(-13 * time.Hour), Until: at.Add(-5 * time.Hour), Vehicles: 210, Denied: 8}}
			} else {
				f.Behind = 81920
			}
			return view.NewFigures(b, f, span, day), nil
		}
	}
	holds := []gate.Hold{{ID: "k3v9q2", DataSubject: gate.DataSubject{VIN: "YV4EK3ZL7SS000001", Plate: "WX12345"}, By: "Maria Nowak-Lindqvist", Why: "inquiry 17/2026 of the military prosecutor", At: at.AddDate(0, -1, 0)},
		{ID: "a8w2m1", DataSubject: gate.DataSubject{Plate: "BMILV1"}, By: "otto", Why: "accident at the south gate", At: at.AddDate(0, -3, 0), Lifted: at.AddDate(0, -2, 0)}}
	kept := gate.SubjectExport{DataSubject: gate.DataSubject{VIN: "5YJXCAE42MF000001"}, Records: []gate.SubjectRecord{{Table: "passage", Seq: 9}, {Table: "passage", Seq: 81}, {Table: "outcome", Seq: 11}, {Table: "inspection", Seq: 12}, {Table: "photo", Seq: 13}},
		Mentions: []gate.KeptRecord{{Table: "passage", Seq: 44, Why: gate.KeptMention}}, Also: []gate.DataSubject{{Plate: "WX99887"}}}
	records := func(role func(*view.Records)) func(view.Base) (view.Page, error) {
		return func(b view.Base) (view.Page, error) {
			p := view.Records{Base: b, Holds: holds, MayErase: auth.May(b.Person.Role, auth.EraseRecords)}
			role(&p)
			return p, nil
		}
	}
	look := func(p *view.Records) { p.VIN = "5YJXCAE42MF000001"; p.Find(kept) }
	passage := func(again ...gate.Replayed) func(view.Base) (view.Page, error) {
		return func(b view.Base) (view.Page, error) {
			src := policy.Source{ID: "V0003", Title: "owner's manual", Address: "https://www.tesla.com/ownersmanual/modelx/en_us/", Quote: "Telematics: Quectel AG525R-GL", Date: "2021-10-05"}
			r := gate.PassageRecord{Summary: gate.PassageSummary{Seq: 184218, ID: one, Lane: "north-1", At: at, Outcome: policy.Deny, VIN: "5YJXCAE42MF000001", Plate: "WX99887", Ending: gate.EndAdmitted},
				Acts: []gate.Act{{Kind: gate.ActOverride, By: "anna", Supervisor: "Maria Nowak-Lindqvist", Reason: "ordered by the commander", At: at.Add(9 * time.Second)}}}
			r.Passage = gate.Passage{ID: one, Lane: "north-1", At: at, Arrival: gate.Arrival{VIN: "5YJXCAE42MF000001", Via: "scanner"}}
			r.Passage.Result = gate.Assessment{VIN: "5YJXCAE42MF000001", Vehicle: gate.VehicleView{Valid: true, Make: "TESLA", Model: "Model X", ModelYear: 2021},
				Verdict: policy.Verdict{Outcome: policy.Deny, Policy: "paper-baseline 1", Hash: "be", Reasons: []policy.Reason{{Rule: "prc-module-restricted", Outcome: policy.Deny, Because: "Quectel is controlled from CN.", Instrument: src, Evidence: []policy.Source{src}}}}}
			p := view.NewPassage(b, r, func(string, string, string) string { return "" })
			p.Audited, p.Replay = true, view.NewReplay(again)
			return p, nil
		}
	}
	rows := []gate.PassageSummary{{Seq: 184218, ID: one, Lane: "north-1", At: at, Outcome: policy.Deny, VIN: "5YJXCAE42MF000001", Plate: "WX99887", Ending: gate.EndAdmitted},
		{Seq: 184101, ID: "20261123T091500.000001Z-south-0000002c", Lane: "south", At: at.Add(-2 * time.Hour), Outcome: policy.Flag, Erased: true, Ending: gate.EndInspection}}
	return []Entry{
		{Name: "figures", Role: auth.Supervisor, Path: "/figures", Page: figures("week", true)},
		{Name: "figures-day", Role: auth.Auditor, Path: "/figures", Page: figures("day", true)},
		{Name: "figures-none", Role: auth.SecurityManager, Path: "/figures", Page: figures("week", false)},
		{Name: "entries", Role: auth.Auditor, Path: "/entries", Page: func(b view.Base) (view.Page, error) {
			return view.NewEntries(b, view.EntryForm{}, page, kinds, lanes, nobody), nil
		}},
		{Name: "entries-none", Role: auth.SecurityManager, Path: "/entries", Page: func(b view.Base) (view.Page, error) {
			return view.NewEntries(b, view.EntryForm{By: "<script>alert(1)</script>", Kind: "act"}, gate.LogPage{Behind: 40000}, kinds, lanes, nobody), nil
		}},
		{Name: "log", Role: auth.Auditor, Path: "/log", Page: func(b view.Base) (view.Page, error) { return view.Log{Base: b, Offered: true}, nil }},
		{Name: "log-running", Role: auth.Auditor, Path: "/log", Page: func(b view.Base) (view.Page, error) {
			return view.Log{Base: b, Offered: true, Running: true, Done: 430080, Total: 1048576, By: "Maria Nowak-Lindqvist", Begun: at}, nil
		}},
		{Name: "log-fits", Role: auth.Administrator, Path: "/log", Page: func(b view.Base) (view.Page, error) {
			return view.Log{Base: b, Offered: true, Report: report, By: "otto", Begun: at}, nil
		}},
		{Name: "log-misfit", Role: auth.Auditor, Path: "/log", Page: func(b view.Base) (view.Page, error) {
			return view.Log{Base: b, Offered: true, Report: wrong, By: "otto", Begun: at}, nil
		}},
		{Name: "log-stopped", Role: auth.Auditor, Path: "/log", Page: func(b view.Base) (view.Page, error) {
			return view.Log{Base: b, Offered: true, Failed: "stopped"}, nil
		}},
		{Name: "passages", Role: auth.Auditor, Path: "/passages", Page: func(b view.Base) (view.Page, error) {
			p := view.Passages{Base: b, Form: view.PassageForm{Outcome: "deny", From: "2026-11-01", Until: "2026-11-23"}, Lanes: lanes, Older: 184101}
			for _, r := range rows {
				p.Rows = append(p.Rows, view.NewPassageRow(r))
			}
			return p, nil
		}},
		{Name: "passage-again", Role: auth.Auditor, Path: "/passages/" + one, Page: passage(gate.Replayed{At: at, Because: "arrival", Recorded: policy.Deny, Again: policy.Deny, Same: true, Policy: "paper-baseline 1", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})},
		{Name: "passage-differs", Role: auth.SecurityManager, Path: "/passages/" + one, Page: passage(
			gate.Replayed{At: at, Because: "arrival", Recorded: policy.Deny, Again: policy.Flag, Policy: "paper-baseline 1", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Differs: []string{`verdict.outcome: recorded 3, computed 2`, `verdict.reasons[0].because: recorded "Quectel is controlled from CN.", computed null`}},
			gate.Replayed{At: at.Add(time.Minute), Because: "radio", Recorded: policy.Deny, Problem: "the rules that decided, site-own 4, are not kept at the site"})},
		{Name: "records", Role: auth.Auditor, Path: "/records", Page: records(func(*view.Records) {})},
		{Name: "records-found", Role: auth.SecurityManager, Path: "/records", Page: records(look)},
		{Name: "records-auditor", Role: auth.Auditor, Path: "/records", Page: records(look)},
		{Name: "records-unsure", Role: auth.SecurityManager, Path: "/records", Page: records(func(p *view.Records) { look(p); p.Problem = p.T("records.names") })},
		{Name: "records-erased", Role: auth.SecurityManager, Path: "/records", Page: records(func(p *view.Records) {
			p.VIN = "5YJXCAE42MF000001"
			p.Find(gate.SubjectExport{})
			p.Erased = &gate.ErasureReport{Erased: map[string]int{"passage": 2, "photo": 1, "inspection": 1}, Kept: []gate.KeptRecord{{Table: "passage", Seq: 184218, Why: gate.KeptOpen}, {Table: "passage", Seq: 44, Why: gate.KeptMention}}}
		})},
	}
}
