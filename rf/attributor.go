package rf

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"time"
)

// Config is one lane as its Attributor sees it. The zero value of a number
// takes the default named beside it.
type Config struct {
	Stop       string   // sensor beside the stop line; empty: every sensor not named below counts as it
	Upstream   string   // second antenna, one vehicle length or more before the line; empty: none
	Neighbours []string // stop-line sensors of the lanes beside, where this lane hears of them; at most 4 are used

	FloorDBm    float64 // level under which a sensor hears nothing (−95)
	StopM       float64 // from the vehicle at the line to its antenna, metres (3)
	QueueM      float64 // from one queued vehicle to the next, metres (7.5)
	UpstreamM   float64 // from the line to the second antenna, metres (12)
	LaneM       float64 // from this lane's middle to the next one's, metres (4)
	PathLoss    float64 // path-loss exponent (2.2)
	ShadowDB    float64 // standard deviation of shadowing, dB (6)
	FadingDB    float64 // standard deviation of one sample about its mean, dB (3.7)
	MaxEmitters int     // emitters remembered at once (10,000); a tenth is set aside for automotive prefixes
	KeepAddress bool    // keep addresses for as long as the emitter is remembered, for Attributed: simulations only

	ForgetAfter time.Duration // of silence, after which an emitter is forgotten (2 minutes)
}

// Attribution is what the attributor thinks of one emitter and one pass.
type Attribution struct {
	Present     time.Time // when the vehicle of this pass came to the line: names the pass
	Emitter     string    // address; empty unless Config.KeepAddress
	Kind        Kind
	Band        string  // cell
	Probability float64 // that it travels in the vehicle of this pass
}

// Stats counts what an attributor took and did not take.
type Stats struct {
	Observed  uint64 // observations looked at
	Foreign   uint64 // of a sensor that is not of this lane
	Stale     uint64 // too old for the ring, or too far ahead
	Dropped   uint64 // of a new emitter while the table was full
	Forgotten uint64 // emitters forgotten
	Emitters  int    // remembered now
	LastHeard time.Time
}

// Reasons for the defaults: distances are a usual lane's; path loss, shadowing
// and the spread of one sample are those of reference tables (path-loss
// exponent 2.0–2.5 near a gate, 4–8 dB shadowing, 1.5–3.7 dB about a fixed
// place). None is fitted to a simulation.
func (c Config) withDefaults() Config {
	number := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	number(&c.FloorDBm, -95)
	number(&c.StopM, 3)
	number(&c.QueueM, 7.5)
	number(&c.UpstreamM, 12)
	number(&c.LaneM, 4)
	number(&c.PathLoss, 2.2)
	number(&c.ShadowDB, 6)
	number(&c.FadingDB, 3.7)
	if c.MaxEmitters <= 0 {
		c.MaxEmitters = 10_000
	}
	if c.ForgetAfter <= 0 {
		c.ForgetAfter = 2 * time.Minute
	}
	if len(c.Neighbours) > maxNeighbours {
		c.Neighbours = c.Neighbours[:maxNeighbours]
	}
	return c
}

const (
	ringSeconds   = 128 // samples are kept as one sum a second, for a little over two minutes
	maxNeighbours = 4
	stopSensor    = 0
	upSensor      = 1
	firstNeigh    = 2
	maxSensors    = firstNeigh + maxNeighbours
	maxBands      = 64

	skewSeconds   = 1  // sensors' clocks are off by up to this
	approach      = 6  // seconds before the line in which a vehicle rolls up to it
	beforeSeconds = 30 // how far back "before" reaches
	followSeconds = 8  // within these a vehicle that stood behind is at the line
	leaveSeconds  = 4  // seconds after leaving in which a vehicle rolls off
	afterSeconds  = 14 // after this the departure is judged

	chance     = 0.7 // log-odds: at 400 vehicles an hour another one moves within the same ten seconds in about one case of two
	sureEnough = 0.9 // least probability for a claim about the vehicle
)

// second is the sum of the levels of one second, in tenths of a dB.
type second struct {
	n   uint8
	sum int16
}

// series is the last ringSeconds seconds of one emitter at one sensor. Sums
// make the order of arrival within a second irrelevant.
type series struct {
	head int64 // newest second held
	bins [ringSeconds]second
}

func newSeries(sec int64) *series { return &series{head: sec} }

// add puts a level into its second; it reports false for a second that has
// left the ring.
func (s *series) add(sec int64, dbm float64) bool {
	if sec <= s.head-ringSeconds {
		return false
	}
	if sec > s.head {
		if sec-s.head >= ringSeconds {
			s.bins = [ringSeconds]second{}
		} else {
			for x := s.head + 1; x <= sec; x++ {
				s.bins[x&(ringSeconds-1)] = second{}
			}
		}
		s.head = sec
	}
	b := &s.bins[sec&(ringSeconds-1)]
	if b.n < 20 {
		b.n++
		b.sum += int16(math.Round(dbm * 10))
	}
	return true
}

// window sums the seconds from, …, to.
func (s *series) window(from, to int64) (heard int, sum float64) {
	if s == nil {
		return 0, 0
	}
	from, to = max(from, s.head-ringSeconds+1), min(to, s.head)
	for x := from; x <= to; x++ {
		if b := s.bins[x&(ringSeconds-1)]; b.n > 0 {
			heard++
			sum += float64(b.sum) / float64(b.n) / 10
		}
	}
	return heard, sum
}

// emitter is what is remembered of one emitter. The table's key is a hash under
// a key drawn for this attributor and kept in memory only.
type emitter struct {
	addr      string
	kind      Kind
	first     int64
	last      int64
	auto      bool // prefix or name of a vehicle's own radio
	prefix    Prefix
	hasPrefix bool
	name      *SSIDPattern
	at        [maxSensors]*series

	// Earlier passes in which it was heard at the line: what is heard there
	// again and again does not come and go with vehicles.
	passes   int
	levelSum float64
	counted  int64 // start of the pass counted last
}

// pass is one vehicle at the line.
type pass struct {
	present time.Time
	start   int64
	end     int64 // second in which it left; 0 while it stands
	latched Finding
}

// Attributor decides which emitters belong to the vehicle at one lane's line.
// It is pure but for the key of its table: the same calls give the same
// findings. It has no clock; time comes with the calls. One goroutine owns it.
//
// Evidence for one emitter is a sum of log-odds, each the difference of two
// mean levels, so that the unknown power of the emitter cancels: at the line
// against before, against the second antenna, against the lanes beside, and
// (once the vehicle has left) against afterwards. Each is judged by the path
// loss between the two places and the spread of shadowing and fading, and
// capped, so that no single one decides.
//
// Law. Within one pass claims only rise: once Finding has said HotspotHeard,
// Maker, Make or Cellular of a vehicle, no later observation makes it unsaid
// until the next vehicle comes; and where the sensors are heard anyway, an
// observation of one emitter never changes what is thought of another, but for
// emitters that find the table full. Observations with equal times may come in
// any order. (One emitter's own observations may well speak against it: heard
// in an empty lane, it is not the vehicle's.)
type Attributor struct {
	cfg      Config
	prefixes *Prefixes
	seed     maphash.Seed
	sensors  map[string]int
	emitters map[uint64]*emitter
	bands    map[string]*emitter
	alive    [maxSensors]*series
	autos    int
	passes   int // vehicles that were at the line before this one
	followed int // of those, how many had one behind
	cur      *pass
	prev     *pass
	now      int64
	swept    int64
	stats    Stats
}

// NewAttributor makes the attributor of one lane.
func NewAttributor(cfg Config, p *Prefixes) *Attributor {
	a := &Attributor{
		cfg: cfg.withDefaults(), prefixes: p, seed: maphash.MakeSeed(),
		sensors: map[string]int{}, emitters: map[uint64]*emitter{}, bands: map[string]*emitter{},
	}
	if a.cfg.Stop != "" {
		a.sensors[a.cfg.Stop] = stopSensor
	}
	if a.cfg.Upstream != "" {
		a.sensors[a.cfg.Upstream] = upSensor
	}
	for i, s := range a.cfg.Neighbours {
		a.sensors[s] = firstNeigh + i
	}
	return a
}

// Observe takes one observation. Its time is the sensor's; who feeds the
// attributor refuses clocks that are off by more than a few seconds.
func (a *Attributor) Observe(o Observation) {
	sensor, ok := a.sensors[o.Sensor]
	if !ok && a.cfg.Stop != "" {
		a.stats.Foreign++
		return
	}
	if math.IsNaN(o.RSSI) || o.RSSI < -150 || o.RSSI > 20 {
		a.stats.Stale++
		return
	}
	sec := o.TS.Unix()
	if sec > a.now {
		a.now = sec
	}
	a.stats.Observed++
	if sensor == stopSensor && o.TS.After(a.stats.LastHeard) {
		a.stats.LastHeard = o.TS
	}
	if a.alive[sensor] == nil {
		a.alive[sensor] = newSeries(sec)
	}
	a.alive[sensor].add(sec, o.RSSI)

	if a.now-a.swept >= 10 {
		a.forget()
	}
	var e *emitter
	if o.Kind == Cell {
		if e = a.bands[o.Band]; e == nil {
			if len(a.bands) >= maxBands {
				a.stats.Dropped++
				return
			}
			e = &emitter{kind: Cell, first: sec}
			a.bands[o.Band] = e
		}
	} else {
		key := maphash.Comparable(a.seed, identity{o.Kind, o.Emitter})
		if e = a.emitters[key]; e == nil {
			if e = a.admit(key, o); e == nil {
				a.stats.Dropped++
				return
			}
		}
		if a.cfg.KeepAddress && e.addr == "" {
			e.addr = o.Emitter
		}
		if e.name == nil && o.SSID != "" {
			if n, ok := a.prefixes.SSIDMake(o.SSID); ok {
				e.name = &n
				if n.Specificity == Automotive && !e.auto {
					e.auto = true
					a.autos++
				}
			}
		}
	}
	e.last = max(e.last, sec)
	if e.at[sensor] == nil {
		e.at[sensor] = newSeries(sec)
	}
	if !e.at[sensor].add(sec, o.RSSI) {
		a.stats.Stale++
	}
}

type identity struct {
	kind Kind
	id   string
}

// admit makes room for a new emitter, or returns nil: a flood of made-up
// addresses takes the common part of the table and cannot push out what is
// already heard, nor keep an automotive prefix from being heard.
func (a *Attributor) admit(key uint64, o Observation) *emitter {
	e := &emitter{kind: o.Kind, first: o.TS.Unix()}
	if o.Kind == WiFi || o.Kind == BLE {
		if p, ok := a.prefixes.Lookup(o.Emitter); ok {
			e.prefix, e.hasPrefix = p, true
			e.auto = p.Specificity == Automotive
		}
	}
	reserve := a.cfg.MaxEmitters / 10
	if e.auto {
		if len(a.emitters) >= a.cfg.MaxEmitters {
			return nil
		}
		a.autos++
	} else if len(a.emitters)-a.autos >= a.cfg.MaxEmitters-reserve {
		return nil
	}
	a.emitters[key] = e
	return e
}

// forget drops what has been silent for long.
func (a *Attributor) forget() {
	a.swept = a.now
	limit := a.now - int64(a.cfg.ForgetAfter/time.Second)
	for k, e := range a.emitters {
		if e.last < limit {
			if e.auto {
				a.autos--
			}
			delete(a.emitters, k)
			a.stats.Forgotten++
		}
	}
	for k, e := range a.bands {
		if e.last < limit {
			delete(a.bands, k)
		}
	}
}

// VehiclePresent says that a vehicle came to the line, or left it. A second
// call that says the same is ignored.
func (a *Attributor) VehiclePresent(present bool, at time.Time) {
	sec := at.Unix()
	a.now = max(a.now, sec)
	if present {
		if a.cur != nil && a.cur.end == 0 {
			return
		}
		if a.cur != nil {
			a.passes++
			if sec-a.cur.end <= followSeconds {
				a.followed++
			}
		}
		a.learn()
		a.prev, a.cur = a.cur, &pass{present: at, start: sec}
		a.forget()
		return
	}
	if a.cur != nil && a.cur.end == 0 {
		a.cur.end = max(sec, a.cur.start+1)
	}
}

// learn notes at which level everything was heard during the pass that is over.
func (a *Attributor) learn() {
	if a.cur == nil {
		return
	}
	for _, e := range a.emitters {
		if x, ok := a.evidence(e, a.cur); ok && x.seconds >= 3 {
			e.passes++
			e.levelSum += x.in
			e.counted = a.cur.start
		}
	}
}

// evidence is what is known of one emitter for one pass.
type evidence struct {
	seconds  int     // seconds at the line in which it was heard
	span     int     // seconds at the line in which the sensor was alive
	in       float64 // mean level at the line, dBm
	before   diff
	upstream diff
	beside   diff
	after    diff
	earlier  diff    // against the mean of earlier passes
	lasting  float64 // log-odds for staying where it is, by how long it has been heard
}

// diff is the mean level at the line less that at another place or time.
type diff struct {
	db     float64
	weight float64 // 0 nothing to compare, 1 as good as it gets
}

// aliveSeconds counts the seconds in which a sensor reported anything.
func (a *Attributor) aliveSeconds(sensor int, from, to int64) int {
	n, _ := a.alive[sensor].window(from, to)
	return n
}

// against compares the level at the line with that of another window. rate is
// how often a second held the emitter at the line: seconds in which it should
// have been heard and was not count as heard at the floor.
func (a *Attributor) against(in, rate float64, s *series, sensor int, from, to int64) diff {
	alive := a.aliveSeconds(sensor, from, to)
	heard, sum := s.window(from, to)
	expect := math.Max(rate*float64(alive), float64(heard))
	if expect < 0.5 {
		return diff{}
	}
	floor := a.cfg.FloorDBm
	level := (sum + (expect-float64(heard))*floor) / expect
	return diff{db: in - level, weight: expect / (expect + 1)}
}

func (a *Attributor) evidence(e *emitter, p *pass) (evidence, bool) {
	from, to := a.standing(p)
	var x evidence
	var sum float64
	x.seconds, sum = e.at[stopSensor].window(from, to)
	if x.seconds == 0 {
		return x, false
	}
	x.span = max(a.aliveSeconds(stopSensor, from, to), x.seconds)
	x.in = sum / float64(x.seconds)
	rate := float64(x.seconds) / float64(x.span)
	x.before = a.against(x.in, rate, e.at[stopSensor], stopSensor, p.start-beforeSeconds, p.start-approach)
	if a.cfg.Upstream != "" {
		x.upstream = a.against(x.in, rate, e.at[upSensor], upSensor, from, to)
	}
	for i := range a.cfg.Neighbours {
		d := a.against(x.in, rate, e.at[firstNeigh+i], firstNeigh+i, from, to)
		if d.weight > 0 && (x.beside.weight == 0 || d.db < x.beside.db) {
			x.beside = d
		}
	}
	if p.end != 0 && a.now >= p.end+leaveSeconds+2 {
		x.after = a.against(x.in, rate, e.at[stopSensor], stopSensor, p.end+leaveSeconds, min(a.now, p.end+afterSeconds))
	}
	age := float64(p.start - e.first)
	x.lasting = 4 * math.Max(0, math.Min(1, (age-120)/180))
	n, sumLevels := e.passes, e.levelSum
	if e.counted == p.start {
		n--
		sumLevels -= x.in
	}
	if n > 0 {
		x.earlier = diff{db: x.in - sumLevels/float64(n), weight: float64(n) / float64(n+1)}
	}
	return x, true
}

// loss is the path loss in dB between two distances from the antenna.
func (a *Attributor) loss(near, far float64) float64 {
	return 10 * a.cfg.PathLoss * math.Log10(far/near)
}

// logOdds of one difference: two normal hypotheses a distance gap apart, same
// spread; capped at 4.
func (a *Attributor) logOdds(d diff, gap float64, samples int) float64 {
	if d.weight == 0 {
		return 0
	}
	variance := 2*a.cfg.ShadowDB*a.cfg.ShadowDB + 2*a.cfg.FadingDB*a.cfg.FadingDB/float64(max(samples, 1))
	l := (d.db - gap/2) * gap / variance
	return d.weight * math.Max(-4, math.Min(4, l))
}

// probability that the emitter travels in the vehicle of the pass, against
// each thing that it may be instead. What tells nothing between two of them
// has no say there: a guard's telephone in the booth is as far from the second
// antenna as the vehicle is.
func (a *Attributor) probability(x evidence) float64 {
	c := a.cfg
	queue := a.loss(c.StopM, math.Hypot(c.QueueM, c.StopM))
	before := a.logOdds(x.before, queue, x.seconds)
	after := a.logOdds(x.after, queue, x.seconds)
	upstream := a.logOdds(x.upstream, a.loss(c.StopM, c.UpstreamM), x.seconds)
	beside := a.logOdds(x.beside, a.loss(c.StopM, c.LaneM+c.StopM), x.seconds)
	earlier := a.logOdds(x.earlier, queue, x.seconds)

	// Another vehicle may by chance have come, or gone, when this one did.
	came, went := math.Min(before, chance), math.Min(after, chance)

	// Of what a sensor hears at any moment the greater part stays where it is.
	others := math.Exp(1 - before - after - earlier + x.lasting)
	others += a.queued() * math.Exp(-upstream-after-came)
	if x.beside.weight > 0 {
		others += math.Exp(-beside - math.Min(came+went, chance))
	}
	p := 1 / (1 + others)
	// A single second is not yet an attribution.
	if x.seconds < 3 {
		p *= float64(x.seconds) / 6
	}
	return p
}

// A telephone or modem in the vehicle, as its stop-line antenna hears it: 23 dBm
// at most (power class 3, TS 36.101), less some 45 dB over 3 m at 1–2 GHz, 9 dB
// through the body (TR 38.901) and what power control takes off.
const (
	uplinkDBm    = -45.0
	uplinkSpread = 12.0
)

// queued is how often a vehicle stands behind the one at the line, judged by how
// soon the next one came: that of one that stood behind rolls up in seconds.
func (a *Attributor) queued() float64 {
	return float64(a.followed+1) / float64(a.passes+2)
}

// cellular is the probability that a band's uplink was active in the vehicle
// while it stood. Bursts come and go, so only the same seconds are compared:
// with the other antennas, and with the level that a transmitter at the line
// has. It cannot tell a modem from a telephone.
func (a *Attributor) cellular(e *emitter, p *pass) float64 {
	from, to := a.standing(p)
	own := e.at[stopSensor]
	heard, sum := own.window(from, to)
	if heard == 0 {
		return 0
	}
	level := sum / float64(heard)
	same := func(sensor int) diff {
		var d, n float64
		for sec := from; sec <= to; sec++ {
			h, l := own.window(sec, sec)
			if h == 0 || a.aliveSeconds(sensor, sec-skewSeconds, sec+skewSeconds) == 0 {
				continue
			}
			other := a.cfg.FloorDBm
			if h, sum := e.at[sensor].window(sec-skewSeconds, sec+skewSeconds); h > 0 {
				other = sum / float64(h)
			}
			d += l - other
			n++
		}
		if n == 0 {
			return diff{}
		}
		return diff{db: d / n, weight: n / (n + 1)}
	}
	far := a.loss(a.cfg.StopM, a.cfg.StopM+a.cfg.QueueM)
	near := (level - uplinkDBm + far/2) * far / (uplinkSpread * uplinkSpread)
	others := math.Exp(-near)
	if a.cfg.Upstream != "" {
		others += a.queued() * math.Exp(-near-a.logOdds(same(upSensor), a.loss(a.cfg.StopM, a.cfg.UpstreamM), heard))
	}
	if len(a.cfg.Neighbours) > 0 {
		beside := diff{}
		for i := range a.cfg.Neighbours {
			if d := same(firstNeigh + i); d.weight > 0 && (beside.weight == 0 || d.db < beside.db) {
				beside = d
			}
		}
		if beside.weight > 0 {
			others += math.Exp(-a.logOdds(beside, a.loss(a.cfg.StopM, a.cfg.LaneM+a.cfg.StopM), heard))
		}
	}
	return 1 / (1 + others)
}

// standing is the span of seconds in which the vehicle surely stood at the line.
func (a *Attributor) standing(p *pass) (from, to int64) {
	end := a.now
	if p.end != 0 {
		end = min(end, p.end)
	}
	return p.start + skewSeconds, max(end-skewSeconds, p.start+skewSeconds)
}

// Finding is what the air says now of the vehicle at the line, or of the one
// that was there last. It names a prefix, a make or a maker only where one
// automotive emitter was attributed with a probability of at least 0.9.
func (a *Attributor) Finding(now time.Time) Finding {
	a.now = max(a.now, now.Unix())
	p := a.cur
	if p == nil {
		return Finding{Sensor: a.cfg.Stop, Sensed: a.aliveSeconds(stopSensor, a.now-5, a.now) > 0}
	}
	f := Finding{Sensor: a.cfg.Stop}
	_, to := a.standing(p)
	f.Sensed = a.aliveSeconds(stopSensor, p.start-1, to+1) > 0

	var best *emitter
	var bestQ float64
	for _, e := range a.emitters {
		x, ok := a.evidence(e, p)
		if !ok {
			continue
		}
		q := a.probability(x)
		if q < 0.5 {
			f.Unattributed++
			continue
		}
		f.Heard++
		f.Confidence = max(f.Confidence, q)
		if q >= sureEnough && e.auto && (e.kind == WiFi || e.kind == BLE) && (best == nil || e.tells(q, best, bestQ)) {
			best, bestQ = e, q
		}
	}
	for _, e := range a.bands {
		if a.cellular(e, p) >= 0.5 {
			f.Cellular = true
		}
	}
	if best != nil {
		a.claim(&f, best, bestQ)
	}
	f.keep(p.latched)
	p.latched = f
	return f
}

// tells orders two emitters that both say something, without regard to the
// order in which they were found: the surer one, then the one with a name, then
// the lower prefix.
func (e *emitter) tells(q float64, than *emitter, thanQ float64) bool {
	if q != thanQ {
		return q > thanQ
	}
	if (e.name != nil) != (than.name != nil) {
		return e.name != nil
	}
	return e.prefix.Hex < than.prefix.Hex
}

func (a *Attributor) claim(f *Finding, e *emitter, q float64) {
	f.HotspotHeard, f.Confidence = true, q
	if e.name != nil && e.name.Specificity == Automotive {
		f.Make = e.name.Make
		f.Sources = append(f.Sources, FindingBasis{
			Claim:   "a network name of the shape that " + e.name.Make + " vehicles broadcast was heard from the vehicle",
			Address: e.name.Source, Date: a.prefixes.Source("ssid").Date,
		})
	}
	if e.hasPrefix && e.prefix.Specificity == Automotive {
		s := a.prefixes.Source("oui")
		f.Prefix = e.prefix.String()
		if e.prefix.Category != "car_maker" {
			f.Maker = e.prefix.Maker
		} else if f.Make == "" {
			f.Make = e.prefix.Maker
		}
		f.Sources = append(f.Sources, FindingBasis{
			Claim:   "an address with a prefix registered to " + e.prefix.Organisation + " was heard from the vehicle",
			Address: s.Address, Date: s.Date,
		})
	}
}

// keep adds what was said of the same vehicle before. What has been said stays
// said, with the words it was said in.
func (f *Finding) keep(said Finding) {
	f.Sensed = f.Sensed || said.Sensed
	f.Cellular = f.Cellular || said.Cellular
	if !said.HotspotHeard {
		return
	}
	f.Confidence = max(f.Confidence, said.Confidence)
	heard, left := f.Heard, f.Unattributed
	now := *f
	*f = said
	f.Sensed, f.Cellular, f.Confidence, f.Heard, f.Unattributed = now.Sensed, now.Cellular, now.Confidence, max(heard, 1), left
	if f.Make == "" {
		f.Make = now.Make
	}
	if f.Maker == "" && now.Maker != "" {
		f.Maker, f.Prefix = now.Maker, now.Prefix
	}
	if f.Make != said.Make || f.Maker != said.Maker {
		f.Sources = append(append([]FindingBasis(nil), said.Sources...), now.Sources...)
	}
}

// Attributed is what is thought of every emitter and band that was heard at the
// line, for the vehicle there now and the one before, sorted. It is for scoring
// simulations; nothing of it may be stored.
func (a *Attributor) Attributed() []Attribution {
	var out []Attribution
	for _, p := range []*pass{a.prev, a.cur} {
		if p == nil {
			continue
		}
		for _, e := range a.emitters {
			if x, ok := a.evidence(e, p); ok {
				out = append(out, Attribution{Present: p.present, Emitter: e.addr, Kind: e.kind, Probability: a.probability(x)})
			}
		}
		for band, e := range a.bands {
			if q := a.cellular(e, p); q > 0 {
				out = append(out, Attribution{Present: p.present, Kind: Cell, Band: band, Probability: q})
			}
		}
	}
	slices.SortFunc(out, func(p, q Attribution) int {
		return cmp.Or(p.Present.Compare(q.Present), cmp.Compare(p.Kind, q.Kind), cmp.Compare(p.Band, q.Band), cmp.Compare(p.Emitter, q.Emitter), cmp.Compare(p.Probability, q.Probability))
	})
	return out
}

// Stats returns the counters so far.
func (a *Attributor) Stats() Stats {
	s := a.stats
	s.Emitters = len(a.emitters)
	return s
}
