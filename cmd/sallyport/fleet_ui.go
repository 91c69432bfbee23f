package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/gate"
	"sallyport/gate/sheet"
	"sallyport/ui"
	"sallyport/ui/view"
)

// openFleets makes what the site keeps of fleets. What imports run ends with the
// context.
func (st *site) openFleets(ctx context.Context) (ui.Fleets, error) {
	desk, err := gate.NewFleetDesk(gate.FleetDeskConfig{
		Store: st.store, Events: st.store.RecordEvent, Clock: st.rules.clock, Passes: st.lists.passes, Policies: st.rules.policies,
		Foresight: st.foresight, Changed: st.fleetChanged,
	})
	if err != nil {
		return ui.Fleets{}, err
	}
	f := ui.Fleets{
		Desk: desk, Imports: gate.NewFleetImports(ctx, desk), Of: st.fleetsOf, Book: readBook, Rules: st.exemptible,
		Sheet: func(name string, rows [][]string) ([]byte, error) {
			var b bytes.Buffer
			err := sheet.Write(&b, name, rows)
			return b.Bytes(), err
		},
	}
	for _, z := range st.cfg.zones() {
		f.Zones = append(f.Zones, z.Name)
	}
	return f, nil
}

// fleetChanged has who waits at the lines decided again, and what is foreseen
// worked out anew, without making whoever acted wait for it.
func (st *site) fleetChanged(ctx context.Context) error {
	return st.changed(ctx, "data")
}

// rejudge has the list judged anew soon. It never waits.
func (st *site) rejudge() {
	select {
	case st.relist <- struct{}{}:
	default: // it is due already
	}
}

// relistAfter is how long the list is left alone after a change: an import makes
// many.
const relistAfter = 200 * time.Millisecond

// relisting runs the job of the list soon after the list changed.
func (st *site) relisting(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-st.relist:
		}
		pause := time.NewTimer(relistAfter)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		switch _, err := st.table.runNow(ctx, "list"); {
		case errors.Is(err, errJobRuns): // with what stood on the list before
			st.rejudge()
		case err != nil && ctx.Err() == nil:
			st.log.WarnContext(ctx, "the list is judged anew later", "error", err)
		}
	}
}

// fleetsOf are the fleets of a person.
func (st *site) fleetsOf(ctx context.Context, name string) ([]string, error) {
	u, err := st.store.UserByName(ctx, name)
	return u.Fleets, err
}

// exemptible are the rules in force that make a verdict stricter.
func (st *site) exemptible() (out []view.RuleChoice) {
	_, p, err := st.inForce()
	if err != nil {
		return nil
	}
	for _, r := range p.Rules() {
		if o := r.Outcome.String(); o != "grant" && len(r.Lifts) == 0 {
			out = append(out, view.RuleChoice{ID: r.ID, Title: r.Title, Outcome: o})
		}
	}
	return out
}

// readBook reads the first sheet of a workbook.
func readBook(data []byte) (*gate.Table, error) {
	lines, err := sheet.Table(bytes.NewReader(data), int64(len(data)), gate.MaxImportRows+1)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gate.ErrTable, err)
	}
	rows := make([]gate.TableRow, len(lines))
	for i, l := range lines {
		rows[i] = gate.TableRow{Line: l.Number, Cells: l.Cells, Formula: l.Formula}
	}
	return gate.NewTable(rows)
}
