package main

import (
	"context"
	"time"

	"sallyport/gate"
)

// stateEvery is how often it is looked at what lasts at the site.
const stateEvery = 5 * time.Second

// watchState raises an alarm at each lane while the record is damaged, and at each
// that stands without a guard, until the context ends.
func (st *site) watchState(ctx context.Context) {
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	for {
		shifts, damaged, at := st.watch.Shifts.All(), st.damaged.Load() != nil, st.now().UTC()
		for _, v := range st.controller.Lanes() {
			st.watch.Alarms.Stands(v.Lane, gate.AlarmDamaged, "", damaged)
			st.watch.Alarms.Stands(v.Lane, gate.AlarmUnguarded, "", gate.Unguarded(v, shifts[v.Lane], at))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
