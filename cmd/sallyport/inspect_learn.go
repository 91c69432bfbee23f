package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
	"sallyport/vin/telematics"
)

// learningConfig is [learning] of site.toml: when a share of inspections is
// shown. A number that is absent takes the default named beside it.
type learningConfig struct {
	Name   string  `toml:"name"`   // as other sites are to call this one; empty exports nothing
	K      int     `toml:"k"`      // 5: vehicles of a kind inspected
	M      int     `toml:"m"`      // 3: days on which they were
	Level  float64 `toml:"level"`  // 0.95: of the bounds
	Weight float64 `toml:"weight"` // 0.5: largest part that one inspector may have in a share
	Closes float64 `toml:"closes"` // 0.9: part that the modules found must cover for others to be left out
}

func (c learningConfig) terms() telematics.Terms {
	return telematics.Terms{K: c.K, M: c.M, Level: c.Level, Weight: c.Weight, Closes: c.Closes}
}

func (c learningConfig) check() error {
	if err := c.terms().Check(); err != nil {
		return fmt.Errorf("learning: %w", err)
	}
	return nil
}

// sharesDir holds, in the data directory, what other sites found: one file a
// site.
const sharesDir = "shares"

// siteLearning counts the inspections of a site, and shows beside them what
// other sites found: as it came with the signed reference data, and, in its
// place, as it was imported here. What another site sent and cannot be read is
// left out, and warn is told: it must not keep a gate from its work.
func siteLearning(ctx context.Context, dir string, cfg siteConfig, store gate.LearningStore, judge *gate.Judge, warn func(error), signed ...refdata.Finding) (*gate.Learning, error) {
	rules, err := cfg.inspectionRules()
	if err != nil {
		return nil, err
	}
	l, err := gate.NewLearning(ctx, gate.LearningConfig{Judge: judge, Store: store, Rules: rules, Terms: cfg.Learning.terms()})
	if err != nil {
		return nil, err
	}
	gatherShares(dir, cfg, signed, l.Adopt, warn)
	return l, nil
}

// gatherShares hands on what other sites found: signed in a release, then as the
// files in the site's directory say.
func gatherShares(dir string, cfg siteConfig, signed []refdata.Finding, take func(telematics.Aggregate) error, warn func(error)) {
	for _, f := range signed {
		if f.Aggregate.Site == cfg.Learning.Name {
			continue // its own, come back
		}
		if err := take(f.Aggregate); err != nil {
			warn(fmt.Errorf("shares of another site, signed by %s: %w", f.Role, err))
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, sharesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		warn(fmt.Errorf("shares of other sites: %w", err))
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue
		}
		path := filepath.Join(dir, sharesDir, f.Name())
		a, err := readAggregate(path)
		if err == nil {
			err = take(a)
		}
		if err != nil {
			warn(fmt.Errorf("shares of another site: %s: %w", path, err))
		}
	}
}

func readAggregate(path string) (telematics.Aggregate, error) {
	text, err := readBounded(path, telematics.MaxAggregate)
	if err != nil {
		return telematics.Aggregate{}, err
	}
	return telematics.ReadAggregate(text)
}

// The operations of learning, as the control socket names them.
const (
	opShares       = "/shares/list"
	opSharesExport = "/shares/export"
	opSharesImport = "/shares/import"
)

// sharesAsk is a request about shares. Each operation uses what it needs.
type sharesAsk struct {
	Make  string          `json:"make,omitempty"`
	Model string          `json:"model,omitempty"`
	Name  string          `json:"name,omitempty"`
	Text  json.RawMessage `json:"text,omitempty"`
}

// sharesAnswer is what a site found.
type sharesAnswer struct {
	Terms  telematics.Terms `json:"terms"`
	Groups []sharesGroup    `json:"groups"`
}

// sharesGroup is a group with what does not leave the site.
type sharesGroup struct {
	telematics.Group
	Inspectors int  `json:"inspectors"`
	Enough     bool `json:"enough"`
}

// learningOps are the operations of the command line on what a site has learnt.
func learningOps(dir string, cfg siteConfig, l *gate.Learning, now func() time.Time) map[string]operation {
	return map[string]operation{
		opShares: op(func(_ context.Context, a sharesAsk) (sharesAnswer, error) {
			out := sharesAnswer{Terms: l.Terms(), Groups: []sharesGroup{}}
			for _, g := range l.Shares().Groups(a.Make, a.Model) {
				out.Groups = append(out.Groups, sharesGroup{g, g.Inspectors, g.Enough})
			}
			return out, nil
		}),
		opSharesExport: op(func(_ context.Context, a sharesAsk) (telematics.Aggregate, error) {
			name := a.Name
			if name == "" {
				name = cfg.Learning.Name
			}
			if name == "" {
				return telematics.Aggregate{}, errors.New("no name by which other sites are to call this one: set name in [learning], or --name")
			}
			return l.Export(name, now())
		}),
		opSharesImport: op(func(_ context.Context, a sharesAsk) (string, error) {
			agg, err := telematics.ReadAggregate(a.Text)
			if err != nil {
				return "", err
			}
			if agg.Site == cfg.Learning.Name {
				return "", fmt.Errorf("%q is this site: its own inspections count already", agg.Site)
			}
			if err := l.Adopt(agg); err != nil {
				return "", err
			}
			return agg.Site, keepAggregate(dir, agg)
		}),
	}
}

// keepAggregate writes what another site found, in the place of what it sent
// before, whole or not at all.
func keepAggregate(dir string, a telematics.Aggregate) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, sharesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(a.Site))
	name := filepath.Join(dir, hex.EncodeToString(sum[:8])+".json")
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("shares of site %q are in use and not kept for the next start: %w", a.Site, err), os.Remove(f.Name()))
	}
	return nil
}

// learn reaches the site and has one operation on what it has learnt done.
func (c *inspectCmd) learn(ctx context.Context, s *streams, path string, in sharesAsk, out any) (err error) {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) {
		judge, err := siteJudge(c.Data, cfg)
		if err != nil {
			return nil, err
		}
		l, err := siteLearning(ctx, c.Data, cfg, store, judge, func(err error) { fmt.Fprintln(s.err, "sallyport:", err) })
		if err != nil {
			return nil, err
		}
		return learningOps(c.Data, cfg, l, s.now), nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return call(path, in, out)
}

// inspectSharesCmd is `sallyport inspect shares`.
type inspectSharesCmd struct {
	Make  string `help:"Make, in any spelling; the default is all."`
	Model string `help:"Beginning of the model's name; the default is all."`
	JSON  bool   `name:"json" help:"One JSON object a line instead of text."`
}

// Run prints what inspections found by kind of vehicle, the coarser group
// before the finer ones.
func (c *inspectSharesCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	var got sharesAnswer
	if err := cmd.Inspect.learn(ctx, s, opShares, sharesAsk{Make: c.Make, Model: c.Model}, &got); err != nil {
		return err
	}
	for _, g := range got.Groups {
		if c.JSON {
			if err := printJSON(s.out, g); err != nil {
				return err
			}
			continue
		}
		if _, err := s.out.Write(sharesText(g, got.Terms)); err != nil {
			return err
		}
	}
	if len(got.Groups) == 0 {
		fmt.Fprintln(s.err, "sallyport: nothing was inspected of this kind")
	}
	return nil
}

// sharesText says a group in lines for a person.
func sharesText(g sharesGroup, t telematics.Terms) []byte {
	var b bytes.Buffer
	g.Group.Enough = g.Enough // it is not in the JSON of a group
	fmt.Fprintf(&b, "%s (%s)\n", g.Subject(), g.Role)
	fmt.Fprintf(&b, "  %d vehicles on %d days by %d inspectors", g.Inspected, g.Days, g.Inspectors)
	if g.CouldNotTell > 0 {
		fmt.Fprintf(&b, "; %d more of which nobody could tell", g.CouldNotTell)
	}
	b.WriteByte('\n')
	if !g.Enough {
		fmt.Fprintf(&b, "  too few for a share: it takes %d vehicles, %d days and %d inspectors\n", t.K, t.M, t.Inspectors())
	}
	for i := range g.Makers {
		m := &g.Makers[i]
		name := m.Maker
		if m.ChipDown {
			name += " (no separate module)"
		}
		fmt.Fprintf(&b, "  %s: %s", name, g.Words(m, t))
		if len(m.Modules) == 1 {
			fmt.Fprintf(&b, "; %s", m.Modules[0].Module)
		}
		if !m.Named {
			b.WriteString("; found by one inspector only")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  none found: %s\n", g.Words(&g.None, t))
	if g.Unread > 0 || g.TwoWays > 0 {
		fmt.Fprintf(&b, "  maker not certain in %d, told two ways in %d\n", g.Unread, g.TwoWays)
	}
	return b.Bytes()
}

// inspectExportCmd is `sallyport inspect export`.
type inspectExportCmd struct {
	Out  string `required:"" help:"File to write, which must not exist yet." placeholder:"FILE"`
	Name string `help:"Name by which other sites are to call this one; the default is name in [learning] of site.toml."`
}

// Run writes what the site may give to others: groups and counts, no vehicle
// and nobody's name.
func (c *inspectExportCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	var a telematics.Aggregate
	if err := cmd.Inspect.learn(ctx, s, opSharesExport, sharesAsk{Name: c.Name}, &a); err != nil {
		return err
	}
	text, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return err
	}
	if err := writeNew(c.Out, append(text, '\n'), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "sallyport: %d groups of %d vehicles and more, as %q\n", len(a.Groups), a.K, a.Site)
	return nil
}

// inspectImportCmd is `sallyport inspect import`.
type inspectImportCmd struct {
	File string `arg:"" help:"What another site exported." type:"existingfile"`
}

// Run takes in what another site found, in the place of what it sent before. It
// is shown as that site's from then on.
func (c *inspectImportCmd) Run(ctx context.Context, cmd *cli, s *streams) error {
	a, err := readAggregate(c.File)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	var site string
	if err := cmd.Inspect.learn(ctx, s, opSharesImport, sharesAsk{Text: text}, &site); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	fmt.Fprintf(s.out, "%d groups of site %q, %s to %s\n", len(a.Groups), site, a.From, a.To)
	return nil
}
