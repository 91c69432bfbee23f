package gate

import (
	"context"
	"errors"
	"time"
)

// identity asks what the site finds about who presents itself.
func (l *lane) identity(ctx context.Context, a Arrival, r *Request) (*Identified, error) {
	if l.ctl.cfg.Identity == nil {
		return nil, nil
	}
	out, err := l.ctl.cfg.Identity.Identify(ctx, Presented{
		Lane: l.cfg.ID, Zone: r.Zone, At: r.At, Moment: r.Moment, VIN: r.VIN, Plate: r.Plate, ByList: r.ByList, Also: a.Also, Pass: a.Pass,
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// listed is the VIN that the list has with a plate, or "".
func (l *lane) listed(ctx context.Context, plate string) (string, error) {
	reg, err := l.ctl.cfg.Registry.Registration(ctx, "", plate)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return NormalVIN(reg.VIN), err
}

// join takes an arrival that is one more reading of the vehicle that waits, and
// says whether that is all there is to do. Where the VIN becomes known, or another
// one is, the passage ends and goes on as a new one, with all that was read:
// records are filed under the VIN with which they began.
func (l *lane) join(a *arriving) bool {
	if l.state != Waiting || !l.durable || l.passage == nil {
		if a.arrival.Of != "" {
			a.done("", ErrStale)
			return true
		}
		return false
	}
	same, anew := sameVehicle(l.passage, a.arrival, time.Since(l.decided))
	switch {
	case !same && a.arrival.Of != "":
		a.done("", ErrStale)
		return true
	case !same:
		return false
	}
	merged, changed := l.passage.Arrival.With(a.arrival)
	if !changed {
		a.done(l.passage.ID, nil)
		return true
	}
	if anew || NormalVIN(merged.VIN) != NormalVIN(l.passage.Arrival.VIN) {
		if err := l.end(EndLeft, NoteIdentified); err != nil {
			a.done("", err)
			return true
		}
		id, err := l.decide(merged)
		a.done(id, err)
		if err == nil {
			l.autoOpen()
		}
		return true
	}
	renewed := *l.passage
	renewed.Arrival = merged
	l.passage = &renewed
	a.done(l.passage.ID, l.reassess("identity"))
	return true
}
