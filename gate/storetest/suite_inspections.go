package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
)

// SampleInspection is an inspection with something in every part that a store
// keeps.
func SampleInspection(n int) gate.Inspection {
	at := Noon.Add(time.Duration(n) * time.Hour).UTC()
	return gate.Inspection{
		ID: fmt.Sprintf("i%d", n), VIN: "5YJXCAE4XMF000001", Subject: gate.SubjectUnit, Kind: gate.KindSeen, Role: "tcu",
		Place: "under the front seat", Read: []gate.Reading{{Kind: "fcc_id", Value: "XMR201909EG25G"}, {Kind: "imei", Value: "490154203237518"}},
		Text: "Contains FCC ID: XMR201909EG25G\n„żółć”", Result: gate.ResultFound, Note: "label torn", By: "anna", Second: "jan", Via: "screen",
		At: at, Expires: at.AddDate(1, 0, 0),
		Vehicle: gate.InspectedVehicle{Make: "TESLA", Model: "Model X", ModelYear: 2021, Market: "EU", Plant: "FREMONT, UNITED STATES (USA)"},
	}
}

// SamplePhoto is a small picture of an inspection.
func SamplePhoto(inspection string, n int) gate.PhotoData {
	data := append([]byte("\xff\xd8\xff\xe0"), byte(n))
	sum := sha256.Sum256(data)
	return gate.PhotoData{Inspection: inspection, Data: data, Photo: gate.Photo{
		SHA256: hex.EncodeToString(sum[:]), Type: "image/jpeg", Size: len(data), By: "anna", At: Noon.UTC().Add(time.Minute)}}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// fits has the whole log verified.
func (k Kit) fits(t *testing.T, s Store) (entries int64) {
	t.Helper()
	r := k.Verify(t, s)
	if !r.Clean() {
		t.Fatalf("log does not fit: %+v", r.Misfits)
	}
	return r.Entries
}

func ids(list []gate.Inspection) string {
	var b strings.Builder
	for _, i := range list {
		b.WriteString(i.ID + " ")
	}
	return strings.TrimSpace(b.String())
}

func inspections(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	first := SampleInspection(1)
	typed := first
	typed.VIN = " 5yjxcae4xmf000001 "
	ok(t, s.RecordInspection(ctx, typed))
	ok(t, s.RecordInspection(ctx, first))
	changed := first
	changed.Read = []gate.Reading{{Kind: "module", Value: "other"}}
	fails(t, s.RecordInspection(ctx, changed), gate.ErrExists)
	ok(t, s.RecordInspection(ctx, SampleInspection(2)))
	if s.RecordInspection(ctx, gate.Inspection{ID: "i3", At: Noon}) == nil {
		t.Error("inspection without a VIN was recorded")
	}
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{Noon, ""}, {first.At, "i1"}, {Noon.Add(3 * time.Hour), "i2 i1"}, {first.Expires, "i2"}, {Noon.AddDate(2, 0, 0), ""},
	} {
		list, err := s.Inspections(ctx, first.VIN, c.at)
		ok(t, err)
		if ids(list) != c.want {
			t.Errorf("at %v: %q, want %q", c.at, ids(list), c.want)
		}
	}
	got, err := s.Inspection(ctx, "i1")
	ok(t, err)
	if !reflect.DeepEqual(got, first) {
		t.Errorf("%+v, want %+v", got, first)
	}
	n := kit.fits(t, s)

	act := func(id string, kind gate.InspectionActKind, by string) gate.InspectionAct {
		return gate.InspectionAct{Inspection: id, Kind: kind, By: by, At: Noon.Add(5 * time.Hour).UTC(), Note: "because „ż”"}
	}
	confirmed, replaced := act("i1", gate.InspectionConfirmed, "piotr"), act("i1", gate.InspectionTCUReplaced, "maria")
	fails(t, s.RecordInspectionActs(ctx, confirmed, act("i9", gate.InspectionWithdrawn, "maria")), gate.ErrNotFound)
	if got := kit.fits(t, s); got != n {
		t.Errorf("a refused list of acts left %d entries", got-n)
	}
	ok(t, s.RecordInspectionActs(ctx, confirmed, replaced, act("i2", gate.InspectionTCUReplaced, "maria")))
	ok(t, s.RecordInspectionActs(ctx, replaced))
	later := replaced
	later.Note = "another reason"
	fails(t, s.RecordInspectionActs(ctx, later), gate.ErrExists)
	ok(t, s.RecordInspectionActs(ctx, act("i1", gate.InspectionConfirmed, "ewa")))
	ok(t, s.RecordInspectionActs(ctx, act("i1", gate.InspectionWithdrawn, "maria"))) // even though it was voided
	if got := kit.fits(t, s); got != n+5 {
		t.Errorf("%d entries more, want 5", got-n)
	}
	want := []gate.InspectionAct{confirmed, replaced, act("i1", gate.InspectionConfirmed, "ewa"), act("i1", gate.InspectionWithdrawn, "maria")}
	history, err := s.InspectionHistory(ctx, first.VIN)
	ok(t, err)
	if ids(history) != "i2 i1" || !reflect.DeepEqual(history[1].Acts, want) {
		t.Errorf("history %+v", history)
	}
	list, err := s.Inspections(ctx, first.VIN, Noon.Add(6*time.Hour))
	ok(t, err)
	if len(list) != 2 || !reflect.DeepEqual(list[1].Acts, want) {
		t.Errorf("in time: %+v", list)
	}
	var each []gate.Inspection
	ok(t, s.EachInspection(ctx, func(i gate.Inspection) error { each = append(each, i); return nil }))
	if ids(each) != "i1 i2" || !reflect.DeepEqual(each[0].Acts, want) {
		t.Errorf("each: %+v", each)
	}
	stop := errors.New("enough")
	fails(t, s.EachInspection(ctx, func(gate.Inspection) error { return stop }), stop)
	_, err = s.Inspection(ctx, "i9")
	fails(t, err, gate.ErrNotFound)
	if list, err := s.InspectionHistory(ctx, "nobody"); err != nil || len(list) != 0 {
		t.Errorf("nobody's: %v, %v", list, err)
	}
	entries, err := s.Entries(ctx, 0, 100)
	ok(t, err)
	for _, e := range entries {
		for _, secret := range []string{first.VIN, "XMR2019", "because", "torn"} {
			if strings.Contains(string(e.Data), secret) {
				t.Errorf("entry %d holds personal data: %s", e.Seq, e.Data)
			}
		}
	}
}

func inspectionsAtOnce(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			in := SampleInspection(g)
			if err := s.RecordInspection(ctx, in); err != nil {
				t.Error(err)
			}
			if err := s.RecordInspectionActs(ctx, gate.InspectionAct{Inspection: in.ID, Kind: gate.InspectionConfirmed, By: "ewa", At: in.At}); err != nil {
				t.Error(err)
			}
			if err := s.RecordPhoto(ctx, SamplePhoto(in.ID, g)); err != nil {
				t.Error(err)
			}
			if got, err := s.Inspection(ctx, in.ID); err != nil || len(got.Acts) != 1 || len(got.Photos) != 1 {
				t.Errorf("acknowledged and not there: %+v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got := kit.fits(t, s); got != before+48 {
		t.Errorf("%d entries more, want 48", got-before)
	}
}

func photographs(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	ok(t, s.RecordInspection(ctx, SampleInspection(1)))
	p := SamplePhoto("i1", 0)
	fails(t, s.RecordPhoto(ctx, SamplePhoto("i9", 0)), gate.ErrNotFound)
	ok(t, s.RecordPhoto(ctx, p))
	n := kit.fits(t, s)
	ok(t, s.RecordPhoto(ctx, p))
	if got := kit.fits(t, s); got != n {
		t.Error("the same photograph was recorded twice")
	}
	for i := 1; i < gate.MaxPhotos; i++ {
		ok(t, s.RecordPhoto(ctx, SamplePhoto("i1", i)))
	}
	fails(t, s.RecordPhoto(ctx, SamplePhoto("i1", 99)), gate.ErrTooMany)
	data, err := s.Photo(ctx, "i1", p.SHA256)
	ok(t, err)
	if !bytes.Equal(data, p.Data) {
		t.Errorf("picture %x, want %x", data, p.Data)
	}
	_, err = s.Photo(ctx, "i2", p.SHA256)
	fails(t, err, gate.ErrNotFound)
	in, err := s.Inspection(ctx, "i1")
	ok(t, err)
	if len(in.Photos) != gate.MaxPhotos || !reflect.DeepEqual(in.Photos[0], p.Photo) {
		t.Errorf("photographs %+v", in.Photos)
	}
	kit.fits(t, s)
}

// Retention erases inspections that expired or were ended, with their acts and
// photographs, and leaves those that hold.
func inspectionsErased(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	for n := range 4 {
		in := SampleInspection(n)
		if n == 0 {
			in.Expires = in.At.AddDate(0, 0, 7)
		}
		ok(t, s.RecordInspection(ctx, in))
		ok(t, s.RecordPhoto(ctx, SamplePhoto(in.ID, n)))
		kind := []gate.InspectionActKind{gate.InspectionConfirmed, gate.InspectionWithdrawn, gate.InspectionConfirmed, gate.InspectionRecalled}[n]
		at := in.At.Add(time.Hour)
		if n == 3 {
			at = Noon.AddDate(0, 3, 0) // ended, but not long ago
		}
		ok(t, s.RecordInspectionActs(ctx, gate.InspectionAct{Inspection: in.ID, Kind: kind, By: "ewa", At: at, Note: "said so"}))
	}
	n, err := s.EraseBefore(ctx, Noon.AddDate(0, 1, 0), Noon.AddDate(0, 4, 0), "retention")
	ok(t, err)
	if n != 6 {
		t.Errorf("%d records erased, want 6", n)
	}
	if r := kit.Verify(t, s); !r.Clean() || r.Erased != 6 {
		t.Errorf("report: %d erased, %+v", r.Erased, r.Misfits)
	}
	history, err := s.InspectionHistory(ctx, SampleInspection(0).VIN)
	ok(t, err)
	if ids(history) != "i3 i2" || len(history[0].Acts) != 1 || len(history[0].Photos) != 1 {
		t.Errorf("left: %+v", history)
	}
	_, err = s.Inspection(ctx, "i0")
	fails(t, err, gate.ErrNotFound)
	_, err = s.Photo(ctx, "i0", SamplePhoto("i0", 0).SHA256)
	fails(t, err, gate.ErrNotFound)
	fails(t, s.RecordPhoto(ctx, SamplePhoto("i0", 7)), gate.ErrErased)
	fails(t, s.RecordInspectionActs(ctx, gate.InspectionAct{Inspection: "i1", Kind: gate.InspectionOwner, By: "ewa", At: Noon, Note: "x"}), gate.ErrErased)
	if n, err = s.EraseBefore(ctx, Noon.AddDate(0, 1, 0), Noon.AddDate(0, 4, 0), "again"); err != nil || n != 0 {
		t.Errorf("erased again: %d, %v", n, err)
	}
}
