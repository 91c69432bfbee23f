package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

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

// maxName is the longest name of a person, in bytes.
const maxName = 100

// checkName makes sure that a name can be told from every other: two that look
// alike would let one person sign as two.
func checkName(name string, others []sqlite.User) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || name != strings.Join(strings.Fields(name), " ") {
		return fmt.Errorf("name: %q; one to %d bytes, with single spaces inside and none around", name, maxName)
	}
	var before rune
	for _, r := range name {
		switch {
		case !unicode.IsPrint(r):
			return fmt.Errorf("name: %q holds a character that nobody sees", name)
		case unicode.Is(unicode.Mn, r) && unicode.In(before, unicode.Latin, unicode.Cyrillic, unicode.Greek):
			return fmt.Errorf("name: %q has the mark of a letter as a character of its own, %U; type the letter as one", name, r)
		}
		before = r
	}
	if strings.EqualFold(name, gate.SetUp) || strings.EqualFold(name, gate.AutoOpen) || strings.EqualFold(name, gate.UnderDuress) {
		return fmt.Errorf("name: %q stands in records for what no person did", name)
	}
	for _, o := range others {
		if strings.EqualFold(strings.Join(strings.Fields(o.Name), " "), name) {
			return fmt.Errorf("name: %q is taken, as %q: %w", name, o.Name, gate.ErrExists)
		}
		if looks(o.Name) == looks(name) {
			return fmt.Errorf("name: %q looks like %q, who is somebody else: %w", name, o.Name, gate.ErrExists)
		}
	}
	return nil
}

// alikes are Cyrillic and Greek small letters, and digits, that look like small
// Latin ones, or do as capitals; after the confusables of Unicode Technical
// Standard 39 (https://www.unicode.org/reports/tr39/).
var alikes = strings.NewReplacer(
	"а", "a", "в", "b", "е", "e", "ё", "ë", "к", "k", "м", "m", "н", "h", "о", "o", "р", "p", "с", "c", "т", "t", "у", "y", "х", "x",
	"ѕ", "s", "і", "i", "ї", "ï", "ј", "j", "һ", "h", "ԁ", "d", "ԛ", "q", "ԝ", "w", "ӏ", "i", "г", "r", "п", "n",
	"α", "a", "β", "b", "γ", "y", "ε", "e", "ζ", "z", "η", "n", "ι", "i", "κ", "k", "μ", "u", "ν", "v", "ο", "o", "ρ", "p", "τ", "t", "υ", "u", "χ", "x", "ω", "w",
	"ı", "i", "ɡ", "g", "ɑ", "a", "l", "i", "1", "i", "|", "i", "0", "o",
)

// looks is the same of two names that a reader of records could take for one.
func looks(name string) string {
	return alikes.Replace(strings.ToLower(strings.Join(strings.Fields(name), " ")))
}

func addUser(ctx context.Context, store *sqlite.Store, name string, role auth.Role, lang, password string, events ...gate.Event) error {
	users, err := store.Users(ctx)
	if err != nil {
		return err
	}
	if err := checkName(name, users); err != nil {
		return err
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	return store.CreateUser(ctx, sqlite.User{ID: rand.Text(), Name: name, Role: string(role), Hash: hash, Lang: lang}, events...)
}
