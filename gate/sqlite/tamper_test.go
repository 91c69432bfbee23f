package sqlite_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
	"sallyport/policy"
)

// tables are those whose every byte is held by the log.
var tables = []string{"log", "log_hash", "log_checkpoint", "passage", "reassessment", "act", "outcome", "inspection", "inspection_act", "photo", "registration", "policy", "policy_version", "policy_step", "posture", "radio_set", "radio_key", "stay", "stay_end", "watch", "watch_step", "pass", "pass_step", "hold", "fleet", "exemption", "exemption_step", "document", "setting", "alarm_step", "shift_step", "form_step", "standing"}

// smallLog fills a site with at least one row in each table, some erased.
func smallLog(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx := t.Context()
	p := func(n int) gate.Passage {
		p := gate.Passage{ID: gate.PassageID([]string{"pA", "pD"}[n]), Lane: "n", At: storetest.Noon.Add(time.Duration(n) * 40 * time.Second), Arrival: gate.Arrival{VIN: "1M8", Plate: "WX1"}}
		p.Result.Verdict = policy.Verdict{Outcome: policy.Flag, Hash: "be"}
		return p
	}
	at := storetest.Noon
	for _, err := range []error{
		s.Record(ctx, p(0)),
		s.RecordOutcome(ctx, gate.Outcome{Passage: "pA", Ending: gate.EndLeft, At: at}),
		s.Record(ctx, p(1)),
		s.RecordReassessment(ctx, gate.Reassessment{Passage: "pD", At: at, Because: "radio"}),
		s.RecordAct(ctx, gate.Act{Kind: gate.ActOverride, Passage: "pD", By: "anna", Supervisor: "jan", Reason: "late", At: at}),
		s.RecordOutcome(ctx, gate.Outcome{Passage: "pD", Ending: gate.EndArmFailed, Note: "arm", At: at}),
		s.RecordInspection(ctx, gate.Inspection{ID: "i", VIN: "1M8", By: "anna", At: at, Expires: at.AddDate(1, 0, 0)}),
		s.PutRegistrations(ctx, gate.Registration{VIN: "1M8", Plate: "WX1", Class: policy.ClassMilitary, At: at}),
		s.KeepPolicy(ctx, gate.PolicyDocument{Hash: "be", ID: "b@1", Source: []byte("rules: []"), At: at}),
		s.RecordEvent(ctx, gate.Event{Kind: gate.EventStopped, Lane: "n", At: at.Add(2 * time.Minute)}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.EraseBefore(ctx, p(1).At, at.Add(3*time.Minute), "test"); err != nil || n != 1 {
		t.Fatalf("erased %d, %v", n, err)
	}
}

// actsAndPhotos adds to the inspection of smallLog what lies beside one, and one
// more inspection whose personal data is erased with all of it: entries 12 to
// 18.
func actsAndPhotos(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon
	old := storetest.SampleInspection(0)
	old.At, old.Expires = at.AddDate(-2, 0, 0), at.AddDate(-1, 0, 0)
	for _, err := range []error{
		s.RecordInspectionActs(ctx, gate.InspectionAct{Inspection: "i", Kind: gate.InspectionConfirmed, By: "jan", At: at, Note: "n"}),
		s.RecordPhoto(ctx, storetest.SamplePhoto("i", 1)),
		s.RecordInspection(ctx, old),
		s.RecordPhoto(ctx, storetest.SamplePhoto(old.ID, 2)),
		s.RecordInspectionActs(ctx, gate.InspectionAct{Inspection: old.ID, Kind: gate.InspectionOwner, By: "jan", At: old.At, Note: "sold"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.EraseBefore(ctx, at.AddDate(0, -1, 0), at.Add(4*time.Minute), "test"); err != nil || n != 3 {
		t.Fatalf("erased %d, %v", n, err)
	}
	if err := s.RecordEvent(ctx, gate.Event{Kind: gate.EventStopped, At: at.Add(5 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
}

// policiesAndPosture adds versions of rules with their steps, and changes of the
// threat level: entries 19 to 25.
func policiesAndPosture(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon.Add(6*time.Minute)
	one := gate.PolicyVersion{Number: 1, ID: "b 1", Hash: "be", Source: "r", Author: gate.SetUp, At: at}
	two := gate.PolicyVersion{Number: 2, ID: "b 2", Hash: "bf", Source: "s", Author: "anna", Note: "n", At: at}
	for _, err := range []error{
		s.RecordPolicyVersion(ctx, one, gate.PolicyStep{Version: 1, Kind: gate.StepApproved, By: gate.SetUp, At: at, From: at}),
		s.RecordPolicyVersion(ctx, two, gate.PolicyStep{Version: 2, Kind: gate.StepProposed, By: "anna", At: at, Note: "n"}),
		s.RecordPolicyStep(ctx, gate.PolicyStep{Version: 2, Kind: gate.StepApproved, By: "jan", At: at, From: at.Add(time.Hour)}),
		s.RecordPosture(ctx, gate.PostureChange{Number: 1, By: "anna", At: at, Level: "b", Why: "x", Until: at.Add(time.Minute), Then: "a"}),
		s.RecordPosture(ctx, gate.PostureChange{Number: 2, Ends: 1, At: at.Add(time.Minute), From: "b", Level: "a"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// radioSets adds keys and sets to the passage of smallLog that is not erased and
// to one more, whose set is erased: entries 26 to 31.
func radioSets(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon.Add(8*time.Minute)
	p := gate.Passage{ID: "pE", Lane: "n", At: at, Arrival: gate.Arrival{VIN: "1M9"}}
	p.Result.Verdict = policy.Verdict{Outcome: policy.Flag, Hash: "be"}
	for _, err := range []error{
		s.RecordRadioKey(ctx, gate.RadioKeyStep{Epoch: 1, Kind: gate.RadioKeyMade, At: at, Commitment: "c"}),
		s.Record(ctx, p),
		s.KeepRadioSet(ctx, gate.RadioSet{Passage: "pD", At: at, Epoch: 1, Tags: []uint64{1 << 60, 2}}),
		s.KeepRadioSet(ctx, gate.RadioSet{Passage: "pE", At: at, Epoch: 1, Tags: []uint64{3}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.EraseRadioSets(ctx, gate.RadioSetFilter{VIN: "1M9"}, at, "asked"); err != nil || n != 1 {
		t.Fatalf("erased %d, %v", n, err)
	}
	if err := s.RecordRadioKey(ctx, gate.RadioKeyStep{Epoch: 1, Kind: gate.RadioKeyDestroyed, At: at, Commitment: "c"}); err != nil {
		t.Fatal(err)
	}
}

// whoIsInside adds stays, an entry of the watch list and a pass, each with what
// ends it.
func whoIsInside(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon.Add(9*time.Minute)
	p := storetest.SamplePass("p")
	for _, err := range []error{
		s.CorrectStay(ctx, gate.Correction{ID: "in", Kind: gate.CorrectInside, Plate: "W1", By: "jan", Why: "x", At: at}),
		s.CorrectStay(ctx, gate.Correction{Kind: gate.CorrectLeft, Stay: "in", By: "jan", Why: "y", At: at}),
		s.RecordWatch(ctx, storetest.SampleWatch("w", gate.WatchPlate, "W1")),
		s.RecordWatchStep(ctx, gate.WatchStep{Entry: "w", Kind: gate.WatchRemovalAsked, By: "jan", Note: "z", At: at}),
		s.RecordPass(ctx, p),
		s.RecordPassSteps(ctx, gate.PassStep{Pass: "p", Kind: gate.PassStepRevoked, By: "jan", Note: "v", At: at}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTamperRadioSets does to sets and keys what is not a changed byte.
func TestTamperRadioSets(t *testing.T) {
	for _, c := range []struct {
		name, do string
		first    int64
	}{
		{"delete a set", "DELETE FROM radio_set WHERE seq = 28", 28},
		{"erase a set without saying so", "UPDATE radio_set SET salt = NULL, tags = NULL WHERE seq = 28", 28},
		{"erase half of a set", "UPDATE radio_set SET tags = NULL WHERE seq = 28", 28},
		{"put back a set that was erased", "UPDATE radio_set SET (salt, tags) = (SELECT salt, tags FROM radio_set WHERE seq = 28) WHERE seq = 29", 29},
		{"move a set to another passage", "UPDATE radio_set SET passage = 'pA' WHERE seq = 28", 28},
		{"move a set to another epoch", "UPDATE radio_set SET epoch = '2' WHERE seq = 28", 28},
		{"forget that a key was destroyed", "DELETE FROM radio_key WHERE kind = 'destroyed'", 31},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newSite(t)
			s := open(t, dir)
			smallLog(t, s)
			actsAndPhotos(t, s)
			policiesAndPosture(t, s)
			radioSets(t, s)
			if n := verified(t, s).Entries; n != 32 {
				t.Fatalf("%d entries, the table expects 32", n)
			}
			if _, err := intruder(t, dir).Exec(c.do); err != nil {
				t.Fatal(err)
			}
			r, err := s.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Clean() || r.First().Seq != c.first {
				t.Errorf("misfits %+v, want entry %d", r.Misfits, c.first)
			}
		})
	}
}

// intruder is a connection that obeys none of the store's rules.
func intruder(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "site.db")+"?_foreign_keys=off&_synchronous=OFF&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func columnsOf(t testing.TB, db *sql.DB, table string) (names, types []string) {
	t.Helper()
	rows, err := db.Query("SELECT name, type FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n, ty string
		if err := rows.Scan(&n, &ty); err != nil {
			t.Fatal(err)
		}
		names, types = append(names, n), append(types, ty)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names, types
}

// every fills a site with a row in each table that the log holds.
func every(t *testing.T) (dir string, s *sqlite.Store) {
	t.Helper()
	dir = newSite(t)
	s = open(t, dir)
	smallLog(t, s)
	actsAndPhotos(t, s)
	policiesAndPosture(t, s)
	radioSets(t, s)
	whoIsInside(t, s)
	holds(t, s)
	desk(t, s)
	fleets(t, s)
	settings(t, s)
	return dir, s
}

// TestEveryByte changes each byte of each column of each row that the log holds,
// one at a time, and wants each change found, and an entry named. The columns lie
// in memory, as they were read from the database: what becomes of them there is
// TestEveryColumn's.
func TestEveryByte(t *testing.T) {
	_, s := every(t)
	verified(t, s)
	const workers = 2
	var wg sync.WaitGroup
	var changes, named atomic.Int64
	for w := range workers {
		wg.Go(func() {
			raw, turn := sqlite.ReadRaw(t, s), 0
			look := func(where string, want int64) { // < 0: some entry
				turn++
				changes.Add(1)
				if _, clean, err := translog.VerifyBlocks(t.Context(), raw, 1, raw.Size(), raw.Key); clean || err != nil {
					t.Errorf("%s was not found: %v", where, err)
				}
				if turn%8 != 0 {
					return
				}
				named.Add(1)
				r, err := translog.Verify(raw, raw.Key)
				switch {
				case err != nil || r.Clean():
					t.Errorf("%s was not found: %v", where, err)
				case want >= 0 && r.First().Seq != want || r.First().Seq < 0 || r.First().Seq > raw.Size():
					t.Errorf("%s: names %s, want entry %d", where, r.First(), want)
				}
			}
			change := func(where string, column *[]byte, want int64) {
				was := *column
				defer func() { *column = was }()
				if was == nil {
					*column = []byte{'x'}
					look(where+" is something where nothing was", want)
					return
				}
				for at := range was {
					if at%workers != w {
						continue
					}
					*column = bytes.Clone(was)
					(*column)[at] ^= 1 << (at % 8)
					look(fmt.Sprintf("%s, byte %d of %d", where, at, len(was)), want)
				}
				*column = append(bytes.Clone(was), ' ')
				look(where+" is a byte longer", want)
			}
			if r, err := translog.Verify(raw, raw.Key); err != nil || !r.Clean() {
				t.Errorf("%+v, %v", r.Misfits, err)
				return
			}
			for i := range raw.Log {
				change(fmt.Sprintf("entry %d", i), &raw.Log[i], int64(i))
			}
			for i := range raw.Hash {
				change(fmt.Sprintf("hash %d", i), &raw.Hash[i], -1)
			}
			for i := range raw.Checkpoint {
				change(fmt.Sprintf("checkpoint of %d", raw.Checkpoint[i].Size), &raw.Checkpoint[i].Signed, -1)
			}
			for i := range raw.Row {
				row := &raw.Row[i]
				for j := range row.Columns {
					if len(row.Columns[j]) == 0 && !row.Held(j) {
						continue // the table need not have it
					}
					change(fmt.Sprintf("%s of entry %d, column %d", row.Table, row.Seq, j), &row.Columns[j], row.Seq)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d changes, each found; of %d the entry", changes.Load(), named.Load())
}

// TestEveryColumn changes each column of each row in the database itself, and
// wants each change found, and its entry named: one byte of it, and its length;
// with SALLYPORT_SOAK every byte.
func TestEveryColumn(t *testing.T) {
	all := os.Getenv("SALLYPORT_SOAK") != ""
	dir, s := every(t)
	db := intruder(t, dir)
	entries := verified(t, s).Entries

	changes := 0
	for _, table := range tables {
		names, types := columnsOf(t, db, table)
		var ids []int64
		rows, err := db.Query("SELECT rowid FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		if err := rows.Close(); err != nil || len(ids) == 0 {
			t.Fatalf("table %s: %d rows, %v", table, len(ids), err)
		}
		for _, id := range ids {
			for i, column := range names {
				where := fmt.Sprintf("%s row %d column %s", table, id, column)
				set := func(rowid int64, v any) {
					t.Helper()
					q := "UPDATE " + table + " SET " + column + " = ? WHERE rowid = ?"
					if types[i] == "TEXT" && v != nil {
						q = "UPDATE " + table + " SET " + column + " = CAST(? AS TEXT) WHERE rowid = ?"
					}
					res, err := db.Exec(q, v, rowid)
					if err != nil {
						t.Fatalf("%s: %v", where, err)
					}
					if n, _ := res.RowsAffected(); n != 1 {
						t.Fatalf("%s: %d rows changed", where, n)
					}
				}
				found := func(what string) {
					t.Helper()
					changes++
					r, err := s.Verify(t.Context())
					if err != nil {
						t.Fatalf("%s, %s: %v", where, what, err)
					}
					if r.Clean() {
						t.Errorf("%s: %s was not found", where, what)
						return
					}
					first := r.First().Seq
					if first < 0 || first > entries {
						t.Errorf("%s, %s: names entry %d of %d", where, what, first, entries)
					}
					if types[i] != "INTEGER" && table != "log_hash" && table != "log_checkpoint" && first != id {
						t.Errorf("%s, %s: names entry %d, want %d: %s", where, what, first, id, r.First().What)
					}
				}
				if types[i] == "INTEGER" { // the row's own key
					for _, other := range []int64{id + 1000, -id - 1} {
						set(id, other)
						found(fmt.Sprintf("key %d", other))
						set(other, id)
					}
					continue
				}
				var was []byte
				if err := db.QueryRow("SELECT CAST("+column+" AS BLOB) FROM "+table+" WHERE rowid = ?", id).Scan(&was); err != nil {
					t.Fatalf("%s: %v", where, err)
				}
				if was == nil {
					set(id, []byte{'x'})
					found("something where nothing is")
					set(id, nil)
					continue
				}
				for at := range was {
					if !all && at != (int(id)*31+i*7)%len(was) {
						continue
					}
					bad := append([]byte(nil), was...)
					bad[at] ^= 1 << (at % 8)
					set(id, bad)
					found(fmt.Sprintf("byte %d of %d", at, len(was)))
				}
				set(id, append(append([]byte(nil), was...), ' '))
				found("a byte more")
				set(id, was)
			}
		}
	}
	verified(t, s) // everything was put back
	t.Logf("%d changes", changes)
}

// verified wants a clean log.
func verified(t testing.TB, s *sqlite.Store) sqlite.VerifyReport {
	t.Helper()
	r, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Clean() {
		t.Fatalf("log does not fit: %+v", r.Misfits)
	}
	return r
}

// TestTamper does what is not a changed byte.
func TestTamper(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    []string
		first int64 // entry named; -1 is any
	}{
		{"nothing", nil, -2},
		{"delete a passage", []string{"DELETE FROM passage WHERE seq = 3"}, 3},
		{"delete an act", []string{"DELETE FROM act"}, 5},
		{"delete an entry", []string{"DELETE FROM log WHERE seq = 4"}, 4},
		{"delete the last entry", []string{"DELETE FROM log WHERE seq = 11"}, 11},
		{"delete a hash", []string{"DELETE FROM log_hash WHERE idx = 5"}, 3},
		{"delete the last checkpoint", []string{"DELETE FROM log_checkpoint WHERE size = (SELECT max(size) FROM log_checkpoint)"}, 11},
		{"delete all checkpoints", []string{"DELETE FROM log_checkpoint"}, 0},
		{"add an entry", []string{"INSERT INTO log SELECT 12, replace(entry, '\"seq\":11', '\"seq\":12') FROM log WHERE seq = 11"}, 12},
		{"add a row", []string{"INSERT INTO act SELECT 100, at, lane, passage, kind, by, supervisor, salt, reason FROM act"}, 100},
		{"second row for an entry", []string{"INSERT INTO outcome SELECT 5, at, lane, 'px', ending, note FROM outcome WHERE seq = 6"}, 5},
		{"exchange two passages", []string{"UPDATE passage SET seq = -1 WHERE seq = 1", "UPDATE passage SET seq = 1 WHERE seq = 3", "UPDATE passage SET seq = 3 WHERE seq = -1"}, 1},
		{"exchange two entries", []string{"UPDATE log SET seq = -1 WHERE seq = 1", "UPDATE log SET seq = 1 WHERE seq = 2", "UPDATE log SET seq = 2 WHERE seq = -1"}, 1},
		{"rewrite an entry and its hash", []string{"UPDATE log SET entry = replace(entry, 'pD', 'pX') WHERE seq = 4", "UPDATE log_hash SET hash = randomblob(32) WHERE idx = 7"}, 4},
		{"erase without saying so", []string{"UPDATE passage SET salt = NULL, vin = NULL, plate = NULL, doc = NULL WHERE seq = 3"}, 3},
		{"erase half", []string{"UPDATE passage SET vin = NULL WHERE seq = 3"}, 3},
		{"put back what was erased", []string{"UPDATE passage SET (salt, vin, plate, doc) = (SELECT salt, vin, plate, doc FROM passage WHERE seq = 3) WHERE seq = 1"}, 1},
		{"replay an old checkpoint", []string{"UPDATE log_checkpoint SET signed = (SELECT signed FROM log_checkpoint ORDER BY size LIMIT 1)"}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newSite(t)
			s := open(t, dir)
			smallLog(t, s)
			if n := verified(t, s).Entries; n != 12 {
				t.Fatalf("%d entries, the table expects 12", n)
			}
			db := intruder(t, dir)
			for _, q := range c.do {
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
			r, err := s.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.first == -2:
				if !r.Clean() {
					t.Errorf("misfits %+v", r.Misfits)
				}
			case r.Clean():
				t.Error("not found")
			case c.first >= 0 && r.First().Seq != c.first:
				t.Errorf("names entry %d (%s), want %d", r.First().Seq, r.First().What, c.first)
			default:
				t.Log(r.First().What)
			}
		})
	}
}

// TestTamperInspections does to what lies beside an inspection what is not a
// changed byte.
func TestTamperInspections(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    []string
		first int64
	}{
		{"delete a confirmation", []string{"DELETE FROM inspection_act WHERE seq = 12"}, 12},
		{"delete a photograph", []string{"DELETE FROM photo WHERE seq = 13"}, 13},
		{"move a confirmation to another inspection", []string{"UPDATE inspection_act SET inspection = 'i0' WHERE seq = 12"}, 12},
		{"exchange the pictures", []string{"UPDATE photo SET data = x'ffd8ffe002' WHERE seq = 13"}, 13},
		{"turn a confirmation into a withdrawal", []string{"UPDATE inspection_act SET kind = 'withdrawn' WHERE seq = 12"}, 12},
		{"erase a photograph without saying so", []string{"UPDATE photo SET salt = NULL, sha256 = NULL, data = NULL WHERE seq = 13"}, 13},
		{"erase half of a photograph", []string{"UPDATE photo SET data = NULL WHERE seq = 13"}, 13},
		{"add a confirmation", []string{"INSERT INTO inspection_act SELECT 100, at, inspection, kind, 'ewa', salt, note FROM inspection_act WHERE seq = 12"}, 100},
		{"put back an inspection that was erased", []string{"UPDATE inspection SET (salt, vin, doc) = (SELECT salt, vin, doc FROM inspection WHERE seq = 7) WHERE seq = 14"}, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newSite(t)
			s := open(t, dir)
			smallLog(t, s)
			actsAndPhotos(t, s)
			if n := verified(t, s).Entries; n != 19 {
				t.Fatalf("%d entries, the table expects 19", n)
			}
			db := intruder(t, dir)
			for _, q := range c.do {
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
			r, err := s.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Clean() || r.First().Seq != c.first {
				t.Fatalf("%+v, want entry %d named", r.Misfits, c.first)
			}
			t.Log(r.First().What)
		})
	}
}

// TestTamperPolicies does to the versions of rules and to the threat level what
// is not a changed byte.
func TestTamperPolicies(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    []string
		first int64
	}{
		{"delete an approval", []string{"DELETE FROM policy_step WHERE seq = 23"}, 23},
		{"approve by another hand", []string{"UPDATE policy_step SET doc = replace(doc, 'jan', 'ewa') WHERE seq = 23"}, 23},
		{"date an approval back", []string{"UPDATE policy_step SET doc = replace(doc, '2026', '2025'), at = replace(at, '2026', '2025') WHERE seq = 23"}, 23},
		{"have it take effect sooner", []string{"UPDATE policy_step SET doc = replace(doc, '\"from\":\"2026-11-22T13', '\"from\":\"2026-11-22T12') WHERE seq = 23"}, 23},
		{"turn a proposal into an approval", []string{"UPDATE policy_step SET kind = 'approved' WHERE seq = 22"}, 22},
		{"approve what nobody approved", []string{"INSERT INTO policy_step SELECT 100, at, version, 'approved', replace(doc, 'proposed', 'approved') FROM policy_step WHERE seq = 22"}, 100},
		{"move an approval to another version", []string{"UPDATE policy_step SET version = '1' WHERE seq = 23"}, 23},
		{"change the rules of a version", []string{"UPDATE policy_version SET doc = replace(doc, '\"source\":\"s\"', '\"source\":\"t\"') WHERE seq = 21"}, 21},
		{"change its author", []string{"UPDATE policy_version SET author = 'ewa', doc = replace(doc, 'anna', 'ewa') WHERE seq = 21"}, 21},
		{"exchange two versions", []string{"UPDATE policy_version SET seq = -1 WHERE seq = 19", "UPDATE policy_version SET seq = 19 WHERE seq = 21", "UPDATE policy_version SET seq = 21 WHERE seq = -1"}, 19},
		{"delete a change of the level", []string{"DELETE FROM posture WHERE seq = 24"}, 24},
		{"lower a level", []string{"UPDATE posture SET level = 'a', doc = replace(doc, '\"level\":\"b\"', '\"level\":\"a\"') WHERE seq = 24"}, 24},
		{"end a level sooner", []string{"UPDATE posture SET doc = replace(doc, '12:07', '12:06') WHERE seq = 24"}, 24},
		{"make an end into a change", []string{"UPDATE posture SET doc = replace(doc, '\"ends\":1', '\"ends\":0') WHERE seq = 25"}, 25},
		{"drop the versions", []string{"DROP TABLE policy_version"}, 19},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newSite(t)
			s := open(t, dir)
			smallLog(t, s)
			actsAndPhotos(t, s)
			policiesAndPosture(t, s)
			if n := verified(t, s).Entries; n != 26 {
				t.Fatalf("%d entries, the table expects 26", n)
			}
			db := intruder(t, dir)
			for _, q := range c.do {
				res, err := db.Exec(q)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := res.RowsAffected(); err == nil && n != 1 && !strings.HasPrefix(q, "DROP") {
					t.Fatalf("%d rows changed by %s", n, q)
				}
			}
			r, err := s.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Clean() || r.First().Seq != c.first {
				t.Fatalf("%+v, want entry %d named", r.Misfits, c.first)
			}
			t.Log(r.First().What)
		})
	}
}

// Retention takes nothing away from the record of who changed the rules.
func TestErasureLeavesPolicies(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	smallLog(t, s)
	actsAndPhotos(t, s)
	policiesAndPosture(t, s)
	before, err := s.PolicyVersion(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.EraseBefore(t.Context(), storetest.Noon.AddDate(10, 0, 0), storetest.Noon.AddDate(10, 0, 0), "test"); err != nil {
		t.Fatal(err)
	}
	after, err := s.PolicyVersion(t.Context(), 2)
	if err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("%+v, %v; before %+v", after, err, before)
	}
	if list, err := s.PostureChanges(t.Context()); err != nil || len(list) != 2 || list[0].Why != "x" {
		t.Errorf("%+v, %v", list, err)
	}
	verified(t, s)
}

// TestOlderCopy puts an older copy of the database in place of the newer one.
func TestOlderCopy(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	smallLog(t, s)
	if err := s.KeepHead(t.Context()); err != nil {
		t.Fatal(err)
	}
	older := filepath.Join(t.TempDir(), "older.db")
	if _, err := intruder(t, dir).Exec("VACUUM INTO ?", older); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), storetest.Sample(7, policy.Deny)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.KeepHead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	verified(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(older)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(dir, "site.db"+side))
	}
	if err := os.WriteFile(filepath.Join(dir, "site.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := sqlite.Verify(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Clean() || r.First().Seq != 12 {
		t.Fatalf("the older copy was not found: %+v", r)
	}
	t.Log(r.First().What)
}
