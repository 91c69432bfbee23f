package view

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
)

//go:embed templates/*.html
var files embed.FS

// Page is one page: its struct names its template.
type Page interface{ template() string }

// names of the pages that share the back-office frame, and of those with their
// own.
var (
	framed = [...]string{"gallery", "lanes", "passages", "passage", "policy", "data", "log", "entries", "records", "figures", "jobs", "devices", "radio", "sensors", "api", "error", "alarms", "shifts", "people", "person", "me", "codes", "kiosks",
		"policyversions", "policyversion", "policydraft", "policyrule", "policytext", "policyexamples", "policytrial", "posture",
		"fleets", "fleet", "fleetvehicle", "fleetform", "fleetimport", "fleetexposure", "fleetnotices", "fleetexemptions", "fleetpass",
		"catalogue", "knownvehicle", "supply", "lists", "list", "suppliers", "watch", "watchfile", "machines", "settings", "signs", "dpia"}
	unframed = [...]string{"signin", "kiosk", "desk", "inside", "forms", "formsprint", "signincode", "start", "onward", "kiosksignin", "inspections", "inspect", "train", "trainstart"}
)

// Set is every template, parsed: immutable, safe for concurrent use.
type Set struct{ pages map[string]*template.Template }

// Parse parses every template.
func Parse() (*Set, error) {
	s := &Set{pages: map[string]*template.Template{}}
	add := func(name string, more ...string) error {
		t, err := template.New(name+".html").Option("missingkey=error").
			ParseFS(files, append(more, "templates/"+name+".html", "templates/parts.html", "templates/chart.html")...)
		if err != nil {
			return fmt.Errorf("view: template %s: %w", name, err)
		}
		s.pages[name] = t
		return nil
	}
	for _, n := range framed {
		if err := add(n, "templates/frame.html", "templates/policyparts.html", "templates/knowledgeparts.html"); err != nil {
			return nil, err
		}
	}
	for _, n := range unframed {
		if err := add(n, "templates/kioskparts.html"); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Render writes a page into a buffer, whole or not at all.
func (s *Set) Render(p Page) ([]byte, error) {
	return s.execute(p.template(), "page", p)
}

func (s *Set) execute(page, part string, data any) ([]byte, error) {
	t, ok := s.pages[page]
	if !ok {
		return nil, fmt.Errorf("view: no template %q", page)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, part, data); err != nil {
		return nil, fmt.Errorf("view: render %s of %s: %w", part, page, err)
	}
	return b.Bytes(), nil
}

// Live is a page of which parts change while it is open.
type Live interface {
	Page
	// regions are the names of those parts, in the order in which they stand on
	// the page. Each is a template "region-" and the name.
	regions() []string
}

func (*Kiosk) regions() []string   { return []string{"status", "verdict", "acts"} }
func (*Radio) regions() []string   { return []string{"now", "line", "found", "slots", "sensors"} }
func (*Sensors) regions() []string { return []string{"health", "lanes"} }
func (*Alarms) regions() []string  { return []string{"open", "recent"} }
func (*Devices) regions() []string { return []string{"summary", "devices"} }

// Region is one rendered part of a live page.
type Region struct {
	Name string `json:"name"`
	HTML string `json:"html"`
}

// RenderRegion renders one region of a live page.
func (s *Set) RenderRegion(p Live, name string) ([]byte, error) {
	return s.execute(p.template(), "region-"+name, p)
}

// RenderRegions renders every region of a live page.
func (s *Set) RenderRegions(p Live) ([]Region, error) {
	names := p.regions()
	out := make([]Region, 0, len(names))
	for _, name := range names {
		b, err := s.execute(p.template(), "region-"+name, p)
		if err != nil {
			return nil, err
		}
		out = append(out, Region{Name: name, HTML: string(b)})
	}
	return out, nil
}
