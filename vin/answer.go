package vin

// Answer is the JSON form of a decoded VIN: what `sallyport vin` prints.
type Answer struct {
	VIN            string            `json:"vin"`
	Valid          bool              `json:"valid"`
	Problems       []Problem         `json:"problems"`
	Make           string            `json:"make"`
	Model          string            `json:"model"`
	ModelYear      *int              `json:"model_year"` // null is unknown
	YearCandidates []int             `json:"model_year_candidates,omitempty"`
	Manufacturer   string            `json:"manufacturer"`
	VehicleType    string            `json:"vehicle_type"`
	BodyClass      string            `json:"body_class"`
	BuiltIn        AnswerBuiltIn     `json:"built_in"`
	Basis          string            `json:"basis,omitempty"`
	Community      bool              `json:"community,omitempty"`
	ErrorCode      string            `json:"error_code"` // NHTSA's codes, joined by commas
	Attributes     map[string]string `json:"attributes"` // vPIC variable code → value
}

// AnswerBuiltIn is the country of build in an Answer.
type AnswerBuiltIn struct {
	Country string `json:"country"`
	Code    string `json:"code,omitempty"` // ISO 3166-1 alpha-2
	Basis   string `json:"basis"`
	Weak    bool   `json:"weak,omitempty"`
}

// Answer is the JSON form of d.
func (d *Decoded) Answer() Answer {
	a := Answer{
		VIN: string(d.VIN), Valid: d.Valid, Problems: d.Problems, Make: d.Make, Model: d.Model,
		Manufacturer: d.Manufacturer, VehicleType: d.VehicleType, BodyClass: d.BodyClass,
		BuiltIn:    AnswerBuiltIn(d.BuiltIn),
		Basis:      d.Basis,
		Community:  d.Community,
		ErrorCode:  d.Codes.String(),
		Attributes: make(map[string]string, len(d.items)+4),
	}
	if a.Problems == nil {
		a.Problems = []Problem{}
	}
	if y := d.ModelYear; y != 0 {
		a.ModelYear = &y
	}
	for _, y := range d.YearCandidates {
		if y != 0 {
			a.YearCandidates = append(a.YearCandidates, y)
		}
	}
	for k, v := range d.Attributes() {
		a.Attributes[k] = v
	}
	return a
}
