package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport/gate/sqlite"
)

// backupConfig is [backup] of site.toml: copies of the site, made each day.
type backupConfig struct {
	Dir  string `toml:"dir"`  // directory for them, which must be there: a mount point that is empty must not fill the site's own disk; absent is none
	At   string `toml:"at"`   // time of the site's clock; absent is 04:00
	Keep int    `toml:"keep"` // how many are kept; absent is 14
	Keys bool   `toml:"keys"` // with the secret keys: whoever has such a copy can speak as the site
}

func (c backupConfig) check() error {
	if c.Dir != "" && !filepath.IsAbs(c.Dir) {
		return fmt.Errorf("backup.dir: %q is no absolute path", c.Dir)
	}
	if _, _, err := c.time(); err != nil {
		return err
	}
	if c.Keep < 0 {
		return fmt.Errorf("backup.keep: %d", c.Keep)
	}
	return nil
}

// time is the time of day at which copies are made.
func (c backupConfig) time() (hour, minute int, err error) {
	if c.At == "" {
		return 4, 0, nil
	}
	at, err := time.Parse("15:04", c.At)
	if err != nil {
		return 0, 0, fmt.Errorf("backup.at: %q is no time of day such as 04:00", c.At)
	}
	return at.Hour(), at.Minute(), nil
}

// backupSuffix ends the name of a copy.
const backupSuffix = ".sallyport"

// backupJob makes the day's copy, and removes the oldest ones beyond those that
// are kept: never before the new one is there.
func (st *site) backupJob(ctx context.Context, _ *string) (string, error) {
	c := st.cfg.Backup
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("the directory %s is not there", c.Dir)
	}
	at, _ := st.rules.clock.Stamp()
	prefix := st.cfg.Site + "-"
	to := filepath.Join(c.Dir, prefix+at.Format("20060102T150405Z")+backupSuffix)
	m, err := st.store.Backup(ctx, sqlite.BackupOptions{To: to, Keys: c.Keys, Program: programVersion(), At: at, Skip: []string{c.Dir}})
	if err != nil {
		return "", err
	}
	removed, err := rotate(c.Dir, prefix, c.Keep)
	return fmt.Sprintf("%s: %d entries; %d older removed", filepath.Base(to), m.Entries, removed), err
}

// rotate removes the oldest copies of a site beyond so many. The names sort by
// time.
func rotate(dir, prefix string, keep int) (removed int, err error) {
	if keep == 0 {
		keep = 14
	}
	all, err := filepath.Glob(filepath.Join(dir, prefix+"*"+backupSuffix))
	if err != nil {
		return 0, err
	}
	all = slices.DeleteFunc(all, func(path string) bool {
		stem := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), prefix), backupSuffix)
		_, err := time.Parse("20060102T150405Z", stem)
		return err != nil // of another site, or somebody's own
	})
	slices.Sort(all)
	for len(all)-removed > keep {
		if err := os.Remove(all[removed]); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// backupAsk is what the command asks of the site.
type backupAsk struct {
	To   string
	Keys bool
}

func backupOps(store *sqlite.Store, stamp func() time.Time) map[string]operation {
	return map[string]operation{"/backup": op(func(ctx context.Context, in backupAsk) (sqlite.Manifest, error) {
		// Whoever asked may go away; what was begun is brought to its end.
		return store.Backup(context.WithoutCancel(ctx), sqlite.BackupOptions{To: in.To, Keys: in.Keys, Program: programVersion(), At: stamp()})
	})}
}

// backupCmd is `sallyport backup`.
type backupCmd struct {
	Data     string `help:"Data directory of the site." required:"" placeholder:"DIR"`
	To       string `help:"File to write; it must not be there yet." required:"" placeholder:"FILE"`
	WithKeys bool   `help:"Take the secret keys along: whoever has the file can then sign as the site's log and speak as its devices. Without it keep the *.key files of the data directory apart; a restore needs them."`
}

// Run copies a site into one file, while it runs or not.
func (c *backupCmd) Run(ctx context.Context, s *streams) (err error) {
	to, err := filepath.Abs(c.To)
	if err != nil {
		return err
	}
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) {
		return backupOps(store, func() time.Time { return s.now().UTC() }), nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	var m sqlite.Manifest
	if err := call("/backup", backupAsk{To: to, Keys: c.WithKeys}, &m); err != nil {
		return err
	}
	printManifest(s, m)
	if !m.Keys {
		fmt.Fprintf(s.err, "sallyport: the secret keys (*.key in %s) are not in it; a restore needs them\n", c.Data)
	}
	return nil
}

func printManifest(s *streams, m sqlite.Manifest) {
	fmt.Fprintf(s.out, "site         %s\n", m.Site)
	fmt.Fprintf(s.out, "made         %s by %s\n", m.At.Format(time.RFC3339), m.Program)
	fmt.Fprintf(s.out, "log          %d entries\n", m.Entries)
	keys := "not in it"
	if m.Keys {
		keys = "in it: keep it as you keep a key"
	}
	fmt.Fprintf(s.out, "secret keys  %s\n", keys)
	for _, f := range m.Files {
		fmt.Fprintf(s.out, "file         %s  %11d  %s\n", f.SHA256, f.Size, f.Name)
	}
}

// restoreCmd is `sallyport restore`.
type restoreCmd struct {
	Verify string   `help:"The backup to prove." required:"" placeholder:"FILE"`
	To     string   `help:"Data directory to restore into, once all is proved. A site there that has records which the backup lacks is never replaced." placeholder:"DIR"`
	Keys   string   `help:"Directory that holds the secret keys of the site, where the backup does not." placeholder:"DIR"`
	Key    string   `help:"Verifier key of the log, as an auditor keeps it." placeholder:"KEY"`
	Head   []string `help:"File of a signed head that is known from elsewhere, such as the newest that a witness has." placeholder:"FILE"`
}

// Run proves a backup, and restores it where asked to.
func (c *restoreCmd) Run(ctx context.Context, s *streams) error {
	o := sqlite.RestoreOptions{File: c.Verify, To: c.To, Keys: c.Keys, Key: c.Key, At: s.now().UTC()}
	for _, path := range c.Head {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		o.Head = append(o.Head, data)
	}
	begun := s.now()
	rep, err := sqlite.Restore(ctx, o)
	if err != nil {
		return err
	}
	printManifest(s, rep.Manifest)
	fmt.Fprintf(s.out, "key          %s\n", rep.Log.Key)
	if rep.OwnKey {
		fmt.Fprintln(s.out, "             this is the key in the backup itself; it proves that nothing is damaged, and not who made it: give --key")
	}
	fmt.Fprintf(s.out, "proved       every file, %d entries, %d records and %d checkpoints of the log, every page; schema %d\n",
		rep.Log.Entries, rep.Log.Rows, rep.Log.Checkpoints, rep.Schema)
	switch {
	case !rep.Proved:
		fmt.Fprintf(s.out, "newest head  covers %d entries: the backup LACKS the last %d\n", rep.Newest, rep.Newest-rep.Log.Entries)
	case rep.Newest > 0:
		fmt.Fprintf(s.out, "newest head  covers %d entries: the backup continues it\n", rep.Newest)
	}
	if c.To != "" {
		fmt.Fprintf(s.out, "restored     into %s in %s\n", c.To, s.now().Sub(begun).Round(time.Millisecond))
	}
	if rep.Aside != "" {
		fmt.Fprintf(s.out, "set aside    %s\n", rep.Aside)
	}
	return nil
}
