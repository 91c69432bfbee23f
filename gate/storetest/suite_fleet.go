package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// fleets checks what a store keeps for fleets.
func fleets(t *testing.T, kit Kit) {
	ctx := context.Background()
	clean := func(t *testing.T, s Store) int64 { t.Helper(); return kit.fits(t, s) }
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(t *testing.T, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
	}
	const vinA, vinB = "5YJXCAE4XMF000001", "WVWZZZ3BZWE000042"
	at := Noon.Add(time.Hour)
	reg := func(fleet, vin, plate string, c policy.Class) gate.Registration {
		return gate.Registration{Fleet: fleet, VIN: vin, Plate: plate, Class: c, By: "fred", At: at, BuiltOn: "2021-03",
			Declared: []gate.Declared{{Kind: "fcc_id", Value: "XMR2020AG525RGL"}}}
	}

	t.Run("vehicles", func(t *testing.T) {
		s := kit.Open(t)
		must(t, s.RecordFleet(ctx, gate.Fleet{ID: "b", Name: "Bread", Classes: []policy.Class{policy.ClassContractor}, By: "maria", At: at}))
		must(t, s.RecordFleet(ctx, gate.Fleet{ID: "a", Name: "Coal", Classes: []policy.Class{policy.ClassContractor}, By: "maria", At: at}))
		must(t, s.RecordFleet(ctx, gate.Fleet{ID: "a", Name: "Air", Classes: []policy.Class{policy.ClassPrivate}, By: "maria", At: at}))
		list, err := s.Fleets(ctx)
		if must(t, err); len(list) != 2 || list[0].Name != "Air" || list[1].ID != "b" || list[0].Classes[0] != policy.ClassPrivate {
			t.Errorf("fleets %+v", list)
		}
		if s.RecordFleet(ctx, gate.Fleet{ID: "No Code", Name: "x", By: "maria", At: at}) == nil {
			t.Error("a fleet without a code was recorded")
		}
		must(t, s.PutRegistrations(ctx, gate.Registration{Plate: "SITE 1", Class: policy.ClassPrivate, At: at}))
		must(t, s.EnterVehicles(ctx, "a", reg("a", vinA, "aa-11", policy.ClassContractor), reg("a", "", "PL 22", policy.ClassContractor)))
		n := clean(t, s)
		for _, r := range []gate.Registration{reg("b", vinA, "", policy.ClassContractor), reg("b", vinB, "AA 11", policy.ClassContractor), reg("b", vinB, "site1", policy.ClassContractor)} {
			is(t, s.EnterVehicles(ctx, "b", reg("b", "WBA53BJ0XNW000017", "", policy.ClassPrivate), r), gate.ErrElsewhere)
		}
		is(t, s.EnterVehicles(ctx, "b", reg("b", vinB, "", "")), gate.ErrNotFound)
		if s.EnterVehicles(ctx, "b", reg("a", vinB, "", policy.ClassContractor)) == nil || s.EnterVehicles(ctx, "", reg("", vinB, "", policy.ClassContractor)) == nil {
			t.Error("a line of another fleet was entered")
		}
		if got := clean(t, s); got != n {
			t.Errorf("what was refused left %d entries", got-n)
		}
		see := func(f gate.VehicleFilter, want ...string) []gate.FleetVehicle {
			t.Helper()
			got, err := s.Vehicles(ctx, f)
			must(t, err)
			var names []string
			for _, v := range got {
				names = append(names, v.Listed.VIN+v.Listed.Plate)
			}
			if text(names) != text(want) {
				t.Errorf("%+v: %v, want %v", f, names, want)
			}
			return got
		}
		all := see(gate.VehicleFilter{Fleet: "a"}, "PL22", vinA+"AA11")
		see(gate.VehicleFilter{Fleet: "b"})
		see(gate.VehicleFilter{Fleet: ""})
		see(gate.VehicleFilter{Fleet: "a", Text: "L22"}, "PL22")
		see(gate.VehicleFilter{Fleet: "a", After: all[0].Seq}, vinA+"AA11")
		see(gate.VehicleFilter{Fleet: "a", Limit: 1}, "PL22")
		see(gate.VehicleFilter{Fleet: "a", Seq: all[1].Seq}, vinA+"AA11")
		see(gate.VehicleFilter{Fleet: "b", Seq: all[1].Seq})
		see(gate.VehicleFilter{Fleet: "a", Outcome: "none"}, "PL22", vinA+"AA11")
		see(gate.VehicleFilter{Fleet: "a", Outcome: "deny"})
		if r := all[1].Listed; r.BuiltOn != "2021-03" || len(r.Declared) != 1 || r.By != "fred" {
			t.Errorf("what was declared is not kept: %+v", r)
		}
		counts, err := s.FleetCounts(ctx, "a", "b")
		if must(t, err); counts["a"] != (gate.FleetCount{All: 2, None: 2}) || counts["b"].All != 0 {
			t.Errorf("counts %+v", counts)
		}
		must(t, s.EnterVehicles(ctx, "a", reg("a", vinA, "NEW 1", policy.ClassContractor), reg("a", "", "PL 22", "")))
		see(gate.VehicleFilter{Fleet: "a"}, vinA+"NEW1")
		must(t, s.EnterVehicles(ctx, "b", reg("b", vinB, "AA 11", policy.ClassContractor))) // the plate is free
		got, err := s.OnList(ctx, gate.DataSubject{VIN: vinB}, gate.DataSubject{Plate: "new-1"}, gate.DataSubject{VIN: "none", Plate: "none"})
		if must(t, err); len(got) != 2 || got[0].Fleet != "b" || got[1].VIN != vinA {
			t.Errorf("on the list: %+v", got)
		}
		var walked []string
		must(t, s.EachVehicle(ctx, "a", func(r gate.Registration) error { walked = append(walked, r.VIN); return nil }))
		if text(walked) != text([]string{vinA}) {
			t.Errorf("walked %v", walked)
		}
		clean(t, s)
	})

	t.Run("exemptions", func(t *testing.T) {
		s := kit.Open(t)
		must(t, s.EnterVehicles(ctx, "a", reg("a", vinA, "AA 11", policy.ClassContractor), reg("a", vinB, "BB 22", policy.ClassContractor)))
		one, whole := SampleExemption("x1", "a"), SampleExemption("x2", "a")
		whole.VIN, whole.Rule = "", "unknown-module"
		must(t, s.RecordExemption(ctx, one))
		must(t, s.RecordExemption(ctx, one)) // the same again
		other := one
		other.Rule = "another"
		is(t, s.RecordExemption(ctx, other), gate.ErrExists)
		must(t, s.RecordExemption(ctx, whole))
		for what, bad := range map[string]func(*gate.Exemption){
			"no reason": func(e *gate.Exemption) { e.Reason = " " }, "no end": func(e *gate.Exemption) { e.Until = time.Time{} },
			"for ever": func(e *gate.Exemption) { e.Until = e.From.AddDate(3, 0, 0) }, "no rule": func(e *gate.Exemption) { e.Rule = "" },
		} {
			e := SampleExemption("x9", "a")
			if bad(&e); s.RecordExemption(ctx, e) == nil {
				t.Errorf("%s: recorded", what)
			}
		}
		step := func(id string, k gate.ExemptionStepKind, by, note string) error {
			return s.RecordExemptionStep(ctx, gate.ExemptionStep{Exemption: id, Kind: k, By: by, Note: note, At: at})
		}
		held := func(vin, plate string, want ...string) {
			t.Helper()
			r, err := s.Registration(ctx, vin, plate)
			must(t, err)
			var ids []string
			for _, a := range r.Exempt {
				ids = append(ids, a.ID)
			}
			if text(ids) != text(want) {
				t.Errorf("%s %s holds %v, want %v", vin, plate, ids, want)
			}
		}
		held(vinA, "")
		is(t, step("none", gate.ExemptionGranted, "maria", ""), gate.ErrNotFound)
		is(t, step("x1", gate.ExemptionGranted, "fred", ""), gate.ErrSamePerson)
		is(t, step("x1", gate.ExemptionRefused, "maria", ""), gate.ErrNeedsReason)
		must(t, step("x1", gate.ExemptionGranted, "maria", ""))
		is(t, step("x1", gate.ExemptionGranted, "jan", ""), gate.ErrExists)
		is(t, step("x1", gate.ExemptionRefused, "jan", "no"), gate.ErrNotAllowed)
		held(vinA, "", "exempt-module-restricted-zone")
		held("", "AA11", "exempt-module-restricted-zone")
		held(vinB, "")
		must(t, step("x2", gate.ExemptionGranted, "maria", ""))
		held(vinB, "", "exempt-unknown-module")
		must(t, step("x1", gate.ExemptionEnded, "maria", "no need any more"))
		is(t, step("x1", gate.ExemptionEnded, "maria", "again"), gate.ErrOver)
		held(vinA, "", "exempt-unknown-module")
		list, err := s.Exemptions(ctx)
		if must(t, err); len(list) != 2 || list[0].ID != "x2" || len(list[1].Steps) != 2 || list[1].State(at) != gate.ExemptionState(gate.ExemptionEnded) || list[0].State(at) != gate.ExemptionHolds {
			t.Errorf("exemptions %+v", list)
		}
		clean(t, s)
	})

	t.Run("documents", func(t *testing.T) {
		s := kit.Open(t)
		d, data := SampleDocument("d1", "a", "one")
		must(t, s.RecordDocument(ctx, d, data))
		again := d
		again.ID = "d2"
		is(t, s.RecordDocument(ctx, again, data), gate.ErrExists)
		if bad := d; s.RecordDocument(ctx, bad, append(data, 'x')) == nil {
			t.Error("a content was filed under another's hash")
		}
		plated, data2 := SampleDocument("d3", "a", "two")
		plated.VIN, plated.Plate = "", "PL22"
		must(t, s.RecordDocument(ctx, plated, data2))
		for i := range gate.MaxDocuments {
			d, data := SampleDocument("m"+string(rune('a'+i)), "a", "more "+string(rune('a'+i)))
			err := s.RecordDocument(ctx, d, data)
			if i < gate.MaxDocuments-1 {
				must(t, err)
			} else {
				is(t, err, gate.ErrTooMany)
			}
		}
		list, err := s.Documents(ctx, "a", gate.DataSubject{VIN: d.VIN, Plate: "x"})
		if must(t, err); len(list) != gate.MaxDocuments || list[len(list)-1].Name != "coc.pdf" {
			t.Errorf("%d documents", len(list))
		}
		if list, err = s.Documents(ctx, "b", gate.DataSubject{VIN: d.VIN}); err != nil || len(list) != 0 {
			t.Errorf("another fleet sees them: %d, %v", len(list), err)
		}
		if list, err = s.Documents(ctx, "a", gate.DataSubject{Plate: "pl-22"}); err != nil || len(list) != 1 {
			t.Errorf("by plate: %d, %v", len(list), err)
		}
		got, content, err := s.Document(ctx, "d1")
		if must(t, err); got.SHA256 != d.SHA256 || string(content) != string(data) {
			t.Errorf("document %+v", got)
		}
		_, _, err = s.Document(ctx, "none")
		is(t, err, gate.ErrNotFound)
		clean(t, s)
	})
}
