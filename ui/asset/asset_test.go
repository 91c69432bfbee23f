package asset

import (
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, typ := range map[string]string{"style.css": "text/css; charset=utf-8", "kiosk.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		f, ok := s.Open(name)
		if !ok || f.Type != typ || len(f.Content) == 0 || len(f.Version) != 12 {
			t.Errorf("%s: %v %q %d bytes, version %q", name, ok, f.Type, len(f.Content), f.Version)
		}
		if want := "/asset/" + name + "?v=" + f.Version; s.Path(name) != want {
			t.Errorf("path %q, want %q", s.Path(name), want)
		}
	}
	if len(s.Version()) != 12 {
		t.Errorf("version %q", s.Version())
	}
}

// Nothing is fetched from elsewhere, and nothing is put into the page in a way
// that the content security policy refuses.
func TestFilesStayHome(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range s.files {
		text := strings.ReplaceAll(string(f.Content), "http://www.w3.org/2000/svg", "")
		for _, bad := range []string{"http://", "https://", "@import", "eval(", "new Function", ".style.", "setAttribute(\"style\""} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
}
