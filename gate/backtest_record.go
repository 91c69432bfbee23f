package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"sallyport/policy"
)

// PastRecord is one past passage as a store keeps it.
type PastRecord struct {
	Passage PassageID
	Lane    LaneID
	At      time.Time      // of the arrival
	Outcome policy.Outcome // of the assessment that counted last; kept when the rest is erased
	Doc     []byte         // JSON object with that assessment under "result"; empty once erased
}

// PastReader hands on past passages. A Backtest owns this port; gate/sqlite and
// gate/storetest implement it.
type PastReader interface {
	// EachRecord hands on the passages of [from, until) in the order of their
	// arrival; a zero instant does not restrict. Doc is valid until take
	// returns. It stops at the first error of take and returns it, and soon
	// after its context ends, with the context's error. It may run beside the
	// lanes: what is recorded meanwhile may be handed on or not.
	EachRecord(ctx context.Context, from, until time.Time, take func(PastRecord) error) error
}

// pastDecision is what a back-test needs of a recorded assessment.
type pastDecision struct {
	vin, plate string
	facts      policy.Facts
	asked      []Asked
	hash, id   string // of the policy that decided
	outcome    policy.Outcome
	reasons    []pastReason
	vehicle    VehicleView
}

// pastReason is one rule's say in a record.
type pastReason struct {
	Rule    string         `json:"rule"`
	Outcome policy.Outcome `json:"outcome"`
	Open    bool           `json:"open"`
	Because string         `json:"because"`
}

// pastDecoder reads recorded assessments. The records of a site repeat each
// other: the same units with the same sources, the same answers of the same day.
// What stands in the same bytes is decoded once and shared, so that a decoded
// record is only to be read. One goroutine at a time may use it.
//
// It finds the parts of a document by its brackets and strings and decodes those
// that it needs by encoding/json; that the parts it passes over are JSON it does
// not check.
type pastDecoder struct {
	kept  map[string]reflect.Value
	bytes int // of the keys kept
	key   []byte
	facts map[string]int // field of policy.Facts by its name in JSON
}

// maxKept bounds the bytes of what a decoder keeps.
const maxKept = 16 << 20

func newPastDecoder() *pastDecoder {
	d := &pastDecoder{kept: map[string]reflect.Value{}, facts: map[string]int{}}
	t := reflect.TypeFor[policy.Facts]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		d.facts[name] = i
	}
	return d
}

// decode reads the document of a passage or of a reassessment into out, which
// is empty.
func (d *pastDecoder) decode(doc []byte, out *pastDecision) error {
	found := false
	err := members(doc, func(name string, raw []byte) error {
		if name != "result" {
			return nil
		}
		found = true
		return d.assessment(raw, out)
	})
	if err == nil && !found {
		err = errors.New("the record holds no assessment")
	}
	return err
}

func (d *pastDecoder) assessment(doc []byte, out *pastDecision) error {
	return members(doc, func(name string, raw []byte) error {
		switch name {
		case "vin":
			return json.Unmarshal(raw, &out.vin)
		case "plate":
			return json.Unmarshal(raw, &out.plate)
		case "facts":
			return d.readFacts(raw, &out.facts)
		case "asked":
			return d.once(name, raw, reflect.ValueOf(&out.asked).Elem())
		case "vehicle":
			return d.once(name, raw, reflect.ValueOf(&out.vehicle).Elem())
		case "verdict":
			return members(raw, func(name string, raw []byte) error {
				switch name {
				case "outcome":
					return json.Unmarshal(raw, &out.outcome)
				case "hash":
					return d.once(name, raw, reflect.ValueOf(&out.hash).Elem())
				case "policy":
					return d.once(name, raw, reflect.ValueOf(&out.id).Elem())
				case "reasons":
					return d.once(name, raw, reflect.ValueOf(&out.reasons).Elem())
				}
				return nil
			})
		}
		return nil
	})
}

func (d *pastDecoder) readFacts(doc []byte, out *policy.Facts) error {
	v := reflect.ValueOf(out).Elem()
	return members(doc, func(name string, raw []byte) error {
		switch i, known := d.facts[name]; {
		case name == "at":
			return json.Unmarshal(raw, &out.At)
		case name == "vehicle":
			return d.readVehicle(raw, &out.Vehicle)
		case known:
			return d.once(name, raw, v.Field(i))
		}
		return nil
	})
}

// readVehicle keeps the vehicle's facts without its VIN, which is in no two
// records the same.
func (d *pastDecoder) readVehicle(doc []byte, out *policy.VehicleFacts) error {
	var vin []byte
	if err := members(doc, func(name string, raw []byte) error {
		if name == "vin" {
			vin = raw
		}
		return nil
	}); err != nil {
		return err
	}
	rest := append(d.key[:0], "facts.vehicle"...)
	if vin == nil {
		rest = append(rest, doc...)
	} else {
		at := cap(doc) - cap(vin) // vin is a part of doc
		rest = append(append(append(rest, doc[:at]...), "{}"...), doc[at+len(vin):]...)
	}
	d.key = rest
	if err := d.keyed(len("facts.vehicle"), reflect.ValueOf(out).Elem()); err != nil {
		return err
	}
	if vin == nil {
		return nil
	}
	return json.Unmarshal(vin, &out.VIN)
}

// once decodes raw into v, or copies what the same bytes of a part of that name
// gave before.
func (d *pastDecoder) once(name string, raw []byte, v reflect.Value) error {
	d.key = append(append(d.key[:0], name...), raw...)
	return d.keyed(len(name), v)
}

// keyed decodes d.key, after the name before skip, into v.
func (d *pastDecoder) keyed(skip int, v reflect.Value) error {
	if was, ok := d.kept[string(d.key)]; ok {
		v.Set(was)
		return nil
	}
	is := reflect.New(v.Type()).Elem()
	if err := json.Unmarshal(d.key[skip:], is.Addr().Interface()); err != nil {
		return fmt.Errorf("%s: %w", d.key[:skip], err)
	}
	if d.bytes += len(d.key); d.bytes > maxKept {
		clear(d.kept)
		d.bytes = len(d.key)
	}
	d.kept[string(d.key)] = is
	v.Set(is)
	return nil
}

var errNoObject = errors.New("the record is no JSON object")

// members hands on the members of a JSON object, each as it stands in doc. A
// name with an escape is handed on as it stands too: no name that is asked for
// has one.
func members(doc []byte, take func(name string, raw []byte) error) error {
	i := blanks(doc, 0)
	if i == len(doc) || doc[i] != '{' {
		return errNoObject
	}
	if i = blanks(doc, i+1); i < len(doc) && doc[i] == '}' {
		return nil
	}
	for i < len(doc) && doc[i] == '"' {
		end := pastString(doc, i)
		if end < 0 {
			return errNoObject
		}
		name := doc[i+1 : end-1]
		if i = blanks(doc, end); i == len(doc) || doc[i] != ':' {
			return errNoObject
		}
		i = blanks(doc, i+1)
		end = pastValue(doc, i)
		if end <= i {
			return errNoObject
		}
		if err := take(string(name), doc[i:end]); err != nil {
			return err
		}
		if i = blanks(doc, end); i == len(doc) {
			return errNoObject
		}
		if doc[i] == '}' {
			return nil
		}
		if doc[i] != ',' {
			return errNoObject
		}
		i = blanks(doc, i+1)
	}
	return errNoObject
}

func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// pastString is the place after the string that begins at i, or -1.
func pastString(b []byte, i int) int {
	for from := i + 1; ; {
		k := bytes.IndexByte(b[from:], '"')
		if k < 0 {
			return -1
		}
		end := from + k
		escapes := 0
		for end-escapes-1 > i && b[end-escapes-1] == '\\' {
			escapes++
		}
		if from = end + 1; escapes%2 == 0 {
			return from
		}
	}
}

// pastValue is the place after the value that begins at i, or -1.
func pastValue(b []byte, i int) int {
	if i == len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return pastString(b, i)
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				if i = pastString(b, i); i < 0 {
					return -1
				}
				i--
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return -1
	}
	for i < len(b) && !strings.ContainsRune(",]} \n\t\r", rune(b[i])) {
		i++
	}
	return i
}
