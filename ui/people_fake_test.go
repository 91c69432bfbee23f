package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
)

// fakePeople keeps people in the fakeStore's own maps, and PINs in the memory of
// the watch.
type fakePeople struct {
	*fakeStore
	memory   *storetest.Memory
	recovery map[string]map[[32]byte]bool
	tries    map[string]gate.Tries
	bound    map[string]string
}

func newFakePeople(s *fakeStore, m *storetest.Memory) *fakePeople {
	return &fakePeople{s, m, map[string]map[[32]byte]bool{}, map[string]gate.Tries{}, map[string]string{}}
}

func (s *fakePeople) by(what string, is func(User) bool) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if is(u) {
			return u, nil
		}
	}
	return User{}, fmt.Errorf("%s: %w", what, gate.ErrNotFound)
}

func (s *fakePeople) UserByID(_ context.Context, id string) (User, error) {
	return s.by("id", func(u User) bool { return u.ID == id })
}

func (s *fakePeople) UserByBadge(_ context.Context, badge string) (User, error) {
	return s.by("badge", func(u User) bool { return u.Badge == badge && badge != "" })
}

func (s *fakePeople) UserBySubject(_ context.Context, subject string) (User, error) {
	return s.by("subject", func(u User) bool { return u.Subject == subject && subject != "" })
}

func (s *fakePeople) Users(context.Context) ([]User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []User
	for _, u := range s.users {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return out, s.fail
}

func (s *fakePeople) CreateUser(_ context.Context, u User, events ...gate.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.users {
		switch {
		case o.Name == u.Name || o.ID == u.ID:
			return gate.ErrExists
		case u.Badge != "" && o.Badge == u.Badge:
			return gate.ErrBadgeTaken
		}
	}
	s.users[u.Name] = u
	s.memory.AddPerson(u.Name, auth.Role(u.Role))
	s.events = append(s.events, events...)
	return nil
}

func (s *fakePeople) ChangeUser(_ context.Context, id string, change func(*User) error, events ...gate.Event) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, was := range s.users {
		if was.ID != id {
			continue
		}
		u, admins := was, 0
		if err := change(&u); err != nil {
			return User{}, err
		}
		for _, o := range s.users {
			if o.ID != id && u.Badge != "" && o.Badge == u.Badge {
				return User{}, gate.ErrBadgeTaken
			}
			if o.ID != id && o.Role == string(auth.Administrator) && !o.Disabled {
				admins++
			}
		}
		if was.Role == string(auth.Administrator) && !was.Disabled && admins == 0 && (u.Role != was.Role || u.Disabled) {
			return User{}, gate.ErrLastAdministrator
		}
		if u.Role != was.Role || u.Hash != was.Hash || u.Secret != was.Secret || u.Disabled != was.Disabled {
			for h, v := range s.sessions {
				if v.UserID == id {
					delete(s.sessions, h)
				}
			}
		}
		s.users[name] = u
		s.events = append(s.events, events...)
		return u, nil
	}
	return User{}, gate.ErrNotFound
}

func (s *fakePeople) UseCode(_ context.Context, id string, step int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, u := range s.users {
		if u.ID == id && u.Secret != "" && u.SecretStep < step {
			u.SecretStep = step
			s.users[name] = u
			return true, nil
		}
	}
	return false, nil
}

func (s *fakePeople) SetRecovery(_ context.Context, id string, hashes [][32]byte, events ...gate.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recovery[id] = map[[32]byte]bool{}
	for _, h := range hashes {
		s.recovery[id][h] = true
	}
	s.events = append(s.events, events...)
	return nil
}

func (s *fakePeople) UseRecovery(_ context.Context, id string, h [32]byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.recovery[id][h]
	delete(s.recovery[id], h)
	return was, nil
}

func (s *fakePeople) RecoveryLeft(_ context.Context, id string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.recovery[id]), nil
}

func (s *fakePeople) SetPIN(ctx context.Context, name, hash string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[name]
	if !ok {
		return gate.ErrNotFound
	}
	u.HasPIN = hash != ""
	s.users[name] = u
	return s.memory.SetPIN(ctx, name, hash)
}

func (s *fakePeople) SessionsOf(_ context.Context, userID string) ([]Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Session
	for _, v := range s.sessions {
		if v.UserID == userID {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return strings.Compare(a.ID(), b.ID()) })
	return out, nil
}

func (s *fakePeople) SeeSession(_ context.Context, hash [32]byte, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.sessions[hash]; ok {
		v.Seen = at
		s.sessions[hash] = v
	}
	return nil
}

func (s *fakePeople) EndSessions(_ context.Context, userID string, hashes [][32]byte, events ...gate.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hashes {
		if s.sessions[h].UserID == userID {
			delete(s.sessions, h)
		}
	}
	s.events = append(s.events, events...)
	return nil
}

func (s *fakePeople) Tries(context.Context) ([]gate.Tries, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []gate.Tries
	for _, t := range s.tries {
		out = append(out, t)
	}
	return out, nil
}

func (s *fakePeople) KeepTries(_ context.Context, t gate.Tries) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries[t.Of] = t; t.N == 0 {
		delete(s.tries, t.Of)
	}
	return nil
}

func (s *fakePeople) BindKiosk(_ context.Context, device, address string, _ time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bound[device] == "" {
		s.bound[device] = address
	}
	return s.bound[device], nil
}
