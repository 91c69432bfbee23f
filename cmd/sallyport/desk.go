package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
	"sallyport/ui"
	"sallyport/ui/view"
)

// actsConfig is [acts] of site.toml: what the site asks of acts against a
// verdict.
type actsConfig struct {
	OverridesPerShift  int            `toml:"overrides_per_shift"`  // at one lane in one shift; absent is no limit
	OverridesPerPerson int            `toml:"overrides_per_person"` // asked for by one guard, or approved by one supervisor, within 24 hours; absent is no limit
	Reasons            []reasonConfig `toml:"reason"`               // offered, in this order; absent: those of the program
}

// reasonConfig is one [[acts.reason]].
type reasonConfig struct {
	Code string `toml:"code"` // ordered, emergency or checked, or one of the site's own with its words
	En   string `toml:"en"`
	Pl   string `toml:"pl"`
	De   string `toml:"de"`
}

var reasonCode = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

func (c actsConfig) check() error {
	if c.OverridesPerShift < 0 || c.OverridesPerPerson < 0 {
		return errors.New("acts: a limit is negative")
	}
	seen := map[string]bool{}
	for i, r := range c.Reasons {
		switch {
		case !reasonCode.MatchString(r.Code):
			return fmt.Errorf("acts.reason %d: code %q is not of lower-case words with hyphens", i+1, r.Code)
		case seen[r.Code]:
			return fmt.Errorf("acts.reason %d: code %q stands there twice", i+1, r.Code)
		case r.En == "" && !slices.Contains(view.ReasonCodes(), r.Code):
			return fmt.Errorf("acts.reason %d: %q needs its words in English (en); records keep them", i+1, r.Code)
		case len(r.En) > maxReasonWords || len(r.Pl) > maxReasonWords || len(r.De) > maxReasonWords:
			return fmt.Errorf("acts.reason %d: %q: more than %d bytes", i+1, r.Code, maxReasonWords)
		}
		seen[r.Code] = true
	}
	return nil
}

// maxReasonWords keeps a reason on one line of a button.
const maxReasonWords = 80

func (c actsConfig) rules() gate.ActRules {
	r := gate.ActRules{OverridesPerShift: c.OverridesPerShift, OverridesPerPerson: c.OverridesPerPerson}
	for _, x := range c.Reasons {
		r.Reasons = append(r.Reasons, gate.ActReason(x))
	}
	return r
}

// deskLanes are the lanes as screens and machines work them: every act goes by
// the desk, which holds it to the site's limits.
type deskLanes struct {
	*gate.Controller
	desk *gate.Desk
}

// Act is the desk's.
func (l deskLanes) Act(ctx context.Context, id gate.LaneID, a gate.Act) error {
	return l.desk.Act(ctx, id, a)
}

// openWatch makes what a site keeps beside its lanes.
func openWatch(ctx context.Context, st *site) (ui.Watch, *gate.Desk, error) {
	clock := st.rules.clock
	alarms, err := gate.NewAlarms(ctx, gate.AlarmsConfig{Store: st.store, Clock: clock, Log: st.log})
	if err != nil {
		return ui.Watch{}, nil, err
	}
	lanes := st.laneIDs()
	shifts, err := gate.NewShifts(ctx, gate.ShiftsConfig{
		Store: st.store, Clock: clock, Alarms: alarms.OpenAt, Log: st.log,
		Lanes: func(id gate.LaneID) bool { return slices.Contains(lanes, id) },
	})
	if err != nil {
		return ui.Watch{}, nil, err
	}
	forms, err := gate.NewForms(ctx, gate.FormsConfig{Store: st.store, Clock: clock, Lanes: lanes, Log: st.log})
	if err != nil {
		return ui.Watch{}, nil, err
	}
	desk, err := gate.NewDesk(ctx, gate.DeskConfig{
		Lanes: st.controller, Store: st.store, Clock: clock, Rules: st.cfg.Acts.rules(), Alarms: alarms, Shifts: shifts, Log: st.log,
	})
	if err != nil {
		return ui.Watch{}, nil, err
	}
	return ui.Watch{Desk: desk, Shifts: shifts, Alarms: alarms, Forms: forms}, desk, nil
}

func (st *site) laneIDs() []gate.LaneID {
	var out []gate.LaneID
	for _, l := range st.cfg.Lanes {
		out = append(out, gate.LaneID(l.ID))
	}
	return out
}

// userPINCmd is `sallyport user pin`.
type userPINCmd struct {
	Name string `arg:"" help:"Name to sign in with."`
	Off  bool   `help:"Take the PIN away."`
	Data string `help:"Data directory of the site; the site must be stopped." default:"./data" placeholder:"DIR"`
}

// Run reads the PIN from the first line of standard input and sets it. Tries
// that locked the one before are forgotten.
func (c *userPINCmd) Run(ctx context.Context, s *streams) (err error) {
	hash := ""
	if !c.Off {
		pin, err := askPassword(ctx, s, fmt.Sprintf("PIN of %s, 4 to 8 digits: ", c.Name))
		if err != nil {
			return err
		}
		if hash, err = auth.SetPIN(strings.TrimSpace(pin)); err != nil {
			return err
		}
	}
	store, err := sqlite.Open(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.SetPIN(ctx, c.Name, hash); err != nil {
		return err
	}
	what := "set"
	if c.Off {
		what = "taken away"
	}
	if err := store.RecordEvent(ctx, gate.Event{Kind: gate.EventPINSet, At: s.now().UTC(), By: c.Name, Detail: what}); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "PIN of %s: %s\n", c.Name, what)
	return nil
}
