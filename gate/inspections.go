package gate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/gate/auth"
)

// The classes of error of Inspections.
var (
	// ErrForbidden says that the person's role does not allow it.
	ErrForbidden = errors.New("not allowed for this person's role")
	// ErrSamePerson says that the second person has vouched already.
	ErrSamePerson = errors.New("the second person is another one than the first")
	// ErrTooMany says that no more can be kept.
	ErrTooMany = errors.New("no more can be kept")
	// ErrNoPhotos says that the site has chosen to keep no photographs.
	ErrNoPhotos = errors.New("this site keeps no photographs")
	// ErrOver says that the inspection has ended or expired.
	ErrOver = errors.New("the inspection no longer counts")
	// ErrNotDecidedAgain says that what was asked is durable, but the vehicle
	// at the line could not be decided again. It must not be repeated.
	ErrNotDecidedAgain = errors.New("recorded, but the vehicle at the line was not decided again")
)

// InspectionStore keeps inspections. Inspections owns this port; gate/sqlite
// and gate/storetest implement it.
//
// Each Record method writes its records and an entry of the tamper-evident log
// for each in one transaction, and returns nil only when all would survive a
// power cut. An error means that the caller does not know. To record the same
// thing again (same ID, same content) is no error, so that a caller who does
// not know may try again; other content under the same ID is ErrExists. All
// methods may be called concurrently and end soon after their context does.
type InspectionStore interface {
	// RecordInspection leaves out Acts and Photos.
	RecordInspection(context.Context, Inspection) error
	// RecordInspectionActs adds all acts or none. ErrNotFound when there is no
	// such inspection, ErrErased when retention has erased it, ErrExists when it
	// was ended in this way, or confirmed by this person, before.
	RecordInspectionActs(context.Context, ...InspectionAct) error
	// RecordPhoto adds a picture. ErrNotFound and ErrErased as above, ErrTooMany
	// when the inspection has MaxPhotos.
	RecordPhoto(context.Context, PhotoData) error
	// Photo is the picture of that SHA-256, or ErrNotFound.
	Photo(ctx context.Context, inspection, sum string) ([]byte, error)
	// Inspection is one inspection with acts and photographs, or ErrNotFound.
	Inspection(ctx context.Context, id string) (Inspection, error)
	// InspectionHistory is all that is kept of a vehicle's inspections, newest
	// first, with acts and photographs. None is not an error.
	InspectionHistory(ctx context.Context, vin string) ([]Inspection, error)
	// EachInspection hands on all that are kept, oldest first, with acts and
	// without photographs, until take returns an error, which it returns.
	EachInspection(ctx context.Context, take func(Inspection) error) error
}

// Person is somebody whom the caller has made sure of.
type Person struct {
	Name string    `json:"name"`
	Role auth.Role `json:"role"`
}

func (p Person) may(what auth.Permission) error {
	if strings.TrimSpace(p.Name) == "" || !auth.May(p.Role, what) {
		return fmt.Errorf("%s is %s, and lacks %q: %w", p.Name, p.Role, what, ErrForbidden)
	}
	return nil
}

// InspectionsConfig is what Inspections is made of.
type InspectionsConfig struct {
	Store      InspectionStore
	Rules      InspectionRules
	Market     string // market assumed where an inspection names none
	KeepPhotos bool   // the site keeps photographs
	// Describe says what kind of vehicle a VIN is of, for what is learnt from
	// inspections; nil leaves it out.
	Describe func(vin, market string, at time.Time) InspectedVehicle
	// Changed is told, after the record is durable, of which vehicle something
	// is known now; nil where no lane runs. Controller.Inspected is one.
	Changed func(ctx context.Context, vin string) error
	Now     func() time.Time
}

// Inspections is what people do with inspections: the one way in for screens
// and the command line. Its methods may be called concurrently. What is
// recorded is durable on return; an error that is ErrNotDecidedAgain comes
// after that, every other one means that nothing is known to be recorded.
type Inspections struct{ cfg InspectionsConfig }

// NewInspections checks the configuration.
func NewInspections(cfg InspectionsConfig) (*Inspections, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("inspections: no store")
	case cfg.Now == nil:
		return nil, errors.New("inspections: no clock")
	case cfg.Rules.Days <= 0 || cfg.Rules.StatementDays <= 0:
		return nil, errors.New("inspections: every inspection expires; the site says after how many days")
	}
	return &Inspections{cfg}, nil
}

// Record files what was read off a vehicle, or stated of it. The first of the
// people is the inspector; one more was there and signs for it too. ID, By,
// Second, Expires and Vehicle are filled here; At is when it was made, empty is
// now, and Expires may be asked for sooner than the site's rule, never later.
// Pictures are kept where the site keeps them.
func (s *Inspections) Record(ctx context.Context, people []Person, in Inspection, pictures ...[]byte) (Inspection, error) {
	fail := func(err error) (Inspection, error) { return Inspection{}, fmt.Errorf("inspection: %w", err) }
	need := auth.InspectVehicle
	if in.Kind != KindSeen {
		need = auth.FileStatement
	}
	if len(people) == 0 || len(people) > 2 {
		return fail(fmt.Errorf("%d people; one or two sign for an inspection", len(people)))
	}
	for _, p := range people {
		if err := p.may(need); err != nil {
			return fail(err)
		}
	}
	in.By, in.Second = people[0].Name, ""
	if len(people) == 2 {
		if in.Second = people[1].Name; in.Second == in.By {
			return fail(ErrSamePerson)
		}
	}
	now := s.cfg.Now().UTC().Round(0)
	if in.At.IsZero() {
		in.At = now
	}
	in.At = in.At.UTC()
	if in.At.After(now) {
		return fail(fmt.Errorf("at: %s is in the future", in.At.Format(time.RFC3339)))
	}
	if last := in.At.Add(s.cfg.Rules.Life(in.Kind)); in.Expires.IsZero() || in.Expires.After(last) {
		in.Expires = last
	}
	in.Expires = in.Expires.UTC()
	if !in.Expires.After(now) {
		return fail(fmt.Errorf("at: made on %s, it has expired already", day(in.At)))
	}
	in.VIN = NormalVIN(in.VIN)
	if in.ID == "" {
		in.ID = newInspectionID(in.At)
	}
	if in.Vehicle == (InspectedVehicle{}) && s.cfg.Describe != nil {
		in.Vehicle = s.cfg.Describe(in.VIN, s.cfg.Market, in.At)
	}
	in.Acts, in.Photos = nil, nil
	if err := in.Check(); err != nil {
		return fail(err)
	}
	photos := make([]PhotoData, len(pictures))
	for i, data := range pictures {
		p, err := s.photo(people[0], in.ID, data, now)
		if err != nil {
			return fail(fmt.Errorf("photograph %d: %w", i+1, err))
		}
		photos[i] = p
	}
	if len(photos) > MaxPhotos {
		return fail(fmt.Errorf("%d photographs: %w", len(photos), ErrTooMany))
	}
	if err := s.room(ctx, in); err != nil {
		return fail(err)
	}
	if err := s.cfg.Store.RecordInspection(ctx, in); err != nil {
		return fail(err)
	}
	for i, p := range photos {
		if err := s.cfg.Store.RecordPhoto(ctx, p); err != nil {
			// What was read counts without its pictures.
			return in, errors.Join(fmt.Errorf("inspection %s is recorded, its photograph %d is not: %w", in.ID, i+1, err), s.changed(ctx, in.VIN))
		}
		in.Photos = append(in.Photos, p.Photo)
	}
	return in, s.changed(ctx, in.VIN)
}

// maxStanding is how many inspections of one vehicle may stand at a time. All
// of them are read again for each verdict on it.
const maxStanding = 32

// room makes sure that one more inspection of the vehicle may stand, or that it
// is recorded already.
func (s *Inspections) room(ctx context.Context, in Inspection) error {
	list, err := s.cfg.Store.InspectionHistory(ctx, in.VIN)
	if err != nil {
		return err
	}
	now, standing := s.cfg.Now(), 0
	for _, k := range list {
		if k.ID == in.ID {
			return nil
		}
		if st := s.cfg.Rules.Stands(k, now, 0); st != StandsEnded && st != StandsExpired {
			standing++
		}
	}
	if standing >= maxStanding {
		return fmt.Errorf("this vehicle has %d inspections that stand; end those that are wrong or out of date first: %w", standing, ErrTooMany)
	}
	return nil
}

func (s *Inspections) changed(ctx context.Context, vin string) error {
	if s.cfg.Changed == nil {
		return nil
	}
	if err := s.cfg.Changed(ctx, vin); err != nil {
		return fmt.Errorf("%w: %w", ErrNotDecidedAgain, err)
	}
	return nil
}

// Confirm adds a second person's word to what was seen.
func (s *Inspections) Confirm(ctx context.Context, who Person, id, note string) error {
	in, err := s.standing(ctx, who, auth.InspectVehicle, id)
	switch {
	case err != nil:
		return fmt.Errorf("confirm: %w", err)
	case in.Kind != KindSeen:
		return fmt.Errorf("confirm: a statement is its author's: %w", ErrNotAllowed)
	case slices.Contains(in.People(s.cfg.Now()), who.Name):
		return fmt.Errorf("confirm: %w", ErrSamePerson)
	}
	return s.act(ctx, who, []Inspection{in}, InspectionConfirmed, note)
}

// End withdraws or voids one inspection.
func (s *Inspections) End(ctx context.Context, who Person, id string, cause InspectionActKind, note string) error {
	if !cause.Ends() {
		return fmt.Errorf("end: %q ends no inspection", cause)
	}
	if err := who.may(auth.EndInspection); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	in, err := s.cfg.Store.Inspection(ctx, id)
	if err != nil {
		return fmt.Errorf("end: %w", err)
	}
	return s.act(ctx, who, []Inspection{in}, cause, note)
}

// Void ends all inspections of a vehicle that what happened to it voids, all or
// none, and returns them. ErrNotFound when there is none.
func (s *Inspections) Void(ctx context.Context, who Person, vin string, cause InspectionActKind, note string) ([]Inspection, error) {
	if err := who.may(auth.EndInspection); err != nil {
		return nil, fmt.Errorf("void: %w", err)
	}
	all, err := s.cfg.Store.InspectionHistory(ctx, vin)
	if err != nil {
		return nil, fmt.Errorf("void: %w", err)
	}
	now := s.cfg.Now()
	hit := slices.DeleteFunc(all, func(in Inspection) bool {
		// One that has expired is voided too: the site may lengthen lives again.
		_, ended := in.EndAt(now)
		return !cause.Voids(in) || ended
	})
	if len(hit) == 0 {
		return nil, fmt.Errorf("void: this vehicle has no inspection that %q voids: %w", cause, ErrNotFound)
	}
	return hit, s.act(ctx, who, hit, cause, note)
}

// act records one act on each of several inspections of one vehicle.
func (s *Inspections) act(ctx context.Context, who Person, on []Inspection, kind InspectionActKind, note string) error {
	acts := make([]InspectionAct, len(on))
	for i, in := range on {
		acts[i] = InspectionAct{Inspection: in.ID, Kind: kind, By: who.Name, At: s.cfg.Now().UTC().Round(0), Note: note}
		if err := acts[i].Check(); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	if err := s.cfg.Store.RecordInspectionActs(ctx, acts...); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return s.changed(ctx, on[0].VIN)
}

// standing is an inspection that has neither ended nor expired.
func (s *Inspections) standing(ctx context.Context, who Person, need auth.Permission, id string) (Inspection, error) {
	if err := who.may(need); err != nil {
		return Inspection{}, err
	}
	in, err := s.cfg.Store.Inspection(ctx, id)
	if err != nil {
		return Inspection{}, err
	}
	if st := s.cfg.Rules.Stands(in, s.cfg.Now(), 0); st == StandsEnded || st == StandsExpired {
		return Inspection{}, fmt.Errorf("it is %s: %w", st, ErrOver)
	}
	return in, nil
}

// AddPhoto adds a picture to an inspection that counts.
func (s *Inspections) AddPhoto(ctx context.Context, who Person, id string, picture []byte) (Photo, error) {
	in, err := s.standing(ctx, who, auth.InspectVehicle, id)
	if err != nil {
		return Photo{}, fmt.Errorf("photograph: %w", err)
	}
	p, err := s.photo(who, in.ID, picture, s.cfg.Now().UTC().Round(0))
	if err == nil {
		err = s.cfg.Store.RecordPhoto(ctx, p)
	}
	if err != nil {
		return Photo{}, fmt.Errorf("photograph: %w", err)
	}
	return p.Photo, nil
}

func (s *Inspections) photo(who Person, id string, picture []byte, at time.Time) (PhotoData, error) {
	if !s.cfg.KeepPhotos {
		return PhotoData{}, ErrNoPhotos
	}
	sum := sha256.Sum256(picture)
	p := PhotoData{Inspection: id, Data: picture, Photo: Photo{
		SHA256: hex.EncodeToString(sum[:]), Type: pictureType(picture), Size: len(picture), By: who.Name, At: at,
	}}
	return p, p.Check()
}

// Photo is the picture of that SHA-256, and its media type.
func (s *Inspections) Photo(ctx context.Context, who Person, id, sum string) (data []byte, mediaType string, err error) {
	if err := who.may(auth.SeeInspections); err != nil {
		return nil, "", fmt.Errorf("photograph: %w", err)
	}
	if data, err = s.cfg.Store.Photo(ctx, id, sum); err != nil {
		return nil, "", fmt.Errorf("photograph: %w", err)
	}
	return data, pictureType(data), nil
}

// InspectionView is an inspection and where it stands now, in the zone that
// asks most.
type InspectionView struct {
	Inspection
	Stands  Standing `json:"stands"`
	Vouched int      `json:"vouched"` // people who have vouched for it
	Needs   int      `json:"needs"`   // people who have to
}

func (s *Inspections) view(in Inspection) InspectionView {
	now := s.cfg.Now()
	return InspectionView{Inspection: in, Stands: s.cfg.Rules.Stands(in, now, 0), Vouched: len(in.People(now)), Needs: s.cfg.Rules.Needs(in.Kind, 0)}
}

// List is all that is kept of a vehicle's inspections, newest first.
func (s *Inspections) List(ctx context.Context, who Person, vin string) ([]InspectionView, error) {
	if err := who.may(auth.SeeInspections); err != nil {
		return nil, fmt.Errorf("inspections: %w", err)
	}
	if err := wholeVIN(vin); err != nil {
		return nil, fmt.Errorf("inspections: %w", err)
	}
	list, err := s.cfg.Store.InspectionHistory(ctx, vin)
	if err != nil {
		return nil, fmt.Errorf("inspections: %w", err)
	}
	views := make([]InspectionView, len(list))
	for i, in := range list {
		views[i] = s.view(in)
	}
	return views, nil
}

// Show is one inspection.
func (s *Inspections) Show(ctx context.Context, who Person, id string) (InspectionView, error) {
	if err := who.may(auth.SeeInspections); err != nil {
		return InspectionView{}, fmt.Errorf("inspection: %w", err)
	}
	in, err := s.cfg.Store.Inspection(ctx, id)
	if err != nil {
		return InspectionView{}, fmt.Errorf("inspection: %w", err)
	}
	return s.view(in), nil
}

// newInspectionID sorts by time and does not repeat.
func newInspectionID(at time.Time) string {
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // never fails
	return at.UTC().Format("20060102T150405.000000Z") + "-" + hex.EncodeToString(salt[:])
}
