package telematics

import "sync"

// subset names the rows and statements that answer a query, so that the answer
// is put together once. Sets larger than it holds are put together each time.
type subset struct {
	of [24]int32 // row number and, in the last bits, how it matches; below zero a statement
	n  int32
}

// keptAnswers is how many answers are kept, in each of two generations: some
// four kilobytes each, so at most about 16 MB.
const keptAnswers = 2048

// answers keeps answers by what they rest on. Those used lately stay: when the
// young generation is full it becomes the old one, and an answer found in the
// old one is young again. The answers depend on nothing but the catalogue, so
// keeping or forgetting them changes none.
type answers struct {
	mu         sync.RWMutex
	young, old map[subset]*Answer
}

func (k *answers) get(s subset) *Answer {
	k.mu.RLock()
	a, young := k.young[s], true
	if a == nil {
		a, young = k.old[s], false
	}
	k.mu.RUnlock()
	if a != nil && !young {
		k.put(s, a)
	}
	return a
}

func (k *answers) put(s subset, a *Answer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.young) >= keptAnswers || k.young == nil {
		k.young, k.old = make(map[subset]*Answer, 64), k.young
	}
	k.young[s] = a
}
