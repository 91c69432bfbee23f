package gate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
)

// What people and papers say of an arrival, and the site's own clock.
func TestFactsOfAnArrival(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	at := time.Date(2026, 7, 3, 22, 45, 0, 0, time.UTC) // a Friday; Saturday, 00:45 in Warsaw
	q, err := gate.AssessRequest{VIN: modelX, At: "2026-07-03T22:45:00Z", Moment: "exit", BuiltOn: "2021-03-04"}.Request(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := j.Assess(q).Facts
	if f.Moment != policy.MomentExit || f.Arrival.OnCall.Known || f.Devices.LookedFor.Known || f.Vehicle.BuiltOn.Value != "2021-03-04" || f.Vehicle.BuiltOn.From.Title == "" {
		t.Errorf("%+v", f)
	}
	if s := f.Site; s.LocalTime.Value != 22*60+45 || s.Weekday.Value != "fri" || !strings.Contains(s.LocalTime.From.Title, "no time zone") {
		t.Errorf("without a zone: %+v", s)
	}
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		t.Skip("no time zones on this machine: ", err)
	}
	if s := j.In(warsaw).Assess(q).Facts.Site; s.LocalTime.Value != 45 || s.Weekday.Value != "sat" || !strings.Contains(s.Weekday.From.Title, "Europe/Warsaw") {
		t.Errorf("in Warsaw: %+v", s)
	}
	said := false
	q.OnCall = &said
	if l := j.Assess(q).Facts.Arrival.OnCall; !l.Known || l.Value || l.From.Title == "" {
		t.Errorf("not on a call: %+v", l)
	}
	q.Inspections = []gate.Inspection{inspected(modelX, "", "", device, result(gate.ResultNone))}
	q.At = q.Inspections[0].At.Add(time.Hour)
	if l := j.Assess(q).Facts.Devices.LookedFor; !l.Known || !l.Value || l.From.ID != q.Inspections[0].ID || l.From.Expires == "" {
		t.Errorf("devices looked for: %+v", l)
	}
	q.Inspections = []gate.Inspection{inspected(modelX, "", "", device, result(gate.ResultUnclear))}
	if l := j.Assess(q).Facts.Devices.LookedFor; l.Known {
		t.Errorf("could not tell, and counts as looked for: %+v", l)
	}
	q.Inspections = []gate.Inspection{inspected(modelX, "module", sierra)}
	if l := j.Assess(q).Facts.Devices.LookedFor; l.Known {
		t.Errorf("looked at the telematics unit only: %+v", l)
	}
}

// Papers that give a day of build which cannot be the vehicle's are not used,
// and a month is no day.
func TestDayOfBuild(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for on, want := range map[string]string{"2021-03-04": "2021-03-04", "2020-06-30": "2020-06-30", "2021-03": "", "2021": "", "": "", "2012-01-01": "", "2024-01-01": ""} {
		q, err := gate.AssessRequest{VIN: modelX, BuiltOn: on}.Request(at, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := j.Assess(q)
		if got := a.Facts.Vehicle.BuiltOn; got.Value != want || got.Known != (want != "") {
			t.Errorf("papers say %q: %+v", on, got)
		}
		refused := strings.Contains(strings.Join(a.Notes, "\n"), "is not one of a vehicle of model year 2021")
		if refused != (on == "2012-01-01" || on == "2024-01-01") {
			t.Errorf("papers say %q: notes %q", on, a.Notes)
		}
	}
}

func TestRequestsThatSayNothing(t *testing.T) {
	for field, r := range map[string]gate.AssessRequest{
		"moment":   {Moment: "arrival"},
		"built_on": {BuiltOn: "04.03.2021"},
		"class":    {Class: "allies"},
	} {
		if _, err := r.Request(time.Time{}, nil); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A rule file takes its names from the supply graph.
func TestNamesOfTheGraph(t *testing.T) {
	g, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	rule := func(cond string) []byte {
		return []byte("policy: p\nversion: \"1\"\ntitle: t\nrules:\n  - id: r\n    title: t\n    outcome: flag\n    instrument: {authority: site, title: t}\n    say: {en: w}\n    when: " + cond + "\n")
	}
	for cond, want := range map[string]string{
		"{fact: vehicle.maker, is: volvo_cars}":                        "",
		"{fact: vehicle.maker, authorised_by: us-bis}":                 "",
		"{fact: vehicle.maker, listed_on: us-1260h}":                   "",
		"{any_module: {fact: module.maker, firmware_by: quectel}}":     "",
		"{fact: vehicle.maker, is: Volvo Car Corporation}":             `did you mean "volvo_cars"?`,
		"{any_module: {fact: module.maker, is: quectell}}":             `did you mean "quectel"?`,
		"{fact: vehicle.maker, listed_on: us-1260}":                    `did you mean "us-1260h"?`,
		"{fact: vehicle.maker, authorised_by: us-bsi}":                 `did you mean "us-bis"?`,
		"{any_module: {fact: module.maker, trusted_by: nobodys-list}}": "the reference data hold no list of trusted suppliers",
		"{any_module: {fact: module.maker, licence_from: cn}}":         `did you mean "CN"?`,
	} {
		_, err := policy.LoadKnowing("p.yaml", rule(cond), gate.Names(g))
		var ps policy.Problems
		if want == "" && err != nil || want != "" && (!errors.As(err, &ps) || len(ps) != 1 || ps[0].Line != 10 || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", cond, err)
		}
	}
}

// The questions that a policy puts to the graph are worked out beforehand, and
// a policy can ask all of them.
func TestPoliciesAskTheGraph(t *testing.T) {
	src := "policy: p\nversion: \"1\"\ntitle: t\nrules:\n"
	for id, cond := range map[string]string{
		"authorised": "{fact: vehicle.maker, authorised_by: us-bis}", "licence": "{fact: vehicle.maker, licence_from: CN}", "firmware": "{fact: vehicle.maker, firmware_by: quectel}",
	} {
		src += "  - id: " + id + "\n    title: t\n    outcome: flag\n    instrument: {authority: site, title: t}\n    say: {en: w}\n    when: " + cond + "\n"
	}
	p, err := policy.Load("p.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	j := packJudge(t, pack.PaperBaseline).Under(p)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	j.Prepare(at)
	for _, tt := range []struct{ vin, rule string }{{"YV4EK3ZL7SS000001", "authorised"}} {
		a := j.Assess(gate.Request{VIN: tt.vin, At: at})
		if len(a.Asked) != 3 || len(a.Verdict.Reasons) != 1 || a.Verdict.Reasons[0].Rule != tt.rule || !strings.Contains(a.Verdict.Reasons[0].Because, "Volvo Cars") {
			t.Errorf("%s: %+v, asked %+v", tt.vin, a.Verdict.Reasons, a.Asked)
		}
		for _, q := range a.Asked {
			if strings.Contains(q.A.Because, "has no question") {
				t.Errorf("%+v", q)
			}
		}
	}
}
