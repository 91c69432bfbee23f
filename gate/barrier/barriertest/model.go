package barriertest

import (
	"sync"
	"time"

	"sallyport/gate/barrier"
)

// Model is a traffic arm with its limit switches and the detector under it, as
// they are outside any driver. It may be used from several goroutines.
type Model struct {
	// Travel is how long the arm takes from closed to open; half of it passes
	// before it leaves its lower switch.
	Travel time.Duration
	// Moved, where set, hears of each contact that changes.
	Moved func(p barrier.Point, on bool)

	mu     sync.Mutex
	pulses int
	seized bool
	on     map[barrier.Point]bool
	timers []*time.Timer
}

// NewModel is a closed arm with nothing under it.
func NewModel(travel time.Duration, moved func(barrier.Point, bool)) *Model {
	return &Model{Travel: travel, Moved: moved, on: map[barrier.Point]bool{barrier.ArmDown: true}}
}

// Pulse is what the arm's controller feels on its input.
func (m *Model) Pulse() {
	m.mu.Lock()
	m.pulses++
	seized := m.seized
	m.mu.Unlock()
	if seized {
		return
	}
	half := m.Travel / 2
	m.later(half, func() { m.Set(barrier.ArmDown, false) })
	m.later(m.Travel, func() { m.Set(barrier.ArmUp, true) })
}

func (m *Model) later(d time.Duration, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timers = append(m.timers, time.AfterFunc(d, f))
}

// Lower closes the arm at once.
func (m *Model) Lower() {
	m.Set(barrier.ArmUp, false)
	m.Set(barrier.ArmDown, true)
}

// Set changes one contact.
func (m *Model) Set(p barrier.Point, on bool) {
	m.mu.Lock()
	was := m.on[p]
	m.on[p] = on
	m.mu.Unlock()
	if was != on && m.Moved != nil {
		m.Moved(p, on)
	}
}

// On tells of one contact.
func (m *Model) On(p barrier.Point) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on[p]
}

// Seize makes the arm feel pulses and not move.
func (m *Model) Seize(seized bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seized = seized
}

// Pulses is how many pulses the arm has felt.
func (m *Model) Pulses() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pulses
}

// Stop ends what is under way.
func (m *Model) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.timers {
		t.Stop()
	}
}
