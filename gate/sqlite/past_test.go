package sqlite_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// Beside the open store the reader sees every passage with the assessment that
// counted last, the erased ones without one, and the list as it stands.
func TestReaderOfThePast(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	ctx := t.Context()
	var want []string
	for n := range 4 {
		p := storetest.Sample(n, policy.Flag)
		if err := s.Record(ctx, p); err != nil {
			t.Fatal(err)
		}
		outcome := policy.Flag
		if n == 2 {
			later := p.Result
			later.Verdict.Outcome = policy.Deny
			if err := s.RecordReassessment(ctx, gate.Reassessment{Passage: p.ID, Lane: p.Lane, At: p.At.Add(time.Second), Because: "radio", Result: later}); err != nil {
				t.Fatal(err)
			}
			outcome = policy.Deny
		}
		if err := s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndLeft, At: p.At.Add(2 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%s %s %s %s", p.ID, p.At.UTC(), p.Result.VIN, outcome))
	}
	want[0] = fmt.Sprintf("%s %s  unknown", storetest.Sample(0, policy.Flag).ID, storetest.Sample(0, policy.Flag).At.UTC())
	if n, err := s.EraseBefore(ctx, storetest.Sample(1, policy.Flag).At, storetest.Noon.AddDate(1, 0, 0), "retention"); err != nil || n == 0 {
		t.Fatalf("%d erased: %v", n, err)
	}
	doc := gate.PolicyDocument{Hash: "feed", ID: "p@1", Source: []byte("policy: p"), At: storetest.Noon.AddDate(1, 0, 0).UTC()}
	if err := s.KeepPolicy(ctx, doc); err != nil {
		t.Fatal(err)
	}
	if err := s.PutRegistrations(ctx, gate.Registration{VIN: "5YJXCAE42MF000001", Class: policy.ClassGovernment, At: storetest.Noon}); err != nil {
		t.Fatal(err)
	}

	r, err := sqlite.OpenReader(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	if err := r.EachPast(ctx, func(p gate.WhatIfPast) error {
		got = append(got, fmt.Sprintf("%s %s %s %s", p.Passage, p.At, p.Result.VIN, p.Result.Verdict.Outcome))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	enough := errors.New("enough")
	n := 0
	if err := r.EachPast(ctx, func(gate.WhatIfPast) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		t.Errorf("called off: %v after %d", err, n)
	}
	if list, err := r.Registrations(ctx); err != nil || len(list) != 1 || list[0].Class != policy.ClassGovernment {
		t.Errorf("%+v, %v", list, err)
	}
	if p, err := r.Policy(ctx, "feed"); err != nil || string(p.Source) != "policy: p" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := r.Policy(ctx, "none"); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("a policy that is not kept: %v", err)
	}
}
