package refdata

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// filled gives every field under v a value told from seed, slices and tables one
// element.
func filled(v reflect.Value, seed string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(seed)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(len(seed)))
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(float64(len(seed)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), seed)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(v.Index(0), seed)
	case reflect.Map:
		is := reflect.New(v.Type().Elem()).Elem()
		filled(is, seed)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(seed), is)
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), seed)
		}
	default:
		panic("a field of a kind that no row has had yet: " + v.Kind().String())
	}
}

// leaf is one place under a file, with what makes it say something else.
type leaf struct {
	at    string
	alter func()
}

// leaves are all places under v at which a row can say something else.
func leaves(v reflect.Value, at string) []leaf {
	switch v.Kind() {
	case reflect.Bool:
		return []leaf{{at, func() { v.SetBool(!v.Bool()) }}}
	case reflect.String:
		return []leaf{{at, func() { v.SetString(v.String() + " else") }}}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return []leaf{{at, func() { v.SetInt(v.Int() + 1) }}}
	case reflect.Uint8:
		return []leaf{{at, func() { v.SetUint(v.Uint() + 1) }}}
	case reflect.Float64:
		return []leaf{{at, func() { v.SetFloat(v.Float() + 1) }}}
	case reflect.Pointer:
		return leaves(v.Elem(), at)
	case reflect.Slice:
		// One more of them, too.
		out := []leaf{{at + "+", func() {
			more := reflect.New(v.Type().Elem()).Elem()
			filled(more, "more")
			v.Set(reflect.Append(v, more))
		}}}
		for i := range v.Len() {
			out = append(out, leaves(v.Index(i), fmt.Sprintf("%s[%d]", at, i))...)
		}
		return out
	case reflect.Map:
		return []leaf{{at + "[]", func() {
			for _, k := range v.MapKeys() {
				is := reflect.New(v.Type().Elem()).Elem()
				filled(is, "else")
				v.SetMapIndex(k, is)
			}
		}}, {at + "+", func() {
			is := reflect.New(v.Type().Elem()).Elem()
			filled(is, "more")
			v.SetMapIndex(reflect.ValueOf("more"), is)
		}}}
	case reflect.Struct:
		var out []leaf
		for i := range v.NumField() {
			out = append(out, leaves(v.Field(i), at+"."+v.Type().Field(i).Name)...)
		}
		return out
	}
	return nil
}

// rowsLaidOut tests, for every place of every kind of row that the form of a
// file has: an ally that says the same is not mentioned; one that says something
// else, or has a row more, is shown with what it says, and its row is used where
// it is binding and only there; two releases that differ in it are told apart.
// A kind of row that the form has and no section knows fails it.
func rowsLaidOut[F any](t *testing.T, sections []section[F], others ...string) {
	t.Helper()
	var known []string
	for _, s := range sections {
		known = append(known, s.field)
	}
	for i := range reflect.TypeFor[F]().NumField() {
		if name := reflect.TypeFor[F]().Field(i).Name; !slices.Contains(slices.Concat(known, others), name) {
			t.Errorf("rows of the kind %s are neither merged nor compared", name)
		}
	}
	file := func(field string) *F {
		f := new(F)
		filled(reflect.ValueOf(f).Elem().FieldByName(field), "one")
		return f
	}
	ally := func(s Standing) Role { return Role{Name: "ally", Standing: s} }
	for _, sec := range sections {
		n := 0
		// Ours is empty, or says what theirs said before it was altered.
		for _, absent := range []bool{false, true} {
			for i := range leaves(reflect.ValueOf(file(sec.field)).Elem().FieldByName(sec.field), sec.field) {
				ours, before, theirs := file(sec.field), file(sec.field), file(sec.field)
				if absent {
					ours, before = new(F), new(F)
				}
				same := newMerger(Supply)
				sec.merge(same, ally(Binding), ours, file(sec.field))
				if !absent && len(same.found) > 0 {
					t.Errorf("%s: it disagrees with itself: %+v", sec.field, same.found)
				}
				if ours = file(sec.field); absent {
					ours = new(F)
				}
				l := leaves(reflect.ValueOf(theirs).Elem().FieldByName(sec.field), sec.field)[i]
				l.alter()
				for _, standing := range []Standing{Advice, Binding} {
					m := newMerger(Supply)
					sec.merge(m, ally(standing), ours, theirs)
					want := map[Standing][]string{Advice: {"ours", "none"}, Binding: {"ally"}}[standing]
					if len(m.found) == 0 {
						t.Errorf("%s, %s: what the ally says is not shown", l.at, standing)
					}
					for _, d := range m.found {
						if !slices.Contains(want, d.Used) || len(d.Theirs) == 0 || d.Section == "" {
							t.Errorf("%s, %s: %+v", l.at, standing, d)
						}
						if absent && len(d.Ours) > 0 {
							t.Errorf("%s, %s: it has a row of ours that is not there: %s", l.at, standing, d.Ours)
						}
					}
					if standing == Advice && !absent {
						if diff := cmp.Diff(before, ours, cmp.AllowUnexported()); diff != "" {
							t.Errorf("%s: advice changed what is used:\n%s", l.at, diff)
						}
					}
				}
				settled := newMerger(Supply)
				sec.merge(settled, ally(Advice), ours, theirs)
				if len(settled.found) > 0 {
					t.Errorf("%s: the row of a binding ally is not used: %+v", l.at, settled.found)
				}
				if len(sec.diff(nil, "", before, theirs)) == 0 {
					t.Errorf("%s: two releases that differ in it read the same", l.at)
				}
				n++
			}
		}
		if n < 4 {
			t.Errorf("%s: %d places were tried", sec.field, n)
		}
	}
}

func TestEveryKindOfRowIsMergedOrShown(t *testing.T) {
	t.Run("catalogue", func(t *testing.T) { rowsLaidOut(t, catalogueSections(), "Edition") })
	t.Run("graph", func(t *testing.T) {
		rowsLaidOut(t, slices.Concat(graphSections(), listSections()), "Format", "Edition")
	})
	// A file of lists holds what the sections of lists do, and nothing else.
	var known []string
	for _, s := range listSections() {
		known = append(known, s.field)
	}
	for i := range reflect.TypeFor[ListsFile]().NumField() {
		if name := reflect.TypeFor[ListsFile]().Field(i).Name; name != "Edition" && !slices.Contains(known, name) {
			t.Errorf("a file of lists holds %s, which no section of lists knows", name)
		}
	}
}

// What two allies say is compared with what we say, not with each other, and
// each is shown with our own row.
func TestAlliesAreComparedWithUs(t *testing.T) {
	id := func(r telematics.Row) string { return r.ID }
	ours := []telematics.Row{row("V1", "Telit")}
	m := newMerger(Catalogue)
	rows := mergeRows(m, "row", Role{Name: "a", Standing: Binding}, ours, []telematics.Row{row("V1", "Quectel"), row("A1", "Sierra")}, id)
	rows = mergeRows(m, "row", Role{Name: "b", Standing: Advice}, rows, []telematics.Row{row("V1", "Telit")}, id)
	rows = mergeRows(m, "row", Role{Name: "c", Standing: Advice}, rows, []telematics.Row{row("V1", "Quectel"), row("A1", "Fibocom")}, id)
	if rows[0].Maker != "Quectel" || rows[1].Maker != "Sierra" || ours[0].Maker != "Telit" {
		t.Errorf("used: %+v", rows)
	}
	want := []said{
		{"catalogue", "row", "V1", "a", "binding", "a"}, {"catalogue", "row", "A1", "a", "binding", "a"},
		{"catalogue", "row", "V1", "c", "advice", "a"}, {"catalogue", "row", "A1", "c", "advice", "a"},
	}
	if diff := cmp.Diff(want, summary(m.found)); diff != "" {
		t.Error(diff)
	}
	for _, d := range m.found {
		if d.ID == "V1" && !strings.Contains(string(d.Ours), "Telit") || d.ID == "A1" && d.Ours != nil {
			t.Errorf("%s of %s: ours is %s", d.ID, d.Role, d.Ours)
		}
	}
}

// An ally's word on which codes a country's name covers, and on the title of a
// list that we hold, reaches the graph where the ally is binding.
func TestBindingTerritoryAndTitle(t *testing.T) {
	for _, standing := range []Standing{Advice, Binding} {
		c := newCouncil(t)
		a := c.agreement(standing, "pl", "de", "us")
		ref := supply.Ref{Source: "https://example.org/law", Certainty: "official"}
		theirs := smallGraph(t, "2026-11-06.cz", func(f *supply.File) {
			f.Lists[0].Title, f.Lists[0].Country = "Section 1260H, as we call it", "CN"
			f.Territories = []supply.Territory{{Country: "CN", Includes: []string{"HK"}, Ref: ref}}
			f.Plants = []supply.Plant{{Brand: "Cupra", Model: "Tavascan", Plant: "Hefei", Country: "CN", Ref: ref}}
			f.Makes = []supply.MakeName{{Name: "Twin", Types: []string{"TRUCK"}, Party: "owner"}}
		})
		k, err := Contribute("ally-cz", 1, day0.Add(90*days), Put{Role: "ally-cz", Kind: Supply, Data: theirs})
		c.ok(err)
		c.sign(k, "cz")
		puts := small(t, "2026-11-01", row("V1", "Telit"))
		puts[1].Data = smallGraph(t, "2026-11-01.s", func(f *supply.File) {
			f.Parties[1].Country = "HK"
			f.Makes = []supply.MakeName{{Name: "Twin", Types: []string{"TRUCK", "BUS"}, Party: "maker"}}
		})
		_, err = c.repo.Draft(a, puts, []*Repo{k}, day0)
		c.ok(err)
		c.sign(c.repo, "pl", "de")
		rel, err := c.repo.Verify(Trust{At: day0})
		c.ok(err)
		d, err := rel.Open()
		c.ok(err)
		var sections []string
		for _, x := range d.Disagreements {
			sections = append(sections, x.Section)
		}
		for _, want := range []string{"territory", "plant", "make", "list"} {
			if !slices.Contains(sections, want) {
				t.Errorf("%s: nothing is said of the ally's %s: %v", standing, want, sections)
			}
		}
		controlled := d.Graph.ControlledFrom("maker", "CN", 50, day0).Value == supply.True
		twin, _ := d.Graph.FindMaker("", "Twin", "TRUCK")
		bus, _ := d.Graph.FindMaker("", "Twin", "BUS")
		title := d.Graph.Lists()[0].Title == "Section 1260H, as we call it"
		if binds := standing == Binding; controlled != binds || title != binds || (twin.ID == "owner") != binds || bus.ID != "maker" || (len(d.Graph.Plants()) > 0) != binds {
			t.Errorf("%s: controlled %t, title %t, a Twin lorry is of %s and a bus of %s, plants %v", standing, controlled, title, twin.ID, bus.ID, d.Graph.Plants())
		}
	}
}
