package main

import (
	"os"
	"path/filepath"
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

// The distance of the second antenna is the lane's own, and one that cannot be is
// refused by its name and line.
func TestUpstreamDistance(t *testing.T) {
	const text = `site = "s"
policy = "paper-baseline"
retention_days = 1
[[lane]]
id = "a"
zone = "public"
turn_out = "bay"
arm.kind = "none"
[[lane.sensor]]
name = "a-stop"
device = "box:1"
[[lane.sensor]]
name = "a-up"
device = "box:2"
[[lane]]
id = "b"
zone = "public"
turn_out = "bay"
arm.kind = "none"
`
	sensors := "[[lane.sensor]]\nname = \"b-stop\"\ndevice = \"box:3\"\n"
	second := "[[lane.sensor]]\nname = \"b-up\"\ndevice = \"box:4\"\n"
	for _, x := range []struct{ says, rest, want string }{
		{"", sensors + second, ""},
		{"upstream_m = 25.5\n", sensors + second, ""},
		{"upstream_m = 3\n", sensors + second, ""},
		{"upstream_m = 40\n", sensors + second, ""},
		{"upstream_m = 0\n", sensors + second, `site.toml:20: lane "b": upstream_m: 0 is not from 3 to 40 metres before the line`},
		{"upstream_m = -12\n", sensors + second, `site.toml:20: lane "b": upstream_m: -12 is not from`},
		{"upstream_m = 41\n", sensors + second, `site.toml:20: lane "b": upstream_m: 41 is not from`},
		{"upstream_m = nan\n", sensors + second, `site.toml:20: lane "b": upstream_m: NaN is not from`},
		{"upstream_m = 12\n", sensors, `site.toml:20: lane "b": upstream_m: it is the distance of the second sensor`},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(text+x.says+x.rest), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := loadSite(dir)
		switch {
		case x.want != "":
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%q: %v", x.says, err)
			}
			continue
		case err != nil:
			t.Errorf("%q: %v", x.says, err)
			continue
		}
		want := 0.0
		if x.says != "" {
			want = *c.Lanes[1].UpstreamM
		}
		if got := c.earshot(1)[0].UpstreamM; got != want {
			t.Errorf("%q: %g m", x.says, got)
		}
	}
}
