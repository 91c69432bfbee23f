package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
)

// identityConfig is [identity] of site.toml: what the site says of vehicles that
// present themselves.
type identityConfig struct {
	LongestStay duration       `toml:"longest_stay"` // a vehicle that is inside for longer is overdue; absent is no bound
	Travel      []travelConfig `toml:"travel"`
}

// travelConfig is one [[identity.travel]]: one vehicle cannot be at two lanes
// within less. Where none is given, it cannot be at both at the same time.
type travelConfig struct {
	From    string   `toml:"from"` // lanes, by id; both ways
	To      string   `toml:"to"`
	AtLeast duration `toml:"at_least"`
}

func (c siteConfig) checkIdentity() error {
	lanes := map[string]bool{}
	for _, l := range c.Lanes {
		lanes[l.ID] = true
	}
	if c.Identity.LongestStay < 0 {
		return errors.New("identity.longest_stay is negative")
	}
	for i, t := range c.Identity.Travel {
		switch {
		case !lanes[t.From] || !lanes[t.To] || t.From == t.To:
			return fmt.Errorf("identity.travel %d: from %q to %q: two lanes of the site", i+1, t.From, t.To)
		case t.AtLeast <= 0 || time.Duration(t.AtLeast) > 24*time.Hour:
			return fmt.Errorf("identity.travel %d: at_least %s: more than nothing, and at most a day", i+1, time.Duration(t.AtLeast))
		}
	}
	return nil
}

// travel is the least time between two lanes, and the longest of them.
func (c identityConfig) travel() (func(from, to gate.LaneID) (time.Duration, bool), time.Duration) {
	least, farthest := map[[2]gate.LaneID]time.Duration{}, time.Duration(0)
	for _, t := range c.Travel {
		d := time.Duration(t.AtLeast)
		least[[2]gate.LaneID{gate.LaneID(t.From), gate.LaneID(t.To)}] = d
		least[[2]gate.LaneID{gate.LaneID(t.To), gate.LaneID(t.From)}] = d
		farthest = max(farthest, d)
	}
	return func(from, to gate.LaneID) (time.Duration, bool) {
		d, ok := least[[2]gate.LaneID{from, to}]
		return d, ok
	}, farthest
}

// siteLists is who is inside, the watch list and the passes of a site, and what is
// found in them.
type siteLists struct {
	cfg      siteConfig
	rules    *siteRules
	ledger   *gate.Ledger
	watch    *gate.WatchDesk
	passes   *gate.PassDesk
	identity *gate.IdentityDesk
}

// openLists reads the lists. changed has the vehicles at the lines decided again.
func openLists(ctx context.Context, dir string, cfg siteConfig, store *sqlite.Store, rules *siteRules, changed func(context.Context, string) error) (*siteLists, error) {
	l := &siteLists{cfg: cfg, rules: rules}
	var again func(context.Context) error
	if changed != nil {
		again = func(ctx context.Context) error { return changed(ctx, "identity") }
	}
	var err error
	if l.ledger, err = gate.NewLedger(store, rules.clock, again); err != nil {
		return nil, err
	}
	if l.watch, err = gate.NewWatchDesk(ctx, store, rules.clock, again); err != nil {
		return nil, err
	}
	key, trusted, err := deviceTrust(dir, rules.clock.Now())
	if err != nil {
		return nil, err
	}
	signer, reader, err := passKeys(cfg, key, trusted)
	if err != nil {
		return nil, err
	}
	if l.passes, err = gate.NewPassDesk(ctx, store, rules.clock, signer, reader, again); err != nil {
		return nil, err
	}
	travel, farthest := cfg.Identity.travel()
	l.identity, err = gate.NewIdentityDesk(gate.IdentityConfig{Ledger: store, Registry: store, Watch: l.watch, Passes: l.passes, Travel: travel, Farthest: farthest})
	return l, err
}

// passKeys are what signs and reads passes: the device key, and those before it
// for as long as what they signed is accepted.
func passKeys(cfg siteConfig, key ed25519.PrivateKey, trusted map[string]auth.TrustedKey) (*auth.PassSigner, *auth.PassReader, error) {
	signer, err := auth.NewPassSigner(issuerName(cfg), keyID(key), key)
	if err != nil {
		return nil, nil, err
	}
	reader, err := auth.NewPassReader(issuerName(cfg), trusted)
	return signer, reader, err
}

// rekey has the running site sign and read passes with other keys.
func (l *siteLists) rekey(key ed25519.PrivateKey, trusted map[string]auth.TrustedKey) error {
	signer, reader, err := passKeys(l.cfg, key, trusted)
	if err != nil {
		return err
	}
	l.passes.Rekey(signer, reader)
	return nil
}

// The operations on the lists, as the control socket names them.
const (
	opWatchAdd      = "/watch/add"
	opWatchRemove   = "/watch/remove"
	opWatchList     = "/watch/list"
	opPassIssue     = "/pass/issue"
	opPassRevoke    = "/pass/revoke"
	opPassList      = "/pass/list"
	opPassText      = "/pass/text"
	opInsideList    = "/inside/list"
	opInsideCorrect = "/inside/correct"
)

// signedAsk is a request of a person.
type signedAsk[T any] struct {
	By       string `json:"by"`
	Password string `json:"password"`
	Ask      T      `json:"ask"`
}

// signedOp is an operation that a person asks for.
func signedOp[In, Out any](r *siteRules, f func(context.Context, gate.Person, In) (Out, error)) operation {
	return op(func(ctx context.Context, a signedAsk[In]) (Out, error) {
		who, err := r.admit(ctx, a.By, a.Password)
		if err != nil {
			var none Out
			return none, err
		}
		return f(ctx, who, a.Ask)
	})
}

type idAsk struct {
	ID  string `json:"id"`
	Why string `json:"why,omitempty"`
	All bool   `json:"all,omitempty"`
}

type passAnswer struct {
	Pass gate.VehiclePass `json:"pass"`
	Text string           `json:"text"`
}

type insideAsk struct {
	Left  string `json:"left,omitempty"` // the stay that has ended
	VIN   string `json:"vin,omitempty"`
	Plate string `json:"plate,omitempty"`
	Why   string `json:"why"`
}

func (l *siteLists) operations() map[string]operation {
	return map[string]operation{
		opWatchAdd: signedOp(l.rules, func(ctx context.Context, who gate.Person, list []gate.WatchEntry) (int, error) {
			out, err := l.watch.Add(ctx, who, list...)
			return len(out), err
		}),
		opWatchRemove: signedOp(l.rules, func(ctx context.Context, who gate.Person, a idAsk) (bool, error) {
			return l.watch.Remove(ctx, who, a.ID, a.Why)
		}),
		opWatchList: signedOp(l.rules, func(_ context.Context, who gate.Person, a idAsk) ([]gate.WatchEntry, error) {
			return l.watch.List(who, a.All)
		}),
		opPassIssue: signedOp(l.rules, func(ctx context.Context, who gate.Person, p gate.VehiclePass) (passAnswer, error) {
			p, text, err := l.passes.Issue(ctx, who, p)
			return passAnswer{p, text}, err
		}),
		opPassRevoke: signedOp(l.rules, func(ctx context.Context, who gate.Person, a idAsk) (bool, error) {
			err := l.passes.Revoke(ctx, who, a.ID, a.Why)
			return err == nil, err
		}),
		opPassList: signedOp(l.rules, func(_ context.Context, who gate.Person, a idAsk) ([]gate.VehiclePass, error) {
			return l.passes.List(who, a.All)
		}),
		opPassText: signedOp(l.rules, func(_ context.Context, who gate.Person, a idAsk) (passAnswer, error) {
			p, text, err := l.passes.Text(who, a.ID)
			return passAnswer{p, text}, err
		}),
		opInsideList: signedOp(l.rules, func(ctx context.Context, who gate.Person, f gate.StayFilter) ([]gate.Stay, error) {
			return l.ledger.Stays(ctx, who, f)
		}),
		opInsideCorrect: signedOp(l.rules, func(ctx context.Context, who gate.Person, a insideAsk) (string, error) {
			if a.Left != "" {
				return a.Left, l.ledger.Left(ctx, who, a.Left, a.Why)
			}
			return l.ledger.IsInside(ctx, who, a.VIN, a.Plate, a.Why)
		}),
	}
}

// signed are the flags of a command on the lists.
type signed struct {
	By   string `required:"" help:"Your name, as enrolled; the password is asked for, or read from the first line of standard input."`
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// call asks the running site, or the stopped site's own store.
func (c *signed) call(ctx context.Context, s *streams, path string, ask, out any) (err error) {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	password, err := askPassword(ctx, s, passwordOf(c.By))
	if err != nil {
		return err
	}
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) {
		h, err := openRefdata(c.Data, cfg)
		if err != nil {
			return nil, err
		}
		r, err := openRules(ctx, c.Data, cfg, h.parts(), store, s.now, nil, slog.New(slog.NewTextHandler(s.err, nil)))
		if err != nil {
			return nil, err
		}
		l, err := openLists(ctx, c.Data, cfg, store, r, nil)
		if err != nil {
			return nil, err
		}
		ops := l.operations()
		maps.Copy(ops, r.operations())
		return ops, nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return call(path, signedAsk[any]{c.By, password, ask}, out)
}

// watchCmd is `sallyport watch`.
type watchCmd struct {
	Add    watchAddCmd    `cmd:"" help:"Enter a vehicle, a module maker or a group."`
	List   watchListCmd   `cmd:"" help:"Print the entries, one JSON object a line."`
	Remove watchRemoveCmd `cmd:"" help:"Ask that an entry be removed, or, as another person, remove it."`
	Import watchImportCmd `cmd:"" help:"Enter all rows of a CSV file; every bad row is named."`
}

type watchAddCmd struct {
	VIN    string `help:"Vehicle." xor:"what" required:""`
	Plate  string `help:"Vehicle." xor:"what" required:""`
	Maker  string `help:"Maker of a module, a party of the supply graph." xor:"what" required:""`
	Group  string `help:"Party that controls the makers of modules." xor:"what" required:""`
	Reason string `required:"" help:"Reason code of the site's own: stolen, follow-up …"`
	Do     string `required:"" help:"What the guard is to do."`
	From   string `help:"Day or instant from which it holds; the default is now." placeholder:"WHEN"`
	Until  string `help:"Day or instant at which it ends by itself." placeholder:"WHEN"`
	signed
}

// Run enters it.
func (c *watchAddCmd) Run(ctx context.Context, s *streams) (err error) {
	e := gate.WatchEntry{Reason: c.Reason, Do: c.Do}
	switch {
	case c.VIN != "":
		e.Kind, e.Value = gate.WatchVIN, c.VIN
	case c.Plate != "":
		e.Kind, e.Value = gate.WatchPlate, c.Plate
	case c.Maker != "":
		e.Kind, e.Value = gate.WatchMaker, c.Maker
	default:
		e.Kind, e.Value = gate.WatchGroup, c.Group
	}
	if e.From, err = whenAt("--from", c.From, c.Data); err != nil {
		return err
	}
	if e.Until, err = whenAt("--until", c.Until, c.Data); err != nil {
		return err
	}
	var n int
	if err := c.call(ctx, s, opWatchAdd, []gate.WatchEntry{e}, &n); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "entered; vehicles at the lines are decided again")
	return err
}

type watchListCmd struct {
	All bool `help:"With those that were removed or have ended."`
	signed
}

// Run prints the entries.
func (c *watchListCmd) Run(ctx context.Context, s *streams) error {
	var list []gate.WatchEntry
	if err := c.call(ctx, s, opWatchList, idAsk{All: c.All}, &list); err != nil {
		return err
	}
	return printEach(s.out, list)
}

func printEach[T any](w io.Writer, list []T) error {
	for i := range list {
		if err := printJSON(w, list[i]); err != nil {
			return err
		}
	}
	return nil
}

type watchRemoveCmd struct {
	ID  string `arg:"" help:"Of the entry."`
	Why string `help:"The reason; the first person gives it."`
	signed
}

// Run asks, or removes.
func (c *watchRemoveCmd) Run(ctx context.Context, s *streams) error {
	var done bool
	if err := c.call(ctx, s, opWatchRemove, idAsk{ID: c.ID, Why: c.Why}, &done); err != nil {
		return err
	}
	words := "asked; another person removes it with the same command"
	if done {
		words = "removed"
	}
	_, err := fmt.Fprintln(s.out, words)
	return err
}

type watchImportCmd struct {
	File     string `arg:"" type:"existingfile" help:"CSV whose first line names the columns: kind, value, reason, do, from, until."`
	GoodRows bool   `help:"Enter the good rows although there are bad ones."`
	signed
}

// Run enters the rows.
func (c *watchImportCmd) Run(ctx context.Context, s *streams) (err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	good, bad, err := gate.ParseWatch(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	for _, b := range bad {
		fmt.Fprintf(s.err, "%s: %s\n", c.File, b.Error())
	}
	if len(bad) > 0 && !c.GoodRows {
		return fmt.Errorf("%s: %d of %d rows are bad; nothing was entered (--good-rows enters the others)", c.File, len(bad), len(bad)+len(good))
	}
	if len(good) == 0 {
		return fmt.Errorf("%s: no row to enter", c.File)
	}
	var n int
	if err := c.call(ctx, s, opWatchAdd, good, &n); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%d entered\n", n)
	return err
}

// passCmd is `sallyport pass`.
type passCmd struct {
	Issue  passIssueCmd  `cmd:"" help:"Issue a pass to one vehicle, and print its text."`
	Revoke passRevokeCmd `cmd:"" help:"End a pass at once."`
	List   passListCmd   `cmd:"" help:"Print the passes, one JSON object a line."`
	QR     passQRCmd     `cmd:"" name:"qr" help:"Draw the code of a pass."`
}

type passIssueCmd struct {
	VIN       string   `help:"VIN of the vehicle; it must be read at the lane for the pass to count."`
	Plate     string   `help:"Plate of the vehicle."`
	Lane      []string `help:"Lanes it is for; the default is all." sep:","`
	Zone      []string `help:"Zones it is for; the default is all." sep:","`
	From      string   `help:"Day or instant; the default is now." placeholder:"WHEN"`
	Until     string   `required:"" help:"Day or instant at which it ends." placeholder:"WHEN"`
	Condition []string `help:"What the guard sees to; may be repeated." sep:"none"`
	signed
}

// Run issues it.
func (c *passIssueCmd) Run(ctx context.Context, s *streams) (err error) {
	p := gate.VehiclePass{VIN: c.VIN, Plate: c.Plate, Zones: c.Zone, Conditions: c.Condition}
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	for _, id := range c.Lane {
		known := false
		for _, l := range cfg.Lanes {
			known = known || l.ID == id
		}
		if !known {
			return fmt.Errorf("--lane: the site has no lane %q", id)
		}
		p.Lanes = append(p.Lanes, gate.LaneID(id))
	}
	if p.From, err = whenAt("--from", c.From, c.Data); err != nil {
		return err
	}
	if p.Until, err = whenAt("--until", c.Until, c.Data); err != nil {
		return err
	}
	var out passAnswer
	if err := c.call(ctx, s, opPassIssue, p, &out); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "pass %s until %s\n", out.Pass.ID, out.Pass.Until.Format(time.RFC3339))
	_, err = fmt.Fprintln(s.out, out.Text)
	return err
}

type passRevokeCmd struct {
	ID  string `arg:"" help:"Of the pass."`
	Why string `required:"" help:"The reason."`
	signed
}

// Run ends it.
func (c *passRevokeCmd) Run(ctx context.Context, s *streams) error {
	var done bool
	if err := c.call(ctx, s, opPassRevoke, idAsk{ID: c.ID, Why: c.Why}, &done); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out, "revoked")
	return err
}

type passListCmd struct {
	All bool `help:"With those that were revoked or have ended."`
	signed
}

// Run prints the passes.
func (c *passListCmd) Run(ctx context.Context, s *streams) error {
	var list []gate.VehiclePass
	if err := c.call(ctx, s, opPassList, idAsk{All: c.All}, &list); err != nil {
		return err
	}
	return printEach(s.out, list)
}

type passQRCmd struct {
	ID     string `arg:"" help:"Of the pass."`
	Format string `help:"svg, png or text." enum:"svg,png,text" default:"svg"`
	signed
}

// Run draws the code.
func (c *passQRCmd) Run(ctx context.Context, s *streams) error {
	var out passAnswer
	if err := c.call(ctx, s, opPassText, idAsk{ID: c.ID}, &out); err != nil {
		return err
	}
	return drawQR(s.out, out.Text, c.Format)
}

// qrQuiet is the quiet zone around a code, in modules (ISO/IEC 18004 asks for 4).
const qrQuiet = 4

// drawQR draws a text as a QR code of level M: 15 % of it may be dirty.
func drawQR(w io.Writer, text, format string) error {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("code: %w", err)
	}
	n := code.Bounds().Dx()
	black := func(x, y int) bool {
		if x < 0 || y < 0 || x >= n || y >= n {
			return false
		}
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	var b strings.Builder
	switch format {
	case "png":
		big, err := barcode.Scale(code, 8*n, 8*n)
		if err != nil {
			return fmt.Errorf("code: %w", err)
		}
		return png.Encode(w, bordered{big, 8 * qrQuiet})
	case "text":
		for y := -qrQuiet; y < n+qrQuiet; y += 2 {
			for x := -qrQuiet; x < n+qrQuiet; x++ {
				b.WriteString([...]string{"█", "▄", "▀", " "}[index(black(x, y), black(x, y+1))])
			}
			b.WriteByte('\n')
		}
	default:
		size := n + 2*qrQuiet
		fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"", size, size, size, size)
		for y := range n {
			for x := 0; x < n; x++ {
				if !black(x, y) {
					continue
				}
				from := x
				for x < n && black(x, y) {
					x++
				}
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+qrQuiet, y+qrQuiet, x-from, x-from)
			}
		}
		b.WriteString("\"/></svg>\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// index tells two modules, one above the other, apart: neither, the upper, the
// lower, both are black. On a dark terminal the block is what is light.
func index(upper, lower bool) int {
	switch {
	case upper && lower:
		return 3
	case upper:
		return 1
	case lower:
		return 2
	}
	return 0
}

// insideCmd is `sallyport inside`.
type insideCmd struct {
	List insideListCmd `cmd:"" default:"withargs" help:"Print who is inside, the longest first, one JSON object a line."`
	Left insideLeftCmd `cmd:"" help:"Say that a vehicle on the list has left unseen."`
	Add  insideAddCmd  `cmd:"" help:"Say that a vehicle is inside that the list does not have."`
}

type insideListCmd struct {
	VIN     string `help:"Only this vehicle."`
	Plate   string `help:"Only this vehicle."`
	All     bool   `help:"With those that have left, the newest first."`
	Strays  bool   `help:"Those that left without having come in."`
	Overdue bool   `help:"Those inside for longer than their pass or the site's longest_stay allows."`
	Limit   int    `help:"How many at most." default:"1000"`
	signed
}

// Run prints stays.
func (c *insideListCmd) Run(ctx context.Context, s *streams) error {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	var list []gate.Stay
	if err := c.call(ctx, s, opInsideList, gate.StayFilter{Inside: !c.All && !c.Strays, Strays: c.Strays, VIN: c.VIN, Plate: c.Plate, Limit: c.Limit}, &list); err != nil {
		return err
	}
	for i := range list {
		if c.Overdue && !list[i].Overdue(s.now(), time.Duration(cfg.Identity.LongestStay)) {
			continue
		}
		if err := printJSON(s.out, list[i]); err != nil {
			return err
		}
	}
	return nil
}

type insideLeftCmd struct {
	ID  string `arg:"" help:"Of the stay, as inside list prints it."`
	Why string `required:"" help:"How that is known."`
	signed
}

// Run records it.
func (c *insideLeftCmd) Run(ctx context.Context, s *streams) error {
	var id string
	if err := c.call(ctx, s, opInsideCorrect, insideAsk{Left: c.ID, Why: c.Why}, &id); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out, "recorded")
	return err
}

type insideAddCmd struct {
	VIN   string `help:"Of the vehicle."`
	Plate string `help:"Of the vehicle."`
	Why   string `required:"" help:"How that is known."`
	signed
}

// Run records it.
func (c *insideAddCmd) Run(ctx context.Context, s *streams) error {
	var id string
	if err := c.call(ctx, s, opInsideCorrect, insideAsk{VIN: c.VIN, Plate: c.Plate, Why: c.Why}, &id); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out, id)
	return err
}
