package gallery

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport/ui/i18n"
)

var (
	nameForm = regexp.MustCompile(`^[a-z0-9-]+$`)
	keyLeft  = regexp.MustCompile(`(<code)?>\s*([a-z]+)\.[a-z.]+[a-z]\s*<`)
)

func open(t *testing.T) *Gallery {
	t.Helper()
	g, err := New(time.FixedZone("CET", 3600))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Every entry renders in every language and theme, with nothing inline and no
// key of the catalogues left where its words should be.
func TestEntriesRender(t *testing.T) {
	g := open(t)
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]bool{}
	for _, k := range c.Keys() {
		family, _, _ := strings.Cut(k, ".")
		families[family] = true
	}
	for _, e := range g.Entries() {
		if !nameForm.MatchString(e.Name) {
			t.Errorf("%q is no name for an address", e.Name)
		}
		for _, l := range g.Languages() {
			for _, theme := range []string{"day", "night"} {
				b, err := g.Render(e, l.Code, theme)
				if err != nil {
					t.Errorf("%s %s %s: %v", e.Name, l.Code, theme, err)
					continue
				}
				for _, bad := range []string{"<style", " style=", " onclick", "javascript:", "http-equiv", "<no value>", "ZgotmplZ"} {
					if strings.Contains(string(b), bad) {
						t.Errorf("%s %s: holds %q", e.Name, l.Code, bad)
					}
				}
				for _, m := range keyLeft.FindAllSubmatch(b, -1) {
					// What stands in code is the name of a fact or of a setting, and people
					// sign in with a dot in their names too.
					if len(m[1]) == 0 && families[string(m[2])] {
						t.Errorf("%s %s: the key %s has no words", e.Name, l.Code, m[0])
					}
				}
				if !strings.Contains(string(b), `data-theme="`+theme+`"`) || !strings.Contains(string(b), `lang="`+l.Code+`"`) {
					t.Errorf("%s: not in %s by %s", e.Name, l.Code, theme)
				}
			}
		}
	}
}

func TestServe(t *testing.T) {
	g := open(t)
	get := func(path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w
	}
	index := get("/gallery/?lang=pl")
	for _, e := range g.Entries() {
		if !strings.Contains(index.Body.String(), `href="/gallery/`+e.Name+`"`) {
			t.Errorf("the list lacks %s", e.Name)
		}
	}
	if w := get("/gallery/jobs", &http.Cookie{Name: "gallery_lang", Value: "de"}, &http.Cookie{Name: "gallery_theme", Value: "night"}); w.Code != 200 ||
		!strings.Contains(w.Body.String(), `<html lang="de" data-theme="night">`) {
		t.Errorf("jobs: %d", w.Code)
	}
	for path, want := range map[string]int{"/": 200, "/gallery/none": 404, "/asset/style.css": 200, "/asset/none": 404, "/policy": 404} {
		if w := get(path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}
