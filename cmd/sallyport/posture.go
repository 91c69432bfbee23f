package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

// postureConfig is [posture] of site.toml: the threat levels as the site names
// them, least first, and what each means here. NATO and US sites use FPCON
// (normal, alpha, bravo, charlie, delta: DoDI 2000.16, STANAG 2542), the United
// Kingdom response levels (normal, heightened, exceptional).
type postureConfig struct {
	Levels []string          `toml:"levels"`
	Words  map[string]string `toml:"words"`
}

// calm is the one level of a site that names none.
const calm = "normal"

func (c siteConfig) levels() []string {
	if len(c.Posture.Levels) == 0 {
		return []string{calm}
	}
	return c.Posture.Levels
}

// maxLevels is more than any scale of threat levels has.
const maxLevels = 16

func (c postureConfig) check() error {
	if len(c.Levels) > maxLevels {
		return fmt.Errorf("posture.levels: %d; at most %d", len(c.Levels), maxLevels)
	}
	for i, l := range c.Levels {
		if !levelName(l) {
			return fmt.Errorf("posture.levels: %q is not a name of 1 to 32 of a-z, 0-9 and hyphen", l)
		}
		if slices.Contains(c.Levels[:i], l) {
			return fmt.Errorf("posture.levels: %q stands there twice", l)
		}
	}
	for l := range c.Words {
		if !slices.Contains(c.Levels, l) {
			return fmt.Errorf("posture.words: %q is none of posture.levels", l)
		}
	}
	return nil
}

func levelName(s string) bool {
	if len(s) == 0 || len(s) > 32 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

// posture gives the threat level at each instant, as rules compare it: the one
// asked for, by its name or its number, or else what the site has recorded.
// Without a site it is the least.
func (k inspectedSite) posture(ctx context.Context, asked string) (func(time.Time) int, error) {
	levels := k.cfg.levels()
	if n, err := strconv.Atoi(asked); err == nil && n >= 0 && (k.store == nil || n < len(levels)) {
		return func(time.Time) int { return n }, nil
	}
	if asked != "" {
		n := slices.Index(levels, asked)
		if n < 0 || k.store == nil {
			if k.store == nil {
				return nil, fmt.Errorf("--posture: %q: without a site (--data) a threat level is a number from 0, the least", asked)
			}
			return nil, fmt.Errorf("--posture: %q is none of the site's levels: %s", asked, strings.Join(levels, ", "))
		}
		return func(time.Time) int { return n }, nil
	}
	if k.store == nil {
		return func(time.Time) int { return 0 }, nil
	}
	changes, err := k.store.PostureChanges(ctx)
	if err != nil {
		return nil, err
	}
	return func(at time.Time) int { return gate.PostureRank(levels, gate.PostureAt(changes, at).Level) }, nil
}

// postureCmd is `sallyport posture`.
type postureCmd struct {
	Show postureShowCmd `cmd:"" help:"Say which threat level holds, since when, by whom and why."`
	Set  postureSetCmd  `cmd:"" help:"Change the threat level; vehicles at the line are decided again at once."`
}

// opPostureSet changes the threat level, as the control socket names it.
const opPostureSet = "/posture/set"

// postureAsk is a request to change the threat level.
type postureAsk struct {
	By       string        `json:"by"`
	Password string        `json:"password"`
	Level    string        `json:"level"`
	Why      string        `json:"why"`
	Until    time.Time     `json:"until,omitzero"`
	For      time.Duration `json:"for,omitempty"` // instead of until
	Then     string        `json:"then,omitempty"`
}

func (r *siteRules) postureOps() map[string]operation {
	return map[string]operation{
		opPostureSet: op(func(ctx context.Context, a postureAsk) (gate.PostureState, error) {
			who, err := r.admit(ctx, a.By, a.Password)
			if err != nil {
				return gate.PostureState{}, err
			}
			if a.For != 0 {
				at := r.clock.Now()
				a.Until = at.Add(a.For)
			}
			change, err := r.postures.Set(ctx, who, gate.PostureAsk{Level: a.Level, Why: a.Why, Until: a.Until, Then: a.Then})
			if change.Number == 0 {
				return gate.PostureState{}, err
			}
			at := r.clock.Now()
			return r.postures.At(at), err
		}),
	}
}

// postureSetCmd is `sallyport posture set`.
type postureSetCmd struct {
	Level string        `arg:"" help:"One of the site's levels."`
	By    string        `required:"" help:"Name of the duty officer (supervisor) or security manager, as enrolled; the password is asked for, or read from the first line of standard input. A supervisor may raise the level and not lower it."`
	Why   string        `required:"" help:"The reason, or the order."`
	Until string        `help:"When it ends by itself: a day, which begins at midnight by the site's clock, or an instant such as 2027-01-01T06:00:00+01:00." xor:"end" placeholder:"WHEN"`
	For   time.Duration `help:"After how long it ends by itself, such as 8h." xor:"end"`
	Then  string        `help:"Level that holds after the end; the default is the level before." placeholder:"LEVEL"`
	Data  string        `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run changes the level and prints what holds.
func (c *postureSetCmd) Run(ctx context.Context, s *streams) error {
	if c.For < 0 {
		return fmt.Errorf("for: %s is no time to come", c.For)
	}
	until, err := whenAt("--until", c.Until, c.Data)
	if err != nil {
		return err
	}
	password, err := askPassword(ctx, s, passwordOf(c.By))
	if err != nil {
		return err
	}
	var state gate.PostureState
	err = callRules(ctx, s, c.Data, opPostureSet, postureAsk{By: c.By, Password: password, Level: c.Level, Why: c.Why, Until: until, For: c.For, Then: c.Then}, &state)
	if state.Level != "" {
		fmt.Fprintln(s.out, postureWords(state))
	}
	return err
}

func postureWords(p gate.PostureState) string {
	if p.Since.IsZero() {
		return fmt.Sprintf("posture %s: nobody has set another", p.Level)
	}
	text := fmt.Sprintf("posture %s since %s, set by %s: %s", p.Level, p.Since.Format(time.RFC3339), p.By, oneLine(p.Why))
	if p.Ended {
		text = fmt.Sprintf("posture %s since %s, when what %s had set came to its end", p.Level, p.Since.Format(time.RFC3339), p.By)
	}
	if !p.Until.IsZero() {
		text += fmt.Sprintf("; %s from %s on", p.Then, p.Until.Format(time.RFC3339))
	}
	return text
}

// postureShowCmd is `sallyport posture show`.
type postureShowCmd struct {
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
	All  bool   `help:"Print every change, one JSON object a line, oldest first."`
}

// Run prints the level that holds.
func (c *postureShowCmd) Run(ctx context.Context, s *streams) (err error) {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	store, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	changes, err := store.PostureChanges(ctx)
	if err != nil {
		return err
	}
	if c.All {
		for _, k := range changes {
			if err := printJSON(s.out, k); err != nil {
				return err
			}
		}
		return nil
	}
	at := s.now().UTC() // and not before the last record, as for the site itself
	if n := len(changes); n > 0 && changes[n-1].At.After(at) {
		at = changes[n-1].At
	}
	state := gate.PostureAt(changes, at)
	if state.Level == "" {
		state.Level = cfg.levels()[0]
	}
	_, err = fmt.Fprintln(s.out, postureWords(state))
	if words := cfg.Posture.Words[state.Level]; words != "" && err == nil {
		_, err = fmt.Fprintln(s.out, words)
	}
	return err
}
