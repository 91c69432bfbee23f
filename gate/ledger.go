package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/gate/auth"
	"sallyport/policy"
)

// StayEnding is how a stay ended.
type StayEnding string

// The endings of a stay.
const (
	StayLeft   StayEnding = "left"   // an exit lane let it out
	StayUnseen StayEnding = "unseen" // a person says that it left unseen
)

// Stay is one vehicle inside the site: from the entry passage that admitted it,
// or from a person's word, to the exit passage that let it out, or to a person's
// word. It begins and ends in the transaction of what began or ended it. What
// does not fit is kept as it was: an entry of a vehicle that is inside is a
// second stay (Again), and an exit of one that is not is a stay without a
// beginning (Stray).
type Stay struct {
	ID         string    `json:"id,omitempty"`    // of its beginning; empty where it has none
	VIN        string    `json:"vin,omitempty"`   // empty once erased, or never known
	Plate      string    `json:"plate,omitempty"` // likewise
	Lane       LaneID    `json:"lane,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Passage    PassageID `json:"passage,omitempty"`    // of the entry; empty: a person said so
	Conditions []string  `json:"conditions,omitempty"` // that were imposed on it, in English
	// ConditionIDs are the ids of the first of Conditions, by which the policy of
	// that hash gives their words in another language. The others are the pass's.
	ConditionIDs []string  `json:"condition_ids,omitempty"`
	Policy       string    `json:"policy,omitempty"`
	Due          time.Time `json:"due,omitzero"`    // when its pass ends
	Again        bool      `json:"again,omitempty"` // it was inside already
	By           string    `json:"by,omitempty"`    // who said that it is inside
	Why          string    `json:"why,omitempty"`   // and why

	Ended    StayEnding `json:"ended,omitempty"` // empty: it is inside
	Until    time.Time  `json:"until,omitzero"`
	ExitLane LaneID     `json:"exit_lane,omitempty"`
	Exit     PassageID  `json:"exit,omitempty"`
	EndedBy  string     `json:"ended_by,omitempty"` // who said that it left
	EndedWhy string     `json:"ended_why,omitempty"`

	Erased bool  `json:"erased,omitempty"` // its personal data
	Seq    int64 `json:"seq"`              // of its first entry in the log
}

// Stray says whether the vehicle left without having come in, as far as is
// known.
func (s *Stay) Stray() bool { return s.ID == "" }

// Inside says whether the vehicle is inside.
func (s *Stay) Inside() bool { return s.ID != "" && s.Ended == "" }

// Overdue says whether a vehicle is inside for longer than its pass or the
// site's bound allows; a bound of 0 is none.
func (s *Stay) Overdue(at time.Time, longest time.Duration) bool {
	return s.Inside() && (!s.Due.IsZero() && at.After(s.Due) || longest > 0 && at.Sub(s.Since) > longest)
}

// MatchStay is the place in a list, latest first, of the stay that is the
// vehicle's: by VIN, or by plate where not both have a VIN. It is -1 where none
// is. The same plate with another VIN is another vehicle.
func MatchStay(inside []Stay, vin, plate string) int {
	if vin != "" {
		if i := slices.IndexFunc(inside, func(s Stay) bool { return s.VIN == vin }); i >= 0 {
			return i
		}
	}
	return slices.IndexFunc(inside, func(s Stay) bool {
		return plate != "" && s.Plate == plate && (vin == "" || s.VIN == "")
	})
}

// StaysBefore are those of a list that had begun at an instant: a paper form that
// is entered later speaks of no other. A zero instant leaves all.
func StaysBefore(list []Stay, at time.Time) []Stay {
	if at.IsZero() {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(s Stay) bool { return s.Since.After(at) })
}

// LeftSince is why a stay ends with the entry of its paper form.
const LeftSince = "entered afterwards from a paper form: it has left since, or has come again"

// CorrectionKind is what a person says of who is inside.
type CorrectionKind string

// The corrections.
const (
	CorrectLeft   CorrectionKind = "left"   // a vehicle that the list has inside is not
	CorrectInside CorrectionKind = "inside" // a vehicle that the list does not have is inside
)

// Correction is one person's correction of the list.
type Correction struct {
	ID    string         `json:"id"` // of the stay that begins, for CorrectInside
	Kind  CorrectionKind `json:"kind"`
	Stay  string         `json:"stay,omitempty"` // the one that ends, for CorrectLeft
	VIN   string         `json:"vin,omitempty"`
	Plate string         `json:"plate,omitempty"`
	By    string         `json:"by"`
	Why   string         `json:"why"`
	At    time.Time      `json:"at"`
}

// Check says what is wrong with a correction. Every store asks it.
func (c Correction) Check() error {
	switch {
	case strings.TrimSpace(c.By) == "" || c.At.IsZero():
		return errors.New("a correction has a person and an instant")
	case strings.TrimSpace(c.Why) == "":
		return ErrNeedsReason
	case c.Kind == CorrectLeft && c.Stay != "" && c.VIN+c.Plate == "" && c.ID == "":
		return nil
	case c.Kind == CorrectInside && c.ID != "" && c.VIN+c.Plate != "" && c.Stay == "":
		return nil
	}
	return fmt.Errorf("correction %q: name the stay that has ended, or the VIN or plate of the vehicle that is inside", c.Kind)
}

// StayFilter chooses stays. A zero field does not restrict.
type StayFilter struct {
	Inside bool // only those inside, the longest first; else the newest first
	Strays bool // only those without a beginning
	VIN    string
	Plate  string
	Lane   LaneID // of the entry; of the exit where there was no entry
	Limit  int    // at most 1000; 0 is 50
	After  int64  // Seq of the last one of the page before, in the order of the list
}

// LedgerStore keeps who is inside. Ledger and IdentityDesk own this port;
// gate/sqlite and gate/storetest implement it. A passage's outcome opens or
// closes a stay in its own transaction, without being asked: an EndAdmitted of a
// passage whose moment is entry opens one, of exit ends one. Each beginning and
// each end is a record with an entry of the log. All methods may be called
// concurrently.
type LedgerStore interface {
	// Inside are the open stays with that VIN or with one of these plates, latest
	// first. None is not an error. It answers within a millisecond.
	Inside(ctx context.Context, vin string, plates ...string) ([]Stay, error)
	// Stays are those that the filter chooses.
	Stays(ctx context.Context, f StayFilter) ([]Stay, error)
	// CorrectStay is durable on return. ErrNotFound when there is no such stay,
	// ErrOver when it has ended, ErrExists when a vehicle that is said to be
	// inside is on the list.
	CorrectStay(ctx context.Context, c Correction) error
	// Sightings are the passages of that VIN or that plate at other lanes that
	// have not ended, or ended at or after since; newest first, at most 16.
	Sightings(ctx context.Context, vin, plate string, not LaneID, since time.Time) ([]Sighting, error)
}

// Sighting is a vehicle that was at another lane.
type Sighting struct {
	Passage PassageID
	Lane    LaneID
	VIN     string
	Plate   string
	At      time.Time // when it came
	Until   time.Time // when the passage ended; zero while it lasts
}

// BeginStay is the stay that an admitted entry begins, from its passage and its
// last assessment.
func BeginStay(p Passage, last Assessment, o Outcome, again bool) Stay {
	v := &last.Verdict
	s := Stay{ID: string(p.ID), VIN: last.VIN, Plate: NormalPlate(last.Plate), Lane: p.Lane, Since: o.At, Passage: p.ID, Again: again}
	if p.Afterwards != nil {
		s.Since = p.Afterwards.HappenedAt
	}
	s.Conditions, s.ConditionIDs, s.Policy = StayConditions(v, last.Facts.Arrival.Findings)
	if s.VIN == "" {
		s.VIN = NormalVIN(p.Arrival.VIN)
	}
	if s.Plate == "" {
		s.Plate = NormalPlate(p.Arrival.Plate)
	}
	if l := last.Facts.Arrival.Pass; l.Known && l.Value == policy.PassValid {
		s.Due, _ = time.Parse(time.RFC3339, l.From.Expires)
	}
	return s
}

// StayConditions are the conditions under which a vehicle is inside: those of the
// verdict, with their ids and the policy's hash, and those of its pass.
func StayConditions(v *policy.Verdict, found []policy.ArrivalFinding) (words, ids []string, hash string) {
	words = slices.Clone(v.Conditions)
	if len(v.ConditionIDs) > 0 && len(v.ConditionIDs) == len(words) {
		ids, hash = v.ConditionIDs, v.Hash
	}
	for i := range found {
		if found[i].Code != "pass_conditions" {
			continue
		}
		for _, c := range strings.Split(found[i].Do, "; ") {
			if !slices.Contains(words, c) {
				words = append(words, c)
			}
		}
	}
	return words, ids, hash
}

// Ledger is what people do with the list of who is inside. Its methods may be
// called concurrently; what is corrected is durable on return.
type Ledger struct {
	store LedgerStore
	clock *Clock
	// changed is told, after the record is durable, that vehicles at the lines
	// are to be decided again.
	changed func(ctx context.Context) error
}

// NewLedger makes a Ledger. changed may be nil.
func NewLedger(store LedgerStore, clock *Clock, changed func(ctx context.Context) error) (*Ledger, error) {
	if store == nil || clock == nil {
		return nil, errors.New("ledger: no store or no clock")
	}
	return &Ledger{store, clock, changed}, nil
}

// Stays lists stays for a person.
func (l *Ledger) Stays(ctx context.Context, who Person, f StayFilter) ([]Stay, error) {
	if err := who.may(auth.SeeInside); err != nil {
		return nil, fmt.Errorf("who is inside: %w", err)
	}
	list, err := l.store.Stays(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("who is inside: %w", err)
	}
	return list, nil
}

// Left says that a vehicle on the list is not inside any more.
func (l *Ledger) Left(ctx context.Context, who Person, stay, why string) error {
	return l.correct(ctx, who, Correction{Kind: CorrectLeft, Stay: stay, Why: why})
}

// IsInside says that a vehicle is inside that the list does not have. It returns
// the id of the stay.
func (l *Ledger) IsInside(ctx context.Context, who Person, vin, plate, why string) (string, error) {
	c := Correction{ID: newID("in"), Kind: CorrectInside, VIN: NormalVIN(vin), Plate: NormalPlate(plate), Why: why}
	return c.ID, l.correct(ctx, who, c)
}

func (l *Ledger) correct(ctx context.Context, who Person, c Correction) error {
	if err := who.may(auth.CorrectInside); err != nil {
		return fmt.Errorf("correct who is inside: %w", err)
	}
	c.By, c.Why = who.Name, strings.TrimSpace(c.Why)
	c.At, _ = l.clock.Stamp()
	if err := l.store.CorrectStay(ctx, c); err != nil {
		return fmt.Errorf("correct who is inside: %w", err)
	}
	if l.changed != nil {
		if err := l.changed(ctx); err != nil {
			return errors.Join(ErrNotDecidedAgain, err)
		}
	}
	return nil
}
