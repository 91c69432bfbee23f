package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/rf/kismet"
	"sallyport/rf/line"
	"sallyport/rf/mqtt"
	"sallyport/rf/nrf"
	"sallyport/rf/pcap"
	"sallyport/rf/rtl433"
	"sallyport/rf/serial"
	"sallyport/rf/udp"
	"sallyport/rf/v2x"
)

// A sensor is heard in two parts: a tongue reads what it says, piece by piece,
// and a way brings the pieces. Each counts what it could not use; the two
// together are the report that the lane is given.

// tongue reads the pieces of one receiver: a line, a datagram, a message.
type tongue struct {
	read  func(piece []byte, at time.Time) (rf.Observation, error)
	count func(*gate.SensorReport) // adds what it refused, and what it misses
}

// errRefused stands for a reason that the tongue counts itself.
var errRefused = errors.New("refused")

// counted adds the refusals of a tally, with repeats by themselves: they cost
// nothing.
func counted(r *gate.SensorReport, t *rf.Tally) {
	for reason, n := range t.Refused() {
		if strings.HasPrefix(reason, "repeat of a frame") {
			r.Repeats += n
		} else {
			r.Refused[reason] += n
		}
	}
}

// tongue makes what reads one receiver's pieces.
func (st *site) tongue(sn sensorConfig) (tongue, error) {
	said := func(o rf.Observation, ok bool) (rf.Observation, error) {
		if !ok {
			return o, errRefused
		}
		return o, nil
	}
	switch language := sn.language(); language {
	case speaksLine:
		d := line.New(line.Config{Parse: st.prefixes.ParseLine, Sensor: sn.speaks(), Plain: sn.Plain})
		return tongue{d.Line, func(r *gate.SensorReport) {
			counted(r, d.Tally())
			r.Lost += d.Stats().Missing
		}}, nil
	case speaksRTL433:
		zone, err := time.LoadLocation(sn.Zone)
		if err != nil {
			return tongue{}, fmt.Errorf("sensor %s: zone: %w", sn.Name, err)
		}
		d := rtl433.New(rtl433.Config{Sensor: sn.speaks(), Zone: zone})
		return tongue{func(b []byte, _ time.Time) (rf.Observation, error) { return said(d.Line(b)) },
			func(r *gate.SensorReport) { counted(r, d.Tally()) }}, nil
	case speaksKismet:
		d := kismet.New(kismet.Config{Sensor: sn.speaks()}, st.prefixes)
		return tongue{func(b []byte, _ time.Time) (rf.Observation, error) { return said(d.Record(b)) },
			func(r *gate.SensorReport) { counted(r, d.Tally()) }}, nil
	case speaksV2X:
		d := v2x.New(v2x.Config{Sensor: sn.speaks(), At: time.Now})
		return tongue{func(b []byte, _ time.Time) (rf.Observation, error) { return said(d.Message(b)) },
			func(r *gate.SensorReport) { counted(r, d.Tally()) }}, nil
	default:
		return tongue{}, fmt.Errorf("sensor %s: source %q is not read piece by piece", sn.Name, language)
	}
}

// way brings what one sensor says.
type way struct {
	run   func(context.Context, func(rf.Observation) bool) error
	count func(*gate.SensorReport) // says whether it is open, and adds what it and the tongue refused
}

// anyClock has the drivers leave clocks to the lane, which shows how they stand.
const anyClock = 100 * 365 * 24 * time.Hour

// way makes ready to hear a sensor.
func (st *site) way(sn sensorConfig, notify func(error)) (way, error) {
	switch over := sn.source(); over {
	case overSerial:
		if sn.language() == speaksNRF {
			return st.sniffer(sn, notify), nil
		}
		return st.wire(sn, notify)
	case overUDP:
		return st.datagrams(sn, notify)
	case overMQTT:
		return st.subscription(sn, notify)
	default:
		return way{}, fmt.Errorf("sensor %s: nothing is to be opened for a %s", sn.Name, over)
	}
}

// refused adds a reason where it occurred.
func refused(r *gate.SensorReport, reason string, n uint64) {
	if n > 0 {
		r.Refused[reason] += n
	}
}

// Reasons for which the ways refuse a piece.
const (
	pieceTooLong  = "longer than a record can be"
	pieceCut      = "cut off when the line went"
	pieceEmpty    = "empty"
	pieceForeign  = "from an address that may not send"
	pieceRetained = "kept by the broker from another time"
)

func opened(r *gate.SensorReport, s serial.LineStats) {
	r.Open, r.Trouble = s.Up, s.Why
	refused(r, pieceTooLong, s.TooLong)
	refused(r, pieceCut, s.Cut)
}

// wire hears a sensor that speaks in lines.
func (st *site) wire(sn sensorConfig, notify func(error)) (way, error) {
	t, err := st.tongue(sn)
	if err != nil {
		return way{}, err
	}
	r := serial.NewReader(t.read)
	r.Notify, r.MaxLine, r.MaxSkew = notify, sn.limit(), anyClock
	return way{
		run: func(ctx context.Context, sink func(rf.Observation) bool) error {
			return r.Run(ctx, func() (serial.Port, error) { return serial.Open(sn.Port, sn.Baud) }, sink)
		},
		count: func(rep *gate.SensorReport) {
			t.count(rep)
			opened(rep, r.LineStats())
		},
	}, nil
}

// sniffer hears Nordic's sniffer, which speaks in packets.
func (st *site) sniffer(sn sensorConfig, notify func(error)) way {
	frames := pcap.New(pcap.Config{Sensor: sn.speaks()}, st.prefixes)
	d := nrf.New(frames.Frame)
	l := &serial.Lines{Ask: nrf.Scan(), Notify: func(err error) {
		if err == nil {
			d.Begin()
		}
		notify(err)
	}}
	return way{
		run: func(ctx context.Context, sink func(rf.Observation) bool) error {
			return l.Chunks(ctx, func() (serial.Port, error) { return serial.Open(sn.Port, sn.Baud) }, func(b []byte, at time.Time) {
				d.Bytes(b, at, func(o rf.Observation) { sink(o) })
			})
		},
		count: func(rep *gate.SensorReport) {
			counted(rep, frames.Tally())
			reasons := d.Tally().Refused()
			delete(reasons, nrf.NotTaken) // it is among those of the frames
			for reason, n := range reasons {
				rep.Refused[reason] += n
			}
			rep.Lost += d.Missing()
			opened(rep, l.LineStats())
		},
	}
}

// datagrams hears a sensor that sends a datagram each. Every address has a
// tongue of its own: numbers and bursts are a receiver's.
func (st *site) datagrams(sn sensorConfig, notify func(error)) (way, error) {
	at, from, err := sn.datagrams()
	if err != nil {
		return way{}, err
	}
	tongues := make(map[netip.Addr]tongue, len(from))
	for _, a := range from {
		if tongues[a.Unmap()], err = st.tongue(sn); err != nil {
			return way{}, err
		}
	}
	c := udp.Config{Addr: at, From: from, Limit: sn.limit(), Skew: anyClock, Notify: notify,
		Parse: func(a netip.Addr, b []byte, at time.Time) (rf.Observation, error) { return tongues[a].read(b, at) }}
	c.Queue = queueOf(c.Limit)
	l, err := udp.New(c)
	if err != nil {
		return way{}, fmt.Errorf("sensor %s: %w", sn.Name, err)
	}
	return way{run: l.Run, count: func(rep *gate.SensorReport) {
		for _, t := range tongues {
			t.count(rep)
		}
		s := l.Stats()
		rep.Open = s.Addr.IsValid()
		refused(rep, pieceForeign, s.Foreign)
		refused(rep, pieceEmpty, s.Empty)
		refused(rep, pieceTooLong, s.TooLong)
		rep.Dropped += s.Full + s.Kernel
	}}, nil
}

// queueOf is how many pieces may wait, so that they take 4 MiB at the most.
func queueOf(limit int) int { return max(64, min(1024, (4<<20)/limit)) }

// subscription hears a sensor that publishes to the site's broker.
func (st *site) subscription(sn sensorConfig, notify func(error)) (way, error) {
	t, err := st.tongue(sn)
	if err != nil {
		return way{}, err
	}
	password, trust, err := st.cfg.MQTT.secrets(st.dir)
	if err != nil {
		return way{}, err
	}
	limit := sn.limit()
	l, err := mqtt.New(mqtt.Config{
		Broker: st.cfg.MQTT.Broker, TLS: trust, User: st.cfg.MQTT.User, Password: password,
		ClientID: "sallyport-" + st.cfg.Site + "-" + sn.Name,
		Topic:    sn.MQTT, QoS: byte(sn.QoS), Limit: limit, Queue: queueOf(limit), Skew: anyClock,
		Parse: t.read, Notify: notify,
	})
	if err != nil {
		return way{}, fmt.Errorf("sensor %s: %w", sn.Name, err)
	}
	return way{run: l.Run, count: func(rep *gate.SensorReport) {
		t.count(rep)
		s := l.Stats()
		rep.Open, rep.Trouble = s.Up, s.Down
		refused(rep, pieceRetained, s.Retained)
		refused(rep, pieceEmpty, s.Empty)
		refused(rep, pieceTooLong, s.TooLong)
		rep.Dropped += s.Full
	}}, nil
}

// reportEvery is how often a lane is told how its sensors are.
const reportEvery = time.Second

// behind is how far a sensor's clock may be off ours: the lane refuses what is
// further ahead, and what comes of a clock that is further behind.
const behind = 5 * time.Second

// listen hears one sensor for as long as the site runs; its line, address or
// broker is opened again when it goes away. What cannot be used, for whatever
// reason, is counted at the sensor.
func (st *site) listen(ctx context.Context, lane gate.LaneID, sn sensorConfig) error {
	var trouble atomic.Pointer[string]
	notify := func(err error) {
		switch {
		case err == nil:
			trouble.Store(nil)
			st.log.InfoContext(ctx, "sensor opened", "lane", lane, "sensor", sn.Name)
		case ctx.Err() == nil:
			why := err.Error()
			trouble.Store(&why)
			st.log.WarnContext(ctx, "sensor lost", "lane", lane, "sensor", sn.Name, "error", err)
		}
	}
	w, err := st.way(sn, notify)
	if err != nil {
		return err
	}
	sink := func(o rf.Observation) bool { return st.controller.Observe(lane, o) }
	report := func() {
		r := gate.SensorReport{Sensor: sn.speaks(), Refused: map[string]uint64{}}
		w.count(&r)
		if why := trouble.Load(); why != nil && !r.Open {
			r.Trouble = *why
		}
		st.controller.SensorReport(lane, r)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			report()
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	g.Go(func() error { return w.run(ctx, sink) })
	err = g.Wait()
	report()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
