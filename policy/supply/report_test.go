package supply

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden reports anew")

// The chains that the paper and the issue name, as a person reads them: one
// file for a chain, with the days on which it differs.
// No sentence ends twice, or speaks in the words of a data file.
func TestReportsReadAsSentences(t *testing.T) {
	g := graph(t)
	for _, p := range g.Parties() {
		for _, d := range []string{"2019-06-01", "2024-07-25", "2025-01-07", "2026-02-14", today} {
			texts := []string{g.ListedOn(p.ID, "us-1260h", day(d)).Because}
			c := g.Behind(p.ID, day(d))
			for _, rows := range [][]Evidence{c.Ties, c.Statements, c.Other, c.Unresolved, c.Lists, c.Jurisdictions} {
				for _, e := range rows {
					if e.Kind != "statement" { // a quotation is the source's
						texts = append(texts, e.Text)
					}
					if e.Source == "" || e.Certainty == "" {
						t.Errorf("%s on %s: %q has no source", p.ID, d, e.Text)
					}
				}
			}
			for _, s := range texts {
				if strings.HasSuffix(s, "..") || strings.HasSuffix(s, " .") || strings.Contains(s, "of The ") || strings.Contains(strings.Fields(s + " x")[0], "_") || strings.Contains(s, "_shares_") || strings.Contains(s, "own_domain") {
					t.Errorf("%s on %s: %q", p.ID, d, s)
				}
			}
		}
	}
}

// A threshold is printed as it was asked, and a share below it reads as less.
func TestThresholdsAreSaidAsAsked(t *testing.T) {
	g := open(t, File{Parties: []Party{party("m", "DE"), party("a", "CN"), party("n", "DE")}, Edges: []Edge{owns(1, "m", "a", 24.9984)}})
	for pct, want := range map[float64][]string{
		0.0001:  {"at 0.0001 %?", "reach 0.0001 %?", "YES. the company m is owned to 25 % by"},
		25:      {"at 25 %?", "24.998 % of the company m", "less than 25 %"},
		24.9985: {"at 24.9985 %?", "24.998 % of the company m", "less than 24.9985 %"},
	} {
		out := g.PathReport("m", "CN", pct, day(today))
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("at %v it does not say %q:\n%s", pct, w, out)
			}
		}
	}
	for _, pct := range []float64{0.0001, 1e-7, 1e-300} {
		if a := g.ControlledFrom("n", "CN", pct, day(today)); a.Value != False {
			t.Errorf("nothing is held of n, and that reaches %v: %s", pct, a.Because)
		}
	}
	for v, want := range map[float64]string{0: "0 %", 0.00012345: "0.00012 %", 0.004: "0.004 %", 0.005: "0.01 %", 19.67: "19.67 %", 19.666: "19.67 %", 100: "100 %"} {
		if got := percent(v); got != want {
			t.Errorf("percent(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestReports(t *testing.T) {
	g := graph(t)
	type look struct {
		party, day string
		pct        float64 // 0 is who stands behind it, else the question from China
	}
	for file, looks := range map[string][]look{
		"quectel":  {{"quectel", today, 0}, {"ikotek", today, 0}, {"ikotek", today, 50}, {"netprisma", today, 0}, {"netprisma", today, 50}},
		"rolling":  {{"rolling_lux", "2019-12-31", 0}, {"rolling_lux", "2021-01-01", 0}, {"rolling_lux", "2021-01-01", 50}, {"rolling_lux", "2023-01-01", 0}, {"rolling_lux", "2024-07-25", 50}, {"rolling_lux", "2024-07-26", 50}, {"rolling_lux", today, 0}, {"rolling_brand", today, 50}, {"fibocom", today, 0}},
		"telit":    {{"telit_auto", "2019-02-26", 0}, {"telit_auto", "2019-02-27", 0}, {"telit_auto", today, 50}, {"telit_cinterion", today, 0}},
		"badges":   {{"volvo_cars", "2020-01-01", 25}, {"volvo_cars", today, 0}, {"volvo_cars", today, 25}, {"polestar", "2025-06-16", 25}, {"polestar", today, 0}, {"lotus", "2016-12-31", 25}, {"lotus", today, 0}, {"lotus", today, 25}, {"smart", "2021-12-31", 25}, {"smart", today, 0}, {"mg", today, 0}, {"mg", today, 25}},
		"mercedes": {{"mercedes_benz_group", today, 0}, {"mercedes_benz_group", today, 15}, {"mercedes_benz_group", today, 25}, {"mercedes_benz_group", today, 50}},
		"eagle":    {{"eagle_electronics", "2024-12-02", 50}, {"eagle_electronics", today, 0}, {"eagle_electronics", today, 50}},
	} {
		t.Run(file, func(t *testing.T) {
			var got strings.Builder
			for _, l := range looks {
				got.WriteString("==== ")
				if l.pct == 0 {
					got.WriteString(g.Report(l.party, day(l.day)))
				} else {
					got.WriteString(g.PathReport(l.party, "CN", l.pct, day(l.day)))
				}
			}
			// The edition names the content, which changes with every row.
			text := strings.ReplaceAll(got.String(), g.Edition(), "EDITION")
			path := filepath.Join("testdata", file+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}

// everyText calls f with every text that the graph prints of any party: as a
// report and as answers.
func everyText(t *testing.T, g *Graph, f func(party, day, text string)) {
	t.Helper()
	for _, p := range g.Parties() {
		for _, on := range []string{"2020-01-01", "2022-06-01", "2025-06-01", "2026-02-14", today} {
			d := day(on)
			texts := []string{g.Report(p.ID, d), g.DesignFrom(p.ID, "CN", d).Report(), g.OwnerResolved(p.ID, d).Report()}
			for _, pct := range []float64{15, 25, 50} {
				texts = append(texts, g.PathReport(p.ID, "CN", pct, d))
			}
			for _, l := range g.Lists() {
				texts = append(texts, g.ListedOn(p.ID, l.ID, d).Report())
				for _, ed := range l.Editions {
					texts = append(texts, g.ListedOn(p.ID, ed.ID, d).Report())
				}
			}
			f(p.ID, on, strings.Join(texts, "\n"))
		}
	}
}

var banned = regexp.MustCompile(`(?i)fcc[- ]?ban|banned by the (fcc|us federal communications)`)

// No module maker is on the Covered List, and nothing that the graph prints,
// or holds, says that the FCC bans one.
func TestNobodyIsCalledFCCBanned(t *testing.T) {
	g := graph(t)
	everyText(t, g, func(party, on, text string) {
		if m := banned.FindString(text); m != "" {
			t.Errorf("%s on %s: %q", party, on, m)
		}
	})
	if m := banned.FindString(string(embedded)); m != "" {
		t.Errorf("the graph holds %q", m)
	}
	for _, p := range []string{"quectel", "fibocom", "ikotek", "netprisma", "rolling_sz"} {
		for _, on := range []string{"2022-06-01", today} {
			if a := g.ListedOn(p, "us-fcc-covered-list", day(on)); a.Value != False {
				t.Errorf("%s on the Covered List on %s: %s: %s", p, on, a.Value, a.Because)
			}
		}
	}
}

// Fibocom is on no edition of the 1260H list, and no text names an entry of it.
func TestFibocomIsNeverShownAsListed(t *testing.T) {
	g := graph(t)
	for _, l := range g.Lists() {
		for _, ed := range l.Editions {
			for _, en := range ed.Entries {
				if p, ok := g.Find(en.Name); en.Party == "fibocom" || ok && p.ID == "fibocom" {
					t.Errorf("%s names %s", ed.ID, en.Name)
				}
			}
		}
	}
	names := regexp.MustCompile(`list, edition of [^,]*, names [^.\n]*(Fibocom|广和通)`)
	everyText(t, g, func(party, on, text string) {
		if m := names.FindString(text); m != "" {
			t.Errorf("%s on %s: %q", party, on, m)
		}
	})
	for d := day("2019-01-01"); d.Before(day("2027-01-01")); d = d.AddDate(0, 1, 0) {
		if a := g.ListedOn("fibocom", "us-1260h", d); a.Value == True {
			t.Errorf("%s: %s", d.Format(time.DateOnly), a.Because)
		}
	}
}

// Whatever is printed has its source: each number stands for one.
func TestReportsCite(t *testing.T) {
	cited := regexp.MustCompile(`\[(\d+)\]`)
	everyText(t, graph(t), func(party, on, text string) {
		for _, m := range cited.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(text, "\n["+m[1]+"] ") {
				t.Fatalf("%s on %s: no source %s", party, on, m[0])
			}
		}
	})
}
