package gate_test

import (
	"strings"
	"testing"

	"sallyport/gate"
)

func TestNamesOfPeopleAreTold(t *testing.T) {
	others := []string{"anna", "Jan Żak", "old  name ", "paul", "Ольга"}
	for _, good := range []string{"ann", "Jan Zak", "José", "maria.k", "Анна", "Νίκος", "अनीता", "anna.k", "anna 2", "Лев"} {
		if err := gate.CheckName(good, others); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "anna", "Anna", "ANNA", "anna ", " anna", "jan żak", "Jan  Żak", "Jan\tZak", "an\u200bna", "\u202eanna", "old name", "a\x00b", "\xff",
		"\u0430nna", "ann\u0430", "\u0410NNA", "pau1", "PAUI", "\u0440\u0430ul", "\u03bfльга", "Jose\u0301", "ann\u0430\u0301",
		strings.Repeat("a", 101)} {
		if err := gate.CheckName(bad, others); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}
