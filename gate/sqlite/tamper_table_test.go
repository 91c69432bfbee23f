package sqlite_test

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
	"sallyport/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// desk adds an alarm that somebody took note of, a shift that was handed over, a
// paper form, and how a lane stood.
func desk(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon.Add(30*time.Minute)
	entered := gate.FormStep{Lane: "n", Number: 2, Kind: gate.FormEntered, First: 1, Last: 1, By: "anna", At: at, Passage: "pQ"}
	for _, err := range []error{
		s.RecordAlarm(ctx, gate.SiteAlarm{ID: "a1", Lane: "n", Kind: gate.AlarmForced, At: at, OfLane: 1}),
		s.RecordAlarmAck(ctx, gate.AlarmAck{Alarm: "a1", By: "jan", At: at, Note: "n"}),
		s.RecordShift(ctx, gate.ShiftStep{Lane: "n", Number: 1, Shift: 1, Kind: gate.ShiftBegun, By: "anna", Holder: "anna", Since: at, At: at}),
		s.RecordShift(ctx, gate.ShiftStep{Lane: "n", Number: 2, Shift: 1, Kind: gate.ShiftOffered, By: "anna", To: "jan", Holder: "anna", Since: at, At: at, Counts: &gate.ShiftCounts{}}),
		s.RecordForm(ctx, gate.FormStep{Lane: "n", Number: 1, Kind: gate.FormPrinted, First: 1, Last: 2, By: "anna", At: at.Add(-time.Minute)}, nil),
		s.RecordForm(ctx, entered, storetest.Form(entered, "5YJXCAE4XMF000001")),
		s.RecordStanding(ctx, gate.Event{Kind: gate.EventAlarm, Lane: "n", At: at}, gate.LaneStanding{Lane: "n", At: at, LastAlarm: 1}),
		s.RecordStanding(ctx, gate.Event{Kind: gate.EventAlarm, Lane: "n", At: at}, gate.LaneStanding{Lane: "n", At: at, LastAlarm: 2}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// fleets adds a fleet with a vehicle, what it asks for, and a paper.
func fleets(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon.Add(50*time.Minute)
	one, two := storetest.SampleExemption("x1", "haulage"), storetest.SampleExemption("x2", "haulage")
	doc, data := storetest.SampleDocument("d1", "haulage", "one")
	doc2, data2 := storetest.SampleDocument("d2", "haulage", "two")
	for _, err := range []error{
		s.RecordFleet(ctx, gate.Fleet{ID: "haulage", Name: "Haulage", Classes: []policy.Class{policy.ClassContractor}, By: "maria", At: at}),
		s.RecordFleet(ctx, gate.Fleet{ID: "haulage", Name: "Haulage Ltd", Classes: []policy.Class{policy.ClassContractor}, By: "maria", At: at}),
		s.EnterVehicles(ctx, "haulage", gate.Registration{Fleet: "haulage", VIN: "5YJXCAE4XMF000001", Plate: "F1", Class: policy.ClassContractor, By: "fred", At: at}),
		s.RecordExemption(ctx, one), s.RecordExemption(ctx, two),
		s.RecordExemptionStep(ctx, gate.ExemptionStep{Exemption: "x1", Kind: gate.ExemptionGranted, By: "maria", Note: "n", At: at}),
		s.RecordExemptionStep(ctx, gate.ExemptionStep{Exemption: "x2", Kind: gate.ExemptionRefused, By: "maria", Note: "m", At: at}),
		s.RecordDocument(ctx, doc, data), s.RecordDocument(ctx, doc2, data2),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// settings adds two changes of settings, one of them approved.
func settings(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx, at := t.Context(), storetest.Noon.Add(51*time.Minute)
	for _, err := range []error{
		s.RecordSetting(ctx, gate.SettingChange{ID: "s1", Key: gate.SettingRetention, Was: "30", Value: "14", Why: "w", By: "maria", At: at}),
		s.DecideSetting(ctx, "s1", gate.SettingApproved, "jan", at),
		s.RecordSetting(ctx, gate.SettingChange{ID: "s2", Key: gate.SettingController, Value: "The commander", Why: "w", By: "maria", At: at}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// everyTable fills a site with rows in each table, and closes it.
func everyTable(t *testing.T) (dir string) {
	t.Helper()
	dir = newSite(t)
	in(t, dir, func(s *sqlite.Store) {
		smallLog(t, s)
		actsAndPhotos(t, s)
		policiesAndPosture(t, s)
		radioSets(t, s)
		whoIsInside(t, s)
		holds(t, s)
		desk(t, s)
		fleets(t, s)
		settings(t, s)
		ctx := t.Context()
		for _, err := range []error{
			s.CorrectStay(ctx, gate.Correction{ID: "in2", Kind: gate.CorrectInside, Plate: "W2", By: "jan", Why: "x", At: storetest.Noon}),
			s.CreateUser(ctx, sqlite.User{ID: "u1", Name: "anna", Role: "guard", Hash: "h", Lang: "pl"}),
			s.SetPIN(ctx, "anna", "h"),
			s.CreateDevice(ctx, sqlite.Device{ID: "d1", Name: "kiosk", Kind: "kiosk", Lane: "n", Created: storetest.Noon}),
			s.CreateSession(ctx, sqlite.Session{UserID: "u1", Created: storetest.Noon, Expires: storetest.Noon.Add(time.Hour)}),
			s.PutJob(ctx, sqlite.JobState{Name: "verify", Result: "ok"}),
			s.PutForeseen(ctx, storetest.Noon, []sqlite.Foreseen{{Registration: 8, Outcomes: map[string]string{"restricted": "flag"}}},
				gate.Notice{Seq: 8, At: storetest.Noon, Zone: "restricted", Before: "grant", After: "flag", Cause: []string{"data"}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	return dir
}

// blow is one thing that somebody does who may write into the database.
type blow struct {
	on, does string
	do       []string
	by       func(t *testing.T, db *sql.DB) // beside do
	missed   string                         // why it is not found; empty: it is
}

// blowsOn are the blows on a table whose rows the log holds, from its columns.
func blowsOn(t *testing.T, db *sql.DB, table string) (list []blow) {
	t.Helper()
	names, types := columnsOf(t, db, table)
	salt := slices.Index(names, "salt")
	kept := len(names) - 1 // the last column that is kept for ever
	whole := "1"
	if salt > 0 {
		kept, whole = salt-1, "salt IS NOT NULL"
	}
	one := func(query string) (seq int64) {
		t.Helper()
		if err := db.QueryRow(query).Scan(&seq); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return seq
	}
	row := one("SELECT max(seq) FROM " + table + " WHERE " + whole)
	first := one("SELECT min(seq) FROM " + table)
	add := func(does string, do ...string) { list = append(list, blow{on: table, does: does, do: do}) }
	set := func(column int) string {
		return fmt.Sprintf("UPDATE %s SET %s = CAST(%s || 'x' AS %s) WHERE seq = %d", table, names[column], names[column], types[column], row)
	}

	add("changes "+names[kept], set(kept))
	add("changes its instant", fmt.Sprintf("UPDATE %s SET at = replace(at, '2026', '2025') WHERE seq = %d", table, row))
	if salt > 0 {
		personal := make([]string, 0, 3)
		for i := salt + 1; i < len(names); i++ {
			add("changes "+names[i]+", which is committed to", set(i))
			personal = append(personal, names[i]+" = NULL")
		}
		add("changes the salt", fmt.Sprintf("UPDATE %s SET salt = randomblob(32) WHERE seq = %d", table, row))
		add("erases without saying so", fmt.Sprintf("UPDATE %s SET salt = NULL, %s WHERE seq = %d", table, strings.Join(personal, ", "), row))
		add("erases half", fmt.Sprintf("UPDATE %s SET %s WHERE seq = %d", table, personal[len(personal)-1], row))
		if first != row && one(fmt.Sprintf("SELECT count(*) FROM %s WHERE seq = %d AND salt IS NULL", table, first)) == 1 {
			columns := strings.Join(names[salt:], ", ")
			add("puts another's data where some was erased", fmt.Sprintf("UPDATE %s SET (%s) = (SELECT %s FROM %s WHERE seq = %d) WHERE seq = %d", table, columns, columns, table, row, first))
		}
	}
	add("deletes one", fmt.Sprintf("DELETE FROM %s WHERE seq = %d", table, row))
	add("inserts one", insertOf(t, db, table, names, row))
	if first != row {
		add("exchanges two", fmt.Sprintf("UPDATE %s SET seq = -1 WHERE seq = %d", table, first),
			fmt.Sprintf("UPDATE %s SET seq = %d WHERE seq = %d", table, first, row), fmt.Sprintf("UPDATE %s SET seq = %d WHERE seq = -1", table, row))
	}
	add("deletes all", "DELETE FROM "+table)
	add("drops the table", "DROP TABLE "+table)
	return list
}

// insertOf inserts a row like another one, under an entry that is not there.
func insertOf(t *testing.T, db *sql.DB, table string, names []string, row int64) string {
	t.Helper()
	unique, err := db.Query("SELECT i.name FROM pragma_index_list(?1) l, pragma_index_info(l.name) i WHERE l.\"unique\"", table)
	if err != nil {
		t.Fatal(err)
	}
	defer unique.Close()
	columns := slices.Clone(names)
	columns[0] = "999"
	for unique.Next() {
		var name string
		if err := unique.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if i := slices.Index(columns, name); i > 0 {
			columns[i] += " || 'y'"
		}
	}
	if err := unique.Err(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("INSERT INTO %s SELECT %s FROM %s WHERE seq = %d", table, strings.Join(columns, ", "), table, row)
}

// treeAnew computes every stored hash again from the entries, as somebody would
// who changed one.
func treeAnew(t *testing.T, db *sql.DB) {
	t.Helper()
	rows, err := db.Query("SELECT entry FROM log ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	var hashes []tlog.Hash
	for n := int64(0); rows.Next(); n++ {
		var entry string
		if err := rows.Scan(&entry); err != nil {
			t.Fatal(err)
		}
		more, err := tlog.StoredHashes(n, []byte(entry), tlog.HashReaderFunc(func(indexes []int64) (list []tlog.Hash, err error) {
			for _, i := range indexes {
				list = append(list, hashes[i])
			}
			return list, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("DELETE FROM log_hash"); err != nil {
		t.Fatal(err)
	}
	for i, h := range hashes {
		if _, err := db.Exec("INSERT INTO log_hash (idx, hash) VALUES (?, ?)", i, h[:]); err != nil {
			t.Fatal(err)
		}
	}
}

// cutOff leaves so many entries, as if those behind them had never been.
func cutOff(t *testing.T, db *sql.DB, size int64) {
	t.Helper()
	do := []string{
		fmt.Sprintf("DELETE FROM log WHERE seq >= %d", size),
		fmt.Sprintf("DELETE FROM log_hash WHERE idx >= %d", tlog.StoredHashIndex(0, size)),
		fmt.Sprintf("DELETE FROM log_checkpoint WHERE size > %d", size),
		fmt.Sprintf("DELETE FROM stay_open WHERE seq >= %d", size),
	}
	for _, table := range tables[3:] {
		do = append(do, fmt.Sprintf("DELETE FROM %s WHERE seq >= %d", table, size))
	}
	for _, q := range do {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
}

// logBlows are the blows on the log itself.
func logBlows(last int64) []blow {
	const lastHead = "(SELECT max(size) FROM log_checkpoint)"
	return []blow{
		{on: "log", does: "changes an entry", do: []string{"UPDATE log SET entry = replace(entry, '\"lane\":\"n\"', '\"lane\":\"m\"') WHERE seq = 3"}},
		{on: "log", does: "changes an entry and its hash", do: []string{"UPDATE log SET entry = replace(entry, '\"lane\":\"n\"', '\"lane\":\"m\"') WHERE seq = 2", "UPDATE outcome SET lane = 'm' WHERE seq = 2"}, by: treeAnew},
		{on: "log", does: "changes an entry, its row and the whole tree", do: []string{"UPDATE log SET entry = replace(entry, 'admitted', 'unknown') WHERE seq = 2", "UPDATE outcome SET note = 'x' WHERE seq = 2"}, by: treeAnew},
		{on: "log", does: "changes a commitment", do: []string{"UPDATE log SET entry = replace(entry, '\"commit\":\"', '\"commit\":\"0') WHERE seq = 3"}},
		{on: "log", does: "deletes an entry", do: []string{"DELETE FROM log WHERE seq = 4"}},
		{on: "log", does: "deletes an entry, and moves those behind it up", do: []string{"DELETE FROM log WHERE seq = 4", "UPDATE log SET seq = -seq WHERE seq > 4", "UPDATE log SET seq = -seq - 1 WHERE seq < -4"}, by: treeAnew},
		{on: "log", does: "deletes the last entry", do: []string{fmt.Sprintf("DELETE FROM log WHERE seq = %d", last)}},
		{on: "log", does: "inserts an entry in the midst", do: []string{"UPDATE log SET seq = -seq WHERE seq > 4", "UPDATE log SET seq = 1 - seq WHERE seq < -4", "INSERT INTO log SELECT 5, entry FROM log WHERE seq = 4"}, by: treeAnew},
		{on: "log", does: "adds an entry at the end", do: []string{fmt.Sprintf("INSERT INTO log SELECT %d, replace(entry, '\"seq\":%d', '\"seq\":%d') FROM log WHERE seq = %d", last+1, last, last+1, last)}, by: treeAnew},
		{on: "log", does: "exchanges two entries", do: []string{"UPDATE log SET seq = -1 WHERE seq = 1", "UPDATE log SET seq = 1 WHERE seq = 2", "UPDATE log SET seq = 2 WHERE seq = -1"}},
		{on: "log", does: "cuts off the end, with all that belongs to it", by: func(t *testing.T, db *sql.DB) { cutOff(t, db, last-2) }},
		{on: "log", does: "cuts off the end at a checkpoint", by: func(t *testing.T, db *sql.DB) {
			var size int64
			if err := db.QueryRow("SELECT max(size) FROM log_checkpoint WHERE size < " + lastHead).Scan(&size); err != nil {
				t.Fatal(err)
			}
			cutOff(t, db, size)
		}},
		{on: "log", does: "deletes all", do: []string{"DELETE FROM log"}},
		{on: "log_hash", does: "changes a hash", do: []string{"UPDATE log_hash SET hash = randomblob(32) WHERE idx = 2"}},
		{on: "log_hash", does: "deletes a hash", do: []string{"DELETE FROM log_hash WHERE idx = 5"}},
		{on: "log_hash", does: "adds a hash", do: []string{"INSERT INTO log_hash SELECT max(idx) + 1, randomblob(32) FROM log_hash"}},
		{on: "log_checkpoint", does: "changes the instant of a checkpoint", do: []string{"UPDATE log_checkpoint SET signed = replace(signed, 'at 2026', 'at 2025') WHERE size = " + lastHead}},
		{on: "log_checkpoint", does: "changes its root", do: []string{"UPDATE log_checkpoint SET signed = (SELECT substr(c.signed, 1, instr(c.signed, '=')) FROM log_checkpoint c ORDER BY c.size LIMIT 1) || substr(signed, instr(signed, '=') + 1) WHERE size = " + lastHead}},
		{on: "log_checkpoint", does: "deletes the last checkpoint", do: []string{"DELETE FROM log_checkpoint WHERE size = " + lastHead}},
		{on: "log_checkpoint", does: "deletes all checkpoints", do: []string{"DELETE FROM log_checkpoint"}},
		{on: "log_checkpoint", does: "replays an old checkpoint in place of the last", do: []string{"UPDATE log_checkpoint SET signed = (SELECT signed FROM log_checkpoint ORDER BY size LIMIT 1) WHERE size = " + lastHead}},
		{on: "log_checkpoint", does: "replays an old checkpoint as all of them", do: []string{"UPDATE log_checkpoint SET signed = (SELECT signed FROM log_checkpoint ORDER BY size LIMIT 1)"}},
	}
}

// besideBlows are blows on what is no record: some of it is held by the log in
// another way, and the rest is told of here.
var besideBlows = []blow{
	{on: "stay_open", does: "takes a vehicle off the list of who is inside", do: []string{"DELETE FROM stay_open"}},
	{on: "stay_open", does: "puts one on it that has left", do: []string{"INSERT INTO stay_open SELECT seq FROM stay WHERE id = 'in'"}},
	{on: "stay_open", does: "exchanges one for the other", do: []string{"UPDATE stay_open SET seq = (SELECT seq FROM stay WHERE id = 'in')"}},
	{on: "stay_open", does: "drops the table", do: []string{"DROP TABLE stay_open"}},
	{on: "schema", does: "adds a trigger that works by itself", do: []string{"CREATE TRIGGER helpful AFTER INSERT ON user BEGIN DELETE FROM session; END"}},
	{on: "schema", does: "adds a view", do: []string{"CREATE VIEW better AS SELECT * FROM passage"}},
	{on: "user", does: "gives somebody another password or role", do: []string{"UPDATE user SET hash = 'x', role = 'supervisor'"}, missed: "people change in place; what they did by the program is in the log, under their name"},
	{on: "pin", does: "gives somebody another PIN", do: []string{"UPDATE pin SET hash = 'x'"}, missed: "as for user"},
	{on: "session", does: "signs somebody in", do: []string{"INSERT INTO session (token_hash, user_id, created, expires) SELECT randomblob(32), user_id, created, expires FROM session"}, missed: "a session without a sign-in in the log; it ends within 12 hours"},
	{on: "recovery", does: "gives somebody a recovery code", do: []string{"INSERT INTO recovery SELECT id, randomblob(32) FROM user"}, missed: "as for user"},
	{on: "tries", does: "forgets wrong tries", do: []string{"INSERT INTO tries VALUES ('x', 9, '2026-11-22T12:00:00Z')", "DELETE FROM tries"}, missed: "it gives a few more tries; that somebody was locked out is in the log"},
	{on: "kiosk", does: "lets a kiosk's token be used elsewhere", do: []string{"INSERT INTO kiosk SELECT id, '192.0.2.7', created FROM device"}, missed: "as for device, and a PIN is needed beside"},
	{on: "device", does: "lets a device in again", do: []string{"UPDATE device SET revoked = 0, lane = '*'"}, missed: "its token must still be signed with device.key, and its enrolment is in the log"},
	{on: "job", does: "says that a job went well", do: []string{"UPDATE job SET result = 'ok', ended = begun"}, missed: "it is no evidence; what a job does to records is in the log"},
	{on: "notice", does: "changes what a fleet is given notice of", do: []string{"UPDATE notice SET after = 'grant'"}, missed: "nothing is decided by it; it says what was foreseen"},
	{on: "foreseen", does: "changes what is foreseen of a vehicle", do: []string{"UPDATE foreseen SET outcome = 'grant'"}, missed: "nothing is decided by it; it is worked out anew within the day"},
}

// TestTamperTable does to every table of a site what somebody can who may write
// into the database, and wants each found and named. What `log verify` says of
// each is the table of deploy/tamper.md, and so is what it cannot find.
func TestTamperTable(t *testing.T) {
	dir := everyTable(t)
	clean, err := sqlite.Verify(t.Context(), dir, "")
	if err != nil || !clean.Clean() {
		t.Fatal(err, clean.Misfits)
	}
	var blows []blow
	all := intruder(t, dir)
	known := map[string]bool{"goose_db_version": true, "sqlite_sequence": true, "log": true, "log_hash": true, "log_checkpoint": true}
	blows = append(blows, logBlows(clean.Entries-1)...)
	for _, table := range tables[3:] {
		known[table] = true
		blows = append(blows, blowsOn(t, all, table)...)
	}
	for _, b := range besideBlows {
		known[b.on] = true
		blows = append(blows, b)
	}
	rows, err := all.Query("SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !known[name] {
			t.Errorf("nothing is done to table %s: what would be found?", name)
		}
	}
	if err := errorsOf(rows.Err(), rows.Close(), all.Close()); err != nil {
		t.Fatal(err)
	}

	var page strings.Builder
	page.WriteString(tamperHead)
	for _, b := range blows {
		t.Run(b.on+" "+b.does, func(t *testing.T) {
			to := copySite(t, dir)
			db := intruder(t, to)
			for i, q := range b.do {
				res, err := db.Exec(q)
				if err != nil {
					t.Fatalf("%s: %v", q, err)
				}
				if n, err := res.RowsAffected(); i == 0 && !strings.HasPrefix(q, "DROP") && !strings.HasPrefix(q, "CREATE") && (err != nil || n == 0) {
					t.Fatalf("nothing was changed by %s", q)
				}
			}
			if b.by != nil {
				b.by(t, db)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := sqlite.Verify(t.Context(), to, "")
			switch {
			case err != nil:
				t.Fatal(err)
			case r.Clean() != (b.missed != ""):
				t.Errorf("found: %+v", r.Misfits)
			case b.missed != "":
				fmt.Fprintf(&page, "| %s | %s | *not found*: %s |\n", b.on, b.does, b.missed)
			default:
				fmt.Fprintf(&page, "| %s | %s | %s |\n", b.on, b.does, strings.ReplaceAll(r.First().String(), "|", "\\|"))
			}
		})
	}
	page.WriteString(tamperWhole)
	for _, b := range wholeBlows {
		t.Run(b.name, func(t *testing.T) {
			site := newScene(t)
			b.do(t, site)
			o := sqlite.Outside{Witnesses: []note.Verifier{site.known}, Dir: site.stick}
			if b.away {
				o.Dir = ""
			}
			r, err := sqlite.Verify(t.Context(), site.dir, "", o)
			if err != nil {
				t.Fatal(err)
			}
			if b.want == "" {
				if !r.Clean() || r.Cosigned.Size == 0 || r.Heads < 3 {
					t.Errorf("%+v", r)
				}
				return
			}
			if r.Clean() || !strings.Contains(fmt.Sprint(r.Misfits), b.want) {
				t.Fatalf("said %v, want %q", r.Misfits, b.want)
			}
			fmt.Fprintf(&page, "| %s | %s |\n", b.name, strings.ReplaceAll(r.First().String(), site.stick, "STICK"))
		})
	}
	if t.Failed() {
		return
	}
	// Each site has a key of its own.
	text := regexp.MustCompile(`sallyport/test\+[0-9a-f]{8}`).ReplaceAllString(page.String(), "KEY")
	golden(t, filepath.Join("..", "..", "deploy", "tamper.md"), text)
}

func errorsOf(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		a, b := strings.Split(string(want), "\n"), strings.Split(got, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s, line %d:\n%s\nis now\n%s\n(-update writes it anew)", path, i+1, a[i], b[i])
			}
		}
		t.Fatalf("%s has %d lines, now %d (-update writes it anew)", path, len(a), len(b))
	}
}

const tamperHead = `# What is found when somebody changes the record

A test does each of these to a site, by hand in its database or its files, and this table is what ` + "`sallyport log verify`" + ` then
says: the first thing that does not fit. Whoever may write into the data directory may also have the site's key; what that
person can do, and who finds it, stands at the end.

## In the database

| table | somebody | is told |
|---|---|---|
`

const tamperWhole = `
What is not found is what an intruder with the database in hand can do unnoticed by the log. It changes no record and
no verdict that was given. Keep the data directory to the account of the program, the machine's disk encrypted, and read
the list of people and devices when a post is handed over.

## The database as a whole, and the heads beside it

A head is kept beside the database each minute, and handed to a witness where the site has one.

| somebody | is told |
|---|---|
`
