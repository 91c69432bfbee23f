package gate

import (
	"time"

	"sallyport/policy"
	"sallyport/vin/telematics"
)

// Questions are the acts that would settle which module is in the vehicle of a
// VIN, cheapest first, from what is known of its kind. Market is ISO 3166-1
// alpha-2 or "EU"; empty is unknown.
func (j *Judge) Questions(text, market string, at time.Time) []telematics.Question {
	r := Request{VIN: text, Market: market, At: at.UTC()}
	d, _ := j.read(r)
	f := policy.Facts{At: r.At, Vehicle: j.vehicleFacts(&d, r.Registered)}
	q := query(&f, &d, r)
	return j.catalogue.Questions(q, j.catalogue.Lookup(q))
}
