package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/rf"
)

// policyTestCmd is `sallyport policy test`.
type policyTestCmd struct {
	Data  string   `help:"Data directory of a site whose installed reference data the examples over requests use; the default is the program's own." type:"existingdir" placeholder:"DIR"`
	Files []string `arg:"" name:"file" help:"Rule file (YAML), or the name of a shipped pack."`
}

// Run decides the examples of every file and prints what did not come as
// expected. The exit code is 1 when anything did not, when a file has no
// examples, or when one of its rules is shown by none.
func (c *policyTestCmd) Run(s *streams) error {
	held, err := (&assessCmd{Data: c.Data}).held()
	if err != nil {
		return err
	}
	failed := false
	for _, file := range c.Files {
		ok, err := testPolicy(s.out, file, held)
		if err != nil {
			return err
		}
		failed = failed || !ok
	}
	if failed {
		return exitError(1)
	}
	return nil
}

// testPolicy runs the examples of one file and reports to out; ok is false where
// they do not show that the policy does what it should. An error is a file that
// could not be read or a fault in it.
func testPolicy(out io.Writer, file string, held *refdata.Data) (ok bool, err error) {
	p, _, err := openPolicy(file, held)
	if err != nil {
		return false, err
	}
	examples, err := p.Examples(file)
	if err != nil {
		return false, err
	}
	if len(examples) == 0 {
		fmt.Fprintf(out, "%s: refused: no examples: nothing shows what it does\n", file)
		return false, nil
	}
	results := p.RunExamples(examples, requestsUnder(p, held))
	failed := 0
	for _, r := range results {
		if !r.Failed() {
			continue
		}
		failed++
		fmt.Fprintf(out, "%s:%d:%d: %s\n", file, r.Example.Line, r.Example.Column, r.Example.Name)
		if r.Err != nil {
			fmt.Fprintf(out, "    %v\n", r.Err)
		}
		for _, fault := range r.Faults {
			fmt.Fprintf(out, "    %s\n", fault)
		}
	}
	unshown := p.Unshown(results)
	for _, id := range unshown {
		fmt.Fprintf(out, "%s: refused: no example shows rule %s: none names it where its condition holds\n", file, id)
	}
	fmt.Fprintf(out, "%s: %d examples, %d as expected; %d of %d rules shown\n", file, len(results), len(results)-failed, len(p.Rules())-len(unshown), len(p.Rules()))
	return failed == 0 && len(unshown) == 0, nil
}

// requestsUnder assesses the requests of examples under p. The reference data
// are opened with the first request, so that a file without any needs none.
func requestsUnder(p *policy.Policy, held *refdata.Data) func(json.RawMessage) (policy.Verdict, error) {
	var judge *gate.Judge
	var prefixes *rf.Prefixes
	return func(request json.RawMessage) (policy.Verdict, error) {
		if judge == nil {
			j, err := assessorFor(p, "", held)
			if err != nil {
				return policy.Verdict{}, err
			}
			if prefixes, err = prefixesOf(held); err != nil {
				return policy.Verdict{}, err
			}
			judge = j
		}
		req, err := gate.ParseAssessRequest(request)
		if err != nil {
			return policy.Verdict{}, err
		}
		if req.At == "" {
			return policy.Verdict{}, errors.New("request: names no instant")
		}
		q, err := req.Request(time.Time{}, func(obs []rf.Observation) *rf.Finding { return rf.HearOnce(obs, prefixes) })
		if err != nil {
			return policy.Verdict{}, err
		}
		return judge.Assess(q).Verdict, nil
	}
}
