// Package attribute decides which emitters that a lane's sensors hear travel in
// the vehicle at its line. It imports rf; it is pure, streaming and has no
// clock: observations and times are arguments.
//
// # How
//
// The lanes' own detectors say when a vehicle came to the line and when it
// left. From that alone follows where every vehicle was, second by second: it
// came freely or moved up in the queue, stood, and drove off. Each vehicle that
// may have been near (this one, those before and behind it, those of the lanes
// beside) is a hypothesis: an emitter in it must be heard by every sensor at the
// levels that its way predicts, but for one unknown, how loud it is. Against
// these stand four hypotheses of no vehicle: something that stays where it is
// or somebody who walks about, there all the time or only for as long as it was
// heard; each sensor then hears it at a level of its own. Where nobody tells of
// a lane's vehicles, a vehicle beside its sensor that came and went with the
// emitter is one more.
//
// The likelihood of one hypothesis is that of the levels heard (normal about
// the predicted one; integrated over the emitter's own level and over what one
// sensor differs from another) times that of the seconds in which a sensor that
// was alive heard nothing (the chance that the level lay under the sensor's
// floor, or that nothing was sent). Bayes does the rest, so the answer is a
// probability and is meant as one. It is asked at any time: early, and again
// after the vehicle left, when what went with it has gone silent and what
// stayed has not.
//
// Life of one observation: Site.Observe puts its level into a second of its
// emitter's series; when a vehicle is asked about, Attributed lays out a board
// of all hypotheses and weighs each emitter heard at the line on it; 30 s after
// the vehicle left it is weighed a last time, emitters that were surely its own
// teach the site its levels, and within two minutes of silence they are
// forgotten.
//
// Not every level is one in dBm. Levels relative to a receiver's full scale say
// how an emitter's level went at that receiver, and are compared with nothing
// else: a constant added to all of them changes nothing. What was heard without
// a level was heard: its level was above the floor, and that is all.
//
// A running site has one Attributor a lane. It also hears the sensors of the
// lanes beside, and is told of their vehicles, so that what is louder there is
// theirs. It works a finding out once a second, looks at what is surely not the
// vehicle's every third second only, and tells of each departed vehicle once
// which pseudonyms were surely with it. What it knows of an emitter's own words
// (Observed) and why it holds it for the vehicle's (Why) goes with each
// Attribution; finding.go reduces that to what may leave memory.
//
// Uplink energy of a band is cut into bursts, and each burst is weighed as an
// emitter within its own seconds: so what the street sends in the band before
// and after is subtracted by not being the vehicle's. A burst ends where one
// vehicle makes way for the next, halfway between the one's leaving and the
// other's coming: two telephones in a row are not taken for one that was in
// neither.
//
// A sensor's share of the table of emitters is bounded. Where it is full, those
// heard in fewer seconds than an attribution takes make room, the longest silent
// first; what persists stays until it has been silent for ForgetAfter. Who had to
// make room, and what found none, is counted.
//
// # What each number stands for
//
// None is fitted to a simulation. “Table” is the design's table of published
// figures (sources there in brackets).
//
//	Config.PathLoss     2.2     path-loss exponent near a gate, 2.0–2.5 [15]
//	Config.ShadowDB     6       shadowing, 4–8 dB (table)
//	Config.FadingDB     3.7     samples of one place about their mean, 1.5–3.7 dB [15]
//	Config.FrontBackDB  8       directional antenna, 0, 10 and 15 dB in the table of errors; the middle
//	Config.StopM …      3, 7.5, 12, 4 m  antenna beside the line; queued vehicles 7.5 m apart (table); second antenna; lane width
//	Config.FloorDBm     −95     sensitivity of a usual receiver
//	lobeM               5 m     a limited footprint: less than one vehicle's length each way (TransCore MPI 6000 guide)
//	corrS               3 s     shadowing in 10 m of way at walking and rolling speeds (correlation distance of TR 38.901)
//	biasDB              5       one antenna against another: pattern, body, place in the vehicle (penetration N(9,5), TR 38.901)
//	levelDB             9       transmit power 6 dB (table), penetration 5 dB, body and place 5 dB, squared and added
//	levelAt             dBm     transmit power of the kind, less free space at 3 m, less 9 dB penetration; uplink: 23 dBm (TS 36.101) less power control
//	leastLevelDB, leastBiasDB   6 and 3 dB: what is left of the two when everything of the site is known
//	placeDBm, placeDB   −80, 14 anywhere between 3 m and 100 m at that path loss
//	wanderDB            10      3 m to 8 m and back, and a body in between
//	brakeMS2, leaveMS2  1, 1.5 m/s²  a driver who rolls up to a line, and one who leaves
//	followS             8 s     7.5 m from rest to rest at 1 m/s², and a reaction
//	slowS               45 s    a queued vehicle that is called: 30 s in which a guard is ready (table), and its way
//	rollUp              0.6     that way takes about 5 of those 8 s
//	rangeS, maxQueued   30 s, 100 m  range of Wi-Fi and BLE, 30–100 m (table)
//	unseenDB            12      3 m to 30 m at that path loss is 22 dB, evenly spread
//	speedRatio          1.6     a driver's acceleration, one to two and a half times the other's
//	beforeS, settleS    60, 30 s  two queued vehicles before; the next two behind
//	decideS             10 s    decision wanted 10–30 s after the trigger (table)
//	missWeight          0.6     25–40 % of a receiver's seconds are not independent (bursts, hopping, table 4)
//	visitCost           2 nats  ±5 s of a vehicle's coming, out of the 75 s that are looked at
//	changeCost          3 nats  one in twenty: hidden by a large vehicle (10 dB, table), switched on or off, address changed
//	absentCost          2 nats  one second in eight is mistaken: clock skew of ±1 s at both ends of a stop
//	queued              how often another vehicle queued behind one here, of the last 64; ½ before
//	                    any is known (Laplace). The prior from the queue, where no camera counts it
//	ambientOdds         4       of what a sensor hears at any moment the greater part stays
//	knownCap            4 nats  cap of table 5
//	otherwise, strayOwn 1 %, 5 %  room for what no hypothesis is about: 0.99 is the most that is ever said
//	fewSeconds          3       one packet attributes with 15–25 % error (table): not an answer
//	strangerS           10 s    a decision is wanted by then (decideS): what was heard for a moment before has had its say
//	refusedS            2 s     most radios are heard every second, and one in five of those seconds is lost (table 4)
//	sureEnough          0.9     table 6
package attribute
