package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
	"sallyport/vin/telematics"
)

// opRefdataInstall is the operation of refdata install, as the control socket
// names it.
const opRefdataInstall = "/refdata/install"

// installAsk names a bundle on the machine of the site.
type installAsk struct {
	Bundle string `json:"bundle"` // absolute path
}

// installAnswer says what became of it.
type installAnswer struct {
	Release int64    `json:"release"`
	Already bool     `json:"already,omitempty"` // it is the one in use; nothing was changed
	Live    bool     `json:"live,omitempty"`    // vehicles are decided by it from now on
	Text    string   `json:"text,omitempty"`    // the release, for a person
	Notes   []string `json:"notes,omitempty"`   // what of it is not in use yet, or was left out
}

// installing begins the detail of the event that a site records before it
// installs a release; the numbers follow as JSON.
const installing = "installing "

// installer installs releases at one site.
type installer struct {
	dir   string
	cfg   siteConfig
	store *sqlite.Store
	stamp func(context.Context) (time.Time, error) // instant of a record that is made now
	// use loads a release into the running site, and calls install when all of it
	// is loaded and nothing but the change itself is left to do; nil where no lane
	// runs. After an error what was in use is in use.
	use func(ctx context.Context, rel *refdata.Release, d *refdata.Data, install func() error) (notes []string, err error)

	mu sync.Mutex
}

// operations are those of refdata install.
func (i *installer) operations() map[string]operation {
	return map[string]operation{opRefdataInstall: op(i.install)}
}

// install verifies a bundle against the site's root, what it holds and what its
// log remembers, loads it, records and installs it. What is refused, or cannot
// be loaded, changes no reference data; the site's log keeps that it was.
func (i *installer) install(ctx context.Context, ask installAsk) (out installAnswer, err error) {
	// Whoever asked may go away; what was begun is brought to its end.
	ctx = context.WithoutCancel(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	root, err := siteRoot(i.dir, i.cfg)
	if err != nil {
		return out, err
	}
	at, err := i.stamp(ctx)
	if err != nil {
		return out, err
	}
	known, err := loggedNumbers(ctx, i.store)
	if err != nil {
		return out, err
	}
	store := refdata.NewStore(filepath.Join(i.dir, refdataDir))
	t, err := store.Trust(root, known, at)
	if err != nil {
		return out, err
	}
	rel, d, err := readBundle(ask.Bundle, t)
	switch {
	case refdata.ClassOf(err) == refdata.Held:
		return installAnswer{Release: t.InUse, Already: true}, nil
	case refdata.ClassOf(err) != "":
		return out, errors.Join(err, i.refused(ctx, err))
	case err != nil:
		return out, err
	}
	begun := false
	install := func() error {
		begun = true
		numbers, err := json.Marshal(refdata.Later(t.Held, rel.Numbers))
		if err != nil {
			return err
		}
		at, err := i.stamp(ctx)
		if err != nil {
			return err
		}
		if err := i.store.RecordEvent(ctx, gate.Event{Kind: gate.EventRefdata, At: at, Detail: installing + string(numbers)}); err != nil {
			return err
		}
		return store.Install(rel, t)
	}
	var text strings.Builder
	if err := printRelease(&text, rel, d, at); err != nil {
		return out, err
	}
	out = installAnswer{Release: rel.Release, Live: i.use != nil, Text: text.String()}
	if i.use == nil {
		if err := install(); err != nil {
			return installAnswer{}, err
		}
		return out, nil
	}
	out.Notes, err = i.use(ctx, rel, d, install)
	if err != nil && !begun {
		err = fmt.Errorf("release %d is properly signed and this site cannot use it; nothing was changed: %w", rel.Release, err)
		return installAnswer{}, errors.Join(err, i.refused(ctx, err))
	}
	if err != nil && !errors.Is(err, gate.ErrNotDecidedAgain) {
		return installAnswer{}, err
	}
	return out, err
}

// refused keeps in the site's log that a bundle was not taken.
func (i *installer) refused(ctx context.Context, why error) error {
	at, err := i.stamp(ctx)
	if err != nil {
		return err
	}
	return i.store.RecordEvent(ctx, gate.Event{Kind: gate.EventRefdata, At: at, Detail: clip(why.Error(), 1000)})
}

// stoppedInstaller installs at a site that does not run; the clock is that of
// the machine, or the last record where that is later.
func stoppedInstaller(dir string, cfg siteConfig, store *sqlite.Store, now func() time.Time) *installer {
	return &installer{dir: dir, cfg: cfg, store: store, stamp: func(ctx context.Context) (time.Time, error) {
		at := now().UTC()
		last, err := store.LastAt(ctx)
		if last.After(at) {
			at = last
		}
		return at, err
	}}
}

// runningInstaller installs at the site that runs here.
func (st *site) runningInstaller() *installer {
	return &installer{dir: st.dir, cfg: st.cfg, store: st.store, use: st.use, stamp: func(context.Context) (time.Time, error) {
		at, _ := st.rules.clock.Stamp()
		return at.UTC(), nil
	}}
}

// liveData is the reference data that a site decides by. It is exchanged as a
// whole.
type liveData struct {
	judge *gate.Judge // by the first rules in force, without what inspections showed
	held  *heldRefdata
	data  *refdata.Data
}

// load makes a Judge of reference data.
func (st *site) load(held *heldRefdata, d *refdata.Data) (*liveData, error) {
	data, err := withTACs(d, st.cfg.tacFile(st.dir))
	if err != nil {
		return nil, err
	}
	_, pol, err := st.inForce()
	if err != nil {
		return nil, err
	}
	index := st.cfg.VPIC
	if index != "" {
		index = filepath.Join(st.dir, index)
	}
	judge, err := assessorFor(pol, index, data)
	if err != nil {
		return nil, err
	}
	return &liveData{judge.In(st.cfg.zone()), held, data}, nil
}

// use lets every later vehicle be decided by a release, and decides again on
// those that wait. An error that is gate.ErrNotDecidedAgain comes after the
// release is in use; after any other it is not.
func (st *site) use(ctx context.Context, rel *refdata.Release, d *refdata.Data, install func() error) (notes []string, err error) {
	at := st.now()
	next, err := st.load(&heldRefdata{&refdata.Installed{Release: rel, At: at.UTC()}, d}, d)
	if err != nil {
		return nil, err
	}
	st.prepareOn(next.judge, at)
	var others []telematics.Aggregate
	gatherShares(st.dir, st.cfg, d.Findings, func(a telematics.Aggregate) error { others = append(others, a); return nil },
		func(err error) { notes = append(notes, "left out: "+err.Error()) })
	leftOut, err := st.learning.Renew(ctx, next.judge, others, install)
	if err != nil {
		return nil, err
	}
	for _, err := range leftOut {
		notes = append(notes, "left out: "+err.Error())
	}
	rel.Drop() // the bytes; all of it is open
	st.live.Store(next)
	st.rules.held.Store(next.data)
	next.held.report(ctx, st.log, at)
	if d.Prefixes != nil && d.Prefixes.Edition() != st.prefixes.Edition() {
		notes = append(notes, "the radio prefixes are read by the sensors of the lanes, which use them from the next start")
	}
	if err := st.changed(ctx, "data"); err != nil {
		return notes, fmt.Errorf("release %d is in use: %w: %w", rel.Release, gate.ErrNotDecidedAgain, err)
	}
	return notes, nil
}
