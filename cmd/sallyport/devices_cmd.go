package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
	"sallyport/ui"
)

// devicesCmd is `sallyport devices`.
type devicesCmd struct {
	Data string `help:"Data directory of the running site, on this machine." required:"" placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print one JSON object instead of a table."`
}

// Help is shown beneath the command's one line.
func (c *devicesCmd) Help() string {
	return "Says of each board, reader, scanner and camera of the lanes whether it works, since when, when it was seen last, how often it has failed since the start, and how many answers or scans of it were lost or made no sense. " +
		"Exit code 1 when one does not work."
}

// opDevices tells how the devices are, as the control socket names it.
const opDevices = "/devices"

// devicesAnswer is how the devices are.
type devicesAnswer struct {
	At      time.Time      `json:"at"`
	Devices []deviceHealth `json:"devices"`
}

// The states of a camera, which comes by itself.
const (
	deviceEnrolled   = "enrolled"
	deviceUnenrolled = "not enrolled"
	deviceRevoked    = "revoked"
)

// deviceOps are the operations on the devices of the running site.
func (st *site) deviceOps() map[string]operation {
	return map[string]operation{opDevices: op(func(ctx context.Context, _ struct{}) (devicesAnswer, error) {
		list, err := st.devices(ctx)
		return devicesAnswer{At: time.Now().UTC().Round(0), Devices: list}, err
	})}
}

// devices are how the devices of all lanes are, the cameras last.
func (st *site) devices(ctx context.Context) ([]deviceHealth, error) {
	list := st.hardware.states()
	for _, l := range st.cfg.Lanes {
		for _, cam := range l.Cameras {
			d := deviceHealth{Device: cam.Device, Kind: "camera", Lanes: []gate.LaneID{gate.LaneID(l.ID)}, State: deviceEnrolled}
			switch known, err := st.store.DeviceByID(ctx, cam.Device); {
			case errors.Is(err, sqlite.ErrNotFound):
				d.State = deviceUnenrolled
			case err != nil:
				return nil, err
			case known.Revoked:
				d.State = deviceRevoked
			case known.Lane != l.ID:
				d.State, d.Trouble = deviceUnenrolled, "its token is for lane "+known.Lane
			case known.Kind != string(auth.KindCamera):
				d.State, d.Trouble = deviceUnenrolled, "its token is that of a "+known.Kind
			}
			list = append(list, d)
		}
	}
	return list, nil
}

// screenDevices are the devices as the screens show them.
func (st *site) screenDevices(ctx context.Context) ([]ui.FieldDevice, error) {
	list, err := st.devices(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]ui.FieldDevice, len(list))
	for i, d := range list {
		out[i] = ui.FieldDevice{Name: d.Device, Kind: d.Kind, Lanes: d.Lanes, State: d.State, Fault: d.Fault, Trouble: d.Trouble,
			Since: d.Since, LastSeen: d.LastSeen, Faults: d.Faults, Lost: d.Lost, Read: d.Read, Unusable: d.Unusable}
	}
	return out, nil
}

// Run prints how the devices are.
func (c *devicesCmd) Run(ctx context.Context, s *streams) error {
	if _, err := loadSite(c.Data); err != nil {
		return err
	}
	call, end, err := reach(ctx, c.Data, func(*sqlite.Store) (map[string]operation, error) {
		return nil, fmt.Errorf("the site in %s is not running, and has opened no device", c.Data)
	})
	if err != nil {
		return err
	}
	var a devicesAnswer
	if err := errors.Join(call(opDevices, struct{}{}, &a), end()); err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(a)
	} else {
		err = printDevices(s.out, a)
	}
	if err == nil && slices.ContainsFunc(a.Devices, func(d deviceHealth) bool { return d.State != deviceWorks && d.State != deviceEnrolled }) {
		return exitError(1)
	}
	return err
}

// printDevices prints the table, and beneath it what is the matter.
func printDevices(to io.Writer, a devicesAnswer) error {
	if len(a.Devices) == 0 {
		_, err := fmt.Fprintln(to, "no lane has a device")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tKIND\tLANES\tSTATE\tSINCE\tLAST SEEN\tFAULTS\tLOST\tREAD\tUNUSABLE")
	var why strings.Builder
	for _, d := range a.Devices {
		lanes := make([]string, len(d.Lanes))
		for i, l := range d.Lanes {
			lanes[i] = string(l)
		}
		state := d.State
		if d.Fault != "" {
			state += ": " + d.Fault
		}
		ago := func(at time.Time) string {
			if at.IsZero() {
				return "-"
			}
			return max(0, a.At.Sub(at)).Round(time.Second).String() + " ago"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n", d.Device, d.Kind, strings.Join(lanes, " "), state, ago(d.Since), ago(d.LastSeen), d.Faults, d.Lost, d.Read, d.Unusable)
		if d.Trouble != "" {
			fmt.Fprintf(&why, "%s: %s\n", d.Device, d.Trouble)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if why.Len() > 0 {
		_, err := fmt.Fprintf(to, "\n%s", why.String())
		return err
	}
	return nil
}
