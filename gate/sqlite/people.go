package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

// User is a person who may sign in.
type User = gate.User

// Session is one sign-in. The token itself is known to the browser only.
type Session = gate.Session

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
		if err := badgeFree(t, u); err != nil {
			return err
		}
		fleets, err := json.Marshal(append([]string{}, u.Fleets...))
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO user (id, name, role, hash, lang, disabled, badge, fleets, created, secret, secret_step, start_hash, start_until, subject) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			u.ID, u.Name, u.Role, u.Hash, u.Lang, u.Disabled, u.Badge, string(fleets), since(u.Created), u.Secret, u.SecretStep, u.StartHash, since(u.StartUntil), u.Subject); err != nil {
			return err
		}
		return t.log(events)
	})
}

// since writes an instant that may be none.
func since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return stamp(at)
}

func badgeFree(t *txn, u User) error {
	var there int
	if u.Badge != "" {
		if err := t.get("SELECT count(*) FROM user WHERE badge = ? AND id <> ?", []any{u.Badge, u.ID}, &there); err != nil {
			return err
		}
	}
	if there > 0 {
		return gate.ErrBadgeTaken
	}
	return nil
}

const userColumns = `u.id, u.name, u.role, u.hash, u.lang, u.disabled, u.badge, u.fleets, u.created, u.secret, u.secret_step, u.start_hash, u.start_until, u.subject,
	EXISTS (SELECT 1 FROM pin WHERE pin.user_id = u.id)`

// scanUser reads userColumns, after what stands before them.
func scanUser(scan func(...any) error, before ...any) (u User, err error) {
	var fleets, created, until string
	if err := scan(append(before, &u.ID, &u.Name, &u.Role, &u.Hash, &u.Lang, &u.Disabled, &u.Badge, &fleets, &created, &u.Secret, &u.SecretStep,
		&u.StartHash, &until, &u.Subject, &u.HasPIN)...); err != nil {
		return User{}, err
	}
	if err := json.Unmarshal([]byte(fleets), &u.Fleets); err != nil {
		return User{}, fmt.Errorf("fleets of %s: %w", u.ID, err)
	}
	if len(u.Fleets) == 0 {
		u.Fleets = nil
	}
	if u.Created, err = sinceOf(created); err == nil {
		u.StartUntil, err = sinceOf(until)
	}
	return u, err
}

func sinceOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return instant(text)
}

func (s *Store) userBy(ctx context.Context, column, value string) (User, error) {
	u, err := scanUser(s.r.QueryRowContext(ctx, "SELECT "+userColumns+" FROM user u WHERE "+column+" = ? AND "+column+" <> ''", value).Scan)
	return u, found("user of that "+column, err)
}

// UserByName finds a person; ErrNotFound when there is none.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	u, err := s.userBy(ctx, "name", name)
	if err != nil {
		return User{}, fmt.Errorf("%s: %w", name, err)
	}
	return u, nil
}

// UserByID finds a person; ErrNotFound when there is none.
func (s *Store) UserByID(ctx context.Context, id string) (User, error) {
	return s.userBy(ctx, "id", id)
}

// UserByBadge finds whose badge it is; ErrNotFound when it is nobody's.
func (s *Store) UserByBadge(ctx context.Context, badge string) (User, error) {
	return s.userBy(ctx, "badge", badge)
}

// UserBySubject finds whom an identity provider means; ErrNotFound when it is
// nobody here.
func (s *Store) UserBySubject(ctx context.Context, subject string) (User, error) {
	return s.userBy(ctx, "subject", subject)
}

// Users are all people, by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	list, err := collect(func(rows *sql.Rows) (User, error) { return scanUser(rows.Scan) })(s.r.QueryContext(ctx, "SELECT "+userColumns+" FROM user u ORDER BY u.name"))
	return list, found("users", err)
}

// SetUserHash changes how a password is kept, not which it is: no session ends.
func (s *Store) SetUserHash(ctx context.Context, id, hash string) error {
	return s.do(ctx, "set password of "+id, func(t *txn) error {
		return t.must("UPDATE user SET hash = ? WHERE id = ?", hash, id)
	})
}

// ChangeUser changes a person in one transaction and logs it with the events.
// Whoever gets another role, password or secret, or is locked out, is signed out
// everywhere. It refuses with ErrNotFound, gate.ErrBadgeTaken,
// gate.ErrLastAdministrator, or with what change returns; nothing is changed
// then. change may be called more than once, and changes neither ID nor name.
func (s *Store) ChangeUser(ctx context.Context, id string, change func(*User) error, events ...gate.Event) (u User, err error) {
	err = s.do(ctx, "change user "+id, func(t *txn) error {
		st, err := t.stmt("SELECT " + userColumns + " FROM user u WHERE u.id = ?")
		if err != nil {
			return err
		}
		was, err := scanUser(st.QueryRowContext(context.Background(), id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		} else if err != nil {
			return err
		}
		u = was
		u.Fleets = slices.Clone(was.Fleets)
		if err := change(&u); err != nil {
			return err
		}
		u.ID, u.Name, u.HasPIN = was.ID, was.Name, was.HasPIN
		if err := badgeFree(t, u); err != nil {
			return err
		}
		const admin = string(auth.Administrator)
		if was.Role == admin && !was.Disabled && (u.Role != admin || u.Disabled) {
			var others int
			if err := t.get("SELECT count(*) FROM user WHERE role = ? AND disabled = 0 AND id <> ?", []any{admin, id}, &others); err != nil {
				return err
			}
			if others == 0 {
				return gate.ErrLastAdministrator
			}
		}
		fleets, err := json.Marshal(append([]string{}, u.Fleets...))
		if err != nil {
			return err
		}
		if err := t.must("UPDATE user SET role = ?, hash = ?, lang = ?, disabled = ?, badge = ?, fleets = ?, secret = ?, secret_step = ?, start_hash = ?, start_until = ?, subject = ? WHERE id = ?",
			u.Role, u.Hash, u.Lang, u.Disabled, u.Badge, string(fleets), u.Secret, u.SecretStep, u.StartHash, since(u.StartUntil), u.Subject, id); err != nil {
			return err
		}
		if u.Secret != was.Secret {
			if err := t.exec("DELETE FROM recovery WHERE user_id = ?", id); err != nil {
				return err
			}
		}
		if u.Role != was.Role || u.Hash != was.Hash || u.Secret != was.Secret || u.Disabled != was.Disabled {
			if err := t.exec("DELETE FROM session WHERE user_id = ?", id); err != nil {
				return err
			}
		}
		return t.log(events)
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// UseCode takes the step of a one-time code, and says whether it had not been
// taken before, nor a later one.
func (s *Store) UseCode(ctx context.Context, id string, step int64) (fresh bool, err error) {
	err = s.do(ctx, "use a code of "+id, func(t *txn) error {
		n, err := t.change("UPDATE user SET secret_step = ? WHERE id = ? AND secret <> '' AND secret_step < ?", step, id, step)
		fresh = n == 1
		return err
	})
	return fresh && err == nil, err
}

// SetRecovery puts these hashes of recovery codes in the place of those before,
// and logs it with the events.
func (s *Store) SetRecovery(ctx context.Context, id string, hashes [][32]byte, events ...gate.Event) error {
	return s.do(ctx, "recovery codes of "+id, func(t *txn) error {
		if err := t.exec("DELETE FROM recovery WHERE user_id = ?", id); err != nil {
			return err
		}
		for _, h := range hashes {
			if err := t.exec("INSERT INTO recovery (user_id, hash) VALUES (?,?)", id, h[:]); err != nil {
				return err
			}
		}
		return t.log(events)
	})
}

// UseRecovery takes a recovery code, and says whether it was there.
func (s *Store) UseRecovery(ctx context.Context, id string, hash [32]byte) (was bool, err error) {
	err = s.do(ctx, "use a recovery code of "+id, func(t *txn) error {
		n, err := t.change("DELETE FROM recovery WHERE user_id = ? AND hash = ?", id, hash[:])
		was = n == 1
		return err
	})
	return was && err == nil, err
}

// RecoveryLeft is how many recovery codes a person still has.
func (s *Store) RecoveryLeft(ctx context.Context, id string) (n int, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT count(*) FROM recovery WHERE user_id = ?", id).Scan(&n)
	return n, found("recovery codes of "+id, err)
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
		return t.exec("INSERT INTO session (token_hash, user_id, created, expires, kind, device, seen, address, agent) VALUES (?,?,?,?,?,?,?,?,?)",
			v.TokenHash[:], v.UserID, stamp(v.Created), stamp(v.Expires), string(v.Kind), v.Device, since(v.Seen), v.Address, v.Agent)
	})
}

const sessionColumns = "s.token_hash, s.user_id, s.created, s.expires, s.kind, s.device, s.seen, s.address, s.agent"

// sessionRow is one row of sessionColumns as it is read.
type sessionRow struct {
	v                      Session
	hash                   []byte
	created, expires, seen string
}

func (r *sessionRow) columns() []any {
	return []any{&r.hash, &r.v.UserID, &r.created, &r.expires, &r.v.Kind, &r.v.Device, &r.seen, &r.v.Address, &r.v.Agent}
}

func (r *sessionRow) session() (v Session, err error) {
	v = r.v
	if copy(v.TokenHash[:], r.hash) != len(v.TokenHash) {
		return Session{}, errors.New("session: hash is short")
	}
	if v.Created, err = instant(r.created); err != nil {
		return Session{}, err
	}
	if v.Expires, err = instant(r.expires); err != nil {
		return Session{}, err
	}
	v.Seen, err = sinceOf(r.seen)
	return v, err
}

// SessionByHash finds a sign-in and its person; ErrNotFound when there is
// none. It does not look at the clock: whether the session has expired is for
// the caller to say.
func (s *Store) SessionByHash(ctx context.Context, hash [32]byte) (Session, User, error) {
	var r sessionRow
	u, err := scanUser(s.r.QueryRowContext(ctx, "SELECT "+sessionColumns+", "+userColumns+`
		FROM session s JOIN user u ON u.id = s.user_id WHERE s.token_hash = ?`, hash[:]).Scan, r.columns()...)
	if err != nil {
		return Session{}, User{}, found("session", err)
	}
	v, err := r.session()
	if err != nil {
		return Session{}, User{}, found("session", err)
	}
	return v, u, nil
}

// SeeSession keeps when a session was last used; the zero instant covers the
// screen of a kiosk. One that is not there is no error.
func (s *Store) SeeSession(ctx context.Context, hash [32]byte, at time.Time) error {
	return s.do(ctx, "see session", func(t *txn) error {
		return t.exec("UPDATE session SET seen = ? WHERE token_hash = ?", since(at), hash[:])
	})
}

// SessionsOf are the sign-ins of a person, newest first.
func (s *Store) SessionsOf(ctx context.Context, userID string) ([]Session, error) {
	list, err := collect(func(rows *sql.Rows) (Session, error) {
		var r sessionRow
		if err := rows.Scan(r.columns()...); err != nil {
			return Session{}, err
		}
		return r.session()
	})(s.r.QueryContext(ctx, "SELECT "+sessionColumns+" FROM session s WHERE s.user_id = ? ORDER BY s.created DESC, s.token_hash", userID))
	return list, found("sessions", err)
}

// EndSessions ends these sign-ins of a person and logs it with the events. Those
// that are not there, or are another's, are left out.
func (s *Store) EndSessions(ctx context.Context, userID string, hashes [][32]byte, events ...gate.Event) error {
	return s.do(ctx, "end sessions of "+userID, func(t *txn) error {
		for _, h := range hashes {
			if err := t.exec("DELETE FROM session WHERE user_id = ? AND token_hash = ?", userID, h[:]); err != nil {
				return err
			}
		}
		return t.log(events)
	})
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

// BindKiosk keeps the address that a kiosk stands at, where none is kept yet, and
// returns the one that is.
func (s *Store) BindKiosk(ctx context.Context, device, address string, at time.Time) (bound string, err error) {
	if err := s.r.QueryRowContext(ctx, "SELECT address FROM kiosk WHERE device = ?", device).Scan(&bound); err == nil {
		return bound, nil
	} else if !errors.Is(err, sql.ErrNoRows) {
		return "", found("kiosk "+device, err)
	}
	err = s.do(ctx, "bind kiosk "+device, func(t *txn) error {
		if err := t.exec("INSERT INTO kiosk (device, address, bound) VALUES (?,?,?) ON CONFLICT (device) DO NOTHING", device, address, stamp(at)); err != nil {
			return err
		}
		return t.get("SELECT address FROM kiosk WHERE device = ?", []any{device}, &bound)
	})
	return bound, err
}

// keptTries is of how many things wrong tries are remembered.
const keptTries = 4096

// Tries are the wrong tries that are remembered.
func (s *Store) Tries(ctx context.Context) ([]gate.Tries, error) {
	list, err := collect(func(rows *sql.Rows) (v gate.Tries, err error) {
		var last string
		if err := rows.Scan(&v.Of, &v.N, &last); err != nil {
			return v, err
		}
		v.Last, err = instant(last)
		return v, err
	})(s.r.QueryContext(ctx, "SELECT of, n, last FROM tries ORDER BY of"))
	return list, found("tries", err)
}

// KeepTries remembers wrong tries; none forgets them. What was quiet longest is
// forgotten where there are too many.
func (s *Store) KeepTries(ctx context.Context, v gate.Tries) error {
	return s.do(ctx, "keep tries", func(t *txn) error {
		if v.N == 0 {
			return t.exec("DELETE FROM tries WHERE of = ?", v.Of)
		}
		if err := t.exec("INSERT INTO tries (of, n, last) VALUES (?,?,?) ON CONFLICT (of) DO UPDATE SET n = excluded.n, last = excluded.last", v.Of, v.N, stamp(v.Last)); err != nil {
			return err
		}
		return t.exec("DELETE FROM tries WHERE of IN (SELECT of FROM tries ORDER BY last DESC, of LIMIT -1 OFFSET ?)", keptTries)
	})
}
