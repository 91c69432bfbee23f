package ui

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/ui/view"
)

// fakeAudit is a working audit over the passages of a fake store and a log of its
// own.
type fakeAudit struct {
	mu     sync.Mutex
	store  *fakeStore
	lines  []gate.LogLine // newest first
	holds  []gate.Hold
	erased []gate.ErasureAsk
	gate   chan struct{} // a verification waits for it; nil: none waits
}

func (a *fakeAudit) Search(_ context.Context, f gate.LogFilter) (p gate.LogPage, err error) {
	for _, l := range a.lines {
		if f.Kind != "" && l.Kind != f.Kind || f.By != "" && l.Body["by"] != f.By || f.HasSeq && l.Seq != f.Seq || f.Before != (gate.LogPlace{}) && l.Seq >= f.Before.Seq {
			continue
		}
		if len(p.Lines) == f.Limit {
			p.More = true
			break
		}
		p.Lines = append(p.Lines, l)
	}
	return p, nil
}

func (a *fakeAudit) Kinds(context.Context) ([]string, error) {
	return []string{"act", "export", "passage"}, nil
}

func (a *fakeAudit) Passages(ctx context.Context, f gate.PassageFilter) ([]gate.PassageSummary, error) {
	return a.store.Passages(ctx, f)
}

func (a *fakeAudit) Figures(_ context.Context, from, until time.Time) (gate.Figures, error) {
	f := gate.Figures{From: from, Until: until, Use: gate.Usage{Vehicles: 4, Checked: 3, Counted: 3, Stale: 1, Median: 9, P90: 20}}
	steps, hourly := gate.FigureSteps(from, until, time.UTC)
	f.Hourly = hourly
	for _, s := range steps {
		f.Points = append(f.Points, gate.FigurePoint{At: s, Grants: 1, Median: 9, P90: 20})
	}
	f.Reasons = []gate.ReasonCount{{Rule: "<script>alert(1)</script>", Flags: 2}}
	return f, nil
}

func (a *fakeAudit) Replay(ctx context.Context, id gate.PassageID) ([]gate.Replayed, error) {
	if _, err := a.store.Passage(ctx, id); err != nil {
		return nil, err
	}
	return []gate.Replayed{{Because: "arrival", Recorded: policy.Deny, Again: policy.Deny, Same: true, Policy: "paper-baseline 1", SHA256: strings.Repeat("ab", 32)}}, nil
}

func (a *fakeAudit) Prove(_ context.Context, w io.Writer, ask gate.ProofAsk) error {
	return json.NewEncoder(w).Encode(ask)
}

func (a *fakeAudit) VerifyAll(ctx context.Context, tell func(done, total int64)) (view.LogReport, error) {
	tell(250, 1000)
	if a.gate != nil {
		select {
		case <-a.gate:
		case <-ctx.Done():
			return view.LogReport{}, ctx.Err()
		}
	}
	tell(1000, 1000)
	return view.LogReport{OK: true, Entries: 1000, Root: strings.Repeat("0f", 32), FirstBad: -1}, nil
}

func (a *fakeAudit) Subject(_ context.Context, of gate.DataSubject) (gate.SubjectExport, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := gate.SubjectExport{DataSubject: of}
	if len(a.erased) == 0 {
		out.Records = []gate.SubjectRecord{{Table: "passage", Seq: 1, Record: map[string]any{"vin": of.VIN}}}
	}
	return out, nil
}

func (a *fakeAudit) Erase(_ context.Context, ask gate.ErasureAsk) (gate.ErasureReport, error) {
	if err := ask.Check(); err != nil {
		return gate.ErasureReport{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.erased = append(a.erased, ask)
	return gate.ErasureReport{Erased: map[string]int{"passage": 1}}, nil
}

func (a *fakeAudit) Holds(context.Context) ([]gate.Hold, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.holds), nil
}

func (a *fakeAudit) PlaceHold(_ context.Context, h gate.Hold) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h.ID = "h1"
	a.holds = append(a.holds, h)
	return h.ID, nil
}

func (a *fakeAudit) LiftHold(_ context.Context, id, by, why string, at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.holds {
		if a.holds[i].ID == id && by != "" && why != "" {
			a.holds[i].Lifted = at
			return nil
		}
	}
	return errors.Join(gate.ErrNotFound)
}
