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

// readBefore is how far a camera's clock may be behind ours.
const readBefore = 2 * time.Second

// late says whether a plate was read before the vehicle that was here before had
// left: a message that comes late is of that one, or of one that stood behind.
func (l *lane) late(a *Arrival) bool {
	read := a.Read
	a.Read = time.Time{}
	if a.VIN != "" || read.IsZero() || l.left.IsZero() {
		return false
	}
	// Where the clock was set meanwhile, the camera's was too: what counts is how
	// long ago the one before had left.
	left := time.Now().Round(0).Add(-time.Since(l.left))
	return read.Before(left.Add(-readBefore))
}

// notNext says whether an arrival without a VIN is not one of a vehicle that
// comes. A camera sees the vehicle at the line again and again; a person who
// types a plate means the next one, once this one is dealt with.
func (l *lane) notNext(a *Arrival) bool {
	switch l.state {
	case Idle, Approaching, AtLine:
		return false
	case Admitting, Refusing, Redirected:
		return a.VIN == "" && a.Via != "keyboard"
	case Deciding, Waiting, OutOfService, Manual, Egress:
	}
	return a.VIN == ""
}

// tellWhereElse has the lanes at which the same vehicle stands decide again: which
// of the two is the copy nobody knows, and who came first is no less suspect.
func (l *lane) tellWhereElse(found *Identified) {
	if found == nil {
		return
	}
	for _, id := range found.Beside {
		o, ok := l.ctl.lanes[id]
		if !ok || o == l {
			continue
		}
		l.asides.Go(func() {
			tell := func(o *lane) {
				if err := o.changed("identity"); err != nil {
					o.ctl.cfg.Log.ErrorContext(o.ctx, "not decided again", "lane", o.cfg.ID, "error", err)
				}
			}
			if err := o.post(l.ctx, tell); err != nil {
				l.ctl.cfg.Log.InfoContext(l.ctx, "lane not told", "lane", id, "error", err)
			}
		})
	}
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
	id := l.passage.ID // a lane whose store fails has none any more
	a.done(id, l.reassess("identity"))
	return true
}
