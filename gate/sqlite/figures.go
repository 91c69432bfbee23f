package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// mostShifts is how many shifts the figures of one period name.
const mostShifts = 60

// Figures counts a period, by the hour or by the day of the zone's calendar.
func (d *Digest) Figures(ctx context.Context, from, until time.Time, zone *time.Location) (f gate.Figures, err error) {
	if f.Behind, err = d.behind(ctx); err != nil {
		return f, fmt.Errorf("figures: %w", err)
	}
	f.From, f.Until = from, until
	steps, hourly := gate.FigureSteps(from, until, zone)
	f.Hourly = hourly
	for _, at := range steps {
		f.Points = append(f.Points, gate.FigurePoint{At: at, Median: -1, P90: -1})
	}
	c := counting{ctx: ctx, d: d, f: &f, from: from.UnixMilli(), until: until.UnixMilli()}
	for _, count := range [...]func() error{c.vehicles, c.seconds, c.reasons, c.shifts, c.faults} {
		if err := count(); err != nil {
			return f, fmt.Errorf("figures: %w", err)
		}
	}
	return f, nil
}

type counting struct {
	ctx         context.Context
	d           *Digest
	f           *gate.Figures
	from, until int64
}

// point is the step that a whole hour since 1970 belongs to; nil: none.
func (c *counting) point(hour int64) *gate.FigurePoint {
	at := time.Unix(hour*3600, 0)
	i, same := slices.BinarySearchFunc(c.f.Points, at, func(p gate.FigurePoint, t time.Time) int { return p.At.Compare(t) })
	if !same {
		i--
	}
	if i < 0 {
		if len(c.f.Points) == 0 {
			return nil
		}
		i = 0 // the first hour began before the period
	}
	return &c.f.Points[i]
}

func (c *counting) each(query string, take func(*sql.Rows) error, args ...any) error {
	_, err := collect(func(rows *sql.Rows) (struct{}, error) { return struct{}{}, take(rows) })(c.d.r.QueryContext(c.ctx, query, args...))
	return err
}

func (c *counting) vehicles() error {
	return c.each(`SELECT at / 3600000, outcome, count(*), sum(ending = 'admitted'), sum(override), sum(counted), sum(counted AND stale), sum(counted AND open), sum(counted AND sensed)
		FROM vehicle WHERE at >= ? AND at < ? GROUP BY 1, 2`, func(rows *sql.Rows) error {
		var hour int64
		var outcome policy.Outcome
		var n, admitted, overridden, counted, stale, open, sensed int
		if err := rows.Scan(&hour, &outcome, &n, &admitted, &overridden, &counted, &stale, &open, &sensed); err != nil {
			return err
		}
		u := &c.f.Use
		u.Vehicles, u.Admitted, u.Overridden = u.Vehicles+n, u.Admitted+admitted, u.Overridden+overridden
		p := c.point(hour)
		if p == nil {
			return nil
		}
		switch outcome {
		case policy.Grant:
			p.Grants += n
		case policy.Flag:
			p.Flags += n
		case policy.Deny:
			p.Denies += n
		default:
			p.None += n
			return nil
		}
		u.Checked, u.Counted, u.Stale, u.Open, u.Unheard = u.Checked+n, u.Counted+counted, u.Stale+stale, u.Open+open, u.Unheard+counted-sensed
		p.Heard, p.Unheard = p.Heard+sensed, p.Unheard+counted-sensed
		return nil
	}, c.from, c.until)
}

// seconds finds the middle and the ninth tenth of how long vehicles took. Who
// took longer than an hour is counted as an hour.
func (c *counting) seconds() error {
	all, each := map[int64]int{}, map[*gate.FigurePoint]map[int64]int{}
	err := c.each(`SELECT at / 3600000, min(seconds, 3600), count(*) FROM vehicle WHERE at >= ? AND at < ? AND seconds >= 0 GROUP BY 1, 2`, func(rows *sql.Rows) error {
		var hour, seconds int64
		var n int
		if err := rows.Scan(&hour, &seconds, &n); err != nil {
			return err
		}
		p := c.point(hour)
		if p == nil {
			return nil
		}
		if each[p] == nil {
			each[p] = map[int64]int{}
		}
		each[p][seconds] += n
		all[seconds] += n
		return nil
	}, c.from, c.until)
	for p, counts := range each {
		p.Median, p.P90 = gate.Quantile(counts, .5), gate.Quantile(counts, .9)
	}
	c.f.Use.Median, c.f.Use.P90 = gate.Quantile(all, .5), gate.Quantile(all, .9)
	return err
}

func (c *counting) reasons() error {
	return c.each(`SELECT rule, sum(outcome = 2), sum(outcome = 3) FROM reason WHERE at >= ? AND at < ? GROUP BY rule ORDER BY count(*) DESC, rule LIMIT 40`, func(rows *sql.Rows) error {
		var r gate.ReasonCount
		if err := rows.Scan(&r.Rule, &r.Flags, &r.Denies); err != nil {
			return err
		}
		c.f.Reasons = append(c.f.Reasons, r)
		return nil
	}, c.from, c.until)
}

func (c *counting) shifts() error {
	return c.each(`SELECT s.lane, s.number, s.holder, s.since, s.until, count(v.seq), coalesce(sum(v.outcome = 3), 0), coalesce(sum(v.override), 0)
		FROM (SELECT * FROM shift WHERE since < ?2 AND (until = 0 OR until > ?1) ORDER BY since DESC LIMIT ?3) s
		LEFT JOIN vehicle v ON v.at >= s.since AND v.at < CASE s.until WHEN 0 THEN ?2 ELSE s.until END AND v.lane = s.lane
		GROUP BY s.lane, s.number ORDER BY s.since DESC, s.lane`, func(rows *sql.Rows) error {
		var s gate.ShiftFigure
		var since, until int64
		if err := rows.Scan(&s.Lane, &s.Number, &s.Holder, &since, &until, &s.Vehicles, &s.Denied, &s.Overrides); err != nil {
			return err
		}
		s.Since = milli(since)
		if until > 0 {
			s.Until = milli(until)
		}
		c.f.Shifts = append(c.f.Shifts, s)
		return nil
	}, c.from, c.until, mostShifts)
}

func (c *counting) faults() error {
	return c.each(`SELECT at / 3600000, kind, count(*) FROM entry WHERE kind IN (?, ?) AND at >= ? AND at < ? GROUP BY 1, 2`, func(rows *sql.Rows) error {
		var hour int64
		var kind gate.EventKind
		var n int
		if err := rows.Scan(&hour, &kind, &n); err != nil {
			return err
		}
		if p := c.point(hour); p != nil && kind == gate.EventDeviceFault {
			p.Faults += n
		} else if p != nil {
			p.Back += n
		}
		return nil
	}, string(gate.EventDeviceFault), string(gate.EventDeviceBack), c.from, c.until)
}
