package attribute

// Who has a place in a sensor's share of the table, once that is full. An
// emitter that was heard in fewer seconds than an attribution takes is a
// stranger: such ones stand in a queue, those silent for longest first, and make
// room for others. So made-up addresses make room for each other, and none of
// them for what persists.

const (
	strangerS   = 10        // seconds of silence after which a stranger makes room
	refusedS    = 2         // seconds of one period in which those refused are remembered
	refusedBits = 512 << 10 // of one period: one in 50 is taken for another at 20,000 a second
)

// queue is a list of emitters, those that were heard last at its end.
type queue struct{ oldest, newest *emitter }

func (q *queue) push(e *emitter) {
	if e.waits, e.older, e.newer = q, q.newest, nil; e.older != nil {
		e.older.newer = e
	} else {
		q.oldest = e
	}
	q.newest = e
}

// leave takes an emitter out of the queue that it stands in, if any.
func (e *emitter) leave() {
	q := e.waits
	if q == nil {
		return
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		q.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		q.newest = e.older
	}
	e.waits, e.older, e.newer = nil, nil, nil
}

// waiting puts an emitter where it belongs: at the end of its sensor's queue
// while it is a stranger, and into none afterwards.
func (s *Site) waiting(e *emitter) {
	e.leave()
	if se := s.sensors[e.by]; e.seconds < fewSeconds && !e.cell {
		if e.auto {
			se.strangeAutos.push(e)
		} else {
			se.strangers.push(e)
		}
	}
}

// drop takes an emitter out of the table.
func (s *Site) drop(e *emitter) {
	e.leave()
	se := s.sensors[e.by]
	se.shares--
	if e.auto {
		se.autos--
	}
	delete(s.emitters, e.key)
}

// room makes room for a new emitter in its sensor's share, or tells that there
// is none. A tenth of the share is set aside for vehicles' own radios. Room is
// made by the stranger that has been silent for longest: after ten seconds for
// anybody, and at once for one that was refused before and is heard again.
func (s *Site) room(se *sensor, auto bool, key uint64, at int32) bool {
	share := max(1, s.cfg.MaxEmitters/len(s.sensors))
	part := share - share/10
	queues := [2]*queue{&se.strangeAutos, &se.strangers}
	switch {
	case !auto && se.shares-se.autos >= part:
		queues[0] = &se.strangers
	case se.shares < share:
		return true
	}
	for _, again := range [2]bool{false, true} {
		silent := at - strangerS
		if again {
			if !se.refused.again(key, at) {
				return false
			}
			silent = at
		}
		for _, q := range queues {
			if e := q.oldest; e != nil && e.last < silent {
				s.drop(e)
				s.stats.Evicted++
				return true
			}
		}
	}
	return false
}

// refusals remember by two bits each which emitters were refused a place in this
// period and in the one before. They are made with the first refusal.
type refusals struct {
	period      int32
	now, before []uint64
}

// again tells whether an emitter was refused in the period before, and remembers
// that it is in this one.
func (r *refusals) again(key uint64, at int32) bool {
	if r.now == nil {
		r.now, r.before = make([]uint64, refusedBits/64), make([]uint64, refusedBits/64)
		r.period = at / refusedS
	}
	if p := at / refusedS; p > r.period {
		r.now, r.before = r.before, r.now
		clear(r.now)
		if p > r.period+1 {
			clear(r.before)
		}
		r.period = p
	}
	was := true
	for _, h := range [2]uint64{key, key >> 32} {
		h %= refusedBits
		bit := uint64(1) << (h % 64)
		was = was && r.before[h/64]&bit != 0
		r.now[h/64] |= bit
	}
	return was
}
