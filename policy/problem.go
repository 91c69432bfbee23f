package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a rule file: where, what, and what to do about it.
type Problem struct {
	Name    string `json:"name"`    // the file's name as given to Load
	Line    int    `json:"line"`    // from 1
	Column  int    `json:"column"`  // from 1
	Text    string `json:"text"`    // what is wrong
	Suggest string `json:"suggest"` // what to write instead
}

func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.Name, p.Line, p.Column, p.Text)
	if p.Suggest != "" {
		s += "; " + p.Suggest
	}
	return s
}

// Problems is the error that Load returns: every fault found, in the order of
// the file.
type Problems []Problem

// maxProblems bounds what a hopeless file can say.
const maxProblems = 50

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps[:min(len(ps), maxProblems)]
}

// suggest finds what was probably meant: the allowed word that is nearest, if
// it is near enough, else the list of what is allowed.
func suggest(got string, allowed []string) string {
	if best := nearest(got, allowed); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(allowed) == 0 {
		return ""
	}
	const most = 12
	if len(allowed) > most {
		return fmt.Sprintf("one of: %s, … (%d in all)", strings.Join(allowed[:most], ", "), len(allowed))
	}
	return "one of: " + strings.Join(allowed, ", ")
}

// nearest gives the allowed word nearest to got, or the empty string when none
// is within a third of its length.
func nearest(got string, allowed []string) string {
	if len(got) > 64 {
		return ""
	}
	got = strings.ToLower(got)
	best, dist := "", max(1, len(got)/3)+1
	for _, a := range allowed {
		if !near(got, a) {
			continue
		}
		if d := distance(got, strings.ToLower(a)); d < dist {
			best, dist = a, d
		}
	}
	if best != "" {
		return best
	}
	for _, a := range allowed { // "model_year" for "vehicle.model_year"
		if len(got) >= 4 && strings.HasSuffix(a, "."+got) {
			return a
		}
	}
	return ""
}

// near says whether two words are so nearly of a length that one may have
// been meant for the other.
func near(got, a string) bool {
	most := max(1, len(got)/3)
	return len(got) <= 64 && len(a) <= len(got)+most && len(got) <= len(a)+most
}

// distance is the number of single-byte edits between two words, a swap of
// neighbours counting as one.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	older, old, now := rows[0], rows[1], rows[2]
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(old[j]+1, now[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], older[j-2]+1)
			}
		}
		older, old, now = old, now, older
	}
	return old[len(b)]
}
