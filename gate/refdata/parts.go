package refdata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/rf"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// Kind is a kind of reference data.
type Kind string

// The kinds.
const (
	VPIC       Kind = "vpic"       // VIN index
	Catalogue  Kind = "catalogue"  // telematics catalogue
	Supply     Kind = "supply"     // parties and edges
	Lists      Kind = "lists"      // official lists and instruments; they take the place of those in supply
	RF         Kind = "rf"         // radio prefixes
	Packs      Kind = "packs"      // policies
	TAC        Kind = "tac"        // type allocation codes
	Aggregates Kind = "aggregates" // what inspections of a site showed, counted
)

// Kinds are all kinds, in the order of reports.
func Kinds() []Kind { return []Kind{VPIC, Catalogue, Supply, Lists, RF, Packs, TAC, Aggregates} }

func (k Kind) known() bool { return slices.Contains(Kinds(), k) }

// file is the name a part of the kind goes by; a policy pack goes by its own.
func (k Kind) file() string {
	if k == VPIC {
		return "vpic.idx"
	} else if k == RF {
		return "prefixes.tsv"
	} else if k == Packs {
		return ""
	}
	return string(k) + ".json"
}

func kindOf(file string) (Kind, bool) {
	if name, ok := strings.CutSuffix(file, ".yaml"); ok && isRole(name) {
		return Packs, true
	}
	for _, k := range Kinds() {
		if file == k.file() {
			return k, true
		}
	}
	return "", false
}

// ListsFile is the form in which lists, instruments, positive lists and
// advisories travel by themselves, so that others than the keepers of the graph
// can sign for them.
type ListsFile struct {
	Edition     string              `json:"edition"`
	Lists       []supply.List       `json:"lists"`
	Instruments []supply.Instrument `json:"instruments"`
	Trusted     []supply.TrustList  `json:"trusted,omitempty"`
	Advisories  []supply.Advisory   `json:"advisories,omitempty"`

	Authorisations []supply.Authorisations `json:"authorisations,omitempty"`
}

// ListsOf takes what a ListsFile holds out of a supply graph's file, or returns
// a lists file as it is.
func ListsOf(b []byte) ([]byte, error) {
	f, err := supply.ReadFile(b)
	if err != nil {
		return nil, fmt.Errorf("neither a supply graph nor a file of lists: %w", err)
	}
	if len(f.Lists)+len(f.Instruments)+len(f.Trusted)+len(f.Authorisations) == 0 {
		return nil, fmt.Errorf("edition %q holds neither lists nor instruments", f.Edition)
	}
	return json.MarshalIndent(ListsFile{f.Edition, f.Lists, f.Instruments, f.Trusted, f.Advisories, f.Authorisations}, "", " ")
}

// readLists reads a ListsFile as strictly as a graph is read. A party or an edge
// in it would be signed for by those who are trusted for lists only.
func readLists(b []byte) (*supply.File, error) {
	f, err := supply.ReadFile(b)
	if err != nil {
		return nil, err
	}
	v := reflect.ValueOf(*f)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if _, ours := reflect.TypeFor[ListsFile]().FieldByName(name); !ours && v.Field(i).Kind() == reflect.Slice && v.Field(i).Len() > 0 {
			return nil, fmt.Errorf("a file of lists holds %s, which are for a supply graph to say", strings.ToLower(name))
		}
	}
	return f, nil
}

// Pack is a policy that came with a release.
type Pack struct {
	Role   string
	Source []byte
	Policy *policy.Policy
}

// Finding is what inspections of another site showed, counted.
type Finding struct {
	Role      string // under which the authorities know the site
	Aggregate telematics.Aggregate
}

// Data is a release opened for use. What the release does not hold is nil; the
// program then uses what it carries itself.
type Data struct {
	VPIC      *vin.Index
	Catalogue *telematics.Catalogue // with TACs in it
	Graph     *supply.Graph
	Prefixes  *rf.Prefixes
	Packs     map[string]Pack
	TACs      *telematics.TACTable
	Findings  []Finding

	Editions      map[string]string // part path -> edition, where the data names one
	Disagreements []Disagreement
}

// Open reads every part and puts them together: our lists into our graph, and
// the rows of binding allies over ours. A part that this program cannot read is
// refused with its name.
func (r *Release) Open() (*Data, error) {
	d := &Data{Packs: map[string]Pack{}, Editions: map[string]string{}}
	var cats []theirs[*telematics.Catalogue]
	var graphs, lists []theirs[*supply.File]
	for _, p := range r.Parts {
		role := r.role(p.Role)
		b := r.Content(p)
		edition, err := "", error(nil)
		switch p.Kind {
		case VPIC:
			var ix *vin.Index
			if ix, err = vin.Open(b); err == nil {
				edition = ix.Edition()
				if role.Standing == Ours {
					d.VPIC = ix
				} else {
					err = fmt.Errorf("a VIN index is replaced whole: %s may not bring one", role.Standing)
				}
			}
		case RF:
			var px *rf.Prefixes
			if px, err = rf.ReadPrefixes(bytes.NewReader(b)); err == nil {
				edition = px.Edition()
				if role.Standing == Ours {
					d.Prefixes = px
				} else {
					err = fmt.Errorf("radio prefixes are replaced whole: %s may not bring them", role.Standing)
				}
			}
		case Catalogue:
			var c *telematics.Catalogue
			if c, err = telematics.Open(b); err == nil {
				edition = c.Edition()
				cats = append(cats, theirs[*telematics.Catalogue]{role, c})
			}
		case Supply:
			// The graph is opened when its lists are in it.
			var f *supply.File
			if f, err = supply.ReadFile(b); err == nil {
				edition = f.Edition
				graphs = append(graphs, theirs[*supply.File]{role, f})
			}
		case Lists:
			var f *supply.File
			if f, err = readLists(b); err == nil {
				edition = f.Edition
				lists = append(lists, theirs[*supply.File]{role, f})
			}
		case Packs:
			err = d.pack(role, p, b)
			if err == nil {
				edition = d.Packs[packName(p)].Policy.ID()
			}
		case TAC:
			var table *telematics.TACTable
			if table, err = telematics.OpenTACs(b); err == nil {
				edition = table.Edition
				if role.Standing == Ours {
					d.TACs = table
				} else {
					err = fmt.Errorf("a table of TACs is replaced whole: %s may not bring one", role.Standing)
				}
			}
		case Aggregates:
			var a telematics.Aggregate
			if a, err = telematics.ReadAggregate(b); err == nil {
				edition = a.Made
				d.Findings = append(d.Findings, Finding{p.Role, a})
			}
		}
		if err != nil {
			return nil, refuse(Unusable, fmt.Errorf("%s: %w", p.Path, err), "%q is properly signed, but this program cannot use it.", p.Path)
		}
		if edition != "" {
			d.Editions[p.Path] = printable(edition)
		}
	}
	if err := d.catalogue(cats); err != nil {
		return nil, refuse(Unusable, err, "The telematics catalogues of the release do not fit together.")
	}
	if d.TACs != nil {
		if d.Catalogue == nil {
			own, err := telematics.Embedded()
			if err != nil {
				return nil, err
			}
			d.Catalogue = own
		}
		d.Catalogue = d.Catalogue.WithTACs(d.TACs)
	}
	if err := d.graph(graphs, lists); err != nil {
		return nil, refuse(Unusable, err, "The supply graph of the release and its lists do not fit together.")
	}
	return d, nil
}

func (r *Release) role(name string) Role {
	for _, x := range r.Roles {
		if x.Name == name {
			return x
		}
	}
	return Role{Name: name}
}

func packName(p Part) string {
	_, file, _ := strings.Cut(p.Path, "/")
	return strings.TrimSuffix(file, ".yaml")
}

// pack takes in a policy. An ally's goes by the ally's name too, so that none
// takes the place of ours.
func (d *Data) pack(role Role, p Part, b []byte) error {
	pol, err := policy.Load(p.Path, b)
	if err != nil {
		return err
	}
	name := packName(p)
	if role.Standing != Ours {
		name = role.Name + "/" + name
	}
	d.Packs[name] = Pack{Role: role.Name, Source: b, Policy: pol}
	return nil
}
