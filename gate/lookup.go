package gate

import (
	"time"

	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// LookedUp is how a VIN would be looked up: what it says of the vehicle, what is
// then asked of the catalogue, and the answer.
type LookedUp struct {
	VIN     string // as it was understood; empty where nothing could be
	Vehicle VehicleView
	Query   telematics.Query
	Answer  telematics.Answer
	Notes   []string // where the VIN was corrected, or may be misread
}

// LookUp says how a VIN would be looked up on a day. What the site knows of this
// very vehicle takes no part.
func (j *Judge) LookUp(text, market string, at time.Time) LookedUp {
	r := Request{VIN: text, Market: market, At: at}
	d, notes := j.read(r)
	f := policy.Facts{At: at}
	f.Vehicle = j.vehicleFacts(&d, r.Registered)
	out := LookedUp{VIN: string(d.VIN), Vehicle: vehicleView(&d, r.Registered), Query: query(&f, &d, r), Notes: notes}
	out.Answer = j.Known(out.Query)
	return out
}

// Known is what the catalogue knows of the vehicles of a query, with what the
// site's inspections of their kind found. Its slices are shared and must not be
// changed.
func (j *Judge) Known(q telematics.Query) telematics.Answer {
	a := j.catalogue.Lookup(q)
	if j.observed != nil {
		a = j.observed.Merge(q, a)
	}
	return a
}

// Catalogue is the telematics catalogue that it decides by.
func (j *Judge) Catalogue() *telematics.Catalogue { return j.catalogue }

// Graph is the supply graph that it decides by.
func (j *Judge) Graph() *supply.Graph { return j.supply.graph }
