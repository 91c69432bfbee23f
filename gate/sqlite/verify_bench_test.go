package sqlite_test

import (
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

// assessed is about how many bytes a passage's document takes at a site that
// decides by the pack that it starts with: facts, reasons and sources.
const assessed = 4400

// busySite writes what so many vehicles leave behind that pass lanes at 400 an
// hour each, in the order of time: entries with what stands behind them, who is
// inside, exits, some decided again, some refused, some turned back by a person,
// and what happens beside. What is signed in one minute lies together.
func busySite(tb testing.TB, s *sqlite.Store, lanes, vehicles int) {
	tb.Helper()
	ctx := tb.Context()
	at := func(n int) time.Time {
		return storetest.Noon.Add(time.Duration(n) * time.Hour / 400 / time.Duration(lanes))
	}
	long := strings.Repeat("x", assessed-1500)
	one := func(n int) error {
		p := storetest.Sample(n, policy.Grant)
		p.At, p.Lane = at(n), gate.LaneID("lane"+string(rune('a'+n%lanes)))
		p.Result.Verdict.Reasons[0].Because += long
		if in := n - 1 - 2*60; n%2 == 1 && in > 0 {
			p.Moment, p.Result.VIN = policy.MomentExit, storetest.Sample(in, 0).Result.VIN
		}
		if n%10 == 4 {
			p.Result.Verdict.Outcome = policy.Deny
		}
		if err := s.Record(ctx, p); err != nil {
			return err
		}
		if n%6 == 3 {
			if err := s.RecordReassessment(ctx, gate.Reassessment{Passage: p.ID, At: p.At, Because: "radio", Result: p.Result}); err != nil {
				return err
			}
		}
		act, end := gate.ActOpen, gate.EndAdmitted
		if p.Result.Verdict.Outcome == policy.Deny {
			act, end = gate.ActTurnAway, gate.EndRefused
		}
		if err := s.RecordAct(ctx, gate.Act{Kind: act, Passage: p.ID, By: "anna", At: p.At}); err != nil {
			return err
		}
		return s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Ending: end, At: p.At})
	}
	for from := 0; from < vehicles; {
		minute := at(from).Truncate(time.Minute)
		var wg sync.WaitGroup
		if err := s.RecordEvent(ctx, gate.Event{Kind: gate.EventSignIn, At: at(from), Detail: "north"}); err != nil {
			tb.Fatal(err)
		}
		for ; from < vehicles && at(from).Truncate(time.Minute).Equal(minute); from++ {
			n := from
			wg.Go(func() {
				if err := one(n); err != nil {
					tb.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// processor is the time that this process has spent on processors, in its own
// code and in the kernel.
func processor(tb testing.TB) (user, system time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}

// BenchmarkVerify reads the logs of sites back as `log verify` does and checks
// all of them. A lane at 400 vehicles an hour has about 30 entries under each
// minute's signature, and eight lanes have about 220.
func BenchmarkVerify(b *testing.B) {
	for _, c := range []struct {
		name            string
		lanes, vehicles int
	}{{"one lane", 1, 3000}, {"eight lanes", 8, 16000}} {
		b.Run(c.name, func(b *testing.B) {
			dir := newSite(b)
			busySite(b, open(b, dir), c.lanes, c.vehicles)
			var rep sqlite.VerifyReport
			user, system := processor(b)
			for b.Loop() {
				var err error
				if rep, err = sqlite.Verify(b.Context(), dir, ""); err != nil || !rep.Clean() {
					b.Fatal(err, rep.Misfits)
				}
			}
			all := float64(rep.Entries) * float64(b.N)
			u, sys := processor(b)
			b.ReportMetric(float64(u-user)/all, "user-ns/entry")
			b.ReportMetric(float64(sys-system)/all, "system-ns/entry")
			b.ReportMetric(float64(rep.Entries)/float64(rep.Checkpoints), "entries/signature")
			b.ReportMetric(all/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
