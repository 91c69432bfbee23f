package telematics

import (
	"slices"
	"strconv"
	"strings"
)

// Search finds the rows of which every word of a text speaks: a make or a name
// for one, a model, a market, a maker or model of the module or the unit, an
// approval, a part number, the row's own id, or a year that it covers. Case,
// accents and punctuation do not matter. It returns the rows from the given
// place on, at most n, and how many there are; no words are all rows.
func (c *Catalogue) Search(text string, from, n int) (rows []Row, total int) {
	var words []string
	for w := range strings.FieldsSeq(text) {
		if f := fold(w); f != "" {
			words = append(words, f)
		}
	}
	for i := range c.Rows() {
		r := c.rows.row(int32(i))
		if !slices.ContainsFunc(words, func(w string) bool { return !r.speaksOf(w, c.makes) }) {
			if total >= from && len(rows) < n {
				rows = append(rows, *r)
			}
			total++
		}
	}
	return rows, total
}

// speaksOf says whether a folded word is in what a row is about, or a year that
// it covers. Makes are other spellings of makes.
func (r *Row) speaksOf(word string, makes map[string]string) bool {
	if year, err := strconv.Atoi(word); err == nil && len(word) == 4 && year > 1980 && year < 2100 && (r.From != 0 || r.To != 0) {
		if (r.From == 0 || year >= r.From) && (r.To == 0 || year <= r.To) {
			return true
		}
	}
	other := makes[word]
	for _, list := range [...][]string{r.Makes, r.Models, r.Markets, r.TCUParts, r.Approvals,
		{r.Maker, r.Model, r.Also, r.TCUMaker, r.TCUName, r.Chipset, r.Generation, r.ID}} {
		for _, s := range list {
			if f := fold(s); strings.Contains(f, word) || other != "" && f == fold(other) {
				return true
			}
		}
	}
	return false
}
