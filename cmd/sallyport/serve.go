package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/rf/attribute"
	"sallyport/ui"
	"sallyport/ui/view"
)

// serveCmd is `sallyport serve`.
type serveCmd struct {
	Addr string `help:"Address to listen on." default:"127.0.0.1:8470"`
	Data string `help:"Data directory of the site." required:"" placeholder:"DIR"`
}

// Run serves the site until the context ends.
func (c *serveCmd) Run(ctx context.Context, s *streams) error {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	st, err := wireSite(ctx, c.Data, cfg, s.now, slog.New(slog.NewTextHandler(s.err, nil)))
	if err != nil {
		return err
	}
	if host, _, err := net.SplitHostPort(c.Addr); err == nil && !loopback(host) && !cfg.TLS.on() && !cfg.TLS.Terminated {
		fmt.Fprintf(s.err, "sallyport: %s is reached from other machines by plain HTTP; see [tls] of site.toml\n", c.Addr)
	}
	return st.serve(ctx, c.Addr, func(base string) {
		fmt.Fprintf(s.out, "listening on %s\n", base)
		st.welcome(s.out, base)
	})
}

// welcome prints what stands on the console only: the fingerprint of the
// certificate that was made here, and the code of the first administrator.
func (st *site) welcome(out io.Writer, base string) {
	if st.fingerprint != "" {
		fmt.Fprintf(out, "certificate SHA-256: %s\n", st.fingerprint)
	}
	if st.firstCode != "" {
		fmt.Fprintf(out, "there is no administrator yet: open %s/first within an hour and make the administrator with this code, which works once:\n  %s\n", base, st.firstCode)
	}
}

// loopback says whether a host to listen on is reached from this machine only.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// site is a running site, wired.
type site struct {
	cfg         siteConfig
	dir         string
	store       *sqlite.Store
	controller  *gate.Controller
	desk        *gate.Inspections
	learning    *gate.Learning
	rules       *siteRules
	lists       *siteLists
	settings    *gate.SettingsDesk
	screens     *ui.Server
	enrolment   *enrolment
	hardware    *hardware // boards, readers and scanners of the lanes
	watch       ui.Watch  // shifts, alarms, paper forms
	prefixes    *rf.Prefixes
	radio       radio                    // what the site's law and its assessment allow of the air
	live        atomic.Pointer[liveData] // the reference data in use
	relist      chan struct{}            // the list is to be judged anew
	firstCode   string                   // of the first administrator, for the console; empty: there is one
	fingerprint string                   // of the certificate in use; empty: plain HTTP
	log         *slog.Logger
	now         func() time.Time
	extra       []func(context.Context) error // what the demonstration runs beside the site
	table       *timetable                    // of the jobs; nil before serve
	inspecting  gate.InspectionRules
	expiring    []func(context.Context) (string, error) // what else takes note of what expired, and says what
	damaged     atomic.Pointer[string]                  // why the log does not verify; nil while it does

	unwitnessed atomic.Pointer[string] // why the witness could not be met the last time; nil where it was, or is away
}

// verifyPatience is how long a start waits for the log to be read back. A log
// that takes longer is verified while the lanes already work.
const verifyPatience = 2 * time.Second

// verifyAtStart reads the log back before a lane takes a vehicle. Where it does
// not fit, or cannot be read, the lanes begin in manual procedure, and stay there
// until it is found whole: no verdict is added to a record that somebody has
// changed, but paper forms, alarms and duress are. later says that there was not
// time enough.
func (st *site) verifyAtStart(ctx context.Context) (later bool) {
	bounded, cancel := context.WithTimeout(ctx, verifyPatience)
	defer cancel()
	err := st.verifyLog(bounded)
	switch {
	case errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return true
	case err != nil:
		why := err.Error()
		st.damaged.CompareAndSwap(nil, &why)
		st.log.ErrorContext(ctx, "the gate goes on by the manual procedure (see `sallyport log verify`)", "error", err)
	}
	return false
}

// verifyLog reads the whole log back while the site works. What does not fit is
// recorded, and from then on the site is not healthy.
func (st *site) verifyLog(ctx context.Context) error {
	rep, err := st.store.Verify(ctx)
	if err != nil {
		return err
	}
	if len(rep.Misfits) == 0 {
		st.damaged.Store(nil)
		return nil
	}
	why := "the log does not fit: " + rep.First().String()
	if st.damaged.Swap(&why) != nil {
		return errors.New(why)
	}
	return errors.Join(errors.New(why), st.store.RecordEvent(ctx, gate.Event{Kind: gate.EventLogDamaged, At: st.now().UTC(), Detail: why}))
}

// wireSite opens the site in dir and wires everything to its configuration.
// Nothing is guessed: what is missing stops the start with its name. The caller
// calls serve, which closes the store, or closes the store.
func wireSite(ctx context.Context, dir string, cfg siteConfig, now func() time.Time, log *slog.Logger) (_ *site, err error) {
	held, err := openRefdata(dir, cfg)
	if err != nil {
		return nil, err
	}
	held.report(ctx, log, now())
	data, err := withTACs(held.parts(), cfg.tacFile(dir))
	if err != nil {
		return nil, err
	}
	prefixes, err := prefixesOf(data)
	if err != nil {
		return nil, err
	}
	_, trusted, err := deviceTrust(dir, now())
	if err != nil {
		return nil, err
	}
	verifier, err := auth.NewVerifier(issuerName(cfg), apiAudience, nil)
	if err == nil {
		err = verifier.Trust(trusted)
	}
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, store.Close())
		}
	}()
	// The log's key carries the site's id, and device tokens do.
	if !strings.HasPrefix(store.VerifierKey(), issuerName(cfg)+"+") {
		return nil, fmt.Errorf("%s: site is %q, but the log in %s was made for another: %s", siteFile, cfg.Site, dir, store.VerifierKey())
	}
	seen, err := cfg.Witness.outside()
	if err != nil {
		return nil, err
	}
	store.WitnessedBy(seen)
	st := &site{cfg: cfg, dir: dir, store: store, prefixes: prefixes, log: log, now: now, relist: make(chan struct{}, 1)}
	if st.rules, err = openRules(ctx, dir, cfg, data, store, now, st.changed, log); err != nil {
		return nil, err
	}
	if err := st.rules.sayWhichRules(ctx, dir, cfg, data, log); err != nil {
		return nil, err
	}
	at := st.rules.clock.Now()
	if err := st.rules.policies.Ready(at); err != nil {
		return nil, err
	}
	live, err := st.load(held, held.parts())
	if err != nil {
		return nil, err
	}
	st.live.Store(live)
	if st.radio, err = openRadio(ctx, dir, cfg.Radio, store, prefixes, now, log); err != nil {
		return nil, err
	}
	if st.hardware, err = st.newHardware(); err != nil {
		return nil, err
	}
	if st.lists, err = openLists(ctx, dir, cfg, store, st.rules, st.changed); err != nil {
		return nil, err
	}
	if st.settings, err = gate.NewSettingsDesk(ctx, store, st.rules.clock); err != nil {
		return nil, err
	}
	st.expiring = append(st.expiring, func(ctx context.Context) (string, error) {
		n, err := st.lists.passes.Expire(ctx)
		return fmt.Sprintf("%d passes expired", n), err
	})
	lanes, err := st.laneConfigs()
	if err != nil {
		return nil, err
	}
	rules, err := cfg.inspectionRules()
	if err != nil {
		return nil, err
	}
	st.inspecting = rules
	st.learning, err = siteLearning(ctx, dir, cfg, store, live.judge, func(err error) { log.WarnContext(ctx, "left out", "error", err) }, data.Findings...)
	if err != nil {
		return nil, err
	}
	st.controller, err = gate.NewController(gate.Config{Lanes: lanes, Store: sound{store, &st.damaged}, Registry: store, Assessor: st.rules.policies.Assessor(st.learning.Judge), Inspecting: rules,
		Posture: st.rules.postures.Rank, Clock: st.rules.clock, Program: programVersion(), Log: log,
		Identity: st.lists.identity, Admit: st.radio.filter.Admit, RadioSets: st.radio.sets(), RadioLive: st.radio.live})
	if err != nil {
		return nil, err
	}
	var acts *gate.Desk
	if st.watch, acts, err = openWatch(ctx, st); err != nil {
		return nil, err
	}
	if st.desk, err = inspectionDesk(cfg, store, st.learning.Judge, now, st.inspected); err != nil {
		return nil, err
	}
	access, err := st.access(ctx)
	if err != nil {
		return nil, err
	}
	fleets, err := st.openFleets(ctx)
	if err != nil {
		return nil, err
	}
	audit, err := st.openAudit(ctx)
	if err != nil {
		return nil, err
	}
	teaching, err := screenTeaching()
	if err != nil {
		return nil, err
	}
	st.screens, err = ui.New(ui.Config{
		Audit:  audit,
		Fleets: fleets,
		Access: access, Secure: cfg.TLS.on() || cfg.TLS.Terminated, Certified: cfg.TLS.Certificate != "",
		Site: cfg.Name, Location: time.Local, Lanes: deskLanes{st.controller, acts}, Watch: st.watch, Inspecting: st.screenInspecting(), Teaching: teaching, Alarms: st.watch.Alarms, Signer: acts, Store: screenStore{store}, Verifier: verifier, Inside: store, Ledger: st.lists.ledger, LongestStay: time.Duration(cfg.Identity.LongestStay),
		Say: st.say, Condition: st.condition, Rules: st.screenRules(),
		Policy:    func(_ context.Context, lang string) (ui.PolicyDoc, error) { return st.policyDoc(lang) },
		Data:      func(context.Context) ([]view.DataSet, error) { return st.dataSets(), nil },
		Verify:    st.verify,
		Healthy:   st.healthy,
		Jobs:      st.screenJobs,
		Devices:   st.screenDevices,
		Knowledge: siteKnowledge{st}, WatchList: st.lists.watch, Manage: ui.Manage{Sheet: st.sheet, Settings: st.settings, Machines: siteMachines{st}},
		Law: view.NewAirLaw(st.radio.filter.Rules(), cfg.Radio.Jurisdiction != "", cfg.Radio.DPIA, cfg.Radio.KeepSets),
		Now: now, Log: log,
	})
	if err != nil {
		return nil, err
	}
	st.enrolment = &enrolment{dir: dir, cfg: cfg, now: now, verifier: verifier, rekey: st.lists.rekey, dismiss: st.screens.Dismiss}
	return st, nil
}

// inspected counts the inspections of a vehicle anew, then decides again on it
// wherever it waits.
func (st *site) inspected(ctx context.Context, vin string) error {
	return errors.Join(st.learning.Changed(ctx, vin), st.controller.Inspected(ctx, vin))
}

// changed decides again on whoever waits at a lane, where lanes run yet.
func (st *site) changed(ctx context.Context, because string) error {
	st.rejudge()
	if st.controller == nil {
		return nil
	}
	return st.controller.Changed(ctx, because)
}

// prepare has the supply graph work out beforehand what the rules in force, and
// those that are due, may ask of it on a day.
func (st *site) prepare(day time.Time) { st.prepareOn(st.live.Load().judge, day) }

func (st *site) prepareOn(judge *gate.Judge, day time.Time) {
	at := st.rules.clock.Now()
	for _, p := range st.rules.policies.Coming(at) {
		judge.Under(p).Prepare(day)
	}
}

// inForce are the rules by which a vehicle would be decided now.
func (st *site) inForce() (gate.PolicyVersion, *policy.Policy, error) {
	at := st.rules.clock.Now()
	return st.rules.policies.InForce(at)
}

// say is a rule's words for the guard, as the policy of that hash has them.
func (st *site) say(hash, rule, lang string) string {
	return st.rules.policies.Words(hash, func(p *policy.Policy) string { return p.Say(rule, lang) })
}

// condition is a condition's words, as the policy of that hash has them.
func (st *site) condition(hash, id, lang string) string {
	return st.rules.policies.Words(hash, func(p *policy.Policy) string { return p.Condition(id, lang) })
}

// policyDoc is the rules in force, in words.
func (st *site) policyDoc(lang string) (ui.PolicyDoc, error) {
	v, p, err := st.inForce()
	if err != nil {
		return ui.PolicyDoc{}, err
	}
	doc := policyDoc(p, lang)
	doc.Change = st.rules.change(v)
	if v, err = st.store.PolicyVersion(context.Background(), v.Number); err != nil {
		return ui.PolicyDoc{}, err
	}
	doc.Source = v.Source
	return doc, nil
}

// operations are those of the command line on the running site.
func (st *site) operations() map[string]operation {
	ops := inspectionOps(st.desk, st.store, st.learning.Judge, st.now)
	maps.Copy(ops, st.rules.operations())
	maps.Copy(ops, st.recordOps())
	maps.Copy(ops, st.runningInstaller().operations())
	maps.Copy(ops, learningOps(st.dir, st.cfg, st.learning, st.now))
	maps.Copy(ops, st.sensorOps())
	maps.Copy(ops, st.lists.operations())
	maps.Copy(ops, st.deviceOps())
	maps.Copy(ops, radioOps(st.store, st.now))
	maps.Copy(ops, st.enrolment.operations(st.store))
	maps.Copy(ops, st.jobOps())
	maps.Copy(ops, backupOps(st.store, func() time.Time { at, _ := st.rules.clock.Stamp(); return at }))
	return ops
}

// programVersion names the build, so that the record tells by which words and
// which code a verdict was given.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " " + s.Value
		}
	}
	return version + " " + info.GoVersion
}

// laneConfigs turns the site's lanes into the controller's, with their devices.
func (st *site) laneConfigs() ([]gate.LaneConfig, error) {
	var out []gate.LaneConfig
	for i, l := range st.cfg.Lanes {
		zone, err := gate.ParseZone(l.Zone)
		if err != nil {
			return nil, err
		}
		lc := gate.LaneConfig{
			ID: gate.LaneID(l.ID), Name: l.Name, Zone: zone, TurnOut: l.TurnOut, Market: l.Market, AutoOpen: l.AutoOpen,
			Direction: gate.Direction(l.Direction), Tandem: l.Tandem,
			HeldOpenAfter: time.Duration(l.HeldOpenAfter), CoveredAfter: time.Duration(l.CoveredAfter), TailgateWithin: time.Duration(l.TailgateWithin),
			BackOutAfter: time.Duration(l.BackOutAfter), ClearAfter: time.Duration(l.ClearAfter),
		}
		if st.hardware != nil {
			st.hardware.lanes[lc.ID].into(&lc, l.Arm)
		}
		if len(l.Sensors) > 0 {
			a, err := attribute.NewAttributor(attribute.Config{Lanes: st.cfg.earshot(i), Tag: st.radio.tag()}, st.prefixes)
			if err != nil {
				return nil, fmt.Errorf("lane %q: %w", l.ID, err)
			}
			lc.Attributor, lc.Sensors = a, l.listening()
		}
		for _, id := range l.Beside {
			lc.Beside = append(lc.Beside, gate.LaneID(id))
		}
		out = append(out, lc)
	}
	return out, nil
}

// serve runs the site until ctx ends or a part of it fails, then closes the
// store. ready is told the address once a verdict could be given.
func (st *site) serve(ctx context.Context, addr string, ready func(base string)) (err error) {
	defer func() { err = errors.Join(err, st.store.Close()) }()
	var secure *tls.Config
	if st.cfg.TLS.on() {
		if secure, st.fingerprint, err = st.cfg.TLS.open(st.dir, addr, st.now()); err != nil {
			return err
		}
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	if st.verifyAtStart(ctx) {
		st.extra = append(st.extra, func(ctx context.Context) error {
			// What it found is on the page of the jobs, and the site says so itself.
			_, _ = st.table.runNow(ctx, "verify")
			return nil
		})
	}
	st.prepare(st.now())
	if st.table, err = newTimetable(ctx, st.store, st.rules.clock.Now, st.log, st.jobs()); err != nil {
		return errors.Join(err, ln.Close())
	}
	sched, err := st.table.start(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer func() { err = errors.Join(err, sched.Shutdown()) }()

	srv := &http.Server{
		Handler:           st.screens.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second, // renewed per event on live screens
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(st.log.Handler(), slog.LevelWarn),
	}
	g, ctx := errgroup.WithContext(ctx)
	// Drivers outlive the lanes, which leave their arms settled and their lamps red.
	wired, unplug := context.WithCancel(context.WithoutCancel(ctx))
	defer unplug()
	g.Go(func() error {
		defer unplug()
		return st.controller.Run(ctx)
	})
	st.hardware.gate = st.controller
	g.Go(func() error { return st.hardware.run(wired) })
	g.Go(func() error { return st.watch.Alarms.Run(ctx, st.controller, st.laneIDs()) })
	g.Go(func() error { st.watchState(ctx); return nil })
	if st.hardware.bell != nil {
		g.Go(func() error {
			bell{*st.cfg.Bell, st.hardware.bell, st.log, st.laneIDs()[0]}.run(wired, st.watch.Alarms)
			return nil
		})
	}
	g.Go(func() error { return st.rules.policies.Run(ctx) })
	g.Go(func() error { return st.relisting(ctx) })
	g.Go(func() error { return st.rules.postures.Run(ctx) })
	g.Go(func() error { st.watchClock(ctx); return nil })
	for _, l := range st.cfg.Lanes {
		for _, sn := range l.Sensors {
			if sn.Device == "" { // which comes by itself
				g.Go(func() error { return st.listen(ctx, gate.LaneID(l.ID), sn) })
			}
		}
	}
	if socket, err := listenControl(ctx, st.dir); err != nil {
		// The gate works without it; commands wait until the site is stopped.
		st.log.ErrorContext(ctx, "commands cannot reach this site while it runs", "error", err)
	} else {
		g.Go(func() error { return control(ctx, socket, st.operations()) })
	}
	for _, run := range st.extra {
		g.Go(func() error { return run(ctx) })
	}
	g.Go(func() error {
		serve := srv.Serve
		if secure != nil {
			srv.TLSConfig = secure
			serve = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
		}
		if err := serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	if plain := st.cfg.TLS.Redirect; plain != "" {
		g.Go(func() error { return redirect(ctx, plain, ln.Addr().String()) })
	}
	g.Go(func() error {
		<-ctx.Done()
		// Live screens are told to go first: a shutdown waits for them.
		st.screens.Close()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return srv.Shutdown(stop)
	})
	g.Go(func() error {
		// Where it fails the controller has an error of its own, which says more.
		if st.inService(ctx) == nil {
			scheme := "http"
			if secure != nil {
				scheme = "https"
			}
			ready(scheme + "://" + ln.Addr().String())
		}
		return nil
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// inService waits until every lane has left out of service, or ctx ends.
func (st *site) inService(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, l := range st.cfg.Lanes {
		views, err := st.controller.Subscribe(ctx, gate.LaneID(l.ID))
		if err != nil {
			return err
		}
		for v := range views {
			if v.State != gate.OutOfService || v.Closed != "" { // a person has closed it, or is to turn it first
				break
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// healthy says why no verdict could be given now, or nil.
func (st *site) healthy(ctx context.Context) error {
	if why := st.damaged.Load(); why != nil {
		return &ui.Unhealthy{Reason: "the log does not fit", Err: errors.New(*why)}
	}
	if _, err := st.store.LastAt(ctx); err != nil {
		return &ui.Unhealthy{Reason: "the record cannot be read", Err: err}
	}
	for _, l := range st.controller.Lanes() {
		if l.Closed == "" && (l.State == gate.Manual || l.State == gate.OutOfService) {
			return &ui.Unhealthy{Reason: "a lane goes by hand", Err: fmt.Errorf("lane %s is %s", l.Lane, l.State)}
		}
	}
	return nil
}

func (st *site) verify(ctx context.Context) (view.LogReport, error) {
	begun := st.now()
	rep, err := st.store.Verify(ctx)
	if err != nil {
		return view.LogReport{}, err
	}
	return logReport(rep, st.now().Sub(begun)), nil
}

func policyDoc(p *policy.Policy, lang string) ui.PolicyDoc {
	doc := ui.PolicyDoc{ID: p.ID(), Hash: p.Hash(), Default: p.Default().String()}
	for _, r := range p.Rules() {
		row := view.Rule{
			ID: r.ID, Outcome: r.Outcome.String(), Say: p.Say(r.ID, lang), Condition: r.When, From: r.Instrument.From, To: r.Instrument.To,
			Instrument: view.Citation{Address: r.Instrument.Link, Quote: r.Instrument.Quote, Date: r.Instrument.Date, Title: r.Instrument.Authority + ": " + r.Instrument.Title},
		}
		if r.IfUnknown != 0 {
			row.IfUnknown = r.IfUnknown.String()
		}
		for _, id := range r.Conditions {
			row.Conditions = append(row.Conditions, p.Condition(id, lang))
		}
		doc.Rules = append(doc.Rules, row)
	}
	return doc
}

// dataSets lists the reference data in use.
func (st *site) dataSets() []view.DataSet {
	at := st.now().UTC()
	live := st.live.Load()
	d := live.judge.Data(at)
	days := func(l policy.Leaf[int]) int {
		if !l.Known {
			return -1
		}
		return l.Value
	}
	sets := append(live.held.dataSets(at), []view.DataSet{
		{Name: "NHTSA vPIC", Edition: d.VPICEdition, AgeDays: days(d.VPICAgeDays), Licence: "US government work, public domain", Source: "https://vpic.nhtsa.dot.gov/"},
		{Name: "Telematics catalogue", Edition: d.CatalogueEdition, AgeDays: days(d.CatalogueAgeDays), Licence: "compiled facts; every row names its document", Source: "the documents that each row names"},
		{Name: "Supply graph and lists", Edition: d.SupplyEdition, AgeDays: days(d.SupplyAgeDays), Licence: "compiled facts; every row names its document", Source: "the documents that each row names"},
		{Name: "Radio prefixes", Edition: st.prefixes.Edition(), AgeDays: -1, Licence: "facts of the IEEE Registration Authority and the Bluetooth SIG", Rows: st.prefixes.Len(), Source: st.prefixes.Source("oui").Address, Date: st.prefixes.Source("oui").Date},
	}...)
	if v, p, err := st.inForce(); err == nil {
		hash := p.Hash()
		sets = append(sets, view.DataSet{
			Name: "Policy", Edition: fmt.Sprintf("version %d, %s, %s", v.Number, p.ID(), hash[:min(12, len(hash))]), AgeDays: -1, Rows: len(p.Rules()),
			Licence: p.Status(), Source: "the site's versions; the rules are on the page of the policy",
		})
	}
	return sets
}

// screenStore gives the screens the site's store in their own words.
type screenStore struct{ *sqlite.Store }

func (s screenStore) DeviceByID(ctx context.Context, id string) (ui.Device, error) {
	d, err := s.Store.DeviceByID(ctx, id)
	return ui.Device{ID: d.ID, Kind: d.Kind, Lane: d.Lane, Created: d.Created, Revoked: d.Revoked}, err
}

// apiAudience is who device tokens are for.
const apiAudience = "sallyport-api"

func issuerName(c siteConfig) string { return "sallyport/" + c.Site }

// deviceKeyFile signs device tokens; readable by the owner only.
const deviceKeyFile = "device.key"

// deviceKey reads the key that signs device tokens, or makes it the first time.
func deviceKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, deviceKeyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		text = pem.EncodeToMemory(&pem.Block{Type: "SALLYPORT DEVICE KEY SEED", Bytes: seed})
		err = writeNew(path, text, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("device key: %s can be read by others (mode %04o), who could speak as any device; make it 0600", path, info.Mode().Perm())
	}
	block, _ := pem.Decode(text)
	if block == nil || len(block.Bytes) != ed25519.SeedSize {
		return nil, fmt.Errorf("device key: %s is damaged", path)
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// keyID names a key in a token's header, so that keys can be changed.
func keyID(key ed25519.PrivateKey) string { return publicKeyID(key.Public().(ed25519.PublicKey)) }

func publicKeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}
