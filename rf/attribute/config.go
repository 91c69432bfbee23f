package attribute

import (
	"math"
	"time"

	"sallyport/rf"
)

// Lane is one lane and its sensors.
type Lane struct {
	ID       string
	Stop     string // sensor beside the stop line
	Upstream string // second antenna, a vehicle length or more before the line; empty: none
	// UpstreamM is how far before the line that one is, metres; 0: as in Config.
	UpstreamM float64
	Place     int  // where it lies: lanes side by side count 0, 1, 2 …
	Blind     bool // nobody says when a vehicle stands in it: a neighbour of which only the sensors are heard
}

// Config is a site as its attribution sees it. The zero value of a number
// takes the default named beside it; the package's doc says what each default
// rests on.
type Config struct {
	Lanes []Lane

	FloorDBm    float64 // level under which a sensor hears nothing (−95)
	StopM       float64 // from the vehicle at the line to its antenna, metres (3)
	QueueM      float64 // from one queued vehicle to the next, metres (7.5)
	UpstreamM   float64 // from the line to the second antenna, of lanes that do not say, metres (12)
	LaneM       float64 // from one lane's middle to the next one's, metres (4)
	PathLoss    float64 // path-loss exponent (2.2)
	ShadowDB    float64 // standard deviation of shadowing, dB (6)
	FadingDB    float64 // standard deviation of one sample about its mean, dB (3.7)
	FrontBackDB float64 // what an antenna loses outside its lobe along the lane, dB (8)
	MaxEmitters int     // emitters remembered at once, shared out equally among the sensors (10,000)
	KeepAddress bool    // keep addresses for as long as the emitter is remembered: replays of files only

	ForgetAfter time.Duration // of silence, after which an emitter is forgotten (2 minutes)

	// Tag gives the pseudonym under which a vehicle's radio set of this and
	// later visits names an emitter, and the one under which sets made before
	// the site's key was last changed do; 0 is none. It is asked once for each
	// emitter, with the first observation of it, while the address is at hand;
	// nil: no earlier visits are known, and none will be.
	Tag func(rf.Observation) (tag, before uint64)
}

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
	number(&c.FrontBackDB, 8)
	if c.MaxEmitters <= 0 {
		c.MaxEmitters = 10_000
	}
	if c.ForgetAfter <= 0 {
		c.ForgetAfter = 2 * time.Minute
	}
	return c
}

// The numbers below are no part of a site's configuration. The package's doc
// says what each rests on.
const (
	settleS = 30.0 // seconds after it left that still count for a vehicle
	beforeS = 60.0 // seconds before it came
	decideS = 10.0 // seconds after which a decision is wanted

	lobeM      = 5.0   // half of an antenna's footprint along the lane, metres
	corrS      = 3.0   // seconds over which shadowing stays what it is
	biasDB     = 5.0   // of one antenna against another, dB
	levelDB    = 9.0   // spread of the level that emitters of a kind have at the line, dB
	placeDBm   = -80.0 // level of what is in no vehicle, anywhere about the site …
	placeDB    = 14.0  // … and its spread, dB
	wanderDB   = 10.0  // spread of the level of somebody who walks about, dB
	unseenDB   = 12.0  // spread of the level of a vehicle that may be coming or going, dB
	speedRatio = 1.6   // how far a vehicle's way may be off the usual one

	missWeight  = 0.6  // of one second in which a near emitter should have been heard
	absentCost  = 2.0  // nats for each second in which a vehicle was heard that was not there
	visitCost   = 2.0  // nats for a coming, or a going, at no vehicle's time
	ambientOdds = 4.0  // emitters that stay, for each that travels in one vehicle
	changeCost  = 3.0  // nats for an address that changed, a radio switched on or off, or a vehicle hidden by others, while it was near
	nearS       = 5.0  // seconds before a vehicle stands in which it is surely within range
	knownCap    = 4.0  // nats, at most, for having been with the same vehicle before
	otherwise   = 0.01 // of all emitters do what no hypothesis is about …
	strayOwn    = 0.05 // … of which so many are the vehicle's
	fewSeconds  = 3    // below which nothing is attributed
	burstGapS   = 2    // seconds of silence that part two bursts of a band
	visitGapS   = 8.0  // seconds of silence after which something is gone

	lessonFrom    = 0.95 // least probability of an emitter that teaches
	lessonSeconds = 5    // seconds in which it must have been heard
	lessonsNeeded = 10.0 // emitters after which a spread that was learned counts as much as the one assumed
	lessonMemory  = 300.0
	leastLevelDB  = 6.0 // transmit powers of a kind differ by as much
	leastBiasDB   = 3.0 // bodies and places in the vehicle differ by as much

	sureEnough = 0.9 // least probability for a claim about the vehicle
)

// levelAt is the usual level of an emitter of a kind at the line, dBm at the
// sensor beside it, before the site has learned its own.
func levelAt(e *emitter) float64 {
	switch {
	case e.cell:
		return -40
	case e.wifi:
		return -52
	case e.ble:
		return -65
	}
	return -60
}

// gains is what a sensor loses against the one beside the line, by how far
// along the lane the vehicle is from it, for one number of lanes between them.
type gains []float32

const (
	gainCell = 0.25 // metres
	gainFar  = 400.0
)

func (c Config) gains(lanes int) gains {
	out := make(gains, int(gainFar/gainCell))
	dy := float64(lanes)*c.LaneM + c.StopM
	for i := range out {
		dx := float64(i) * gainCell
		out[i] = float32(-10*c.PathLoss*math.Log10(math.Hypot(dx, dy)/c.StopM) -
			c.FrontBackDB*(1-math.Exp(-dx*dx/(lobeM*lobeM))))
	}
	return out
}

func (g gains) at(dx float64) float32 {
	return g[min(len(g)-1, int(math.Abs(dx)/gainCell))]
}
