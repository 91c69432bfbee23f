package sqlite_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
	"sallyport/policy"
)

const (
	subjectVIN = "YV4EK3ZL7SS000001"
	otherVIN   = "5YJXCAE42MF000001"
)

// traffic files two vehicles: the one that is asked about, with everything that
// can be kept of it, and another that is mistaken for it.
func traffic(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon
	pass := func(id, vin, plate string, n int) gate.Passage {
		p := gate.Passage{ID: gate.PassageID(id), Lane: "n", At: at.Add(time.Duration(n) * time.Minute), Arrival: gate.Arrival{VIN: vin, Plate: plate}}
		p.Result = gate.Assessment{VIN: vin, Verdict: policy.Verdict{Outcome: policy.Flag, Hash: "be"}}
		return p
	}
	other := pass("other", otherVIN, "KR 2", 3)
	other.Arrival.VIN = subjectVIN // misread, and put right
	photo := storetest.SamplePhoto("i1", 1)
	for i, err := range []error{
		s.Record(ctx, pass("done", subjectVIN, "WX 1", 0)),
		s.RecordReassessment(ctx, gate.Reassessment{Passage: "done", At: at, Because: "radio"}),
		s.RecordAct(ctx, gate.Act{Kind: gate.ActOpen, Passage: "done", By: "anna", Reason: "known driver", At: at}),
		s.RecordRadioKey(ctx, gate.RadioKeyStep{Epoch: 1, Kind: gate.RadioKeyMade, At: at, Commitment: "c"}),
		s.KeepRadioSet(ctx, gate.RadioSet{Passage: "done", At: at, Epoch: 1, Tags: []uint64{7}}),
		s.RecordOutcome(ctx, gate.Outcome{Passage: "done", Ending: gate.EndAdmitted, At: at}),
		s.Record(ctx, pass("open", subjectVIN, "WX 1", 2)),
		s.RecordAct(ctx, gate.Act{Kind: gate.ActHold, Passage: "open", By: "anna", Reason: "wait", At: at}),
		s.Record(ctx, other),
		s.RecordOutcome(ctx, gate.Outcome{Passage: "other", Ending: gate.EndLeft, At: at}),
		s.RecordInspection(ctx, gate.Inspection{ID: "i1", VIN: subjectVIN, By: "anna", At: at, Expires: at.AddDate(1, 0, 0)}),
		s.RecordInspectionActs(ctx, gate.InspectionAct{Inspection: "i1", Kind: gate.InspectionConfirmed, By: "jan", At: at, Note: "seen"}),
		s.RecordPhoto(ctx, photo),
		s.PutRegistrations(ctx,
			gate.Registration{VIN: subjectVIN, Plate: "WX 0", Class: policy.ClassPrivate, At: at},
			gate.Registration{VIN: subjectVIN, Plate: "WX 1", Class: policy.ClassMilitary, At: at},
			gate.Registration{VIN: otherVIN, Plate: "KR 2", Class: policy.ClassPrivate, At: at}),
	} {
		if err != nil {
			t.Fatal(i, err)
		}
	}
}

func ask(v gate.DataSubject) gate.ErasureAsk {
	return gate.ErasureAsk{DataSubject: v, By: "maria", Why: "asked by the keeper", At: storetest.Noon.Add(time.Hour)}
}

// all is every byte of the database as text.
func whole(t testing.TB, dir string) string {
	t.Helper()
	db := intruder(t, dir)
	var b strings.Builder
	for _, table := range tables {
		names, _ := columnsOf(t, db, table)
		for _, n := range names {
			rows, err := db.Query("SELECT hex(" + n + "), " + n + " FROM " + table + " WHERE " + n + " IS NOT NULL")
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var hexed, text string
				if err := rows.Scan(&hexed, &text); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "%s.%s %s\n", table, n, text)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.String()
}

// TestEraseOnRequest erases a vehicle by each of its names; what must stay is
// named, what is of another stays, and proofs made before hold.
func TestEraseOnRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		of     gate.DataSubject
		hold   *gate.Hold
		erased map[string]int
		kept   string
		listed bool // the list still names the vehicle
	}{
		{name: "by VIN", of: gate.DataSubject{VIN: strings.ToLower(subjectVIN)},
			erased: map[string]int{"passage": 1, "act": 1, "reassessment": 1, "radio_set": 1, "inspection": 1, "inspection_act": 1, "photo": 1, "registration": 2},
			kept:   "stay open, passage open, act open, passage mention"},
		{name: "by plate", of: gate.DataSubject{Plate: "wx-1"},
			erased: map[string]int{"passage": 1, "act": 1, "reassessment": 1, "radio_set": 1, "registration": 2},
			kept:   "stay open, passage open, act open"},
		{name: "by both", of: gate.DataSubject{VIN: subjectVIN, Plate: "WX1"},
			erased: map[string]int{"passage": 1, "act": 1, "reassessment": 1, "radio_set": 1, "inspection": 1, "inspection_act": 1, "photo": 1, "registration": 2},
			kept:   "stay open, passage open, act open, passage mention"},
		{name: "held by VIN", of: gate.DataSubject{VIN: subjectVIN}, hold: &gate.Hold{DataSubject: gate.DataSubject{VIN: subjectVIN}, By: "maria", Why: "inquiry 7"}, erased: map[string]int{}, listed: true,
			kept: "passage held, reassessment held, act held, radio_set held, stay held, passage held, act held, passage mention, inspection held, inspection_act held, photo held, registration held, registration held, hold held"},
		{name: "held by plate", of: gate.DataSubject{VIN: subjectVIN}, hold: &gate.Hold{DataSubject: gate.DataSubject{Plate: "WX 1"}, By: "maria", Why: "inquiry 7"}, listed: true,
			erased: map[string]int{"inspection": 1, "inspection_act": 1, "photo": 1},
			kept:   "passage held, reassessment held, act held, radio_set held, stay held, passage held, act held, passage mention, registration held, registration held"},
		{name: "nobody", of: gate.DataSubject{VIN: "WDB00000000000000"}, erased: map[string]int{}, listed: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newSite(t)
			s := open(t, dir)
			traffic(t, s)
			if c.hold != nil {
				c.hold.At = storetest.Noon
				if _, err := s.PlaceHold(t.Context(), *c.hold); err != nil {
					t.Fatal(err)
				}
			}
			before := exported(t, dir, sqlite.LogExport{Passage: "done", Made: storetest.Noon})
			rep, err := s.EraseSubject(t.Context(), ask(c.of))
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(rep.Erased) != fmt.Sprint(c.erased) {
				t.Errorf("erased %v, want %v", rep.Erased, c.erased)
			}
			var kept []string
			for _, k := range rep.Kept {
				kept = append(kept, k.Table+" "+k.Why)
			}
			if got := strings.Join(kept, ", "); got != c.kept {
				t.Errorf("kept %s\nwant %s", got, c.kept)
			}
			r := verified(t, s)
			n := 0
			for _, k := range rep.Erased {
				n += k
			}
			if r.Erased != int64(n) {
				t.Errorf("%d erased by the log, %d by the report", r.Erased, n)
			}
			key, err := translog.NewVerifier(s.VerifierKey())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := translog.CheckBundle(bytes.NewReader(before), s.VerifierKey()); err != nil {
				t.Errorf("a proof made before, by %s: %v", key.Name(), err)
			}
			if _, err := s.Registration(t.Context(), subjectVIN, "WX 1"); c.listed != (err == nil) {
				t.Errorf("on the list: %v", err)
			}
			if reg, err := s.Registration(t.Context(), otherVIN, ""); err != nil || reg.Plate != "KR2" {
				t.Errorf("the other vehicle: %+v, %v", reg, err)
			}
			if n > 0 {
				rows := whole(t, dir)
				if c.name == "by VIN" {
					for line := range strings.Lines(rows) {
						if strings.Contains(line, subjectVIN) && !strings.HasPrefix(line, "passage.") && !strings.HasPrefix(line, "stay.") { // one is open, and inside
							t.Errorf("still there: %.120s", line)
						}
					}
				}
				if !strings.Contains(rows, `"by":"maria"`) || !strings.Contains(rows, "asked by the keeper") {
					t.Error("the log does not say who asked, and why")
				}
			}
			again, err := s.EraseSubject(t.Context(), ask(c.of))
			if err != nil || len(again.Erased) != 0 {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

func exported(t testing.TB, dir string, e sqlite.LogExport) []byte {
	t.Helper()
	r, err := sqlite.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := r.ExportLog(t.Context(), &b, e); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEraseMany erases more than one transaction takes.
func TestEraseMany(t *testing.T) {
	s := open(t, newSite(t))
	list := []gate.Registration{{VIN: subjectVIN, Plate: "WX 1", Class: policy.ClassPrivate, At: storetest.Noon}}
	for range 1100 {
		list = append(list, gate.Registration{VIN: subjectVIN, Plate: "WX 0", Class: policy.ClassPrivate, At: storetest.Noon})
	}
	if err := s.PutRegistrations(t.Context(), list...); err != nil {
		t.Fatal(err)
	}
	rep, err := s.EraseSubject(t.Context(), ask(gate.DataSubject{Plate: "WX 1"}))
	if err != nil || rep.Erased["registration"] != 1101 {
		t.Errorf("%+v, %v", rep.Erased, err)
	}
	if _, err := s.Registration(t.Context(), subjectVIN, ""); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("%v", err)
	}
	verified(t, s)
}

func TestErasureAskIsChecked(t *testing.T) {
	s := open(t, newSite(t))
	before := verified(t, s).Entries
	for name, a := range map[string]gate.ErasureAsk{
		"no vehicle":            {By: "maria", Why: "x"},
		"nobody":                {DataSubject: gate.DataSubject{VIN: subjectVIN}, Why: "x"},
		"no reason":             {DataSubject: gate.DataSubject{VIN: subjectVIN}, By: "maria", Why: " "},
		"a reason with the VIN": {DataSubject: gate.DataSubject{VIN: subjectVIN}, By: "maria", Why: "keeper of yv4ek3zl7ss000001"},
		"with the plate":        {DataSubject: gate.DataSubject{Plate: "WX 1"}, By: "maria", Why: "keeper of wx-1"},
	} {
		if _, err := s.EraseSubject(t.Context(), a); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if after := verified(t, s).Entries; after != before {
		t.Errorf("%d entries were made", after-before)
	}
}

// TestHolds: while a hold is in force retention erases nothing of the vehicle;
// once it is lifted, everything, and at last the hold.
func TestHolds(t *testing.T) {
	s := open(t, newSite(t))
	traffic(t, s)
	ctx, at := t.Context(), storetest.Noon
	id, err := s.PlaceHold(ctx, gate.Hold{DataSubject: gate.DataSubject{VIN: subjectVIN}, By: "maria", Why: "inquiry 7", At: at})
	if err != nil {
		t.Fatal(err)
	}
	far := at.AddDate(9, 0, 0)
	if n, err := s.EraseBefore(ctx, far, far, "retention"); err != nil || n != 1 { // the other vehicle's passage
		t.Errorf("erased %d, %v", n, err)
	}
	if list, err := s.Holds(ctx); err != nil || len(list) != 1 || list[0].Why != "inquiry 7" || list[0].VIN != subjectVIN || !list[0].Lifted.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.LiftHold(ctx, "nothing", "maria", "x", far); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := s.LiftHold(ctx, id, "maria", "closed", far); err != nil {
		t.Fatal(err)
	}
	if err := s.LiftHold(ctx, id, "maria", "closed", far); !errors.Is(err, gate.ErrExists) {
		t.Errorf("%v", err)
	}
	later := far.AddDate(1, 0, 0)
	if n, err := s.EraseBefore(ctx, later, later, "retention"); err != nil || n != 10 {
		t.Errorf("erased %d, %v; want the passage with three, the inspection with two, a line of the list and both halves of the hold", n, err)
	}
	if list, err := s.Holds(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	verified(t, s)
	for _, bad := range []gate.Hold{{By: "maria", Why: "x"}, {DataSubject: gate.DataSubject{VIN: "x"}, Why: "x"}, {DataSubject: gate.DataSubject{VIN: "x"}, By: "x"}} {
		if _, err := s.PlaceHold(ctx, bad); err == nil {
			t.Errorf("%+v: accepted", bad)
		}
	}
}

// TestSubjectAccess: a vehicle's keeper gets every record, whole.
func TestSubjectAccess(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	traffic(t, s)
	out, err := s.Subject(t.Context(), gate.DataSubject{VIN: subjectVIN})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range out.Records {
		count[r.Table]++
		if _, there := r.Record["salt"]; there {
			t.Errorf("%s %d: the salt is no data of the keeper's", r.Table, r.Seq)
		}
	}
	want := map[string]int{"passage": 2, "act": 2, "reassessment": 1, "radio_set": 1, "outcome": 1, "stay": 1, "inspection": 1, "inspection_act": 1, "photo": 1, "registration": 2}
	if fmt.Sprint(count) != fmt.Sprint(want) || len(out.Mentions) != 1 || !slices.Contains(out.Also, gate.DataSubject{Plate: "WX1"}) {
		t.Errorf("%v, want %v; mentions %+v, also %+v", count, want, out.Mentions, out.Also)
	}
	text, err := json.Marshal(out)
	if err != nil || !json.Valid(text) || !bytes.Contains(text, []byte("known driver")) || bytes.Contains(text, []byte(otherVIN)) {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := s.EraseSubject(t.Context(), ask(gate.DataSubject{VIN: subjectVIN, Plate: "WX 1"})); err != nil {
		t.Fatal(err)
	}
	left, err := s.Subject(t.Context(), gate.DataSubject{VIN: subjectVIN, Plate: "WX 1"})
	if err != nil || len(left.Records) != 3 {
		t.Errorf("%+v, %v; want the open passage with its act, and that it is inside", left.Records, err)
	}
}

// TestEveryTableOfPersonalDataIsReached: a table that holds any can be erased,
// by retention and on request, and shown to the keeper.
func TestEveryTableOfPersonalDataIsReached(t *testing.T) {
	dir := newSite(t)
	open(t, dir)
	db := intruder(t, dir)
	names, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	var with []string
	for names.Next() {
		var n string
		if err := names.Scan(&n); err != nil {
			t.Fatal(err)
		}
		with = append(with, n)
	}
	for _, n := range with {
		if columns, _ := columnsOf(t, db, n); !slices.Contains(columns, "salt") {
			continue
		}
		if err := sqlite.Reached(n); err != nil {
			t.Errorf("table %s: %v", n, err)
		}
	}
}
