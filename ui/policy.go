package ui

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/ui/view"
)

// textLimit bounds a form with a whole rule file in it.
const textLimit = 2 << 20

var policyRoutes = []route{
	{"GET", "/policy", forPeople, auth.SeePolicy, 0, (*Server).policy},
	{"GET", "/policy/versions", forPeople, auth.SeePolicyVersions, 0, (*Server).policyVersions},
	{"GET", "/policy/versions/:number", forPeople, auth.SeePolicyVersions, 0, (*Server).policyVersion},
	{"POST", "/policy/versions/:number", forPeople, auth.ProposePolicy, formLimit, (*Server).policyAct},
	{"POST", "/policy/versions/:number/trial", forPeople, auth.ProposePolicy, formLimit, (*Server).tryVersion},
	{"GET", "/policy/draft", forPeople, auth.ProposePolicy, 0, (*Server).policyDraft},
	{"POST", "/policy/draft", forPeople, auth.ProposePolicy, textLimit, (*Server).policyDraftAct},
	{"GET", "/policy/draft/rules/:rule", forPeople, auth.ProposePolicy, 0, (*Server).policyRule},
	{"POST", "/policy/draft/rules/:rule", forPeople, auth.ProposePolicy, textLimit, (*Server).policyRuleAct},
	{"GET", "/policy/draft/text", forPeople, auth.ProposePolicy, 0, (*Server).policyText},
	{"POST", "/policy/draft/text", forPeople, auth.ProposePolicy, textLimit, (*Server).policyTextAct},
	{"GET", "/policy/draft/examples", forPeople, auth.ProposePolicy, 0, (*Server).policyExamples},
	{"POST", "/policy/draft/examples", forPeople, auth.ProposePolicy, textLimit, (*Server).policyExamplesAct},
	{"POST", "/policy/draft/trial", forPeople, auth.ProposePolicy, formLimit, (*Server).tryDraft},
	{"GET", "/policy/trials/:trial", forPeople, auth.ProposePolicy, 0, (*Server).trial},
	{"POST", "/policy/trials/:trial/cancel", forPeople, auth.ProposePolicy, formLimit, (*Server).cancelTrial},
	{"GET", "/posture", forPeople, auth.SeePolicy, 0, (*Server).posture},
	{"POST", "/posture", forPeople, auth.RaisePosture, formLimit, (*Server).setPosture},
}

// RuleDesk is what people do with the site's rules. *gate.Policies is one.
type RuleDesk interface {
	Versions() []gate.PolicyVersion
	InForce(at time.Time) (gate.PolicyVersion, *policy.Policy, error)
	Submit(context.Context, gate.Person, gate.PolicyText) (gate.PolicyVersion, error)
	RollBack(ctx context.Context, who gate.Person, number int, note string) (gate.PolicyVersion, error)
	Propose(ctx context.Context, who gate.Person, number int, note string) error
	Approve(ctx context.Context, who gate.Person, number int, from time.Time, note string) error
	Reject(ctx context.Context, who gate.Person, number int, why string) error
	Withdraw(ctx context.Context, who gate.Person, number int, why string) error
}

// PostureDesk is what people do with the threat level. *gate.Postures is one.
type PostureDesk interface {
	At(time.Time) gate.PostureState
	Levels() []string
	Changes() []gate.PostureChange
	Set(context.Context, gate.Person, gate.PostureAsk) (gate.PostureChange, error)
}

// RuleCheck is what a check of a rule file found: all that keeps it from being
// proposed, and what somebody should know.
type RuleCheck struct {
	Policy   *policy.Policy  // nil where it does not read
	Problems policy.Problems // why it does not
	Faults   []policy.Fault
	Other    []error // what is wrong with it at this site
	Results  []policy.ExampleResult
	Unshown  []string // rules that no example shows
}

// RuleDraft is the text that somebody works on. It is nobody else's business.
type RuleDraft struct {
	Text  string
	Of    int    // the version that it began with; 0 is none
	Rev   int    // rises with every change
	Tab   string // of the page that wrote it last
	Saved time.Time
}

// RuleDrafts keeps one draft for each person. What was kept survives a restart.
// Its methods may be called concurrently.
type RuleDrafts interface {
	// Draft is a person's draft, or gate.ErrNotFound.
	Draft(ctx context.Context, userID string) (RuleDraft, error)
	// KeepDraft puts a draft in the place of the one with the revision was; 0 is
	// none. Where another stands there, it is gate.ErrStale.
	KeepDraft(ctx context.Context, userID string, d RuleDraft, was int) error
	DropDraft(ctx context.Context, userID string) error
}

// RuleStart is a text that a draft may begin with.
type RuleStart struct{ Name, Title, Text string }

// RuleTrial is a back-test, under way or done.
type RuleTrial struct {
	ID      string
	By      string
	Version int // 0: of a draft
	Policy  string
	Days    int

	Begun, Ended time.Time // Ended is zero while it is under way
	Done, Total  int
	Cancelled    bool
	Failed       string
	Report       *gate.BacktestReport
}

// RuleTrials back-tests rules beside the lanes, one at a time; another is
// gate.ErrBusy. Its methods may be called concurrently.
type RuleTrials interface {
	Start(ctx context.Context, by string, version int, p *policy.Policy, days int) (id string, err error)
	Trial(id string) (RuleTrial, bool)
	Cancel(id string)
	// Latest is the newest back-test of rules of that hash.
	Latest(hash string) (RuleTrial, bool)
}

// Rules is what a site offers whoever answers for its rules. All of it is set,
// or none.
type Rules struct {
	Desk   RuleDesk
	Now    func() time.Time // of the records
	Read   func(ctx context.Context, number int) (gate.PolicyVersion, error)
	Check  func(ctx context.Context, name string, src []byte) (RuleCheck, error)
	Starts func() []RuleStart
	Names  func() view.RuleNames
	Drafts RuleDrafts
	Trials RuleTrials

	Postures     PostureDesk
	PostureWords map[string]string // what each level means here
}

func (r *Rules) check() error {
	if r.Desk == nil {
		return nil
	}
	if r.Now == nil || r.Read == nil || r.Check == nil || r.Starts == nil || r.Names == nil || r.Drafts == nil || r.Trials == nil || r.Postures == nil {
		return errors.New("ui: what a site offers of its rules belongs together")
	}
	return nil
}

func (s *Server) rules() (*Rules, error) {
	if s.cfg.Rules.Desk == nil {
		return nil, refuse(http.StatusNotFound, "not-found", errors.New("this site keeps no versions of its rules"))
	}
	return &s.cfg.Rules, nil
}

// policy shows the rules in force.
func (s *Server) policy(k *call) error {
	b := s.base(k)
	doc, err := s.cfg.Policy(k.Request().Context(), b.Lang())
	if err != nil {
		return fmt.Errorf("read the policy in force: %w", err)
	}
	there := s.cfg.Rules.Desk != nil
	p := view.Policy{Base: b, ID: doc.ID, Hash: doc.Hash, Default: doc.Default, Rules: doc.Rules, Change: doc.Change,
		Edits: there && auth.May(k.role, auth.ProposePolicy), Histories: there && auth.May(k.role, auth.SeePolicyVersions)}
	if doc.Source == "" {
		return s.page(k, http.StatusOK, p)
	}
	f, err := policy.ReadForm([]byte(doc.Source))
	if err != nil {
		return fmt.Errorf("read the policy in force: %w", err)
	}
	for i, r := range view.NewRules(b, f) {
		if i < len(p.Rules) && p.Rules[i].ID == r.ID {
			p.Rules[i].When, p.Rules[i].On = r.When, r.On
		}
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) policyVersions(k *call) error {
	r, err := s.rules()
	if err != nil {
		return err
	}
	at := r.Now()
	p := view.PolicyVersions{Base: s.base(k), Edits: auth.May(k.role, auth.ProposePolicy)}
	versions := r.Desk.Versions()
	for _, v := range slices.Backward(versions) {
		p.Rows = append(p.Rows, view.NewVersionRow(v, gate.StateAt(versions, v.Number, at)))
	}
	return s.page(k, http.StatusOK, p)
}

// version is the version that the address names, with its text.
func (s *Server) version(k *call) (*Rules, gate.PolicyVersion, error) {
	r, err := s.rules()
	if err != nil {
		return nil, gate.PolicyVersion{}, err
	}
	n, err := strconv.Atoi(k.Param("number"))
	if err != nil || n < 1 {
		return nil, gate.PolicyVersion{}, refuse(http.StatusNotFound, "not-found", fmt.Errorf("no version %q", k.Param("number")))
	}
	v, err := r.Read(k.Request().Context(), n)
	if err != nil {
		return nil, v, fmt.Errorf("read version %d: %w", n, err)
	}
	return r, v, nil
}

func (s *Server) policyVersion(k *call) error {
	r, v, err := s.version(k)
	if err != nil {
		return err
	}
	p, err := s.versionPage(k, r, v)
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, p)
}

// usualDays is how far back a back-test looks unless somebody says otherwise.
const usualDays = 30

func (s *Server) versionPage(k *call, r *Rules, v gate.PolicyVersion) (view.PolicyVersion, error) {
	at, versions := r.Now(), r.Desk.Versions()
	state := gate.StateAt(versions, v.Number, at)
	b := s.base(k)
	b.Path = fmt.Sprintf("/policy/versions/%d", v.Number)
	p := view.PolicyVersion{Base: b, Row: view.NewVersionRow(v, state), Steps: view.NewVersionSteps(b, v), Text: v.Source, Days: usualDays,
		Drafts: auth.May(k.role, auth.ProposePolicy)}
	if f, err := policy.ReadForm([]byte(v.Source)); err == nil {
		p.Rules = view.NewRules(b, f)
	}
	own := slices.ContainsFunc(v.People(), func(n string) bool { return strings.EqualFold(n, k.user.Name) })
	approves, proposes := auth.May(k.role, auth.ApprovePolicy), auth.May(k.role, auth.ProposePolicy)
	offer := func(act string, when bool) {
		if when {
			p.Acts = append(p.Acts, act)
		}
	}
	open := state == gate.PolicyDraft || state == gate.PolicyProposed
	offer("propose", proposes && state == gate.PolicyDraft)
	offer("approve", approves && state == gate.PolicyProposed && !own)
	offer("withdraw", open && (proposes && own || approves) || approves && state == gate.PolicyScheduled)
	offer("rollback", proposes && state == gate.PolicySuperseded)
	p.Own = own && state == gate.PolicyProposed
	now, rules, err := r.Desk.InForce(at)
	if err != nil && !errors.Is(err, gate.ErrNotFound) {
		return p, fmt.Errorf("read the policy in force: %w", err)
	}
	mine, err := policy.Load(fmt.Sprintf("version %d", v.Number), []byte(v.Source))
	if err != nil {
		return p, fmt.Errorf("version %d: %w", v.Number, err)
	}
	if rules != nil && now.Number != v.Number {
		p.Against = now.Number
		p.Gate, p.Rest = view.NewPolicyDiffs(b, policy.Diff(rules, mine))
	}
	if open {
		found, err := r.Check(k.Request().Context(), v.ID, []byte(v.Source))
		if err != nil {
			return p, fmt.Errorf("check version %d: %w", v.Number, err)
		}
		c := s.checked(b, nil, found)
		for i := range c.Faults {
			c.Faults[i].Address = ""
		}
		p.Check = &c
	}
	if t, ok := r.Trials.Latest(mine.Hash()); ok && p.Drafts {
		p.Trial = s.trialView(k, t)
	}
	return p, nil
}

// policyAct does with a version what its page offers.
func (s *Server) policyAct(k *call) error {
	r, v, err := s.version(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, note, to := k.Request().Context(), k.FormValue("note"), v.Number
	switch do := k.FormValue("do"); do {
	case "propose":
		err = r.Desk.Propose(ctx, k.person(), v.Number, note)
	case "approve":
		var from time.Time
		if text := k.FormValue("from"); text != "" {
			if from, err = time.ParseInLocation("2006-01-02T15:04", text, s.cfg.Location); err != nil {
				return bad("bad-request", "from: %q is no instant", text)
			}
		}
		err = r.Desk.Approve(ctx, k.person(), v.Number, from, note)
	case "reject":
		err = r.Desk.Reject(ctx, k.person(), v.Number, note)
	case "withdraw":
		err = r.Desk.Withdraw(ctx, k.person(), v.Number, note)
	case "rollback":
		var back gate.PolicyVersion
		if back, err = r.Desk.RollBack(ctx, k.person(), v.Number, note); err == nil {
			to = back.Number
		}
	default:
		return bad("bad-request", "do: %q", do)
	}
	if err == nil {
		return k.Redirect(http.StatusSeeOther, fmt.Sprintf("/policy/versions/%d", to))
	}
	status, class := ruleRefusal(err)
	if class == "" {
		return err
	}
	if v, err = r.Read(ctx, v.Number); err != nil {
		return err
	}
	p, bad := s.versionPage(k, r, v)
	if bad != nil {
		return bad
	}
	p.Problem, p.Detail, p.Note, p.From = p.T("rules.refused."+class), ruleDetail(status, err), note, k.FormValue("from")
	return s.page(k, status, p)
}

// ruleRefusal is the class of what keeps an act on rules from being recorded,
// where a person can be told on the page; else it is empty.
func ruleRefusal(err error) (status int, class string) {
	var ps policy.Problems
	switch {
	case errors.Is(err, gate.ErrNotDecidedAgain):
		return http.StatusServiceUnavailable, "notagain"
	case errors.Is(err, gate.ErrSamePerson):
		return http.StatusConflict, "same"
	case errors.Is(err, gate.ErrOvertaken):
		return http.StatusConflict, "overtaken"
	case errors.Is(err, gate.ErrPast):
		return http.StatusBadRequest, "past"
	case errors.Is(err, gate.ErrNeedsReason):
		return http.StatusBadRequest, "reason"
	case errors.Is(err, gate.ErrForbidden):
		return http.StatusForbidden, "forbidden"
	case errors.Is(err, gate.ErrNotAllowed), errors.Is(err, gate.ErrExists), errors.Is(err, gate.ErrStale), errors.Is(err, gate.ErrBackdated):
		return http.StatusConflict, "state"
	case errors.As(err, &ps):
		return http.StatusBadRequest, "faults"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, gate.ErrNotFound):
		return http.StatusInternalServerError, ""
	}
	return http.StatusBadRequest, "faults"
}

// ruleDetail is what the program says itself, where it says more.
func ruleDetail(status int, err error) string {
	if status >= http.StatusInternalServerError {
		return ""
	}
	return err.Error()
}

// checked puts what a check found into words.
func (s *Server) checked(b view.Base, f *policy.Form, found RuleCheck) view.PolicyCheck {
	c := view.PolicyCheck{Read: found.Policy != nil, Unshown: found.Unshown}
	add := func(severity string, line, col int, rule, text, suggest string) {
		x := view.PolicyFault{Severity: severity, Line: line, Text: text, Suggest: suggest, Where: rule}
		if where, address := b.PolicyPlace(f, place(f, line, col)); where != "" || f == nil {
			if x.Address = address; where != "" {
				x.Where = where
			}
		}
		c.Faults = append(c.Faults, x)
	}
	for _, p := range found.Problems {
		add("error", p.Line, p.Column, "", p.Text, p.Suggest)
	}
	for _, p := range found.Faults {
		rule := ""
		if len(p.Rules) > 0 {
			rule = p.Rules[0]
		}
		add(string(p.Severity), p.Line, p.Column, rule, p.Text, p.Suggest)
	}
	for _, err := range found.Other {
		c.Faults = append(c.Faults, view.PolicyFault{Severity: "error", Text: err.Error()})
	}
	for i, r := range found.Results {
		x := view.PolicyCase{Index: i, Name: r.Example.Name, Why: r.Example.Why, Wants: r.Example.Expect.Outcome.String(), Rule: r.Example.Expect.Rule, Faults: r.Faults, Request: r.Example.Request != nil}
		if r.Err != nil {
			x.Faults = append([]string{r.Err.Error()}, x.Faults...)
		} else {
			x.Came, x.By = r.Verdict.Outcome.String(), policy.DefaultRule
			if len(r.Verdict.Reasons) > 0 {
				x.By = r.Verdict.Reasons[0].Rule
			}
		}
		c.Cases = append(c.Cases, x)
	}
	return c
}

func place(f *policy.Form, line, col int) policy.FormPlace {
	if f == nil {
		return policy.FormPlace{Rule: -1, Example: -1}
	}
	return f.Place(line, col)
}

// draft is the draft of whoever asks.
func (s *Server) draft(k *call) (*Rules, RuleDraft, error) {
	r, err := s.rules()
	if err != nil {
		return nil, RuleDraft{}, err
	}
	d, err := r.Drafts.Draft(k.Request().Context(), k.user.ID)
	if err != nil && !errors.Is(err, gate.ErrNotFound) {
		return nil, d, fmt.Errorf("read the draft: %w", err)
	}
	return r, d, err
}

// theDraft is draft, where there must be one: whoever has none is led to where
// one begins.
func (s *Server) theDraft(k *call) (*Rules, RuleDraft, bool, error) {
	r, d, err := s.draft(k)
	if errors.Is(err, gate.ErrNotFound) && r != nil {
		if k.Request().Header.Get("HX-Request") != "" {
			k.Response().Header().Set("HX-Redirect", "/policy/draft")
			return r, d, false, k.NoContent(http.StatusNoContent)
		}
		return r, d, false, k.Redirect(http.StatusSeeOther, "/policy/draft")
	}
	return r, d, err == nil, err
}

// keep keeps a changed text, unless another page has changed the draft since
// this one was opened.
func (s *Server) keep(k *call, r *Rules, d *RuleDraft, text []byte) error {
	rev, tab := k.FormValue("rev"), k.FormValue("tab")
	if rev != strconv.Itoa(d.Rev) && (tab == "" || tab != d.Tab) {
		return fmt.Errorf("revision %s of the draft, and it is %d: %w", rev, d.Rev, gate.ErrStale)
	}
	if string(text) == d.Text && tab == d.Tab {
		return nil
	}
	was := d.Rev
	next := *d
	next.Text, next.Rev, next.Tab, next.Saved = string(text), was+1, tab, s.cfg.Now()
	if err := r.Drafts.KeepDraft(k.Request().Context(), k.user.ID, next, was); err != nil {
		return fmt.Errorf("keep the draft: %w", err)
	}
	*d = next
	return nil
}

// staleDraft says whether a draft was changed elsewhere.
func staleDraft(err error) bool { return errors.Is(err, gate.ErrStale) }

func (s *Server) policyDraft(k *call) error {
	r, d, err := s.draft(k)
	if errors.Is(err, gate.ErrNotFound) && r != nil {
		return s.page(k, http.StatusOK, s.draftStart(k, r))
	}
	if err != nil {
		return err
	}
	p, err := s.draftPage(k, r, d)
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) draftStart(k *call, r *Rules) view.PolicyDraft {
	b := s.base(k)
	p := view.PolicyDraft{Base: b}
	at := r.Now()
	versions := r.Desk.Versions()
	now, _ := gate.InForce(versions, at)
	if now.Number > 0 {
		p.Starts = append(p.Starts, view.PolicyStart{Value: strconv.Itoa(now.Number), Label: b.T("draft.start.inforce", now.Number, now.ID)})
	}
	for _, v := range slices.Backward(versions) {
		if v.Number != now.Number {
			p.Starts = append(p.Starts, view.PolicyStart{Value: strconv.Itoa(v.Number), Label: b.T("draft.start.version", v.Number, v.ID)})
		}
	}
	for _, x := range r.Starts() {
		p.Starts = append(p.Starts, view.PolicyStart{Value: x.Name, Label: b.T("draft.start.pack", x.Title)})
	}
	return p
}

func (s *Server) draftPage(k *call, r *Rules, d RuleDraft) (view.PolicyDraft, error) {
	b := s.base(k)
	b.Path = "/policy/draft"
	p := view.PolicyDraft{Base: b, There: true, Of: d.Of, Saved: d.Saved, Rev: d.Rev, Tab: rand.Text(), Days: usualDays}
	found, err := r.Check(k.Request().Context(), "draft", []byte(d.Text))
	if err != nil {
		return p, fmt.Errorf("check the draft: %w", err)
	}
	if f, err := policy.ReadForm([]byte(d.Text)); err == nil {
		p.Form, p.Rules = f, view.NewRules(b, f)
		for _, role := range auth.Roles() {
			if auth.May(role, auth.ApprovePolicy) || slices.Contains(f.MayChange, string(role)) {
				p.Roles = append(p.Roles, view.Option{Value: string(role), Label: b.K("role.", role), Chosen: slices.Contains(f.MayChange, string(role))})
			}
		}
		wrong := func(line, col int, text string, grave bool) {
			if at := f.Place(line, col); at.Rule >= 0 {
				p.Rules[at.Rule].Wrong = append(p.Rules[at.Rule].Wrong, text)
				p.Rules[at.Rule].Grave = p.Rules[at.Rule].Grave || grave
			}
		}
		for _, x := range found.Problems {
			wrong(x.Line, x.Column, x.Text, true)
		}
		for _, x := range found.Faults {
			if x.Severity != policy.SeverityNote {
				wrong(x.Line, x.Column, x.Text, x.Severity == policy.SeverityError)
			}
		}
	}
	p.Check = s.checked(b, p.Form, found)
	now, rules, err := r.Desk.InForce(r.Now())
	if err != nil && !errors.Is(err, gate.ErrNotFound) {
		return p, fmt.Errorf("read the policy in force: %w", err)
	}
	if now.Number > d.Of && d.Of > 0 {
		p.Newest = now.Number
	}
	if found.Policy != nil && rules != nil {
		p.Against = now.Number
		p.Gate, p.Rest = view.NewPolicyDiffs(b, policy.Diff(rules, found.Policy))
	}
	if found.Policy != nil {
		if t, ok := r.Trials.Latest(found.Policy.Hash()); ok {
			p.Trial = s.trialView(k, t)
		}
	}
	return p, nil
}

// shown is what somebody typed, without what hides in it: a rule file holds no
// character that is not seen.
func shown(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s))
}

func shownAll(list []string) (out []string) {
	for _, v := range list {
		if v = shown(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// policyDraftAct begins a draft, changes it as a whole, or hands it in.
func (s *Server) policyDraftAct(k *call) error {
	r, d, err := s.draft(k)
	none := errors.Is(err, gate.ErrNotFound) && r != nil
	if err != nil && !none {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx := k.Request().Context()
	do, number, _ := strings.Cut(k.FormValue("do"), ":")
	if do == "start" {
		return s.startDraft(k, r, d, none)
	}
	if none {
		return k.Redirect(http.StatusSeeOther, "/policy/draft")
	}
	if do == "discard" {
		if err := r.Drafts.DropDraft(ctx, k.user.ID); err != nil {
			return fmt.Errorf("drop the draft: %w", err)
		}
		return k.Redirect(http.StatusSeeOther, "/policy/draft")
	}
	again := func(status int, problem, detail string, lost []string) error {
		p, err := s.draftPage(k, r, d)
		if err != nil {
			return err
		}
		p.Problem, p.Detail, p.Lost, p.Note = problem, detail, lost, k.FormValue("note")
		return s.page(k, status, p)
	}
	b := s.base(k)
	if do == "propose" {
		if k.FormValue("rev") != strconv.Itoa(d.Rev) {
			return again(http.StatusConflict, b.T("draft.stale"), "", nil)
		}
		v, err := r.Desk.Submit(ctx, k.person(), gate.PolicyText{File: "draft of " + k.user.Name, Source: d.Text, Note: k.FormValue("note")})
		if err != nil {
			status, class := ruleRefusal(err)
			if class == "" {
				return err
			}
			return again(status, b.T("rules.refused."+class), ruleDetail(status, err), nil)
		}
		if err := r.Drafts.DropDraft(ctx, k.user.ID); err != nil {
			return fmt.Errorf("drop the draft: %w", err)
		}
		return k.Redirect(http.StatusSeeOther, fmt.Sprintf("/policy/versions/%d", v.Number))
	}
	src, at := []byte(d.Text), 0
	if number != "" {
		if at, err = strconv.Atoi(number); err != nil {
			return bad("bad-request", "do: %q", k.FormValue("do"))
		}
	}
	var out []byte
	var lost []string
	to := "/policy/draft"
	switch do {
	case "up", "down":
		out, lost, err = policy.MoveRule(src, at, do == "down")
	case "remove":
		out, lost, err = policy.RemoveRule(src, at)
	case "add":
		f, bad := policy.ReadForm(src)
		if err = bad; bad == nil {
			out, lost, err = policy.AddRule(src, len(f.Rules)-1, newRule(f))
			to = fmt.Sprintf("/policy/draft/rules/%d", len(f.Rules))
		}
	case "head":
		f, bad := policy.ReadForm(src)
		if err = bad; bad == nil {
			headOf(k, f)
			out, lost, err = policy.EditHead(src, *f)
		}
	default:
		return bad("bad-request", "do: %q", do)
	}
	if err == nil {
		err = s.keep(k, r, &d, out)
	}
	switch {
	case staleDraft(err):
		return again(http.StatusConflict, b.T("draft.stale"), "", nil)
	case err != nil:
		return again(http.StatusBadRequest, b.T("draft.notwritten"), err.Error(), nil)
	case len(lost) > 0 && do != "remove":
		return again(http.StatusOK, "", "", lost)
	}
	return k.Redirect(http.StatusSeeOther, to)
}

// newRule is a rule that waits for its words.
func newRule(f *policy.Form) policy.FormRule {
	id := "new-rule"
	for n := 2; slices.ContainsFunc(f.Rules, func(r policy.FormRule) bool { return r.ID == id }); n++ {
		id = fmt.Sprintf("new-rule-%d", n)
	}
	return policy.FormRule{ID: id, Title: "New rule", Outcome: "flag", Instrument: policy.Instrument{Authority: "site", Title: "The site's own choice"},
		When: &policy.FormCond{Op: "all", Kids: []*policy.FormCond{{Op: "fact"}}}, Say: map[string]string{"en": "Ask the duty officer."}}
}

// headOf takes what a form says of the policy as a whole.
func headOf(k *call, f *policy.Form) {
	form := k.Request().PostForm
	for _, v := range [...]struct {
		name string
		to   *string
	}{{"policy", &f.ID}, {"version", &f.Version}, {"title", &f.Title}, {"default", &f.Default}} {
		*v.to = shown(form.Get(v.name))
	}
	f.MayChange = shownAll(form["may_change"])
	f.Parameters = nil
	for i, name := range form["param.name"] {
		if name = shown(name); name != "" {
			f.Parameters = append(f.Parameters, policy.FormParameter{Name: name, Value: shown(nth(form["param.value"], i)), Words: shown(nth(form["param.words"], i))})
		}
	}
	was := f.Conditions
	f.Conditions = nil
	for i, id := range form["cond.id"] {
		if id = shown(id); id == "" {
			continue
		}
		c := policy.FormWords{ID: id, Words: map[string]string{}}
		if i < len(was) { // languages that no column shows
			for l, w := range was[i].Words {
				c.Words[l] = w
			}
		}
		for key, list := range form {
			if l, ok := strings.CutPrefix(key, "cond."); ok && l != "id" {
				delete(c.Words, l)
				if w := strings.Join(strings.Fields(shown(nth(list, i))), " "); w != "" {
					c.Words[l] = w
				}
			}
		}
		f.Conditions = append(f.Conditions, c)
	}
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// startDraft begins a draft with the text of a version or of a pack. It puts none
// in the place of one that is there.
func (s *Server) startDraft(k *call, r *Rules, d RuleDraft, none bool) error {
	ctx, of := k.Request().Context(), k.FormValue("of")
	next := RuleDraft{Rev: 1, Saved: s.cfg.Now()}
	if !none {
		p, err := s.draftPage(k, r, d)
		if err != nil {
			return err
		}
		p.Problem = p.T("draft.there")
		return s.page(k, http.StatusConflict, p)
	}
	if n, err := strconv.Atoi(of); err == nil {
		v, err := r.Read(ctx, n)
		if err != nil {
			return fmt.Errorf("read version %d: %w", n, err)
		}
		next.Text, next.Of = v.Source, n
	} else {
		i := slices.IndexFunc(r.Starts(), func(x RuleStart) bool { return x.Name == of })
		if i < 0 {
			return bad("bad-request", "of: %q", of)
		}
		next.Text = r.Starts()[i].Text
	}
	if err := r.Drafts.KeepDraft(ctx, k.user.ID, next, 0); err != nil {
		return fmt.Errorf("keep the draft: %w", err)
	}
	return k.Redirect(http.StatusSeeOther, "/policy/draft")
}

// rulePage is the editor of one rule of the draft.
func (s *Server) rulePage(k *call, r *Rules, d RuleDraft, i int) (*view.PolicyRule, error) {
	b := s.base(k)
	b.Path = fmt.Sprintf("/policy/draft/rules/%d", i)
	f, err := policy.ReadForm([]byte(d.Text))
	if err != nil || i < 0 || i >= len(f.Rules) {
		return nil, refuse(http.StatusNotFound, "not-found", fmt.Errorf("rule %d of the draft: %w", i, errors.Join(err, gate.ErrNotFound)))
	}
	found, err := r.Check(k.Request().Context(), "draft", []byte(d.Text))
	if err != nil {
		return nil, fmt.Errorf("check the draft: %w", err)
	}
	p := &view.PolicyRule{Base: b, Index: i, Of: len(f.Rules), Rev: d.Rev, Tab: d.Tab, Rule: f.Rules[i], Form: f, Names: r.Names(), Problems: map[string][]string{}, Saved: d.Saved}
	lines := strings.Split(d.Text, "\n")
	p.YAML = strings.Join(lines[f.Rules[i].Line-1:min(f.Rules[i].Last, len(lines))], "\n")
	wrong := func(line, col int, text, suggest string) {
		if at := f.Place(line, col); at.Rule == i {
			if suggest != "" {
				text += "; " + suggest
			}
			p.Problems[at.Field] = append(p.Problems[at.Field], text)
		}
	}
	for _, x := range found.Problems {
		wrong(x.Line, x.Column, x.Text, x.Suggest)
	}
	for _, x := range found.Faults {
		if x.Severity != policy.SeverityNote {
			wrong(x.Line, x.Column, x.Text, x.Suggest)
		}
	}
	p.Check = s.checked(b, f, found)
	for _, x := range f.Rules {
		if x.WorkItem != "" && !slices.ContainsFunc(p.Names.WorkItems, func(o view.Option) bool { return o.Value == x.WorkItem }) {
			p.Names.WorkItems = append(p.Names.WorkItems, view.Option{Value: x.WorkItem, Label: x.WorkItem})
		}
	}
	return p, nil
}

func ruleIndex(k *call) (int, error) {
	i, err := strconv.Atoi(k.Param("rule"))
	if err != nil || i < 0 {
		return 0, refuse(http.StatusNotFound, "not-found", fmt.Errorf("no rule %q", k.Param("rule")))
	}
	return i, nil
}

func (s *Server) policyRule(k *call) error {
	r, d, ok, err := s.theDraft(k)
	if !ok {
		return err
	}
	i, err := ruleIndex(k)
	if err != nil {
		return err
	}
	p, err := s.rulePage(k, r, d, i)
	if err != nil {
		return err
	}
	p.Tab = rand.Text()
	return s.page(k, http.StatusOK, p)
}

// policyRuleAct takes one rule as the form has it. A form that is sent while
// somebody types gets back what changes beside it.
func (s *Server) policyRuleAct(k *call) error {
	r, d, ok, err := s.theDraft(k)
	if !ok {
		return err
	}
	i, err := ruleIndex(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	f, err := policy.ReadForm([]byte(d.Text))
	if err != nil || i >= len(f.Rules) {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("rule %d of the draft: %w", i, errors.Join(err, gate.ErrNotFound)))
	}
	do, path, _ := strings.Cut(k.FormValue("do"), ":")
	rule, anchor := ruleOf(k, f.Rules[i]), ""
	if rule.When != nil && path != "" {
		anchor = reshape(rule.When, do, path)
	}
	out, lost, err := policy.EditRule([]byte(d.Text), i, rule)
	if err == nil {
		err = s.keep(k, r, &d, out)
	}
	live := k.Request().Header.Get("HX-Request") != ""
	if err == nil && !live && len(lost) == 0 {
		to := fmt.Sprintf("/policy/draft/rules/%d%s", i, anchor)
		if do == "close" {
			to = "/policy/draft"
		}
		return k.Redirect(http.StatusSeeOther, to)
	}
	p, bad := s.rulePage(k, r, d, i)
	if bad != nil {
		return bad
	}
	p.Lost, p.Tab = lost, k.FormValue("tab")
	status := http.StatusOK
	switch {
	case staleDraft(err):
		status, p.Problem = http.StatusConflict, p.T("draft.stale")
	case err != nil:
		status, p.Problem, p.Detail = http.StatusBadRequest, p.T("draft.notwritten"), err.Error()
	}
	switch {
	case err != nil && live: // the page as it is now, which says so
		k.Response().Header().Set("HX-Refresh", "true")
		return k.NoContent(http.StatusOK)
	case err != nil || !live:
		return s.page(k, status, p)
	case k.FormValue("render") == "form":
		p.Whole = true
		return s.parts(k, p, "form", "typed")
	}
	return s.parts(k, p, "typed")
}

// parts sends parts of a page.
func (s *Server) parts(k *call, p view.Live, names ...string) error {
	var out bytes.Buffer
	for _, name := range names {
		b, err := s.pages.RenderRegion(p, name)
		if err != nil {
			return err
		}
		out.Write(b)
	}
	return k.HTMLBlob(http.StatusOK, out.Bytes())
}

// ruleOf is the rule as the form has it; what no field shows stays.
func ruleOf(k *call, was policy.FormRule) policy.FormRule {
	form := k.Request().PostForm
	r := was
	for _, v := range [...]struct {
		name string
		to   *string
	}{
		{"id", &r.ID}, {"title", &r.Title}, {"outcome", &r.Outcome}, {"presumption", &r.Presumption}, {"work_item", &r.WorkItem},
		{"instrument.id", &r.Instrument.ID}, {"instrument.authority", &r.Instrument.Authority}, {"instrument.title", &r.Instrument.Title},
		{"instrument.status", &r.Instrument.Status}, {"instrument.quote", &r.Instrument.Quote}, {"instrument.link", &r.Instrument.Link},
		{"instrument.date", &r.Instrument.Date}, {"instrument.from", &r.Instrument.From}, {"instrument.to", &r.Instrument.To},
		{"exemption.holder", &r.Exemption.Holder}, {"exemption.issuer", &r.Exemption.Issuer}, {"exemption.number", &r.Exemption.Number},
	} {
		if form.Has(v.name) {
			*v.to = strings.Join(strings.Fields(shown(form.Get(v.name))), " ")
		}
	}
	if form.Has("if_unknown") {
		u := shown(form.Get("if_unknown"))
		if was.IfUnknown == "" && u == "flag" { // as it is where nothing is written
			u = ""
		}
		if r.Outcome == "grant" {
			u = ""
		}
		r.IfUnknown = u
	}
	on := shownAll(form["applies_on"])
	if len(was.AppliesOn) == 0 && slices.Equal(on, []string{"entry"}) {
		on = nil
	}
	r.AppliesOn, r.Conditions, r.Lifts = on, inOrder(was.Conditions, shownAll(form["conditions"])), inOrder(was.Lifts, shownAll(form["lifts"]))
	if r.Outcome == "deny" && was.Outcome != "deny" { // which lifts nothing
		r.Lifts, r.Exemption = nil, policy.Exemption{}
	}
	r.Say = map[string]string{}
	for l, w := range was.Say {
		r.Say[l] = w
	}
	for key := range form {
		if l, ok := strings.CutPrefix(key, "say."); ok && len(l) <= 8 {
			r.Say[l] = strings.Join(strings.Fields(shown(form.Get(key))), " ")
		}
	}
	if form.Has("when.op") {
		r.When = condOf(form, "when", 0)
	}
	return r
}

// inOrder is a choice in the order in which it stands, new ones last.
func inOrder(was, is []string) (out []string) {
	for _, v := range was {
		if slices.Contains(is, v) {
			out = append(out, v)
		}
	}
	for _, v := range is {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// maxRows bounds the rows below one row of a form.
const maxRows = 200

// condOf is one row of a condition and those below it, as the form has them.
func condOf(form map[string][]string, path string, depth int) *policy.FormCond {
	get := func(part string) string { return shown(nth(form[path+"."+part], 0)) }
	c := &policy.FormCond{Op: get("op"), Text: strings.ReplaceAll(strings.TrimSpace(nth(form[path+".text"], 0)), "\r\n", "\n")}
	was := c.Op
	n, err := strconv.Atoi(get("kids"))
	if err != nil || depth > policy.FormDepth {
		n = 0
	}
	for i := range min(n, maxRows) {
		c.Kids = append(c.Kids, condOf(form, path+"."+strconv.Itoa(i), depth+1))
	}
	c.Fact, c.Test, c.Country, c.AtLeast = get("fact"), get("test"), strings.ToUpper(get("country")), get("at_least")
	values := form[path+".value"]
	if c.Test == "in" && len(values) == 1 {
		values = strings.Split(values[0], ",")
	}
	c.Values = shownAll(values)
	// What stands there tells what it was, and the word before it what it shall be.
	switch {
	case len(c.Kids) > 0:
		c.Fact, c.Test, c.Values, c.Text = "", "", nil, ""
		if !policy.ManyKids(was) && !policy.OneKid(was) {
			c.Op = "all"
			c.Become(was)
		} else if policy.OneKid(was) && len(c.Kids) > 1 {
			c.Kids = []*policy.FormCond{{Op: "all", Kids: c.Kids}}
		}
	case policy.ManyKids(was) || policy.OneKid(was):
		if c.Fact == "" && c.Test == "" && policy.ManyKids(was) && !hasPart(form, path, "fact") {
			c.Kids = []*policy.FormCond{{Op: "fact"}}
			break
		}
		c.Op = "fact"
		if c.Test == "" && c.Fact != "" && !hasPart(form, path, "test") {
			c.Op = "known"
		}
		c.Become(was)
	case was == "fact":
		c.Text = ""
		c.Fits()
	case was == "known" || was == "unknown":
		c.Test, c.Values, c.Country, c.AtLeast, c.Text = "", nil, "", "", ""
	}
	if len(c.Kids) > 0 {
		c.Fact, c.Test, c.Values, c.Country, c.AtLeast, c.Text = "", "", nil, "", "", ""
	}
	if c.Op != "yaml" {
		c.Text = ""
	}
	if c.Test != "in" && len(c.Values) == 0 && c.Op == "fact" && c.Test != "" && policy.ValueKind(c.Fact, c.Test) != "share" {
		c.Values = []string{""}
	}
	return c
}

func hasPart(form map[string][]string, path, part string) bool { return form[path+"."+part] != nil }

// reshape adds a row to a condition or takes one away, and says where to look.
func reshape(top *policy.FormCond, do, path string) string {
	c, parent, at := top, (*policy.FormCond)(nil), 0
	for _, step := range strings.Split(path, ".")[1:] {
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(c.Kids) {
			return ""
		}
		parent, at, c = c, i, c.Kids[i]
	}
	switch do {
	case "row":
		if policy.ManyKids(c.Op) {
			c.Kids = append(c.Kids, &policy.FormCond{Op: "fact"})
		}
	case "group":
		if policy.ManyKids(c.Op) {
			op := "any"
			if c.Op == "any" {
				op = "all"
			}
			c.Kids = append(c.Kids, &policy.FormCond{Op: op, Kids: []*policy.FormCond{{Op: "fact"}}})
		}
	case "drop":
		if parent != nil && policy.ManyKids(parent.Op) {
			parent.Kids = slices.Delete(parent.Kids, at, at+1)
			if len(parent.Kids) == 0 {
				parent.Kids = []*policy.FormCond{{Op: "fact"}}
			}
			path = path[:strings.LastIndexByte(path, '.')]
		}
	default:
		return ""
	}
	return "#c-c-" + strings.ReplaceAll(path, ".", "-") + "-row"
}

func (s *Server) textPage(k *call, r *Rules, d RuleDraft) (*view.PolicyText, error) {
	b := s.base(k)
	b.Path = "/policy/draft/text"
	found, err := r.Check(k.Request().Context(), "draft", []byte(d.Text))
	if err != nil {
		return nil, fmt.Errorf("check the draft: %w", err)
	}
	f, err := policy.ReadForm([]byte(d.Text))
	if err != nil {
		f = nil
	}
	p := &view.PolicyText{Base: b, Text: d.Text, Rev: d.Rev, Tab: d.Tab, Saved: d.Saved}
	p.Check = s.checked(b, f, found)
	return p, nil
}

func (s *Server) policyText(k *call) error {
	r, d, ok, err := s.theDraft(k)
	if !ok {
		return err
	}
	p, err := s.textPage(k, r, d)
	if err != nil {
		return err
	}
	p.Tab = rand.Text()
	return s.page(k, http.StatusOK, p)
}

func (s *Server) policyTextAct(k *call) error {
	r, d, ok, err := s.theDraft(k)
	if !ok {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	text := []byte(strings.ReplaceAll(k.FormValue("text"), "\r\n", "\n"))
	if k.FormValue("do") == "format" {
		if laid, err := policy.Format(text); err == nil {
			text = laid
		}
	}
	live := k.Request().Header.Get("HX-Request") != ""
	err = s.keep(k, r, &d, text)
	switch {
	case staleDraft(err) && live:
		k.Response().Header().Set("HX-Refresh", "true")
		return k.NoContent(http.StatusOK)
	case err != nil && !staleDraft(err):
		return err
	case err == nil && !live:
		return k.Redirect(http.StatusSeeOther, "/policy/draft/text")
	}
	p, bad := s.textPage(k, r, d)
	if bad != nil {
		return bad
	}
	if err != nil {
		p.Problem, p.Tab = p.T("draft.stale"), rand.Text()
		return s.page(k, http.StatusConflict, p)
	}
	return s.parts(k, p, "typed")
}

// caseRows is how many rows a new case offers at first.
const caseRows = 5

func (s *Server) examplesPage(k *call, r *Rules, d RuleDraft, c policy.FormCase) (view.PolicyExamples, RuleCheck, error) {
	b := s.base(k)
	b.Path = "/policy/draft/examples"
	p := view.PolicyExamples{Base: b, Rev: d.Rev, Tab: rand.Text(), New: c, Names: r.Names(), Request: map[string]string{}}
	found, err := r.Check(k.Request().Context(), "draft", []byte(d.Text))
	if err != nil {
		return p, found, fmt.Errorf("check the draft: %w", err)
	}
	f, err := policy.ReadForm([]byte(d.Text))
	if err != nil {
		f = &policy.Form{}
	}
	p.Check = s.checked(b, f, found)
	if len(p.Check.Cases) != len(f.Examples) { // they did not run
		p.Check.Cases = nil
		for i, x := range f.Examples {
			p.Check.Cases = append(p.Check.Cases, view.PolicyCase{Index: i, Name: x.Name, Why: x.Why, Wants: x.Outcome, Rule: x.Rule})
		}
	}
	for i := range p.Check.Cases {
		p.Check.Cases[i].Text = f.Examples[i].Text
	}
	for _, x := range f.Rules {
		p.Rules = append(p.Rules, view.Option{Value: x.ID, Label: x.ID, Chosen: x.ID == c.Rule || c.Rule == "" && len(found.Unshown) > 0 && found.Unshown[0] == x.ID})
	}
	p.Rules = append(p.Rules, view.Option{Value: policy.DefaultRule, Label: b.T("policy.default"), Chosen: c.Rule == policy.DefaultRule})
	rows := c.Facts
	for len(rows) < caseRows {
		rows = append(rows, policy.FormFact{})
	}
	for _, x := range rows {
		p.Facts = append(p.Facts, view.NewCaseFact(b, x))
	}
	p.Told = slices.Clone(c.Told)
	for len(p.Told) < 2 {
		p.Told = append(p.Told, policy.FormTold{Asks: "controlled_from", Answer: "true"})
	}
	for _, x := range c.Request {
		p.Request[x.Fact] = x.Value
	}
	return p, found, nil
}

func (s *Server) policyExamples(k *call) error {
	r, d, ok, err := s.theDraft(k)
	if !ok {
		return err
	}
	p, _, err := s.examplesPage(k, r, d, policy.FormCase{})
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, p)
}

// caseOf is the case that somebody put together.
func caseOf(k *call, at time.Time) policy.FormCase {
	form := k.Request().PostForm
	line := func(name string) string { return strings.Join(strings.Fields(shown(form.Get(name))), " ") }
	c := policy.FormCase{Name: line("name"), Why: line("why"), Moment: line("moment"), Outcome: line("outcome"), Rule: line("rule")}
	if c.Moment == "entry" {
		c.Moment = ""
	}
	if vin := line("req.vin"); vin != "" {
		for _, f := range [...]string{"vin", "class", "zone", "market"} {
			if v := line("req." + f); v != "" {
				c.Request = append(c.Request, policy.FormFact{Fact: f, Value: v})
			}
		}
		c.Request = append(c.Request, policy.FormFact{Fact: "at", Value: at.UTC().Truncate(time.Second).Format(time.RFC3339)})
		return c
	}
	for i, fact := range form["fact"] {
		if fact = shown(fact); fact != "" && i < maxRows {
			c.Facts = append(c.Facts, policy.FormFact{Fact: fact, Value: strings.Join(strings.Fields(shown(nth(form["value"], i))), " ")})
		}
	}
	for i, party := range form["told.party"] {
		if party = shown(party); party != "" && i < maxRows {
			c.Told = append(c.Told, policy.FormTold{Party: party, Asks: shown(nth(form["told.asks"], i)), Arg: shown(nth(form["told.arg"], i)), Answer: shown(nth(form["told.answer"], i))})
		}
	}
	return c
}

// dated is a case that says when it is, as every case must.
func dated(c policy.FormCase, at time.Time) policy.FormCase {
	if len(c.Request) == 0 {
		c.Facts = append([]policy.FormFact{{Fact: "at", Value: at.UTC().Format(time.DateOnly)}}, c.Facts...)
	}
	return c
}

func (s *Server) policyExamplesAct(k *call) error {
	r, d, ok, err := s.theDraft(k)
	if !ok {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ctx, at := k.Request().Context(), s.cfg.Now()
	c := policy.FormCase{}
	var out []byte
	var lost []string
	do := k.FormValue("do")
	switch do {
	case "edit", "remove":
		i, bad := strconv.Atoi(k.FormValue("i"))
		if bad != nil {
			i = -1
		}
		text := k.FormValue("text")
		if do == "remove" {
			text = ""
		}
		out, lost, err = policy.EditExample([]byte(d.Text), i, text)
	case "add", "try", "more":
		c = caseOf(k, at)
		if do == "add" {
			out, lost, err = policy.AddExample([]byte(d.Text), dated(c, at))
		}
	default:
		return bad("bad-request", "do: %q", do)
	}
	wrong := err
	if wrong == nil && out != nil {
		wrong = s.keep(k, r, &d, out)
	}
	if wrong == nil && out != nil && len(lost) == 0 {
		return k.Redirect(http.StatusSeeOther, "/policy/draft/examples")
	}
	if do == "more" {
		for range caseRows {
			c.Facts = append(c.Facts, policy.FormFact{})
		}
	}
	p, _, err := s.examplesPage(k, r, d, c)
	if err != nil {
		return err
	}
	p.Lost = lost
	switch {
	case staleDraft(wrong):
		p.Problem = p.T("draft.stale")
		return s.page(k, http.StatusConflict, p)
	case wrong != nil:
		p.Problem, p.Detail = p.T("draft.notwritten"), wrong.Error()
		return s.page(k, http.StatusBadRequest, p)
	case do == "try":
		c.Name = "what is tried"
		if p.Came, p.CameBy, p.Because, err = s.tryCase(ctx, r, d, dated(c, at)); err != nil {
			p.Problem, p.Detail = p.T("examples.untried"), err.Error()
		}
	}
	return s.page(k, http.StatusOK, p)
}

// tryCase is what the draft makes of a case.
func (s *Server) tryCase(ctx context.Context, r *Rules, d RuleDraft, c policy.FormCase) (outcome, rule, because string, err error) {
	if c.Rule == "" {
		c.Rule = policy.DefaultRule
	}
	out, _, err := policy.AddExample([]byte(d.Text), c)
	if err != nil {
		return "", "", "", err
	}
	found, err := r.Check(ctx, "draft", out)
	switch {
	case err != nil:
		return "", "", "", err
	case len(found.Problems) > 0:
		return "", "", "", found.Problems
	case len(found.Results) == 0:
		return "", "", "", errors.New("the examples cannot run")
	}
	last := found.Results[len(found.Results)-1]
	if last.Err != nil {
		return "", "", "", last.Err
	}
	rule = policy.DefaultRule
	if rs := last.Verdict.Reasons; len(rs) > 0 {
		rule, because = rs[0].Rule, rs[0].Because
	}
	return last.Verdict.Outcome.String(), rule, because, nil
}

// mostDays is how far back a back-test may look.
const mostDays = 3650

// beginTrial begins a back-test and leads to its page.
func (s *Server) beginTrial(k *call, r *Rules, version int, p *policy.Policy) error {
	days, err := strconv.Atoi(k.FormValue("days"))
	if err != nil || days < 1 || days > mostDays {
		return bad("bad-request", "days: %q is none of 1 to %d", k.FormValue("days"), mostDays)
	}
	id, err := r.Trials.Start(k.Request().Context(), k.user.Name, version, p, days)
	if err != nil {
		return fmt.Errorf("begin a back-test: %w", err)
	}
	return k.Redirect(http.StatusSeeOther, "/policy/trials/"+id)
}

func (s *Server) tryVersion(k *call) error {
	r, v, err := s.version(k)
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	p, err := policy.Load(fmt.Sprintf("version %d", v.Number), []byte(v.Source))
	if err != nil {
		return fmt.Errorf("version %d: %w", v.Number, err)
	}
	return s.beginTrial(k, r, v.Number, p)
}

func (s *Server) tryDraft(k *call) error {
	r, d, ok, err := s.theDraft(k)
	if !ok {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	p, err := policy.Load("draft", []byte(d.Text))
	if err != nil {
		return refuse(http.StatusConflict, "not-allowed", err)
	}
	return s.beginTrial(k, r, 0, p)
}

func (s *Server) trialView(k *call, t RuleTrial) *view.Trial {
	return &view.Trial{Base: s.base(k), ID: t.ID, By: t.By, Policy: t.Policy, Version: t.Version, Days: t.Days, Begun: t.Begun, Ended: t.Ended,
		Done: t.Done, Total: t.Total, Cancelled: t.Cancelled, Failed: t.Failed, Report: t.Report, MayOpen: auth.May(k.role, auth.SeePassages)}
}

func (s *Server) trial(k *call) error {
	r, err := s.rules()
	if err != nil {
		return err
	}
	t, ok := r.Trials.Trial(k.Param("trial"))
	if !ok {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("no back-test %q", k.Param("trial")))
	}
	p := s.trialView(k, t)
	if k.Request().Header.Get("HX-Request") != "" {
		return s.parts(k, p, "trial")
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) cancelTrial(k *call) error {
	r, err := s.rules()
	if err != nil {
		return err
	}
	t, ok := r.Trials.Trial(k.Param("trial"))
	if !ok {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("no back-test %q", k.Param("trial")))
	}
	r.Trials.Cancel(t.ID)
	return k.Redirect(http.StatusSeeOther, "/policy/trials/"+t.ID)
}

func (s *Server) posture(k *call) error {
	r, err := s.rules()
	if err != nil {
		return err
	}
	p, err := s.posturePage(k, r)
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) posturePage(k *call, r *Rules) (view.Posture, error) {
	ctx, at := k.Request().Context(), r.Now()
	b := s.base(k)
	b.Path = "/posture"
	state := r.Postures.At(at)
	p := view.Posture{Base: b, Level: state.Level, State: state, Sets: auth.May(k.role, auth.RaisePosture), Lowers: auth.May(k.role, auth.SetPosture)}
	levels := r.Postures.Levels()
	here := slices.Index(levels, state.Level)
	for i, l := range levels {
		p.Levels = append(p.Levels, view.PostureLevel{Name: l, Words: r.PostureWords[l], Here: i == here, Higher: i > here, Less: i < here})
	}
	if auth.May(k.role, auth.SeePolicyVersions) {
		p.History = r.Postures.Changes()
		slices.Reverse(p.History)
	}
	if auth.May(k.role, auth.SeeLane) {
		for _, l := range s.cfg.Lanes.Lanes() {
			if l.Passage == nil {
				continue
			}
			line := view.PostureLine{Lane: string(l.Lane), Name: l.Name, Waits: l.State == gate.Waiting}
			v := l.Passage.Result.Vehicle
			line.Vehicle = strings.TrimSpace(v.Make + " " + v.Model)
			decided := l.Passage.Result.Verdict
			line.Now, line.Rule = decided.Outcome.String(), policy.DefaultRule
			if len(decided.Reasons) > 0 {
				line.Rule = decided.Reasons[0].Rule
			}
			rec, err := s.cfg.Store.Passage(ctx, l.Passage.ID)
			if err != nil && !errors.Is(err, gate.ErrNotFound) {
				return p, fmt.Errorf("read the passage at lane %s: %w", l.Lane, err)
			}
			before := rec.Passage.Result.Verdict.Outcome
			for _, again := range rec.Reassessments {
				if again.Because == "posture" {
					line.Before, line.At = before.String(), again.At
				}
				before = again.Result.Verdict.Outcome
			}
			p.Lines = append(p.Lines, line)
		}
	}
	v, _, err := r.Desk.InForce(at)
	if err != nil {
		return p, fmt.Errorf("read the policy in force: %w", err)
	}
	if v, err = r.Read(ctx, v.Number); err != nil {
		return p, fmt.Errorf("read the policy in force: %w", err)
	}
	if f, err := policy.ReadForm([]byte(v.Source)); err == nil {
		for _, x := range f.Rules {
			if view.LooksAt(x.When, "site.posture") {
				p.Rules = append(p.Rules, view.PostureRule{ID: x.ID, Title: x.Title, Outcome: x.Outcome, When: view.NewRuleCond(b, x.When)})
			}
		}
	}
	return p, nil
}

func (s *Server) setPosture(k *call) error {
	r, err := s.rules()
	if err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	ask := gate.PostureAsk{Level: k.FormValue("level"), Why: k.FormValue("why")}
	hours := strings.TrimSpace(k.FormValue("hours"))
	if hours != "" {
		n, err := strconv.Atoi(hours)
		if err != nil || n < 1 || n > 8760 {
			return bad("bad-request", "hours: %q is none of 1 to 8760", hours)
		}
		ask.Until, ask.Then = r.Now().Add(time.Duration(n)*time.Hour), k.FormValue("then")
	}
	_, err = r.Postures.Set(k.Request().Context(), k.person(), ask)
	if err == nil {
		return k.Redirect(http.StatusSeeOther, "/posture")
	}
	status, class := ruleRefusal(err)
	if class == "" {
		return err
	}
	if class == "faults" {
		class = "posture"
	}
	p, bad := s.posturePage(k, r)
	if bad != nil {
		return bad
	}
	p.Problem, p.Detail, p.Ask, p.Hours = p.T("rules.refused."+class), ruleDetail(status, err), ask, hours
	return s.page(k, status, p)
}
