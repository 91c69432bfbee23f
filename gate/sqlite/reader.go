package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"sallyport/gate"
)

// Reader reads a site's records, running or stopped, and writes nothing.
// Its methods may be called concurrently.
type Reader struct{ s Store }

// OpenReader opens the site in the directory for reading. A database that an
// older program wrote is refused: starting the site brings it up to date.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	path, err := existing(dir)
	if err != nil {
		return nil, err
	}
	db, err := openReaders(filepath.Join(path, fileDB))
	if err != nil {
		return nil, err
	}
	var there int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", tablePosture).Scan(&there)
	if err == nil && there == 0 {
		err = fmt.Errorf("%s: the database is of an older program; start the site once to bring it up to date", path)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Reader{Store{dir: path, r: db}}, nil
}

// Inspections are those in time, as of Store.
func (r *Reader) Inspections(ctx context.Context, vin string, at time.Time) ([]gate.Inspection, error) {
	return r.s.Inspections(ctx, vin, at)
}

// EachInspection hands on every inspection that is kept, as of Store.
func (r *Reader) EachInspection(ctx context.Context, take func(gate.Inspection) error) error {
	return r.s.EachInspection(ctx, take)
}

// InspectionHistory is all that is kept of a vehicle's inspections
// (gate.LearningStore).
func (r *Reader) InspectionHistory(ctx context.Context, vin string) ([]gate.Inspection, error) {
	return r.s.InspectionHistory(ctx, vin)
}

// PolicyVersions are all versions of the rules, as of Store.
func (r *Reader) PolicyVersions(ctx context.Context) ([]gate.PolicyVersion, error) {
	return r.s.PolicyVersions(ctx)
}

// PolicyVersion is one version with its source, as of Store.
func (r *Reader) PolicyVersion(ctx context.Context, number int) (gate.PolicyVersion, error) {
	return r.s.PolicyVersion(ctx, number)
}

// PostureChanges are all changes of the threat level, as of Store.
func (r *Reader) PostureChanges(ctx context.Context) ([]gate.PostureChange, error) {
	return r.s.PostureChanges(ctx)
}

// RadioSetsOf are the radio sets of a vehicle that are kept, newest first.
func (r *Reader) RadioSetsOf(ctx context.Context, vin, plate string) ([]gate.RadioSet, error) {
	return r.s.RadioSetsOf(ctx, vin, plate)
}

// Close ends the reading.
func (r *Reader) Close() error { return r.s.r.Close() }

// Subject is everything that is kept of a vehicle, as of Store.
func (r *Reader) Subject(ctx context.Context, of gate.DataSubject) (gate.SubjectExport, error) {
	return r.s.Subject(ctx, of)
}

// Holds are the holds that are kept, as of Store.
func (r *Reader) Holds(ctx context.Context) ([]gate.Hold, error) { return r.s.Holds(ctx) }
