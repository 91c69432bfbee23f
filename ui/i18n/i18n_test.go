package i18n

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func catalogues(t *testing.T) *Catalogues {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var hole = regexp.MustCompile(`\{\d\}`)

// Every language has every key, a text for it, and the same holes in it.
func TestCatalogues(t *testing.T) {
	c := catalogues(t)
	for _, key := range c.Keys() {
		want := hole.FindAllString(c.messages["en"][key], -1)
		slices.Sort(want)
		for _, l := range c.Languages() {
			text := c.messages[l.Code][key]
			if strings.TrimSpace(text) != text && key != "lang.thousands" || text == "" {
				t.Errorf("%s %q: %q", l.Code, key, text)
			}
			got := hole.FindAllString(text, -1)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s %q has holes %v, english has %v", l.Code, key, got, want)
			}
		}
	}
	for _, l := range c.Languages() {
		if len(c.messages[l.Code]) != len(c.Keys()) {
			t.Errorf("%s has %d keys, english has %d", l.Code, len(c.messages[l.Code]), len(c.Keys()))
		}
	}
}

func TestCheckFindsGaps(t *testing.T) {
	for name, de := range map[string]string{"missing": `{"b":"x"}`, "empty": `{"a":" ","b":"x"}`} {
		var m map[string]string
		if err := json.Unmarshal([]byte(de), &m); err != nil {
			t.Fatal(err)
		}
		whole := map[string]string{"a": "x", "b": "y"}
		c := &Catalogues{languages: []Language{{"en", "English"}, {"pl", "Polski"}, {"de", "Deutsch"}},
			messages: map[string]map[string]string{"en": whole, "pl": whole, "de": m}}
		if err := c.check(); err == nil || !strings.Contains(err.Error(), `de has no text for "a"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The files are read by people: one key a line, sorted, no key twice.
func TestFilesAreSorted(t *testing.T) {
	for _, l := range catalogues(t).Languages() {
		raw, err := files.ReadFile(l.Code + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for line := range strings.Lines(string(raw)) {
			if key, _, ok := strings.Cut(strings.TrimSpace(line), `":`); ok {
				keys = append(keys, strings.TrimPrefix(key, `"`))
			}
		}
		if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
			t.Errorf("%s.json is not sorted, or has a key twice", l.Code)
		}
	}
}

func TestMatch(t *testing.T) {
	c := catalogues(t)
	for _, tt := range []struct {
		want   string
		wanted []string
	}{
		{"pl", []string{"pl"}},
		{"pl", []string{"", "pl-PL,pl;q=0.9,en;q=0.8"}},
		{"de", []string{"fr-FR, DE-at;q=0.5"}},
		{"en", []string{"fr", "xx", ""}},
		{"en", nil},
		{"de", []string{"de", "pl"}},
	} {
		if got := c.Match(tt.wanted...); got != tt.want {
			t.Errorf("Match(%q) = %q, want %q", tt.wanted, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	c := catalogues(t)
	warsaw := time.FixedZone("CET", 3600)
	at := time.Date(2026, 3, 4, 23, 6, 7, 0, time.UTC)
	for lang, want := range map[string]string{"en": "5 Mar 2026 00:06:07", "pl": "05.03.2026 00:06:07", "de": "05.03.2026 00:06:07", "xx": "5 Mar 2026 00:06:07"} {
		if got := c.Words(lang, warsaw).Time(at); got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
	w := c.Words("en", nil)
	if got := w.Clock(at); got != "23:06:07" {
		t.Errorf("no zone: %q", got)
	}
	if got := w.Time(time.Time{}); got != "–" {
		t.Errorf("no time: %q", got)
	}
	if got := w.T("next.deny", "P3"); got != "Turn it away. Way out: P3" {
		t.Errorf("hole: %q", got)
	}
	if got := w.T("no.such.key"); got != "no.such.key" {
		t.Errorf("missing key: %q", got)
	}
	if w.Or("no.such.key", "x") != "x" || w.Or("act.back", "x") != "Back" || w.Has("no.such.key") {
		t.Error("Or or Has is wrong")
	}
}

func TestCountedThings(t *testing.T) {
	c := catalogues(t)
	for lang, want := range map[string]map[int]string{
		"en": {0: "0 days", 1: "1 day", 2: "2 days", 1000: "1,000 days"},
		"de": {0: "0 Tage", 1: "1 Tag", 2: "2 Tage", 12345: "12.345 Tage"},
	} {
		for n, w := range want {
			if got := c.Words(lang, nil).N("span.day", n); got != w {
				t.Errorf("%s %d: %q", lang, n, got)
			}
		}
	}
	// Polish counts by the last digits (CLDR).
	for n, w := range map[int]string{
		0: "0 sekund temu", 1: "1 sekundę temu", 2: "2 sekundy temu", 4: "4 sekundy temu", 5: "5 sekund temu", 11: "11 sekund temu", 12: "12 sekund temu",
		14: "14 sekund temu", 21: "21 sekund temu", 22: "22 sekundy temu", 112: "112 sekund temu", 1234: "1234 sekundy temu", 54321: "54\u00a0321 sekund temu",
	} {
		if got := c.Words("pl", nil).N("ago.second", n); got != w {
			t.Errorf("pl %d: %q", n, got)
		}
	}
	w := c.Words("en", nil)
	for d, want := range map[time.Duration]string{
		-time.Second: "just now", time.Second: "just now", 2 * time.Second: "2 seconds ago", 119 * time.Second: "119 seconds ago", 2 * time.Minute: "2 minutes ago",
		119 * time.Minute: "119 minutes ago", 2 * time.Hour: "2 hours ago", 47 * time.Hour: "47 hours ago", 48 * time.Hour: "2 days ago",
	} {
		if got := w.Ago(d); got != want {
			t.Errorf("%s: %q", d, got)
		}
	}
	for lang, want := range map[string]string{"en": "−2.5 0 1.0", "de": "−2,5 0 1,0", "pl": "−2,5 0 1,0"} {
		w := c.Words(lang, nil)
		if got := w.Decimal(-2.5, 1) + " " + w.Decimal(-0.2, 0) + " " + w.Decimal(1, 1); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
}

// A counted thing has all its forms.
func TestPluralsAreWhole(t *testing.T) {
	c := catalogues(t)
	forms := map[string]int{}
	for _, k := range c.Keys() {
		for _, f := range []string{".one", ".few", ".many"} {
			if name, ok := strings.CutSuffix(k, f); ok {
				forms[name]++
			}
		}
	}
	for name, n := range forms {
		if n != 3 {
			t.Errorf("%q has %d of 3 forms", name, n)
		}
	}
}

// A further language is one file: offered, matched, counted and dated by its own
// manners, and refused while a text is missing.
func TestFourthLanguage(t *testing.T) {
	from := fstest.MapFS{}
	for _, l := range catalogues(t).Languages() {
		raw, err := files.ReadFile(l.Code + ".json")
		if err != nil {
			t.Fatal(err)
		}
		from[l.Code+".json"] = &fstest.MapFile{Data: raw}
	}
	m := map[string]string{}
	if err := json.Unmarshal(from["pl.json"].Data, &m); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"lang.name": "Čeština", "lang.order": "4", "lang.date": "2. 1. 2006", "span.day.one": "{0} den", "span.day.few": "{0} dny", "span.day.many": "{0} dní"} {
		m[k] = v
	}
	put := func() {
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		from["cs.json"] = &fstest.MapFile{Data: raw}
	}
	put()
	c, err := load(from)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Languages(); len(got) != 4 || got[3] != (Language{"cs", "Čeština"}) || c.Match("cs-CZ") != "cs" {
		t.Errorf("offered: %v", got)
	}
	w := c.Words("cs", nil)
	if got := w.N("span.day", 1) + ", " + w.N("span.day", 3) + ", " + w.N("span.day", 25) + ", " + w.Date(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)); got != "1 den, 3 dny, 25 dní, 4. 3. 2026" {
		t.Error(got)
	}
	delete(m, "act.back")
	put()
	if _, err := load(from); err == nil || !strings.Contains(err.Error(), `cs has no text for "act.back"`) {
		t.Errorf("a gap: %v", err)
	}
	delete(m, "lang.thousands.from")
	put()
	if _, err := load(from); err == nil || !strings.Contains(err.Error(), "cs.json: lang.thousands.from") {
		t.Errorf("no manners: %v", err)
	}
}
