package gate

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
	"sallyport/policy/supply"
)

// Many lanes ask at once, and more questions than are kept still get the
// answers of a graph that keeps none.
func TestGraphSupplyKeepsAnswers(t *testing.T) {
	g, err := supply.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	s := NewGraphSupply(g)
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	parties := []policy.Party{"quectel", "telit_cinterion", "rolling_brand", "eagle_electronics", "nobody"}
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			for i := range maxAnswers / 2 {
				q := policy.SupplyQuestion{
					Op: opControlledFrom, Party: parties[(i+lane)%len(parties)], Arg: "CN", Pct: 50,
					Day: day.AddDate(0, 0, -i).Format(time.DateOnly),
				}
				if a := s.Ask(q); i%64 == 0 {
					if diff := cmp.Diff(s.answer(q), a); diff != "" {
						t.Errorf("%+v (-worked out +kept):\n%s", q, diff)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.kept); n > maxAnswers {
		t.Errorf("%d answers are kept, more than %d", n, maxAnswers)
	}
	for _, q := range []policy.SupplyQuestion{{Op: "who_likes", Party: "quectel", Day: "2026-11-22"}, {Op: opListedOn, Party: "quectel", Day: "today"}} {
		if a := s.Ask(q); a.Value != policy.Unknown || a.Because == "" {
			t.Errorf("%+v: %+v", q, a)
		}
	}
}
