package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/radiokey"
	"sallyport/gate/sqlite"
	"sallyport/rf"
	"sallyport/rf/privacy"
)

// radioConfig is [radio] of site.toml: of what is in the air the site may take
// notice, and what it may keep of it.
type radioConfig struct {
	Jurisdiction string `toml:"jurisdiction"` // whose law holds, such as DE; absent is the strictest (sallyport rf rules)
	DPIA         string `toml:"dpia"`         // reference of the data-protection impact assessment; absent: what the air says is shown and neither decides nor is kept
	KeepSets     bool   `toml:"keep_sets"`    // keep, with a vehicle's own record, pseudonyms of what was surely in it
	KeyDays      *int   `toml:"key_days"`     // days after which the pseudonyms get another key; absent is 30
}

const defaultKeyDays = 30

func (c radioConfig) check(dpiaGiven bool) error {
	switch {
	case c.Jurisdiction != "" && !privacy.ValidJurisdiction(c.Jurisdiction):
		return fmt.Errorf("radio.jurisdiction: %q is not two letters, such as DE", c.Jurisdiction)
	case dpiaGiven && len(strings.TrimSpace(c.DPIA)) < 3:
		return fmt.Errorf("radio.dpia: %q is no reference of an impact assessment; where there is none, leave the key out", c.DPIA)
	case strings.ContainsAny(c.DPIA, "\r\n") || len(c.DPIA) > 200:
		return errors.New("radio.dpia: a reference is one line of up to 200 characters")
	case c.KeepSets && c.DPIA == "":
		return errors.New("radio.keep_sets: nothing is kept without an impact assessment; radio.dpia is missing")
	case c.KeyDays != nil && !c.KeepSets:
		return errors.New("radio.key_days: there is no key without radio.keep_sets = true")
	case c.KeyDays != nil && (*c.KeyDays < 1 || *c.KeyDays > radiokey.MaxDays):
		return fmt.Errorf("radio.key_days: %d; 1 to %d may be, because what is kept lives for two keys, and half a year was too long", *c.KeyDays, radiokey.MaxDays)
	}
	return nil
}

// radio is what the site's law and its assessment allow.
type radio struct {
	filter *privacy.Filter
	ring   *radiokey.Ring // nil: nothing is kept
	live   bool           // what the air says neither decides nor is kept
}

// openRadio applies [radio]. What was kept while it was allowed is erased, and
// the keys are destroyed, once it no longer is.
func openRadio(ctx context.Context, dir string, c radioConfig, store *sqlite.Store, prefixes *rf.Prefixes, now func() time.Time, log *slog.Logger) (radio, error) {
	f, err := privacy.NewFilter(c.Jurisdiction, prefixes)
	if err != nil {
		return radio{}, err
	}
	if r := f.Rules(); r.Profile != r.Asked && r.Asked != "GB" {
		log.WarnContext(ctx, "no rules for what may be heard in this jurisdiction: the strictest hold", "jurisdiction", r.Asked, "rules", r.Profile)
	}
	out := radio{filter: f, live: c.DPIA == ""}
	cfg := radiokey.Config{Dir: dir, Store: store, Days: defaultKeyDays, Now: now, Keeps: f.Keeps, Assessment: c.DPIA}
	if c.KeyDays != nil {
		cfg.Days = *c.KeyDays
	}
	if !c.KeepSets {
		why := "the site keeps no sets"
		if out.live {
			why = "the site names no impact assessment"
		}
		return out, radiokey.Retire(ctx, cfg, why)
	}
	out.ring, err = radiokey.Open(ctx, cfg)
	return out, err
}

// sets is the port of the controller; nil where nothing is kept.
func (r radio) sets() gate.RadioSets {
	if r.ring == nil {
		return nil
	}
	return r.ring
}

// tag makes the pseudonyms of emitters; nil where nothing is kept.
func (r radio) tag() func(rf.Observation) (tag, before uint64) {
	if r.ring == nil {
		return nil
	}
	return r.ring.Tag
}

// look is the site's task of every hour.
func (r radio) look(ctx context.Context) error {
	if r.ring == nil {
		return nil
	}
	return r.ring.Look(ctx)
}
