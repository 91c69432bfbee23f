package asset

import (
	"crypto/sha256"
	"fmt"
	"math"
	"regexp"
	"strconv"
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

// vendored are the files of others, unchanged: what they hold is pinned. The
// policy header keeps them from evaluating text, and so does their configuration.
var vendored = map[string]string{
	"htmx.js":           "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
	"zxing.js":          "d33d09ce132a692faffbed0dce656c36cb2573b4b843885a6e036390d1071d95",
	"zxing_reader.wasm": "e8af31edb56d0522f4de74495839385ef019ba8bc90d38e5ecb2f18795d86fb2",
}

// Nothing is fetched from elsewhere, and nothing is put into the page in a way
// that the content security policy refuses.
func TestFilesStayHome(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range s.files {
		if want, others := vendored[name]; others {
			if got := fmt.Sprintf("%x", sha256.Sum256(f.Content)); got != want {
				t.Errorf("%s is not the file that NOTICE names: %s", name, got)
			}
			continue
		}
		text := strings.ReplaceAll(string(f.Content), "http://www.w3.org/2000/svg", "")
		for _, bad := range []string{"http://", "https://", "@import", "eval(", "new Function", ".style.", "setAttribute(\"style\""} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
}

// Text on a verdict's colour must be readable in rain and at night: 7:1 and
// more, by WCAG 2.2's relative luminance, in both themes.
func TestContrast(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := s.Open("style.css")
	day, rest, _ := strings.Cut(string(f.Content), `[data-theme="night"]`)
	night, _, _ := strings.Cut(rest, "}")
	for theme, css := range map[string]string{"day": day, "night": night} {
		colour := map[string]float64{}
		for _, m := range property.FindAllStringSubmatch(css, -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, pair := range [][2]string{
			{"go", "go-ink"}, {"look", "look-ink"}, {"stop", "stop-ink"}, {"calm", "calm-ink"}, {"bg", "ink"},
			{"panel", "ink"}, {"panel", "soft"}, {"warn-bg", "warn-ink"}, {"bad-bg", "bad-ink"}, {"bar", "bar-ink"}, {"bar", "bar-soft"},
		} {
			a, okA := colour[pair[0]]
			b, okB := colour[pair[1]]
			if !okA || !okB {
				t.Errorf("%s: %v is not defined", theme, pair)
				continue
			}
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 7 {
				t.Errorf("%s: %s on %s has contrast %.1f", theme, pair[1], pair[0], ratio)
			}
		}
	}
}

var property = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	v, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	channel := func(shift uint) float64 {
		c := float64(v>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}
