package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSchedule(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name                 string
		s                    schedule
		now, last, following string
	}{
		{"before the time of day", daily(3, 10, time.UTC), "2026-11-22T03:09:59Z", "2026-11-21T03:10:00Z", "2026-11-22T03:10:00Z"},
		{"at it", daily(3, 10, time.UTC), "2026-11-22T03:10:00Z", "2026-11-22T03:10:00Z", "2026-11-23T03:10:00Z"},
		{"after it", daily(3, 10, time.UTC), "2026-11-22T23:00:00Z", "2026-11-22T03:10:00Z", "2026-11-23T03:10:00Z"},
		{"by the site's clock", daily(3, 10, warsaw), "2026-11-22T02:10:00Z", "2026-11-22T02:10:00Z", "2026-11-23T02:10:00Z"},
		{"a night without that time", daily(2, 30, warsaw), "2027-03-28T00:59:00Z", "2027-03-27T01:30:00Z", "2027-03-28T01:30:00Z"},
		{"a night that has it twice", daily(2, 30, warsaw), "2027-10-31T01:45:00Z", "2027-10-31T01:30:00Z", "2027-11-01T01:30:00Z"},
		{"every hour", every(time.Hour), "2026-11-22T23:59:59Z", "2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z"},
	} {
		if got := c.s.last(at(c.now)); !got.Equal(at(c.last)) {
			t.Errorf("%s: last %v, want %s", c.name, got, c.last)
		}
		if got := c.s.next(at(c.now)); !got.Equal(at(c.following)) {
			t.Errorf("%s: next %v, want %s", c.name, got, c.following)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := every(time.Duration(rapid.IntRange(1, 48).Draw(t, "minutes")) * time.Minute)
		if rapid.Bool().Draw(t, "daily") {
			s = daily(rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"), rapid.SampledFrom([]*time.Location{time.UTC, warsaw}).Draw(t, "zone"))
		}
		now := time.Unix(rapid.Int64Range(1_600_000_000, 2_000_000_000).Draw(t, "now"), 0)
		last, next := s.last(now), s.next(now)
		if last.After(now) || !next.After(now) || !s.last(next).Equal(next) || !s.next(last).Equal(next) {
			t.Fatalf("%s at %v: last %v, next %v", s, now, last, next)
		}
		if gap := next.Sub(last); gap > s.period()+2*time.Hour {
			t.Fatalf("%s at %v: %v between two runs", s, now, gap)
		}
	})
}
