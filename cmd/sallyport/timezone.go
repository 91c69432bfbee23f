package main

import (
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
