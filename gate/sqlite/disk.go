package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrReplaced says that the file of the database is no longer the one that was
// opened: it was moved away, or another was put in its place. Nothing is
// recorded then, for it would go into a file that has no name.
var ErrReplaced = errors.New("the database file was moved or replaced while the site runs")

// ErrDamaged says that pages of the database do not fit together.
var ErrDamaged = errors.New("the database is damaged")

// same makes sure that the database that is open is the one of that name.
func (s *Store) same() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReplaced, err)
	}
	if !os.SameFile(now, s.file) {
		return ErrReplaced
	}
	return nil
}

// beginGroup opens the transaction of a group.
func (t *txn) beginGroup() error {
	if err := t.s.same(); err != nil {
		return err
	}
	err := t.exec("BEGIN IMMEDIATE")
	if err != nil && strings.Contains(err.Error(), "within a transaction") {
		// A disk that failed has kept the one before from being rolled back.
		if err := t.exec("ROLLBACK"); err != nil {
			return err
		}
		return t.exec("BEGIN IMMEDIATE")
	}
	return err
}

// CheckPages has SQLite read every page of the database and hold tables against
// their indexes. It tells of damage that the log does not show, in what no
// record rests on, and reads the whole file: it is for the night.
func (s *Store) CheckPages(ctx context.Context) error {
	said, err := collect(func(rows *sql.Rows) (what string, err error) { return what, rows.Scan(&what) })(s.r.QueryContext(ctx, "PRAGMA integrity_check(10)"))
	if err != nil {
		return fmt.Errorf("check pages: %w", err)
	}
	var wrong []error
	for _, what := range said {
		if what != "ok" {
			wrong = append(wrong, errors.New(what))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %w", ErrDamaged, errors.Join(wrong...))
	}
	return nil
}
