package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

	"sallyport/gate"
	"sallyport/gate/translog"
)

// mostOfVehicle is how many entries of one vehicle a search looks through: the
// newest.
const mostOfVehicle = 5000

// Search finds entries of the log, newest first, by an index for each criterion.
func (d *Digest) Search(ctx context.Context, f gate.LogFilter) (p gate.LogPage, err error) {
	if p.Behind, err = d.behind(ctx); err != nil {
		return p, fmt.Errorf("search: %w", err)
	}
	query, args, err := d.choose(ctx, f)
	if err != nil {
		return p, fmt.Errorf("search: %w", err)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, maxPage)
	places, err := collect(func(rows *sql.Rows) (l gate.LogPlace, err error) { return l, rows.Scan(&l.At, &l.Seq) })(d.r.QueryContext(ctx, query+" LIMIT ?", append(args, limit+1)...))
	if err != nil {
		return p, fmt.Errorf("search: %w", err)
	}
	if len(places) > limit {
		places, p.More = places[:limit], true
	}
	for _, place := range places {
		list, err := d.s.Entries(ctx, place.Seq, 1)
		if err != nil {
			return p, fmt.Errorf("search: %w", err)
		}
		if len(list) == 0 || list[0].Seq != place.Seq {
			return p, fmt.Errorf("search: entry %d: %w", place.Seq, gate.ErrNotFound)
		}
		p.Lines = append(p.Lines, logLine(place, list[0]))
	}
	return p, nil
}

func logLine(place gate.LogPlace, stored translog.StoredEntry) gate.LogLine {
	l := gate.LogLine{Place: place, Seq: stored.Seq, Kind: "unreadable", Text: string(stored.Data)}
	if e, err := translog.DecodeEntry(stored.Data); err == nil {
		l.At, l.Kind, l.Lane, l.Passage, l.Body, l.Commits = e.At, e.Kind, gate.LaneID(e.Lane), gate.PassageID(e.Passage), bodyWords(e.Body), e.Commit != nil
	}
	return l
}

// choose is the query of a filter: it walks the index of the criterion that most
// likely leaves the fewest entries, and looks at the others by the way.
func (d *Digest) choose(ctx context.Context, f gate.LogFilter) (string, []any, error) {
	var conds []string
	var args []any
	where := func(cond string, arg ...any) {
		conds = append(conds, cond)
		args = append(args, arg...)
	}
	from, at := "entry e INDEXED BY entry_at", "e.at"
	switch {
	case f.Vehicle != gate.DataSubject{}:
		seqs, err := d.s.ofVehicle(ctx, f.Vehicle)
		if err != nil {
			return "", nil, err
		}
		from = "entry e"
		marks := make([]string, len(seqs))
		for i, seq := range seqs {
			marks[i] = "?"
			args = append(args, seq)
		}
		conds = append(conds, "e.seq IN ("+strings.Join(marks, ",")+")")
		if f.By != "" {
			where("EXISTS (SELECT 1 FROM person p WHERE p.name = ? AND p.at = e.at AND p.seq = e.seq)", f.By)
		}
	case f.HasSeq:
		from = "entry e"
		where("e.seq = ?", f.Seq)
	case f.Passage != "":
		from = "entry e INDEXED BY entry_passage"
		where("e.passage = ? AND e.passage <> ''", string(f.Passage))
	case f.By != "":
		from, at = "person p CROSS JOIN entry e ON e.seq = p.seq", "p.at"
		where("p.name = ?", f.By)
	case f.Kind != "":
		from = "entry e INDEXED BY entry_kind"
	case f.Lane != "":
		from = "entry e INDEXED BY entry_lane"
	}
	seq := "e.seq"
	if at == "p.at" {
		seq = "p.seq"
	}
	if f.By != "" && at != "p.at" && (f.Vehicle == gate.DataSubject{}) {
		where("EXISTS (SELECT 1 FROM person p WHERE p.name = ? AND p.at = e.at AND p.seq = e.seq)", f.By)
	}
	if f.Kind != "" {
		where("e.kind = ?", f.Kind)
	}
	if f.Lane != "" {
		where("e.lane = ? AND e.lane <> ''", string(f.Lane))
	}
	if !f.From.IsZero() {
		where(at+" >= ?", f.From.UnixMilli())
	}
	if !f.Until.IsZero() {
		where(at+" < ?", f.Until.UnixMilli())
	}
	if f.Before != (gate.LogPlace{}) {
		where("("+at+", "+seq+") < (?, ?)", f.Before.At, f.Before.Seq)
	}
	if len(conds) == 0 {
		where(at+" <= ?", int64(math.MaxInt64))
	}
	return "SELECT e.at, e.seq FROM " + from + " WHERE " + strings.Join(conds, " AND ") + " ORDER BY " + at + " DESC, " + seq + " DESC", args, nil
}

// ofVehicle are the entries of what is kept of a vehicle, the newest ones.
func (s *Store) ofVehicle(ctx context.Context, of gate.DataSubject) (seqs []int64, err error) {
	if of, err = of.Normal(); err != nil {
		return nil, err
	}
	for i, t := range vehicleTables {
		list, err := ofTable(func(query string, args ...any) (*sql.Rows, error) { return s.r.QueryContext(ctx, query, args...) }, i, of)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.table, err)
		}
		for _, o := range list {
			seqs = append(seqs, o.seq)
		}
	}
	slices.Sort(seqs)
	seqs = slices.Compact(seqs)
	return seqs[max(0, len(seqs)-mostOfVehicle):], nil
}

// Kinds are the kinds of entries that the log has, in alphabetical order.
func (d *Digest) Kinds(ctx context.Context) ([]string, error) {
	// A walk from kind to kind by the index: the log has some dozens of them.
	list, err := collect(func(rows *sql.Rows) (k string, err error) { return k, rows.Scan(&k) })(d.r.QueryContext(ctx, `
		WITH RECURSIVE k (kind) AS (SELECT min(kind) FROM entry UNION ALL SELECT (SELECT min(e.kind) FROM entry e WHERE e.kind > k.kind) FROM k WHERE k.kind IS NOT NULL)
		SELECT kind FROM k WHERE kind IS NOT NULL`))
	if err != nil {
		return nil, fmt.Errorf("kinds of entries: %w", err)
	}
	return list, nil
}

// Passages lists passages as Store.Passages does; where an outcome or an ending
// is asked for and no vehicle, they are found by the digest's index.
func (d *Digest) Passages(ctx context.Context, f gate.PassageFilter) ([]gate.PassageSummary, error) {
	if f.Outcome == 0 && f.Ending == "" || f.VIN != "" || f.Plate != "" {
		return d.s.Passages(ctx, f)
	}
	if _, err := d.behind(ctx); err != nil {
		return nil, fmt.Errorf("passages: %w", err)
	}
	var conds []string
	var args []any
	where := func(cond string, arg ...any) {
		conds = append(conds, cond)
		args = append(args, arg...)
	}
	index := "vehicle_outcome"
	if f.Outcome != 0 {
		where("outcome = ?", int(f.Outcome))
	}
	if f.Ending != "" {
		ending := string(f.Ending)
		if f.Ending == gate.EndOpen {
			ending = ""
		}
		if f.Ending != gate.EndAdmitted || f.Outcome == 0 {
			index = "vehicle_ending"
		}
		where("ending = ?", ending)
	}
	if f.Lane != "" {
		where("lane = ?", string(f.Lane))
	}
	if !f.From.IsZero() {
		where("at >= ?", f.From.UnixMilli())
	}
	if !f.Until.IsZero() {
		where("at < ?", f.Until.UnixMilli())
	}
	if f.Before > 0 {
		where("seq < ?", f.Before)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	seqs, err := collect(func(rows *sql.Rows) (seq int64, err error) { return seq, rows.Scan(&seq) })(d.r.QueryContext(ctx,
		"SELECT seq FROM vehicle INDEXED BY "+index+" WHERE "+strings.Join(conds, " AND ")+" ORDER BY seq DESC LIMIT ?", append(args, min(limit, maxPage))...))
	if err != nil {
		return nil, fmt.Errorf("passages: %w", err)
	}
	if len(seqs) == 0 {
		return nil, nil
	}
	marks, given := strings.Repeat(",?", len(seqs))[1:], make([]any, len(seqs))
	for i, seq := range seqs {
		given[i] = seq
	}
	list, err := collect(scanSummary)(d.s.r.QueryContext(ctx, `SELECT p.seq, p.id, p.lane, p.at, coalesce((SELECT r.outcome FROM reassessment r WHERE r.passage = p.id ORDER BY r.seq DESC LIMIT 1), p.outcome),
		p.vin, p.plate, o.ending, p.doc IS NULL FROM passage p LEFT JOIN outcome o ON o.passage = p.id WHERE p.seq IN (`+marks+`) ORDER BY p.seq DESC`, given...))
	if err != nil {
		return nil, fmt.Errorf("passages: %w", err)
	}
	return list, nil
}
