package bench

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"sallyport/policy"
)

// Own compiles the rules for package policy.
func Own(rules []Rule) (*policy.Policy, error) {
	var b strings.Builder
	b.WriteString("policy: bench\nversion: \"1\"\ntitle: Comparison\nstatus: in force\ndefault: flag\nmay_change: [security-manager]\nrules:\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "  - id: %s\n    title: Rule\n    outcome: deny\n    instrument: {authority: site, title: comparison}\n", r.ID)
		if strings.Contains(r.YAML, "any_known_module") {
			b.WriteString("    presumption: The comparison's choice.\n")
		}
		fmt.Fprintf(&b, "    when: %s\n    say: {en: No.}\n", r.YAML)
	}
	return policy.Load("bench", []byte(b.String()))
}

// OwnMatches are the rules that are true.
func OwnMatches(fs *policy.Findings) []string {
	var out []string
	for i := range fs.Len() {
		if f := fs.At(i); !f.Open {
			out = append(out, f.Rule)
		}
	}
	slices.Sort(out)
	return out
}

// CEL is the rules as programs of cel-go over native structs.
type CEL struct {
	ids      []string
	programs []cel.Program
	vars     map[string]any
}

// NewCEL compiles the rules.
func NewCEL(rules []Rule) (*CEL, error) {
	env, err := cel.NewEnv(ext.NativeTypes(reflect.TypeFor[*Facts]()), cel.Variable("f", cel.ObjectType("bench.Facts")))
	if err != nil {
		return nil, err
	}
	c := &CEL{vars: map[string]any{}}
	for _, r := range rules {
		tree, issues := env.Compile(r.CEL)
		if issues.Err() != nil {
			return nil, fmt.Errorf("%s: %w", r.ID, issues.Err())
		}
		p, err := env.Program(tree, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.ID, err)
		}
		c.ids, c.programs = append(c.ids, r.ID), append(c.programs, p)
	}
	return c, nil
}

// Eval appends the rules that are true.
func (c *CEL) Eval(f *Facts, to []string) ([]string, error) {
	c.vars["f"] = f
	for i, p := range c.programs {
		v, _, err := p.Eval(c.vars)
		if err != nil {
			return to, fmt.Errorf("%s: %w", c.ids[i], err)
		}
		if v.Value() == true {
			to = append(to, c.ids[i])
		}
	}
	return to, nil
}

// Cedar is the rules as policies of cedar-go, each a forbid.
type Cedar struct{ set *cedar.PolicySet }

// NewCedar compiles the rules.
func NewCedar(rules []Rule) (*Cedar, error) {
	c := &Cedar{set: cedar.NewPolicySet()}
	for _, r := range rules {
		var p cedar.Policy
		if err := p.UnmarshalCedar([]byte("forbid (principal, action, resource) when { " + r.Cedar + " };")); err != nil {
			return nil, fmt.Errorf("%s: %w", r.ID, err)
		}
		c.set.Add(cedar.PolicyID(r.ID), &p)
	}
	return c, nil
}

func cedarSet(list []string) types.Set {
	vals := make([]types.Value, len(list))
	for i, s := range list {
		vals[i] = types.String(s)
	}
	return types.NewSet(vals...)
}

// Record is f as cedar-go takes it.
func (f *Facts) Record() types.Record {
	m := types.RecordMap{
		"Class": types.String(f.Class), "Zone": types.Long(f.Zone), "Posture": types.Long(f.Posture), "Make": types.String(f.Make),
		"ModelYear": types.Long(f.ModelYear), "WeightKg": types.Long(f.WeightKg), "BuiltIn": types.String(f.BuiltIn),
		"MakerControlled": cedarSet(f.MakerControlled), "CameraOutside": types.Boolean(f.CameraOutside), "RecordingOff": types.Boolean(f.RecordingOff),
		"HotspotHeard": types.Boolean(f.HotspotHeard), "HeardControlled": cedarSet(f.HeardControlled),
		"CatalogueAge": types.Long(f.CatalogueAge), "SupplyAge": types.Long(f.SupplyAge),
	}
	for i, k := range f.Modules {
		m[types.String(fmt.Sprintf("m%d", i))] = types.NewRecord(types.RecordMap{
			"Role": types.String(k.Role), "Model": types.String(k.Model), "Certainty": types.Long(k.Certainty), "Basis": types.String(k.Basis),
			"ChipDown": types.Boolean(k.ChipDown), "Controlled": cedarSet(k.Controlled), "Listed": cedarSet(k.Listed), "Design": cedarSet(k.Design),
		})
	}
	return types.NewRecord(m)
}

// Eval gives the decision and what determined it.
func (c *Cedar) Eval(context types.Record) (types.Decision, types.Diagnostic) {
	return cedar.Authorize(c.set, nil, cedar.Request{
		Principal: cedar.NewEntityUID("Vehicle", "v"), Action: cedar.NewEntityUID("Action", "enter"), Resource: cedar.NewEntityUID("Lane", "l"), Context: context,
	})
}

// OPA is the rules as one prepared query of Open Policy Agent.
type OPA struct{ query rego.PreparedEvalQuery }

// NewOPA compiles the rules.
func NewOPA(ctx context.Context, rules []Rule) (*OPA, error) {
	var b strings.Builder
	b.WriteString("package gate\n\nimport rego.v1\n")
	for _, r := range rules {
		for _, body := range []string{r.Rego, r.Or} {
			if body != "" {
				fmt.Fprintf(&b, "\ndeny contains %q if {\n\t%s\n}\n", r.ID, strings.ReplaceAll(body, "; ", "\n\t"))
			}
		}
	}
	q, err := rego.New(rego.Query("data.gate.deny"), rego.Module("gate.rego", b.String())).PrepareForEval(ctx)
	return &OPA{q}, err
}

// Map is f as JSON decodes it.
func (f *Facts) Map() map[string]any {
	list := func(in []string) []any {
		out := make([]any, len(in))
		for i, s := range in {
			out[i] = s
		}
		return out
	}
	var modules []any
	for _, k := range f.Modules {
		modules = append(modules, map[string]any{
			"Role": k.Role, "Model": k.Model, "Certainty": k.Certainty, "Basis": k.Basis, "ChipDown": k.ChipDown,
			"Controlled": list(k.Controlled), "Listed": list(k.Listed), "Design": list(k.Design),
		})
	}
	return map[string]any{
		"Class": f.Class, "Zone": f.Zone, "Posture": f.Posture, "Make": f.Make, "ModelYear": f.ModelYear, "WeightKg": f.WeightKg, "BuiltIn": f.BuiltIn,
		"MakerControlled": list(f.MakerControlled), "CameraOutside": f.CameraOutside, "RecordingOff": f.RecordingOff, "HotspotHeard": f.HotspotHeard,
		"HeardControlled": list(f.HeardControlled), "CatalogueAge": f.CatalogueAge, "SupplyAge": f.SupplyAge, "Modules": modules,
	}
}

// Eval gives the rules that are true for a parsed input.
func (o *OPA) Eval(ctx context.Context, input ast.Value) ([]string, error) {
	rs, err := o.query.Eval(ctx, rego.EvalParsedInput(input))
	if err != nil {
		return nil, err
	}
	if len(rs) != 1 {
		return nil, nil
	}
	var out []string
	list, _ := rs[0].Expressions[0].Value.([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out, nil
}
