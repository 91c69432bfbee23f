package plate

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// parseGeneric reads the shape of this program:
//
//	{"plate": "WX 12345", "confidence": 0.93, "country": "PL", "camera": "north-front",
//	 "vehicle": "4711", "at": "2026-11-22T05:00:00Z", "direction": "in",
//	 "candidates": [{"plate": "WX 1234S", "confidence": 0.4}]}
//
// Only plate must be there. A field that is none of these is refused, so that a
// misspelt one cannot pass unseen.
func parseGeneric(text []byte) ([]Reading, error) {
	var in struct {
		Plate      string      `json:"plate"`
		Confidence *float64    `json:"confidence"`
		Country    string      `json:"country"`
		Camera     string      `json:"camera"`
		Vehicle    string      `json:"vehicle"`
		At         string      `json:"at"`
		Direction  Direction   `json:"direction"`
		Candidates []Candidate `json:"candidates"`
	}
	if err := unmarshal(text, true, &in); err != nil {
		return nil, err
	}
	r := Reading{Country: country(in.Country), Camera: name(in.Camera), Vehicle: name(in.Vehicle), Direction: in.Direction}
	var err error
	if r.Plate, err = must("plate", in.Plate); err != nil {
		return nil, err
	}
	if in.Confidence != nil {
		if *in.Confidence < 0 || *in.Confidence > 1 {
			return nil, wrong("confidence", "%g is not between 0 and 1", *in.Confidence)
		}
		r.Confidence = *in.Confidence
	}
	if in.Country != "" && r.Country == "" {
		return nil, wrong("country", "%.20q is no code such as PL, POL or US-CA", in.Country)
	}
	if in.Direction != "" && in.Direction != In && in.Direction != Out {
		return nil, wrong("direction", "%.20q is neither in nor out", string(in.Direction))
	}
	if in.At != "" {
		at, err := time.Parse(time.RFC3339, in.At)
		if err != nil {
			return nil, wrong("at", "%.40q is not an RFC 3339 instant", in.At)
		}
		r.At = at.UTC()
	}
	if len(in.Candidates) > MaxCandidates {
		return nil, wrong("candidates", "%d of them; at most %d are read", len(in.Candidates), MaxCandidates)
	}
	r.Candidates = others(r.Plate, in.Candidates)
	return []Reading{r}, nil
}

// parseFrigate reads a message of frigate/events, whose plate is a pair of text
// and score (older versions: a text) in the object's state after the change, or
// of frigate/tracked_object_update of type lpr. The name that Frigate knows a
// plate by (sub_label, name) is somebody's, and is not read.
func parseFrigate(text []byte) ([]Reading, error) {
	var in struct {
		Type      string  `json:"type"`
		ID        string  `json:"id"`
		Plate     *string `json:"plate"`
		Score     float64 `json:"score"`
		Camera    string  `json:"camera"`
		Timestamp float64 `json:"timestamp"`
		After     *struct {
			ID        string          `json:"id"`
			Camera    string          `json:"camera"`
			FrameTime float64         `json:"frame_time"`
			Plate     json.RawMessage `json:"recognized_license_plate"`       //nolint:misspell // their field
			Score     float64         `json:"recognized_license_plate_score"` //nolint:misspell // their field
		} `json:"after"`
	}
	if err := unmarshal(text, false, &in); err != nil {
		return nil, err
	}
	r := Reading{Confidence: share(in.Score), Camera: name(in.Camera), Vehicle: name(in.ID), At: seconds(in.Timestamp)}
	switch {
	case in.After != nil:
		a := in.After
		r = Reading{Confidence: share(a.Score), Camera: name(a.Camera), Vehicle: name(a.ID), At: seconds(a.FrameTime)}
		if len(a.Plate) == 0 || string(a.Plate) == "null" {
			return nil, nil
		}
		read, score, err := pair(a.Plate)
		if err != nil {
			return nil, wrong("after.recognized_license_plate", "%w", err)
		}
		if score > 0 {
			r.Confidence = score
		}
		if r.Plate, err = must("after.recognized_license_plate", read); err != nil {
			return nil, err
		}
	case in.Type == "lpr":
		if in.Plate == nil {
			return nil, nil
		}
		var err error
		if r.Plate, err = must("plate", *in.Plate); err != nil {
			return nil, err
		}
	case in.Type == "":
		return nil, wrong("type", "missing: no message of Frigate")
	default:
		return nil, nil // a description, a face, an end without a vehicle
	}
	return []Reading{r}, nil
}

// pair reads "ABC 123" or ["ABC 123", 0.92].
func pair(raw json.RawMessage) (read string, score float64, err error) {
	if json.Unmarshal(raw, &read) == nil {
		return read, 0, nil
	}
	var two []json.RawMessage
	if err := json.Unmarshal(raw, &two); err != nil {
		return "", 0, err
	}
	if len(two) > 0 {
		if err := json.Unmarshal(two[0], &read); err != nil {
			return "", 0, err
		}
	}
	if len(two) > 1 {
		_ = json.Unmarshal(two[1], &score) // one that is no number is not known
	}
	return read, share(score), nil
}

// parsePlateRecognizer reads the webhook of Snapshot and Stream, with its wrapper
// (hook, data) or without, in the two forms that its results have: plate as text,
// and plate as an object whose props list the values. The direction of Stream is an
// angle in the picture, which says nothing of in and out, and is not read.
func parsePlateRecognizer(text []byte) ([]Reading, error) {
	type result struct {
		Plate  json.RawMessage `json:"plate"`
		Score  float64         `json:"score"`
		Region struct {
			Code string `json:"code"`
		} `json:"region"`
		Candidates []struct {
			Plate string  `json:"plate"`
			Score float64 `json:"score"`
		} `json:"candidates"`
	}
	type data struct {
		CameraID  any      `json:"camera_id"` // a text, a number in some set-ups, null
		Timestamp string   `json:"timestamp"`
		Results   []result `json:"results"`
	}
	var in struct {
		Hook *struct {
			Event string `json:"event"`
		} `json:"hook"`
		Data *data `json:"data"`
		data
	}
	if err := unmarshal(text, false, &in); err != nil {
		return nil, err
	}
	d, where := in.data, ""
	if in.Data != nil {
		d, where = *in.Data, "data."
	} else if in.Hook == nil && in.Results == nil {
		return nil, wrong("results", "missing: no message of Plate Recognizer")
	}
	if len(d.Results) > MaxReadings {
		return nil, wrong(where+"results", "%d plates in one message; at most %d are read", len(d.Results), MaxReadings)
	}
	camera := ""
	switch id := d.CameraID.(type) {
	case string:
		camera = name(id)
	case float64:
		camera = strconv.FormatFloat(id, 'f', -1, 64)
	}
	at, err := stamp(d.Timestamp)
	if err != nil {
		return nil, wrong(where+"timestamp", "%.40q is no instant", d.Timestamp)
	}
	var out []Reading
	for i, res := range d.Results {
		field := where + "results[" + strconv.Itoa(i) + "].plate"
		if len(res.Plate) == 0 || string(res.Plate) == "null" {
			continue // a vehicle without a plate
		}
		r := Reading{Confidence: share(res.Score), Country: country(res.Region.Code), Camera: camera, At: at}
		var list []Candidate
		for _, c := range res.Candidates[:min(len(res.Candidates), 4*MaxCandidates)] {
			list = append(list, Candidate{c.Plate, c.Score})
		}
		var read string
		if json.Unmarshal(res.Plate, &read) != nil {
			var obj struct {
				Props struct {
					Plate, Region []struct {
						Value string  `json:"value"`
						Score float64 `json:"score"`
					}
				} `json:"props"`
			}
			if err := json.Unmarshal(res.Plate, &obj); err != nil {
				return nil, wrong(field, "neither a text nor an object with props: %w", err)
			}
			for j, v := range obj.Props.Plate[:min(len(obj.Props.Plate), 4*MaxCandidates)] {
				if j == 0 {
					read, r.Confidence = v.Value, share(v.Score)
				}
				list = append(list, Candidate{v.Value, v.Score})
			}
			if len(obj.Props.Region) > 0 {
				r.Country = country(obj.Props.Region[0].Value)
			}
			if read == "" {
				continue
			}
		}
		if r.Plate, err = must(field, read); err != nil {
			return nil, err
		}
		r.Candidates = others(r.Plate, list)
		out = append(out, r)
	}
	return out, nil
}

// stamp reads an instant as Plate Recognizer writes it: without a zone it is UTC.
func stamp(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	var last error
	for _, layout := range [...]string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		at, err := time.Parse(layout, s)
		if err == nil {
			return at.UTC(), nil
		}
		last = err
	}
	return time.Time{}, last
}

// parseAxis reads a push event. Its numbers come as texts. What the camera's own
// lists say of the plate is not read: who may come in is not the camera's to say.
func parseAxis(text []byte) ([]Reading, error) {
	var in struct {
		CarID      loose  `json:"carID"`
		CarState   string `json:"carState"` // new, update, lost
		PlateText  string `json:"plateText"`
		PlateUTF8  string `json:"plateUTF8"`
		Country    string `json:"plateCountry"` // ISO 3166-1, three letters
		Division   string `json:"plateISO3166-2"`
		Confidence loose  `json:"plateConfidence"` // 0 to 1, in some set-ups per cent
		Direction  string `json:"carMoveDirection"`
		Captured   loose  `json:"capture_timestamp"` // milliseconds
		Provider   string `json:"sensorProviderID"`
		Info       struct {
			Serial string `json:"SerialNumber"`
		} `json:"camera_info"`
	}
	if err := unmarshal(text, false, &in); err != nil {
		return nil, err
	}
	switch in.CarState {
	case "new", "update":
	case "lost":
		return nil, nil // it has left the picture some seconds ago
	case "":
		return nil, wrong("carState", "missing: no message of an Axis plate reader")
	default:
		return nil, wrong("carState", "%.20q is none of new, update, lost", in.CarState)
	}
	read, field := in.PlateUTF8, "plateUTF8"
	if read == "" {
		read, field = in.PlateText, "plateText"
	}
	if strings.TrimSpace(read) == "" {
		return nil, nil
	}
	r := Reading{Country: country(in.Division), Vehicle: name(string(in.CarID)), Camera: name(in.Provider)}
	if r.Country == "" {
		r.Country = country(in.Country)
	}
	if r.Camera == "" {
		r.Camera = name(in.Info.Serial)
	}
	if d := Direction(strings.ToLower(in.Direction)); d == In || d == Out {
		r.Direction = d
	}
	if v, err := strconv.ParseFloat(string(in.Confidence), 64); err == nil {
		if v > 1 {
			v /= 100
		}
		r.Confidence = share(v)
	}
	if in.Captured != "" {
		ms, err := strconv.ParseInt(string(in.Captured), 10, 64)
		if err != nil || ms <= 0 || ms > 1<<50 {
			return nil, wrong("capture_timestamp", "%.40q is no instant in milliseconds", string(in.Captured))
		}
		r.At = time.UnixMilli(ms).UTC()
	}
	var err error
	if r.Plate, err = must(field, read); err != nil {
		return nil, err
	}
	return []Reading{r}, nil
}

// loose is a text or a number, as a text.
type loose string

// UnmarshalJSON takes either.
func (l *loose) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*l = loose(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return err
	}
	*l = loose(n)
	return nil
}
