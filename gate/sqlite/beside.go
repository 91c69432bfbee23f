package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"sallyport/gate/translog"
)

// besideLog looks at what steers the database without being a record: what was
// added that works by itself, and the list of who is inside, which is only kept
// for speed and must say what the records of it say.
func besideLog(ctx context.Context, db *sql.DB) (list []translog.Misfit, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	list, err = collect(func(rows *sql.Rows) (m translog.Misfit, err error) {
		var kind, name string
		err = rows.Scan(&kind, &name)
		return translog.Misfit{Seq: translog.Beside, What: fmt.Sprintf("the database has a %s %q, and no version of this program makes one", kind, name)}, err
	})(tx.QueryContext(ctx, "SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'view') ORDER BY name"))
	if err != nil {
		return nil, err
	}
	there, err := tables(ctx, tx.QueryContext)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(there, tableStay) || !slices.Contains(there, tableStayEnd):
		return list, nil // of an older program; where one was dropped, the log misses its rows
	case !slices.Contains(there, tableStayOpen):
		return append(list, translog.Misfit{Seq: translog.Beside, What: "the list of who is inside is gone"}), nil
	}
	strays, err := misplacedStays(ctx, tx)
	return append(list, strays...), err
}

// misplacedStays compares the list of who is inside with the stays. Counts tell
// whether anybody is missing there: only then it is looked for who.
func misplacedStays(ctx context.Context, tx *sql.Tx) ([]translog.Misfit, error) {
	var stays, ended, open int64
	err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM stay), (SELECT count(*) FROM stay_end WHERE stay <> ''), (SELECT count(*) FROM stay_open)`).Scan(&stays, &ended, &open)
	if err != nil {
		return nil, err
	}
	take := func(what string) func(*sql.Rows) (translog.Misfit, error) {
		return func(rows *sql.Rows) (m translog.Misfit, err error) {
			m.What = what
			return m, rows.Scan(&m.Seq)
		}
	}
	list, err := collect(take("the list of who is inside names a stay that has ended, or is none"))(tx.QueryContext(ctx, `
		SELECT o.seq FROM stay_open o LEFT JOIN stay s ON s.seq = o.seq
		WHERE s.seq IS NULL OR EXISTS (SELECT 1 FROM stay_end e WHERE e.stay = s.id AND e.stay <> '') ORDER BY 1 LIMIT 100`))
	if err != nil || len(list) == 0 && open == stays-ended {
		return list, err
	}
	more, err := collect(take("the list of who is inside lacks a stay that has not ended"))(tx.QueryContext(ctx, `
		SELECT s.seq FROM stay s WHERE s.seq NOT IN (SELECT seq FROM stay_open)
		AND NOT EXISTS (SELECT 1 FROM stay_end e WHERE e.stay = s.id AND e.stay <> '') ORDER BY 1 LIMIT 100`))
	return append(list, more...), err
}
