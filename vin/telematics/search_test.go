package telematics

import (
	"strings"
	"testing"
)

func TestSearch(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	all, n := c.Search("", 0, 5)
	if n != c.Rows() || len(all) != 5 {
		t.Fatalf("no words find %d of %d rows, and %d are shown", n, c.Rows(), len(all))
	}
	for _, words := range []string{"tesla", "TESLA 2022", "quectel", "Tesla, Quectel"} {
		rows, n := c.Search(words, 0, c.Rows())
		if n == 0 || n == c.Rows() || len(rows) != n {
			t.Errorf("%q finds %d rows, and %d are shown", words, n, len(rows))
		}
		for _, r := range rows {
			has := strings.ToLower(strings.Join(append(append(r.Makes, r.Models...), r.Maker, r.TCUMaker, r.TCUName, r.Chipset, r.Model, r.ID), " "))
			if word := strings.ToLower(strings.Trim(strings.Fields(words)[0], ",")); !strings.Contains(has, word) {
				t.Errorf("%q finds %+v", words, r)
			}
			if strings.Contains(words, "2022") && (r.From > 2022 || r.To != 0 && r.To < 2022) {
				t.Errorf("%q finds %d to %d", words, r.From, r.To)
			}
		}
	}
	rest, _ := c.Search("tesla", 1, 1)
	if first, _ := c.Search("tesla", 0, 2); len(rest) != 1 || len(first) != 2 || rest[0].ID != first[1].ID {
		t.Errorf("the second page does not go on: %v, %v", rest, first)
	}
	if rows, n := c.Search("no such thing at all", 0, 9); n != 0 || rows != nil {
		t.Errorf("found %v", rows)
	}
}
