package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/barrier/modbus"
	"sallyport/gate/storetest"
)

// TestBell: the output is on for as long as somebody who calls for help has not
// been heard, and for nothing else; a board that was away is told again.
func TestBell(t *testing.T) {
	board := newRelayBoard(t)
	coil := uint16(boardGreen)
	d, err := modbus.New(modbus.Config{Name: "office", URL: "tcp://" + board.address, Bell: &coil})
	if err != nil {
		t.Fatal(err)
	}
	alarms, err := gate.NewAlarms(t.Context(), gate.AlarmsConfig{Store: storetest.NewMemory(), Clock: gate.NewClock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	go func() { _ = d.Run(ctx); ended <- struct{}{} }()
	go func() {
		bell{bellConfig{Device: "office", Coil: &coil}, d.Side, slog.New(slog.DiscardHandler), "north"}.run(ctx, alarms)
		ended <- struct{}{}
	}()
	defer func() {
		stop()
		<-ended
		<-ended
	}()
	is := func(want string) {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		for board.lamp() != want {
			if time.Now().After(deadline) {
				t.Fatalf("the bell is %s, want %s", board.lamp(), want)
			}
			time.Sleep(10 * time.Millisecond) // the board is another program
		}
	}
	note := func(id string) {
		t.Helper()
		if _, err := alarms.Acknowledge(t.Context(), gate.Person{Name: "ewa", Role: auth.Supervisor}, id, ""); err != nil {
			t.Fatal(err)
		}
	}
	help := alarms.Raise(gate.SiteAlarm{Lane: "north", Kind: gate.AlarmDuress, By: "anna", Silent: true})
	is("green")
	board.unplug()
	board.mu.Lock()
	board.coils[boardGreen] = false
	board.mu.Unlock()
	board.plug(t)
	is("green")
	forced := alarms.Raise(gate.SiteAlarm{Lane: "north", Kind: gate.AlarmForced})
	note(help)
	is("dark")
	note(forced)
}
