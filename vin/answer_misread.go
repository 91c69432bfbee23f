package vin

import "strconv"

// AnswerCorrected is the correction of one misread character in an Answer.
type AnswerCorrected struct {
	VIN  string `json:"vin"`
	At   int    `json:"at"` // 1-based position in the VIN
	From string `json:"from"`
	To   string `json:"to"`
	Why  string `json:"why"`
}

// Read adds what the text is understood as, where it is no valid VIN as it
// stands. The rest of a stays what the text says as it stands.
func (a *Answer) Read(r Reading) {
	c := r.Correction
	switch {
	case c.VIN != "":
		a.Corrected = &AnswerCorrected{VIN: string(c.VIN), At: c.Change.At, From: c.Change.From, To: c.Change.To, Why: c.Why}
	case len(c.Candidates) > 0:
		a.Candidates = c.Candidates
	case r.VIN != "" && string(r.VIN) != a.VIN:
		a.Candidates = []Candidate{{VIN: r.VIN}}
	default:
		for _, v := range r.Scan.Candidates {
			a.Candidates = append(a.Candidates, Candidate{VIN: v})
		}
	}
}

// appendMisread appends the members of a that Read fills.
func (a *Answer) appendMisread(b []byte) []byte {
	if c := a.Corrected; c != nil {
		b = appendText(append(b, `,"corrected":{"vin":`...), c.VIN)
		b = strconv.AppendInt(append(b, `,"at":`...), int64(c.At), 10)
		b = appendText(append(b, `,"from":`...), c.From)
		b = appendText(append(b, `,"to":`...), c.To)
		b = append(appendText(append(b, `,"why":`...), c.Why), '}')
	}
	for i, c := range a.Candidates {
		if i == 0 {
			b = append(b, `,"candidates":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"vin":`...), string(c.VIN))
		for j, x := range c.Changes {
			if j == 0 {
				b = append(b, `,"changes":[`...)
			} else {
				b = append(b, ',')
			}
			b = strconv.AppendInt(append(b, `{"at":`...), int64(x.At), 10)
			b = appendText(append(b, `,"from":`...), x.From)
			b = append(appendText(append(b, `,"to":`...), x.To), '}')
			if j == len(c.Changes)-1 {
				b = append(b, ']')
			}
		}
		if c.Expected {
			b = append(b, `,"expected":true`...)
		}
		if b = append(b, '}'); i == len(a.Candidates)-1 {
			b = append(b, ']')
		}
	}
	return b
}
