package attribute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"sallyport/rf"
)

// world is a made-up site: its physics are drawn anew for each seed, from wider
// ranges than the package's own defaults, so that what is measured on it is
// worth something elsewhere.
type world struct {
	seed                                uint64
	lanes                               int
	upstream                            []bool
	minutes                             float64
	pathLoss, shadow, shadowS, fading   float64
	frontBack, spacing, queue, side     float64
	floor, loss, skew, jitter, goneLate float64
	rate                                float64 // vehicles a minute and lane
	service                             float64 // median seconds at the line
	guards, masts                       int
	walkers, traffic                    float64 // a minute
	duplicates, silent                  bool
}

func newWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 7))
	u := func(a, b float64) float64 { return a + (b-a)*r.Float64() }
	w := &world{
		seed: seed, lanes: 1 + r.IntN(3), minutes: 12,
		pathLoss: u(2.0, 2.7), shadow: u(3, 6.5), shadowS: u(1.5, 6), fading: u(1.5, 4.5),
		frontBack: u(5, 15), spacing: u(3.5, 5), queue: u(6.5, 8.5), side: u(1.5, 3),
		floor: u(-98, -92), loss: u(0, 0.3), skew: u(0, 1), jitter: u(0, 0.5), goneLate: u(0, 1),
		rate: u(0.8, 3), service: u(9, 22), guards: r.IntN(5), masts: 2 + r.IntN(10),
		walkers: u(0, 2), traffic: u(0, 2), duplicates: r.IntN(2) == 0, silent: r.IntN(3) == 0,
	}
	for range w.lanes {
		w.upstream = append(w.upstream, r.IntN(4) > 0)
	}
	return w
}

type truth struct {
	arrival  string
	lane     int
	present  time.Time
	emitters map[string]int // heard at the stop sensor
	bands    map[string]bool
	stood    [2]float64
}

type scene struct {
	w      *world
	obs    []rf.Observation
	events []Event
	truth  []truth
	class  map[string]string // what an emitter is
	owner  map[string]int    // index in truth, of those that travelled
}

// body is whatever carries emitters: it has a place at every tick.
type body struct {
	x     func(tick int) (float64, bool)
	yAt   float64
	class string
	owner int
}

type radio struct {
	id     string
	kind   rf.Kind
	role   string
	power  float64 // at 1 m through the body, dBm
	every  float64 // seconds between emissions
	burst  int     // emissions at once
	next   float64
	body   *body
	offset float64
	until  float64
	shadow []float64
}

const tick = 0.25

func (w *world) play() *scene {
	r := rand.New(rand.NewPCG(w.seed, 11))
	u := func(a, b float64) float64 { return a + (b-a)*r.Float64() }
	poisson := func(l float64) int {
		k, p := 0, math.Exp(-l)
		for x := r.Float64(); x > p; x *= r.Float64() {
			k++
		}
		return k
	}
	sc := &scene{w: w, class: map[string]string{}, owner: map[string]int{}}
	start := time.Date(2026, 6, 1, 6, 0, 0, 0, time.UTC)
	at := func(sec float64) time.Time { return start.Add(time.Duration(sec * float64(time.Second))) }
	ticks := int(w.minutes * 60 / tick)

	type car struct {
		lane               int
		x, v               float64
		stood, left        float64
		service            float64
		track              []float32
		born               int
		room, brake, accel float64
	}
	var bodies []*body
	var cars []*car
	for l := range w.lanes {
		var queue []*car
		spawn := u(5, 30)
		var done []*car
		for k := range ticks {
			now := float64(k) * tick
			if now >= spawn && (len(queue) == 0 || queue[len(queue)-1].x < 85) && len(queue) < 9 {
				c := &car{lane: l, x: 100, v: u(6, 9), stood: -1, left: -1, born: k, service: math.Max(6, w.service*math.Exp(0.5*r.NormFloat64())), room: w.queue * u(.9, 1.15), brake: u(1, 2.5), accel: u(1, 2.5)}
				queue = append(queue, c)
				cars = append(cars, c)
				spawn = now - math.Log(1-r.Float64())*60/w.rate
			}
			for i, c := range queue {
				target := 0.0
				if i > 0 {
					target = queue[i-1].x + c.room
					if queue[i-1].left >= 0 && i == 1 {
						target = math.Max(0, queue[0].x+c.room)
					}
				}
				if c.left >= 0 {
					c.v = math.Min(9, c.v+c.accel*tick)
				} else {
					way := math.Max(0, c.x-target)
					c.v = math.Min(math.Min(9, c.v+c.accel*tick), math.Sqrt(2*c.brake*way))
					if way < 0.05 {
						c.v = 0
					}
				}
				c.x -= c.v * tick
				c.track = append(c.track, float32(c.x))
				if i == 0 && c.stood < 0 && c.x < 0.4 && c.v < 0.8 {
					c.stood = now
				}
				if c.stood >= 0 && c.left < 0 && now-c.stood >= c.service {
					c.left = now
				}
			}
			if len(queue) > 0 && queue[0].left >= 0 && queue[0].x < -3 {
				done = append(done, queue[0])
				queue = queue[1:]
			}
			for _, c := range done {
				if c.x > -150 {
					c.v = math.Min(9, c.v+c.accel*tick)
					c.x -= c.v * tick
					c.track = append(c.track, float32(c.x))
				}
			}
		}
	}
	for _, c := range cars {
		b := &body{yAt: float64(c.lane) * w.spacing, class: "vehicle", owner: -1}
		b.x = func(k int) (float64, bool) {
			if k < c.born || k-c.born >= len(c.track) {
				return 0, false
			}
			return float64(c.track[k-c.born]), true
		}
		if c.stood >= 0 && c.left >= 0 && c.left < w.minutes*60-40 {
			b.owner = len(sc.truth)
			name := fmt.Sprintf("v%03d", len(sc.truth)+1)
			present := at(c.stood + u(-w.jitter, w.jitter))
			sc.truth = append(sc.truth, truth{arrival: name, lane: c.lane, present: present, emitters: map[string]int{}, bands: map[string]bool{}, stood: [2]float64{c.stood, c.left}})
			id := fmt.Sprintf("lane%d", c.lane+1)
			sc.events = append(sc.events, Event{present, id, Present, name}, Event{at(c.left + w.goneLate + u(-w.jitter, w.jitter)), id, Gone, name})
		}
		bodies = append(bodies, b)
	}
	slices.SortStableFunc(sc.events, func(x, y Event) int { return x.TS.Compare(y.TS) })

	var radios []*radio
	nextID := 0
	add := func(b *body, q radio) *radio {
		nextID++
		q.id = fmt.Sprintf("%02x:00:%02x:%02x:%02x:%02x", 2+4*r.IntN(16), nextID>>16&255, nextID>>8&255, nextID&255, r.IntN(256))
		if q.kind == rf.TPMS {
			q.id = fmt.Sprintf("%08x", nextID)
		}
		q.body, q.next = b, u(0, q.every)
		q.power += 5 * r.NormFloat64()
		q.until = math.Inf(1)
		radios = append(radios, &q)
		if q.kind != rf.Cell {
			sc.class[q.id] = b.class
			if b.owner >= 0 {
				sc.owner[q.id] = b.owner
			}
		}
		return &q
	}
	phone := func(b *body, off float64) {
		add(b, radio{kind: rf.BLE, power: -50, every: u(0.25, 1.2), burst: 1, offset: off})
		if r.IntN(2) == 0 {
			add(b, radio{kind: rf.WiFi, role: "probe", power: -38, every: u(20, 60), burst: 3, offset: off})
		}
	}
	bands := []string{"B1", "B3", "B7", "B8", "B20", "B28"}
	carry := func(b *body) {
		for range min(4, poisson(1.4)) {
			phone(b, u(-2, 2))
		}
		if r.IntN(4) == 0 {
			add(b, radio{kind: rf.WiFi, role: "ap", power: -35, every: 0.25, burst: 1, offset: u(-2, 2)})
		}
		if r.IntN(5) == 0 {
			add(b, radio{kind: rf.BLE, power: -48, every: u(0.25, 1), burst: 1, offset: u(-2, 2)})
		}
		if r.IntN(2) == 0 {
			for range 4 {
				add(b, radio{kind: rf.TPMS, power: -40, every: u(45, 75), burst: 4, offset: u(-2, 2)})
			}
		}
		if r.IntN(2) == 0 {
			add(b, radio{kind: rf.Cell, role: bands[r.IntN(len(bands))], power: -22, every: u(30, 90), burst: 4 + r.IntN(16), offset: u(-2, 2)})
		}
	}
	for _, b := range bodies {
		carry(b)
	}
	fixed := func(x, y float64) func(int) (float64, bool) { return func(int) (float64, bool) { return x, true } }
	for range w.masts {
		add(&body{x: fixed(u(-80, 80), 0), yAt: u(-60, 60), class: "mast", owner: -1}, radio{kind: rf.WiFi, role: "ap", power: -28, every: 0.25, burst: 1})
	}
	for range w.guards {
		xs := make([]float64, ticks)
		x, goal := u(-5, 5), u(-5, 5)
		for k := range xs {
			if r.Float64() < tick/40 {
				goal = u(-8, 15)
			}
			x += math.Max(-1.2*tick, math.Min(1.2*tick, goal-x))
			xs[k] = x
		}
		phone(&body{x: func(k int) (float64, bool) { return xs[k], true }, yAt: -u(2, 6), class: "guard", owner: -1}, 0)
	}
	passing := func(speed, y float64, class string) *body {
		from, dir := u(0, w.minutes*60), 1.0
		if r.IntN(2) == 0 {
			dir = -1
		}
		return &body{yAt: y, class: class, owner: -1, x: func(k int) (float64, bool) {
			d := speed * (float64(k)*tick - from)
			return dir * (d - 60), d >= 0 && d <= 120
		}}
	}
	for range poisson(w.walkers * w.minutes) {
		phone(passing(u(0.9, 1.7), -u(4, 20), "walker"), 0)
	}
	for range poisson(w.traffic * w.minutes) {
		carry(passing(u(7, 14), float64(w.lanes)*w.spacing+u(8, 30), "traffic"))
	}

	type receiver struct {
		name   string
		lane   int
		x, y   float64
		skew   float64
		silent float64
	}
	var rx []*receiver
	for l := range w.lanes {
		y := float64(l)*w.spacing - w.side
		rx = append(rx, &receiver{name: fmt.Sprintf("lane%d-stop", l+1), lane: l, y: y, skew: u(-w.skew, w.skew), silent: -1e9})
		if w.upstream[l] {
			rx = append(rx, &receiver{name: fmt.Sprintf("lane%d-upstream", l+1), lane: l, x: 12, y: y, skew: u(-w.skew, w.skew), silent: -1e9})
		}
	}
	if w.silent {
		rx[r.IntN(len(rx))].silent = u(60, w.minutes*60-120)
	}
	rho := math.Exp(-tick / w.shadowS)
	for _, q := range radios {
		q.shadow = make([]float64, len(rx))
		for i := range q.shadow {
			q.shadow[i] = w.shadow * r.NormFloat64()
		}
	}
	for k := range ticks {
		now := float64(k) * tick
		for _, q := range radios {
			x, there := q.body.x(k)
			if !there {
				continue
			}
			for i := range q.shadow {
				q.shadow[i] = rho*q.shadow[i] + math.Sqrt(1-rho*rho)*w.shadow*r.NormFloat64()
			}
			if now < q.next {
				continue
			}
			sends := 1
			switch {
			case q.kind == rf.Cell:
				if now > q.next+float64(q.burst)*tick {
					q.next = now + q.every*u(.5, 1.5)
					continue
				}
			case q.every <= tick:
				q.next = now
			default:
				q.next += q.every
				if q.next < now {
					q.next = now + q.every
				}
				sends = q.burst
			}
			for range sends {
				for i, s := range rx {
					if s.silent > 0 && now > s.silent && now < s.silent+60 || r.Float64() < w.loss {
						continue
					}
					dx, dy := x+q.offset-s.x, q.body.yAt-s.y
					d := math.Max(1, math.Hypot(dx, dy))
					level := q.power - 10*w.pathLoss*math.Log10(d) + q.shadow[i] + w.fading*r.NormFloat64()
					off := 1 - math.Exp(-dx*dx/30)
					if dy < 0 {
						off = 1 // behind the antenna, which looks at its own lane
					}
					level -= w.frontBack * off
					if level < w.floor {
						continue
					}
					t := at(now + s.skew + u(0, tick))
					o := rf.Observation{TS: t, Sensor: s.name, Kind: q.kind, Emitter: q.id, RSSI: math.Round(level*10) / 10, Role: q.role}
					if q.kind == rf.Cell {
						o.Emitter, o.Role, o.Band = "", "", q.role
					}
					sc.obs = append(sc.obs, o)
					if w.duplicates && r.IntN(100) == 0 {
						sc.obs = append(sc.obs, o)
					}
					if b := q.body.owner; b >= 0 && q.kind != rf.Cell && s.x == 0 && s.lane == sc.truth[b].lane {
						c := sc.truth[b].stood
						if now >= c[0] && now <= c[1] {
							sc.truth[b].emitters[q.id]++
						}
					}
				}
				if b := q.body.owner; b >= 0 && q.kind == rf.Cell {
					if c := sc.truth[b].stood; now >= c[0] && now <= c[1] {
						sc.truth[b].bands[q.role] = true
					}
				}
			}
		}
	}
	slices.SortStableFunc(sc.obs, func(x, y rf.Observation) int { return x.TS.Compare(y.TS) })
	return sc
}
