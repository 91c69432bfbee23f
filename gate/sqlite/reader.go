package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"sallyport/gate"
)

// Reader reads a site's inspections, running or stopped, and writes nothing.
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
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", tableInspectionAct).Scan(&there)
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

// Close ends the reading.
func (r *Reader) Close() error { return r.s.r.Close() }
