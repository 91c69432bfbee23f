package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

func (s *site) present(t testing.TB, token, key, body string) (reply, gate.PassageID) {
	t.Helper()
	req := s.apiRequest(t, token, "POST", "/api/v1/lanes/north-1/arrivals", body)
	req.Header.Set("Idempotency-Key", key)
	r := s.send(t, http.DefaultClient, req)
	var got arrived
	if r.code < 300 {
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || got.Passage == "" {
			t.Fatalf("%d %s", r.code, r.body)
		}
	}
	return r, got.Passage
}

// An arrival that is sent again is the same passage, whoever else uses the key.
func TestArrivalSentAgain(t *testing.T) {
	s := newSite(t, nil)
	tok, other := s.token(t, kioskDevice), s.token(t, laneSystem)
	body := `{"vin":"` + vinFlag + `"}`
	r, first := s.present(t, tok, "k-1", body)
	if r.code != http.StatusCreated {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if r, again := s.present(t, tok, "k-1", body); r.code != http.StatusOK || again != first {
		t.Errorf("again: %d %s, want %s", r.code, again, first)
	}
	if r, _ := s.present(t, tok, "k-1", `{"vin":"`+vinDeny+`"}`); r.code != http.StatusUnprocessableEntity || r.problem(t).Class != "key-reused" {
		t.Errorf("the key with another vehicle: %d %s", r.code, r.body)
	}
	if _, id := s.present(t, other, "k-1", body); id == first {
		t.Error("another device has the passage of the key")
	}
	if _, id := s.present(t, tok, "k-2", body); id == first {
		t.Error("another key has the passage")
	}
	s.clock.pass(replayFor)
	if r, id := s.present(t, tok, "k-1", body); r.code != http.StatusCreated || id == first {
		t.Errorf("after its time: %d %s", r.code, id)
	}
	// What failed is presented anew.
	s.lanes.fail = gate.ErrBusy
	if r, _ := s.present(t, tok, "k-3", body); r.code != http.StatusTooManyRequests {
		t.Errorf("busy: %d", r.code)
	}
	s.lanes.fail = nil
	if r, _ := s.present(t, tok, "k-3", body); r.code != http.StatusCreated {
		t.Errorf("after it was busy: %d", r.code)
	}
	for _, bad := range []string{strings.Repeat("k", maxKey+1), "with blank", "żółw"} {
		if r, _ := s.present(t, tok, bad, body); r.code != http.StatusBadRequest {
			t.Errorf("key %q: %d", bad, r.code)
		}
	}
}

func TestReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplays(time.Now)
		var n atomic.Int64
		slow := func(ctx context.Context) (gate.PassageID, error) {
			select {
			case <-time.After(time.Second):
				return gate.PassageID(fmt.Sprint(n.Add(1))), nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		// The sender goes; the arrival does not.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, _, err := r.do(ctx, "k", []byte("a"), slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the first: %v", err)
		}
		cancel()
		// Those that come meanwhile wait for it.
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if id, again, err := r.do(t.Context(), "k", []byte("a"), slow); id != "1" || !again || err != nil {
					t.Errorf("sent again: %s, %v, %v", id, again, err)
				}
			})
		}
		wg.Wait()
		if n.Load() != 1 {
			t.Errorf("presented %d times", n.Load())
		}
		// One that ends in a panic is an error, and no end of the program.
		if _, _, err := r.do(t.Context(), "p", nil, func(context.Context) (gate.PassageID, error) { panic("lane") }); err == nil {
			t.Error("a panic passes as a passage")
		}
		// One that never ends gives up.
		if _, _, err := r.do(t.Context(), "never", nil, func(ctx context.Context) (gate.PassageID, error) { <-ctx.Done(); return "", ctx.Err() }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that never ends: %v", err)
		}
		// Memory is bounded, and what goes on is not forgotten.
		quick := func(context.Context) (gate.PassageID, error) { return "q", nil }
		for i := range 3 * maxReplays {
			if _, _, err := r.do(t.Context(), fmt.Sprint("n", i), nil, quick); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.seen) > maxReplays {
			t.Errorf("%d are remembered", len(r.seen))
		}
		if _, again, _ := r.do(t.Context(), fmt.Sprint("n", 3*maxReplays-1), nil, quick); !again {
			t.Error("the newest is forgotten")
		}
	})
}

// The whole state comes first; who comes back with its id hears of it no more.
func TestLaneEventsResume(t *testing.T) {
	s := newSite(t, nil)
	tok := s.token(t, kioskDevice)
	const path = "/api/v1/lanes/north-1/events"
	next, end := s.events(t, tok, path, "")
	first, ok := next()
	var st laneState
	if err := json.Unmarshal([]byte(first.data), &st); err != nil || !ok || st.State != gate.Idle || first.id == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinDeny})
	if err != nil {
		t.Fatal(err)
	}
	second, ok := next()
	if err := json.Unmarshal([]byte(second.data), &st); err != nil || !ok || st.Passage != id || st.Answer == nil || second.id == first.id {
		t.Fatalf("%+v, %v", second, err)
	}
	end()
	// Nothing changed: the next event is that of the next change.
	next, end = s.events(t, tok, path, second.id)
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Arm = gate.ArmFault })
	if e, _ := next(); e.id == second.id || !strings.Contains(e.data, `"arm":"fault"`) {
		t.Errorf("came back, and got %+v", e)
	}
	end()
	// Something changed, or the id is of another start: the whole state at once.
	for _, last := range []string{second.id, "otherone-" + strings.SplitN(second.id, "-", 2)[1]} {
		next, end = s.events(t, tok, path, last)
		if e, _ := next(); !strings.Contains(e.data, `"arm":"fault"`) {
			t.Errorf("came back with %s, and got %+v", last, e)
		}
		end()
	}
	// A reader whom the lane drops is told to come back by the end of the stream.
	next, _ = s.events(t, tok, path, "")
	if _, ok := next(); !ok {
		t.Fatal("no first event")
	}
	s.lanes.drop("north-1")
	if e, ok := next(); ok {
		t.Errorf("after the lane dropped the reader: %+v", e)
	}
}

// A revocation ends what is open, at once and whatever the heartbeat.
func TestDismissEndsStreams(t *testing.T) {
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Heartbeat, c.Refresh = time.Hour, time.Hour })
	fillAPI(t, s)
	s.lanes.fill("north-1", 10)
	gone, stays := s.token(t, laneSystem), s.token(t, otherSystem)
	var ends []func() (event, bool)
	for _, path := range []string{"/api/v1/lanes/north-1/events", "/api/v1/lanes/north-1/radio/stream", "/api/v1/alarms/events"} {
		next, _ := s.events(t, gone, path, "")
		if _, ok := next(); !ok {
			t.Fatalf("%s: no event", path)
		}
		ends = append(ends, next)
	}
	still, _ := s.events(t, stays, "/api/v1/lanes/north-1/events", "")
	if _, ok := still(); !ok {
		t.Fatal("no event")
	}
	s.store.mu.Lock()
	d := s.store.devices[laneSystem.ID]
	d.Revoked = true
	s.store.devices[laneSystem.ID] = d
	s.store.mu.Unlock()
	s.ui.Dismiss(laneSystem.ID)
	for _, next := range ends {
		if e, ok := next(); ok {
			t.Errorf("after the revocation: %+v", e)
		}
	}
	if r := s.send(t, http.DefaultClient, s.apiRequest(t, gone, "GET", "/api/v1/lanes/north-1/events", "")); r.code != http.StatusUnauthorized {
		t.Errorf("opened anew: %d", r.code)
	}
	s.lanes.change("north-1", func(v *gate.LaneView) { v.Arm = gate.ArmFault })
	if e, ok := still(); !ok || !strings.Contains(e.data, "fault") {
		t.Errorf("another device's stream: %+v", e)
	}
	s.ui.dismissals.mu.Lock()
	defer s.ui.dismissals.mu.Unlock()
	if n := len(s.ui.dismissals.waiting); n != 1 {
		t.Errorf("%d devices wait", n)
	}
}

// A stream does not outlive its token, and a device that is not good any more is
// found out by the next beat though nobody dismissed it.
func TestStreamsEndWithTheToken(t *testing.T) {
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Heartbeat = 5 * time.Millisecond })
	d := kioskDevice
	long := s.token(t, d)
	next, _ := s.events(t, long, "/api/v1/lanes/north-1/events", "")
	if _, ok := next(); !ok {
		t.Fatal("no event")
	}
	s.clock.pass(2 * time.Hour) // the tokens are for one
	if e, ok := next(); ok {
		t.Errorf("after its time: %+v", e)
	}
	short, err := s.issuer.Mint(d, s.clock.now(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	s.ui.cfg.Heartbeat = time.Hour // only the token's own end is left
	next, _ = s.events(t, short, "/api/v1/lanes/north-1/events", "")
	if _, ok := next(); !ok {
		t.Fatal("no event")
	}
	if e, ok := next(); ok {
		t.Errorf("after the token's end: %+v", e)
	}
}

func TestAPIAlarms(t *testing.T) {
	s := newSite(t, nil)
	alarms := fillAPI(t, s)
	for _, tt := range []struct {
		d    auth.Device
		want []string
	}{
		{alarmDevice, []string{"a-1", "a-2", "a-3"}},
		{otherSystem, []string{"a-1", "a-2", "a-3"}},
		{laneAlarms, []string{"a-1", "a-3"}},
		{laneSystem, []string{"a-1"}}, // it may stand at the lane: no silent ones
	} {
		r := s.send(t, http.DefaultClient, s.apiRequest(t, s.token(t, tt.d), "GET", "/api/v1/alarms", ""))
		var got alarmList
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.code != http.StatusOK {
			t.Fatalf("%d %s", r.code, r.body)
		}
		var ids []string
		for _, a := range got.Alarms {
			ids = append(ids, a.ID)
		}
		if !slices.Equal(ids, tt.want) {
			t.Errorf("%s is told of %v, want %v", tt.d.ID, ids, tt.want)
		}
	}
	panel := s.token(t, alarmDevice)
	next, _ := s.events(t, panel, "/api/v1/alarms/events", "")
	if e, _ := next(); strings.Count(e.data, `"id"`) != 3 {
		t.Errorf("first event %+v", e)
	}
	ack := func(tok, id, body string) reply {
		return s.send(t, http.DefaultClient, s.apiRequest(t, tok, "POST", "/api/v1/alarms/"+id+"/acknowledgement", body))
	}
	for name, tt := range map[string]struct {
		tok, id, body string
		code          int
	}{
		"nobody":       {panel, "a-1", `{"pin":"482913"}`, 400},
		"no PIN":       {panel, "a-1", `{"by":"supervisor"}`, 400},
		"wrong PIN":    {panel, "a-1", `{"by":"supervisor","pin":"1"}`, 403},
		"a guard":      {panel, "a-1", `{"by":"guard","pin":"482913"}`, 403},
		"no alarm":     {panel, "a-9", `{"by":"supervisor","pin":"482913"}`, 404},
		"another lane": {s.token(t, laneAlarms), "a-2", `{"by":"supervisor","pin":"482913"}`, 404},
		"not a panel":  {s.token(t, otherSystem), "a-1", `{"by":"supervisor","pin":"482913"}`, 403},
	} {
		if r := ack(tt.tok, tt.id, tt.body); r.code != tt.code {
			t.Errorf("%s: %d %s", name, r.code, r.body)
		}
	}
	if r := ack(panel, "a-2", `{"by":"supervisor","pin":"482913","note":"on the way"}`); r.code != http.StatusOK || !strings.Contains(r.body, `"by":"supervisor"`) {
		t.Errorf("acknowledged: %d %s", r.code, r.body)
	}
	if e, _ := next(); strings.Contains(e.data, "a-2") || strings.Count(e.data, `"id"`) != 2 {
		t.Errorf("next event %+v", e)
	}
	alarms.change(func() {
		alarms.open = append(alarms.open, gate.SiteAlarm{ID: "a-4", Lane: "south", Kind: gate.AlarmTamper, At: s.clock.now()})
	})
	if e, _ := next(); !strings.Contains(e.data, "a-4") {
		t.Errorf("event of the new one %+v", e)
	}
}

func TestAPIInside(t *testing.T) {
	s := newSite(t, nil)
	tok, lane := s.token(t, otherSystem), s.token(t, laneSystem)
	get := func(tok, query string) (reply, insideList) {
		r := s.send(t, http.DefaultClient, s.apiRequest(t, tok, "GET", "/api/v1/inside"+query, ""))
		var got insideList
		_ = json.Unmarshal([]byte(r.body), &got)
		return r, got
	}
	if r, _ := get(tok, ""); r.code != http.StatusServiceUnavailable {
		t.Errorf("a site without a list: %d", r.code)
	}
	fillAPI(t, s)
	if _, got := get(tok, ""); len(got.Stays) != 3 || got.Next != 0 || got.Stays[0].Conditions[0] != "escort" || got.Stays[2].Passage != "" {
		t.Errorf("all: %+v", got)
	}
	if r, _ := get(tok, ""); strings.Contains(r.body, "came on foot") {
		t.Errorf("who said what is told: %s", r.body)
	}
	if _, got := get(lane, ""); len(got.Stays) != 1 || got.Stays[0].VIN != vinGrant {
		t.Errorf("of one lane: %+v", got)
	}
	_, got := get(tok, "?limit=2")
	if len(got.Stays) != 2 || got.Next != 9 {
		t.Errorf("first page: %+v", got)
	}
	if _, got := get(tok, fmt.Sprintf("?limit=2&after=%d", got.Next)); len(got.Stays) != 1 || got.Next != 0 || got.Stays[0].Plate != "CD34" {
		t.Errorf("second page: %+v", got)
	}
	for _, bad := range []string{"?limit=0", "?limit=1001", "?limit=x", "?after=-1", "?after=x"} {
		if r, _ := get(tok, bad); r.code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, r.code)
		}
	}
}

func TestAPIPassage(t *testing.T) {
	s := newSite(t, nil)
	tok := s.token(t, laneSystem)
	id, err := s.lanes.Arrive(t.Context(), "north-1", gate.Arrival{VIN: vinFlag})
	if err != nil {
		t.Fatal(err)
	}
	south, err := s.lanes.Arrive(t.Context(), "south", gate.Arrival{VIN: vinDeny})
	if err != nil {
		t.Fatal(err)
	}
	get := func(id gate.PassageID) (reply, passageState) {
		r := s.api(t, tok, "GET", "north-1/passages/"+string(id), "")
		var got passageState
		_ = json.Unmarshal([]byte(r.body), &got)
		return r, got
	}
	if _, got := get(id); got.Answer == nil || got.Answer.Verdict != "flag" || got.Ending != "" || got.Lane != "north-1" {
		t.Errorf("%+v", got)
	}
	s.store.mu.Lock()
	r := &s.store.passages[0]
	r.Reassessments = append(r.Reassessments, gate.Reassessment{Result: judge(vinDeny, "", "", s.clock.now())})
	r.Acts = []gate.Act{{Kind: gate.ActDuress, By: "guard", Reason: "secret"}, {Kind: gate.ActTurnAway, By: "guard", Reason: "secret"}}
	r.Outcome = &gate.Outcome{Ending: gate.EndRefused, At: s.clock.now()}
	s.store.mu.Unlock()
	re, got := get(id)
	if got.Answer.Verdict != "deny" || got.Ending != gate.EndRefused || len(got.Acts) != 1 || got.Acts[0].Kind != gate.ActTurnAway {
		t.Errorf("decided again: %+v", got)
	}
	if strings.Contains(re.body, "secret") || strings.Contains(re.body, "guard") || strings.Contains(re.body, "duress") {
		t.Errorf("it tells of people: %s", re.body)
	}
	if r, _ := get(south); r.code != http.StatusNotFound {
		t.Errorf("another lane's: %d", r.code)
	}
	if r, _ := get("x"); r.code != http.StatusNotFound {
		t.Errorf("none: %d", r.code)
	}
	s.store.mu.Lock()
	s.store.passages[0].Summary.Erased = true
	s.store.mu.Unlock()
	if _, got := get(id); got.Answer != nil || !got.Erased {
		t.Errorf("erased: %+v", got)
	}
}
