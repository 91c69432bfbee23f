package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
	"sallyport/gate/translog"
	"sallyport/ui/view"
)

// refdataDir is where a site keeps its installed reference data, and rootFile
// what `sallyport init --refdata-root` calls the file that trust starts from.
const (
	refdataDir = "refdata"
	rootFile   = "refdata-root.json"
)

// maxKeyFile bounds what is read of a key, an agreement or a root file.
const maxKeyFile = 1 << 20

// refdataKeygenCmd is `sallyport refdata keygen`.
type refdataKeygenCmd struct {
	Name         string `arg:"" help:"Name of the authority, as everybody will see it."`
	Out          string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder for NAME.key (keep it) and NAME.pub (give it away)."`
	NoPassphrase bool   `help:"Write the private key in clear: for a medium that is itself sealed."`
}

// Run makes a key. The passphrase is the first line of standard input.
func (c *refdataKeygenCmd) Run(s *streams) error {
	key, err := refdata.NewKey(c.Name)
	if err != nil {
		return err
	}
	base := filepath.Join(c.Out, c.Name)
	if strings.ContainsAny(c.Name, `/\`) {
		return fmt.Errorf("%q cannot be the name of a file", c.Name)
	}
	var pass []byte
	if !c.NoPassphrase {
		if pass, err = passphrase(s, "Passphrase for the new key "+c.Name); err != nil {
			return err
		}
		if len([]rune(string(pass))) < minPassword {
			return fmt.Errorf("passphrase: at least %d characters", minPassword)
		}
	}
	private, err := key.Encode(pass)
	if err != nil {
		return err
	}
	public, err := key.Public()
	if err != nil {
		return err
	}
	given, err := public.Encode()
	if err != nil {
		return err
	}
	if err := writeNew(base+".key", private, 0o600); err != nil {
		return err
	}
	if err := writeNew(base+".pub", given, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s.key is the private key: it never leaves this machine\n%s.pub is for the agreement; its fingerprint is %s\n", base, base, public.KeyID)
	return err
}

// passphrase reads one line.
func passphrase(s *streams, what string) ([]byte, error) {
	fmt.Fprintf(s.err, "%s (one line): ", what)
	line, err := bufio.NewReader(io.LimitReader(s.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	return []byte(strings.TrimRight(line, "\r\n")), nil
}

// loadKey reads a private key, and its passphrase where it is sealed.
func loadKey(s *streams, path string) (refdata.PrivateKey, error) {
	b, err := readSmall(path)
	if err != nil {
		return refdata.PrivateKey{}, err
	}
	var pass []byte
	if refdata.Sealed(b) {
		if pass, err = passphrase(s, "Passphrase of "+path); err != nil {
			return refdata.PrivateKey{}, err
		}
	}
	k, err := refdata.ParsePrivateKey(b, pass)
	if err != nil {
		return k, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	return b, errors.Join(err, f.Close())
}

// refdataDraftCmd is `sallyport refdata draft`.
type refdataDraftCmd struct {
	Agreement string   `required:"" type:"existingfile" placeholder:"FILE" help:"Who signs what (TOML)."`
	Repo      string   `required:"" type:"path" placeholder:"DIR" help:"Repository to make or continue."`
	Put       []string `sep:"none" placeholder:"ROLE/KIND=FILE" help:"File for a role, e.g. catalogue/catalogue=FILE, packs/packs:NAME=FILE. Again for more."`
	Include   []string `sep:"none" type:"existingfile" placeholder:"FILE" help:"Contribution of an ally or a site, as it signed it. Again for more."`
}

// Run writes the next release, to be signed.
func (c *refdataDraftCmd) Run(s *streams) error {
	b, err := readSmall(c.Agreement)
	if err != nil {
		return err
	}
	dir := filepath.Dir(c.Agreement)
	agreement, err := refdata.ParseAgreement(b, func(name string) ([]byte, error) {
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("the key file %q lies outside the agreement's folder", name)
		}
		return readSmall(filepath.Join(dir, name))
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Agreement, err)
	}
	var puts []refdata.Put
	for _, arg := range c.Put {
		p, err := parsePut(arg)
		if err != nil {
			return err
		}
		puts = append(puts, p)
	}
	var given []*refdata.Repo
	for _, path := range c.Include {
		r, err := refdata.OpenRepo(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		given = append(given, r)
	}
	repo, err := refdata.OpenRepo(c.Repo)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Repo, err)
	}
	list, err := repo.Draft(agreement, puts, given, s.now().UTC())
	if err != nil {
		return err
	}
	if err := repo.SaveDir(c.Repo); err != nil {
		return fmt.Errorf("%s: %w", c.Repo, err)
	}
	return printSignings(s.out, list)
}

// parsePut reads ROLE/KIND=FILE, for a pack ROLE/packs:NAME=FILE.
func parsePut(arg string) (refdata.Put, error) {
	what, path, ok := strings.Cut(arg, "=")
	role, kind, slash := strings.Cut(what, "/")
	if !ok || !slash {
		return refdata.Put{}, fmt.Errorf("--put %q: write ROLE/KIND=FILE", arg)
	}
	kind, name, _ := strings.Cut(kind, ":")
	p := refdata.Put{Role: role, Kind: refdata.Kind(kind), Name: name}
	return p, putFile(&p, path)
}

// putFile reads the file of a part. Lists may come inside a whole graph.
func putFile(p *refdata.Put, path string) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if limit := refdata.DefaultLimits().File; info.Size() > limit {
		return fmt.Errorf("%s: %d bytes; a bundle carries files of at most %d", path, info.Size(), limit)
	}
	if p.Data, err = os.ReadFile(path); err != nil {
		return err
	}
	if p.Kind == refdata.Lists {
		if p.Data, err = refdata.ListsOf(p.Data); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if p.Kind == refdata.Packs && p.Name == "" {
		p.Name = strings.TrimSuffix(filepath.Base(path), ".yaml")
	}
	return nil
}

func printSignings(w io.Writer, list []refdata.Signing) error {
	for _, d := range list {
		mark := "needs " + fmt.Sprint(d.Need)
		switch {
		case d.Need == 0:
			mark = "stands alone"
		case d.Whole:
			mark = "enough"
		}
		who := "nobody"
		if len(d.Signed) > 0 {
			who = strings.Join(d.Signed, ", ")
		}
		now := ""
		if d.New {
			now = " (now)"
		}
		if _, err := fmt.Fprintf(w, "%-12s %4d  valid until %s  signed by %s%s: %s\n", d.Role, d.Version, d.Expires.UTC().Format(time.DateOnly), who, now, mark); err != nil {
			return err
		}
		for _, f := range d.Files {
			if _, err := fmt.Fprintf(w, "                   %s  %d bytes  sha256 %s\n", f.Path, f.Bytes, f.SHA256); err != nil {
				return err
			}
		}
	}
	return nil
}

// refdataSignCmd is `sallyport refdata sign`.
type refdataSignCmd struct {
	Repo string   `arg:"" type:"path" help:"Repository, bundle or contribution to sign."`
	Key  string   `type:"existingfile" placeholder:"FILE" help:"Private key to sign with. Without it and without --join the command only says what there is to sign."`
	Join []string `sep:"none" type:"path" placeholder:"COPY" help:"Copy that somebody else signed: take its signatures over. Again for more."`
}

// Run adds the key's signatures to everything it may sign, and those of other
// copies, and says what is still missing. Without either it only says what there
// is to sign.
func (c *refdataSignCmd) Run(s *streams) error {
	if _, err := os.Stat(c.Repo); err != nil {
		return err
	}
	repo, err := refdata.OpenRepo(c.Repo)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Repo, err)
	}
	for _, path := range c.Join {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		other, err := refdata.OpenRepo(path)
		var joined []refdata.Signing
		if err == nil {
			joined, err = repo.Join(other)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, d := range joined {
			for _, why := range d.Dropped {
				fmt.Fprintf(s.err, "sallyport: %s: left out on the %s metadata: %s\n", path, d.Role, why)
			}
		}
	}
	list, err := repo.Status()
	if c.Key != "" {
		var key refdata.PrivateKey
		if key, err = loadKey(s, c.Key); err != nil {
			return err
		}
		list, err = repo.Sign(key)
	}
	if err != nil {
		return err
	}
	if c.Key != "" || len(c.Join) > 0 {
		if err := repo.Save(c.Repo); err != nil {
			return fmt.Errorf("%s: %w", c.Repo, err)
		}
	}
	return printSignings(s.out, list)
}

// trustFlags say what a bundle is held against.
type trustFlags struct {
	Root string `type:"existingfile" xor:"trust" placeholder:"FILE" help:"Root file to start from."`
	Data string `type:"existingdir" xor:"trust" placeholder:"DIR" help:"Data directory of a site: its root and what it holds."`
}

// trust reads the root, and what the site holds.
func (f trustFlags) trust(at time.Time) (refdata.Trust, *refdata.Installed, error) {
	if f.Data == "" && f.Root == "" {
		return refdata.Trust{}, nil, errors.New("give --root FILE or --data DIR: a bundle is verified against something")
	}
	if f.Data == "" {
		root, err := readSmall(f.Root)
		return refdata.Trust{Root: root, At: at}, nil, err
	}
	cfg, err := loadSite(f.Data)
	if err != nil {
		return refdata.Trust{}, nil, err
	}
	root, err := siteRoot(f.Data, cfg)
	if err != nil {
		return refdata.Trust{}, nil, err
	}
	store := refdata.NewStore(filepath.Join(f.Data, refdataDir))
	now, err := store.Load(root)
	if err != nil {
		return refdata.Trust{}, nil, err
	}
	t, err := store.Trust(root, refdata.Numbers{}, at)
	return t, now, err
}

// siteRoot reads the root file that site.toml names.
func siteRoot(dir string, cfg siteConfig) ([]byte, error) {
	if cfg.Refdata.Root == "" {
		return nil, fmt.Errorf("%s names no root to trust: add\nrefdata.root = %q\nand put the root file of the authorities there", filepath.Join(dir, siteFile), rootFile)
	}
	b, err := readSmall(filepath.Join(dir, cfg.Refdata.Root))
	if err != nil {
		return nil, fmt.Errorf("refdata.root: %w", err)
	}
	return b, nil
}

// refdataVerifyCmd is `sallyport refdata verify`.
type refdataVerifyCmd struct {
	Bundle string `arg:"" type:"path" help:"Bundle, or repository of an authority."`
	trustFlags
	JSON bool `name:"json" help:"Print the release as JSON."`
}

// Run verifies everything and changes nothing. A refusal ends with exit code 1,
// its class and its sentence.
func (c *refdataVerifyCmd) Run(s *streams) error {
	t, _, err := c.trust(s.now().UTC())
	if err != nil {
		return err
	}
	rel, d, err := readBundle(c.Bundle, t)
	if err != nil {
		return err
	}
	if c.JSON {
		return printIndented(s.out, rel)
	}
	if _, err := fmt.Fprintf(s.out, "release %d is whole, signed and in date; nothing was installed\n", rel.Release); err != nil {
		return err
	}
	return printRelease(s.out, rel, d, s.now())
}

// readBundle reads, verifies and opens a bundle or a repository.
func readBundle(path string, t refdata.Trust) (*refdata.Release, *refdata.Data, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	var rel *refdata.Release
	if info.IsDir() {
		var repo *refdata.Repo
		if repo, err = refdata.OpenRepo(path); err == nil {
			rel, err = repo.Verify(t)
		}
	} else {
		var f *os.File
		if f, err = os.Open(path); err != nil {
			return nil, nil, err
		}
		rel, err = refdata.Read(f, refdata.DefaultLimits(), t)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	d, err := rel.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return rel, d, nil
}

func printIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printRelease says what a release holds: each part, its edition and number,
// who signed, and until when.
func printRelease(w io.Writer, rel *refdata.Release, d *refdata.Data, at time.Time) error {
	out := bufio.NewWriter(w)
	st := rel.StateAt(at)
	fmt.Fprintf(out, "release  %d of %s (%d days old), signed by %s\n", rel.Release, rel.Released.Format(time.DateOnly), st.AgeDays, strings.Join(rel.Signers, ", "))
	fmt.Fprintf(out, "root     %d, signed by %s (%d needed)\n", rel.Root, strings.Join(rel.RootSigners, ", "), rel.RootNeed)
	valid := "valid until"
	if st.Expired {
		valid = "EXPIRED on"
	}
	fmt.Fprintf(out, "%s %s (%s)\n", valid, rel.Expires.UTC().Format(time.DateOnly), rel.ExpiresRole)
	for _, r := range rel.Roles {
		title := r.Name
		if r.Title != "" {
			title += " (" + r.Title + ")"
		}
		if r.Version == 0 {
			fmt.Fprintf(out, "%s: %s, brought nothing yet\n", title, r.Standing)
			continue
		}
		fmt.Fprintf(out, "%s: %s, number %d, signed by %s (%d needed), valid until %s\n", title, r.Standing, r.Version, strings.Join(r.Signers, ", "), r.Need, r.Expires.UTC().Format(time.DateOnly))
		for _, p := range rel.Parts {
			if p.Role != r.Name {
				continue
			}
			edition := d.Editions[p.Path]
			if edition == "" {
				edition = "names no edition"
			}
			age := ""
			if days, ok := editionAge(edition, at); ok {
				age = fmt.Sprintf(", %d days old", days)
			}
			fmt.Fprintf(out, "  %-32s %s%s; %d bytes, sha256 %.16s…\n", p.Path, edition, age, p.Bytes, p.SHA256)
		}
	}
	if n := len(d.Disagreements); n > 0 {
		fmt.Fprintf(out, "%d rows on which we and an ally say different things:\n", n)
	}
	for _, x := range d.Disagreements {
		ours := string(x.Ours)
		if ours == "" {
			ours = "(no such row)"
		}
		fmt.Fprintf(out, "  %s %s %s: %s is %s, used: %s\n    ours   %s\n    theirs %s\n", x.Part, x.Section, seen(x.ID), x.Role, x.Standing, x.Used, seen(ours), seen(string(x.Theirs)))
	}
	return out.Flush()
}

// seen is a text of an ally or of a bundle that nobody has opened, with whatever
// writes nothing itself and rules a terminal put as Go would write it.
func seen(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == ' ' || unicode.IsGraphic(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// editionAge reads the first day in the name of an edition, or the first month.
func editionAge(edition string, at time.Time) (int, bool) {
	for _, layout := range []string{time.DateOnly, "2006-01"} {
		for i := 0; i+len(layout) <= len(edition); i++ {
			if d, err := time.Parse(layout, edition[i:i+len(layout)]); err == nil {
				return int(at.Sub(d).Hours() / 24), true
			}
		}
	}
	return 0, false
}

// refdataInstallCmd is `sallyport refdata install`.
type refdataInstallCmd struct {
	Bundle string `arg:"" type:"existingfile" help:"Bundle, as it came on a stick or from the hub."`
	Data   string `required:"" type:"existingdir" placeholder:"DIR" help:"Data directory of the site, running or stopped."`
}

// Run has the bundle verified and installed by the site: through its control
// socket where it runs, which then decides by it at once, else here.
func (c *refdataInstallCmd) Run(ctx context.Context, s *streams) (err error) {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	if _, err := siteRoot(c.Data, cfg); err != nil {
		return err
	}
	path, err := filepath.Abs(c.Bundle)
	if err != nil {
		return err
	}
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) {
		return stoppedInstaller(c.Data, cfg, store, s.now).operations(), nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	var got installAnswer
	err = call(opRefdataInstall, installAsk{Bundle: path}, &got)
	if got.Release == 0 {
		return err
	}
	from := "the site uses it from its next start"
	if got.Live {
		from = "the running site decides by it from now on"
	}
	if got.Already {
		_, said := fmt.Fprintf(s.out, "release %d is installed already; nothing was changed\n", got.Release)
		return errors.Join(err, said)
	}
	if _, said := fmt.Fprintf(s.out, "release %d is installed; %s\n%s", got.Release, from, got.Text); said != nil {
		return errors.Join(err, said)
	}
	for _, note := range got.Notes {
		if _, said := fmt.Fprintf(s.out, "note: %s\n", seen(note)); said != nil {
			return errors.Join(err, said)
		}
	}
	return err
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// loggedNumbers are the highest numbers that the site's log remembers, so that a
// wiped directory of reference data cannot be made to go back.
func loggedNumbers(ctx context.Context, site *sqlite.Store) (refdata.Numbers, error) {
	heads, err := site.Checkpoints(ctx, 1)
	if err != nil || len(heads) == 0 {
		return refdata.Numbers{}, err
	}
	const page = 1000
	for end := heads[0].Size; end > 0; end -= page {
		from := max(0, end-page)
		entries, err := site.Entries(ctx, from, int(end-from))
		if err != nil {
			return refdata.Numbers{}, err
		}
		for i := len(entries) - 1; i >= 0; i-- {
			n, ok, err := numbersOf(entries[i])
			if err != nil || ok {
				return n, err
			}
		}
	}
	return refdata.Numbers{}, nil
}

// numbersOf reads an entry that says that a release was being installed.
func numbersOf(e translog.StoredEntry) (n refdata.Numbers, ok bool, err error) {
	var entry translog.Entry
	if err := json.Unmarshal(e.Data, &entry); err != nil {
		return n, false, fmt.Errorf("entry %d of the log: %w", e.Seq, err)
	}
	if entry.Kind != string(gate.EventRefdata) {
		return n, false, nil
	}
	var body struct {
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(entry.Body, &body); err != nil {
		return n, false, fmt.Errorf("entry %d of the log: %w", e.Seq, err)
	}
	text, ok := strings.CutPrefix(body.Detail, installing)
	if !ok {
		return n, false, nil
	}
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		return n, false, fmt.Errorf("entry %d of the log: %w", e.Seq, err)
	}
	return n, true, nil
}

// refdataExportCmd is `sallyport refdata export`.
type refdataExportCmd struct {
	Repo string `type:"existingdir" xor:"what" required:"" placeholder:"DIR" help:"Signed repository to pack as a bundle for the gates."`
	Kind string `xor:"what" required:"" placeholder:"KIND" help:"Kind of one's own data to sign and send to the authorities: aggregates, catalogue, supply, lists, tac, packs."`
	In   string `type:"existingfile" placeholder:"FILE" help:"With --kind: the data."`
	Role string `placeholder:"NAME" help:"With --kind: the role under which the authorities know the sender, such as site-krk or ally-cz."`
	Key  string `type:"existingfile" placeholder:"FILE" help:"With --kind: the sender's private key."`
	Days int    `default:"90" help:"With --kind: days for which it holds."`
	Out  string `required:"" type:"path" placeholder:"FILE" help:"File to write (.refdata). With --kind, one that is there already is followed by the next number."`
}

// Run packs a bundle that a gate would accept now, or signs a contribution.
func (c *refdataExportCmd) Run(s *streams) error {
	at := s.now().UTC()
	if c.Repo != "" {
		repo, err := refdata.OpenRepo(c.Repo)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Repo, err)
		}
		rel, err := repo.Verify(refdata.Trust{At: at})
		if err != nil {
			return fmt.Errorf("%s: a gate would not take this: %w", c.Repo, err)
		}
		d, err := rel.Open()
		if err != nil {
			return fmt.Errorf("%s: a gate would not take this: %w", c.Repo, err)
		}
		if err := repo.SaveBundle(c.Out); err != nil {
			return fmt.Errorf("%s: %w", c.Out, err)
		}
		return printRelease(s.out, rel, d, at)
	}
	if c.In == "" || c.Role == "" || c.Key == "" {
		return errors.New("--kind needs --in, --role and --key")
	}
	version := int64(1)
	if _, err := os.Stat(c.Out); err == nil {
		old, err := refdata.OpenRepo(c.Out)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Out, err)
		}
		list, err := old.Status()
		if err != nil {
			return fmt.Errorf("%s: %w", c.Out, err)
		}
		if len(list) != 1 || list[0].Role != c.Role {
			return fmt.Errorf("%s is there and is no contribution of %s", c.Out, c.Role)
		}
		version = list[0].Version + 1
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p := refdata.Put{Role: c.Role, Kind: refdata.Kind(c.Kind)}
	if err := putFile(&p, c.In); err != nil {
		return err
	}
	key, err := loadKey(s, c.Key)
	if err != nil {
		return err
	}
	repo, err := refdata.Contribute(c.Role, version, at.AddDate(0, 0, c.Days), p)
	if err != nil {
		return err
	}
	list, err := repo.Sign(key)
	if err != nil {
		return err
	}
	if err := repo.SaveBundle(c.Out); err != nil {
		return fmt.Errorf("%s: %w", c.Out, err)
	}
	return printSignings(s.out, list)
}

// refdataDiffCmd is `sallyport refdata diff`.
type refdataDiffCmd struct {
	Bundle string `arg:"" type:"path" help:"Bundle or repository."`
	Older  string `arg:"" optional:"" type:"path" help:"What to compare it with; with --data it is what the site holds."`
	trustFlags
	JSON bool `name:"json" help:"Print the changes as JSON, with both rows."`
}

// Run says what a bundle would change. Signatures and hashes are verified, age
// is not: old bundles may be compared.
func (c *refdataDiffCmd) Run(s *streams) error {
	t, now, err := c.trust(s.now().UTC())
	if err != nil {
		return err
	}
	open := func(path string) (*refdata.Release, error) {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		repo, err := refdata.OpenRepo(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rel, err := repo.Check(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return rel, nil
	}
	var old *refdata.Release
	if now != nil {
		old = now.Release
	}
	if c.Older != "" {
		if old, err = open(c.Older); err != nil {
			return err
		}
	}
	rel, err := open(c.Bundle)
	if err != nil {
		return err
	}
	list, err := refdata.Diff(old, rel)
	if err != nil {
		return err
	}
	if c.JSON {
		return printIndented(s.out, list)
	}
	out := bufio.NewWriter(s.out)
	from := "nothing"
	if old != nil {
		from = fmt.Sprintf("release %d", old.Release)
	}
	fmt.Fprintf(out, "from %s to release %d: %d changes\n", from, rel.Release, len(list))
	for _, ch := range list {
		edition := ""
		if ch.Edition != "" {
			edition = ", now edition " + ch.Edition
		}
		words := ch.Words()
		if words != "" {
			words = "  " + words
		}
		fmt.Fprintf(out, "%-8s %-10s %s%s%s\n", ch.What, ch.Section, seen(strings.TrimSpace(ch.Path+" "+ch.ID)), edition, seen(words))
	}
	return out.Flush()
}

// refdataStatusCmd is `sallyport refdata status`.
type refdataStatusCmd struct {
	Data string `required:"" type:"existingdir" placeholder:"DIR" help:"Data directory of the site."`
	JSON bool   `name:"json" help:"Print the release and the disagreements as JSON."`
}

// Run says what a site holds, after verifying it again.
func (c *refdataStatusCmd) Run(s *streams) error {
	cfg, err := loadSite(c.Data)
	if err != nil {
		return err
	}
	held, err := openRefdata(c.Data, cfg)
	if err != nil {
		return err
	}
	if held == nil {
		_, err := fmt.Fprintln(s.out, "no bundle is installed; the site uses the data that the program carries")
		return err
	}
	if c.JSON {
		return printIndented(s.out, struct {
			*refdata.Installed
			State         refdata.State          `json:"state"`
			Editions      map[string]string      `json:"editions"`
			Disagreements []refdata.Disagreement `json:"disagreements"`
		}{held.Installed, held.StateAt(s.now()), held.data.Editions, held.data.Disagreements})
	}
	if _, err := fmt.Fprintf(s.out, "installed on %s\n", held.At.Format(time.DateOnly)); err != nil {
		return err
	}
	return printRelease(s.out, held.Release, held.data, s.now())
}

// heldRefdata is the installed release of a site, opened.
type heldRefdata struct {
	*refdata.Installed
	data *refdata.Data
}

// openRefdata verifies and opens the reference data installed at a site. It is
// nil where the site trusts no root or nothing is installed. Data that does not
// verify stops the start: going back to older data unseen is what an attacker
// would want.
func openRefdata(dir string, cfg siteConfig) (*heldRefdata, error) {
	if cfg.Refdata.Root == "" {
		return nil, nil
	}
	root, err := siteRoot(dir, cfg)
	if err != nil {
		return nil, err
	}
	now, err := refdata.NewStore(filepath.Join(dir, refdataDir)).Load(root)
	if err != nil || now == nil {
		return nil, err
	}
	d, err := now.Open()
	if err != nil {
		return nil, fmt.Errorf("installed reference data: %w", err)
	}
	now.Drop()
	return &heldRefdata{now, d}, nil
}

// parts are the data of the installed release, or none.
func (h *heldRefdata) parts() *refdata.Data {
	if h == nil {
		return &refdata.Data{}
	}
	return h.data
}

// dataSets is the line of the installed release on the page of the data.
func (h *heldRefdata) dataSets(at time.Time) []view.DataSet {
	if h == nil {
		return nil
	}
	st := h.StateAt(at)
	edition := fmt.Sprintf("release %d, valid until %s", h.Numbers.Release, h.Expires.UTC().Format(time.DateOnly))
	if st.Expired {
		edition = fmt.Sprintf("release %d, EXPIRED on %s", h.Numbers.Release, h.Expires.UTC().Format(time.DateOnly))
	}
	return []view.DataSet{{
		Name: "Signed release of reference data", Edition: edition, Date: h.Released.Format(time.DateOnly), AgeDays: st.AgeDays, Rows: len(h.Parts),
		Licence: fmt.Sprintf("%d rows on which an ally says something else", len(h.data.Disagreements)), Source: "signed by " + strings.Join(h.Signers, ", "),
	}}
}

// report says in the program's log what reference data is in use.
func (h *heldRefdata) report(ctx context.Context, log *slog.Logger, at time.Time) {
	if h == nil {
		return
	}
	st := h.StateAt(at)
	attrs := []any{"release", h.Numbers.Release, "signed_by", h.Signers, "expires", h.Expires, "age_days", st.AgeDays, "disagreements", len(h.data.Disagreements)}
	if st.Expired {
		log.WarnContext(ctx, "the installed reference data is past its date and stays in use", attrs...)
		return
	}
	log.InfoContext(ctx, "reference data", attrs...)
}
