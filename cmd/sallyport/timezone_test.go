package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTimeZoneIsCheckedAtLoad(t *testing.T) {
	for zone, want := range map[string]string{
		"": "", "Europe/Warsaw": "Europe/Warsaw", "UTC": "UTC",
		"Warsaw": "no time zone", "Local": "no time zone", "../etc/passwd": "no time zone", "UTC+1": "no time zone",
	} {
		dir := t.TempDir()
		text := strings.Replace(demoSite, "retention_days", "timezone = \""+zone+"\"\nretention_days", 1)
		if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := loadSite(dir)
		switch {
		case strings.HasPrefix(want, "no "):
			if err == nil || !strings.Contains(err.Error(), "timezone: ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", zone, err)
			}
		case err != nil:
			t.Errorf("%q: %v", zone, err)
		case want == "" && c.zone() != nil, want != "" && (c.zone() == nil || c.zone().String() != want):
			t.Errorf("%q is %v", zone, c.zone())
		}
	}
}
