package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

// Dismiss ends every stream of a device, at once. Whoever revokes a device calls
// it after the revocation is durable: the device cannot come back, and what it
// has open is over.
func (s *Server) Dismiss(device string) { s.dismissals.dismiss(device) }

// dismissals tells the streams of a device to end. The zero value is ready.
type dismissals struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]struct{}
}

// wait is closed when the device is dismissed; leave ends the wait.
func (d *dismissals) wait(device string) (gone <-chan struct{}, leave func()) {
	ch := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting = map[string]map[chan struct{}]struct{}{}
	}
	if d.waiting[device] == nil {
		d.waiting[device] = map[chan struct{}]struct{}{}
	}
	d.waiting[device][ch] = struct{}{}
	return ch, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if delete(d.waiting[device], ch); len(d.waiting[device]) == 0 {
			delete(d.waiting, device)
		}
	}
}

func (d *dismissals) dismiss(device string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ch := range d.waiting[device] {
		close(ch)
	}
	delete(d.waiting, device)
}

// machineStream is one stream of a device.
type machineStream struct {
	*stream
	ctx   context.Context
	gone  <-chan struct{}
	pulse *time.Ticker
	end   *time.Timer // of the token
	stop  []func()
}

// machineStream makes a stream that ends when the reader goes or is too slow, the
// device is dismissed, its token expires or is good no more, or the server closes.
func (s *Server) machineStream(k *call) (*machineStream, error) {
	release, ok := s.limits.stream("device:" + k.device.ID)
	if !ok {
		return nil, refuse(http.StatusTooManyRequests, "too-many", fmt.Errorf("device %q has %d live streams", k.device.ID, streamsAtOnce))
	}
	gone, leave := s.dismissals.wait(k.device.ID)
	ctx, cancel := context.WithCancel(k.Request().Context())
	m := &machineStream{
		stream: newStream(k), ctx: ctx, gone: gone,
		pulse: time.NewTicker(s.cfg.Heartbeat), end: time.NewTimer(k.device.Expires.Sub(s.cfg.Now())),
	}
	m.stop = []func(){release, leave, cancel, m.pulse.Stop, func() { m.end.Stop() }}
	// Between the look at the device and the wait for its dismissal it may have
	// been revoked.
	if err := s.identifyDevice(k, k.need); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *machineStream) close() {
	for _, f := range m.stop {
		f()
	}
}

// wait waits for a change, with a beat in between; false ends the stream.
func wait[T any](s *Server, k *call, m *machineStream, changes <-chan T) (next T, ok bool) {
	for {
		select {
		case next, ok = <-changes:
			return next, ok
		case <-m.pulse.C:
			if s.identifyDevice(k, k.need) != nil || m.beat() != nil {
				return next, false
			}
		case <-m.gone:
			return next, false
		case <-m.end.C:
			return next, false
		case <-s.closing:
			return next, false
		case <-m.ctx.Done():
			return next, false
		}
	}
}

// apiLaneEvents sends a lane's whole state as an event called lane, then again
// each time it changed. What was overtaken while an event was written is left
// out: every event holds all there is to know. A reader that comes back with the
// id of the state that still holds gets no event until there is another.
func (s *Server) apiLaneEvents(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	m, err := s.machineStream(k)
	if err != nil {
		return err
	}
	defer m.close()
	feed, err := s.cfg.Lanes.Subscribe(m.ctx, lv.Lane)
	if err != nil {
		return err
	}
	if m.open() != nil {
		return nil // the reader has gone, and nobody else waits for an answer
	}
	last := k.Request().Header.Get("Last-Event-ID")
	for more := true; more; {
		lv, ok := wait(s, k, m, feed)
		if !ok {
			return nil
		}
		lv, more = newest(feed, lv)
		id := s.epoch + "-" + strconv.FormatUint(lv.Version, 10)
		if id == last {
			continue
		}
		data, err := json.Marshal(newLaneState(lv))
		if err != nil {
			return fmt.Errorf("lane %q: %w", lv.Lane, err)
		}
		if m.sendAs(id, "lane", data) != nil {
			return nil
		}
		last = id
	}
	return nil
}

// alarmList is the alarms of which nobody took note.
type alarmList struct {
	Alarms []alarmState `json:"alarms"` // oldest first
}

// alarmState is one alarm.
type alarmState struct {
	gate.SiteAlarm
	Durable bool `json:"durable"` // it is on record
}

// alarms are those that the device may know of, and the id of the list.
func (s *Server) alarms(k *call) (alarmList, string) {
	open, version := s.cfg.Alarms.Open()
	list := alarmList{Alarms: []alarmState{}}
	for _, a := range open {
		// What must not be seen at a lane is told to who sends help.
		if k.sees(a.Lane) && (!a.Silent || k.device.Kind == auth.KindAlarm || k.device.Lane == auth.WholeSite) {
			list.Alarms = append(list.Alarms, alarmState{a, a.Durable})
		}
	}
	return list, s.epoch + "-" + strconv.FormatUint(version, 10)
}

func (s *Server) apiAlarms(k *call) error {
	if s.cfg.Alarms == nil {
		return errNotOffered
	}
	list, _ := s.alarms(k)
	return k.JSON(http.StatusOK, list)
}

// apiAlarmEvents sends the list as an event called alarms, whole each time it
// changed, on the terms of apiLaneEvents.
func (s *Server) apiAlarmEvents(k *call) error {
	if s.cfg.Alarms == nil {
		return errNotOffered
	}
	m, err := s.machineStream(k)
	if err != nil {
		return err
	}
	defer m.close()
	changes := s.cfg.Alarms.Subscribe(m.ctx)
	if m.open() != nil {
		return nil // the reader has gone, and nobody else waits for an answer
	}
	last := k.Request().Header.Get("Last-Event-ID")
	for {
		list, id := s.alarms(k)
		if id != last {
			data, err := json.Marshal(list)
			if err != nil {
				return fmt.Errorf("alarms: %w", err)
			}
			if m.sendAs(id, "alarms", data) != nil {
				return nil
			}
			last = id
		}
		if _, ok := wait(s, k, m, changes); !ok {
			return nil
		}
	}
}
