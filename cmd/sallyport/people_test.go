package main

import (
	"strings"
	"testing"

	"sallyport/gate/sqlite"
)

func TestNamesOfPeopleAreTold(t *testing.T) {
	others := []sqlite.User{{Name: "anna"}, {Name: "Jan Żak"}, {Name: "old  name "}}
	for _, good := range []string{"ann", "Jan Zak", "José", "maria.k"} {
		if err := checkName(good, others); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "anna", "Anna", "ANNA", "anna ", " anna", "jan żak", "Jan  Żak", "Jan\tZak", "an\u200bna", "\u202eanna", "old name", "a\x00b", "\xff", strings.Repeat("a", 101)} {
		if err := checkName(bad, others); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}
