package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/ui"
	"sallyport/ui/view"
)

// auditDesk is what the screens offer to who looks at the site's records.
type auditDesk struct {
	*sqlite.Digest
	st *site
}

var _ ui.Audit = auditDesk{}

// openAudit opens the digest of the log. It catches up beside the lanes, from the
// start of the site on.
func (st *site) openAudit(ctx context.Context) (auditDesk, error) {
	d, err := st.store.OpenDigest(ctx)
	if err != nil {
		return auditDesk{}, err
	}
	st.extra = append(st.extra, func(ctx context.Context) error {
		defer func() {
			if err := d.Close(); err != nil {
				st.log.Error("the digest of the log was not closed", "error", err)
			}
		}()
		for tick := time.NewTicker(5 * time.Second); ; {
			if _, err := d.CatchUp(ctx); err != nil {
				// A full disk, say: the gate works without it, and searches say so themselves.
				st.log.WarnContext(ctx, "the digest of the log is behind", "error", err)
			}
			select {
			case <-ctx.Done():
				tick.Stop()
				return nil
			case <-tick.C:
			}
		}
	})
	return auditDesk{d, st}, nil
}

// Figures counts a period by the site's calendar.
func (a auditDesk) Figures(ctx context.Context, from, until time.Time) (gate.Figures, error) {
	return a.Digest.Figures(ctx, from, until, time.Local)
}

// Replay computes every verdict of a passage again, each by the rules that the
// site keeps under the hash that its record names.
func (a auditDesk) Replay(ctx context.Context, id gate.PassageID) (list []gate.Replayed, err error) {
	rec, err := a.st.store.Passage(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, r := range rec.Assessments() {
		var p *policy.Policy
		doc, missing := a.st.store.Policy(ctx, r.Result.Verdict.Hash)
		switch {
		case errors.Is(missing, gate.ErrNotFound):
			missing = fmt.Errorf("the rules that decided, %s, are not kept at the site", r.Result.Verdict.Policy)
		case missing != nil:
			return nil, missing
		default:
			if p, missing = policy.Load(doc.ID, doc.Source); missing == nil && p.Hash() != r.Result.Verdict.Hash {
				missing = fmt.Errorf("this program reads the rules that decided otherwise than the one that recorded the passage: the record says %s", r.Result.Verdict.Hash)
			}
		}
		list = append(list, gate.ReplayRecorded(r, p, missing))
	}
	return list, nil
}

// Prove writes a bundle as `log prove` and `log export` do.
func (a auditDesk) Prove(ctx context.Context, w io.Writer, ask gate.ProofAsk) (err error) {
	r, err := sqlite.OpenReader(ctx, a.st.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = r.ExportLog(ctx, w, sqlite.LogExport{Seqs: ask.Seqs, Passage: ask.Passage, From: ask.From, Until: ask.Until, Disclose: ask.Disclose, Made: ask.At, Witnesses: a.st.cfg.Witness.Keys})
	if errors.Is(err, sqlite.ErrNothing) {
		err = errors.Join(gate.ErrNotFound, err)
	}
	return err
}

// VerifyAll reads the whole log back.
func (a auditDesk) VerifyAll(ctx context.Context, tell func(done, total int64)) (view.LogReport, error) {
	begun := a.st.now()
	rep, err := a.st.store.VerifyTelling(ctx, tell)
	if err != nil {
		return view.LogReport{}, err
	}
	return logReport(rep, a.st.now().Sub(begun)), nil
}

// logReport is a verification as the screens show it.
func logReport(rep sqlite.VerifyReport, took time.Duration) view.LogReport {
	out := view.LogReport{
		OK: len(rep.Misfits) == 0, Entries: rep.Entries, Root: rep.Head.Root.String(),
		Checkpoint: fmt.Sprintf("%s, %d entries, signed %s", rep.Head.Origin, rep.Head.Size, rep.Head.At.UTC().Format(time.RFC3339)),
		FirstBad:   -1, Took: took,
	}
	if !out.OK {
		out.FirstBad, out.Problem = rep.Misfits[0].Seq, rep.First().String()
	}
	return out
}

// Subject is everything that is kept of a vehicle.
func (a auditDesk) Subject(ctx context.Context, of gate.DataSubject) (gate.SubjectExport, error) {
	return a.st.store.Subject(ctx, of)
}

// Erase erases it, and counts anew what was learnt from inspections that are gone.
func (a auditDesk) Erase(ctx context.Context, ask gate.ErasureAsk) (gate.ErasureReport, error) {
	rep, err := a.st.store.EraseSubject(ctx, ask)
	if err == nil {
		err = a.st.learning.Rebuild(ctx)
	}
	return rep, err
}

// Holds are those that are kept.
func (a auditDesk) Holds(ctx context.Context) ([]gate.Hold, error) { return a.st.store.Holds(ctx) }

// PlaceHold keeps what is recorded of a vehicle from erasure.
func (a auditDesk) PlaceHold(ctx context.Context, h gate.Hold) (string, error) {
	return a.st.store.PlaceHold(ctx, h)
}

// LiftHold ends a hold.
func (a auditDesk) LiftHold(ctx context.Context, id, by, why string, at time.Time) error {
	return a.st.store.LiftHold(ctx, id, by, why, at)
}
