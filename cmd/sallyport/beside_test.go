package main

import (
	"strings"
	"testing"

	"sallyport/gate"
	"sallyport/rf"
	"sallyport/rf/attribute"

	"github.com/google/go-cmp/cmp"
)

// besideSite is three lanes side by side, each with its receivers.
func besideSite() siteConfig {
	c := siteConfig{Site: "s", Policy: "paper-baseline", RetentionDays: 1}
	for _, id := range []string{"a", "b", "c"} {
		c.Lanes = append(c.Lanes, laneConfig{ID: id, Zone: "public", TurnOut: "bay", Arm: armConfig{Kind: "none"}, Sensors: []sensorConfig{
			{Name: id + "-stop", Port: "/dev/" + id, Baud: 115200}, {Name: id + "-up", Device: "box-" + id + ":2"},
		}})
	}
	return c
}

func TestLanesBeside(t *testing.T) {
	c := besideSite()
	c.Lanes[1].Beside = []string{"c", "a"}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	heard := func(id string, place int) attribute.Lane {
		return attribute.Lane{ID: id, Stop: id + "-stop", Upstream: "box-" + id + ":2", Place: place}
	}
	// The lane itself comes first, and is as far from one as from the other.
	if d := cmp.Diff([]attribute.Lane{heard("b", 1), heard("a", 0), heard("c", 2)}, c.earshot(1)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]attribute.Lane{heard("a", 0)}, c.earshot(0)); d != "" {
		t.Error(d)
	}
	want := []gate.LaneSensor{
		{Name: "a-stop", Heard: "a-stop", Source: "serial", Place: gate.PlaceStop},
		{Name: "a-up", Heard: "box-a:2", Source: "device", Place: gate.PlaceUpstream},
	}
	if d := cmp.Diff(want, c.Lanes[0].listening()); d != "" {
		t.Error(d)
	}
	prefixes, err := rf.EmbeddedPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	lanes, err := (&site{cfg: c, prefixes: prefixes}).laneConfigs()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]gate.LaneID{"c", "a"}, lanes[1].Beside); d != "" || lanes[1].Attributor == nil {
		t.Error(d)
	}
	for want, beside := range map[string][]string{
		"there is no such lane":  {"d"},
		"names the lane itself":  {"b"},
		`names "a" twice`:        {"a", "a"},
		"both need a sensor":     {"a", "e"},
		`beside names "A", and `: {"A"},
	} {
		c := besideSite()
		c.Lanes = append(c.Lanes, laneConfig{ID: "e", Zone: "public", TurnOut: "bay", Arm: armConfig{Kind: "none"}})
		c.Lanes[1].Beside = beside
		if err := c.check(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `lane "b"`) {
			t.Errorf("beside = %q: %v", beside, err)
		}
	}
}
