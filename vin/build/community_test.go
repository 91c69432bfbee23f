package build

import (
	"reflect"
	"strings"
	"testing"

	"sallyport/vin"
)

// carried reads a dump and adds the community rows to it.
func carried(t *testing.T, text string, change func(*Source)) (*vin.Index, Report, Carried) {
	t.Helper()
	src, err := ReadDump(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(src)
	}
	com, done, err := AddCommunity(src, Community{})
	if err != nil {
		t.Fatal(err)
	}
	data, report, err := Index(src, com)
	if err != nil {
		t.Fatal(err)
	}
	ix, err := vin.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return ix, report, done
}

const (
	shanghai = "LRW3E7FAXRC093951" // a Model 3 of 2024
	berlin   = "XP7YGCEK3RB000001" // a Model Y of 2024
)

// added puts rows at the end of a table of the dump.
func added(t *testing.T, text, table, rows string) string {
	t.Helper()
	head, tail, ok := strings.Cut(text, "COPY vpic."+table+" (")
	body, rest, closed := strings.Cut(tail, "\n\\.\n")
	if !ok || !closed {
		t.Fatalf("the dump has no table %s", table)
	}
	return head + "COPY vpic." + table + " (" + body + "\n" + rows + "\n\\.\n" + rest
}

// A dump without Tesla's plants abroad has them all the same, as far as it has
// places for what is known of them; what NHTSA's dump says itself stays.
func TestCommunityInDump(t *testing.T) {
	text := dumpText(t)
	others := func(src *Source) {
		// names that are not those of Tesla's rows, though they look alike
		src.Models[30], src.MakeOfModel[30] = "Model 3", 1
		src.Lookups["bodystyle"]["99"] = "Sedan"
	}
	ix, report, done := carried(t, text, others)
	want := Carried{WMIs: []string{"LRW", "XP7"}, Left: []string{
		"LRW, DriveType: the edition has no such element (patterns: 11)",
		"LRW, PlantCity: the edition has no such element (patterns: 1)"}}
	for _, says := range want.Left {
		if !strings.Contains(strings.Join(done.Left, "\n")+"\n", says+"\n") {
			t.Errorf("left out: %q does not say %q", done.Left, says)
		}
	}
	if !reflect.DeepEqual(done.WMIs, want.WMIs) || report.CommunityWMIs != 2 || report.CommunitySchemas != 2 || report.Edition != "NHTSA vPIC 2021-05-06" {
		t.Errorf("carried %v, report %+v", done.WMIs, report)
	}
	for _, c := range []struct{ vin, model, body, country string }{
		{shanghai, "Model 3", "Sedan/Saloon", "CN"},
		{berlin, "Model Y", "Sport Utility Vehicle [SUV]/Multipurpose Vehicle [MPV]", "DE"},
	} {
		d := ix.DecodeText(c.vin, vin.Options{Year: 2026})
		if d.Make != "TESLA" || d.Model != c.model || d.ModelYear != 2024 || d.BodyClass != c.body || d.Manufacturer != "TESLA, INC." ||
			d.VehicleType != "PASSENGER CAR" || d.Attribute("FuelTypePrimary") != "Electric" || !d.Community || d.Basis != vin.BasisCommunity ||
			d.BuiltIn.Code != c.country || d.BuiltIn.Basis != vin.BasisPlantCommunity || !d.Codes.Has(vin.CodeUnknownMaker) {
			t.Errorf("%s: %+v", c.vin, d.Answer())
		}
		if got := d.Corrections(); got == nil || !strings.Contains(got.ErrorText, "7 - Manufacturer is not registered with NHTSA") ||
			got.SuggestedVIN != "" || got.Unused != "" {
			t.Errorf("%s: in NHTSA's words %+v", c.vin, got)
		}
		for _, v := range ix.ExplainText(c.vin, vin.Options{Year: 2026}).Values {
			if v.By == vin.ByPattern && (!v.Own || v.Pattern <= 60 || v.Schema <= 999) {
				t.Errorf("%s: %+v is told as a row of NHTSA's", c.vin, v)
			}
		}
	}
	// NHTSA's rows say what they said before
	alone := wholeIndex(t)
	for _, v := range []string{"1FBNE3BL1CDB23596", signed("1AAABCDE0FK000001"), "1DDG00000A0000001", "1B9A0000XF1001001"} {
		if a, b := alone.DecodeText(v, vin.Options{Year: 2026}), ix.DecodeText(v, vin.Options{Year: 2026}); !reflect.DeepEqual(a.Answer(), b.Answer()) {
			t.Errorf("%s: %+v, with community rows %+v", v, a.Answer(), b.Answer())
		}
	}
	text = Changes{Carried: done}.String()
	for _, says := range []string{"community WMIs carried over: LRW, XP7\n", "community rows left out: ", "  LRW, DriveType: the edition has no such element (patterns: 11)\n"} {
		if !strings.Contains(text, says) {
			t.Errorf("the report does not say %q:\n%s", says, text)
		}
	}
}

// Where NHTSA has registered a WMI, its own rows are the answer.
func TestNHTSAsOwnRowsWin(t *testing.T) {
	text := added(t, dumpText(t), "wmi", "6\tLRW\t3\t\\N\t2\t2020-01-01 00:00:00\t\\N\t6\t2020-01-01 00:00:00\t\\N\t\\N\t\\N\t\\N")
	text = added(t, text, "wmi_make", "6\t1")
	text = added(t, text, "wmi_vinschema", "7\t6\t200\t2012\t\\N\t\\N")
	ix, report, done := carried(t, text, nil)
	if !reflect.DeepEqual(done.WMIs, []string{"XP7"}) || report.CommunityWMIs != 1 || report.CommunitySchemas != 1 {
		t.Errorf("carried %v, report %+v", done.WMIs, report)
	}
	d := ix.DecodeText(signed("LRWABCDE0FK000001"), vin.Options{Year: 2026})
	if d.Make != "ACME" || d.Model != "One" || d.Community || d.Basis != vin.BasisVPIC || d.Codes.Has(vin.CodeUnknownMaker) {
		t.Errorf("%+v", d.Answer())
	}
	if d = ix.DecodeText(shanghai, vin.Options{Year: 2026}); d.Model != "" || d.Make != "ACME" || d.Community {
		t.Errorf("community rows answer for NHTSA's WMI: %+v", d.Answer())
	}
	if d = ix.DecodeText(berlin, vin.Options{Year: 2026}); d.Model != "Model Y" || !d.Community {
		t.Errorf("%+v", d.Answer())
	}
	before, _, _ := carried(t, dumpText(t), nil)
	c := Diff(before, ix)
	if !reflect.DeepEqual(c.OwnNow, []string{`LRW (ACME \ SONS WORKS)`}) || len(c.LostCommunity) != 0 {
		t.Errorf("%+v", c)
	}
	if says := "community WMIs that NHTSA has registered now: 1\n  LRW ("; !strings.Contains(c.String(), says) {
		t.Errorf("the report does not say %q:\n%s", says, c)
	}
}

// The names of an edition are used where it has them, in whatever capitals,
// and nothing is taken for what it is not.
func TestCommunityNames(t *testing.T) {
	src, err := ReadDump(strings.NewReader(dumpText(t)))
	if err != nil {
		t.Fatal(err)
	}
	src.Makes[441], src.Manufacturers[955] = "TESLA", "Tesla, Inc."
	src.Models[17834], src.MakeOfModel[17834] = "Model 3", 441
	src.Models[7], src.MakeOfModel[7] = "Model Y", 1
	src.Lookups["bodystyle"]["13"] = "Sedan/Saloon"
	src.Lookups["bodystyle"]["14"] = "SEDAN/SALOON"
	src.Elements = append(src.Elements, Element{ID: 38, Code: "Trim", Decoded: true, Private: true},
		Element{ID: 15, Code: "DriveType", Lookup: "DriveType", Decoded: true}, Element{ID: 14, Code: "Doors", Lookup: "Steering", Decoded: true})
	com, done, err := AddCommunity(src, Community{})
	if err != nil {
		t.Fatal(err)
	}
	left := strings.Join(done.Left, "\n")
	for _, says := range []string{"LRW, Trim: the edition does not decode the element (patterns: 11)", "LRW, DriveType: the edition has no table DriveType (patterns: 11)"} {
		if !strings.Contains(left, says) {
			t.Errorf("left out: %s\nwant %s", left, says)
		}
	}
	got := map[Pattern]bool{}
	highest := 0
	for _, p := range src.Patterns {
		if p.Schema == 1000 {
			highest = max(highest, p.ID)
			p.ID, p.Schema, p.Date = 0, 0, ""
			got[p] = true
		}
	}
	for _, p := range []Pattern{
		{Element: 28, Keys: "3*****", Attribute: "17834"},
		{Element: 28, Keys: "Y*****", Attribute: "-1"}, // 7 is another make's
		{Element: 5, Keys: "3E****", Attribute: "13"},
		{Element: 5, Keys: "YG****", Attribute: "-1"},
		{Element: 14, Keys: "3E****", Attribute: "-2"}, // a table now, where the row has a text
		{Element: 24, Keys: "******", Attribute: "2"},
		{Element: 75, Keys: "******", Attribute: "-1"},
	} {
		if !got[p] {
			t.Errorf("%+v is missing from %v", p, got)
		}
	}
	if src.Models[-1] != "Model Y" || src.MakeOfModel[-1] != 441 || src.Lookups["country"]["-1"] != "CHINA" || src.Lookups["steering"]["-2"] != "4" || highest <= 60 {
		t.Errorf("own names: %q of %d, %v, %v; patterns to %d", src.Models[-1], src.MakeOfModel[-1], src.Lookups["country"], src.Lookups["steering"], highest)
	}
	for _, w := range src.WMIs {
		if w.Code == "LRW" && (w.Manufacturer != 955 || w.Type != 2 || w.Country != -1 || !reflect.DeepEqual(src.WMIMakes[w.ID], []int{441})) {
			t.Errorf("%+v, makes %v", w, src.WMIMakes[w.ID])
		}
	}
	// once is enough
	n := len(src.Patterns)
	if com, done, err = AddCommunity(src, com); err != nil || len(done.WMIs) != 0 || len(src.Patterns) != n || !reflect.DeepEqual(com.WMIs, []string{"LRW", "XP7"}) {
		t.Errorf("a second time: %v, %+v, %v", com, done, err)
	}
	// without the vehicle type nothing of a WMI can be said
	src.WMIs, src.Lookups["vehicletype"] = src.WMIs[:5], map[string]string{"2": "Lorry", "x": "Passenger Car"}
	if com, done, err = AddCommunity(src, Community{}); err != nil || len(com.WMIs) != 0 || len(done.WMIs) != 0 ||
		!reflect.DeepEqual(done.Left, []string{"LRW: the edition has no vehicle type “Passenger Car”", "XP7: the edition has no vehicle type “Passenger Car”"}) || len(src.WMIs) != 5 {
		t.Errorf("%v, %+v, %v", com, done, err)
	}
}

// A cut in which NHTSA publishes the WMI by now has no community rows of it.
func TestCommunityOfLaterCut(t *testing.T) {
	src := source()
	src.WMIs = append(src.WMIs, WMI{ID: 3, Code: "LRW", Manufacturer: 3, Type: 2, PublicFrom: "2027-01-01 00:00:00"},
		WMI{ID: 4, Code: "XP7", Manufacturer: 3, Type: 2})
	com, done, err := AddCommunity(src, CorgiCommunity)
	if err != nil || !reflect.DeepEqual(com.WMIs, []string{"XP7"}) || len(done.WMIs) != 0 {
		t.Errorf("%v, %+v, %v", com, done, err)
	}
}

func TestReadCommunity(t *testing.T) {
	if rows, err := readCommunity(communityWMIs, communityPatterns); err != nil || len(rows) != 2 || len(rows[0].patterns)+len(rows[1].patterns) != 86 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	const head, keys = "wmi,manufacturer,make,vehicle_type,truck_type,country,schema,year_from,year_to,changed\n", "wmi,keys,element,value\n"
	const good = "XAA,Works,Acme,Truck,1,CHINA,Schema,2020,,2026-01-02\n"
	if rows, err := readCommunity(head+good, keys+"XAA,A,Model,One\n"); err != nil || rows[0].truck != 1 || rows[0].from != 2020 || rows[0].to != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
	for _, c := range []struct{ wmis, patterns, says string }{
		{"", "", "there are none"},
		{"X,Works,Acme,Truck,,CHINA,Schema,2020,,2026\n", "", "no WMI"},
		{good + good, "", "twice"},
		{"XAA,Works,,Truck,,CHINA,Schema,2020,,2026\n", "", "must have"},
		{"XAA,Works,Acme,Truck,,CHINA,Schema,soon,,2026\n", "", "soon"},
		{"XAA,Works,Acme,Truck,,CHINA,Schema,2020,late,2026\n", "", "late"},
		{"XAA,Works,Acme,Truck,99,CHINA,Schema,2020,,2026\n", "", "99"},
		{good, "XAB,A,Model,One\n", "not described"},
		{good, "XAA,[A,Model,One\n", "bracket is not closed"},
		{good, "XAA,A,Model,\n", "an element and a value"},
	} {
		if _, err := readCommunity(head+c.wmis, keys+c.patterns); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s%s: error %v, want one that says %q", c.wmis, c.patterns, err, c.says)
		}
	}
}
