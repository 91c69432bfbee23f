package pack

import (
	"time"

	"sallyport/policy"
)

var instant = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

const teslaSource = "https://oogway.de/service.tesla.com/docs/TheoryOperation/palladium_x/infotainment_connectivity/index.html"

func known[T any](v T, address string) policy.Leaf[T] {
	return policy.Know(v, policy.Source{Address: address})
}

// vehicle begins the facts of one arrival.
func vehicle(maker policy.Party, model string, year int, builtIn string) *policy.Facts {
	f := &policy.Facts{At: instant}
	f.Vehicle.Make = known(string(maker), "https://vpic.nhtsa.dot.gov")
	f.Vehicle.Model = known(model, "https://vpic.nhtsa.dot.gov")
	f.Vehicle.ModelYear = known(year, "https://vpic.nhtsa.dot.gov")
	f.Vehicle.Maker = known(maker, "https://vpic.nhtsa.dot.gov")
	if builtIn != "" {
		f.Vehicle.BuiltIn = known(builtIn, "https://vpic.nhtsa.dot.gov")
	}
	f.Vehicle.WeightKg = known(2722, "https://vpic.nhtsa.dot.gov")
	f.Registration.Class = known(policy.ClassPrivate, "")
	f.Site.Zone = known(policy.ZoneRestricted, "")
	return f
}

// unit adds one unit with its alternatives.
func unit(f *policy.Facts, role, name string, candidates ...policy.Candidate) *policy.Facts {
	f.Units = append(f.Units, policy.Unit{Role: role, Name: name, Candidates: candidates})
	return f
}

func module(maker policy.Party, name, model string, c policy.Certainty, basis, address, quote string) policy.Candidate {
	return policy.Candidate{
		Maker: known(maker, ""), MakerName: name, Model: known(model, ""), ChipDown: known(false, ""),
		Certainty: c, Basis: basis, Sources: []policy.Source{{Address: address, Quote: quote}},
	}
}

func quectelCard() policy.Candidate {
	return module("quectel", "Quectel", "AG525R-GL", policy.CertaintyDocumented, "catalogue", teslaSource,
		"Single worldwide modem variant for 2021+ Model X: AG525RGL")
}

func teslaX() *policy.Facts {
	return unit(vehicle("tesla", "Model X", 2021, "US"), "tcu", "connectivity card", quectelCard())
}

// teslaChina may carry either of two modules, by date of build.
func teslaChina() *policy.Facts {
	return unit(vehicle("tesla", "Model 3", 2022, "CN"), "tcu", "car PC", quectelCard(),
		module("telit-cinterion", "Telit", "LE940B6-NA", policy.CertaintyDocumented, "catalogue", "https://www.tesla.com/ownersmanual/model3", "XMR2020AG525RGL"))
}

func volvoEX30() *policy.Facts {
	f := vehicle("volvo-cars", "EX30", 2027, "BE")
	f.Modem = known(true, "https://eur-lex.europa.eu/eli/reg/2015/758/oj")
	return f
}

func polestar3() *policy.Facts {
	f := vehicle("polestar", "Polestar 3", 2027, "US")
	f.Modem = known(true, "https://eur-lex.europa.eu/eli/reg/2015/758/oj")
	return f
}

func mercedes() *policy.Facts {
	f := vehicle("mercedes-benz", "E-Class", 2023, "DE")
	f.Modem = known(true, "https://eur-lex.europa.eu/eli/reg/2015/758/oj")
	return unit(f, "tcu", "HERMES")
}

func bydSeal() *policy.Facts {
	c := module("byd", "BYD", "MDM9628", policy.CertaintyReported, "catalogue",
		"http://blog.quarkslab.com/tearing-down-a-car-telematic-unit-and-finding-an-accident-on-facebook.html",
		"we explain how we analyzed a TCU from a Chinese manufacturer (BYD)")
	c.ChipDown = known(true, "")
	return unit(vehicle("byd", "Seal", 2024, "CN"), "tcu", "TCU", c)
}

func comma3X() policy.Candidate {
	return module("quectel", "Quectel", "EG25-G", policy.CertaintyReported, "declared",
		"https://github.com/commaai/openpilot/issues/37277", "comma 3X uses [Quectel EG25]")
}

func oldVanComma() *policy.Facts {
	return unit(vehicle("vw", "T4", 1999, "DE"), "device", "comma 3X", comma3X())
}

func rollingTruck() *policy.Facts {
	return unit(vehicle("daf", "XF", 2025, "NL"), "tcu", "telematics gateway",
		module("rolling-lux", "Rolling Wireless", "RW350", policy.CertaintyDocumented, "catalogue", "https://example.org/rolling", "Rolling Wireless S.a.r.l."))
}

func eagleUnit() *policy.Facts {
	return unit(vehicle("tesla", "fleet van", 2025, "US"), "tcu", "telematics unit",
		module("eagle", "Eagle Electronics", "EC25-E", policy.CertaintyDocumented, "catalogue", "https://example.org/eagle", "Eagle"))
}

// oldCar is a car before eCall of which nothing is known.
func oldCar() *policy.Facts {
	return vehicle("vw", "Passat", 1998, "DE")
}
