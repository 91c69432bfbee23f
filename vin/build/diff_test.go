package build

import (
	"reflect"
	"strings"
	"testing"

	"sallyport/vin"
)

func compiled(t *testing.T, src *Source, com Community) *vin.Index {
	t.Helper()
	data, _, err := Index(src, com)
	if err != nil {
		t.Fatal(err)
	}
	ix, err := vin.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func TestDiff(t *testing.T) {
	old := compiled(t, source(), ownRows)
	next := source()
	next.Edition = "NHTSA vPIC 2020-02"
	next.Makes[2], next.Models[20], next.MakeOfModel[20] = "Bolt", "Two", 2
	next.Models[10] = "One and only"
	next.Manufacturers[4] = "Acme Works Two"
	next.WMIs = []WMI{{ID: 1, Code: "1AA", Manufacturer: 4, Type: 2, Country: 6, PublicFrom: "2015-01-01"},
		{ID: 5, Code: "1A9001", Manufacturer: 3, Type: 2, PublicFrom: "2015-01-01"}}
	next.WMIMakes[5] = []int{2}
	next.Links = []Link{{WMI: 1, Schema: 100, From: 2012}}
	next.Patterns = append(next.Patterns[:3], Pattern{ID: 5, Schema: 100, Element: 28, Keys: "B", Attribute: "20", Date: "2020-01-03 00:00:00"})
	now := compiled(t, next, Community{})
	got := Diff(old, now)
	want := Changes{Old: "NHTSA vPIC 2020-01-02", New: "NHTSA vPIC 2020-02", PatternsBefore: 3, PatternsNow: 3, SchemasBefore: 2, SchemasNow: 1,
		NewMakes: []string{"BOLT"}, NewModels: []string{"ACME One and only", "BOLT Two"}, LostModels: []string{"ACME One"},
		NewWMIs: []string{"1A9001 (ACME WORKS)"}, MovedWMIs: []string{"1AA (ACME WORKS TWO), before ACME WORKS"}, LostCommunity: []string{"XAA"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	text := got.String()
	for _, says := range []string{"2020-01-02 → NHTSA vPIC 2020-02", "schemas   2 → 1 (-1)", "new makes: 1\n  BOLT\n", "makes no longer there: 0\n", "community WMIs no longer there: 1\n  XAA\n"} {
		if !strings.Contains(text, says) {
			t.Errorf("the report does not say %q:\n%s", says, text)
		}
	}
	if c := Diff(old, old); len(c.NewMakes)+len(c.LostMakes)+len(c.NewWMIs)+len(c.LostWMIs)+len(c.NewModels)+len(c.LostModels)+len(c.MovedWMIs) != 0 {
		t.Errorf("an index differs from itself: %+v", c)
	}
}
