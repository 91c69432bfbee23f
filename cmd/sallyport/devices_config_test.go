package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// wiredSite has every kind of device.
const wiredSite = `
site = "wired"
name = "Wired"
policy = "paper-baseline"
retention_days = 30
[[device]]
id = "board"
kind = "modbus"
url = "tcp://127.0.0.1:502"
[[device]]
id = "reader"
kind = "osdp"
port = "/dev/serial/by-id/readers"
address = 3
plain = true
[[device]]
id = "second-reader"
kind = "osdp"
port = "/dev/serial/by-id/readers"
address = 4
key_file = "reader-4.key"
[[device]]
id = "relay"
kind = "lcus"
port = "/dev/serial/by-id/relay"
[[lane]]
id = "in"
zone = "restricted"
turn_out = "Bay"
direction = "entry"
auto_open = true
held_open_after = "30s"
[lane.arm]
kind = "modbus"
device = "board"
coil = 0
confirm = "4s"
timeout = "5s"
[lane.lamps]
device = "board"
red = 1
green = 2
[[lane.input]]
point = "arm-down"
device = "board"
input = 0
[[lane.input]]
point = "under-arm"
device = "board"
input = 1
inverted = true
[[lane.input]]
point = "tamper"
device = "reader"
[[lane.panel]]
device = "reader"
language = "pl"
[[lane.scanner]]
name = "gun"
port = "/dev/serial/by-id/gun"
baud = 9600
[[lane.scanner]]
name = "post"
keyboard = "/dev/input/by-id/usb-post-event-kbd"
layout = "de"
role = "windscreen"
[[lane.camera]]
device = "q7x"
[[lane]]
id = "out"
zone = "restricted"
turn_out = "Bay"
direction = "exit"
[lane.arm]
kind = "lcus"
device = "relay"
channel = 2
[[lane.input]]
point = "arm-up"
device = "board"
input = 8
[[lane]]
id = "side"
zone = "restricted"
turn_out = "Bay"
[lane.arm]
kind = "osdp"
device = "second-reader"
output = 1
[[lane.input]]
point = "arm-down"
device = "second-reader"
input = 0
`

func TestWiredSiteIsTaken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(wiredSite), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSite(dir); err != nil {
		t.Fatal(err)
	}
}

// What makes no sense stops the start, with its line and what to put right.
func TestWiringThatMakesNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		line     string // that is named; empty is none
		want     string
	}{
		"a bollard":                          {"kind = \"modbus\"\ndevice", "kind = \"bollard\"\ndevice", `kind = "bollard"`, "active (final-denial) barrier"},
		"final denial":                       {"kind = \"lcus\"\ndevice", "kind = \"final-denial\"\ndevice", `kind = "final-denial"`, "people's hands"},
		"a device of that kind":              {"kind = \"lcus\"\nport", "kind = \"wedge-barrier\"\nport", `kind = "wedge-barrier"`, "active (final-denial) barrier"},
		"a key of that name":                 {"channel = 2", "channel = 2\n[lane.bollard]\ncoil = 3", ``, "active (final-denial) barrier"},
		"an unknown kind":                    {"kind = \"modbus\"\nurl", "kind = \"zigbee\"\nurl", `kind = "zigbee"`, `kind "zigbee" is none of`},
		"no such direction":                  {`direction = "exit"`, `direction = "out"`, `direction = "out"`, `"out" is none of entry, exit, reversible`},
		"no such device":                     {"device = \"board\"\ncoil", "device = \"bord\"\ncoil", `device = "bord"`, `"bord": there is no such`},
		"another kind of device":             {"device = \"board\"\ncoil", "device = \"relay\"\ncoil", `device = "relay"`, "is of kind lcus, and modbus is needed"},
		"a device that nobody uses":          {"[[device]]\nid = \"relay\"", "[[device]]\nid = \"spare\"\nkind = \"modbus\"\nurl = \"tcp://127.0.0.1:503\"\n[[device]]\nid = \"relay\"", `id = "spare"`, "no lane uses it"},
		"two devices on one line":            {"/dev/serial/by-id/relay", "/dev/serial/by-id/readers", `port = "/dev/serial/by-id/readers"`, "one device to a line"},
		"a scanner on a device's line":       {"/dev/serial/by-id/gun", "/dev/serial/by-id/relay", `port = "/dev/serial/by-id/relay"`, "where lcus relay is"},
		"two readers of one address":         {"address = 4", "address = 3", `address = 3`, `address 3 of device "reader"`},
		"a reader without a key":             {"plain = true", "", `[[device]]`, "key_file is missing"},
		"a key elsewhere":                    {`"reader-4.key"`, `"../reader-4.key"`, `key_file = "../reader-4.key"`, "outside the data directory"},
		"an arm that nothing sees":           {"point = \"arm-up\"", "point = \"beyond\"", `kind = "lcus"`, "nothing would say whether the arm moved"},
		"opening by itself and not looking":  {"point = \"under-arm\"", "point = \"approach\"", `auto_open = true`, "auto_open needs the input under-arm"},
		"confirm longer than the lane waits": {`timeout = "5s"`, `timeout = "3s"`, `timeout = "3s"`, "shorter than arm.confirm"},
		"one coil twice":                     {"red = 1", "red = 0", `red = 0`, "coil 0 is an output of lane \"in\" already"},
		"coil and register":                  {"coil = 0", "coil = 0\nregister = 4", `[lane.arm]`, "either coil or register"},
		"lamps at the back of a one-way":     {"[lane.lamps]", "[lane.lamps_back]", `[lane.lamps_back]`, "reversible"},
		"no such point":                      {`point = "under-arm"`, `point = "bollard-down"`, `point = "bollard-down"`, "is none of approach"},
		"a point twice":                      {`point = "under-arm"`, `point = "arm-down"`, `point = "arm-down"`, "stands there twice"},
		"an input twice":                     {"input = 1\n", "input = 0\n", `input = 0`, "tells of another point already"},
		"an input without a number":          {"input = 8", "", `[[lane.input]]`, "input is missing"},
		"a reader of two lanes":              {"device = \"second-reader\"\ninput", "device = \"reader\"\ninput", `device = "reader"`, `serves lane "in"`},
		"a keyboard by another name":         {"/dev/input/by-id/usb-post-event-kbd", "/dev/input/event3", `keyboard = "/dev/input/event3"`, "somebody else's keyboard"},
		"a keyboard of no country":           {`layout = "de"`, "", `[[lane.scanner]]`, "layout"},
		"a scanner without a speed":          {"baud = 9600\n", "", `[[lane.scanner]]`, "port and baud"},
		"no such role":                       {`"windscreen"`, `"bonnet"`, `role = "bonnet"`, "none of label, windscreen"},
		"one camera twice":                   {"device = \"q7x\"", "device = \"q7x\"\n[[lane.camera]]\ndevice = \"q7x\"", `device = "q7x"`, "reports at lane \"in\" already"},
		"the demonstration's road":           {"kind = \"lcus\"\ndevice", "kind = \"yard\"\ndevice", `kind = "yard"`, "demonstration only"},
		"a channel that no board has":        {"channel = 2", "channel = 9", `channel = 9`, "none of 1 to 8"},
		"a time that runs backwards":         {`held_open_after = "30s"`, `held_open_after = "-30s"`, `held_open_after = "-30s"`, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(wiredSite, c.old) {
				t.Fatalf("%q is not in the site", c.old)
			}
			dir := t.TempDir()
			text := strings.Replace(wiredSite, c.old, c.new, 1)
			if err := os.WriteFile(filepath.Join(dir, siteFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := loadSite(dir)
			if err == nil {
				t.Fatal("taken")
			}
			where := siteFile + ":"
			if c.line != "" {
				_, after, _ := strings.Cut(err.Error(), where)
				number, _, _ := strings.Cut(after, ":")
				n, bad := strconv.Atoi(number)
				if lines := strings.Split(text, "\n"); bad != nil || n < 1 || n > len(lines) || lines[n-1] != c.line {
					t.Errorf("line %q, want that of %q", number, c.line)
				}
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), where) {
				t.Errorf("%v\nwant %q", err, c.want)
			}
		})
	}
}
