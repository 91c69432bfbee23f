package sqlite

import (
	"context"
	"database/sql"
	"fmt"
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
