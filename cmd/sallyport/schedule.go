package main

import (
	"fmt"
	"time"
)

// schedule says when a task of the housekeeping is due: every so often, or once
// a day at a time of the site's clock.
type schedule struct {
	every time.Duration // zero is once a day
	at    time.Duration // after midnight
	zone  *time.Location
}

// every is due whenever that much time has passed.
func every(d time.Duration) schedule { return schedule{every: d} }

// daily is due each day at that time.
func daily(hour, minute int, zone *time.Location) schedule {
	return schedule{at: time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute, zone: zone}
}

// day is the instant of the day that is so many days after that of t. A time
// that a change to summer time leaves out is an hour later.
func (s schedule) day(t time.Time, days int) time.Time {
	y, m, d := t.In(s.zone).Date()
	return time.Date(y, m, d+days, int(s.at/time.Hour), int(s.at%time.Hour/time.Minute), 0, 0, s.zone)
}

// last is the latest instant, at or before now, at which the task was due.
func (s schedule) last(now time.Time) time.Time {
	if s.every > 0 {
		return now.UTC().Truncate(s.every)
	}
	if today := s.day(now, 0); !today.After(now) {
		return today.UTC()
	}
	return s.day(now, -1).UTC()
}

// next is the first instant after that one at which the task is due.
func (s schedule) next(after time.Time) time.Time {
	if s.every > 0 {
		return after.UTC().Truncate(s.every).Add(s.every)
	}
	for days := 0; ; days++ {
		if at := s.day(after, days); at.After(after) {
			return at.UTC()
		}
	}
}

// period is the time between two runs.
func (s schedule) period() time.Duration {
	if s.every > 0 {
		return s.every
	}
	return 24 * time.Hour
}

// String is the schedule in words that are alike in every language: 03:10, 1h.
func (s schedule) String() string {
	switch {
	case s.every == 0:
		return fmt.Sprintf("%02d:%02d", int(s.at/time.Hour), int(s.at%time.Hour/time.Minute))
	case s.every%time.Hour == 0:
		return fmt.Sprintf("%d h", s.every/time.Hour)
	}
	return fmt.Sprintf("%d min", s.every/time.Minute)
}
