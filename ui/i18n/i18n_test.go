package i18n

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T) *Catalogues {
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
	c := load(t)
	for _, key := range c.Keys() {
		want := hole.FindAllString(c.messages["en"][key], -1)
		slices.Sort(want)
		for _, l := range c.Languages() {
			text := c.messages[l.Code][key]
			if strings.TrimSpace(text) != text || text == "" {
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
		c := &Catalogues{messages: map[string]map[string]string{"en": whole, "pl": whole, "de": m}}
		if err := c.check(); err == nil || !strings.Contains(err.Error(), `de has no text for "a"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The files are read by people: one key a line, sorted, no key twice.
func TestFilesAreSorted(t *testing.T) {
	for _, l := range languages {
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
	c := load(t)
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
	c := load(t)
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
