package refdata

import (
	"fmt"
	"slices"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Agreement is what the authorities agree on, as a person writes it. Draft
// turns it into root and targets metadata, which they sign.
type Agreement struct {
	Authorities []Authority `toml:"authority"`
	Root        Quorum      `toml:"root"`    // who changes keys and quorums
	Policy      Quorum      `toml:"policy"`  // who says which role is trusted for what, and how much (TUF: targets)
	Release     Quorum      `toml:"release"` // who says which pieces make a release (TUF: snapshot and timestamp)
	Roles       []RoleRule  `toml:"role"`

	keys map[string]PublicKey // by the authority's name
}

// Authority is a holder of a key.
type Authority struct {
	Name string `toml:"name"`
	Key  string `toml:"key"` // file of the public key, beside the agreement
}

// Quorum is who signs, how many of them must, and for how long it holds.
type Quorum struct {
	Sign []string `toml:"sign"`
	Need int      `toml:"need"`
	Days int      `toml:"days"`
}

// RoleRule is one delegation.
type RoleRule struct {
	Name     string   `toml:"name"`
	Title    string   `toml:"title"`
	Standing Standing `toml:"standing"`
	Parts    []Kind   `toml:"parts"`
	Quorum
}

// maxDays bounds how long anything is valid.
const maxDays = 3650

// ParseAgreement reads an agreement in TOML; read gives the key files it names.
func ParseAgreement(text []byte, read func(name string) ([]byte, error)) (*Agreement, error) {
	a := &Agreement{keys: map[string]PublicKey{}}
	meta, err := toml.Decode(string(text), a)
	if err != nil {
		return nil, fmt.Errorf("agreement: %w", err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return nil, fmt.Errorf("agreement: unknown key %q", extra[0].String())
	}
	for _, au := range a.Authorities {
		if _, twice := a.keys[au.Name]; twice || au.Name == "" {
			return nil, fmt.Errorf("agreement: the authority %q has no name of its own", au.Name)
		}
		b, err := read(au.Key)
		if err != nil {
			return nil, fmt.Errorf("agreement: authority %q: %w", au.Name, err)
		}
		k, err := ParsePublicKey(b)
		if err != nil {
			return nil, fmt.Errorf("agreement: authority %q: %s: %w", au.Name, au.Key, err)
		}
		for other, o := range a.keys {
			if o.KeyID == k.KeyID {
				return nil, fmt.Errorf("agreement: %q and %q have one key: that is one signature, not two", other, au.Name)
			}
		}
		a.keys[au.Name] = k
	}
	for _, q := range []struct {
		name string
		Quorum
	}{{"root", a.Root}, {"policy", a.Policy}, {"release", a.Release}} {
		if err := a.check(q.name, q.Quorum); err != nil {
			return nil, err
		}
	}
	for _, r := range a.Roles {
		if err := a.check("role "+r.Name, r.Quorum); err != nil {
			return nil, err
		}
	}
	_, err = a.targets(time.Time{})
	return a, err
}

func (a *Agreement) check(name string, q Quorum) error {
	if q.Need < 1 || q.Need > len(q.Sign) {
		return fmt.Errorf("agreement: %s: need = %d of %d that sign", name, q.Need, len(q.Sign))
	}
	if q.Days < 1 || q.Days > maxDays {
		return fmt.Errorf("agreement: %s: days = %d is not between 1 and %d", name, q.Days, maxDays)
	}
	for i, s := range q.Sign {
		if _, ok := a.keys[s]; !ok {
			return fmt.Errorf("agreement: %s: no authority %q", name, s)
		}
		if slices.Contains(q.Sign[:i], s) {
			return fmt.Errorf("agreement: %s: %q stands there twice", name, s)
		}
	}
	return nil
}

// ids returns the key ids of those who sign.
func (a *Agreement) ids(q Quorum) []string {
	out := make([]string, len(q.Sign))
	for i, s := range q.Sign {
		out[i] = a.keys[s].KeyID
	}
	return out
}

// keysOf gathers keys and their holders' names.
func (a *Agreement) keysOf(quorums ...Quorum) (map[string]*metadata.Key, map[string]any) {
	keys, names := map[string]*metadata.Key{}, map[string]any{}
	for _, q := range quorums {
		for _, s := range q.Sign {
			k := a.keys[s]
			keys[k.KeyID], names[k.KeyID] = k.Key, s
		}
	}
	return keys, names
}

func validFor(at time.Time, days int) time.Time {
	return at.UTC().Truncate(time.Second).AddDate(0, 0, days)
}

// root is the root metadata of the agreement, without its number.
func (a *Agreement) root(at time.Time) metadata.RootType {
	keys, names := a.keysOf(a.Root, a.Policy, a.Release)
	role := func(q Quorum) *metadata.Role { return &metadata.Role{KeyIDs: a.ids(q), Threshold: q.Need} }
	return metadata.RootType{
		Type: metadata.ROOT, SpecVersion: metadata.SPECIFICATION_VERSION, Expires: validFor(at, a.Root.Days), Keys: keys,
		Roles: map[string]*metadata.Role{
			metadata.ROOT: role(a.Root), metadata.TARGETS: role(a.Policy),
			metadata.SNAPSHOT: role(a.Release), metadata.TIMESTAMP: role(a.Release),
		},
		UnrecognizedFields: map[string]any{xAuthorities: names},
	}
}

// targets is the targets metadata of the agreement, without its number.
func (a *Agreement) targets(at time.Time) (metadata.TargetsType, error) {
	d := &metadata.Delegations{}
	var quorums []Quorum
	for _, r := range a.Roles {
		parts := make([]any, len(r.Parts))
		for i, p := range r.Parts {
			parts[i] = string(p)
		}
		fields := map[string]any{xStanding: string(r.Standing), xParts: parts}
		if r.Title != "" {
			fields[xTitle] = r.Title
		}
		d.Roles = append(d.Roles, metadata.DelegatedRole{
			Name: r.Name, KeyIDs: a.ids(r.Quorum), Threshold: r.Need, Terminating: true, Paths: []string{r.Name + "/*"}, UnrecognizedFields: fields,
		})
		quorums = append(quorums, r.Quorum)
	}
	var names map[string]any
	d.Keys, names = a.keysOf(quorums...)
	t := metadata.TargetsType{
		Type: metadata.TARGETS, SpecVersion: metadata.SPECIFICATION_VERSION, Expires: validFor(at, a.Policy.Days),
		Targets: map[string]*metadata.TargetFiles{}, Delegations: d, UnrecognizedFields: map[string]any{xAuthorities: names},
	}
	if _, err := delegations(t); err != nil {
		return t, fmt.Errorf("agreement: %w", err)
	}
	return t, nil
}
