package bench

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"sallyport/policy"
)

// engines are the rules compiled four times.
type engines struct {
	own   *policy.Policy
	cel   *CEL
	cedar *Cedar
	opa   *OPA
}

func compile(t testing.TB, rules []Rule) engines {
	t.Helper()
	own, err := Own(rules)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCEL(rules)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewCedar(rules)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOPA(context.Background(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return engines{own, c, d, o}
}

func parsed(t testing.TB, input map[string]any) ast.Value {
	t.Helper()
	v, err := ast.InterfaceToValue(input)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The same rules are true in all four engines, on 1,000 random arrivals, and
// every rule is true and false at least once among them.
func TestSame(t *testing.T) {
	rules := Rules()
	if len(rules) != 60 {
		t.Fatalf("%d rules", len(rules))
	}
	e := compile(t, rules)
	r := rand.New(rand.NewPCG(1, 2))
	matched := map[string]int{}
	all := 0
	for n := range 1000 {
		f := Random(r)
		if n == 0 {
			f = Typical()
		}
		facts, supply := f.Native()
		var fs policy.Findings
		e.own.Find(facts, supply, &fs)
		want := OwnMatches(&fs)
		if fs.Len() != len(want) {
			t.Fatalf("a rule is open although everything is known: %+v", f)
		}
		c, err := e.cel.Eval(&f, nil)
		if err != nil {
			t.Fatal(err)
		}
		decision, diag := e.cedar.Eval(f.Record())
		if len(diag.Errors) > 0 {
			t.Fatal(diag.Errors)
		}
		var d []string
		for _, reason := range diag.Reasons {
			d = append(d, string(reason.PolicyID))
		}
		slices.Sort(d)
		if decision != types.Deny {
			t.Fatalf("cedar grants without a permit: %+v", f)
		}
		o, err := e.opa.Eval(t.Context(), parsed(t, f.Map()))
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string][]string{"cel": c, "cedar": d, "opa": o} {
			if !slices.Equal(want, got) {
				t.Fatalf("%s: %v, ours %v: %+v", name, got, want, f)
			}
		}
		for _, id := range want {
			matched[id]++
		}
		all += len(want)
	}
	for _, rule := range rules {
		if n := matched[rule.ID]; n == 0 || n == 1000 {
			t.Errorf("%s is true in %d of 1,000", rule.ID, n)
		}
	}
	t.Logf("the same matches on 1,000 arrivals, %.2f of 60 rules a time", float64(all)/1000)
}

// What each engine makes of a denial whose fact is missing: the class of the
// vehicle is not known, everything else is.
func TestMissingField(t *testing.T) {
	rules := []Rule{Rules()[9]} // catalogue older than so many days, restricted zone, class private
	e := compile(t, rules)
	f := Typical()
	f.CatalogueAge = 100
	facts, supply := f.Native()
	if got := e.own.Decide(facts, supply); got != policy.Deny {
		t.Fatalf("with the class known: %s", got)
	}

	facts.Registration.Class = policy.Leaf[policy.Class]{}
	v := e.own.Evaluate(facts, supply)
	if v.Outcome != policy.Flag || !v.Reasons[0].Open || v.Open[0].Fact != "registration.class" {
		t.Errorf("ours: %+v", v)
	}
	t.Logf("ours: %s, open, asks for %s", v.Outcome, v.Open[0].Fact)

	// A field of a struct is never missing: it reads as its zero value.
	blank := f
	blank.Class = ""
	if got, err := e.cel.Eval(&blank, nil); err != nil || len(got) != 0 {
		t.Errorf("cel, struct: %v, %v", got, err)
	}
	t.Log("cel-go over structs: not denied, no error: a field that is not set reads as \"\"")
	env, err := cel.NewEnv(cel.Variable("f", cel.MapType(cel.StringType, cel.DynType)))
	if err != nil {
		t.Fatal(err)
	}
	tree, issues := env.Compile(rules[0].CEL)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	p, err := env.Program(tree)
	if err != nil {
		t.Fatal(err)
	}
	input := f.Map()
	delete(input, "Class")
	_, _, err = p.Eval(map[string]any{"f": input})
	if err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("cel, map: %v", err)
	}
	t.Logf("cel-go over maps: an error for the caller to judge: %v", err)

	record := maps.Collect(f.Record().All())
	delete(record, "Class")
	var permit cedar.Policy
	if err := permit.UnmarshalCedar([]byte("permit (principal, action, resource);")); err != nil {
		t.Fatal(err)
	}
	e.cedar.set.Add("permit", &permit)
	decision, diag := e.cedar.Eval(types.NewRecord(record))
	if decision != types.Allow || len(diag.Errors) != 1 {
		t.Errorf("cedar: %v, %+v", decision, diag)
	}
	t.Logf("cedar-go, beside a permit: %s, and an error in the diagnostic: %v", decision, diag.Errors)

	got, err := e.opa.Eval(t.Context(), parsed(t, input))
	if err != nil || len(got) != 0 {
		t.Errorf("opa: %v, %v", got, err)
	}
	t.Log("OPA: not denied, no error: what is undefined is not true")
}

// The kinds of rules are written four times by hand: each of the texts says
// something of its own.
func TestRulesDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, r := range Rules() {
		for _, text := range []string{r.YAML, r.CEL, r.Cedar, r.Rego + r.Or} {
			if was, ok := seen[text]; ok {
				t.Errorf("%s and %s say the same: %s", was, r.ID, text)
			}
			seen[text] = r.ID
		}
	}
	if d := cmp.Diff(240, len(seen)); d != "" {
		t.Error(d)
	}
}

// processor reports, beside the time by the clock, that of the processor, the
// collector's included: on a machine that others use too the clock says little.
func processor(b *testing.B, do func()) {
	b.ReportAllocs()
	began := used(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64(used(b)-began)/float64(b.N), "cpu-ns/op")
}

func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkSixtyRules(b *testing.B) {
	e := compile(b, Rules())
	f := Typical()
	facts, supply := f.Native()
	record, input := f.Record(), parsed(b, f.Map())
	var fs policy.Findings
	var to []string
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, of := range []struct {
		name string
		do   func()
	}{
		{"ours, outcome", func() { e.own.Decide(facts, supply) }},
		{"ours, all reasons", func() { e.own.Find(facts, supply, &fs) }},
		{"cel-go, structs", func() {
			_, err := e.cel.Eval(&f, to[:0])
			must(err)
		}},
		{"cedar-go, record at hand", func() { e.cedar.Eval(record) }},
		{"cedar-go, with conversion", func() { e.cedar.Eval(f.Record()) }},
		{"OPA, input parsed", func() {
			_, err := e.opa.Eval(b.Context(), input)
			must(err)
		}},
		{"OPA, with conversion", func() {
			_, err := e.opa.Eval(b.Context(), parsed(b, f.Map()))
			must(err)
		}},
	} {
		b.Run(of.name, func(b *testing.B) { processor(b, of.do) })
	}
}

// BenchmarkCompile is from the text of sixty rules to what can be evaluated.
func BenchmarkCompile(b *testing.B) {
	rules := Rules()
	for _, of := range []struct {
		name string
		do   func() error
	}{
		{"ours", func() error { _, err := Own(rules); return err }},
		{"cel-go", func() error { _, err := NewCEL(rules); return err }},
		{"cedar-go", func() error { _, err := NewCedar(rules); return err }},
		{"OPA", func() error { _, err := NewOPA(b.Context(), rules); return err }},
	} {
		b.Run(of.name, func(b *testing.B) {
			processor(b, func() {
				if err := of.do(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
