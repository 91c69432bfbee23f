package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// LimitPages lets the database grow to so many pages (or to what it has).
func LimitPages(t *testing.T, s *Store, pages int) {
	t.Helper()
	o := &op{ctx: t.Context(), done: make(chan error, 1), alone: func(c *sql.Conn) error {
		_, err := c.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		return err
	}}
	if err := s.queue("limit", o); err != nil {
		t.Fatal(err)
	}
}

// Reached tells whether every way of erasing and showing knows a table of
// personal data.
func Reached(table string) error {
	var errs []error
	if forget[table] == "" {
		errs = append(errs, errors.New("nothing erases a record of it"))
	}
	if !strings.Contains(expired, "'"+table+"'") {
		errs = append(errs, errors.New("retention does not know it"))
	}
	if !slices.ContainsFunc(vehicleTables, func(v vehicleTable) bool { return v.table == table }) {
		errs = append(errs, errors.New("a request of a vehicle's keeper does not reach it"))
	}
	if recordForm[table].kind == "" || !slices.ContainsFunc(lines[:], func(l line) bool { return l.table == table }) {
		errs = append(errs, errors.New("the log is not compared with it"))
	}
	return errors.Join(errs...)
}
