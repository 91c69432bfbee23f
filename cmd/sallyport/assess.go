package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
	"sallyport/rf"
	"sallyport/vin/telematics"
)

// maxRequestLine bounds one request; a longer line is answered with an error
// and passed over without being kept.
const maxRequestLine = 1 << 20

// assessCmd is `sallyport assess`.
type assessCmd struct {
	Index  string `help:"VIN index made by refdata build vpic; the default is the one in the program." placeholder:"FILE"`
	Policy string `help:"Rule file (YAML), or the name of a shipped pack; the default is the version in force at the site at the instant of each request, where --data names one, and paper-baseline else." placeholder:"FILE"`
	TAC    string `name:"tac" type:"existingfile" help:"Type allocation codes made by refdata build tac; the default is the site's, where --data names one." placeholder:"FILE"`
	Data   string `help:"Data directory of a site whose installed reference data and recorded inspections to use, running or stopped." type:"existingdir" placeholder:"DIR"`
	JSON   bool   `name:"json" help:"Accepted for clarity; the answer is always JSON, one object a line."`
	File   string `arg:"" optional:"" default:"-" help:"File of requests, one JSON object a line; - is standard input."`
}

// assessFault is the answer to a line that holds no request.
type assessFault struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// Run answers every line in order. A line that is no request is answered with
// its number and what is wrong, and the next line is read; the exit code then
// says that some line failed.
func (c *assessCmd) Run(ctx context.Context, s *streams) (err error) {
	held, err := c.held()
	if err != nil {
		return err
	}
	known, err := openInspected(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, known.Close()) }()
	rules := c.Policy
	if rules == "" && known.store != nil {
		rules = known.cfg.policyFile(known.dir, held) // a site that has recorded no version yet
	}
	a, err := newAssessor(cmp.Or(rules, pack.PaperBaseline), c.Index, held)
	if err != nil {
		return err
	}
	if a, err = known.learnt(ctx, a, func(err error) { fmt.Fprintln(s.err, "sallyport:", err) }, held.Findings...); err != nil {
		return err
	}
	prefixes, err := prefixesOf(held)
	if err != nil {
		return err
	}
	posture, err := known.posture(ctx, "")
	if err != nil {
		return err
	}
	decide := func(ctx context.Context, q gate.Request) (gate.Assessment, error) {
		q.Posture = posture(q.At)
		return known.assessor(a)(ctx, q)
	}
	if c.Policy == "" && known.store != nil {
		if decide, err = known.asRecorded(ctx, a, known.assessor); err != nil {
			return err
		}
	}
	in := s.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	out := bufio.NewWriter(s.out)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	hear := func(obs []rf.Observation) *rf.Finding { return rf.HearOnce(obs, prefixes) }
	r := bufio.NewReaderSize(in, 64<<10)
	bad := 0
	for n := 1; ; n++ {
		line, long, err := readLine(r, maxRequestLine)
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(fmt.Errorf("line %d: %w", n, err), out.Flush())
		}
		last := err != nil
		if last && len(line) == 0 && !long {
			break
		}
		if !long && len(bytes.TrimSpace(line)) == 0 {
			if last {
				break
			}
			continue
		}
		answer, err := c.answer(ctx, decide, line, long, s, hear)
		if err != nil {
			bad++
			err = enc.Encode(assessFault{Line: n, Error: err.Error()})
		} else {
			err = enc.Encode(answer)
		}
		if err != nil {
			return err
		}
		if r.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if last {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if bad > 0 {
		fmt.Fprintf(s.err, "sallyport: %d line(s) held no valid request\n", bad)
		return exitError(1)
	}
	return nil
}

func (c *assessCmd) answer(ctx context.Context, a assessor, line []byte, long bool, s *streams, hear func([]rf.Observation) *rf.Finding) (gate.Answer, error) {
	if long {
		return gate.Answer{}, fmt.Errorf("request: longer than %d bytes", maxRequestLine)
	}
	req, err := gate.ParseAssessRequest(line)
	if err != nil {
		return gate.Answer{}, err
	}
	q, err := req.Request(s.now(), hear)
	if err != nil {
		return gate.Answer{}, err
	}
	result, err := a(ctx, q)
	return result.Answer(), err
}

// readLine returns the next line without its end. Of a line over limit bytes
// nothing is kept and long is true. The last line comes with io.EOF.
func readLine(r *bufio.Reader, limit int) (line []byte, long bool, err error) {
	for {
		part, more, err := r.ReadLine()
		if !long {
			line = append(line, part...)
		}
		if len(line) > limit {
			long, line = true, nil
		}
		if err != nil || !more {
			return line, long, err
		}
	}
}

// held is the reference data installed at the site named, or none.
func (c *assessCmd) held() (*refdata.Data, error) {
	if c.Data == "" {
		return withTACs(&refdata.Data{}, c.TAC)
	}
	cfg, err := loadSite(c.Data)
	if err != nil {
		return nil, err
	}
	h, err := openRefdata(c.Data, cfg)
	if err != nil {
		return nil, err
	}
	table := c.TAC
	if table == "" {
		table = cfg.tacFile(c.Data)
	}
	return withTACs(h.parts(), table)
}

// newAssessor wires the reference data to a policy: a pack's name, or a rule
// file. What is not held is the program's own.
func newAssessor(policyName, index string, held *refdata.Data) (*gate.Judge, error) {
	p, _, err := openPolicy(policyName, held)
	if err != nil {
		return nil, err
	}
	return assessorFor(p, index, held)
}

func assessorFor(p *policy.Policy, indexFile string, held *refdata.Data) (_ *gate.Judge, err error) {
	index, catalogue, graph := held.VPIC, held.Catalogue, held.Graph
	if indexFile != "" || index == nil {
		if index, err = openIndex(indexFile); err != nil {
			return nil, err
		}
	}
	if catalogue == nil {
		if catalogue, err = telematics.Embedded(); err != nil {
			return nil, err
		}
	}
	if graph == nil {
		if graph, err = supply.Embedded(); err != nil {
			return nil, err
		}
	}
	return gate.NewJudge(index, catalogue, graph, p), nil
}

// prefixesOf are the radio prefixes held, or the program's own.
func prefixesOf(held *refdata.Data) (*rf.Prefixes, error) {
	if held.Prefixes != nil {
		return held.Prefixes, nil
	}
	return rf.EmbeddedPrefixes()
}

// openPolicy loads a pack by its name, one that is held before one that ships
// with the program, or a rule file by its path, and returns its text too, which
// a passage's record refers to.
func openPolicy(name string, held *refdata.Data) (*policy.Policy, []byte, error) {
	if p, ok := held.Packs[name]; ok {
		return p.Policy, p.Source, nil
	}
	if isPack(name) {
		src, err := pack.Source(name)
		if err != nil {
			return nil, nil, err
		}
		p, err := pack.Open(name)
		return p, src, err
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("policy %q is neither a shipped pack nor a readable file: %w", name, err)
	}
	graph := held.Graph
	if graph == nil {
		if graph, err = supply.Embedded(); err != nil {
			return nil, nil, err
		}
	}
	p, err := policy.LoadKnowing(name, src, gate.Names(graph))
	return p, src, err
}

func isPack(name string) bool { return slices.Contains(pack.Names(), name) }
