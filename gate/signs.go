package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// signs shows a lane's lamps and panel what the lane wants shown, one step at a
// time and the last only. What fails is tried again, and never stops the lane.
type signs struct {
	lane *lane
	ends chan struct{}

	mu     sync.Mutex
	signal Signal
	sign   Sign
	side   Direction
	shown  map[string]string // by device; absent: not known
	failed map[string]bool   // by device
	change chan struct{}
}

func newSigns(l *lane) *signs {
	return &signs{lane: l, shown: make(map[string]string), failed: make(map[string]bool), change: make(chan struct{}, 1), ends: make(chan struct{})}
}

// open begins to show.
func (s *signs) open(ctx context.Context) {
	cfg := &s.lane.cfg
	if cfg.Lamps == nil && cfg.LampsBack == nil && cfg.Panel == nil {
		close(s.ends)
		return
	}
	go func() {
		defer close(s.ends)
		for {
			var again <-chan time.Time
			if s.show(context.WithoutCancel(ctx)) != nil {
				again = time.After(cfg.RetryAfter)
			}
			select {
			case <-s.change:
			case <-again:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// close waits for what is being shown, a bounded time, and then shows the last.
func (s *signs) close() {
	late := time.NewTimer(s.lane.cfg.LampTimeout)
	defer late.Stop()
	select {
	case <-s.ends:
	case <-late.C:
		return
	}
	if s.show(context.WithoutCancel(s.lane.ctx)) != nil {
		s.lane.ctl.cfg.Log.WarnContext(s.lane.ctx, "lamps do not show that the lane is closed", "lane", s.lane.cfg.ID)
	}
}

// want says what is to be shown.
func (s *signs) want(signal Signal, sign Sign) {
	s.mu.Lock()
	changed := s.signal != signal || s.sign != sign || s.side != s.lane.direction
	s.signal, s.sign, s.side = signal, sign, s.lane.direction
	s.mu.Unlock()
	if changed {
		s.ring()
	}
}

// again shows everything once more, for a device that has come back.
func (s *signs) again() {
	s.mu.Lock()
	clear(s.shown)
	s.mu.Unlock()
	s.ring()
}

func (s *signs) ring() {
	select {
	case s.change <- struct{}{}:
	default:
	}
}

// show shows what is wanted where it is not shown yet, and reports devices that
// fail, or work again.
func (s *signs) show(ctx context.Context) error {
	cfg := &s.lane.cfg
	s.mu.Lock()
	signal, sign, side := s.signal, s.sign, s.side
	s.mu.Unlock()
	if signal == "" {
		return nil
	}
	front, back := signal, SignalRed
	if cfg.Direction == DirectionReversible && side == DirectionExit {
		front, back = SignalRed, signal
	}
	var failed error
	one := func(device, want string, do func(context.Context) error) {
		s.mu.Lock()
		there, known := s.shown[device]
		s.mu.Unlock()
		if known && there == want {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, cfg.LampTimeout)
		defer cancel()
		err := safely(ctx, do)
		s.mu.Lock()
		delete(s.shown, device)
		if err == nil {
			s.shown[device] = want
		}
		turned := s.failed[device] != (err != nil)
		s.failed[device] = err != nil
		s.mu.Unlock()
		failed = errors.Join(failed, err)
		if !turned {
			return
		}
		status := DeviceStatus{Device: device}
		if err != nil {
			s.lane.ctl.cfg.Log.WarnContext(ctx, "not shown", "lane", cfg.ID, "device", device, "error", err)
			status.Fault = "failed"
		}
		s.lane.inputs.status(status)
	}
	if cfg.Lamps != nil {
		one("lamps", string(front), func(ctx context.Context) error { return cfg.Lamps.Show(ctx, front) })
	}
	if cfg.LampsBack != nil {
		one("lamps-back", string(back), func(ctx context.Context) error { return cfg.LampsBack.Show(ctx, back) })
	}
	if cfg.Panel != nil {
		one("panel", string(sign), func(ctx context.Context) error { return cfg.Panel.Tell(ctx, sign) })
	}
	return failed
}

// safely runs a driver's work, which may panic.
func safely(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("driver failed: %v", r)
		}
	}()
	return do(ctx)
}

// signal is what the lamps are to show.
func (l *lane) signal() Signal {
	switch l.state {
	case Admitting:
		if !l.armMoving && l.through == 0 && (l.arm == ArmOpen || l.arm == ArmNone) {
			return SignalGreen
		}
	case Egress:
		if l.direction == DirectionExit && (l.arm == ArmOpen || l.arm == ArmNone) {
			return SignalGreen
		}
	default:
	}
	return SignalRed
}

// sign is what the panel is to tell.
func (l *lane) sign() Sign {
	switch l.state {
	case Approaching, AtLine:
		return SignStop
	case Deciding, Waiting:
		return SignWait
	case Admitting:
		if l.signal() == SignalGreen {
			return SignGo
		}
		return SignWait
	case Refusing:
		return SignTurn
	case Redirected:
		return SignInspection
	case OutOfService:
		return SignClosed
	case Manual:
		return SignStop
	case Egress:
		if l.direction == DirectionExit {
			return SignLeave
		}
		return SignClosed
	default:
	}
	return SignNone
}
