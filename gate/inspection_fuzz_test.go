package gate_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
)

// FuzzInspection records whatever comes from outside as an inspection: what is
// refused leaves nothing, what is recorded reads back as it was, names no more
// than the limits allow, and lowers no verdict while it waits for a second
// person.
func FuzzInspection(f *testing.F) {
	for _, in := range []gate.Inspection{
		found(ex30), inspected(modelX, "module", sierra), inspected(oldVan, "", "", device, result(gate.ResultNone)),
		inspected(ex30, "imei", "490154203237518", kind(gate.KindImporter)), storetest.SampleInspection(1),
	} {
		in.At, in.Expires = time.Time{}, time.Time{}
		raw, err := json.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"vin":"YV4EK3ZL7SS000001","subject":"unit","kind":"seen","role":"tcu","result":"isolated","text":"Contains FCC ID: XMR20\u0000"}`))
	f.Add([]byte(`{"read":[{"kind":"no_modem","value":""}],"at":"9999-01-01T00:00:00Z"}`))
	j := packJudge(f, pack.PaperBaseline)
	two := gate.InspectionRules{Days: 365, StatementDays: 90, TwoPeople: policy.ZonePublic}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var in gate.Inspection
		if json.Unmarshal(raw, &in) != nil {
			return
		}
		m := storetest.NewMemory()
		s, err := gate.NewInspections(gate.InspectionsConfig{Store: m, Rules: two, Now: func() time.Time { return assessAt }})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		got, err := s.Record(ctx, []gate.Person{{Name: "maria", Role: auth.Supervisor}}, in)
		kept := 0
		if each := m.EachInspection(ctx, func(k gate.Inspection) error {
			kept++
			if !reflect.DeepEqual(k.Read, got.Read) || k.Text != got.Text || !k.Expires.After(assessAt) || len(k.Acts)+len(k.Photos) > 0 {
				t.Errorf("%+v, recorded as %+v", k, got)
			}
			return nil
		}); each != nil {
			t.Fatal(each)
		}
		if (err == nil) != (kept == 1) {
			t.Fatalf("%d kept, error %v", kept, err)
		}
		if err != nil {
			return
		}
		q := gate.Request{VIN: got.VIN, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, At: assessAt, Inspecting: two}
		before := j.Assess(q)
		q.Inspections = []gate.Inspection{got}
		after := j.Assess(q)
		if got.Kind == gate.KindSeen && after.Verdict.Outcome < before.Verdict.Outcome {
			t.Errorf("%s, was %s before one person's inspection %+v", after.Verdict.Outcome, before.Verdict.Outcome, got)
		}
		if got.Kind != gate.KindSeen && after.Verdict.Outcome == policy.Grant && before.Verdict.Outcome != policy.Grant {
			t.Errorf("granted by a statement: %+v", got)
		}
	})
}

func BenchmarkAssessInspected(b *testing.B) {
	j := packJudge(b, pack.PaperBaseline)
	for _, c := range []struct {
		name string
		list []gate.Inspection
	}{
		{"identifier", []gate.Inspection{inspected(ex30, "module", sierra)}},
		{"label", []gate.Inspection{inspected(ex30, "", "", text("TELEMATICS UNIT\nContains "+label+"\nIC: 10224A-202003AG525RGL"))}},
		{"contradiction", []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "fcc_id", quectel, id("i2"), later(5))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			q := gate.Request{VIN: ex30, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: assessAt, Inspections: c.list}
			b.ReportAllocs()
			for b.Loop() {
				j.Assess(q)
			}
		})
	}
}
