package gate

import (
	"context"
	"time"
)

// RadioSet is which emitters were surely in a vehicle on one visit, by
// pseudonyms that the site alone can make and that change with its keys. It is
// personal data of the passage: kept with it, erased with it, and never there
// without an impact assessment that allows it.
type RadioSet struct {
	Passage PassageID `json:"passage"`
	At      time.Time `json:"at"`            // when it was kept
	Epoch   int       `json:"epoch"`         // of the site's key, from 1; who makes the keys sets it
	Tags    []uint64  `json:"tags"`          // sorted, none of them 0 and none twice
	VIN     string    `json:"vin,omitempty"` // as the passage is filed; only where it is read back
}

// MaxRadioSet is the most pseudonyms that a set holds. A bus full of telephones
// is no set that says anything.
const MaxRadioSet = 32

// MaxRadioVisits is of how many visits, the last ones, RadioSet tells.
const MaxRadioVisits = 64

// RadioSets keeps what was heard with vehicles on earlier visits. The Controller
// owns this port; it is asked beside the way to a verdict, which never waits for
// it, and a site without an impact assessment has none. All methods may be
// called concurrently. They end soon after their context does, and nobody
// retries them: a set that could not be read or kept costs certainty, no record.
type RadioSets interface {
	// RadioSet tells on how many visits, of those that are still kept, each
	// emitter was with the vehicle of this VIN before the instant. None is not
	// an error.
	RadioSet(ctx context.Context, vin string, at time.Time) (map[uint64]int, error)
	// KeepRadioSet keeps the set of one visit with the passage, and an entry in
	// the log, in one transaction. A set without a tag is none. Keeping the set
	// of a passage a second time changes nothing. ErrNotFound when there is no
	// such passage; ErrErased when its personal data has been erased, or the key
	// under which the tags were made has been destroyed.
	KeepRadioSet(ctx context.Context, s RadioSet) error
}

// The steps in the life of a key under which pseudonyms are made.
const (
	RadioKeyMade      = "made"
	RadioKeyDestroyed = "destroyed"
)

// RadioKeyStep is one step in the life of a key. The log has it whole.
type RadioKeyStep struct {
	Epoch      int       `json:"epoch"` // numbered from 1; no number is used for two keys
	Kind       string    `json:"kind"`  // RadioKeyMade, RadioKeyDestroyed
	At         time.Time `json:"at"`
	Commitment string    `json:"commitment"` // which key it is; never the key
	Why        string    `json:"why"`        // names no vehicle
}

// RadioSetFilter chooses sets. A zero field does not restrict.
type RadioSetFilter struct {
	Epoch int    // those made under the key of this epoch
	VIN   string // of the passages of this vehicle
	Plate string // likewise
}

// RadioSetStore is RadioSets with what is needed to change keys, to erase and to
// answer the person whose vehicle it is. Package gate/radiokey owns the port;
// gate/sqlite and gate/storetest implement it. The rules of RadioSets hold.
type RadioSetStore interface {
	RadioSets
	// RadioSetsOf are the sets of a vehicle, by VIN or plate or both, that are
	// still kept, newest first.
	RadioSetsOf(ctx context.Context, vin, plate string) ([]RadioSet, error)
	// EraseRadioSets erases sets, logs that it did, and returns how many. They
	// are gone from the database and its write-ahead log when it returns nil,
	// but for what a busy reader still holds.
	EraseRadioSets(ctx context.Context, which RadioSetFilter, at time.Time, why string) (int, error)
	// RecordRadioKey adds a step. The same kind of step of the same epoch again
	// is no error and changes nothing where it is of the same key, and ErrExists
	// else; destroying a key that was never made is ErrNotFound.
	RecordRadioKey(ctx context.Context, s RadioKeyStep) error
	// RadioKeys are all steps, oldest first.
	RadioKeys(ctx context.Context) ([]RadioKeyStep, error)
}
