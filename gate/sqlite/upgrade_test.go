package sqlite_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/storetest"
)

// oldSite lays out the site that version 1 of the schema wrote: 15 records, one
// of them erased, three inspections of one identifier each. Its keys sign
// nothing else.
func oldSite(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	from := filepath.Join("testdata", "site-v1")
	for _, name := range []string{"log.key", "log.pub", "log.heads"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.Open(filepath.Join(from, "site.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "site.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestUpgrade walks a database of version 1 through the migrations: it verifies
// before and after, nothing is lost, and its inspections still settle.
func TestUpgrade(t *testing.T) {
	dir := oldSite(t)
	before, err := sqlite.Verify(t.Context(), dir, "")
	if err != nil || !before.Clean() || before.Entries != 15 {
		t.Fatalf("before: %d entries, %+v, %v", before.Entries, before.Misfits, err)
	}
	if _, err := sqlite.OpenReader(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "older program") {
		t.Errorf("read before it was brought up to date: %v", err)
	}
	s := open(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "site.db.v00001")); err != nil {
		t.Error("no copy of the database was made:", err)
	}
	after := verified(t, s)
	if after.Entries != before.Entries || after.Rows != before.Rows || after.Erased != before.Erased || after.Head.Root != before.Head.Root {
		t.Fatalf("after: %+v, before: %+v", after.Report, before.Report)
	}
	at := storetest.Noon.Add(10 * time.Minute).UTC()
	old := func(id, vin string) gate.Inspection {
		return gate.Inspection{ID: id, VIN: vin, Subject: gate.SubjectUnit, Kind: gate.KindSeen, Role: "tcu", Result: gate.ResultFound, By: "anna", At: at, Expires: at.AddDate(1, 0, 0)}
	}
	read, none, device := old("old-1", "5YJXCAE4XMF000001"), old("old-2", "2HGEJ6672WH500001"), old("old-3", "2HGEJ6672WH500001")
	read.Read = []gate.Reading{{Kind: "fcc_id", Value: "XMR201909EG25G"}}
	none.Result = gate.ResultNone
	device.Subject, device.Role, device.By = gate.SubjectDevice, "device", "jan"
	device.Read = []gate.Reading{{Kind: "device", Value: "comma 3X"}}
	for vin, want := range map[string][]gate.Inspection{read.VIN: {read}, none.VIN: {device, none}} {
		got, err := s.Inspections(t.Context(), vin, at)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", vin, got, want)
		}
	}
	beside, err := sqlite.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	if got, err := beside.Inspections(t.Context(), read.VIN, at); err != nil || !reflect.DeepEqual(got, []gate.Inspection{read}) {
		t.Errorf("read beside the open store: %+v, %v", got, err)
	}
	if err := s.RecordInspectionActs(t.Context(), gate.InspectionAct{Inspection: "old-1", Kind: gate.InspectionTCUReplaced, By: "jan", At: at, Note: "workshop"}); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordPhoto(t.Context(), storetest.SamplePhoto("old-2", 1)); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, s); r.Entries != before.Entries+2 {
		t.Errorf("%d entries, want %d", r.Entries, before.Entries+2)
	}
	if list, err := s.PolicyVersions(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("versions of rules that nobody recorded: %+v, %v", list, err)
	}
	v := storetest.SampleVersion(1, gate.SetUp)
	if err := s.RecordPolicyVersion(t.Context(), v, gate.PolicyStep{Version: 1, Kind: gate.StepApproved, By: gate.SetUp, At: v.At, From: v.At}); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordPosture(t.Context(), gate.PostureChange{Number: 1, By: "jan", At: v.At, Level: "bravo", Why: "x"}); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, s); r.Entries != before.Entries+5 {
		t.Errorf("%d entries, want %d", r.Entries, before.Entries+5)
	}
}

// A table that is not there is not passed over where the log speaks of its rows.
func TestDroppedTable(t *testing.T) {
	dir := newSite(t)
	s := open(t, dir)
	smallLog(t, s)
	actsAndPhotos(t, s)
	if _, err := intruder(t, dir).Exec("DROP TABLE photo"); err != nil {
		t.Fatal(err)
	}
	r, err := s.Verify(t.Context())
	if err != nil || r.Clean() || r.First().Seq != 13 {
		t.Fatalf("%+v, %v", r.Misfits, err)
	}
}
