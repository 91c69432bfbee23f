package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sallyport/gate"
)

// User is a person who may sign in.
type User struct {
	ID, Name, Role string
	Hash           string // of the password, in the form of gate/auth
	Lang           string // of the screens: en, pl, de
	Disabled       bool
}

// Session is one sign-in. The token itself is known to the browser only.
type Session struct {
	TokenHash        [32]byte
	UserID           string
	Created, Expires time.Time
}

// Device is a machine that may speak to the site: kiosk, sensor, camera.
type Device struct {
	ID, Name, Kind, Lane string
	Created              time.Time
	Revoked              bool
}

// found turns "no row" into ErrNotFound.
func found(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// must runs a statement that has to change a row.
func (t *txn) must(query string, args ...any) error {
	n, err := t.change(query, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// log adds events in the same transaction as what they tell of.
func (t *txn) log(events []gate.Event) error {
	for _, e := range events {
		if err := t.event(e); err != nil {
			return err
		}
	}
	return nil
}

// CreateUser adds a person, and logs it with the events. A name or ID that is
// taken is gate.ErrExists.
func (s *Store) CreateUser(ctx context.Context, u User, events ...gate.Event) error {
	return s.do(ctx, "create user "+u.Name, func(t *txn) error {
		var there int
		if err := t.get("SELECT count(*) FROM user WHERE id = ? OR name = ?", []any{u.ID, u.Name}, &there); err != nil {
			return err
		}
		if there > 0 {
			return gate.ErrExists
		}
		if err := t.exec("INSERT INTO user (id, name, role, hash, lang, disabled) VALUES (?,?,?,?,?,?)",
			u.ID, u.Name, u.Role, u.Hash, u.Lang, u.Disabled); err != nil {
			return err
		}
		return t.log(events)
	})
}

const userColumns = "id, name, role, hash, lang, disabled"

func (u *User) columns() []any {
	return []any{&u.ID, &u.Name, &u.Role, &u.Hash, &u.Lang, &u.Disabled}
}

// UserByName finds a person; ErrNotFound when there is none.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	var u User
	err := s.r.QueryRowContext(ctx, "SELECT "+userColumns+" FROM user WHERE name = ?", name).Scan(u.columns()...)
	return u, found("user "+name, err)
}

// Users are all people, by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	list, err := collect(func(rows *sql.Rows) (u User, err error) { return u, rows.Scan(u.columns()...) })(s.r.QueryContext(ctx, "SELECT "+userColumns+" FROM user ORDER BY name"))
	return list, found("users", err)
}

// SetUserHash changes a password.
func (s *Store) SetUserHash(ctx context.Context, id, hash string) error {
	return s.do(ctx, "set password of "+id, func(t *txn) error {
		return t.must("UPDATE user SET hash = ? WHERE id = ?", hash, id)
	})
}

// SetUserDisabled locks a person out, or lets them in again, ends their
// sessions, and logs it with the events.
func (s *Store) SetUserDisabled(ctx context.Context, id string, disabled bool, events ...gate.Event) error {
	return s.do(ctx, "disable user "+id, func(t *txn) error {
		if err := t.must("UPDATE user SET disabled = ? WHERE id = ?", disabled, id); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM session WHERE user_id = ?", id); err != nil {
			return err
		}
		return t.log(events)
	})
}

// CreateSession keeps a sign-in.
func (s *Store) CreateSession(ctx context.Context, v Session) error {
	return s.do(ctx, "create session", func(t *txn) error {
		return t.exec("INSERT INTO session (token_hash, user_id, created, expires) VALUES (?,?,?,?)",
			v.TokenHash[:], v.UserID, stamp(v.Created), stamp(v.Expires))
	})
}

// SessionByHash finds a sign-in and its person; ErrNotFound when there is
// none. It does not look at the clock: whether the session has expired is for
// the caller to say.
func (s *Store) SessionByHash(ctx context.Context, hash [32]byte) (Session, User, error) {
	v := Session{TokenHash: hash}
	var u User
	var created, expires string
	err := s.r.QueryRowContext(ctx, `SELECT s.user_id, s.created, s.expires, u.id, u.name, u.role, u.hash, u.lang, u.disabled
		FROM session s JOIN user u ON u.id = s.user_id WHERE s.token_hash = ?`, hash[:]).
		Scan(append([]any{&v.UserID, &created, &expires}, u.columns()...)...)
	if err == nil {
		v.Created, err = instant(created)
	}
	if err == nil {
		v.Expires, err = instant(expires)
	}
	if err != nil {
		return Session{}, User{}, found("session", err)
	}
	return v, u, nil
}

// DeleteSession ends a sign-in. One that is not there is no error.
func (s *Store) DeleteSession(ctx context.Context, hash [32]byte) error {
	return s.do(ctx, "delete session", func(t *txn) error {
		return t.exec("DELETE FROM session WHERE token_hash = ?", hash[:])
	})
}

// DeleteSessionsOf ends all sign-ins of a person.
func (s *Store) DeleteSessionsOf(ctx context.Context, userID string) error {
	return s.do(ctx, "delete sessions of "+userID, func(t *txn) error {
		return t.exec("DELETE FROM session WHERE user_id = ?", userID)
	})
}

// DeleteExpiredSessions forgets the sessions that have expired by then.
func (s *Store) DeleteExpiredSessions(ctx context.Context, at time.Time) (n int64, err error) {
	err = s.do(ctx, "delete expired sessions", func(t *txn) (err error) {
		n, err = t.change("DELETE FROM session WHERE expires <= ?", stamp(at))
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// CreateDevice enrols a machine, and logs it with the events. An ID that is
// taken is gate.ErrExists.
func (s *Store) CreateDevice(ctx context.Context, d Device, events ...gate.Event) error {
	return s.do(ctx, "create device "+d.ID, func(t *txn) error {
		var there int
		if err := t.get("SELECT count(*) FROM device WHERE id = ?", []any{d.ID}, &there); err != nil {
			return err
		}
		if there > 0 {
			return gate.ErrExists
		}
		if err := t.exec("INSERT INTO device (id, name, kind, lane, created, revoked) VALUES (?,?,?,?,?,?)",
			d.ID, d.Name, d.Kind, d.Lane, stamp(d.Created), d.Revoked); err != nil {
			return err
		}
		return t.log(events)
	})
}

const deviceColumns = "id, name, kind, lane, created, revoked"

func scanDevice(scan func(...any) error) (d Device, err error) {
	var created string
	if err := scan(&d.ID, &d.Name, &d.Kind, &d.Lane, &created, &d.Revoked); err != nil {
		return Device{}, err
	}
	d.Created, err = instant(created)
	return d, err
}

// DeviceByID finds a machine; ErrNotFound when there is none.
func (s *Store) DeviceByID(ctx context.Context, id string) (Device, error) {
	d, err := scanDevice(s.r.QueryRowContext(ctx, "SELECT "+deviceColumns+" FROM device WHERE id = ?", id).Scan)
	return d, found("device "+id, err)
}

// Devices are all machines, by ID.
func (s *Store) Devices(ctx context.Context) ([]Device, error) {
	list, err := collect(func(rows *sql.Rows) (Device, error) { return scanDevice(rows.Scan) })(s.r.QueryContext(ctx, "SELECT "+deviceColumns+" FROM device ORDER BY id"))
	return list, found("devices", err)
}

// RevokeDevice shuts a machine out, and logs it with the events.
func (s *Store) RevokeDevice(ctx context.Context, id string, events ...gate.Event) error {
	return s.do(ctx, "revoke device "+id, func(t *txn) error {
		if err := t.must("UPDATE device SET revoked = 1 WHERE id = ?", id); err != nil {
			return err
		}
		return t.log(events)
	})
}
