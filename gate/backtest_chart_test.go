package gate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The chart shows each period once, with the numbers of the report, and the
// same report gives the same bytes.
func TestBacktestChart(t *testing.T) {
	counts := func(n int) BacktestCounts { return BacktestCounts{Grant: 3 * n, Flag: 7 + n, Deny: n % 5} }
	first := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	report := func(days int) *BacktestReport {
		r := &BacktestReport{Draft: "a <draft>@2", DraftHash: "0123456789abcdef", Supply: "2026-11-22.1db505d9", Of: SubjectPassages, Erased: 12, Changed: 3, Stricter: 3}
		for n := range days {
			before := counts(n)
			after := before
			after.Grant, after.Deny = after.Grant-n%3, after.Deny+n%3
			r.Days = append(r.Days, BacktestGroup{Name: first.AddDate(0, 0, n).Format(time.DateOnly), Judged: before.Sum(), Before: before, After: after})
			r.Judged += before.Sum()
		}
		return r
	}
	for days, per := range map[int]string{0: "day", 1: "day", 31: "day", 32: "week", 200: "week", 300: "month", 2000: "year"} {
		r := report(days)
		list, got := r.Periods()
		var sum, want BacktestGroup
		for _, g := range list {
			sum.Judged += g.Judged
			sum.Before.Deny += g.Before.Deny
			sum.After.Deny += g.After.Deny
		}
		for _, g := range r.Days {
			want.Judged += g.Judged
			want.Before.Deny += g.Before.Deny
			want.After.Deny += g.After.Deny
		}
		if got != per || len(list) > 31 || sum != want {
			t.Errorf("%d days: %d by the %s, %+v, want %s, %+v", days, len(list), got, sum, per, want)
		}
		svg := r.Chart()
		dec := xml.NewDecoder(bytes.NewReader(svg))
		words := map[string]int{}
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%d days: %v", days, err)
			}
			if c, ok := tok.(xml.CharData); ok {
				words[string(c)]++
			}
		}
		for _, g := range list {
			if words[g.Name] == 0 {
				t.Errorf("%d days: %s is not in the table", days, g.Name)
			}
		}
		if !bytes.Equal(svg, report(days).Chart()) {
			t.Errorf("%d days: other bytes", days)
		}
	}
	const golden = "testdata/backtest.svg"
	got := report(24).Chart()
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Error(d)
	}
}
