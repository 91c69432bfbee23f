package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sallyport/gate"
	"sallyport/gate/sqlite"
	"sallyport/gate/translog"
)

// logCmd is `sallyport log`.
type logCmd struct {
	Verify logVerifyCmd `cmd:"" help:"Re-hash the whole log and name the first entry that does not fit; or check a bundle on another machine."`
	Prove  struct {
		Inclusion   logProveInclusionCmd   `cmd:"" help:"Prove that entries are in the log."`
		Consistency logProveConsistencyCmd `cmd:"" help:"Prove that the log continues a head that was signed before."`
	} `cmd:"" help:"Write a bundle that proves one thing."`
	Export  logExportCmd     `cmd:"" help:"Write a part of the log as a bundle that another machine can check."`
	Head    logHeadCmd       `cmd:"" help:"Print the last signed head as a request to a witness."`
	Cosign  logCosignCmd     `cmd:"" help:"As a witness: sign that a head continues the one signed last."`
	Witness logWitnessKeyCmd `cmd:"" name:"witness-key" help:"Make the key of a witness."`
}

// witnessConfig is [witness] of site.toml: who else sees the heads of the log.
type witnessConfig struct {
	Path string   `toml:"path"` // directory on what can be taken out, such as a mounted stick: each minute the head is put there, and what the witness cosigned is taken back. Absent while it is not plugged in
	Keys []string `toml:"keys"` // verifier keys of witnesses whose cosignatures count
}

func (c witnessConfig) check() error {
	if c.Path != "" && !filepath.IsAbs(c.Path) {
		return fmt.Errorf("witness.path: %q is no absolute path", c.Path)
	}
	_, err := witnessesOf(c.Keys)
	if err != nil {
		return fmt.Errorf("witness.keys: %w", err)
	}
	return nil
}

// outside is what the site knows of its log outside its own directory.
func (c witnessConfig) outside() (sqlite.Outside, error) {
	w, err := witnessesOf(c.Keys)
	return sqlite.Outside{Witnesses: w, Dir: c.Path}, err
}

// witnessesOf reads verifier keys of witnesses.
func witnessesOf(keys []string) (list []note.Verifier, err error) {
	for _, k := range keys {
		v, err := translog.NewWitness(k)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", k, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// keyText is a key that is given by itself or in a file.
func keyText(given string) string {
	if text, err := os.ReadFile(given); err == nil {
		return strings.TrimSpace(string(text))
	}
	return strings.TrimSpace(given)
}

// keepHead is the job of each minute: the signed head is kept outside the
// database, and handed to the witness. A head that the witness has and the log
// does not continue means that the database was put back or exchanged.
func (st *site) keepHead(ctx context.Context) error {
	if err := st.store.KeepHead(ctx); err != nil {
		return err
	}
	err := st.store.MeetWitness(ctx, st.now().UTC())
	if err == nil {
		st.unwitnessed.Store(nil)
		return nil
	}
	why := err.Error()
	if last := st.unwitnessed.Swap(&why); last != nil && *last == why {
		return err
	}
	kind := gate.EventWitness
	if errors.Is(err, sqlite.ErrNotContinued) {
		kind = gate.EventLogDamaged
		st.damaged.Store(&why)
	}
	return errors.Join(err, st.store.RecordEvent(ctx, gate.Event{Kind: kind, At: st.now().UTC(), Detail: clip(why, 1000)}))
}

// watchClock records and shows each jump of the system's clock until ctx ends.
func (st *site) watchClock(ctx context.Context) {
	start := time.Now()
	gate.WatchClock(ctx, 10*time.Second, gate.JumpBound, st.now, func() time.Duration { return time.Since(start) }, func(j gate.Jump) {
		st.rules.clock.Jumped(j)
		at, _ := st.rules.clock.Stamp()
		way := "forward"
		if j.By < 0 {
			way = "back"
		}
		detail := fmt.Sprintf("the clock went %s by %s, to %s", way, j.By.Abs(), j.At.Format(time.RFC3339))
		st.log.WarnContext(ctx, detail)
		if err := st.store.RecordEvent(ctx, gate.Event{Kind: gate.EventClockJump, At: at, Detail: detail}); err != nil {
			st.log.ErrorContext(ctx, "a jump of the clock was not recorded", "error", err)
		}
	})
}

// logVerifyCmd is `sallyport log verify`.
type logVerifyCmd struct {
	Data    string   `help:"Data directory of the site." default:"./data" placeholder:"DIR"`
	Key     string   `help:"Verifier key, or a file that holds it, as an auditor keeps it; the default is the one beside the database." placeholder:"KEY"`
	Witness []string `help:"Verifier key of a witness, or a file that holds it; the default is those of site.toml." placeholder:"KEY" sep:"none"`
	Head    []string `help:"File with a head that was kept elsewhere; the log must continue it." placeholder:"FILE" sep:"none"`
	Bundle  string   `help:"Check this bundle, and no site; needs --key." placeholder:"FILE"`
}

// Run re-hashes the whole log. It ends with exit code 1 when anything does not
// fit, and names it.
func (c *logVerifyCmd) Run(ctx context.Context, s *streams) error {
	var keys []string
	for _, w := range c.Witness {
		keys = append(keys, keyText(w))
	}
	if c.Bundle != "" {
		return c.bundle(s, keys)
	}
	var o sqlite.Outside
	if cfg, err := loadSite(c.Data); err == nil {
		if o, err = cfg.Witness.outside(); err != nil {
			return err
		}
	}
	more, err := witnessesOf(keys)
	if err != nil {
		return err
	}
	o.Witnesses = append(o.Witnesses, more...)
	for _, path := range c.Head {
		head, err := readHead(path)
		if err != nil {
			return err
		}
		o.Heads = append(o.Heads, head)
	}
	rep, err := sqlite.Verify(ctx, c.Data, keyText(c.Key), o)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "key          %s\n", rep.Key)
	fmt.Fprintf(s.out, "entries      %d\n", rep.Entries)
	fmt.Fprintf(s.out, "records      %d, of which %d erased\n", rep.Rows, rep.Erased)
	fmt.Fprintf(s.out, "checkpoints  %d\n", rep.Checkpoints)
	fmt.Fprintf(s.out, "heads        %d kept outside the database\n", rep.Heads)
	if rep.Cosigned.Size > 0 {
		fmt.Fprintf(s.out, "cosigned     %s\n", cosignedWords(rep.Cosigned.Size, rep.Cosigned.Seen))
	} else if len(o.Witnesses) > 0 {
		fmt.Fprintln(s.out, "cosigned     never")
	}
	if len(rep.Misfits) == 0 {
		fmt.Fprintln(s.out, "clean: every entry, record and checkpoint fits")
		return nil
	}
	fmt.Fprintf(s.out, "NOT CLEAN: the first that does not fit is %s\n", rep.First())
	for _, m := range rep.Misfits[1:] {
		fmt.Fprintf(s.out, "  %s\n", m)
	}
	return exitError(1)
}

func cosignedWords(size int64, seen []translog.Cosignature) string {
	var by []string
	for _, c := range seen {
		if c.Known {
			by = append(by, c.Name+" at "+c.At.Format("2006-01-02 15:04:05 UTC"))
		}
	}
	return fmt.Sprintf("the first %d entries, by %s", size, strings.Join(by, ", "))
}

// bundle checks a bundle.
func (c *logVerifyCmd) bundle(s *streams, keys []string) (err error) {
	if c.Key == "" {
		return errors.New("--bundle needs --key: the log's verifier key, from somebody other than who brought the bundle")
	}
	witnesses, err := witnessesOf(keys)
	if err != nil {
		return err
	}
	f, err := os.Open(c.Bundle)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rep, err := translog.CheckBundle(f, keyText(c.Key), witnesses...)
	if wrong, ok := errors.AsType[*translog.BundleError](err); ok {
		fmt.Fprintf(s.out, "NOT CLEAN: line %d: %v\n", wrong.Line, wrong.Err)
		return exitError(1)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "bundle       %s, made at %s as its maker says\n", oneLine(rep.What), rep.Made.UTC().Format("2006-01-02 15:04:05 UTC"))
	fmt.Fprintf(s.out, "key          SHA-256 %s\n", rep.Key)
	fmt.Fprintf(s.out, "head         %s, %d entries, signed at %s\n", rep.Head.Origin, rep.Head.Size, rep.Head.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	for _, o := range rep.Older {
		fmt.Fprintf(s.out, "continues    the head of %d entries, signed at %s\n", o.Size, o.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if len(rep.Seen) > 0 {
		fmt.Fprintf(s.out, "cosigned     %s\n", cosignedWords(rep.Older[len(rep.Older)-1].Size, rep.Seen))
	}
	fmt.Fprintf(s.out, "entries      %d; personal data of %d disclosed, of %d withheld or erased\n", rep.Entries, rep.Disclosed, rep.Withheld)
	fmt.Fprintln(s.out, "clean: every entry is in the log, and what is disclosed is what was recorded")
	return nil
}

// readHead reads a signed head from a file: a request to a witness, or the head
// itself.
func readHead(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if r, err := translog.ParseWitnessRequest(data); err == nil {
		return r.Head, nil
	}
	return data, nil
}

// output writes what f writes to a new file, or to the standard output.
func output(s *streams, path string, f func(io.Writer) error) (err error) {
	if path == "" {
		return f(s.out)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f(file), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// bundleFlags say which site a bundle is of, and where it goes.
type bundleFlags struct {
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
	Out  string `help:"New file for the bundle; the default is the standard output." placeholder:"FILE"`
}

func (c bundleFlags) write(ctx context.Context, s *streams, e sqlite.LogExport) (err error) {
	if cfg, err := loadSite(c.Data); err == nil {
		e.Witnesses = cfg.Witness.Keys
	}
	e.Made = s.now().UTC()
	r, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var done sqlite.LogExported
	err = output(s, c.Out, func(w io.Writer) (err error) {
		done, err = r.ExportLog(ctx, w, e)
		return err
	})
	if err == nil {
		fmt.Fprintf(s.err, "%s: %d entries, personal data of %d disclosed, under the head of %d entries\n", done.What, done.Entries, done.Disclosed, done.Head.Size)
	}
	return err
}

// logProveInclusionCmd is `sallyport log prove inclusion`.
type logProveInclusionCmd struct {
	bundleFlags
	Seq     []int64 `arg:"" optional:"" help:"Sequence numbers of entries."`
	Passage string  `help:"All entries of this passage." placeholder:"ID"`
}

// Run writes the bundle.
func (c *logProveInclusionCmd) Run(ctx context.Context, s *streams) error {
	if (len(c.Seq) > 0) == (c.Passage != "") {
		return errors.New("either sequence numbers or --passage")
	}
	return c.write(ctx, s, sqlite.LogExport{Seqs: c.Seq, Passage: gate.PassageID(c.Passage)})
}

// logProveConsistencyCmd is `sallyport log prove consistency`.
type logProveConsistencyCmd struct {
	bundleFlags
	Old []string `arg:"" help:"Files with older heads."`
}

// Run writes the bundle. A head that the log does not continue is an error.
func (c *logProveConsistencyCmd) Run(ctx context.Context, s *streams) error {
	var e sqlite.LogExport
	for _, path := range c.Old {
		head, err := readHead(path)
		if err != nil {
			return err
		}
		e.Older = append(e.Older, head)
	}
	return c.write(ctx, s, e)
}

// logExportCmd is `sallyport log export`.
type logExportCmd struct {
	bundleFlags
	From     string `help:"First day, or instant." placeholder:"WHEN"`
	Until    string `help:"Day or instant that is no longer in it." placeholder:"WHEN"`
	Passage  string `help:"All entries of this passage instead." placeholder:"ID"`
	Disclose bool   `help:"With the personal data that is still kept, and its salts; needs --by."`
	By       string `help:"Name of a person who may see passages, as enrolled; the password is asked for, or read from the first line of standard input."`
}

// Run records the export, then writes the bundle.
func (c *logExportCmd) Run(ctx context.Context, s *streams) error {
	e := sqlite.LogExport{Passage: gate.PassageID(c.Passage), Disclose: c.Disclose}
	var err error
	if e.From, err = whenAt("--from", c.From, c.Data); err != nil {
		return err
	}
	if e.Until, err = whenAt("--until", c.Until, c.Data); err != nil {
		return err
	}
	period := !e.From.IsZero() || !e.Until.IsZero()
	if period == (c.Passage != "") {
		return errors.New("either a period (--from, --until) or --passage")
	}
	if c.Disclose && c.By == "" {
		return errors.New("--disclose needs --by: personal data leaves in somebody's name")
	}
	what := "log, " + c.From + " to " + c.Until
	if c.Passage != "" {
		what = "log of passage " + c.Passage
	}
	if c.Disclose {
		what += ", with personal data"
	}
	ask := recordAsk{By: c.By, What: what}
	if c.By != "" {
		if ask.Password, err = askPassword(ctx, s, passwordOf(c.By)); err != nil {
			return err
		}
	}
	if err := callRules(ctx, s, c.Data, opRecordsExported, ask, &struct{}{}); err != nil {
		return err
	}
	return c.write(ctx, s, e)
}

// logHeadCmd is `sallyport log head`.
type logHeadCmd struct {
	bundleFlags
	Old string `help:"File with the head that the witness cosigned last; the proof begins there." placeholder:"FILE"`
}

// Run writes the request.
func (c *logHeadCmd) Run(ctx context.Context, s *streams) (err error) {
	r, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var old []byte
	if c.Old != "" {
		if old, err = readHead(c.Old); err != nil {
			return err
		}
	}
	req, err := r.WitnessRequest(ctx, old)
	if err != nil {
		return err
	}
	return output(s, c.Out, func(w io.Writer) error { _, err := w.Write(req.Text()); return err })
}

// logWitnessKeyCmd is `sallyport log witness-key`.
type logWitnessKeyCmd struct {
	Name string `arg:"" help:"Name of the witness, such as example.org/duty-officer; no blanks."`
	Out  string `required:"" help:"New file for the secret key; keep it away from the site." placeholder:"FILE"`
}

// Run makes the key and prints the verifier key.
func (c *logWitnessKeyCmd) Run(s *streams) error {
	secret, public, err := translog.GenerateWitnessKey(nil, c.Name)
	if err != nil {
		return err
	}
	if err := writeNew(c.Out, []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	fmt.Fprintln(s.err, "for witness.keys in site.toml, and for whoever verifies:")
	fmt.Fprintln(s.out, public)
	return nil
}

// logCosignCmd is `sallyport log cosign`.
type logCosignCmd struct {
	Key  string `required:"" help:"File with the witness's secret key. What was cosigned last is kept beside it, in FILE.LOG.last." placeholder:"FILE"`
	Log  string `required:"" help:"The log's verifier key, or a file that holds it, from the site's people and not from the stick." placeholder:"KEY"`
	Head string `arg:"" help:"The request: NAME.head, as the site puts it on the stick."`
	Out  string `help:"Where the cosigned head goes; the default is NAME.cosigned beside the request." placeholder:"FILE"`
}

// Run checks that the head continues what was cosigned last, remembers it, and
// only then signs. A refusal names the reason: a fork, a log that became shorter,
// a proof from elsewhere.
func (c *logCosignCmd) Run(s *streams) error {
	secret, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	w, err := translog.NewCosigner(string(secret))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Key, err)
	}
	log, err := translog.NewVerifier(keyText(c.Log))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(c.Head)
	if err != nil {
		return err
	}
	req, err := translog.ParseWitnessRequest(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Head, err)
	}
	memory := fmt.Sprintf("%s.%s.last", c.Key, strings.ReplaceAll(log.Name(), "/", "-"))
	last, err := os.ReadFile(memory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	signed, err := w.Cosign(req, log, last, s.now())
	if err != nil {
		return fmt.Errorf("not cosigned: %w", err)
	}
	if err := replaceWhole(memory, signed); err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = strings.TrimSuffix(c.Head, ".head") + ".cosigned"
	}
	if err := replaceWhole(out, signed); err != nil {
		return err
	}
	head, _, _ := bytes.Cut(req.Head, []byte("\n\n"))
	fmt.Fprintf(s.out, "cosigned as %s:\n%s\n", w.VerifierKey(), head)
	return nil
}

// replaceWhole puts a whole file in place of another, durably.
func replaceWhole(path string, data []byte) error {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(part, data, 0o600); err != nil {
		return err
	}
	return os.Rename(part, path)
}
