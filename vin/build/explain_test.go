package build

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/vin"
)

// With NHTSA's whole download an explanation names the schemas, and says what
// the VIN must have been.
func TestExplainWhole(t *testing.T) {
	want, err := os.ReadFile("testdata/explain_whole.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := wholeIndex(t).ExplainText("1FBNE3BE1CDB23596", vin.Options{Year: 2026}).String()
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
