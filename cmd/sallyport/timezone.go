package main

import (
	"cmp"
	"fmt"
	"time"
	_ "time/tzdata" // a gate's machine may have no zones of its own
)

// checkZone says whether a name is that of a time zone; no name is no zone.
func checkZone(name string) error {
	if name == "" {
		return nil
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return fmt.Errorf("%q is no time zone; write its IANA name, such as Europe/Warsaw or UTC", name)
	}
	return nil
}

// whenAt reads when something shall take effect at the site in dir: an instant,
// or a day, which begins at midnight by the site's clock. No text is the zero
// time.
func whenAt(flag, text, dir string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	cfg, err := loadSite(dir)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.ParseInLocation(time.DateOnly, text, cmp.Or(cfg.zone(), time.UTC))
	if err != nil {
		return at, fmt.Errorf("%s: %q is neither a day such as 2027-01-01 nor an instant such as 2027-01-01T06:00:00+01:00", flag, text)
	}
	return at, nil
}

// zone is the site's time zone, or nil where it names none. The name was checked
// when the configuration was read.
func (c siteConfig) zone() *time.Location {
	if c.Timezone == "" {
		return nil
	}
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return nil
	}
	return zone
}
