package gate

import (
	"context"
	"time"
)

// RadioSet is which emitters were surely in a vehicle on one visit, by
// pseudonyms that the site alone can make and that change with its keys. It is
// personal data of the vehicle's record: kept with the passage, erased with it,
// and never there without an impact assessment that allows it.
type RadioSet struct {
	VIN     string    // of the vehicle, as the passage is filed
	Passage PassageID // the visit
	At      time.Time // when it was kept
	Epoch   int       // of the site's key; the store that makes keys sets it
	Tags    []uint64  // attribute.Confirmed's, none of them 0 and none twice
}

// MaxRadioSet is the most pseudonyms that a set holds. A bus full of telephones
// is no set that says anything.
const MaxRadioSet = 32

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
	// KeepRadioSet keeps the set of one visit, with an entry in the log, in one
	// transaction. Tags that were made under a key which is no longer the
	// site's present one, and those beyond MaxRadioSet, are left out. Keeping
	// the set of a passage a second time changes nothing. ErrNotFound when there
	// is no such passage, ErrErased when its personal data has been erased.
	KeepRadioSet(ctx context.Context, s RadioSet) error
}
