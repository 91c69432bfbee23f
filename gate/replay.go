package gate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sallyport/policy"
)

// Replayed is a recorded verdict beside the one that its record gives when it is
// computed again.
type Replayed struct {
	At       time.Time
	Because  string // as in Reassessment
	Recorded policy.Outcome
	Again    policy.Outcome // 0 where it could not be computed
	Same     bool           // byte for byte, in the form in which verdicts are recorded
	Policy   string         // id and version
	Hash     string         // of the policy
	SHA256   string         // of the recorded verdict's bytes
	Differs  []string       // where the two differ, the first twenty places
	Problem  string         // why it could not be computed; empty where it was
}

// ReplayRecorded computes a verdict again, from what its record holds and nothing
// else, and compares it with the recorded one. The policy is the one whose hash
// the record names; a nil policy, with why it is missing, says that it is not
// there.
func ReplayRecorded(r Reassessment, p *policy.Policy, missing error) Replayed {
	a := r.Result
	out := Replayed{At: r.At, Because: r.Because, Recorded: a.Verdict.Outcome, Policy: a.Verdict.Policy, Hash: a.Verdict.Hash}
	switch {
	case a.Facts.At.IsZero():
		out.Problem = ErrErased.Error()
	case missing != nil:
		out.Problem = missing.Error()
	case p == nil || p.Hash() != a.Verdict.Hash:
		out.Problem = "the policy that decided is not there"
	}
	if out.Problem != "" {
		return out
	}
	again := Replay(p, a)
	recorded, err := json.Marshal(a.Verdict)
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	computed, err := json.Marshal(again)
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	sum := sha256.Sum256(recorded)
	out.Again, out.Same, out.SHA256 = again.Outcome, bytes.Equal(recorded, computed), hex.EncodeToString(sum[:])
	if !out.Same {
		var was, is any
		if json.Unmarshal(recorded, &was) == nil && json.Unmarshal(computed, &is) == nil {
			differences("verdict", was, is, &out.Differs)
		}
	}
	return out
}

// mostDifferences is how many places are named.
const mostDifferences = 20

func differences(at string, was, is any, to *[]string) {
	if len(*to) >= mostDifferences {
		return
	}
	a, aok := was.(map[string]any)
	b, bok := is.(map[string]any)
	if aok && bok {
		var keys []string
		for k := range a {
			keys = append(keys, k)
		}
		for k := range b {
			if _, both := a[k]; !both {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		for _, k := range keys {
			differences(at+"."+k, a[k], b[k], to)
		}
		return
	}
	l, lok := was.([]any)
	m, mok := is.([]any)
	if lok && mok {
		for i := range max(len(l), len(m)) {
			var x, y any
			if i < len(l) {
				x = l[i]
			}
			if i < len(m) {
				y = m[i]
			}
			differences(fmt.Sprintf("%s[%d]", at, i), x, y, to)
		}
		return
	}
	x, _ := json.Marshal(was)
	y, _ := json.Marshal(is)
	if !bytes.Equal(x, y) {
		*to = append(*to, fmt.Sprintf("%s: recorded %s, computed %s", at, short(x), short(y)))
	}
}

func short(b []byte) string {
	if len(b) > 160 {
		return string(bytes.ToValidUTF8(b[:160], nil)) + "…"
	}
	return string(b)
}

// ProofAsk says what a proof is wanted of: a passage, entries by number, or a
// period.
type ProofAsk struct {
	Passage     PassageID
	Seqs        []int64
	From, Until time.Time
	Disclose    bool // with the personal data that is still kept, and its salts
	At          time.Time
}
