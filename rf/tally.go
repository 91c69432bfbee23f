package rf

import (
	"slices"
	"sync/atomic"
)

// Tally counts what a decoder made of its input: each item read is either one
// observation taken or one refusal, and every refusal has a reason. Its methods
// may be called from several goroutines at once.
type Tally struct {
	taken   atomic.Uint64
	reasons []string
	refused []atomic.Uint64
}

// NewTally makes a tally of the given reasons. A reason is a short sentence and
// never repeats what an item held.
func NewTally(reasons ...string) *Tally {
	return &Tally{reasons: slices.Clone(reasons), refused: make([]atomic.Uint64, len(reasons))}
}

// Take counts an observation.
func (t *Tally) Take() { t.taken.Add(1) }

// Refuse counts a refusal for the reason of that number.
func (t *Tally) Refuse(reason int) { t.refused[reason].Add(1) }

// Taken is the number of observations.
func (t *Tally) Taken() uint64 { return t.taken.Load() }

// Reasons are all the reasons that there are.
func (t *Tally) Reasons() []string { return slices.Clone(t.reasons) }

// Refused is the number of refusals by reason, of reasons that occurred.
func (t *Tally) Refused() map[string]uint64 {
	m := map[string]uint64{}
	for i := range t.reasons {
		if n := t.refused[i].Load(); n > 0 {
			m[t.reasons[i]] += n
		}
	}
	return m
}

// Total is the number of items read.
func (t *Tally) Total() uint64 {
	n := t.Taken()
	for i := range t.refused {
		n += t.refused[i].Load()
	}
	return n
}
