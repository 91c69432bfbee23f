package vpicfile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/gate/sqlite/vpicfile"
	"sallyport/vin"
	"sallyport/vin/build"
)

const cut = `
CREATE TABLE Element (Id INTEGER, Name TEXT, Code TEXT, LookupTable TEXT, IsPrivate INTEGER, Decode TEXT, weight INTEGER);
INSERT INTO Element VALUES
 (5, 'Body Class', 'BodyClass', 'BodyStyle', 0, 'Pattern', 99),
 (11, 'Displacement (CC)', 'DisplacementCC', NULL, 0, 'Pattern', 98),
 (12, 'Displacement (CI)', 'DisplacementCI', NULL, 0, 'Pattern', NULL),
 (13, 'Displacement (L)', 'DisplacementL', NULL, 0, 'Pattern', NULL),
 (18, 'Engine Model', 'EngineModel', NULL, 0, 'Pattern', 55),
 (9, 'Cylinders', 'EngineCylinders', NULL, 0, 'Pattern', 88),
 (28, 'Model', 'Model', 'Model', 0, 'Pattern', 99),
 (75, 'Plant Country', 'PlantCountry', 'Country', 0, 'Pattern', 99),
 (121, 'Other Restraint', 'OtherRestraintSystemInfo', NULL, 0, 'Pattern', NULL);
CREATE TABLE BodyStyle (Id INTEGER, Name TEXT);
INSERT INTO BodyStyle VALUES (5, 'Hatchback'), (13, 'Sedan');
CREATE TABLE Country (Id INTEGER, Name TEXT, displayorder INTEGER);
INSERT INTO Country VALUES (6, 'UNITED STATES (USA)', 1), (8, 'CHINA', 999);
CREATE TABLE VehicleType (Id INTEGER, Name TEXT);
INSERT INTO VehicleType VALUES (2, 'Passenger Car'), (6, 'Trailer');
CREATE TABLE Make (Id INTEGER, Name TEXT);
INSERT INTO Make VALUES (1, 'Acme'), (2, 'Bolt');
CREATE TABLE Model (Id INTEGER, Name TEXT);
INSERT INTO Model VALUES (10, 'One'), (20, 'Two');
CREATE TABLE Make_Model (Id INTEGER, MakeId INTEGER, ModelId INTEGER);
INSERT INTO Make_Model VALUES (1, 1, 10), (2, 2, 20);
CREATE TABLE Manufacturer (Id INTEGER, Name TEXT);
INSERT INTO Manufacturer VALUES (3, 'Acme Works');
CREATE TABLE EngineModel (Id INTEGER, Name TEXT, Description TEXT);
INSERT INTO EngineModel VALUES (50, 'Big Six', '');
CREATE TABLE EngineModelPattern (Id INTEGER, EngineModelId INTEGER, ElementId INTEGER, AttributeId TEXT, CreatedOn TEXT, UpdatedOn TEXT);
INSERT INTO EngineModelPattern VALUES (1, 50, 9, '6', '2016-01-01 00:00:00', NULL), (2, 50, 13, '2.4', '2016-01-01 00:00:00', NULL);
CREATE TABLE Conversion (Id INTEGER, FromElementId INTEGER, ToElementId INTEGER, Formula TEXT);
INSERT INTO Conversion VALUES (1, 11, 12, '#x# / 16.387064 '), (2, 12, 11, '#x# * 16.387064 '), (3, 11, 13, '#x# / 1000.'),
 (4, 13, 11, '#x# * 1000'), (5, 12, 13, '#x# * 0.016387064 '), (7, 13, 12, '#x# / 0.016387064 ');
CREATE TABLE Wmi (Id INTEGER, Wmi TEXT, ManufacturerId INTEGER, VehicleTypeId INTEGER, CountryId INTEGER, PublicAvailabilityDate TEXT, TruckTypeId INTEGER);
INSERT INTO Wmi VALUES (1, '1AA', 3, 2, 6, '2015-01-01 00:00:00', NULL), (2, '1A9001', 3, 6, 6, '2015-01-01 00:00:00', NULL),
 (3, '1AB', 3, 2, 6, NULL, NULL);
CREATE TABLE Wmi_Make (WmiId INTEGER, MakeId INTEGER);
INSERT INTO Wmi_Make VALUES (1, 1), (1, 2), (2, 1), (3, 1);
CREATE TABLE Wmi_VinSchema (Id INTEGER, WmiId INTEGER, VinSchemaId INTEGER, YearFrom INTEGER, YearTo INTEGER);
INSERT INTO Wmi_VinSchema VALUES (1, 1, 100, 2012, NULL), (2, 1, 101, 2015, NULL), (3, 2, 102, 1985, 2000), (4, 1, 103, 2012, NULL);
CREATE TABLE VinSchema (Id INTEGER, TobeQCed INTEGER);
INSERT INTO VinSchema VALUES (100, NULL), (101, 0), (102, NULL), (103, 1);
CREATE TABLE Pattern (Id INTEGER, VinSchemaId INTEGER, Keys TEXT, ElementId INTEGER, AttributeId TEXT, CreatedOn TEXT, UpdatedOn TEXT);
INSERT INTO Pattern VALUES
 (1, 100, 'A', 28, '10', '2015-01-01 00:00:00', NULL),
 (2, 101, 'A', 28, '20', '2014-01-01 00:00:00', NULL),       -- schema starts later: wins though older
 (3, 100, 'B', 28, '10', '2015-01-01 00:00:00', NULL),
 (4, 100, 'B*', 28, '20', '2016-01-01 00:00:00', NULL),      -- newer: wins
 (5, 100, 'CD', 28, '20', '2016-01-01 00:00:00', NULL),
 (6, 100, 'C', 28, '10', '2016-01-01 00:00:00', NULL),       -- as new, shorter key: wins
 (7, 100, '*****|*P', 75, '8', '2016-01-01 00:00:00', NULL), -- plant
 (8, 100, 'A', 18, ' big six', '2016-01-01 00:00:00', NULL), -- engine model, other case
 (9, 100, '*#', 11, 'TBD', '2016-01-01 00:00:00', NULL),
 (10, 100, 'A', 121, 'belts', '2016-01-01 00:00:00', NULL),
 (11, 101, 'A', 121, 'airbags', '2016-01-01 00:00:00', NULL),
 (12, 103, 'A', 5, '5', '2016-01-01 00:00:00', NULL),        -- not yet checked by NHTSA
 (13, 102, '*', 5, '13', '2016-01-01 00:00:00', '2016-02-03 00:00:00');
`

// cutFile writes a small SQLite cut in the form of the published one.
func cutFile(t *testing.T, statements string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a cut?.sqlite")
	db, err := sql.Open("sqlite3", "file:"+strings.ReplaceAll(strings.ReplaceAll(path, "?", "%3f"), " ", "%20"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
	return path
}

func compile(t *testing.T, path string) *vin.Index {
	t.Helper()
	src, err := vpicfile.Read(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := build.ReadLookups(strings.NewReader(`{"bodystyle":[["13","Sedan/Saloon"]],
		"vindescriptor":[["1","1AAAXXXX*FX","2014"]], "defaultvalue":[["1","5","2","5"],["2","121","2","0"]]}`), src); err != nil {
		t.Fatal(err)
	}
	data, report, err := build.Index(src, build.CorgiCommunity)
	if err != nil {
		t.Fatal(err)
	}
	if report.Left != 1 || report.Edition != "NHTSA vPIC 2016-02-03" {
		t.Errorf("report %+v", report)
	}
	ix, err := vin.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func TestReadBuildDecode(t *testing.T) {
	path := cutFile(t, cut)
	zipped := filepath.Join(t.TempDir(), "cut.sqlite.gz")
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(zipped, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, zipped} {
		ix := compile(t, file)
		for _, c := range []struct {
			name, vin string
			want      map[string]string
		}{
			{"schema that starts later", "1AAA0XXX0F0000000", map[string]string{"Model": "Two", "Make": "BOLT", "ModelYear": "2015"}},
			{"only one schema in the year", "1AAA0XXX0D0000000", map[string]string{"Model": "One", "Make": "ACME", "ModelYear": "2013"}},
			{"newer pattern", "1AAB0XXX0D0000000", map[string]string{"Model": "Two"}},
			{"shorter key", "1AACDXXX0D0000000", map[string]string{"Model": "One"}},
			{"no model, several makes", "1AAX0XXX0D0000000", map[string]string{"Model": "", "Make": ""}},
			{"plant", "1AAB0XXX0DP000000", map[string]string{"PlantCountry": "CHINA"}},
			{"engine model", "1AAAXXXX0D0000000", map[string]string{"EngineModel": " big six", "EngineCylinders": "6", "DisplacementL": "2.4",
				"DisplacementCC": "2400.0", "DisplacementCI": "146.4569858273574815"}},
			{"formula before the engine model", "1AAA7XXX0D0000000", map[string]string{"DisplacementCC": "7", "DisplacementL": "2.4"}},
			{"several values", "1AAA0XXX0F0000000", map[string]string{"OtherRestraintSystemInfo": "airbags ~ belts"}},
			{"default, and not the unchecked pattern", "1AAA0XXX0F0000000", map[string]string{"BodyClass": "Hatchback"}},
			{"descriptor", "1AAAXXXX0FX000000", map[string]string{"ModelYear": "2014", "Model": "One"}},
			{"six characters; the year with a schema; name of the later lookups", "1A9A0XXX0F0001000",
				map[string]string{"BodyClass": "Sedan/Saloon", "Make": "ACME", "ModelYear": "1985"}},
			{"not public", "1ABA0XXX0F0000000", map[string]string{"Make": "", "ErrorCode": "1,7"}},
		} {
			d := ix.DecodeText(c.vin, vin.Options{Year: 2020})
			got := d.Answer().Attributes
			got["ErrorCode"] = d.Codes.String()
			for k, want := range c.want {
				if got[k] != want {
					t.Errorf("%s (%s): %s is %q, want %q", c.name, c.vin, k, got[k], want)
				}
			}
		}
	}
}

// A file that is not the published cut is refused with a reason.
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.sqlite")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	fakeZip := filepath.Join(dir, "text.gz")
	if err := os.WriteFile(fakeZip, []byte("no gzip"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, says string }{
		{"missing", filepath.Join(dir, "nothing.sqlite"), "no such file"},
		{"missing, gzipped", filepath.Join(dir, "nothing.gz"), "no such file"},
		{"no database", text, "not a database"},
		{"no gzip", fakeZip, "unexpected EOF"},
		{"a table is missing", cutFile(t, "CREATE TABLE Element (Id INTEGER)"), "Element"},
		{"not a number", cutFile(t, cut+`INSERT INTO Pattern VALUES ('x', 100, 'A', 28, '10', '2015-01-01', NULL);`), "Pattern"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := vpicfile.Read(context.Background(), c.path); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestReadStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vpicfile.Read(ctx, cutFile(t, cut)); err == nil {
		t.Error("a cancelled read succeeded")
	}
}
