package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/policy"
)

// TestDemo starts the demonstration as `make run` does and waits until vehicles
// have come, were heard on the air, decided and recorded; then ends it and
// verifies the log.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p := start(t, "demo", "--data", dir, "--addr", "127.0.0.1:0", "--seed", "7", "--pause", "300ms", "--wait", "1s")
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	if code, err := p.call(ctx, http.MethodGet, "/healthz", "", nil, nil); err != nil || code != http.StatusOK {
		t.Fatalf("healthz: %d %v", code, err)
	}
	// The address is printed first; what follows it comes a moment later.
	waitFor(ctx, t, func() bool { return strings.Contains(p.logs.String(), "Ctrl-C") })
	for _, want := range []string{"guard", "supervisor", "auditor", "/lane/north", "password"} {
		if !bytes.Contains([]byte(p.logs.String()), []byte(want)) {
			t.Errorf("the start does not speak of %q:\n%s", want, p.logs)
		}
	}
	// The record is the only witness that needs no sign-in.
	waitFor(ctx, t, func() bool {
		rep, err := sqlite.Verify(ctx, dir, "")
		if err != nil || len(rep.Misfits) > 0 {
			t.Fatalf("the log of the running site: %v %+v", err, rep.Misfits)
		}
		return rep.Entries >= 25
	})
	p.kill()

	if out, err := command(t, "", "log", "verify", "--data", dir); err != nil {
		t.Fatalf("log verify: %v\n%s", err, out)
	}
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	list, err := store.Passages(t.Context(), gate.PassageFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	sensed := false
	for _, s := range list {
		rec, err := store.Passage(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		a := rec.Passage.Result
		if a.Vehicle.Make == "" {
			t.Errorf("%s: a made-up vehicle of no known make: %+v", s.ID, a.Vehicle)
		}
		sensed = sensed || a.Facts.Radio.Sensed.Value
		for _, r := range rec.Reassessments {
			sensed = sensed || r.Result.Facts.Radio.Sensed.Value
		}
		doc, err := store.Policy(t.Context(), a.Verdict.Hash)
		if err != nil || len(doc.Source) == 0 {
			t.Errorf("%s: the policy that decided is not kept: %v", s.ID, err)
		}
		// Nothing but what the site keeps: the pack of today may be another.
		pol, err := policy.Load(doc.ID, doc.Source)
		if err != nil {
			t.Fatalf("%s: the policy kept cannot be read: %v", s.ID, err)
		}
		results := []gate.Assessment{a}
		for _, r := range rec.Reassessments {
			results = append(results, r.Result)
		}
		for _, a := range results {
			then, err := json.Marshal(a.Verdict)
			if err != nil {
				t.Fatal(err)
			}
			now, err := json.Marshal(gate.Replay(pol, a))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(then, now) {
				t.Errorf("%s: the recorded verdict cannot be computed again:\n%s\n%s", s.ID, then, now)
			}
		}
	}
	if len(list) == 0 || !sensed {
		t.Errorf("%d passages, heard on the air: %v", len(list), sensed)
	}
}
