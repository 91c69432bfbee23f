package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

// rfSensorsCmd is `sallyport rf sensors`.
type rfSensorsCmd struct {
	Data      string `help:"Data directory of the running site, on this machine: all its sensors. Either this or --site." placeholder:"DIR" xor:"where" required:""`
	Site      string `help:"Address of a running site: the sensors of the lane that the token is for. Either this or --data." placeholder:"URL" xor:"where" required:""`
	TokenFile string `help:"File with the token of a kiosk of that lane." placeholder:"FILE" type:"existingfile"`
	JSON      bool   `name:"json" help:"Print one JSON object instead of a table."`
}

// Help is shown beneath the command's one line.
func (c *rfSensorsCmd) Help() string {
	return "Says of each sensor when it was heard last, how much it sends, what of that was refused and why, dropped or lost, and how its clock stands. " +
		"Name either --data or --site, exactly one of them. " +
		"Exit code 1 when a sensor of a lane is silent, was never heard, or has a clock that is off."
}

// opSensors tells how the sensors are, as the control socket names it.
const opSensors = "/rf/sensors"

// sensorsAnswer is how the sensors are; also what the API says.
type sensorsAnswer struct {
	At      time.Time           `json:"at"`
	Sensors []gate.SensorHealth `json:"sensors"`
}

// sensorOps are the operations on the sensors of the running site.
func (st *site) sensorOps() map[string]operation {
	return map[string]operation{opSensors: op(func(context.Context, struct{}) (sensorsAnswer, error) {
		return sensorsAnswer{At: time.Now().UTC().Round(0), Sensors: st.controller.Sensors()}, nil
	})}
}

// Run prints how the sensors are.
func (c *rfSensorsCmd) Run(ctx context.Context, s *streams) error {
	ask := c.askSite
	if c.Data != "" {
		ask = c.askHere
	}
	a, err := ask(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(a)
	} else {
		err = printSensors(s.out, a)
	}
	if err == nil && slices.ContainsFunc(a.Sensors, amiss) {
		return exitError(1)
	}
	return err
}

// amiss tells whether a sensor that the site counts on cannot be counted on.
func amiss(h gate.SensorHealth) bool {
	if h.State == gate.SensorSkewed {
		return true
	}
	return h.Source != "" && (h.State == gate.SensorNever || h.State == gate.SensorSilent)
}

func (c *rfSensorsCmd) askHere(ctx context.Context) (a sensorsAnswer, err error) {
	if c.TokenFile != "" {
		return a, errors.New("--token-file belongs to --site")
	}
	if _, err := loadSite(c.Data); err != nil {
		return a, err
	}
	call, end, err := reach(ctx, c.Data, func(*sqlite.Store) (map[string]operation, error) {
		return nil, fmt.Errorf("the site in %s is not running, and hears nothing", c.Data)
	})
	if err != nil {
		return a, err
	}
	return a, errors.Join(call(opSensors, struct{}{}, &a), end())
}

// maxSensorsAnswer bounds what a site may answer.
const maxSensorsAnswer = 4 << 20

func (c *rfSensorsCmd) askSite(ctx context.Context) (a sensorsAnswer, err error) {
	at, err := url.Parse(c.Site)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return a, fmt.Errorf("--site: %q is not an address such as https://gate.example", c.Site)
	}
	if c.TokenFile == "" {
		return a, errors.New("--token-file is missing: `sallyport device add` prints a token")
	}
	token, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return a, err
	}
	bearer := strings.TrimSpace(string(token))
	if bearer == "" || strings.ContainsFunc(bearer, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return a, fmt.Errorf("%s holds no token", c.TokenFile)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath("api/v1/sensors").String(), nil)
	if err != nil {
		return a, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%s: %s", c.Site, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxSensorsAnswer)).Decode(&a); err != nil {
		return a, fmt.Errorf("%s: %w", c.Site, err)
	}
	return a, nil
}

// printSensors prints the table, and beneath it why anything was refused.
func printSensors(to io.Writer, a sensorsAnswer) error {
	if len(a.Sensors) == 0 {
		_, err := fmt.Fprintln(to, "no lane has a sensor")
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LANE\tSENSOR\tBY\tPLACE\tSTATE\tLAST HEARD\t/S\t/S MIN\tACCEPTED\tREFUSED\tDROPPED\tLOST\tCLOCK")
	var why strings.Builder
	for _, h := range a.Sensors {
		last := "never"
		if !h.LastHeard.IsZero() {
			last = a.At.Sub(h.LastHeard).Round(time.Second).String() + " ago"
		}
		clock := h.Clock.Trust
		if h.Clock.Samples > 0 {
			clock += fmt.Sprintf(" %+.2f s ±%.2f", h.Clock.Median, h.Clock.Spread/2)
		}
		var refused uint64
		for _, reason := range slices.Sorted(maps.Keys(h.Refused)) {
			refused += h.Refused[reason]
			fmt.Fprintf(&why, "%s %s: %d refused: %s\n", h.Lane, h.Name, h.Refused[reason], reason)
		}
		if h.Trouble != "" {
			fmt.Fprintf(&why, "%s %s: %s\n", h.Lane, h.Name, h.Trouble)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.1f\t%d\t%d\t%d\t%d\t%s\n", h.Lane, cmp.Or(h.Name, "(others)"), cmp.Or(h.Source, "not configured"),
			cmp.Or(h.Place, "-"), h.State, last, h.Rate1, h.Rate60, h.Accepted, refused, h.Dropped, h.Lost, clock)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(to, why.String())
	return err
}
