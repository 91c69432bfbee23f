// Package gallery shows every page with data made up for the purpose, at one
// address each, in every language and theme: what people look at, and what the
// tests of screenshots, accessibility and translation walk through.
//
// It imports gate, policy and the family of ui for the values and pages shown,
// and the standard library's web server; nothing here reads a store, and no form
// does anything. Life of one request: the entry of that name builds its page on
// a Base of the wished language and theme, and the same templates as the site's
// render it.
package gallery

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sallyport/gate/auth"
	"sallyport/ui/asset"
	"sallyport/ui/i18n"
	"sallyport/ui/view"
)

// Entry is one page as it may come to be seen.
type Entry struct {
	Name string    // its address: letters, digits and dashes; unique
	Role auth.Role // as whom; empty: nobody is signed in
	Path string    // the address that the site shows it at
	// Gloves says that it stands on a kiosk: its targets are for gloved fingers.
	Gloves bool
	// Page builds it. It is called for each request, and may be called concurrently.
	Page func(view.Base) (view.Page, error)
}

// At is the instant that every page of the gallery shows.
func At() time.Time { return time.Date(2026, 11, 23, 11, 30, 0, 0, time.UTC) }

// Entries is every page, in the order of the menu.
func Entries() []Entry {
	var out []Entry
	for _, part := range [...]func() []Entry{siteEntries, peopleEntries, auditEntries, policyEntries, fleetEntries, knowledgeEntries, kioskEntries} {
		out = append(out, part()...)
	}
	return out
}

// Gallery serves the entries. It is immutable and safe for concurrent use.
type Gallery struct {
	words   *i18n.Catalogues
	assets  *asset.Set
	pages   *view.Set
	entries map[string]Entry
	order   []Entry
	loc     *time.Location
}

// New makes a gallery whose pages show times of that zone.
func New(loc *time.Location) (*Gallery, error) {
	g := &Gallery{entries: map[string]Entry{}, order: Entries(), loc: loc}
	var err error
	if g.words, err = i18n.Load(); err != nil {
		return nil, fmt.Errorf("gallery: %w", err)
	}
	if g.assets, err = asset.Load(); err != nil {
		return nil, fmt.Errorf("gallery: %w", err)
	}
	if g.pages, err = view.Parse(); err != nil {
		return nil, fmt.Errorf("gallery: %w", err)
	}
	for _, e := range g.order {
		if _, twice := g.entries[e.Name]; twice || e.Name == "" {
			return nil, fmt.Errorf("gallery: two entries are called %q", e.Name)
		}
		g.entries[e.Name] = e
	}
	return g, nil
}

// Entries is what it serves, in order: entry e stands at "/gallery/" and its name.
func (g *Gallery) Entries() []Entry { return g.order }

// Languages are those that its pages can be had in.
func (g *Gallery) Languages() []i18n.Language { return g.words.Languages() }

// Render writes one entry in a language and a theme, day or night.
func (g *Gallery) Render(e Entry, lang, theme string) ([]byte, error) {
	b := g.base(lang, theme)
	b.Path = e.Path
	if e.Role != "" {
		b.Person = &view.Person{Name: "Maria Nowak-Lindqvist", Role: e.Role}
	}
	p, err := e.Page(b)
	if err != nil {
		return nil, fmt.Errorf("gallery: %s: %w", e.Name, err)
	}
	return g.pages.Render(p)
}

func (g *Gallery) base(lang, theme string) view.Base {
	if theme != "night" {
		theme = "day"
	}
	return view.Base{Words: g.words.Words(lang, g.loc), Languages: g.words.Languages(), Assets: g.assets,
		Site: "Barracks West", Theme: theme, Now: At(), Desk: true}
}

// ServeHTTP answers with the list of pages, one page, or a file of theirs. The
// language and the theme are those of the address (lang, theme), else of the
// switches on the page, which are kept in cookies as at a site.
func (g *Gallery) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; media-src 'self'; worker-src 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	wish := func(name string) string {
		if v := r.URL.Query().Get(name); v != "" {
			return v
		}
		if c, err := r.Cookie("gallery_" + name); err == nil {
			return c.Value
		}
		return ""
	}
	lang, theme := g.words.Match(wish("lang")), wish("theme")
	send := func(status int, b []byte, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		w.Write(b)
	}
	name, inGallery := strings.CutPrefix(r.URL.Path, "/gallery/")
	switch {
	case strings.HasPrefix(r.URL.Path, "/asset/"):
		f, ok := g.assets.Open(strings.TrimPrefix(r.URL.Path, "/asset/"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Type", f.Type)
		w.Write(f.Content)
	case r.URL.Path == "/prefs" && r.Method == http.MethodPost:
		for _, n := range [...]string{"lang", "theme"} {
			if v := r.PostFormValue(n); v != "" {
				http.SetCookie(w, &http.Cookie{Name: "gallery_" + n, Value: v, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			}
		}
		back := "/gallery/"
		if _, entry, ok := strings.Cut(r.Referer(), "/gallery/"); ok {
			entry, _, _ = strings.Cut(entry, "?")
			back += entry
		}
		http.Redirect(w, r, back, http.StatusSeeOther)
	case strings.HasSuffix(r.URL.Path, "/events"):
		g.beat(w, r)
	case inGallery && g.entries[name].Page != nil:
		b, err := g.Render(g.entries[name], lang, theme)
		send(http.StatusOK, b, err)
	case r.URL.Path == "/", r.URL.Path == "/gallery/":
		p := view.GalleryIndex{Base: g.base(lang, theme)}
		for _, e := range g.order {
			p.Rows = append(p.Rows, view.GalleryRow{Name: e.Name, Role: e.Role, Path: e.Path})
		}
		b, err := g.pages.Render(p)
		send(http.StatusOK, b, err)
	default:
		p := view.Error{Base: g.base(lang, theme), Text: "This is the gallery: its forms and links lead nowhere."}
		b, err := g.pages.Render(p)
		send(http.StatusNotFound, b, err)
	}
}

// beat keeps a live page believing in its server.
func (g *Gallery) beat(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	t := time.NewTicker(2 * time.Second)
	defer t.Stop()
	for {
		if _, err := fmt.Fprintf(w, "event: beat\ndata: %s\n\n", g.base("", "").Clock()); err != nil || c.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-t.C:
		}
	}
}
