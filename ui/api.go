package ui

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/plate"
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
	case k.Param("lane") != "" && d.Lane != k.Param("lane") && d.Lane != auth.WholeSite:
		return refuse(http.StatusForbidden, "forbidden", fmt.Errorf("device %q belongs to lane %q", d.ID, d.Lane))
	}
	k.device = d
	return nil
}

// decode reads one JSON object; a field that has no place is refused, so that
// what a device may not say cannot slip in.
func decode(body []byte, into any) error {
	if err := unambiguous(body); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return badField(kind.Field, "a %s cannot be used here", kind.Value)
		}
		if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return badField(strings.Trim(name, `"`), "there is no such field")
		}
		return badField("body", "%w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badField("body", "more than one JSON value")
	}
	return nil
}

// unambiguous refuses a field that stands there twice, as another program in
// between may have read the other one. Fields that differ in case only are one
// field to the decoder.
func unambiguous(body []byte) error {
	type level struct {
		fields map[string]bool // nil in an array
		key    bool            // a name comes next
	}
	var in []level
	dec := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := dec.Token()
		if err != nil {
			return nil //nolint:nilerr // the end, or what Decode will find
		}
		last := len(in) - 1
		if last >= 0 && in[last].key {
			if name, ok := token.(string); ok {
				folded := strings.Map(fold, name)
				if in[last].fields[folded] {
					return badField(name, "stands there twice")
				}
				in[last].fields[folded], in[last].key = true, false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			in = append(in, level{map[string]bool{}, true})
			continue
		case json.Delim('['):
			in = append(in, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			in = in[:last]
		}
		// A value has ended.
		if last = len(in) - 1; last >= 0 {
			in[last].key = in[last].fields != nil
		}
	}
}

// fold is the one of all cases of a character that comes first.
func fold(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// read reads a body of JSON whole.
func (k *call) read() ([]byte, error) {
	if text := k.Request().Header.Get("Content-Type"); text != "" {
		if kind, _, err := mime.ParseMediaType(text); err != nil || kind != "application/json" {
			return nil, refuse(http.StatusUnsupportedMediaType, "bad-request", fmt.Errorf("Content-Type: %.60q is not application/json", text))
		}
	}
	body, err := io.ReadAll(k.Request().Body)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &tooLarge):
		return body, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "bad-request", fmt.Errorf("body: %w", err))
	default:
		return nil, badField("body", "cut off")
	}
}

// in reads what a machine sent as one JSON object.
func (k *call) in(into any) error {
	body, err := k.read()
	if err != nil {
		return err
	}
	return decode(body, into)
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
	ArmFault string          `json:"arm_fault,omitempty"` // class of its fault, where arm is fault
	Radio    gate.RadioState `json:"radio"`

	Direction gate.Direction      `json:"direction,omitempty"`
	Closed    string              `json:"closed,omitempty"`  // why a person has closed the lane
	Ordered   *gate.Ordered       `json:"ordered,omitempty"` // who has ordered what the lane is in
	Signal    gate.Signal         `json:"signal,omitempty"`
	Inbound   int                 `json:"inbound"`          // arrivals that wait behind
	Behind    []behind            `json:"behind,omitempty"` // of a lane that holds two vehicles: those that are not at the line
	LastEnd   gate.Ending         `json:"last_end,omitempty"`
	Alarms    []gate.Alarm        `json:"alarms,omitempty"` // that may be seen at the lane
	Warnings  []string            `json:"warnings,omitempty"`
	Devices   []gate.DeviceStatus `json:"devices,omitempty"` // that do not work
}

// behind is a vehicle behind the one at the line.
type behind struct {
	State    gate.State     `json:"state"`
	Passage  gate.PassageID `json:"passage,omitempty"`
	Decision int            `json:"decision,omitempty"`
	Answer   *gate.Answer   `json:"answer,omitempty"` // only once its record is durable
	Allowed  []gate.ActKind `json:"allowed"`
}

func newLaneState(lv gate.LaneView) laneState {
	st := laneState{
		Lane: lv.Lane, Name: lv.Name, State: lv.State, Since: lv.Since, Version: lv.Version, TurnOut: lv.TurnOut,
		Durable: lv.Durable, Allowed: acts(lv.Allowed), Notice: lv.Notice, Arm: lv.Arm, ArmFault: lv.ArmFault, Radio: lv.Radio,
		Direction: lv.Direction, Closed: lv.Closed, Ordered: lv.Ordered, Signal: lv.Signal, Inbound: lv.Inbound, LastEnd: lv.LastEnd,
		Alarms: lv.Alarms, Warnings: lv.Warnings, Devices: lv.Devices,
	}
	if lv.Passage != nil {
		st.Passage, st.Decision = lv.Passage.ID, lv.Decision
		st.Answer = durable(lv.Passage, lv.Durable)
	}
	for _, v := range lv.Vehicles {
		if v.Passage == nil || v.Passage.ID == st.Passage {
			continue
		}
		st.Behind = append(st.Behind, behind{State: v.State, Passage: v.Passage.ID, Decision: v.Decision, Answer: durable(v.Passage, v.Durable), Allowed: acts(v.Allowed)})
	}
	return st
}

// acts is never null in JSON.
func acts(list []gate.ActKind) []gate.ActKind {
	if list == nil {
		return []gate.ActKind{}
	}
	return list
}

// durable is the answer of a passage whose record would survive a power cut.
func durable(p *gate.Passage, ok bool) *gate.Answer {
	if !ok {
		return nil
	}
	a := p.Result.Answer()
	return &a
}

func (s *Server) apiLane(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	return k.JSON(http.StatusOK, newLaneState(lv))
}

// apiLanes is the lanes that the device may speak of.
func (s *Server) apiLanes(k *call) error {
	out := struct {
		Lanes []laneState `json:"lanes"`
	}{Lanes: []laneState{}}
	for _, lv := range s.cfg.Lanes.Lanes() {
		if k.sees(lv.Lane) {
			out.Lanes = append(out.Lanes, newLaneState(lv))
		}
	}
	return k.JSON(http.StatusOK, out)
}

// sees says whether the device may speak of a lane.
func (k *call) sees(id gate.LaneID) bool {
	return k.device.Lane == auth.WholeSite || k.device.Lane == string(id)
}

// arrived answers an arrival once its passage is durable.
type arrived struct {
	Passage gate.PassageID `json:"passage"`
	Answer  gate.Answer    `json:"answer"`
}

const maxPass = 4 << 10 // bytes of the text of a pass

// arrivalSources are how a machine may say that a vehicle was identified.
var arrivalSources = [...]string{"api", "scanner", "keyboard"}

func (s *Server) apiArrive(k *call) error {
	var in struct {
		VIN      string          `json:"vin"`
		Plate    string          `json:"plate"`
		Pass     string          `json:"pass"` // the text of a pass that was shown
		Class    string          `json:"class"`
		OnCall   *bool           `json:"on_call"` // whether it is on an emergency call, as a person at the lane said
		Declared []gate.Declared `json:"declared"`
		Source   string          `json:"source"` // one of arrivalSources; absent is api
		Of       string          `json:"of"`     // the passage at the line that this is one more reading of
	}
	key, err := idempotencyKey(k.Request())
	if err != nil {
		return err
	}
	body, err := k.read()
	if err != nil {
		return err
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	for i, d := range in.Declared {
		if err := d.Check(); err != nil {
			return badField(fmt.Sprintf("declared[%d]", i), "%w", err)
		}
	}
	a := gate.Arrival{
		VIN: strings.TrimSpace(in.VIN), Plate: strings.ToUpper(strings.TrimSpace(in.Plate)), Pass: strings.TrimSpace(in.Pass),
		Declared: in.Declared, OnCall: in.OnCall, Via: "api", Of: gate.PassageID(in.Of),
	}
	if gate.NormalPlate(a.Plate) == "" {
		a.Plate = ""
	}
	switch {
	case a.VIN == "" && a.Plate == "" && a.Pass == "":
		return classField("no-vin", "vin", "neither VIN, plate nor pass")
	case len(a.VIN) > maxVINTyped:
		return classField("long-vin", "vin", "%d characters", len(a.VIN))
	case len(a.Plate) > maxPlate:
		return badField("plate", "more than %d characters", maxPlate)
	case len(a.Pass) > maxPass:
		return badField("pass", "more than %d bytes", maxPass)
	}
	if in.Source != "" {
		if !slices.Contains(arrivalSources[:], in.Source) {
			return badField("source", "%.20q is none of %s", in.Source, strings.Join(arrivalSources[:], ", "))
		}
		a.Via = in.Source
	}
	if a.Class, err = gate.ParseClass(in.Class); err != nil {
		return classField("class", "class", "%w", err)
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	present := func(ctx context.Context) (gate.PassageID, error) { return s.cfg.Lanes.Arrive(ctx, lv.Lane, a) }
	if key == "" {
		id, err := present(k.Request().Context())
		if err != nil {
			return err
		}
		return s.answerArrival(k, http.StatusCreated, lv.Lane, id)
	}
	id, again, err := s.replays.do(k.Request().Context(), k.device.ID+" "+string(lv.Lane)+" "+key, body, present)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if again {
		status = http.StatusOK
	}
	return s.answerArrival(k, status, lv.Lane, id)
}

// answerArrival tells the verdict of a durable passage: from the lane while the
// vehicle is still at the line, else from the record.
func (s *Server) answerArrival(k *call, status int, lane gate.LaneID, id gate.PassageID) error {
	if lv, ok := s.cfg.Lanes.View(lane); ok && lv.Passage != nil && lv.Passage.ID == id && lv.Durable {
		return k.JSON(status, arrived{Passage: id, Answer: lv.Passage.Result.Answer()})
	}
	r, err := s.cfg.Store.Passage(k.Request().Context(), id)
	if err != nil {
		return fmt.Errorf("read passage %q: %w", id, err)
	}
	return k.JSON(status, arrived{Passage: id, Answer: lastAssessment(r).Answer()})
}

// lastAssessment is what was decided of a passage last.
func lastAssessment(r gate.PassageRecord) gate.Assessment {
	if n := len(r.Reassessments); n > 0 {
		return r.Reassessments[n-1].Result
	}
	return r.Passage.Result
}

// passageState is what is known of a passage. Once its personal data is erased
// there is no answer.
type passageState struct {
	Passage gate.PassageID `json:"passage"`
	Lane    gate.LaneID    `json:"lane"`
	At      time.Time      `json:"at"`
	Answer  *gate.Answer   `json:"answer,omitempty"` // as it was decided last
	Acts    []passageAct   `json:"acts"`
	Ending  gate.Ending    `json:"ending,omitempty"` // absent while the vehicle is at the line
	EndedAt time.Time      `json:"ended_at,omitzero"`
	Erased  bool           `json:"erased,omitempty"`
}

// passageAct is what a person did; who did it, and why, is for people to see.
type passageAct struct {
	Kind gate.ActKind `json:"kind"`
	At   time.Time    `json:"at"`
}

// apiPassage is the verdict of a passage, and what became of it.
func (s *Server) apiPassage(k *call) error {
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	r, err := s.cfg.Store.Passage(k.Request().Context(), gate.PassageID(k.Param("id")))
	if err == nil && r.Passage.Lane != lv.Lane {
		err = fmt.Errorf("passage %q is of lane %q: %w", r.Passage.ID, r.Passage.Lane, gate.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("read passage: %w", err)
	}
	p := passageState{Passage: r.Passage.ID, Lane: lv.Lane, At: r.Passage.At, Acts: []passageAct{}, Erased: r.Summary.Erased}
	if !p.Erased {
		a := lastAssessment(r).Answer()
		p.Answer = &a
	}
	for _, a := range r.Acts {
		if a.Kind != gate.ActDuress { // silent: no machine at the lane is told
			p.Acts = append(p.Acts, passageAct{Kind: a.Kind, At: a.At})
		}
	}
	if r.Outcome != nil {
		p.Ending, p.EndedAt = r.Outcome.Ending, r.Outcome.At
	}
	return k.JSON(http.StatusOK, p)
}

// plateAge is how old a plate may be when it comes in: the vehicle that it was
// read from must still be the one that comes up to the line.
const plateAge = time.Minute

// surePlate is how sure a camera must be of a plate, where it says so. What is
// known of a vehicle by its plate may let it in; by a guess nothing may.
const surePlate = 0.5

// maxPlateMessage bounds a camera's message with its pictures, most of which is
// passed over unread.
const maxPlateMessage = 16 << 20

// platesRead says what became of a camera's message. A vendor's cameras stop
// sending to whoever answers with errors, so a reading that the lane has no use
// for is no error.
type platesRead struct {
	Read    int            `json:"read"` // plates in the message
	Passage gate.PassageID `json:"passage,omitempty"`
	Left    string         `json:"left,omitempty"` // why the lane did not take it: old, unsure, other-way, lane
}

// apiPlate takes the message of a plate camera in one of the shapes of
// gate/plate. The lane decides whether the plate is of a vehicle that comes, of
// the one at the line, or of no use.
func (s *Server) apiPlate(k *call) error {
	shape := plate.Generic
	if name := k.Param("shape"); name != "" {
		var err error
		if shape, err = plate.ParseShape(name); err != nil {
			return refuse(http.StatusNotFound, "not-found", err)
		}
	}
	lv, err := s.lane(k)
	if err != nil {
		return err
	}
	readings, err := plate.Parse(shape, k.Request().Header.Get("Content-Type"), k.Request().Body)
	var where *plate.FieldError
	switch {
	case errors.As(err, &where):
		return badField(where.Field, "%w", where.Err)
	case errors.Is(err, plate.ErrTooLong):
		return refuse(http.StatusRequestEntityTooLarge, "too-large", err)
	case err != nil:
		return err
	}
	out := platesRead{Read: len(readings)}
	r, ok := best(readings)
	if !ok {
		return k.JSON(http.StatusOK, out)
	}
	if age := s.cfg.Now().Sub(r.At); !r.At.IsZero() && (age > plateAge || age < -plateAge) {
		out.Left = "old"
		return k.JSON(http.StatusOK, out)
	}
	if r.Confidence > 0 && r.Confidence < surePlate {
		out.Left = "unsure"
		return k.JSON(http.StatusOK, out)
	}
	if lv.Direction == gate.DirectionEntry && r.Direction == plate.Out || lv.Direction == gate.DirectionExit && r.Direction == plate.In {
		out.Left = "other-way"
		return k.JSON(http.StatusOK, out)
	}
	// A camera sees the vehicle at the line again and again. The lane takes a
	// plate for a vehicle that comes, or adds it to the one at the line; it never
	// lets one replace a vehicle that is being decided.
	id, err := s.cfg.Lanes.Arrive(k.Request().Context(), lv.Lane, gate.Arrival{Plate: r.Plate, Also: alternatives(r), Via: "camera", Read: r.At})
	switch {
	case errors.Is(err, gate.ErrNotAllowed), errors.Is(err, gate.ErrBusy):
		out.Left = "lane"
		return k.JSON(http.StatusOK, out)
	case err != nil:
		return err
	}
	out.Passage = id
	return k.JSON(http.StatusCreated, out)
}

// best is the reading that the camera was surest of.
func best(list []plate.Reading) (plate.Reading, bool) {
	if len(list) == 0 {
		return plate.Reading{}, false
	}
	return slices.MaxFunc(list, func(a, b plate.Reading) int { return cmp.Compare(a.Confidence, b.Confidence) }), true
}

// maxAlternatives is how many other readings of a plate go with an arrival.
const maxAlternatives = 3

// alternatives are what else the plate may well be, for whoever compares it with
// a list: of what the camera is sure of less than half as much, nothing.
func alternatives(r plate.Reading) []gate.Identifier {
	var out []gate.Identifier
	for _, c := range r.Candidates {
		if len(out) < maxAlternatives && (c.Confidence == 0 || 2*c.Confidence >= r.Confidence) {
			out = append(out, gate.Identifier{Kind: gate.IdentPlate, Value: c.Plate, Via: "camera"})
		}
	}
	return out
}

// deviceActs are what a machine at a lane may pass on of what a person pressed
// there. Everything else takes a person who is signed in.
var deviceActs = [...]gate.ActKind{gate.ActOpen, gate.ActHold, gate.ActInspect, gate.ActTurnAway, gate.ActReset, gate.ActOverride}

func (s *Server) apiAct(k *call) error {
	var in struct {
		Kind     string `json:"kind"`
		Passage  string `json:"passage"`
		Decision int    `json:"decision"` // that was seen; absent where it does not matter
		Reason   string `json:"reason"`
	}
	if err := k.in(&in); err != nil {
		return err
	}
	kind := gate.ActKind(in.Kind)
	if !slices.Contains(deviceActs[:], kind) {
		return badField("kind", "%.40q is not an act of a device", in.Kind)
	}
	if kind == gate.ActOverride {
		return refuse(http.StatusForbidden, "forbidden", errors.New("an override needs two people, not a device"))
	}
	if kind == gate.ActOpen && in.Reason != "" {
		// The lane asks for a reason where the verdict is no grant; who gives
		// it answers for it.
		return refuse(http.StatusForbidden, "forbidden", errors.New("opening without a grant needs a person's reason, not a device's"))
	}
	if in.Decision < 0 {
		return badField("decision", "%d is no number of one", in.Decision)
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
		return badField("body", "%w", err)
	}
	for n := 1; dec.More(); n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return err
			}
			return badField(fmt.Sprintf("body[%d]", n-1), "%w", err)
		}
		var line bytes.Buffer
		err := json.Compact(&line, raw)
		if err == nil && line.Len() > rf.MaxLine {
			err = errLongLine
		}
		take(n, line.Bytes(), err)
	}
	if _, err := dec.Token(); err != nil {
		return badField("body", "%w", err)
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
