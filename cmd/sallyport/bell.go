package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/barrier/modbus"
	"sallyport/ui/view"
)

// bellConfig is [bell] of site.toml: an output that is on for as long as an alarm
// of those kinds waits for somebody to take note of it. It belongs where help is,
// out of sight and hearing of every lane.
type bellConfig struct {
	Device string   `toml:"device"` // id of a [[device]] of kind modbus
	Coil   *uint16  `toml:"coil"`   // counted from 0
	Kinds  []string `toml:"kinds"`  // of alarms; absent is duress alone
}

// rings says whether the bell is for an alarm of a kind.
func (c bellConfig) rings(kind gate.AlarmKind) bool {
	if len(c.Kinds) == 0 {
		return kind == gate.AlarmDuress
	}
	return slices.Contains(c.Kinds, string(kind))
}

// bell says what is wrong with the site's bell.
func (w *wiring) bell() error {
	b := w.site.Bell
	if b == nil {
		return nil
	}
	n := slices.IndexFunc(w.site.Devices, func(d deviceConfig) bool { return d.ID == b.Device })
	switch {
	case n < 0:
		return fmt.Errorf("bell: device %q: there is no such [[device]]", b.Device)
	case w.site.Devices[n].Kind != kindModbus:
		return fmt.Errorf("bell: device %q is of kind %s, and %s is needed", b.Device, w.site.Devices[n].Kind, kindModbus)
	case b.Coil == nil:
		return errors.New("bell: coil is missing: the number of the output at the device, counted from 0")
	}
	name := fmt.Sprintf("%s coil %d", b.Device, *b.Coil)
	if lane, there := w.outputs[name]; there {
		return fmt.Errorf("bell: device %q: coil %d is an output of lane %q already", b.Device, *b.Coil, lane)
	}
	for _, k := range b.Kinds {
		if !slices.Contains(view.AlarmKinds(), gate.AlarmKind(k)) {
			return fmt.Errorf("bell: %q is no kind of alarm", k)
		}
	}
	w.used[n] = true
	return nil
}

// Times of the bell.
const (
	bellAgain    = 5 * time.Second // between two commands of the same: a board that lost its power forgets
	bellPatience = 2 * time.Second // with one command
)

// bell switches the site's bell.
type bell struct {
	cfg bellConfig
	out interface {
		Ring(ctx context.Context, on bool) error
	}
	log  *slog.Logger
	lane gate.LaneID // under which it is told that the bell is lost
}

var _ interface {
	Ring(ctx context.Context, on bool) error
} = (*modbus.Side)(nil)

// run keeps the bell as the alarms are, until the context ends.
func (b bell) run(ctx context.Context, alarms *gate.Alarms) {
	changes := alarms.Subscribe(ctx)
	again := time.NewTicker(bellAgain)
	defer again.Stop()
	failing := false
	for ctx.Err() == nil {
		open, _ := alarms.Open()
		on := slices.ContainsFunc(open, func(a gate.SiteAlarm) bool { return b.cfg.rings(a.Kind) })
		work, cancel := context.WithTimeout(ctx, bellPatience)
		err := b.out.Ring(work, on)
		cancel()
		if ctx.Err() == nil {
			alarms.Stands(b.lane, gate.AlarmBell, b.cfg.Device, err != nil)
		}
		if failed := err != nil; failed != failing && ctx.Err() == nil {
			if failing = failed; failed {
				b.log.ErrorContext(ctx, "the bell does not answer", "device", b.cfg.Device, "on", on, "error", err)
			} else {
				b.log.InfoContext(ctx, "the bell answers", "device", b.cfg.Device, "on", on)
			}
		}
		select {
		case <-changes:
		case <-again.C:
		case <-ctx.Done():
		}
	}
}
