package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
)

// minPassword is the shortest password that is accepted, in characters.
const minPassword = 10

// userAddCmd is `sallyport user add`.
type userAddCmd struct {
	Name string `arg:"" help:"Name to sign in with, as it stands in records."`
	Role string `required:"" help:"guard, supervisor, security-manager, fleet-manager, auditor or administrator."`
	Lang string `help:"Language of the screens: en, pl, de." default:"en" enum:"en,pl,de"`
	Data string `help:"Data directory of the site; the site must be stopped." default:"./data" placeholder:"DIR"`
}

// Run reads the password from the first line of standard input and adds the
// person. Nothing is changed when anything is wrong.
func (c *userAddCmd) Run(ctx context.Context, s *streams) (err error) {
	role, err := auth.ParseRole(c.Role)
	if err != nil {
		return err
	}
	password, err := askPassword(ctx, s, fmt.Sprintf("Password of %s, at least %d characters: ", c.Name, minPassword))
	if err != nil {
		return err
	}
	if len([]rune(password)) < minPassword {
		return fmt.Errorf("password: at least %d characters", minPassword)
	}
	store, err := sqlite.Open(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := addUser(ctx, store, c.Name, role, c.Lang, password, gate.Event{Kind: gate.EventUserAdded, At: s.now().UTC(), Detail: c.Name + ", " + string(role)}); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s may sign in as %s\n", c.Name, role)
	return nil
}

func addUser(ctx context.Context, store *sqlite.Store, name string, role auth.Role, lang, password string, events ...gate.Event) error {
	users, err := store.Users(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Name
	}
	if err := gate.CheckName(name, names); err != nil {
		return err
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	return store.CreateUser(ctx, sqlite.User{ID: rand.Text(), Name: name, Role: string(role), Hash: hash, Lang: lang}, events...)
}
