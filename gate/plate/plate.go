package plate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Shape names the form of a message.
type Shape string

// The shapes.
const (
	// Generic is the one of this program, for everything else; see parseGeneric.
	Generic Shape = "generic"
	// Frigate is what Frigate publishes on frigate/events and on
	// frigate/tracked_object_update, posted unchanged by whatever forwards it
	// (https://docs.frigate.video/integrations/mqtt/).
	Frigate Shape = "frigate"
	// PlateRecognizer is the webhook of Plate Recognizer Snapshot and Stream, which
	// is also what ParkPow takes in and passes on
	// (https://guides.platerecognizer.com/docs/snapshot/results,
	// https://guides.platerecognizer.com/docs/stream/results).
	PlateRecognizer Shape = "plate-recognizer"
	// Axis is the push event (HTTP POST, JSON) of AXIS License Plate Verifier and
	// of the applications of its maker
	// (https://developer.axis.com/vapix/applications/license-plate-verifier-api).
	Axis Shape = "axis"
)

// Shapes are all of them.
func Shapes() []Shape { return []Shape{Generic, Frigate, PlateRecognizer, Axis} }

// ParseShape reads a shape's name. ParkPow's is the one of Plate Recognizer.
func ParseShape(s string) (Shape, error) {
	if s == "parkpow" {
		return PlateRecognizer, nil
	}
	if slices.Contains(Shapes(), Shape(s)) {
		return Shape(s), nil
	}
	return "", fmt.Errorf("shape: %q is none of generic, frigate, plate-recognizer, parkpow, axis", s)
}

// The bounds of what is read.
const (
	MaxPlate      = 16       // characters of a plate
	MaxName       = 64       // characters of a camera's name or a sender's id
	MaxReadings   = 8        // of one message
	MaxCandidates = 8        // other readings of one plate
	MaxGeneric    = 16 << 10 // bytes of a message of the generic shape
	MaxJSON       = 4 << 20  // bytes of another: some carry pictures, which are not read
	maxParts      = 16
)

// Direction is how a vehicle moved, as the camera saw it.
type Direction string

// The directions; empty is unknown.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Candidate is one possible reading of a plate.
type Candidate struct {
	Plate      string  `json:"plate"`
	Confidence float64 `json:"confidence,omitempty"` // 0 to 1; 0: the camera does not say
}

// Reading is one plate that a camera read. Everything but Plate may be unknown.
type Reading struct {
	Plate      string      `json:"plate"`                // upper case, 1 to MaxPlate characters, with the camera's blanks and hyphens
	Confidence float64     `json:"confidence,omitempty"` // 0 to 1; 0: the camera does not say
	Candidates []Candidate `json:"candidates,omitempty"` // what else it may be, the likeliest first
	Country    string      `json:"country,omitempty"`    // ISO 3166-1 code of two or three letters, or ISO 3166-2, upper case; as the camera guesses
	Camera     string      `json:"camera,omitempty"`     // as the sender names it
	Vehicle    string      `json:"vehicle,omitempty"`    // the sender's id of the vehicle in view: the same plate read better later has the same
	At         time.Time   `json:"at,omitzero"`
	Direction  Direction   `json:"direction,omitempty"`
}

// ErrTooLong says that a message is longer than its shape may be.
var ErrTooLong = errors.New("the message is too long")

// FieldError names the place of what cannot be used.
type FieldError struct {
	Field string // as in the message: results[0].plate
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

func wrong(field, format string, args ...any) error {
	return &FieldError{Field: field, Err: fmt.Errorf(format, args...)}
}

// Parse reads one message. contentType is that of the request: a form
// (multipart/form-data) is looked through for its JSON, and its pictures are
// passed over; anything else is taken for JSON. Errors of the body's reader come
// through wrapped.
func Parse(shape Shape, contentType string, body io.Reader) ([]Reading, error) {
	limit := int64(MaxJSON)
	if shape == Generic {
		limit = MaxGeneric
	}
	text, err := jsonOf(contentType, body, limit)
	if err != nil {
		return nil, err
	}
	var out []Reading
	switch shape {
	case Generic:
		out, err = parseGeneric(text)
	case Frigate:
		out, err = parseFrigate(text)
	case PlateRecognizer:
		out, err = parsePlateRecognizer(text)
	case Axis:
		out, err = parseAxis(text)
	default:
		_, err = ParseShape(string(shape))
	}
	return out, err
}

// jsonOf takes the JSON out of a body.
func jsonOf(contentType string, body io.Reader, limit int64) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return bounded(body, limit)
	}
	if params["boundary"] == "" {
		return nil, wrong("body", "a form without a boundary")
	}
	form := multipart.NewReader(body, params["boundary"])
	for range maxParts {
		part, err := form.NextRawPart() // drops what is left of the part before
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		mediaType, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if mediaType == "application/json" || part.FormName() == "json" || strings.HasSuffix(part.FileName(), ".json") {
			return bounded(part, limit)
		}
	}
	return nil, wrong("body", "a form without a part of JSON among its first %d", maxParts)
}

func bounded(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("body: %w: more than %d bytes", ErrTooLong, limit)
	}
	return text, nil
}

// unmarshal reads one JSON value. The fields of vendors grow: those that are not
// named are passed over, but in the generic shape.
func unmarshal(text []byte, strict bool, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return wrong(kind.Field, "a %s cannot be used here", kind.Value)
		}
		if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return wrong(strings.Trim(name, `"`), "there is no such field")
		}
		return wrong("body", "no JSON object: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return wrong("body", "more than one JSON value")
	}
	return nil
}

// clean is a plate as a Reading has it; empty where the text is none.
func clean(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxPlate {
		return ""
	}
	letters := false
	for _, r := range s {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			letters = true
		case r == ' ' || r == '-' || r == '.' || r == '·' || unicode.Is(unicode.Mn, r):
		default:
			return ""
		}
	}
	if !letters {
		return ""
	}
	return s
}

// must is clean for a field that is there to hold a plate.
func must(field, s string) (string, error) {
	if p := clean(s); p != "" {
		return p, nil
	}
	return "", wrong(field, "no plate of 1 to %d letters and digits", MaxPlate)
}

// share is a confidence between 0 and 1; anything else is not known.
func share(v float64) float64 {
	if math.IsNaN(v) || v <= 0 || v > 1 {
		return 0
	}
	return v
}

// name keeps an id of the sender: printable, and cut at MaxName.
func name(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if r := []rune(s); len(r) > MaxName {
		s = string(r[:MaxName])
	}
	return s
}

// country is a code as a Reading has it; empty where the text is none.
func country(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	head, tail, divided := strings.Cut(s, "-")
	if len(head) < 2 || len(head) > 3 || divided && (len(tail) < 1 || len(tail) > 3) {
		return ""
	}
	for _, r := range head {
		if r < 'A' || r > 'Z' {
			return ""
		}
	}
	for _, r := range tail {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return ""
		}
	}
	return s
}

// seconds is a Unix instant with a fraction, as Frigate writes it.
func seconds(v float64) time.Time {
	if math.IsNaN(v) || v <= 0 || v > 1<<40 {
		return time.Time{}
	}
	whole, part := math.Modf(v)
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC()
}

// others keeps the candidates that are not the plate itself, each once, the
// likeliest first.
func others(plate string, list []Candidate) []Candidate {
	var out []Candidate
	for _, c := range list {
		c.Plate, c.Confidence = clean(c.Plate), share(c.Confidence)
		if c.Plate == "" || c.Plate == plate || slices.ContainsFunc(out, func(o Candidate) bool { return o.Plate == c.Plate }) {
			continue
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Candidate) int {
		switch {
		case a.Confidence > b.Confidence:
			return -1
		case a.Confidence < b.Confidence:
			return 1
		}
		return 0
	})
	return out[:min(len(out), MaxCandidates)]
}
