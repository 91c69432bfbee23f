package gate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
)

// A table is read alike in whatever a spreadsheet writes it.
func TestReadCSV(t *testing.T) {
	const text = "VIN;Numer rejestracyjny;Uwagi\r\n5YJXCAE42MF000001;ŁÓD 123;żółw\r\n;;\r\n\"WVWZZZ3BZWE000042\";\"GD;1\";x\r\n"
	w1250, err := charmap.Windows1250.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, c := range map[string]struct {
		data []byte
		as   string
	}{
		"plain": {[]byte(text), gate.EncodingUTF8}, "with a mark": {[]byte("\ufeff" + text), gate.EncodingUTF8},
		"Windows-1250": {w1250, gate.Encoding1250}, "UTF-16": {wide, gate.Encoding16}, "with sep=": {[]byte("sep=;\r\n" + text), gate.EncodingUTF8},
		"commas": {[]byte(strings.NewReplacer(";;", ",,", "GD;1", "GD;1", ";", ",").Replace(strings.ReplaceAll(text, "GD;1", "GD1"))), gate.EncodingUTF8},
	} {
		tab, err := gate.ReadCSV(c.data, gate.EncodingAuto)
		if err != nil || tab.Encoding != c.as || len(tab.Rows) != 2 || len(tab.Head) != 3 {
			t.Errorf("%s: %+v, %v", name, tab, err)
			continue
		}
		line := 2
		if strings.HasPrefix(name, "with sep") {
			line = 3
		}
		if r := tab.Rows[0]; r.Line != line || r.Cells[1] != "ŁÓD 123" || r.Cells[2] != "żółw" {
			t.Errorf("%s: %+v", name, r)
		}
		if r := tab.Rows[1]; r.Line != line+2 {
			t.Errorf("%s: %+v", name, r)
		}
		if g := tab.Guess(); !slices.Equal(g, []string{gate.FieldVIN, gate.FieldPlate, ""}) {
			t.Errorf("%s: guessed %v", name, g)
		}
	}
	german, err := charmap.Windows1252.NewEncoder().Bytes([]byte("FIN;Kennzeichen\n5YJXCAE42MF000001;MÜ AB 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if tab, err := gate.ReadCSV(german, ""); err != nil || tab.Encoding != gate.Encoding1252 || tab.Rows[0].Cells[1] != "MÜ AB 1" || tab.Guess()[0] != gate.FieldVIN {
		t.Errorf("%+v, %v", tab, err)
	}
	if tab, err := gate.ReadCSV([]byte("5YJXCAE42MF000001,AB1\n"), ""); err != nil || tab.Head != nil || tab.Guess()[0] != gate.FieldVIN {
		t.Errorf("without names: %+v, %v", tab, err)
	}
	broken := "VIN,plate\n5YJXCAE42MF000001,A\"B\n2HGEJ6672WH500001,C1\n"
	if tab, err := gate.ReadCSV([]byte(broken), ""); err != nil || len(tab.Rows) != 2 || tab.Rows[0].Broken == "" || tab.Rows[0].Line != 2 || tab.Rows[1].Cells[1] != "C1" {
		t.Errorf("a broken row: %+v, %v", tab, err)
	}
	for what, data := range map[string]string{"nothing": "", "names only": "VIN,plate\n", "bytes": "VIN\x00,plate\nx,y\n", "too many columns": strings.Repeat("a,", 70) + "\nx\n", "no UTF-8": "\xef\xbb\xbfVIN\n\xff\xff\n"} {
		if _, err := gate.ReadCSV([]byte(data), ""); !errors.Is(err, gate.ErrTable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := gate.ReadCSV([]byte("VIN\n"+strings.Repeat("x\n", gate.MaxImportRows+1)), ""); !errors.Is(err, gate.ErrTable) {
		t.Errorf("too many rows: %v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("VIN;plate\n5YJXCAE42MF000001;A1\n"))
	f.Add([]byte("\xff\xfeV\x00I\x00"))
	f.Add([]byte("sep=|\nVIN|x\n\"|\n"))
	fleet := gate.Fleet{ID: "f", Classes: []policy.Class{policy.ClassContractor}}
	f.Fuzz(func(t *testing.T, data []byte) {
		tab, err := gate.ReadCSV(data, "")
		if err != nil {
			return
		}
		fields := tab.Guess()
		if len(fields) != tab.Columns() || len(tab.Rows) == 0 {
			t.Fatalf("%d fields of %d columns, %d rows", len(fields), tab.Columns(), len(tab.Rows))
		}
		last := 0
		for i := range tab.Rows {
			r, faults := gate.ParseVehicle(&tab.Rows[i], fields, policy.ClassContractor)
			if len(faults) == 0 {
				gate.CheckVehicle(&r, &fleet, storetest.Noon)
			}
			if tab.Rows[i].Line < last || tab.Rows[i].Line == 0 {
				t.Fatalf("line %d after %d", tab.Rows[i].Line, last)
			}
			last = tab.Rows[i].Line
		}
	})
}

func fleetPerson(name string, role auth.Role, fleets ...string) gate.FleetPerson {
	return gate.FleetPerson{Person: gate.Person{Name: name, Role: role}, Fleets: fleets}
}

// Nobody sees or touches a fleet that is not theirs, and nothing tells them that
// it is there.
func TestFleetScope(t *testing.T) {
	ctx, store := t.Context(), storetest.NewMemory()
	clock := gate.NewClock(func() time.Time { return storetest.Noon.Add(time.Hour) })
	desk, err := gate.NewFleetDesk(gate.FleetDeskConfig{Store: store, Events: store.RecordEvent, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	mia, fred, eve, otto, anna := fleetPerson("mia", auth.SecurityManager), fleetPerson("fred", auth.FleetManager, "a"), fleetPerson("eve", auth.FleetManager, "b", "none"), fleetPerson("otto", auth.Auditor), fleetPerson("anna", auth.Guard, "a")
	for _, id := range []string{"a", "b"} {
		if err := desk.PutFleet(ctx, mia, gate.Fleet{ID: id, Name: "Fleet " + id, Classes: []policy.Class{policy.ClassContractor}}); err != nil {
			t.Fatal(err)
		}
	}
	car := gate.Registration{VIN: "5YJXCAE42MF000001", Plate: "A1 23", Class: policy.ClassContractor}
	if err := desk.Enter(ctx, fred, "a", car); err != nil {
		t.Fatal(err)
	}
	list, err := desk.Vehicles(ctx, fred, gate.VehicleFilter{Fleet: "a"})
	if err != nil || len(list) != 1 || list[0].Listed.By != "fred" || list[0].Listed.Fleet != "a" {
		t.Fatalf("%+v, %v", list, err)
	}
	seq := list[0].Seq
	asked, err := desk.Ask(ctx, fred, "a", seq, gate.Exemption{Rule: "module-restricted-zone", Reason: "bread", From: storetest.Noon, Until: storetest.Noon.AddDate(0, 1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	pdf := []byte("%PDF-1.7\n%%EOF\n")
	doc, err := desk.File(ctx, fred, "a", seq, "conformity", "../../coc.pdf", pdf)
	if err != nil || doc.Name != "coc.pdf" {
		t.Fatalf("%+v, %v", doc, err)
	}
	tries := map[string]func(gate.FleetPerson) error{
		"see the fleet": func(p gate.FleetPerson) error { _, err := desk.Fleet(ctx, p, "a"); return err },
		"list": func(p gate.FleetPerson) error {
			_, err := desk.Vehicles(ctx, p, gate.VehicleFilter{Fleet: "a"})
			return err
		},
		"one": func(p gate.FleetPerson) error { _, err := desk.Vehicle(ctx, p, "a", seq); return err },
		"each": func(p gate.FleetPerson) error {
			return desk.EachVehicle(ctx, p, "a", func(gate.Registration) error { return nil })
		},
		"documents": func(p gate.FleetPerson) error {
			_, err := desk.Documents(ctx, p, "a", gate.DataSubject{VIN: car.VIN})
			return err
		},
		"document":  func(p gate.FleetPerson) error { _, _, err := desk.Document(ctx, p, "a", doc.ID); return err },
		"exemption": func(p gate.FleetPerson) error { _, err := desk.Exemption(ctx, p, asked.ID); return err },
		"passes":    func(p gate.FleetPerson) error { _, err := desk.Passes(ctx, p, "a", seq); return err },
		"enter": func(p gate.FleetPerson) error {
			return desk.Enter(ctx, p, "a", gate.Registration{Plate: "Z9 9", Class: policy.ClassContractor})
		},
		"remove": func(p gate.FleetPerson) error { return desk.Remove(ctx, p, "a", seq) },
		"file": func(p gate.FleetPerson) error {
			_, err := desk.File(ctx, p, "a", seq, "other", "x.pdf", append(pdf, '\n'))
			return err
		},
		"ask": func(p gate.FleetPerson) error {
			_, err := desk.Ask(ctx, p, "a", 0, gate.Exemption{Rule: "r", Reason: "x", From: storetest.Noon, Until: storetest.Noon.AddDate(0, 1, 0)})
			return err
		},
		"revoke a pass": func(p gate.FleetPerson) error { return desk.RevokePass(ctx, p, "a", seq, "p", "why") },
		"withdraw": func(p gate.FleetPerson) error {
			_, err := desk.Decide(ctx, p, asked.ID, gate.ExemptionWithdrawn, "")
			return err
		},
	}
	for what, try := range tries {
		if err := try(eve); !errors.Is(err, gate.ErrNotFound) {
			t.Errorf("eve could %s, or was told: %v", what, err)
		}
		if err := try(anna); !errors.Is(err, gate.ErrForbidden) {
			t.Errorf("a guard could %s: %v", what, err)
		}
	}
	for _, what := range []string{"enter", "remove", "file", "ask", "withdraw"} {
		if err := tries[what](otto); !errors.Is(err, gate.ErrForbidden) {
			t.Errorf("an auditor could %s: %v", what, err)
		}
	}
	// A document of one fleet is not had through another.
	if _, _, err := desk.Document(ctx, eve, "b", doc.ID); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("another's document: %v", err)
	}
	if err := desk.Enter(ctx, eve, "b", car); !errors.Is(err, gate.ErrElsewhere) {
		t.Errorf("another's vehicle: %v", err)
	}
	if err := desk.Enter(ctx, fred, "a", gate.Registration{Plate: "G 1", Class: policy.ClassGovernment}); err == nil {
		t.Error("a class that the fleet may not claim was entered")
	}
	for _, p := range []gate.FleetPerson{fred, eve, otto} {
		if err := desk.PutFleet(ctx, p, gate.Fleet{ID: "c", Name: "C", Classes: []policy.Class{policy.ClassMilitary}}); !errors.Is(err, gate.ErrForbidden) {
			t.Errorf("%s made a fleet: %v", p.Name, err)
		}
		if _, err := desk.Decide(ctx, p, asked.ID, gate.ExemptionGranted, ""); !errors.Is(err, gate.ErrForbidden) {
			t.Errorf("%s granted an exemption: %v", p.Name, err)
		}
	}
	if fleets, err := desk.Fleets(ctx, eve); err != nil || len(fleets) != 1 || fleets[0].ID != "b" {
		t.Errorf("eve sees %+v, %v", fleets, err)
	}
	if list, err := desk.Exemptions(ctx, eve); err != nil || len(list) != 0 {
		t.Errorf("eve sees %+v, %v", list, err)
	}
	if g, err := desk.Decide(ctx, mia, asked.ID, gate.ExemptionGranted, ""); err != nil || g.Version != 0 {
		t.Errorf("%+v, %v", g, err)
	}
}

// An import says of every bad row where and what is wrong, enters nothing before
// it is told to, and done again enters nothing twice.
func TestFleetImport(t *testing.T) {
	ctx, store := t.Context(), storetest.NewMemory()
	desk, err := gate.NewFleetDesk(gate.FleetDeskConfig{Store: store, Events: store.RecordEvent, Clock: gate.NewClock(func() time.Time { return storetest.Noon.Add(time.Hour) })})
	if err != nil {
		t.Fatal(err)
	}
	mia, fred := fleetPerson("mia", auth.SecurityManager), fleetPerson("fred", auth.FleetManager, "a")
	if err := desk.PutFleet(ctx, mia, gate.Fleet{ID: "a", Name: "A", Classes: []policy.Class{policy.ClassContractor}}); err != nil {
		t.Fatal(err)
	}
	if err := store.PutRegistrations(ctx, gate.Registration{Plate: "SITE 1", Class: policy.ClassGovernment, At: storetest.Noon}); err != nil {
		t.Fatal(err)
	}
	file := "VIN,plate,class,built\n5YJXCAE42MF000001,A1,,2021-03\n5YJXCAE42MF000001,A2,,\n,SITE1,,\n,A1,,\n,B2,military,\n=1+1,B3,,\n,B4,,15.03.2021\n"
	imports := gate.NewFleetImports(ctx, desk)
	round := func() gate.ImportView {
		t.Helper()
		v, err := imports.Read(ctx, fred, "a", "x.csv", []byte(file), nil)
		if err == nil {
			err = imports.Check(ctx, fred, "a", v.ID, gate.ImportChoice{})
		}
		if err == nil {
			err = imports.Wait(ctx, fred, "a", v.ID)
		}
		if err == nil {
			v, err = imports.View(fred, "a", v.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := round()
	var got []string
	for _, f := range v.Bad {
		got = append(got, strings.Join([]string{string(rune('0' + f.Line)), string(rune('0' + f.Column)), f.Code}, " "))
	}
	want := []string{"3 1 twice", "4 2 elsewhere", "5 2 plate-twice", "6 3 class-not-allowed", "7 1 formula"}
	if v.State != gate.ImportChecked || v.New != 2 || v.BadRows != 5 || !slices.Equal(got, want) {
		t.Errorf("%s: %d new, bad %v", v.State, v.New, got)
	}
	if n, err := desk.Vehicles(ctx, fred, gate.VehicleFilter{Fleet: "a"}); err != nil || len(n) != 0 {
		t.Fatalf("a check entered %d vehicles, %v", len(n), err)
	}
	if err := imports.Enter(ctx, fred, "a", v.ID, false); !errors.Is(err, gate.ErrNotAllowed) {
		t.Errorf("entered although rows are bad: %v", err)
	}
	if _, err := imports.View(fleetPerson("eve", auth.FleetManager, "a"), "a", v.ID); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("another person sees the file: %v", err)
	}
	if err := errors.Join(imports.Enter(ctx, fred, "a", v.ID, true), imports.Wait(ctx, fred, "a", v.ID)); err != nil {
		t.Fatal(err)
	}
	if v, _ = imports.View(fred, "a", v.ID); v.State != gate.ImportDone || v.Entered != 2 {
		t.Errorf("%s, %d entered, %v", v.State, v.Entered, v.Problem)
	}
	if v = round(); v.Same != 2 || v.Good() != 0 {
		t.Errorf("again: %d new, %d changed, %d the same", v.New, v.Changed, v.Same)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if err := gate.NewFleetImports(stopped, desk).Wait(ctx, fred, "a", "none"); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Every shipped policy can be made to honour an exemption from each of its rules,
// and passes what a site asks of a text that is proposed.
func TestHonouring(t *testing.T) {
	src, err := pack.Source(pack.PaperBaseline)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load("p", src)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Rules() {
		if r.Outcome == policy.Grant || len(r.Lifts) > 0 {
			continue
		}
		out, err := gate.Honouring(src, r.ID)
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
			continue
		}
		q, err := policy.Load("q", out)
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
			continue
		}
		cases, err := q.Examples("q")
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
			continue
		}
		results := q.RunExamples(cases[len(cases)-1:], nil)
		if last := results[len(results)-1]; last.Failed() || slices.Contains(q.Unshown(results), gate.ExemptionFrom(r.ID)) {
			t.Errorf("%s: %v, unshown %v", r.ID, last.Faults, q.Unshown(results))
		}
		if !gate.Honours(q, r.ID) || gate.Honours(p, r.ID) {
			t.Errorf("%s: honoured before, or not after", r.ID)
		}
	}
	if _, err := gate.Honouring(src, "none"); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("no such rule: %v", err)
	}
}
