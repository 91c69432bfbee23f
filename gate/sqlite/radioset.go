package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
)

var _ gate.RadioSetStore = (*Store)(nil)

const (
	tableRadioSet = "radio_set"
	tableRadioKey = "radio_key"
)

func radioSetBody(epoch string) json.RawMessage { return body("epoch", epoch) }

// radioKeyBody has the whole step in the log.
func radioKeyBody(epoch, kind, doc string) json.RawMessage {
	return body("epoch", epoch, "step", kind, "doc", doc)
}

func packTags(tags []uint64) []byte {
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	b := make([]byte, 0, 8*len(tags))
	for _, t := range tags {
		b = binary.BigEndian.AppendUint64(b, t)
	}
	return b
}

func unpackTags(b []byte) ([]uint64, error) {
	if len(b)%8 != 0 {
		return nil, fmt.Errorf("a radio set of %d bytes", len(b))
	}
	tags := make([]uint64, 0, len(b)/8)
	for ; len(b) > 0; b = b[8:] {
		tags = append(tags, binary.BigEndian.Uint64(b))
	}
	return tags, nil
}

// RadioSet tells on how many visits each emitter was with a vehicle
// (gate.RadioSets).
func (s *Store) RadioSet(ctx context.Context, vin string, at time.Time) (map[uint64]int, error) {
	sets, err := collect(func(rows *sql.Rows) (b []byte, err error) { return b, rows.Scan(&b) })(s.r.QueryContext(ctx,
		`SELECT r.tags FROM passage p JOIN radio_set r ON r.passage = p.id
		WHERE p.vin = ? AND p.at < ? AND r.tags IS NOT NULL ORDER BY p.at DESC LIMIT ?`, gate.NormalVIN(vin), stamp(at), gate.MaxRadioVisits))
	if err != nil {
		return nil, fmt.Errorf("radio set: %w", err)
	}
	visits := make(map[uint64]int, gate.MaxRadioSet)
	for _, b := range sets {
		tags, err := unpackTags(b)
		if err != nil {
			return nil, err
		}
		for _, t := range tags {
			visits[t]++
		}
	}
	return visits, nil
}

// KeepRadioSet keeps the set of one visit (gate.RadioSets).
func (s *Store) KeepRadioSet(ctx context.Context, set gate.RadioSet) error {
	switch {
	case len(set.Tags) == 0:
		return nil
	case set.Epoch < 1:
		return errors.New("radio set without an epoch")
	case len(set.Tags) > gate.MaxRadioSet || slices.Contains(set.Tags, 0):
		return fmt.Errorf("radio set of %d tags: more than %d, or none of an emitter", len(set.Tags), gate.MaxRadioSet)
	}
	id, epoch, tags := clean(string(set.Passage)), strconv.Itoa(set.Epoch), packTags(set.Tags)
	kept := seal(string(tags))
	return s.do(ctx, "keep radio set of "+id, func(t *txn) error {
		lane, err := t.laneOf(id)
		if err != nil {
			return err
		}
		var there, whole, made, gone bool
		err = t.get(`SELECT EXISTS (SELECT 1 FROM radio_set WHERE passage = p.id), p.doc IS NOT NULL,
			EXISTS (SELECT 1 FROM radio_key WHERE epoch = ? AND kind = 'made'), EXISTS (SELECT 1 FROM radio_key WHERE epoch = ? AND kind = 'destroyed')
			FROM passage p WHERE p.id = ?`, []any{epoch, epoch, id}, &there, &whole, &made, &gone)
		switch {
		case err != nil:
			return err
		case !whole || gone:
			return gate.ErrErased
		case !made:
			return fmt.Errorf("key of epoch %s: %w", epoch, gate.ErrNotFound)
		case there:
			return nil
		}
		seq, err := t.entry(translog.Entry{
			At: set.At, Kind: tableRadioSet, Lane: lane, Passage: id, Row: tableRadioSet,
			Body: radioSetBody(epoch), Commit: &kept.commit,
		})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO radio_set (seq, at, lane, passage, epoch, salt, tags) VALUES (?,?,?,?,?,?,?)",
			seq, stamp(set.At), lane, id, epoch, kept.salt, tags)
	})
}

// chosenSets is the condition of a filter, with its arguments.
func chosenSets(f gate.RadioSetFilter) (where string, args []any) {
	where = "r.tags IS NOT NULL"
	if f.Epoch > 0 {
		where, args = where+" AND r.epoch = ?", append(args, strconv.Itoa(f.Epoch))
	}
	if f.VIN != "" {
		where, args = where+" AND p.vin = ?", append(args, gate.NormalVIN(f.VIN))
	}
	if f.Plate != "" {
		where, args = where+" AND p.plate = ?", append(args, gate.NormalPlate(f.Plate))
	}
	return where, args
}

// RadioSetsOf are the sets of a vehicle (gate.RadioSetStore).
func (s *Store) RadioSetsOf(ctx context.Context, vin, plate string) ([]gate.RadioSet, error) {
	where, args := chosenSets(gate.RadioSetFilter{VIN: vin, Plate: plate})
	list, err := collect(func(rows *sql.Rows) (set gate.RadioSet, err error) {
		var at, epoch string
		var tags []byte
		if err := rows.Scan(&set.Passage, &at, &epoch, &tags, &set.VIN); err != nil {
			return set, err
		}
		if set.At, err = instant(at); err != nil {
			return set, err
		}
		if set.Epoch, err = strconv.Atoi(epoch); err != nil {
			return set, err
		}
		set.Tags, err = unpackTags(tags)
		return set, err
	})(s.r.QueryContext(ctx, "SELECT r.passage, r.at, r.epoch, r.tags, coalesce(p.vin, '') FROM radio_set r JOIN passage p ON p.id = r.passage WHERE "+where+" ORDER BY r.seq DESC", args...))
	if err != nil {
		return nil, fmt.Errorf("radio sets: %w", err)
	}
	return list, nil
}

// EraseRadioSets erases sets (gate.RadioSetStore).
func (s *Store) EraseRadioSets(ctx context.Context, which gate.RadioSetFilter, at time.Time, why string) (total int, err error) {
	where, args := chosenSets(which)
	query := "SELECT r.seq FROM radio_set r JOIN passage p ON p.id = r.passage WHERE " + where + " ORDER BY r.seq LIMIT ?"
	args = append(args, eraseGroup)
	for {
		n := 0
		err := s.do(ctx, "erase radio sets", func(t *txn) error {
			seqs, err := collect(func(rows *sql.Rows) (seq int64, err error) { return seq, rows.Scan(&seq) })(t.query(query, args...))
			if err != nil || len(seqs) == 0 {
				return err
			}
			for _, seq := range seqs {
				if err := t.must(forget[tableRadioSet], seq); err != nil {
					return fmt.Errorf("radio set of entry %d: %w", seq, err)
				}
			}
			content, err := json.Marshal(translog.Erasure{Before: at.UTC(), Why: clean(why), Seqs: seqs})
			if err != nil {
				return err
			}
			if _, err := t.entry(translog.Entry{At: at, Kind: translog.KindErased, Body: content}); err != nil {
				return err
			}
			n = len(seqs)
			return nil
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < eraseGroup {
			break
		}
	}
	if total == 0 {
		return 0, nil
	}
	return total, s.Truncate(ctx)
}

// RecordRadioKey adds a step in the life of a key (gate.RadioSetStore).
func (s *Store) RecordRadioKey(ctx context.Context, step gate.RadioKeyStep) error {
	if step.Epoch < 1 || step.Kind != gate.RadioKeyMade && step.Kind != gate.RadioKeyDestroyed || step.Commitment == "" {
		return fmt.Errorf("radio key of epoch %d: no step %q of a key", step.Epoch, step.Kind)
	}
	step.At, step.Commitment, step.Why = step.At.UTC().Round(0), clean(step.Commitment), clean(step.Why)
	doc, err := document(step)
	if err != nil {
		return fmt.Errorf("radio key of epoch %d: %w", step.Epoch, err)
	}
	epoch := strconv.Itoa(step.Epoch)
	return s.do(ctx, fmt.Sprintf("record that the radio key of epoch %d was %s", step.Epoch, step.Kind), func(t *txn) error {
		steps, err := collect(scanDoc[gate.RadioKeyStep])(t.query("SELECT doc FROM radio_key WHERE epoch = ?", epoch))
		if err != nil {
			return err
		}
		made := false
		for _, there := range steps {
			made = made || there.Kind == gate.RadioKeyMade
			if there.Commitment != step.Commitment {
				return gate.ErrExists
			}
			if there.Kind == step.Kind {
				return nil
			}
		}
		if step.Kind == gate.RadioKeyDestroyed && !made {
			return gate.ErrNotFound
		}
		seq, err := t.entry(translog.Entry{At: step.At, Kind: tableRadioKey, Row: tableRadioKey, Body: radioKeyBody(epoch, step.Kind, doc)})
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO radio_key (seq, at, epoch, kind, doc) VALUES (?,?,?,?,?)", seq, stamp(step.At), epoch, step.Kind, doc)
	})
}

// RadioKeys are all steps (gate.RadioSetStore).
func (s *Store) RadioKeys(ctx context.Context) ([]gate.RadioKeyStep, error) {
	list, err := collect(scanDoc[gate.RadioKeyStep])(s.r.QueryContext(ctx, "SELECT doc FROM radio_key ORDER BY seq"))
	if err != nil {
		return nil, fmt.Errorf("radio keys: %w", err)
	}
	return list, nil
}
