package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/rf"
)

// identifyDevice checks a device's token, looks the device up, and holds it to
// its kind and its lane.
func (s *Server) identifyDevice(k *call, need auth.Permission) error {
	refused := func(err error) error {
		k.Response().Header().Set("WWW-Authenticate", "Bearer")
		return refuse(http.StatusUnauthorized, "sign-in", err)
	}
	token, ok := strings.CutPrefix(k.Request().Header.Get("Authorization"), "Bearer ")
	if !ok {
		return refused(errors.New("no bearer token"))
	}
	d, err := s.cfg.Verifier.Verify(token, s.cfg.Now())
	if err != nil {
		return refused(err)
	}
	known, err := s.cfg.Store.DeviceByID(k.Request().Context(), d.ID)
	switch {
	case errors.Is(err, gate.ErrNotFound):
		return refused(fmt.Errorf("device %q is not enrolled", d.ID))
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "unavailable", fmt.Errorf("look up device: %w", err))
	case known.Revoked:
		return refused(fmt.Errorf("device %q is revoked", d.ID))
	case known.Kind != string(d.Kind) || known.Lane != d.Lane:
		return refused(fmt.Errorf("device %q is enrolled as %s at %q, its token says %s at %q", d.ID, known.Kind, known.Lane, d.Kind, d.Lane))
	case !auth.DeviceMay(d.Kind, need):
		return refuse(http.StatusForbidden, "forbidden", fmt.Errorf("device %q: a %s lacks %q", d.ID, d.Kind, need))
	case k.Param("lane") != "" && d.Lane != k.Param("lane"):
		return refuse(http.StatusForbidden, "forbidden", fmt.Errorf("device %q belongs to lane %q", d.ID, d.Lane))
	}
	k.device = d
	return nil
}

// decode reads one JSON object; a field that has no place is refused, so that
// what a device may not say cannot slip in.
func decode(r io.Reader, into any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return bad("bad-request", "body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bad("bad-request", "body: more than one JSON value")
	}
	return nil
}

// laneState is a lane as devices see it.
type laneState struct {
	Lane     gate.LaneID     `json:"lane"`
	Name     string          `json:"name"`
	State    gate.State      `json:"state"`
	Since    time.Time       `json:"since"`
	Version  uint64          `json:"version"`
	TurnOut  string          `json:"turn_out"`
	Passage  gate.PassageID  `json:"passage,omitempty"`
	Decision int             `json:"decision,omitempty"` // of this passage; an act may say which one it is about
	Durable  bool            `json:"durable"`
	Answer   *gate.Answer    `json:"answer,omitempty"` // only once its record is durable
	Allowed  []gate.ActKind  `json:"allowed"`
	Notice   string          `json:"notice,omitempty"`
	Arm      string          `json:"arm"`
	Radio    gate.RadioState `json:"radio"`
}

func (s *Server) apiLane(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	st := laneState{
		Lane: lv.Lane, Name: lv.Name, State: lv.State, Since: lv.Since, Version: lv.Version, TurnOut: lv.TurnOut,
		Durable: lv.Durable, Allowed: lv.Allowed, Notice: lv.Notice, Arm: lv.Arm, Radio: lv.Radio,
	}
	if st.Allowed == nil {
		st.Allowed = []gate.ActKind{}
	}
	if lv.Passage != nil {
		st.Passage, st.Decision = lv.Passage.ID, lv.Decision
		if lv.Durable {
			a := lv.Passage.Result.Answer()
			st.Answer = &a
		}
	}
	return k.JSON(http.StatusOK, st)
}

// arrived answers an arrival once its passage is durable.
type arrived struct {
	Passage gate.PassageID `json:"passage"`
	Answer  gate.Answer    `json:"answer"`
}

func (s *Server) apiArrive(k *call) error {
	var in struct {
		VIN      string          `json:"vin"`
		Plate    string          `json:"plate"`
		Class    string          `json:"class"`
		OnCall   *bool           `json:"on_call"` // whether it is on an emergency call, as a person at the lane said
		Declared []gate.Declared `json:"declared"`
	}
	if err := decode(k.Request().Body, &in); err != nil {
		return err
	}
	for i, d := range in.Declared {
		if err := d.Check(); err != nil {
			return bad("bad-request", "declared[%d]: %w", i, err)
		}
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	a := gate.Arrival{VIN: in.VIN, Plate: in.Plate, Declared: in.Declared, OnCall: in.OnCall, Via: "api"}
	id, err := s.present(k.Request().Context(), lv, a, in.Class)
	if err != nil {
		return err
	}
	return s.answerArrival(k, lv.Lane, id)
}

// answerArrival tells the verdict of a durable passage: from the lane while the
// vehicle is still at the line, else from the record.
func (s *Server) answerArrival(k *call, lane gate.LaneID, id gate.PassageID) error {
	if lv, ok := s.cfg.Lanes.View(lane); ok && lv.Passage != nil && lv.Passage.ID == id && lv.Durable {
		return k.JSON(http.StatusCreated, arrived{Passage: id, Answer: lv.Passage.Result.Answer()})
	}
	r, err := s.cfg.Store.Passage(k.Request().Context(), id)
	if err != nil {
		return fmt.Errorf("read passage %q: %w", id, err)
	}
	return k.JSON(http.StatusCreated, arrived{Passage: id, Answer: r.Passage.Result.Answer()})
}

// plateAge is how old a plate may be when it comes in: the vehicle that it was
// read from must still be the one that comes up to the line.
const plateAge = time.Minute

func (s *Server) apiPlate(k *call) error {
	var in struct {
		Plate string `json:"plate"`
		At    string `json:"at"`
	}
	if err := decode(k.Request().Body, &in); err != nil {
		return err
	}
	plate := strings.ToUpper(strings.TrimSpace(in.Plate))
	if plate == "" || len(plate) > maxPlate {
		return bad("bad-request", "plate: 1 to %d characters", maxPlate)
	}
	if in.At != "" {
		at, err := time.Parse(time.RFC3339, in.At)
		if err != nil {
			return bad("bad-request", "at: %q is not an RFC 3339 instant", in.At)
		}
		if age := s.cfg.Now().Sub(at); age > plateAge || age < -plateAge {
			return refuse(http.StatusConflict, "stale", fmt.Errorf("at: read %s ago", age))
		}
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	// A camera sees the vehicle at the line again and again: a plate must never
	// replace a vehicle that is being decided.
	if lv.State != gate.Idle && lv.State != gate.Approaching && lv.State != gate.AtLine {
		return refuse(http.StatusConflict, "not-allowed", fmt.Errorf("lane is %s", lv.State))
	}
	id, err := s.cfg.Lanes.Arrive(k.Request().Context(), lv.Lane, gate.Arrival{Plate: plate, Via: "camera"})
	if err != nil {
		return err
	}
	return s.answerArrival(k, lv.Lane, id)
}

func (s *Server) apiAct(k *call) error {
	var in struct {
		Kind     string `json:"kind"`
		Passage  string `json:"passage"`
		Decision int    `json:"decision"` // that was seen; absent where it does not matter
		Reason   string `json:"reason"`
	}
	if err := decode(k.Request().Body, &in); err != nil {
		return err
	}
	kind, err := parseAct(in.Kind)
	if err != nil {
		return err
	}
	if kind == gate.ActOverride {
		return refuse(http.StatusForbidden, "forbidden", errors.New("an override needs two people, not a device"))
	}
	if kind == gate.ActOpen && in.Reason != "" {
		// The lane asks for a reason where the verdict is no grant; who gives
		// it answers for it.
		return refuse(http.StatusForbidden, "forbidden", errors.New("opening without a grant needs a person's reason, not a device's"))
	}
	reason, err := s.reason("", in.Reason)
	if err != nil {
		return err
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	act := gate.Act{Kind: kind, Passage: gate.PassageID(in.Passage), Seen: in.Decision, By: "device:" + k.device.ID, Reason: reason, At: s.cfg.Now().UTC()}
	if err := s.cfg.Lanes.Act(k.Request().Context(), lv.Lane, act); err != nil {
		return err
	}
	return k.JSON(http.StatusOK, map[string]string{"done": string(kind)})
}

// observed counts what became of a batch of observations.
type observed struct {
	Accepted uint64       `json:"accepted"`
	Refused  uint64       `json:"refused"` // not readable
	Dropped  uint64       `json:"dropped"` // readable, but the lane had no room or no use for it
	First    *observedBad `json:"first_refused,omitempty"`
}

type observedBad struct {
	Line int    `json:"line"` // from 1; in an array, the element
	Text string `json:"text"`
}

// apiObserve takes observations as NDJSON, one a line, or as one JSON array. A
// bad one is counted and named, and the rest goes on.
func (s *Server) apiObserve(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	prefixes, err := rf.EmbeddedPrefixes()
	if err != nil {
		return err
	}
	var sum observed
	take := func(n int, line []byte, err error) {
		var o rf.Observation
		if err == nil {
			o, err = prefixes.ParseLine(line)
		}
		switch {
		case err != nil:
			sum.Refused++
			if sum.First == nil {
				sum.First = &observedBad{Line: n, Text: err.Error()}
			}
			return
		case o.Sensor != k.device.ID:
			// Who says so is who signed in; several antennas of one device
			// keep their own names behind it.
			o.Sensor = k.device.ID + ":" + o.Sensor
		}
		if s.cfg.Lanes.Observe(lv.Lane, o) {
			sum.Accepted++
		} else {
			sum.Dropped++
		}
	}
	err = eachObservation(k.Request().Body, take)
	if sum.Refused > 0 {
		s.cfg.Lanes.Refused(lv.Lane, sum.Refused)
	}
	if err != nil {
		return err
	}
	return k.JSON(http.StatusOK, sum)
}

var errLongLine = fmt.Errorf("observation: longer than %d bytes", rf.MaxLine)

// eachObservation calls take for every line, or for every element of an array.
func eachObservation(body io.Reader, take func(n int, line []byte, err error)) error {
	r := bufio.NewReaderSize(body, rf.MaxLine+2)
	for {
		b, err := r.Peek(1)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b[0] != ' ' && b[0] != '\n' && b[0] != '\r' && b[0] != '\t' {
			if b[0] == '[' {
				return eachElement(r, take)
			}
			return eachLine(r, take)
		}
		_, _ = r.Discard(1) // the byte was just seen
	}
}

func eachElement(r io.Reader, take func(int, []byte, error)) error {
	dec := json.NewDecoder(r)
	if _, err := dec.Token(); err != nil {
		return bad("bad-request", "body: %w", err)
	}
	for n := 1; dec.More(); n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return err
			}
			return bad("bad-request", "element %d: %w", n, err)
		}
		var line bytes.Buffer
		err := json.Compact(&line, raw)
		if err == nil && line.Len() > rf.MaxLine {
			err = errLongLine
		}
		take(n, line.Bytes(), err)
	}
	if _, err := dec.Token(); err != nil {
		return bad("bad-request", "body: %w", err)
	}
	return nil
}

func eachLine(r *bufio.Reader, take func(int, []byte, error)) error {
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		var long error
		for errors.Is(err, bufio.ErrBufferFull) {
			long = errLongLine
			_, err = r.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if long != nil || len(bytes.TrimSpace(line)) > 0 {
			take(n, line, long)
		}
		if err != nil {
			return nil //nolint:nilerr // the end of the body
		}
	}
}
