package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
)

// demoCmd is `sallyport demo`.
type demoCmd struct {
	Addr  string        `help:"Address to listen on." default:"127.0.0.1:8470"`
	Data  string        `help:"Data directory of the demonstration site; made when absent." default:"./data" placeholder:"DIR"`
	Seed  uint64        `help:"Seed of the simulated yard; 0 takes one from the clock."`
	Pause time.Duration `help:"Mean time for which a lane stays empty." default:"4s"`
	Wait  time.Duration `help:"Time after which a simulated guard deals with a vehicle that nobody did; 0 leaves it to you." default:"25s"`
}

// demoSiteID is the demonstration site.
const demoSiteID = "demo"

// demoPeople are who may sign in, one for each role.
var demoPeople = []struct {
	name string
	role auth.Role
	does string
}{
	{"guard", auth.Guard, "the kiosk of a lane"},
	{"supervisor", auth.Supervisor, "the kiosk; second person for an override"},
	{"manager", auth.SecurityManager, "policy and reference data"},
	{"fleet", auth.FleetManager, "the policy that vehicles meet"},
	{"auditor", auth.Auditor, "passages, their reasons, and the log"},
	{"admin", auth.Administrator, "reference data and the log"},
}

// Run makes the site when there is none, gives everybody a new password,
// prints where to look, and serves with the yard beside it.
func (c *demoCmd) Run(ctx context.Context, s *streams) error {
	there, err := isSite(c.Data)
	if err != nil {
		return err
	}
	if !there {
		if _, err := makeSite(ctx, c.Data, demoSiteID, demoSite, s); err != nil {
			return err
		}
	}
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	if cfg.Site != demoSiteID {
		return fmt.Errorf("%s holds the site %q: a demonstration would bring made-up vehicles into its record", c.Data, cfg.Site)
	}
	seed := c.Seed
	if seed == 0 {
		seed = uint64(s.now().UnixNano())
	}
	logFile, err := os.OpenFile(filepath.Join(c.Data, "demo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(logFile, nil))
	y := yardConfig{Seed: seed, Log: log, Pause: c.Pause}
	if c.Wait > 0 {
		y.AutoGuard, y.MaxWait = "simulated guard", c.Wait
	}
	for _, l := range cfg.Lanes {
		y.Lanes = append(y.Lanes, gate.LaneID(l.ID))
	}
	yd, err := newYard(y)
	if err != nil {
		return errors.Join(err, logFile.Close())
	}
	for i := range cfg.Lanes {
		for _, ear := range yd.Sensors(gate.LaneID(cfg.Lanes[i].ID)) {
			cfg.Lanes[i].Sensors = append(cfg.Lanes[i].Sensors, sensorConfig{Name: ear.Name, Port: ear.Port, Baud: 115200, Plain: true})
		}
	}
	st, err := wireSite(ctx, c.Data, cfg, s.now, log)
	if err != nil {
		return errors.Join(err, yd.Close(), logFile.Close())
	}
	for _, l := range cfg.Lanes {
		if own := st.hardware.lanes[gate.LaneID(l.ID)]; own.yard != nil {
			own.gone = yd.onRoad(gate.LaneID(l.ID), own.yard, gate.Direction(l.Direction) == gate.DirectionExit)
		}
	}
	people, err := demoPasswords(ctx, st.store)
	if err != nil {
		return errors.Join(err, st.store.Close(), yd.Close(), logFile.Close())
	}
	st.extra = append(st.extra, func(ctx context.Context) error { return yd.Run(ctx, st.controller) })
	err = st.serve(ctx, c.Addr, func(base string) {
		fmt.Fprintf(s.out, "\nSallyport: %s (everything here is made up but the reference data)\nlistening on %s\n\n", cfg.Name, base)
		w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "sign in as\tpassword\trole\tsees")
		for i, p := range demoPeople {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.name, people[i], p.role, p.does)
		}
		_ = w.Flush()
		fmt.Fprintln(s.out, "\nPasswords are new at every start. Lanes:")
		for _, l := range cfg.Lanes {
			fmt.Fprintf(s.out, "  %s/lane/%s  %s (%s)\n", base, l.ID, l.Name, l.Zone)
		}
		fmt.Fprintf(s.out, "Log of the program: %s. Ctrl-C ends it.\n", logFile.Name())
	})
	return errors.Join(err, logFile.Close())
}

// demoPasswords gives each of the demonstration's people a new password, and
// makes those who are not there yet.
func demoPasswords(ctx context.Context, store *sqlite.Store) ([]string, error) {
	var out []string
	for _, p := range demoPeople {
		password := strings.ToLower(rand.Text()[:12])
		u, err := store.UserByName(ctx, p.name)
		switch {
		case errors.Is(err, sqlite.ErrNotFound):
			err = addUser(ctx, store, p.name, p.role, "en", password)
		case err == nil:
			var hash string
			if hash, err = auth.HashPassword(password); err == nil {
				err = store.SetUserHash(ctx, u.ID, hash)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("demonstration user %s: %w", p.name, err)
		}
		out = append(out, password)
	}
	return out, nil
}
