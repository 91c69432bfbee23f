package gate

import (
	"errors"
	"strings"
	"time"
)

// DataSubject is a vehicle that somebody asks about: its keeper, by law, or a court.
// Records that bear either name are the vehicle's.
type DataSubject struct {
	VIN   string `json:"vin,omitempty"`
	Plate string `json:"plate,omitempty"`
}

// Normal is the subject as the site files it. One that names nothing is an error.
func (s DataSubject) Normal() (DataSubject, error) {
	s = DataSubject{VIN: NormalVIN(s.VIN), Plate: NormalPlate(s.Plate)}
	if s.VIN == "" && s.Plate == "" {
		return s, errors.New("neither VIN nor plate")
	}
	return s, nil
}

// Names tells whether a text names the vehicle. What is logged for ever must not.
func (s DataSubject) Names(text string) bool {
	upper, plate := strings.ToUpper(text), NormalPlate(text)
	return s.VIN != "" && strings.Contains(upper, s.VIN) || s.Plate != "" && strings.Contains(plate, s.Plate)
}

// ErasureAsk is a person's order to erase what is kept of a vehicle.
type ErasureAsk struct {
	DataSubject
	By  string    `json:"by"`
	Why string    `json:"why"` // kept for ever: names no vehicle
	At  time.Time `json:"at"`
}

// Check says what is wrong with the order, by its normal subject.
func (a ErasureAsk) Check() error {
	switch {
	case strings.TrimSpace(a.By) == "":
		return errors.New("nobody orders it")
	case strings.TrimSpace(a.Why) == "":
		return errors.New("no reason")
	case a.Names(a.Why):
		return errors.New("the reason names the vehicle, and stays in the log for ever: say it without")
	}
	return nil
}

// Why a record was left where it is.
const (
	KeptOpen    = "open"    // the passage has not ended, or the vehicle is inside
	KeptHeld    = "held"    // a hold is on the vehicle
	KeptMention = "mention" // it is of another vehicle, and names this one
)

// KeptRecord is a record that an erasure left, and why.
type KeptRecord struct {
	Table string `json:"table"`
	Seq   int64  `json:"seq"` // of its log entry
	Why   string `json:"why"`
}

// ErasureReport says what an erasure did.
type ErasureReport struct {
	Erased map[string]int `json:"erased"` // how many records of each table
	Kept   []KeptRecord   `json:"kept,omitempty"`
	// Also are names that records of the vehicle bore beside the one asked for:
	// a plate seen with the VIN, a VIN seen with the plate. Nothing was erased
	// that bears only them.
	Also []DataSubject `json:"also,omitempty"`
}

// SubjectRecord is one record of a vehicle, as it is kept.
type SubjectRecord struct {
	Table  string         `json:"table"`
	Seq    int64          `json:"seq"`
	Record map[string]any `json:"record"`
}

// SubjectExport is everything that is kept of a vehicle.
type SubjectExport struct {
	DataSubject
	Records  []SubjectRecord `json:"records"` // by rising sequence number
	Mentions []KeptRecord    `json:"mentions,omitempty"`
	Also     []DataSubject   `json:"also,omitempty"`
}

// Hold keeps the records of a vehicle from every erasure until it is lifted: an
// inquiry, a court's order.
type Hold struct {
	ID string `json:"id"`
	DataSubject
	By     string    `json:"by"`
	Why    string    `json:"why"`
	At     time.Time `json:"at"`
	Lifted time.Time `json:"lifted,omitzero"`
}

// What is done to a hold.
const (
	HoldPlaced = "placed"
	HoldLifted = "lifted"
)
