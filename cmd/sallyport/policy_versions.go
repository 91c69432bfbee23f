package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/ui/view"
)

// maxRules bounds a rule file that is read; the loader has its own bound.
const maxRules = 1 << 20

// siteRules are the versions of a site's rules and its threat level, wired.
type siteRules struct {
	policies *gate.Policies
	postures *gate.Postures
	cfg      siteConfig
	store    *sqlite.Store
	clock    *gate.Clock
	door     doorman
	held     atomic.Pointer[refdata.Data] // by whose names a rule file is checked
}

// openRules wires the rules of a site. Where it has no version yet, version 1 is
// made of what site.toml names. changed is nil where no lane runs.
func openRules(ctx context.Context, dir string, cfg siteConfig, held *refdata.Data, store *sqlite.Store, now func() time.Time, changed func(context.Context, string) error, log *slog.Logger) (*siteRules, error) {
	r := &siteRules{cfg: cfg, store: store, clock: gate.NewClock(now)}
	r.held.Store(held)
	var err error
	r.postures, err = gate.NewPostures(ctx, gate.PosturesConfig{Store: store, Clock: r.clock, Levels: cfg.levels(), Changed: changed, Log: log})
	if err != nil {
		return nil, err
	}
	r.policies, err = gate.NewPolicies(ctx, gate.PoliciesConfig{
		Store: store, Clock: r.clock, Load: policy.Load, Changed: changed, Log: log,
		Check: func(name string, src []byte) (*policy.Policy, error) {
			return checkPolicy(ctx, cfg, store, r.held.Load(), name, src, r.clock.Now())
		},
	})
	if err != nil {
		return nil, err
	}
	if len(r.policies.Versions()) > 0 {
		return r, nil
	}
	p, src, err := openPolicy(cfg.policyFile(dir, held), held)
	if err != nil {
		return nil, err
	}
	if err := sameLevels(cfg, p); err != nil {
		return nil, err
	}
	_, err = r.policies.SetUp(ctx, gate.PolicyText{
		File: filepath.Base(cfg.Policy), Source: string(src),
		Note: fmt.Sprintf("taken from %q, which %s named when the site was set up; nobody approved it", cfg.Policy, siteFile),
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// policyFile is what site.toml names for the set-up: a pack that was installed
// or that ships, or else a file in the data directory.
func (c siteConfig) policyFile(dir string, held *refdata.Data) string {
	if _, came := held.Packs[c.Policy]; came || isPack(c.Policy) {
		return c.Policy
	}
	return filepath.Join(dir, c.Policy)
}

// sayWhichRules says in words which version is in force, and whether site.toml
// names something else, which changes nothing.
func (r *siteRules) sayWhichRules(ctx context.Context, dir string, cfg siteConfig, held *refdata.Data, log *slog.Logger) error {
	at := r.clock.Now()
	v, p, err := r.policies.InForce(at)
	if err != nil {
		return err
	}
	if err := sameLevels(cfg, p); err != nil {
		return fmt.Errorf("version %d of the rules, in force: %w", v.Number, err)
	}
	log.InfoContext(ctx, "rules in force", "version", v.Number, "policy", v.ID, "author", v.Author)
	versions := r.policies.Versions()
	named, _, err := openPolicy(cfg.policyFile(dir, held), held)
	switch {
	case err != nil:
		log.WarnContext(ctx, "site.toml names rules that cannot be read; what was recorded goes on", "policy", cfg.Policy, "version", v.Number, "error", err)
	case named.Hash() == v.Hash:
	case named.Hash() == versions[0].Hash:
		log.InfoContext(ctx, "site.toml names the rules of the set-up; a later version is in force", "policy", cfg.Policy, "version", v.Number)
	default:
		log.WarnContext(ctx, "site.toml names other rules than those in force, which go on; to change rules: sallyport policy propose, approve", "policy", cfg.Policy, "version", v.Number, "in_force", v.ID)
	}
	return nil
}

// sameLevels refuses rules that name other threat levels than the site has.
func sameLevels(cfg siteConfig, p *policy.Policy) error {
	if levels := p.Postures(); len(levels) > 0 && !slices.Equal(levels, cfg.levels()) {
		return fmt.Errorf("postures: the rules name %s, and this site has %s (posture.levels in %s)", strings.Join(levels, ", "), strings.Join(cfg.levels(), ", "), siteFile)
	}
	return nil
}

// checkPolicy is what rules must pass to be proposed, and again to be approved:
// they read well and name what the reference data hold, they are not such that a
// rule of them is void, and their examples show that they do what they should.
func checkPolicy(ctx context.Context, cfg siteConfig, list registered, held *refdata.Data, name string, src []byte, at time.Time) (*policy.Policy, error) {
	graph := held.Graph
	if graph == nil {
		var err error
		if graph, err = supply.Embedded(); err != nil {
			return nil, err
		}
	}
	p, err := policy.LoadKnowing(name, src, gate.Names(graph))
	if err != nil {
		return nil, err
	}
	if err := sameLevels(cfg, p); err != nil {
		return nil, err
	}
	found, err := analysed(ctx, cfg, list, held, p, at)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, f := range found {
		if f.Severity == policy.SeverityError {
			errs = append(errs, fmt.Errorf("%s:%s", name, f))
		}
	}
	return p, errors.Join(append(errs, examplesPass(name, p, held))...)
}

// analysed is what is wrong with rules that read well, at this site.
func analysed(ctx context.Context, cfg siteConfig, list registered, held *refdata.Data, p *policy.Policy, at time.Time) ([]policy.Fault, error) {
	env, err := environmentOf(ctx, cfg, list, held, at)
	if err != nil {
		return nil, err
	}
	return policy.Analyse(p, env), nil
}

// warnings are what whoever proposes or approves a version should know of it,
// and what does not stop it.
func (r *siteRules) warnings(ctx context.Context, number int) (out []string, err error) {
	v, err := r.store.PolicyVersion(ctx, number)
	if err != nil {
		return nil, err
	}
	p, err := policy.Load(v.File, []byte(v.Source))
	if err != nil {
		return nil, err
	}
	found, err := analysed(ctx, r.cfg, r.store, r.held.Load(), p, r.clock.Now())
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if f.Severity != policy.SeverityNote {
			out = append(out, fmt.Sprintf("%s:%s", v.File, f))
		}
	}
	return out, nil
}

// examplesPass refuses rules that have no examples, or of which one fails or
// leaves a rule unshown.
func examplesPass(name string, p *policy.Policy, held *refdata.Data) error {
	examples, err := p.Examples(name)
	if err != nil {
		return err
	}
	if len(examples) == 0 {
		return fmt.Errorf("%s: no examples: nothing shows what the rules do", name)
	}
	results := p.RunExamples(examples, requestsUnder(p, held))
	var errs []error
	for _, r := range results {
		if r.Failed() {
			errs = append(errs, fmt.Errorf("%s:%d:%d: example %q does not come as expected:\n    %s", name, r.Example.Line, r.Example.Column, r.Example.Name, strings.Join(append(errorText(r.Err), r.Faults...), "\n    ")))
		}
	}
	for _, id := range p.Unshown(results) {
		errs = append(errs, fmt.Errorf("%s: no example shows rule %s", name, id))
	}
	return errors.Join(errs...)
}

func errorText(err error) []string {
	if err == nil {
		return nil
	}
	return []string{err.Error()}
}

// doorman lets people in by name and password, and slows down who guesses.
type doorman struct {
	mu     sync.Mutex
	failed map[string]failures
}

type failures struct {
	n    int
	last time.Time
}

// errWrong does not tell whether the name exists.
var errWrong = errors.New("name or password is wrong")

// admit finds the person whom name and password fit. A refusal is an entry of
// the log.
func (r *siteRules) admit(ctx context.Context, name, password string) (gate.Person, error) {
	r.door.mu.Lock()
	defer r.door.mu.Unlock()
	at := r.clock.Now()
	f := r.door.failed[strings.ToLower(name)]
	if wait := f.last.Add(auth.LockDelay(f.n)).Sub(at); wait > 0 {
		return gate.Person{}, fmt.Errorf("too many wrong passwords; wait %d s", int(wait/time.Second)+1)
	}
	u, err := r.store.UserByName(ctx, name)
	known := err == nil
	if err != nil && !errors.Is(err, sqlite.ErrNotFound) {
		return gate.Person{}, err
	}
	ok := false
	if known && !u.Disabled {
		if ok, _, err = auth.VerifyPassword(u.Hash, password); err != nil {
			return gate.Person{}, err
		}
	} else {
		auth.SpendVerification(password)
	}
	if !ok {
		if len(r.door.failed) > 1000 {
			clear(r.door.failed)
		}
		if r.door.failed == nil {
			r.door.failed = make(map[string]failures)
		}
		r.door.failed[strings.ToLower(name)] = failures{f.n + 1, at}
		return gate.Person{}, errors.Join(errWrong, r.store.RecordEvent(ctx, gate.Event{Kind: gate.EventSignInFailed, At: at, Detail: "on the command line"}))
	}
	delete(r.door.failed, strings.ToLower(name))
	return gate.Person{Name: u.Name, Role: auth.Role(u.Role)}, nil
}

// enrolled makes sure that names are those of people of the site.
func (r *siteRules) enrolled(ctx context.Context, names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		u, err := r.store.UserByName(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, u.Name)
	}
	return out, nil
}

// The operations on rules, as the control socket names them.
const (
	opPolicyDraft    = "/policies/draft"
	opPolicyPropose  = "/policies/propose"
	opPolicyApprove  = "/policies/approve"
	opPolicyReject   = "/policies/reject"
	opPolicyWithdraw = "/policies/withdraw"
	opPolicyRollback = "/policies/rollback"
)

// policyAsk is a request about rules. Each operation uses what it needs.
type policyAsk struct {
	By       string    `json:"by"`
	Password string    `json:"password"`
	Number   int       `json:"number,omitempty"`
	File     string    `json:"file,omitempty"`
	Source   string    `json:"source,omitempty"`
	Editors  []string  `json:"editors,omitempty"`
	From     time.Time `json:"from,omitzero"`
	Note     string    `json:"note,omitempty"`
}

// policyAnswer is where a version stands after an operation, and what holds.
type policyAnswer struct {
	Version gate.PolicyVersion `json:"version"`
	State   gate.PolicyState   `json:"state"`
	InForce int                `json:"in_force"`
	Next    int                `json:"next,omitempty"` // takes effect by itself
	NextAt  time.Time          `json:"next_at,omitzero"`
	// Warnings are what the check of the rules found and does not refuse.
	Warnings []string `json:"warnings,omitempty"`
}

func (r *siteRules) answer(number int) policyAnswer {
	at := r.clock.Now()
	versions := r.policies.Versions()
	a := policyAnswer{State: gate.StateAt(versions, number, at)}
	if number >= 1 && number <= len(versions) {
		a.Version = versions[number-1]
	}
	if v, ok := gate.InForce(versions, at); ok {
		a.InForce = v.Number
	}
	if v, from, ok := gate.NextInForce(versions, at); ok {
		a.Next, a.NextAt = v.Number, from
	}
	return a
}

// change is by whom a version in force came into force, what is due, and the
// threat level.
func (r *siteRules) change(v gate.PolicyVersion) view.PolicyChange {
	at := r.clock.Now()
	c := view.PolicyChange{Version: v.Number, Since: v.At}
	if v.Author != gate.SetUp {
		c.Authors = strings.Join(append([]string{v.Author}, v.Editors...), ", ")
	}
	for _, k := range v.Steps {
		if k.Kind == gate.StepApproved {
			c.Since = k.From
			if k.By != gate.SetUp {
				c.Approver = k.By
			}
		}
	}
	if next, from, ok := gate.NextInForce(r.policies.Versions(), at); ok {
		c.Next, c.NextAt = next.Number, from
	}
	if len(r.postures.Levels()) > 1 {
		p := r.postures.At(at)
		c.Posture, c.PostureThen, c.PostureUntil = p.Level, p.Then, p.Until
	}
	return c
}

// operations are those of the command line on a site's rules and threat level.
func (r *siteRules) operations() map[string]operation {
	person := func(f func(context.Context, gate.Person, policyAsk) (int, error)) operation {
		return op(func(ctx context.Context, a policyAsk) (policyAnswer, error) {
			who, err := r.admit(ctx, a.By, a.Password)
			if err != nil {
				return policyAnswer{}, err
			}
			number, err := f(ctx, who, a)
			// What was not recorded has no answer but the error.
			if err != nil && !errors.Is(err, gate.ErrNotDecidedAgain) {
				return policyAnswer{}, err
			}
			out := r.answer(number)
			if out.State == gate.PolicyDraft || out.State == gate.PolicyProposed || out.State == gate.PolicyScheduled || out.State == gate.PolicyInForce {
				var bad error
				if out.Warnings, bad = r.warnings(ctx, number); bad != nil {
					err = errors.Join(err, fmt.Errorf("version %d is %s; its check: %w", number, out.State, bad))
				}
			}
			return out, err
		})
	}
	hand := func(do func(context.Context, gate.Person, gate.PolicyText) (gate.PolicyVersion, error)) func(context.Context, gate.Person, policyAsk) (int, error) {
		return func(ctx context.Context, who gate.Person, a policyAsk) (int, error) {
			editors, err := r.enrolled(ctx, a.Editors)
			if err != nil {
				return 0, err
			}
			v, err := do(ctx, who, gate.PolicyText{File: a.File, Source: a.Source, Editors: editors, Note: a.Note})
			return v.Number, err
		}
	}
	ops := map[string]operation{
		opPolicyDraft: person(hand(r.policies.Draft)),
		opPolicyPropose: person(func(ctx context.Context, who gate.Person, a policyAsk) (int, error) {
			if a.Number != 0 {
				return a.Number, r.policies.Propose(ctx, who, a.Number, a.Note)
			}
			return hand(r.policies.Submit)(ctx, who, a)
		}),
		opPolicyApprove: person(func(ctx context.Context, who gate.Person, a policyAsk) (int, error) {
			return a.Number, r.policies.Approve(ctx, who, a.Number, a.From, a.Note)
		}),
		opPolicyReject: person(func(ctx context.Context, who gate.Person, a policyAsk) (int, error) {
			return a.Number, r.policies.Reject(ctx, who, a.Number, a.Note)
		}),
		opPolicyWithdraw: person(func(ctx context.Context, who gate.Person, a policyAsk) (int, error) {
			return a.Number, r.policies.Withdraw(ctx, who, a.Number, a.Note)
		}),
		opPolicyRollback: person(func(ctx context.Context, who gate.Person, a policyAsk) (int, error) {
			v, err := r.policies.RollBack(ctx, who, a.Number, a.Note)
			return v.Number, err
		}),
	}
	maps.Copy(ops, r.postureOps())
	maps.Copy(ops, r.recordOps())
	return ops
}

// callRules reaches the site in dir, running or stopped, and has one operation
// done.
func callRules(ctx context.Context, s *streams, dir, path string, in, out any) (err error) {
	cfg, err := loadSite(dir)
	if err != nil {
		return err
	}
	call, end, err := reach(ctx, dir, func(store *sqlite.Store) (map[string]operation, error) {
		h, err := openRefdata(dir, cfg)
		if err != nil {
			return nil, err
		}
		r, err := openRules(ctx, dir, cfg, h.parts(), store, s.now, nil, slog.New(slog.NewTextHandler(s.err, nil)))
		if err != nil {
			return nil, err
		}
		return r.operations(), nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return call(path, in, out)
}

// askPassword reads the password of a person: from the terminal, where prompt is
// shown and what is typed is not, or else from the first line of standard input.
func askPassword(ctx context.Context, s *streams, prompt string) (string, error) {
	var password string
	var err error
	if f, ok := s.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		password, err = askTerminal(ctx, s, int(f.Fd()), prompt)
	} else {
		password, err = bufio.NewReader(io.LimitReader(s.in, 4096)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	if password = strings.TrimRight(password, "\r\n"); password == "" {
		return "", errors.New("password: none was given; type it, or hand it over as the first line of standard input")
	}
	return password, nil
}

// askTerminal asks at a terminal without showing what is typed. When ctx ends
// first, as by an interrupt, the terminal is as it was.
func askTerminal(ctx context.Context, s *streams, fd int, prompt string) (string, error) {
	was, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(s.err, prompt)
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		typed <- answer{text, err}
	}()
	defer fmt.Fprintln(s.err)
	select {
	case a := <-typed:
		return string(a.text), a.err
	case <-ctx.Done():
		return "", errors.Join(errors.New("interrupted"), term.Restore(fd, was))
	}
}

func passwordOf(name string) string { return fmt.Sprintf("Password of %s: ", name) }

// policyAct is what every command that acts on rules takes.
type policyAct struct {
	By   string `required:"" help:"Name of the person who acts, as enrolled; the password is asked for, or read from the first line of standard input."`
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print the answer as JSON."`
}

func (c *policyAct) do(ctx context.Context, s *streams, path string, ask policyAsk) error {
	ask.By = c.By
	var err error
	if ask.Password, err = askPassword(ctx, s, passwordOf(c.By)); err != nil {
		return err
	}
	var a policyAnswer
	err = callRules(ctx, s, c.Data, path, ask, &a)
	if a.State == "" {
		return err
	}
	if c.JSON {
		return errors.Join(err, printJSON(s.out, a))
	}
	fmt.Fprintf(s.out, "version %d, %s: %s\n", a.Version.Number, a.Version.ID, a.State)
	fmt.Fprintf(s.out, "in force: version %d\n", a.InForce)
	if a.Next != 0 {
		fmt.Fprintf(s.out, "next: version %d takes effect at %s\n", a.Next, a.NextAt.Format(time.RFC3339))
	}
	for _, w := range a.Warnings {
		fmt.Fprintln(s.err, w)
	}
	if n := a.Version.Number; a.State == gate.PolicyProposed {
		fmt.Fprintf(s.err, "next: somebody else looks at what it changes (sallyport policy diff %[1]d %[2]d, sallyport policy backtest %[2]d) and approves it (sallyport policy approve %[2]d) or rejects it\n", a.InForce, n)
	}
	return err
}

// text reads a rule file to be handed in.
func (a *policyAsk) text(file string) error {
	b, err := readBounded(file, maxRules)
	if err != nil {
		return err
	}
	a.File, a.Source = filepath.Base(file), string(b)
	return nil
}

// policyDraftCmd is `sallyport policy draft`.
type policyDraftCmd struct {
	policyAct
	File   string   `arg:"" help:"Rule file (YAML)." type:"existingfile"`
	Note   string   `help:"What it is for."`
	Editor []string `help:"Name of another person who worked on it, and so cannot approve it; may be repeated." sep:"none"`
}

// Run records the text as a new version, without any effect.
func (c *policyDraftCmd) Run(ctx context.Context, s *streams) error {
	ask := policyAsk{Note: c.Note, Editors: c.Editor}
	if err := ask.text(c.File); err != nil {
		return err
	}
	return c.do(ctx, s, opPolicyDraft, ask)
}

// policyProposeCmd is `sallyport policy propose`.
type policyProposeCmd struct {
	policyAct
	What   string   `arg:"" name:"file" help:"Rule file (YAML), or the number of a draft."`
	Note   string   `required:"" help:"What it is for: what the approver will read."`
	Editor []string `help:"Name of another person who worked on it, and so cannot approve it; may be repeated." sep:"none"`
}

// Run records the text as a new version and proposes it, or proposes a draft.
func (c *policyProposeCmd) Run(ctx context.Context, s *streams) error {
	ask := policyAsk{Note: c.Note, Editors: c.Editor}
	if n, err := strconv.Atoi(c.What); err == nil {
		if len(c.Editor) > 0 {
			return errors.New("editor: a draft names its editors when it is handed in")
		}
		ask.Number = n
	} else if err := ask.text(c.What); err != nil {
		return err
	}
	return c.do(ctx, s, opPolicyPropose, ask)
}

// policyApproveCmd is `sallyport policy approve`.
type policyApproveCmd struct {
	policyAct
	Number int    `arg:"" help:"Number of the version."`
	From   string `help:"When it takes effect: a day such as 2027-01-01, which begins at midnight by the site's clock, or an instant such as 2027-01-01T06:00:00+01:00; the default is at once." placeholder:"WHEN"`
	Note   string `help:"Anything to add."`
}

// Run approves the version. Nobody approves what they wrote or proposed.
func (c *policyApproveCmd) Run(ctx context.Context, s *streams) error {
	from, err := whenAt("--from", c.From, c.Data)
	if err != nil {
		return err
	}
	return c.do(ctx, s, opPolicyApprove, policyAsk{Number: c.Number, From: from, Note: c.Note})
}

// policyEndCmd is `sallyport policy reject` and `withdraw`.
type policyEndCmd struct {
	policyAct
	Number int    `arg:"" help:"Number of the version."`
	Why    string `required:"" help:"The reason."`
}

type policyRejectCmd struct{ policyEndCmd }

// Run ends a proposal.
func (c *policyRejectCmd) Run(ctx context.Context, s *streams) error {
	return c.do(ctx, s, opPolicyReject, policyAsk{Number: c.Number, Note: c.Why})
}

type policyWithdrawCmd struct{ policyEndCmd }

// Run takes a draft or a proposal back, or stops a version before it takes
// effect.
func (c *policyWithdrawCmd) Run(ctx context.Context, s *streams) error {
	return c.do(ctx, s, opPolicyWithdraw, policyAsk{Number: c.Number, Note: c.Why})
}

// policyRollbackCmd is `sallyport policy rollback`.
type policyRollbackCmd struct {
	policyAct
	Number int    `arg:"" help:"Number of the version whose text shall come back."`
	Note   string `required:"" help:"Why: what the approver will read."`
}

// Run proposes the text of an earlier version as a new one, which another person
// approves as any other.
func (c *policyRollbackCmd) Run(ctx context.Context, s *streams) error {
	return c.do(ctx, s, opPolicyRollback, policyAsk{Number: c.Number, Note: c.Note})
}

// policyVersionsCmd is `sallyport policy versions`.
type policyVersionsCmd struct {
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print one JSON object a line."`
}

// policyLine is a version and where it stands.
type policyLine struct {
	gate.PolicyVersion
	State gate.PolicyState `json:"state"`
}

// Run prints all versions, the newest last.
func (c *policyVersionsCmd) Run(ctx context.Context, s *streams) (err error) {
	store, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	versions, err := store.PolicyVersions(ctx)
	if err != nil {
		return err
	}
	now := asOf(s.now(), versions)
	if c.JSON {
		for _, v := range versions {
			if err := printJSON(s.out, policyLine{v, gate.StateAt(versions, v.Number, now)}); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "version\trules\tstate\tin force from\tauthor\tapproved by\tnote")
	for _, v := range versions {
		from, by := "", ""
		for _, k := range v.Steps {
			if k.Kind == gate.StepApproved {
				from, by = k.From.Format(time.RFC3339), k.By
				if by == gate.SetUp {
					by = "nobody"
				}
			}
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Number, v.ID, gate.StateAt(versions, v.Number, now), from, v.Author, by, oneLine(v.Note))
	}
	return w.Flush()
}

// asOf is the instant to ask for what holds now: not before the last record, as
// for the site itself.
func asOf(now time.Time, versions []gate.PolicyVersion) time.Time {
	for _, v := range versions {
		for _, k := range v.Steps {
			if k.At.After(now) {
				now = k.At
			}
		}
	}
	return now.UTC()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// policyShowCmd is `sallyport policy show`.
type policyShowCmd struct {
	Number int    `arg:"" help:"Number of the version."`
	Data   string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
	JSON   bool   `name:"json" help:"Print it as JSON, with its text."`
}

// Run prints the text of a version to standard output, and what was done with it
// to standard error.
func (c *policyShowCmd) Run(ctx context.Context, s *streams) (err error) {
	store, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	versions, err := store.PolicyVersions(ctx)
	if err != nil {
		return err
	}
	v, err := versionOf(ctx, store, c.Number)
	if err != nil {
		return err
	}
	state := gate.StateAt(versions, c.Number, asOf(s.now(), versions))
	if c.JSON {
		return printJSON(s.out, policyLine{v, state})
	}
	fmt.Fprintf(s.err, "version %d, %s, hash %s: %s\n", v.Number, v.ID, v.Hash, state)
	fmt.Fprintf(s.err, "%s  written by %s", v.At.Format(time.RFC3339), strings.Join(append([]string{v.Author}, v.Editors...), ", "))
	if v.Of != 0 {
		fmt.Fprintf(s.err, ", the text of version %d", v.Of)
	}
	fmt.Fprintf(s.err, ": %s\n", oneLine(v.Note))
	for _, k := range v.Steps {
		fmt.Fprintf(s.err, "%s  %s", k.At.Format(time.RFC3339), k.Kind)
		switch {
		case k.By == gate.SetUp:
			fmt.Fprint(s.err, " by nobody, at the set-up of the site")
		case k.By != "":
			fmt.Fprintf(s.err, " by %s", k.By)
		}
		if !k.From.IsZero() {
			fmt.Fprintf(s.err, ", from %s", k.From.Format(time.RFC3339))
		}
		if k.Note != "" {
			fmt.Fprintf(s.err, ": %s", oneLine(k.Note))
		}
		fmt.Fprintf(s.err, " (entry %d of the log)\n", k.Seq)
	}
	_, err = io.WriteString(s.out, v.Source)
	return err
}

// versionOf is one version of a site's rules, with its text.
func versionOf(ctx context.Context, store *sqlite.Reader, number int) (gate.PolicyVersion, error) {
	v, err := store.PolicyVersion(ctx, number)
	if errors.Is(err, gate.ErrNotFound) {
		err = fmt.Errorf("the site has no version %d of its rules: sallyport policy versions lists them", number)
	}
	return v, err
}

// recordedRules are the versions of a site's rules as it has recorded them,
// beside whatever runs it.
type recordedRules struct {
	store    *sqlite.Reader
	versions []gate.PolicyVersion
	loaded   map[int]*policy.Policy
}

func openRecordedRules(ctx context.Context, store *sqlite.Reader) (*recordedRules, error) {
	versions, err := store.PolicyVersions(ctx)
	if err != nil {
		return nil, err
	}
	return &recordedRules{store, versions, map[int]*policy.Policy{}}, nil
}

// at are the rules in force at an instant; before the first version those of the
// first. It is gate.ErrNotFound at a site that has none.
func (r *recordedRules) at(ctx context.Context, t time.Time) (*policy.Policy, error) {
	v, ok := gate.InForce(r.versions, t)
	if !ok {
		if len(r.versions) == 0 || r.versions[0].Author != gate.SetUp {
			return nil, fmt.Errorf("rules of the site: %w", gate.ErrNotFound)
		}
		v = r.versions[0]
	}
	if p, ok := r.loaded[v.Number]; ok {
		return p, nil
	}
	whole, err := r.store.PolicyVersion(ctx, v.Number)
	if err != nil {
		return nil, err
	}
	p, err := policy.Load(whole.File, []byte(whole.Source))
	if err != nil {
		return nil, fmt.Errorf("version %d cannot be read by this program: %w", v.Number, err)
	}
	r.loaded[v.Number] = p
	return p, nil
}

// asRecorded decides each request by the version in force at its instant and
// under the threat level of that instant, as the site's lanes would.
func (k inspectedSite) asRecorded(ctx context.Context, j *gate.Judge, decide func(*gate.Judge) assessor) (assessor, error) {
	rules, err := openRecordedRules(ctx, k.store)
	if err != nil {
		return nil, err
	}
	posture, err := k.posture(ctx, "")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, q gate.Request) (gate.Assessment, error) {
		p, err := rules.at(ctx, q.At)
		if err != nil && (!errors.Is(err, gate.ErrNotFound) || len(rules.versions) > 0) {
			return gate.Assessment{}, err
		}
		under := j
		if p != nil {
			under = j.Under(p)
		}
		q.Posture = posture(q.At)
		return decide(under)(ctx, q)
	}, nil
}
