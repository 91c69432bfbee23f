package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
	"sallyport/ui"
)

// peopleConfig is [people] of site.toml.
type peopleConfig struct {
	Codes     string    `toml:"codes"`      // "required" (also where absent): managers and administrators sign in with a one-time code; "optional": who has set them up does
	KioskIdle *duration `toml:"kiosk_idle"` // the screen of a kiosk locks after that long without a touch; absent is 15m, 0s never
}

// defaultKioskIdle is about as long as a gate may well be quiet with a guard
// sitting before the screen.
const defaultKioskIdle = 15 * time.Minute

func (c peopleConfig) check() error {
	if c.Codes != "" && c.Codes != "required" && c.Codes != "optional" {
		return fmt.Errorf("people.codes: %q is neither required nor optional", c.Codes)
	}
	if c.KioskIdle != nil && *c.KioskIdle != 0 && time.Duration(*c.KioskIdle) < time.Minute {
		return fmt.Errorf("people.kiosk_idle: %s; at least 1m, or 0s for never", time.Duration(*c.KioskIdle))
	}
	return nil
}

func (c peopleConfig) idle() time.Duration {
	if c.KioskIdle == nil {
		return defaultKioskIdle
	}
	return time.Duration(*c.KioskIdle)
}

// access is how people of the site sign in beside name and password. Where there
// is no administrator yet, it draws the code by which the first one is made.
func (st *site) access(ctx context.Context) (ui.Access, error) {
	a := ui.Access{People: st.store, Codes: st.cfg.People.Codes != "optional", Idle: st.cfg.People.idle(), Kiosks: siteKiosks{st}}
	a.Fleets = func(ctx context.Context) ([]ui.Fleet, error) {
		all, err := st.store.Fleets(ctx)
		var out []ui.Fleet
		for _, f := range all {
			out = append(out, ui.Fleet{ID: f.ID, Name: f.Name})
		}
		return out, err
	}
	users, err := st.store.Users(ctx)
	if err != nil {
		return a, err
	}
	there := false
	for _, u := range users {
		there = there || auth.Role(u.Role) == auth.Administrator && !u.Disabled
	}
	if !there {
		a.First, st.firstCode = auth.NewFirst(st.now())
		a.Empty = len(users) == 0
	}
	if st.cfg.OIDC.Issuer != "" {
		if a.Provider, err = newProvider(st.dir, st.cfg.OIDC, st.now); err != nil {
			return a, err
		}
	}
	return a, nil
}

// siteKiosks enrols the kiosks of a site by its screens.
type siteKiosks struct{ st *site }

// Enrol makes a kiosk whose token is good for as long as one may be.
func (k siteKiosks) Enrol(ctx context.Context, by, name string, lane gate.LaneID) (string, error) {
	d, err := k.st.enrolment.add(ctx, k.st.store, enrolRequest{Name: name, Kind: string(auth.KindKiosk), Lane: string(lane), Life: auth.MaxTokenLife, By: by})
	return d.Token, err
}

// List is every kiosk, those that were revoked too.
func (k siteKiosks) List(ctx context.Context) ([]ui.Kiosk, error) {
	all, err := k.st.store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	var out []ui.Kiosk
	for _, d := range all {
		if d.Kind == string(auth.KindKiosk) {
			out = append(out, ui.Kiosk{ID: d.ID, Name: d.Name, Lane: d.Lane, Created: d.Created, Revoked: d.Revoked})
		}
	}
	return out, nil
}

// Revoke ends a kiosk: nobody signs in there by badge any more, and who did is
// signed out.
func (k siteKiosks) Revoke(ctx context.Context, by, id string) error {
	d, err := k.st.store.DeviceByID(ctx, id)
	if err != nil {
		return err
	}
	if d.Kind != string(auth.KindKiosk) {
		return fmt.Errorf("device %s is a %s: %w", id, d.Kind, sqlite.ErrNotFound)
	}
	err = k.st.store.RevokeDevice(ctx, id, gate.Event{Kind: gate.EventDeviceRevoked, At: k.st.now().UTC(), By: by, Detail: id + ", " + d.Name})
	if err == nil {
		k.st.screens.Dismiss(id)
	}
	return err
}

// userResetCmd is `sallyport user reset`: for the last administrator who lost the
// telephone.
type userResetCmd struct {
	Name string `arg:"" help:"Name to sign in with."`
	Data string `help:"Data directory of the site; the site must be stopped." default:"./data" placeholder:"DIR"`
}

// Run takes password and one-time codes away and prints a start code.
func (c *userResetCmd) Run(ctx context.Context, s *streams) (err error) {
	store, err := sqlite.Open(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	u, err := store.UserByName(ctx, c.Name)
	if err != nil {
		return err
	}
	code := auth.NewCode()
	hash, err := auth.HashPassword(code)
	if err != nil {
		return err
	}
	until := s.now().UTC().Add(auth.StartCodeLife)
	_, err = store.ChangeUser(ctx, u.ID, func(u *gate.User) error {
		u.Hash, u.Secret, u.SecretStep, u.StartHash, u.StartUntil, u.Disabled = "", "", 0, hash, until, false
		return nil
	}, gate.Event{Kind: gate.EventUserReset, At: s.now().UTC(), Detail: u.Name + ", on the command line"})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "start code of %s, for the page /start, until %s:\n%s\n", u.Name, until.Format(time.RFC3339), code)
	return nil
}
