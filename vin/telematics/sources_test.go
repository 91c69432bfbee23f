package telematics

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sallyport/policy/rows"
)

// The tests of this file read the source data by themselves, so that what Build
// drops or bends is noticed.

func lines[T any](t *testing.T, path string) []T {
	t.Helper()
	text, err := rows.Read(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	f := bytes.NewReader(text)
	var out []T
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatalf("%s line %d: %v", path, len(out)+1, err)
		}
		out = append(out, v)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	text, err := rows.Read(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	f := bytes.NewReader(text)
	recs, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, rec := range recs[1:] {
		m := map[string]string{}
		for i, h := range recs[0] {
			m[h] = strings.TrimSpace(rec[i])
		}
		out = append(out, m)
	}
	return out
}

// surely is the certainty that a row's class of evidence gives it: filings and
// makers' own documents are documented unless inferred, the rest is reported.
func surely(class, confidence string) Certainty {
	if slices.Contains([]string{"regulatory", "government", "manufacturer-statement", "securities-filing"}, class) && !strings.HasPrefix(confidence, "inferred") {
		return Documented
	}
	return Reported
}

// asIn maps a maker as the sources write it to its reviewed names; one that is
// not here stands for itself.
var asIn = map[string][]string{
	"Cinterion (Gemalto/Thales)": {"Cinterion"}, "Gemalto (Cinterion)": {"Cinterion"}, "Gemalto": {"Cinterion"}, "Gosuncn/ZTE": {"Gosuncn", "ZTE"},
	"Rolling Wireless (brand)": {"Rolling Wireless"}, "MeiG Smart": {"MeiG"}, "China Mobile IoT": {"China Mobile"}, "Quectel Wireless Solutions": {"Quectel"},
	"Rolling Wireless (Luxembourg) S.à r.l.": {"Rolling Wireless S.à r.l."}, "Telit Cinterion": {"Telit"}, "Teltonika Telematics": {"Teltonika"},
}

func names(maker string) []string {
	if n, ok := asIn[maker]; ok {
		return n
	}
	return []string{maker}
}

// reread are the rows whose model names a reviewer read otherwise than the data's
// keys: joined names taken apart, and words that are no name taken away.
var reread = map[string][]string{
	"V0035": {"Forester", "Legacy", "Outback", "Impreza", "Crosstrek", "WRX"},
	"V0037": {"fortwo"},
	"V0051": {"Accord Touring", "Odyssey Touring", "Odyssey Elite", "Insight Touring"},
	"V0069": {"electric bus"},
}

// marketsIn are countries to ask for by the words of a row's market, of those
// that it surely holds.
func marketsIn(words string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(words, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		switch w {
		case "US", "CA", "CN", "JP", "NO", "UK":
			out = append(out, w)
		case "EU":
			out = append(out, "DE", "PL")
		}
	}
	if strings.HasPrefix(words, "global") || strings.Contains(words, "global") || words == "" {
		return []string{"", "US", "DE", "CN"}
	}
	return append(out, "")
}

type vehicleRow struct {
	ID, Market, Years, Resolves, Confidence, Quote, Source string
	Makes                                                  []string
	ModelKeys                                              []string `json:"model_keys"`
	YearFrom                                               int      `json:"year_from"`
	YearTo                                                 int      `json:"year_to"`
	Maker                                                  string   `json:"module_maker"`
	Model                                                  string   `json:"module_model"`
	Evidence                                               string   `json:"evidence_class"`
}

// Every row of vehicles.jsonl is found again by its makes, models, years and
// markets, with its certainty; outside its years it is not; and a row that only
// shows a unit stands behind no module's maker.
func TestEveryVehicleRowIsFound(t *testing.T) {
	rows := lines[vehicleRow](t, filepath.Join(shared(t, "telematics"), "vehicles.jsonl"))
	if len(rows) != 106 {
		t.Fatalf("%d rows, want 106", len(rows))
	}
	c := catalogue(t)
	asked := 0
	for _, r := range rows {
		models := r.ModelKeys
		if m := reread[r.ID]; m != nil {
			models = m
		}
		years := []int{0}
		for _, y := range []int{r.YearFrom, r.YearTo, (r.YearFrom + r.YearTo) / 2} {
			if y >= max(r.YearFrom, 1) && y > 1900 && (r.YearTo == 0 || y <= r.YearTo) {
				years = append(years, y)
			}
		}
		for _, mk := range r.Makes {
			for _, md := range models {
				for _, year := range years {
					for _, market := range marketsIn(r.Market) {
						asked++
						q := Query{Make: mk, Model: md, Year: year, Market: market}
						found, cd := sourceIn(c.Lookup(q), r.ID)
						named := nameIn(c.Lookup(q))
						switch {
						case r.Resolves == "module-maker-and-model":
							if !found || cd.Certainty < surely(r.Evidence, r.Confidence) || !slices.Contains(names(r.Maker), cd.Maker) {
								t.Errorf("%s by %+v: found %v, as %s %s %s, want %s %s", r.ID, q, found, cd.Maker, cd.Model, cd.Certainty, r.Maker, surely(r.Evidence, r.Confidence))
							}
						case r.Resolves == "chip-only" && found && cd.Maker != "" && !cd.ChipDown:
							t.Errorf("%s knows a chip and stands behind the module maker %q", r.ID, cd.Maker)
						case r.Resolves != "chip-only" && found && (cd.Maker != "" || cd.Certainty != None):
							t.Errorf("%s only shows a unit and stands behind %q %s", r.ID, cd.Maker, cd.Certainty)
						case !found && !named:
							t.Errorf("%s is not found by %+v", r.ID, q)
						}
						if src := sourceOf(c.Lookup(q), r.ID); found && (src.Address != r.Source || src.Quote != r.Quote) {
							t.Errorf("%s lost its source or quote: %+v", r.ID, src)
						}
					}
				}
				for _, year := range []int{r.YearFrom - 1, r.YearTo + 2} {
					if year < 1900 || year >= r.YearFrom && (r.YearTo == 0 || year <= r.YearTo+1) {
						continue
					}
					if found, _ := sourceIn(c.Lookup(Query{Make: mk, Model: md, Year: year}), r.ID); found {
						t.Errorf("%s of %s is answered for %d", r.ID, r.Years, year)
					}
				}
				if m := marketsIn(r.Market); len(m) > 0 && m[0] != "" {
					if found, _ := sourceIn(c.Lookup(Query{Make: mk, Model: md, Year: r.YearFrom, Market: "BR"}), r.ID); found {
						t.Errorf("%s of the market %s is answered for Brazil", r.ID, r.Market)
					}
				}
			}
		}
	}
	t.Logf("%d rows, %d look-ups", len(rows), asked)
}

func sourceIn(a Answer, id string) (bool, Candidate) {
	for _, u := range a.Units {
		for _, cd := range u.Candidates {
			if slices.ContainsFunc(cd.Sources, func(s Source) bool { return s.ID == id }) {
				return true, cd
			}
		}
	}
	return false, Candidate{}
}

func sourceOf(a Answer, id string) Source {
	_, cd := sourceIn(a, id)
	for _, s := range cd.Sources {
		if s.ID == id {
			return s
		}
	}
	return Source{}
}

func nameIn(a Answer) bool {
	return slices.ContainsFunc(a.Units, func(u Unit) bool {
		return slices.ContainsFunc(u.Candidates, func(cd Candidate) bool { return cd.Maker != "" })
	})
}

// Every row of aftermarket.jsonl is found again by the device's name, and with
// the maker's, and with its certainty.
func TestEveryDeviceRowIsFound(t *testing.T) {
	rows := lines[struct {
		ID, Device, Resolves, Confidence string
		DeviceMaker                      string `json:"device_maker"`
		Maker                            string `json:"module_maker"`
		Evidence                         string `json:"evidence_class"`
	}](t, filepath.Join(shared(t, "telematics"), "aftermarket.jsonl"))
	if len(rows) != 70 {
		t.Fatalf("%d rows, want 70", len(rows))
	}
	c := catalogue(t)
	held := map[string]*Device{}
	for i := range c.file.Devices {
		held[c.file.Devices[i].ID] = &c.file.Devices[i]
	}
	for _, r := range rows {
		d := held[r.ID]
		if d == nil {
			t.Errorf("%s (%s %s) is not in the catalogue", r.ID, r.DeviceMaker, r.Device)
			continue
		}
		if d.Certainty != surely(r.Evidence, r.Confidence) {
			t.Errorf("%s is %s, want %s", r.ID, d.Certainty, surely(r.Evidence, r.Confidence))
		}
		// A name of several devices is asked by each that a reviewer found in it.
		asked := d.Keys
		if plain, _, _ := strings.Cut(r.Device, " ("); !strings.ContainsAny(plain, "*/,") && len(strings.Fields(plain)) == 1 {
			asked = append(slices.Clone(asked), plain)
		}
		for _, name := range asked {
			for _, value := range []string{name, strings.ToUpper(name), r.DeviceMaker + " " + name} {
				if strings.HasPrefix(value, "(unbranded)") {
					continue
				}
				id := c.Identify("device", value)
				found := slices.ContainsFunc(id.Makers, func(f Finding) bool {
					return slices.ContainsFunc(f.Sources, func(s Source) bool { return s.ID == r.ID }) && f.Certainty >= surely(r.Evidence, r.Confidence)
				})
				told := slices.ContainsFunc(id.Problems, func(p Problem) bool { return p.Code == "unnamed" })
				if !found && (r.Maker != "" || !told && len(id.Makers) == 0) {
					t.Errorf("%s is not found by %q: %+v", r.ID, value, id)
				}
				for _, f := range id.Makers {
					if r.Maker == "" && !f.Unit && slices.ContainsFunc(f.Sources, func(s Source) bool { return s.ID == r.ID }) {
						t.Errorf("%s names no module and stands behind %s", r.ID, f.Maker)
					}
				}
			}
		}
	}
}

// Every row of module_models.csv is found again by its model, its FCC id and
// its USB id, with its maker and certainty.
func TestEveryModuleRowIsFound(t *testing.T) {
	rows := table(t, filepath.Join(shared(t, "telematics"), "module_models.csv"))
	if len(rows) != 208 {
		t.Fatalf("%d rows, want 208", len(rows))
	}
	c := catalogue(t)
	for i, r := range rows {
		id := "M" + strconv.Itoa(1000 + i + 1)[1:]
		want := surely(r["evidence_class"], r["confidence"])
		j := slices.IndexFunc(c.file.Modules, func(m Module) bool { return m.ID == id })
		if j < 0 {
			t.Errorf("line %d (%s %s) is not in the catalogue", i+2, r["maker"], r["model"])
			continue
		}
		keys := [][2]string{{"fcc_id", r["fcc_id"]}, {"usb_id", r["usb_id"]}}
		for _, n := range c.file.Modules[j].Names {
			keys = append(keys, [2]string{"module", n})
		}
		if plain, _, _ := strings.Cut(r["model"], " ("); !strings.ContainsAny(plain, "/, ") {
			keys = append(keys, [2]string{"module", plain})
		}
		for _, k := range keys {
			if k[1] == "" {
				continue
			}
			got := c.Identify(k[0], k[1])
			for _, maker := range names(r["maker"]) {
				found := slices.ContainsFunc(got.Makers, func(f Finding) bool { return fold(f.Maker) == fold(maker) && f.Certainty >= want })
				if !found {
					t.Errorf("%s (%s %s) is not found by %s %q as %s, %s: %+v", id, r["maker"], r["model"], k[0], k[1], maker, want, got.Makers)
				}
			}
		}
	}
}

// What the reviewed statements quote is what the source data quotes, where the
// data holds the same page.
func TestStatementsQuoteTheirSources(t *testing.T) {
	type quoted struct{ Source, Quote string }
	var data []quoted
	for _, f := range [][2]string{{"telematics", "vehicles.jsonl"}, {"telematics", "oem.jsonl"}, {"supply", "vehicle_modules.jsonl"}, {"supply", "instruments.jsonl"}, {"supply", "edges.jsonl"}} {
		data = append(data, lines[quoted](t, filepath.Join(shared(t, f[0]), f[1]))...)
	}
	c := catalogue(t)
	same := 0
	for _, a := range c.file.Abouts {
		for _, d := range data {
			if d.Source == a.Address && d.Quote == a.Quote {
				same++
				break
			}
		}
	}
	if same < 2 {
		t.Errorf("%d statements quote rows of the data, want at least those on the Romanian SIM and the seat", same)
	}
}

// The vehicles of which the data shows that make, model and year do not fix the
// module.
func TestSeveralModulesOfOneModelAndYear(t *testing.T) {
	c := catalogue(t)
	for _, tc := range []struct {
		name string
		q    Query
		want []string // maker model certainty from–to parts
	}{
		{"Model 3 of 2022", Query{Make: "TESLA", Model: "Model 3", Year: 2022},
			[]string{"Telit LE940B6-NA documented 2019–2022 [1506277]", "Quectel AG525R-GL documented 2022-01–2023 [1960100]"}},
		{"built in 2021", Query{Make: "TESLA", Model: "Model 3", Year: 2022, Built: "2021-11"},
			[]string{"Telit LE940B6-NA documented 2019–2022 [1506277]", "Quectel AG525R-GL reported 2021–2022 []"}},
		{"built in 2022: the months are about", Query{Make: "TESLA", Model: "Model 3", Year: 2022, Built: "2022-10-03"},
			[]string{"Telit LE940B6-NA documented 2019–2022 [1506277]", "Quectel AG525R-GL documented 2022-01–2023 [1960100]"}},
		{"built in 2023", Query{Make: "TESLA", Model: "Model 3", Year: 2023, Built: "2023"},
			[]string{"Quectel AG525R-GL documented 2022-08–2023 [1960100]"}},
		{"Model Y of 2025: two units", Query{Make: "TESLA", Model: "MODEL Y", Year: 2025, Built: "2025-02", Market: "US"},
			[]string{"Quectel AG555Q-GL documented 2025– [1763104]", "Quectel AG525R-GL documented 2025– [1727111]"}},
		{"Model S of 2016", Query{Make: "TESLA", Model: "MODEL S", Year: 2016, Market: "US"},
			[]string{"Cinterion ALS3-US reported 2016–2016 []", "Telit LE940B6-NA reported 2016–2016 []"}},
		{"months that a source gives exactly: within", Query{Make: "HONDA", Model: "CIVIC", Market: "JP", Built: "2024-09"},
			[]string{"  none 2024-08–2025-01 []"}},
		{"months that a source gives exactly: before", Query{Make: "HONDA", Model: "CIVIC", Market: "JP", Built: "2024-07"}, nil},
		{"the month itself", Query{Make: "HONDA", Model: "CIVIC", Market: "JP", Built: "2025-01-31"},
			[]string{"  none 2024-08–2025-01 []"}},
		{"a year of build that tells no month", Query{Make: "HONDA", Model: "CIVIC", Market: "JP", Built: "2024"},
			[]string{"  none 2024-08–2025-01 []"}},
	} {
		var got []string
		a := c.Lookup(tc.q)
		for _, u := range a.Units {
			for _, cd := range u.Candidates {
				got = append(got, cd.Maker+" "+cd.Model+" "+cd.Certainty.String()+" "+cd.From+"–"+cd.To+" ["+cd.TCUPart+"]")
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, tc.want)
		}
	}
}
