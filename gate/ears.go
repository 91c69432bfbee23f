package gate

import "sync"

// ears is what a lane counts of its sensors. Its methods may be called
// concurrently.
type ears struct {
	mu      sync.Mutex
	reports map[string]SensorReport // by sensor, the last one
}

// report takes a driver's totals.
func (e *ears) report(r SensorReport, f *feed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, known := e.reports[r.Sensor]
	if !known && len(e.reports) >= maxSensors {
		return
	}
	if e.reports == nil {
		e.reports = make(map[string]SensorReport)
	}
	e.reports[r.Sensor] = r
	for reason, n := range r.Refused {
		f.refused.Add(since(last.Refused[reason], n))
	}
	f.dropped.Add(since(last.Dropped, r.Dropped))
}

// maxSensors is how many sensors of a lane are told apart.
const maxSensors = 32

// since is what a total has risen by; one that fell began again.
func since(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}
