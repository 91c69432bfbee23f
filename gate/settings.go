package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/gate/auth"
)

// The settings that can be changed while the site runs: one person proposes,
// another decides, and both are logged. Whatever names a file, a device or a
// port, or decides what may be heard, is in the site's configuration instead,
// where a change takes a start.
const (
	SettingRetention  = "retention-days" // of personal data; where nobody set it, as the configuration says
	SettingController = "controller"     // who answers for the data, on signs and papers
	SettingContact    = "contact"        // where a person learns of the data and of rights
	SettingBasis      = "basis"          // legal basis, in the words of the site's counsel
	SettingNecessity  = "necessity"      // why milder means do not do
	SettingPlacement  = "placement"      // where receivers and cameras stand, and how far they reach
	SettingConsulted  = "consulted"      // who was heard
)

// Setting is one of them.
type Setting struct {
	Key      string
	Min, Max int // of a number; Max 0: a text
	Letters  int // of a text, at most
}

// Settings lists them, in the order in which they are offered.
func Settings() []Setting {
	return []Setting{
		{Key: SettingRetention, Min: 1, Max: 3650},
		{Key: SettingController, Letters: 200},
		{Key: SettingContact, Letters: 200},
		{Key: SettingBasis, Letters: 2000},
		{Key: SettingNecessity, Letters: 2000},
		{Key: SettingPlacement, Letters: 2000},
		{Key: SettingConsulted, Letters: 2000},
	}
}

// SettingStep is what became of a proposed change.
type SettingStep string

// The steps. A change without one waits.
const (
	SettingApproved  SettingStep = "approved"
	SettingRejected  SettingStep = "rejected"
	SettingWithdrawn SettingStep = "withdrawn"
)

// SettingChange is one change of one setting.
type SettingChange struct {
	ID        string      `json:"id"`
	Key       string      `json:"key"`
	Was       string      `json:"was,omitempty"`
	Value     string      `json:"value"`
	Why       string      `json:"why"`
	By        string      `json:"by"`
	At        time.Time   `json:"at"`
	Decided   SettingStep `json:"decided,omitempty"`
	DecidedBy string      `json:"decided_by,omitempty"`
	DecidedAt time.Time   `json:"decided_at,omitzero"`
}

// ErrSetting is wrapped by the error of a value that a setting cannot have.
var ErrSetting = errors.New("settings")

// Check says what is wrong with a proposed change.
func (c *SettingChange) Check() error {
	i := slices.IndexFunc(Settings(), func(s Setting) bool { return s.Key == c.Key })
	switch {
	case i < 0:
		return fmt.Errorf("%w: no setting is called %q", ErrSetting, c.Key)
	case strings.TrimSpace(c.By) == "" || c.At.IsZero() || c.ID == "":
		return fmt.Errorf("%w: a change has an id, a person and an instant", ErrSetting)
	case strings.TrimSpace(c.Why) == "":
		return ErrNeedsReason
	case len(c.Why) > 400:
		return fmt.Errorf("%w: a reason of %d bytes", ErrSetting, len(c.Why))
	}
	of := Settings()[i]
	if of.Max > 0 {
		if n, err := strconv.Atoi(c.Value); err != nil || n < of.Min || n > of.Max || strconv.Itoa(n) != c.Value {
			return fmt.Errorf("%w: %q is not a number from %d to %d", ErrSetting, c.Value, of.Min, of.Max)
		}
	} else if n := len([]rune(c.Value)); n > of.Letters {
		return fmt.Errorf("%w: %d characters; at most %d", ErrSetting, n, of.Letters)
	}
	return nil
}

// CheckSettingStep says whether a change may be decided so by a person. Every
// store asks it within the transaction that records.
func CheckSettingStep(c *SettingChange, how SettingStep, by string) error {
	switch {
	case c.Decided != "":
		return ErrOver
	case strings.TrimSpace(by) == "":
		return fmt.Errorf("%w: nobody decides", ErrSetting)
	case how == SettingWithdrawn && by != c.By:
		return fmt.Errorf("%w: a change is withdrawn by who proposed it", ErrNotAllowed)
	case how == SettingWithdrawn:
		return nil
	case how != SettingApproved && how != SettingRejected:
		return fmt.Errorf("%w: a change cannot be %q", ErrSetting, how)
	case by == c.By:
		return ErrSamePerson
	}
	return nil
}

// SettingStore keeps the changes of settings. SettingsDesk owns this port;
// gate/sqlite and gate/storetest implement it. Each Record method writes its
// record and an entry of the log in one transaction, and returns nil only when
// both would survive a power cut. All methods may be called concurrently.
type SettingStore interface {
	// RecordSetting adds a change that waits. ErrExists where one of its key does.
	RecordSetting(ctx context.Context, c SettingChange) error
	// DecideSetting decides one where CheckSettingStep lets it. ErrNotFound when
	// there is none of that id.
	DecideSetting(ctx context.Context, id string, how SettingStep, by string, at time.Time) error
	// SettingChanges are all changes, oldest first.
	SettingChanges(ctx context.Context) ([]SettingChange, error)
}

// SettingsDesk is the settings as people change them and as the program reads
// them. Its methods may be called concurrently.
type SettingsDesk struct {
	store SettingStore
	clock *Clock
	acts  sync.Mutex // held by whoever records
	held  atomic.Pointer[[]SettingChange]
}

// NewSettingsDesk reads the settings.
func NewSettingsDesk(ctx context.Context, store SettingStore, clock *Clock) (*SettingsDesk, error) {
	if store == nil || clock == nil {
		return nil, errors.New("settings: no store or no clock")
	}
	d := &SettingsDesk{store: store, clock: clock}
	return d, d.reload(ctx)
}

func (d *SettingsDesk) reload(ctx context.Context) error {
	list, err := d.store.SettingChanges(ctx)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	d.held.Store(&list)
	return nil
}

// Changes are all changes, oldest first.
func (d *SettingsDesk) Changes() []SettingChange { return slices.Clone(*d.held.Load()) }

// Value is what is in force: what was approved last. It is empty where nobody
// has set it.
func (d *SettingsDesk) Value(key string) string {
	value, at := "", time.Time{}
	for _, c := range *d.held.Load() {
		if c.Key == key && c.Decided == SettingApproved && !c.DecidedAt.Before(at) {
			value, at = c.Value, c.DecidedAt
		}
	}
	return value
}

// Number is the number in force, or what stands in for it.
func (d *SettingsDesk) Number(key string, standIn int) int {
	if n, err := strconv.Atoi(d.Value(key)); err == nil {
		return n
	}
	return standIn
}

// Propose asks that a setting be changed. It changes nothing.
func (d *SettingsDesk) Propose(ctx context.Context, who Person, key, value, why string) error {
	if err := who.may(auth.ChangeSettings); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	d.acts.Lock()
	defer d.acts.Unlock()
	at, _ := d.clock.Stamp()
	c := SettingChange{ID: newID("s"), Key: key, Was: d.Value(key), Value: strings.TrimSpace(value), Why: strings.TrimSpace(why), By: who.Name, At: at}
	if err := c.Check(); err != nil {
		return err
	}
	if err := d.store.RecordSetting(ctx, c); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return d.reload(ctx)
}

// Decide approves or rejects what another person proposed, or withdraws what this
// one did. What is approved is in force when it returns.
func (d *SettingsDesk) Decide(ctx context.Context, who Person, id string, how SettingStep) error {
	if err := who.may(auth.ChangeSettings); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	d.acts.Lock()
	defer d.acts.Unlock()
	at, _ := d.clock.Stamp()
	if err := d.store.DecideSetting(ctx, id, how, who.Name, at); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return d.reload(ctx)
}
