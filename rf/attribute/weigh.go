package attribute

import (
	"cmp"
	"math"
	"slices"
)

// gain is what a sensor hears of a vehicle in one second, relative to what the
// sensor beside the line hears of it while it stands there.
type gain struct {
	db   float32
	w    float32 // 1/variance of one second …
	log  float32 // … and half its logarithm
	gone bool    // the vehicle is not there
}

// hypothesis is one way of a vehicle in which an emitter may travel.
type hypothesis struct {
	lane  int
	this  bool    // the vehicle of the pass
	join  float64 // when it came to the end of a queue; −Inf: before all that is looked at
	brief bool    // a vehicle that nobody saw: it came and went with the emitter
	rival int     // what it is called, where it is not the vehicle of the pass
	prior float64 // log
	since float64 // before which it was out of range
	near  int     // second from which it was certainly near
	gains []gain  // by sensor, by second of the window
}

// board is all that the judgement of one pass needs beside the emitters.
type board struct {
	lane   int
	pass   pass
	serial int
	now    float64
	t0, t1 int32 // the window, in seconds
	alive  []bool
	hyps   []hypothesis
	bias   [][]float64 // by lane and sensor: spread of what is heard against the lane's own sensor
	shift  [][]float64 // … and its mean, where it is not what distance says
}

func (b *board) width() int { return int(b.t1-b.t0) + 1 }

const (
	gainSteps  = 48 // of 2 dB
	levelSteps = 128
	levelBase  = 50  // dB below the floor at which the table begins
	slopeSteps = 128 // of a quarter dB a second
	negligible = 9   // nats by which a hypothesis may be behind and still count
	maxGap     = 32  // seconds after which a second tells as much as a first one
)

// tally is the evidence of one sensor under one hypothesis: a quadratic form in
// the level, and how often nothing was heard by how much weaker the vehicle is.
type tally struct {
	levels
	z, f    float64 // mean of the levels, and what a bias leaves of their weight
	dev     float64 // what is still open of the bias
	lo, hi  int
	misses  [gainSteps]int16
	hits    [gainSteps]float32 // weight of what was heard without a level
	weakest float64            // of its levels, where they are relative
}

// levels is the evidence of the seconds that had one.
type levels struct{ a, b, c, norm float64 }

// scratch is kept between judgements so that they need no memory.
type scratch struct {
	phi     [levelSteps]float64 // probability that a level is above the floor
	gap     [maxGap + 1]float64 // weight of a second by the time since the one before
	steady  float64             // variance of one second, of what stands still
	slopes  [slopeSteps]struct{ w, log float32 }
	miss    [levelSteps]float64
	hit     [levelSteps]float64 // log of phi, or of a stray reflection
	about   float64             // logarithm of the chance to hear what is anywhere about the site
	heard   [][]second
	levels  [][]float64 // of each second heard, NaN: none …
	weights [][]float64 // … and how much of a second of its own it is
	centre  []float64   // of the levels, where they are relative; NaN: they are not
	mark    []bool
	silent  [][]int32 // seconds of the window in which a sensor was alive and heard nothing
	tally   []tally
	kept    []levels // of each hypothesis' sensors, once they were summed up
	whole   []bool   // and whether that is all there is of it
	cells   []gain   // of the board that is laid out
	bound   []float64
	order   []int
	ll      []float64
	rivals  [rivals]float64 // probabilities of the other explanations of what was weighed last
}

func (c *scratch) init(s *Site) {
	shadow, fading := s.cfg.ShadowDB*s.cfg.ShadowDB, s.cfg.FadingDB*s.cfg.FadingDB
	c.steady = shadow + fading
	for k := range c.phi {
		c.phi[k] = 0.5 * math.Erfc(-float64(k-levelBase)/math.Sqrt(2*c.steady))
		c.hit[k] = math.Log(math.Max(c.phi[k], otherwise))
	}
	c.about = math.Log(0.5 * math.Erfc((s.cfg.FloorDBm-placeDBm)/math.Sqrt(2*(placeDB*placeDB+c.steady))))
	// What a second adds to the knowledge of a mean where its deviation is
	// that of the second before to the part rho, and fading is new each time.
	for k := range c.gap {
		rho := math.Exp(-float64(max(k, 1)) / corrS)
		c.gap[k] = c.steady / (shadow*(1+rho)/(1-rho) + fading)
	}
	c.gap[maxGap] = 1
	for k := range c.slopes {
		v := c.steady + float64(k*k)/16
		c.slopes[k].w, c.slopes[k].log = float32(1/v), float32(-math.Log(v)/2)
	}
	n := len(s.sensors)
	c.heard, c.levels, c.weights, c.silent, c.tally = make([][]second, n), make([][]float64, n), make([][]float64, n), make([][]int32, n), make([]tally, n)
	c.centre = make([]float64, n)
}

// take gives room for a hypothesis' gains until the next board.
func (c *scratch) take(n int) []gain {
	if len(c.cells)+n > cap(c.cells) {
		c.cells = make([]gain, 0, max(2*cap(c.cells), n)) // those given stay with who has them
	}
	at := len(c.cells)
	c.cells = c.cells[:at+n]
	return c.cells[at : at+n : at+n]
}

// board lays out where every vehicle that may have been heard was, second by
// second, from beforeS before the pass until now.
func (s *Site) board(ln, serial int, now float64) (*board, bool) {
	m, ok := s.lanes[ln].find(serial)
	if !ok {
		return nil, false
	}
	p := s.lanes[ln].passes[m]
	b := &board{lane: ln, pass: p, serial: serial, now: now, t0: int32(math.Floor(p.start - beforeS))}
	b.t1 = max(int32(math.Floor(math.Min(now, p.end+settleS))), int32(math.Floor(p.start)))
	b.t1 = min(b.t1, b.t0+maxSeconds-1)
	w := b.width()
	s.scratch.cells = s.scratch.cells[:0]
	b.alive = make([]bool, len(s.sensors)*w)
	for i, se := range s.sensors {
		for _, x := range se.alive.from(b.t0 - 1) {
			for k := max(0, int(x.at-b.t0)-1); k <= min(w-1, int(x.at-b.t0)+1); k++ {
				b.alive[i*w+k] = true
			}
		}
	}
	for li, l := range s.lanes {
		shift, bias := make([]float64, len(s.sensors)), make([]float64, len(s.sensors))
		for i := range s.sensors {
			if i != l.stop {
				shift[i], bias[i] = s.biases[li][i].about(0, biasDB, leastBiasDB)
			}
		}
		b.shift, b.bias = append(b.shift, shift), append(b.bias, bias)
	}
	xs, on := make([]float64, w), make([]bool, w)
	for li, l := range s.lanes {
		if l.Blind {
			for k := range w {
				xs[k], on[k] = 0, true
			}
			b.hyps = append(b.hyps, s.hypothesis(b, li, xs, on, hypothesis{lane: li, brief: true, rival: rivalBeside, join: math.Inf(-1), since: math.Inf(-1)}))
			continue
		}
		queued := math.Log(l.queued())
		from := len(l.passes)
		for from > 0 && l.passes[from-1].end > float64(b.t0) {
			from--
		}
		for v := from; v < len(l.passes)+3; v++ {
			for _, way := range l.ways(v, now) {
				there := false
				for k := range w {
					xs[k], on[k] = l.joined(v, float64(b.t0)+float64(k)+.5, now, way)
					there = there || on[k]
				}
				if !there {
					continue
				}
				h := hypothesis{lane: li, this: li == ln && v == m, join: way.join, since: l.since(v, now, way.follow), prior: way.prior, near: math.MaxInt32}
				if more := v - len(l.passes) + 1; more > 0 {
					h.prior += float64(more) * queued // it is not known to have come
				}
				switch {
				case li != ln:
					h.rival = rivalBeside
				case v < m:
					h.rival = rivalBefore
				default:
					h.rival = rivalBehind
				}
				if v < len(l.passes) {
					h.near = int(l.passes[v].start - nearS)
				}
				if !math.IsInf(way.join, 0) {
					h.since, h.near = way.join-rangeS, int(way.join-nearS)
				}
				b.hyps = append(b.hyps, s.hypothesis(b, li, xs, on, h))
				if !h.this {
					continue
				}
				// Where nobody tells of the vehicles beside, one may have come
				// and gone with this one.
				for lo, o := range s.lanes {
					if o.Blind {
						h := h
						h.lane, h.this, h.rival, h.prior = lo, false, rivalBeside, h.prior-visitCost
						b.hyps = append(b.hyps, s.hypothesis(b, lo, xs, on, h))
					}
				}
			}
		}
	}
	return b, true
}

func (s *Site) hypothesis(b *board, ln int, xs []float64, on []bool, h hypothesis) hypothesis {
	w := b.width()
	off := 10 * s.cfg.PathLoss * math.Log10(speedRatio)
	h.gains = s.scratch.take(len(s.sensors) * w)
	for i, se := range s.sensors {
		gs := h.gains[i*w : (i+1)*w]
		apart := s.lanes[ln].Place - s.lanes[se.lane].Place
		table := s.gains[max(apart, -apart)]
		for k := range gs {
			gs[k] = gain{gone: !on[k]}
			if on[k] {
				gs[k].db = table.at(xs[k]-se.x) + shiftAt(b.shift[ln][i], xs[k])
			}
		}
		for k := range gs {
			slope := 0.0
			switch {
			case h.brief && (float64(b.t0)+float64(k) < b.pass.start || float64(b.t0)+float64(k) > b.pass.end):
				slope = unseenDB // it may have been coming or going
			case xs[k] < -1, k+1 < w && on[k] && on[k+1] && xs[k]-xs[k+1] > 0.2:
				slope = off // it moves, as its driver likes
			}
			// Clocks are off by up to a second.
			if a, c := max(k-1, 0), min(k+1, w-1); on[a] && on[c] {
				if d := float64(gs[c].db-gs[a].db) / 2; d != 0 {
					slope = math.Sqrt(slope*slope + d*d)
				}
			}
			x := &s.scratch.slopes[min(slopeSteps-1, int(4*slope))]
			gs[k].w, gs[k].log = x.w, x.log
		}
	}
	return h
}

// shiftAt is what has been learned of a sensor for a vehicle at the line, as far
// as it holds elsewhere: within the antenna's lobe.
func shiftAt(learned, x float64) float32 {
	if learned == 0 || math.Abs(x) > 3*lobeM {
		return 0
	}
	return float32(learned * math.Exp(-x*x/(lobeM*lobeM)))
}

// collect finds what was heard of an emitter from second from to second to.
func (s *Site) collect(e *emitter, b *board, from, to int32) (first, last int32, n int) {
	c := &s.scratch
	w := b.width()
	c.mark = slices.Grow(c.mark[:0], w)[:w]
	first, last = math.MaxInt32, math.MinInt32
	for i := range s.sensors {
		bins := e.at[i].from(max(from, b.t0))
		for len(bins) > 0 && bins[len(bins)-1].at > min(to, b.t1) {
			bins = bins[:len(bins)-1]
		}
		c.heard[i], c.levels[i], c.weights[i], c.silent[i] = bins, c.levels[i][:0], c.weights[i][:0], c.silent[i][:0]
		clear(c.mark)
		before := int32(math.MinInt32 / 2)
		for _, x := range bins {
			c.mark[x.at-b.t0] = true
			c.levels[i] = append(c.levels[i], e.at[i].level(x))
			c.weights[i] = append(c.weights[i], c.gap[min(maxGap, x.at-before)])
			before = x.at
		}
		for k, alive := range b.alive[i*w : (i+1)*w] {
			if alive && !c.mark[k] {
				c.silent[i] = append(c.silent[i], int32(k))
			}
		}
		if len(bins) > 0 {
			first, last = min(first, bins[0].at), max(last, bins[len(bins)-1].at)
		}
		if c.centre[i] = math.NaN(); e.at[i] != nil && e.at[i].scale == relative {
			c.centre[i] = middle(c.levels[i])
		}
		n += len(bins)
	}
	return first, last, n
}

// middle is the mean of the levels that there are; NaN: none.
func middle(levels []float64) float64 {
	n, sum := 0.0, 0.0
	for _, x := range levels {
		if !math.IsNaN(x) {
			n++
			sum += x
		}
	}
	return sum / n
}

// rate is how often a second holds the emitter where it is heard best. A short
// burst does not yet make a rate.
func (s *Site) rate(b *board) float64 {
	best, w := 0.0, b.width()
	for i, bins := range s.scratch.heard {
		if len(bins) == 0 {
			continue
		}
		alive := 0
		for k := bins[0].at; k <= bins[len(bins)-1].at; k++ {
			if b.alive[i*w+int(k-b.t0)] {
				alive++
			}
		}
		best = math.Max(best, float64(len(bins))/float64(max(alive, len(bins))+10))
	}
	return best
}

// probability that an emitter travelled in the vehicle of the pass, against
// all that it may have done instead. Seconds before from and after to are not
// looked at: those of a burst.
func (s *Site) probability(e *emitter, b *board, from, to int32) float64 {
	c := &s.scratch
	c.rivals = [rivals]float64{}
	first, last, n := s.collect(e, b, from, to)
	if n == 0 {
		return 0
	}
	w := b.width()
	r := s.rate(b)
	for k, phi := range c.phi {
		c.miss[k] = (c.gap[1] + (missWeight-c.gap[1])*math.Max(0, 2*phi-1)) * math.Log(1-r*phi)
	}
	visit := 0.0
	if !e.cell {
		visit = s.visit(b, first, last)
	}
	f, t := int(first-b.t0), int(last-b.t0)
	c.ll = append(c.ll[:0],
		s.elsewhere(f, t, c.steady)+visit,
		s.elsewhere(f, t, wanderDB*wanderDB)+visit)
	if !e.cell {
		c.ll = append(c.ll,
			s.elsewhere(0, w-1, c.steady)+math.Log(ambientOdds),
			s.elsewhere(0, w-1, wanderDB*wanderDB))
	}

	// What is not heard only lowers a likelihood. So the bound without it says
	// which hypotheses need no closer look, and whether any does.
	mu, sd := s.levels[e.family()].about(levelAt(e), levelDB, leastLevelDB)
	c.bound, c.order = c.bound[:0], c.order[:0]
	c.kept = slices.Grow(c.kept[:0], len(b.hyps)*len(s.sensors))[:len(b.hyps)*len(s.sensors)]
	c.whole = slices.Grow(c.whole[:0], len(b.hyps))[:len(b.hyps)]
	own := math.Inf(-1)
	for i := range b.hyps {
		c.bound, c.order = append(c.bound, 0), append(c.order, i)
		h := &b.hyps[i]
		if !e.cell && !math.IsInf(h.join, 0) && (h.join < float64(first)-3 || h.join > float64(first)+rangeS) {
			c.bound[i] = math.Inf(-1)
			continue
		}
		if h.this {
			s.tallyFirst(b, i)
			c.bound[i] = s.prior(e, b, h, n, first, last) + s.bound(b.bias[h.lane], mu, sd)
			own = math.Max(own, c.bound[i])
		}
	}
	if elsewhere := slices.Max(c.ll); own < elsewhere-negligible {
		return open(math.Exp(own - elsewhere))
	}
	for i := range b.hyps {
		if h := &b.hyps[i]; !h.this && c.bound[i] == 0 {
			s.tallyFirst(b, i)
			c.bound[i] = s.prior(e, b, h, n, first, last) + s.bound(b.bias[h.lane], mu, sd)
		}
	}
	slices.SortFunc(c.order, func(x, y int) int { return cmp.Or(cmp.Compare(c.bound[y], c.bound[x]), x-y) })
	top := slices.Max(c.ll)
	others := len(c.ll)
	for _, i := range c.order {
		if c.bound[i] < top-negligible {
			break
		}
		h := &b.hyps[i]
		prior := s.prior(e, b, h, n, first, last)
		ll := math.Inf(-1)
		for _, span := range s.spans(e, b, h, int(first-b.t0), int(last-b.t0)) {
			if c.bound[i]+span.cost < ll {
				continue
			}
			s.tallyAgain(b, i)
			for j := range s.sensors {
				tl, gs := &c.tally[j], h.gains[j*w:(j+1)*w]
				for _, k := range between(c.silent[j], span.from, span.to) {
					if g := &gs[k]; !g.gone {
						tl.missed(g.db)
					}
				}
			}
			before := prior + span.cost
			ll = math.Max(ll, before+s.common(b.bias[h.lane], mu, sd, math.Max(top-negligible, ll)-before))
		}
		if math.IsInf(ll, -1) {
			continue
		}
		c.ll = append(c.ll, ll)
		c.order[len(c.ll)-1-others] = i
		top = math.Max(top, ll)
	}
	sum, mine := 0.0, 0.0
	for k, x := range c.ll {
		x = math.Exp(x - top)
		sum += x
		switch {
		case k == 0 && visit < 0, k == 1 && visit < 0:
			c.rivals[rivalBrief] += x
		case k < others:
			c.rivals[rivalAmbient+k%2] += x // steady, or somebody who walks about
		case b.hyps[c.order[k-others]].this:
			mine += x
		default:
			c.rivals[b.hyps[c.order[k-others]].rival] += x
		}
	}
	for k := range c.rivals {
		c.rivals[k] /= sum
	}
	return open(mine / sum)
}

// span is the part of the window in which an emitter sent, and what it costs to
// believe so.
type span struct {
	from, to int
	cost     float64
}

// spans are the times over which an emitter may have sent while its vehicle was
// about. It is most likely to have done so throughout; but an address is
// changed, or a radio switched on or off, now and then. When a queued vehicle
// came to the end of the queue is not known.
func (s *Site) spans(e *emitter, b *board, h *hypothesis, first, last int) []span {
	w := b.width()
	if e.cell {
		return []span{{first, last, 0}}
	}
	if h.brief {
		return []span{{first, last, 0}}
	}
	whole := span{max(0, min(first-2, h.near-int(b.t0))), w - 1, 0}
	part := span{max(0, first-2), min(w-1, last+2), 0}
	if part.from > whole.from {
		part.cost -= changeCost
	}
	if part.to < w-1 {
		part.cost -= changeCost
	}
	if part.cost == 0 {
		return []span{whole}
	}
	return []span{whole, part}
}

// open leaves room for what no hypothesis is about.
func open(p float64) float64 { return p + otherwise*(strayOwn-p) }

// prior is the logarithm of what a hypothesis has before what was heard is
// looked at second by second.
func (s *Site) prior(e *emitter, b *board, h *hypothesis, n int, first, last int32) float64 {
	p := h.prior
	if h.brief {
		p += s.visit(b, first, last)
	}
	if float64(e.first) < h.since-3 && !e.cell {
		p -= absentCost * float64(min(10, e.seconds-n))
	}
	if h.this && (e.tag != 0 || e.before != 0) {
		if l := s.lanes[b.lane]; l.knownPass == b.serial {
			p += math.Min(knownCap, 2*float64(l.known[e.tag]+l.known[e.before]))
		}
	}
	return p
}

// visit is the cost of having come, and gone, when no vehicle did.
func (s *Site) visit(b *board, first, last int32) float64 {
	c := 0.0
	if first > b.t0+2 {
		c -= visitCost
	}
	if b.now-float64(last) > visitGapS {
		c -= visitCost
	}
	return c
}

// tallyFirst is tallyHeard for hypothesis i; tallyAgain gives the same once
// more.
func (s *Site) tallyFirst(b *board, i int) {
	c, n := &s.scratch, len(s.sensors)
	s.tallyHeard(b, &b.hyps[i])
	c.whole[i] = true
	for j := range c.tally {
		t := &c.tally[j]
		c.kept[i*n+j] = t.levels
		c.whole[i] = c.whole[i] && t.lo > t.hi
	}
}

func (s *Site) tallyAgain(b *board, i int) {
	c, n := &s.scratch, len(s.sensors)
	if !c.whole[i] {
		s.tallyHeard(b, &b.hyps[i])
		return
	}
	for j := range c.tally {
		c.tally[j] = tally{levels: c.kept[i*n+j], lo: gainSteps}
	}
}

// tallyHeard sums up, sensor by sensor, what was heard.
func (s *Site) tallyHeard(b *board, h *hypothesis) {
	c, w := &s.scratch, b.width()
	for i := range s.sensors {
		t := &c.tally[i]
		*t = tally{lo: gainSteps, weakest: math.Inf(1)}
		gs := h.gains[i*w : (i+1)*w]
		centre, dbm := c.place(i)
		for j, x := range c.heard[i] {
			g, weight, level := &gs[x.at-b.t0], c.weights[i][j], c.levels[i][j]
			switch none := math.IsNaN(level); {
			case g.gone && none:
				t.norm += weight*c.about - absentCost
			case g.gone:
				d := (level - centre) / placeDB
				t.norm -= weight*(d*d/2+math.Log(placeDB)) + absentCost
			case none:
				t.heard(float64(g.db), weight)
			default:
				t.add(level-float64(g.db), weight, float64(g.w), float64(g.log))
				if level < t.weakest {
					t.weakest = level
				}
			}
		}
		if !dbm && t.a > 0 {
			t.heard(t.weakest-t.b/t.a, 1)
		}
	}
}

// place is the level of what is in no vehicle as sensor i tells it. A relative
// level is compared with nothing but the sensor's other ones of the emitter.
func (c *scratch) place(i int) (centre float64, dbm bool) {
	if math.IsNaN(c.centre[i]) {
		return placeDBm, true
	}
	return c.centre[i], false
}

// heard takes a second that tells of no level but that it was above the floor:
// db is what the vehicle is heard like then.
func (t *tally) heard(db, weight float64) {
	k := min(gainSteps-1, max(0, int(-db/2)))
	t.hits[k] += float32(weight)
	t.lo, t.hi = min(t.lo, k), max(t.hi, k)
}

// apart is the log-likelihood of relative levels: of their course alone,
// whatever they are relative to. What is left of them for the level at the line
// is that the weakest was above the floor.
func (t *tally) apart(centre float64) float64 {
	if t.a == 0 {
		return t.norm
	}
	f, z := t.loose(placeDB), t.b/t.a
	return t.norm - (t.c-t.b*z)/2 + math.Log(f)/2 - (centre-z)*(centre-z)*t.a*f/2
}

// add takes one level. w is 1/variance, log half its logarithm; weight says how
// much of a second of its own it is.
func (t *tally) add(z, weight, w, log float64) {
	t.norm += weight * log
	w *= weight
	t.a += w
	t.b += w * z
	t.c += w * z * z
}

// between is the part of sorted seconds that lies from, …, to.
func between(at []int32, from, to int) []int32 {
	i, _ := slices.BinarySearch(at, int32(from))
	j, _ := slices.BinarySearch(at, int32(to+1))
	return at[i:max(i, j)]
}

func (t *tally) missed(db float32) {
	k := min(gainSteps-1, max(0, int(-db/2)))
	t.misses[k]++
	t.lo, t.hi = min(t.lo, k), max(t.hi, k)
}

// loose is the tally's precision where the sensor has a bias of its own.
func (t *tally) loose(sd float64) float64 { return 1 / (1 + t.a*sd*sd) }

// bound is common for somebody who need not have been heard.
func (s *Site) bound(bias []float64, mu, sd float64) float64 {
	v := 1 / (sd * sd)
	a, b, c := v, mu*v, mu*mu*v
	ll := 0.0
	for i := range s.scratch.tally {
		t := &s.scratch.tally[i]
		if centre, dbm := s.scratch.place(i); !dbm {
			ll += t.apart(centre)
			continue
		}
		ll += t.norm
		if t.a > 0 {
			f, z := t.loose(bias[i]), t.b/t.a
			a, b, c = a+t.a*f, b+t.b*f, c+t.b*f*z
			ll += math.Log(f)/2 - (t.c-t.b*z)/2
		}
	}
	return ll - (c-b*b/a)/2 + math.Log(v/a)/2 + 1
}

// common is the log-likelihood of the tallies, over all levels that the emitter
// may have at the line. Three points stand for them, and for each sensor's bias
// (Gauss and Hermite's). It is −Inf where it cannot reach need.
func (s *Site) common(bias []float64, mu, sd, need float64) float64 {
	c := &s.scratch
	v := 1 / (sd * sd)
	a, b, ll := v, mu*v, 0.0
	quiet := true
	for i := range c.tally {
		t := &c.tally[i]
		if centre, dbm := c.place(i); !dbm {
			ll += t.apart(centre)
			t.a, t.b, t.norm = 0, 0, 0
		}
		ll += t.settle(bias[i])
		a, b = a+t.a*t.f, b+t.b*t.f
		quiet = quiet && t.lo > t.hi
	}
	// The levels heard alone give a normal distribution of the level at the line.
	mean := b / a
	ll -= (mean-mu)*(mean-mu)*v/2 + math.Log(a*sd*sd)/2
	for i := range c.tally {
		if t := &c.tally[i]; t.a > 0 {
			ll -= (mean - t.z) * (mean - t.z) * t.a * t.f / 2
		}
	}
	if quiet {
		return ll
	}
	d := math.Sqrt(3 / a)
	// The weaker it is, the likelier that it was not heard.
	best := ll
	for i := range c.tally {
		if t := &c.tally[i]; t.lo <= t.hi {
			p := mean - d
			if t.a > 0 {
				p += (t.z - p) * (1 - t.f)
			}
			if best += s.silent(t, p-math.Sqrt(3)*t.dev); best < need {
				return math.Inf(-1)
			}
		}
	}
	var terms [3]float64
	for i := range c.tally {
		if t := &c.tally[i]; t.lo <= t.hi {
			terms[0] += s.unheard(t, mean-d)
			terms[1] += s.unheard(t, mean)
			terms[2] += s.unheard(t, mean+d)
		}
	}
	return ll + threePoints(terms[0], terms[1], terms[2])
}

// settle completes a tally for a bias of a standard deviation: it gives the
// log-likelihood of the levels about their own mean.
func (t *tally) settle(sd float64) float64 {
	t.z, t.f, t.dev = 0, 1, sd
	if t.a == 0 {
		return t.norm
	}
	t.z, t.f = t.b/t.a, t.loose(sd)
	t.dev = sd * math.Sqrt(t.f)
	ll := t.norm - (t.c-t.b*t.z)/2
	if sd != 0 {
		ll += math.Log(t.f) / 2
	}
	return ll
}

// unheard is the log-likelihood of a sensor's seconds without a level, silent
// ones and others, were the level at the line p.
func (s *Site) unheard(t *tally, p float64) float64 {
	if t.a > 0 {
		p += (t.z - p) * (1 - t.f)
	}
	if t.dev < 1 {
		return s.silent(t, p) + s.loud(t, p)
	}
	d := math.Sqrt(3) * t.dev
	return threePoints(s.silent(t, p-d)+s.loud(t, p-d), s.silent(t, p)+s.loud(t, p), s.silent(t, p+d)+s.loud(t, p+d))
}

// threePoints is the logarithm of a normal mean of what has logarithms x, y and
// z at −√3, 0 and √3 standard deviations.
func threePoints(x, y, z float64) float64 {
	top := max(x, y, z)
	if top-min(x, y, z) < 0.01 {
		return y
	}
	return top + math.Log((math.Exp(x-top)+4*math.Exp(y-top)+math.Exp(z-top))/6)
}

// silent is the log-likelihood of the seconds in which nothing was heard.
func (s *Site) silent(t *tally, level float64) float64 {
	sum := 0.0
	x := int(level-1-s.cfg.FloorDBm) + levelBase - 2*t.lo
	for k := t.lo; k <= t.hi && x >= 0; k++ {
		if n := t.misses[k]; n != 0 {
			sum += float64(n) * s.scratch.miss[min(levelSteps-1, x)]
		}
		x -= 2
	}
	return sum
}

// loud is the log-likelihood of the seconds in which something was heard that
// had no level.
func (s *Site) loud(t *tally, level float64) float64 {
	sum := 0.0
	x := int(level-1-s.cfg.FloorDBm) + levelBase - 2*t.lo
	for k := t.lo; k <= t.hi; k++ {
		if t.hits[k] != 0 {
			sum += float64(t.hits[k]) * s.scratch.hit[max(0, min(levelSteps-1, x))]
		}
		x -= 2
	}
	return sum
}

// elsewhere is the log-likelihood of an emitter that is in no vehicle, from one
// second of the window to another: each sensor hears it at a level of its own.
func (s *Site) elsewhere(from, to int, variance float64) float64 {
	c := &s.scratch
	ll, log := 0.0, -math.Log(variance)/2
	for i := range s.sensors {
		t := tally{lo: gainSteps, weakest: math.Inf(1)}
		for j, level := range c.levels[i] {
			if math.IsNaN(level) {
				t.heard(0, c.weights[i][j])
				continue
			}
			t.add(level, c.weights[i][j], 1/variance, log)
			if level < t.weakest {
				t.weakest = level
			}
		}
		centre, dbm := c.place(i)
		if !dbm && t.a > 0 {
			t.heard(t.weakest-t.b/t.a, 1)
		}
		if n := len(between(c.silent[i], from, to)); n > 0 {
			t.misses[0], t.lo, t.hi = int16(n), 0, max(0, t.hi)
		}
		ll += t.settle(placeDB)
		if t.a > 0 {
			ll -= (centre - t.z) * (centre - t.z) * t.a * t.f / 2
		}
		if !dbm {
			t.a, t.dev = 0, placeDB
		}
		if t.lo <= t.hi {
			ll += s.unheard(&t, placeDBm)
		}
	}
	return ll
}
