package gate

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/policy"
	"sallyport/policy/supply"
)

// The questions that a policy may put to the supply graph, as
// policy.SupplyQuestion.Op names them.
const (
	opControlledFrom = "controlled_from"
	opShareFrom      = "share_from"
	opListedOn       = "listed_on"
	opDesignFrom     = "design_from"
	opTrustedBy      = "trusted_by"
	opOwnerResolved  = "owner_resolved"
	opLicenceFrom    = "licence_from"
	opFirmwareBy     = "firmware_by"
	opAuthorisedBy   = "authorised_by"
)

// maxAnswers bounds the answers kept. A site asks some dozens of different
// questions a day; the day is part of the question.
const maxAnswers = 4096

// GraphSupply lets a policy ask the supply graph. It keeps answers, because the
// same few makers are asked about for every vehicle of a day. It is safe for
// concurrent use.
type GraphSupply struct {
	graph *supply.Graph
	mu    sync.RWMutex
	kept  map[policy.SupplyQuestion]policy.SupplyAnswer
}

// NewGraphSupply makes one over a graph.
func NewGraphSupply(g *supply.Graph) *GraphSupply {
	return &GraphSupply{graph: g, kept: map[policy.SupplyQuestion]policy.SupplyAnswer{}}
}

// Ask answers a question of a policy.
func (s *GraphSupply) Ask(q policy.SupplyQuestion) policy.SupplyAnswer {
	s.mu.RLock()
	a, ok := s.kept[q]
	s.mu.RUnlock()
	if ok {
		return a
	}
	a = s.answer(q)
	s.mu.Lock()
	if len(s.kept) >= maxAnswers {
		clear(s.kept)
	}
	s.kept[q] = a
	s.mu.Unlock()
	return a
}

func (s *GraphSupply) answer(q policy.SupplyQuestion) policy.SupplyAnswer {
	day, err := time.Parse(time.DateOnly, q.Day)
	if err != nil {
		return policy.SupplyAnswer{Because: fmt.Sprintf("the question names no day: %q", q.Day)}
	}
	if q.Op == opControlledBy {
		return s.answerControlledBy(q, day)
	}
	var a supply.Answer
	switch id := string(q.Party); q.Op {
	case opControlledFrom:
		a = s.graph.ControlledFrom(id, q.Arg, q.Pct, day)
	case opShareFrom:
		a = s.graph.ShareFrom(id, q.Arg, q.Pct, day)
	case opListedOn:
		a = s.graph.ListedOn(id, q.Arg, day)
	case opDesignFrom:
		a = s.graph.DesignFrom(id, q.Arg, day)
	case opTrustedBy:
		a = s.graph.TrustedBy(id, q.Arg, day).Answer
	case opOwnerResolved:
		a = s.graph.OwnerResolved(id, day)
	case opLicenceFrom:
		a = s.graph.LicenceFrom(id, q.Arg, day)
	case opFirmwareBy:
		a = s.graph.FirmwareBy(id, q.Arg, day)
	case opAuthorisedBy:
		a = s.graph.AuthorisedBy(id, q.Arg, day)
	default:
		return policy.SupplyAnswer{Because: fmt.Sprintf("the supply graph has no question %q", q.Op)}
	}
	out := policy.SupplyAnswer{Value: truth(a.Value), Because: a.Because}
	for _, e := range a.Path {
		out.Sources = append(out.Sources, policy.Source{
			ID: e.ID, Title: e.Text, Address: e.Source, Quote: e.Quote, Date: e.Date, Reply: e.Reply,
		})
	}
	return out
}

// Prepare has the supply graph work out beforehand what the policy may ask of
// it on a day, so that no vehicle waits for it.
func (j *Judge) Prepare(day time.Time) {
	for _, q := range j.policy.Asks() {
		switch q.Op {
		case opControlledFrom, opShareFrom, opDesignFrom:
			j.supply.graph.Prepare(q.Arg, day)
		case opLicenceFrom, opFirmwareBy: // of a country, in capitals, or of a party
			if q.Arg == strings.ToUpper(q.Arg) {
				j.supply.graph.Prepare(q.Arg, day)
			}
		}
	}
}

// On is the Judge with another supply graph.
func (j *Judge) On(g *supply.Graph) *Judge {
	k := *j
	k.supply, k.behind = NewGraphSupply(g), dated(g.Edition())
	return &k
}

// Under is the Judge with another policy.
func (j *Judge) Under(p *policy.Policy) *Judge {
	k := *j
	k.policy = p
	return &k
}

func truth(v supply.Value) policy.Truth {
	switch v {
	case supply.True:
		return policy.True
	case supply.False:
		return policy.False
	case supply.Unknown:
		return policy.Unknown
	}
	return policy.Unknown
}

// names are the names that the supply graph holds, as policy.LoadKnowing asks
// for them.
type names struct{ graph *supply.Graph }

// Names are the names that a rule file may take from a supply graph.
func Names(g *supply.Graph) policy.Names { return names{g} }

// IDs are the names of a kind. A list may be named by one of its editions, and
// lists of trusted suppliers by their authority.
func (n names) IDs(kind policy.NameKind) []string {
	var out []string
	switch kind {
	case policy.NameParty:
		for i := range n.graph.Parties() {
			out = append(out, n.graph.Parties()[i].ID)
		}
	case policy.NameList:
		for i := range n.graph.Lists() {
			l := &n.graph.Lists()[i]
			out = append(out, l.ID)
			for k := range l.Editions {
				out = append(out, l.Editions[k].ID)
			}
		}
	case policy.NameTrusted:
		for _, l := range n.graph.Trusted() {
			out = append(out, l.ID, strings.ToLower(l.Authority))
		}
	case policy.NameAuthority:
		for _, l := range n.graph.Authorisations() {
			out = append(out, l.ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// PartyCalled is the id of the party that goes by a name, or "".
func (n names) PartyCalled(name string) string {
	if p, ok := n.graph.Find(name); ok {
		return p.ID
	}
	return ""
}
