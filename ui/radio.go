package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// radio is the page of what the air says at one lane.
func (s *Server) radio(k *call) error {
	p, err := s.radioPage(k)
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) radioPage(k *call) (*view.Radio, error) {
	lv, err := s.lane(k)
	if err != nil {
		return nil, err
	}
	lr, ok := s.cfg.Lanes.Radio(lv.Lane)
	if !ok {
		return nil, refuse(http.StatusNotFound, "not-found", fmt.Errorf("radio of lane %q: %w", lv.Lane, gate.ErrUnknownLane))
	}
	b := s.liveBase(k)
	b.Path = lanePath(lv.Lane) + "/radio"
	p := view.NewRadio(b, lr, lv, s.cfg.Law, s.cfg.Say)
	p.SeesLane, p.SeesPassages = auth.May(k.role, auth.SeeLane), auth.May(k.role, auth.SeePassages)
	return p, nil
}

func (s *Server) radioEvents(k *call) error {
	if _, err := s.radioPage(k); err != nil {
		return err
	}
	return s.follow(k, func() (view.Live, error) { return s.radioPage(k) })
}

// sensors is the page of the health of all sensors.
func (s *Server) sensors(k *call) error { return s.page(k, http.StatusOK, s.sensorsPage(k)) }

func (s *Server) sensorsPage(k *call) *view.Sensors {
	var all []gate.LaneRadio
	for _, lv := range s.cfg.Lanes.Lanes() {
		if lr, ok := s.cfg.Lanes.Radio(lv.Lane); ok {
			all = append(all, lr)
		}
	}
	b := s.liveBase(k)
	b.Path = "/radio"
	return view.NewSensors(b, all, s.cfg.Law)
}

func (s *Server) sensorsEvents(k *call) error {
	return s.follow(k, func() (view.Live, error) { return s.sensorsPage(k), nil })
}

// liveBase is base, in the language of the page that the stream belongs to: the
// cookie may have changed in another window since.
func (s *Server) liveBase(k *call) view.Base {
	b := s.base(k)
	if l := k.QueryParam("lang"); l != "" && s.words.Match(l) == l {
		b.Words = s.words.Words(l, s.cfg.Location)
	}
	return b
}

// follow is the live stream of a page that is looked at and not acted on: once
// each Refresh it sends the regions that differ from what was sent before, and a
// heartbeat. It ends when the browser goes, the session ends or the server
// closes; the browser comes back after half a second and gets everything anew.
func (s *Server) follow(k *call, page func() (view.Live, error)) error {
	release, ok := s.limits.stream(k.user.ID)
	if !ok {
		return refuse(http.StatusTooManyRequests, "too-many", fmt.Errorf("user %q has %d live screens", k.user.ID, streamsAtOnce))
	}
	defer release()
	ctx := k.Request().Context()
	out := newStream(k)
	if err := out.open(); err != nil {
		return nil //nolint:nilerr // the browser has gone, and nobody else waits for an answer
	}
	tick := time.NewTicker(s.cfg.Refresh)
	defer tick.Stop()
	sent := map[string]string{}
	for n := uint64(1); ; n++ {
		if err := s.followOnce(ctx, k, out, page, sent, n); err != nil {
			if !errors.Is(err, errGone) && !errors.Is(err, errNoSession) {
				s.cfg.Log.ErrorContext(ctx, "live page", "path", k.Path(), "error", err)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-s.closing:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// followOnce sends what has changed. A database that does not answer does not
// end the stream: the session held a moment ago.
func (s *Server) followOnce(ctx context.Context, k *call, out *stream, page func() (view.Live, error), sent map[string]string, n uint64) error {
	user, err := s.sessionUser(ctx, k.hash)
	if errors.Is(err, errNoSession) || errors.Is(err, gate.ErrNotFound) || err == nil && auth.Role(user.Role) != k.role {
		_ = out.send("signin", nil) // the stream ends either way
		return errNoSession
	}
	p, err := page()
	if err != nil {
		return err
	}
	regions, err := s.pages.RenderRegions(p)
	if err != nil {
		return err
	}
	m := message{Version: n, Build: s.assets.Version(), Regions: changed(regions, sent)}
	if len(m.Regions) > 0 {
		data, err := m.encode()
		if err != nil {
			return err
		}
		if err := out.send("page", data); err != nil {
			return err
		}
	}
	return out.send("beat", []byte(s.words.Words("", s.cfg.Location).Clock(s.cfg.Now())))
}

// changed are the regions that differ from what was sent, which it brings up to
// date.
func changed(regions []view.Region, sent map[string]string) []view.Region {
	var out []view.Region
	for _, r := range regions {
		if old, known := sent[r.Name]; !known || old != r.HTML {
			out = append(out, r)
			sent[r.Name] = r.HTML
		}
	}
	return out
}

// encode writes the message on one line.
func (m message) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // read by a script as JSON, never as part of a page
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
