package storetest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// RadioKey is a step in the life of the key of an epoch.
func RadioKey(epoch int, kind string) gate.RadioKeyStep {
	return gate.RadioKeyStep{Epoch: epoch, Kind: kind, At: Noon.Add(time.Duration(epoch) * time.Hour).UTC(), Commitment: strings.Repeat(fmt.Sprintf("%02x", epoch), 32), Why: "„ż” <&>"}
}

func worked(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// SampleRadioSet is the set of the visit of Sample(n).
func SampleRadioSet(n, epoch int, tags ...uint64) gate.RadioSet {
	p := Sample(n, policy.Flag)
	return gate.RadioSet{Passage: p.ID, At: p.At.Add(time.Minute).UTC(), Epoch: epoch, Tags: tags}
}

func radioSets(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	before := kit.fits(t, s)
	const vin = "5YJXCAE4XMF000001"
	// Three visits of one vehicle, the first two under one key, and one of
	// another.
	visits := func(at time.Time) map[uint64]int {
		t.Helper()
		m, err := s.RadioSet(ctx, vin, at)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	late := Noon.AddDate(0, 1, 0)
	if m := visits(late); len(m) != 0 {
		t.Fatalf("of a new store: %v", m)
	}
	fails(t, s.KeepRadioSet(ctx, SampleRadioSet(1, 1, 7)), gate.ErrNotFound)
	for n := 1; n <= 4; n++ {
		p := Sample(n, policy.Flag)
		if n < 4 {
			p.Result.VIN = vin
			p.Arrival.Plate = "WX 00001"
		}
		worked(t, s.Record(ctx, p))
	}
	fails(t, s.KeepRadioSet(ctx, SampleRadioSet(1, 1, 7)), gate.ErrNotFound) // no key of that epoch
	worked(t, s.RecordRadioKey(ctx, RadioKey(1, gate.RadioKeyMade)))
	worked(t, s.RecordRadioKey(ctx, RadioKey(2, gate.RadioKeyMade)))
	for _, set := range []gate.RadioSet{SampleRadioSet(1, 0, 7), SampleRadioSet(1, 1, 7, 0), SampleRadioSet(1, 1, make([]uint64, gate.MaxRadioSet+1)...)} {
		if err := s.KeepRadioSet(ctx, set); err == nil {
			t.Errorf("kept %+v", set)
		}
	}
	worked(t, s.KeepRadioSet(ctx, SampleRadioSet(1, 1)))
	if n := kit.fits(t, s); n != before+6 {
		t.Fatalf("%d entries, want 6", n-before)
	}
	worked(t, s.KeepRadioSet(ctx, SampleRadioSet(1, 1, 9, 7, 7)))
	worked(t, s.KeepRadioSet(ctx, SampleRadioSet(1, 1, 9, 7)))
	worked(t, s.KeepRadioSet(ctx, SampleRadioSet(2, 1, 7, 1<<63)))
	worked(t, s.KeepRadioSet(ctx, SampleRadioSet(3, 2, 7)))
	worked(t, s.KeepRadioSet(ctx, SampleRadioSet(4, 2, 7)))
	if n := kit.fits(t, s); n != before+10 {
		t.Fatalf("%d entries, want 10", n-before)
	}
	if got, want := visits(late), map[uint64]int{7: 3, 9: 1, 1 << 63: 1}; !maps.Equal(got, want) {
		t.Errorf("visits %v, want %v", got, want)
	}
	if got, want := visits(Sample(2, policy.Flag).At), map[uint64]int{7: 1, 9: 1}; !maps.Equal(got, want) {
		t.Errorf("visits before the second %v, want %v", got, want)
	}
	if m, err := s.RadioSet(ctx, "", late); err != nil || len(m) != 0 {
		t.Errorf("of no vehicle: %v, %v", m, err)
	}
	list, err := s.RadioSetsOf(ctx, strings.ToLower(vin), "wx-00001")
	worked(t, err)
	one, two, three := SampleRadioSet(1, 1, 7, 9), SampleRadioSet(2, 1, 7, 1<<63), SampleRadioSet(3, 2, 7)
	one.VIN, two.VIN, three.VIN = vin, vin, vin
	if want := []gate.RadioSet{three, two, one}; !reflect.DeepEqual(list, want) {
		t.Errorf("sets %+v, want %+v", list, want)
	}
	if list, err := s.RadioSetsOf(ctx, vin, "other"); err != nil || len(list) != 0 {
		t.Errorf("of another plate: %+v, %v", list, err)
	}
	// What the log says of a set holds no pseudonym.
	entries, err := s.Entries(ctx, before, 100)
	worked(t, err)
	for _, e := range entries {
		if strings.Contains(string(e.Data), "9223372036854775808") || strings.Contains(string(e.Data), "8000000000000000") {
			t.Errorf("the log holds a pseudonym: %s", e.Data)
		}
	}

	// The sets of an epoch.
	n, err := s.EraseRadioSets(ctx, gate.RadioSetFilter{Epoch: 1}, late, "the key goes")
	if worked(t, err); n != 2 {
		t.Errorf("%d erased, want 2", n)
	}
	kit.fits(t, s)
	if got, want := visits(late), map[uint64]int{7: 1}; !maps.Equal(got, want) {
		t.Errorf("after the epoch's end: %v, want %v", got, want)
	}
	worked(t, s.RecordRadioKey(ctx, RadioKey(1, gate.RadioKeyDestroyed)))
	worked(t, s.KeepRadioSet(ctx, SampleRadioSet(2, 2, 8))) // it had one
	if got := visits(late); got[8] != 0 {
		t.Errorf("a second set of one visit: %v", got)
	}
	worked(t, s.Record(ctx, Sample(5, policy.Flag)))
	fails(t, s.KeepRadioSet(ctx, SampleRadioSet(5, 1, 7)), gate.ErrErased) // the key is gone
	// Those of a vehicle, by its plate.
	n, err = s.EraseRadioSets(ctx, gate.RadioSetFilter{Plate: "wx 00001"}, late, "asked by the keeper")
	if worked(t, err); n != 1 {
		t.Errorf("%d erased, want 1", n)
	}
	if n, err = s.EraseRadioSets(ctx, gate.RadioSetFilter{VIN: vin}, late, "again"); n != 0 || err != nil {
		t.Errorf("%d erased again, %v", n, err)
	}
	kit.fits(t, s)
	// Retention of the passage takes its set along.
	worked(t, s.RecordOutcome(ctx, gate.Outcome{Passage: Sample(4, policy.Flag).ID, Lane: "north", Ending: gate.EndAdmitted, At: Noon.Add(10 * time.Minute)}))
	n, err = s.EraseBefore(ctx, Noon.Add(time.Hour), late, "retention")
	if worked(t, err); n != 2 {
		t.Errorf("%d erased by retention, want the passage and its set", n)
	}
	if list, err := s.RadioSetsOf(ctx, "", ""); err != nil || len(list) != 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
	fails(t, s.KeepRadioSet(ctx, SampleRadioSet(4, 2, 7)), gate.ErrErased)
	kit.fits(t, s)
}

func radioKeys(t *testing.T, kit Kit) {
	ctx := context.Background()
	s := kit.Open(t)
	if list, err := s.RadioKeys(ctx); err != nil || len(list) != 0 {
		t.Fatalf("of a new store: %+v, %v", list, err)
	}
	before := kit.fits(t, s)
	fails(t, s.RecordRadioKey(ctx, RadioKey(1, gate.RadioKeyDestroyed)), gate.ErrNotFound)
	for _, bad := range []gate.RadioKeyStep{RadioKey(0, gate.RadioKeyMade), RadioKey(1, "lent"), {Epoch: 1, Kind: gate.RadioKeyMade}} {
		if err := s.RecordRadioKey(ctx, bad); err == nil {
			t.Errorf("recorded %+v", bad)
		}
	}
	made, gone := RadioKey(1, gate.RadioKeyMade), RadioKey(1, gate.RadioKeyDestroyed)
	for range 2 {
		worked(t, s.RecordRadioKey(ctx, made))
		made.At = made.At.Add(time.Minute) // a step that a crash had done already
	}
	other := RadioKey(1, gate.RadioKeyMade)
	other.Commitment = strings.Repeat("ff", 32)
	fails(t, s.RecordRadioKey(ctx, other), gate.ErrExists)
	other.Kind = gate.RadioKeyDestroyed
	fails(t, s.RecordRadioKey(ctx, other), gate.ErrExists)
	worked(t, s.RecordRadioKey(ctx, gone))
	worked(t, s.RecordRadioKey(ctx, RadioKey(2, gate.RadioKeyMade)))
	list, err := s.RadioKeys(ctx)
	worked(t, err)
	if want := []gate.RadioKeyStep{RadioKey(1, gate.RadioKeyMade), gone, RadioKey(2, gate.RadioKeyMade)}; !reflect.DeepEqual(list, want) {
		t.Errorf("steps %+v, want %+v", list, want)
	}
	if n := kit.fits(t, s); n != before+3 {
		t.Errorf("%d entries, want 3", n-before)
	}
	entries, err := s.Entries(ctx, before, 10)
	worked(t, err)
	if !strings.Contains(string(entries[1].Data), gone.Commitment) || !strings.Contains(string(entries[1].Data), "destroyed") {
		t.Errorf("the log says %s", entries[1].Data)
	}
}
