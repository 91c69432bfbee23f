package vin

import "strings"

// country is one country as vPIC names it.
type country struct {
	code string // ISO 3166-1 alpha-2
	name string // as people write it
}

// countries maps the names of vPIC's Country table, single-spaced, to ISO 3166-1.
// vPIC's Kosovo has the user-assigned code XK.
var countries = map[string]country{
	"AFGHANISTAN":                      {"AF", "Afghanistan"},
	"ALBANIA":                          {"AL", "Albania"},
	"ALGERIA":                          {"DZ", "Algeria"},
	"ANDORRA":                          {"AD", "Andorra"},
	"ANGOLA":                           {"AO", "Angola"},
	"ANTIGUA AND BARBUDA":              {"AG", "Antigua and Barbuda"},
	"ARGENTINA":                        {"AR", "Argentina"},
	"ARMENIA":                          {"AM", "Armenia"},
	"AUSTRALIA":                        {"AU", "Australia"},
	"AUSTRIA":                          {"AT", "Austria"},
	"AZERBAIJAN":                       {"AZ", "Azerbaijan"},
	"BAHAMAS":                          {"BS", "Bahamas"},
	"BAHRAIN":                          {"BH", "Bahrain"},
	"BANGLADESH":                       {"BD", "Bangladesh"},
	"BARBADOS":                         {"BB", "Barbados"},
	"BELARUS":                          {"BY", "Belarus"},
	"BELGIUM":                          {"BE", "Belgium"},
	"BELIZE":                           {"BZ", "Belize"},
	"BENIN":                            {"BJ", "Benin"},
	"BHUTAN":                           {"BT", "Bhutan"},
	"BOLIVIA":                          {"BO", "Bolivia"},
	"BOSNIA AND HERZEGOVINA":           {"BA", "Bosnia and Herzegovina"},
	"BOTSWANA":                         {"BW", "Botswana"},
	"BRAZIL":                           {"BR", "Brazil"},
	"BRUNEI":                           {"BN", "Brunei"},
	"BULGARIA":                         {"BG", "Bulgaria"},
	"BURKINA FASO":                     {"BF", "Burkina Faso"},
	"BURUNDI":                          {"BI", "Burundi"},
	"CABO VERDE":                       {"CV", "Cabo Verde"},
	"CAMBODIA":                         {"KH", "Cambodia"},
	"CAMEROON":                         {"CM", "Cameroon"},
	"CANADA":                           {"CA", "Canada"},
	"CENTRAL AFRICAN REPUBLIC":         {"CF", "Central African Republic"},
	"CHAD":                             {"TD", "Chad"},
	"CHILE":                            {"CL", "Chile"},
	"CHINA":                            {"CN", "China"},
	"COLOMBIA":                         {"CO", "Colombia"},
	"COMOROS":                          {"KM", "Comoros"},
	"CONGO (BRAZZAVILLE)":              {"CG", "Congo (Brazzaville)"},
	"CONGO (KINSHASA)":                 {"CD", "Congo (Kinshasa)"},
	"COSTA RICA":                       {"CR", "Costa Rica"},
	"CROATIA":                          {"HR", "Croatia"},
	"CUBA":                             {"CU", "Cuba"},
	"CYPRUS":                           {"CY", "Cyprus"},
	"CZECH REPUBLIC":                   {"CZ", "Czech Republic"},
	"CÔTE D'IVOIRE":                    {"CI", "Côte d'Ivoire"},
	"DENMARK":                          {"DK", "Denmark"},
	"DJIBOUTI":                         {"DJ", "Djibouti"},
	"DOMINICA":                         {"DM", "Dominica"},
	"DOMINICAN REPUBLIC":               {"DO", "Dominican Republic"},
	"ECUADOR":                          {"EC", "Ecuador"},
	"EGYPT":                            {"EG", "Egypt"},
	"EL SALVADOR":                      {"SV", "El Salvador"},
	"ENGLAND":                          {"GB", "United Kingdom"},
	"EQUATORIAL GUINEA":                {"GQ", "Equatorial Guinea"},
	"ERITREA":                          {"ER", "Eritrea"},
	"ESTONIA":                          {"EE", "Estonia"},
	"ESWATINI":                         {"SZ", "Eswatini"},
	"ETHIOPIA":                         {"ET", "Ethiopia"},
	"FEDERATED STATES OF MICRONESIA":   {"FM", "Federated States of Micronesia"},
	"FIJI":                             {"FJ", "Fiji"},
	"FINLAND":                          {"FI", "Finland"},
	"FRANCE":                           {"FR", "France"},
	"GABON":                            {"GA", "Gabon"},
	"GAMBIA":                           {"GM", "Gambia"},
	"GEORGIA":                          {"GE", "Georgia"},
	"GERMANY":                          {"DE", "Germany"},
	"GHANA":                            {"GH", "Ghana"},
	"GREECE":                           {"GR", "Greece"},
	"GRENADA":                          {"GD", "Grenada"},
	"GUATEMALA":                        {"GT", "Guatemala"},
	"GUINEA-BISSAU":                    {"GW", "Guinea-Bissau"},
	"GUYANA":                           {"GY", "Guyana"},
	"HAITI":                            {"HT", "Haiti"},
	"HONDURAS":                         {"HN", "Honduras"},
	"HONG KONG":                        {"HK", "Hong Kong"},
	"HUNGARY":                          {"HU", "Hungary"},
	"ICELAND":                          {"IS", "Iceland"},
	"INDIA":                            {"IN", "India"},
	"INDONESIA":                        {"ID", "Indonesia"},
	"IRAN":                             {"IR", "Iran"},
	"IRAQ":                             {"IQ", "Iraq"},
	"IRELAND":                          {"IE", "Ireland"},
	"ISRAEL":                           {"IL", "Israel"},
	"ITALY":                            {"IT", "Italy"},
	"JAMAICA":                          {"JM", "Jamaica"},
	"JAPAN":                            {"JP", "Japan"},
	"JORDAN":                           {"JO", "Jordan"},
	"KAZAKHSTAN":                       {"KZ", "Kazakhstan"},
	"KENYA":                            {"KE", "Kenya"},
	"KIRIBATI":                         {"KI", "Kiribati"},
	"KOSOVO":                           {"XK", "Kosovo"},
	"KUWAIT":                           {"KW", "Kuwait"},
	"KYRGYZSTAN":                       {"KG", "Kyrgyzstan"},
	"LAOS":                             {"LA", "Laos"},
	"LATVIA":                           {"LV", "Latvia"},
	"LEBANON":                          {"LB", "Lebanon"},
	"LESOTHO":                          {"LS", "Lesotho"},
	"LIBERIA":                          {"LR", "Liberia"},
	"LIBYA":                            {"LY", "Libya"},
	"LIECHTENSTEIN":                    {"LI", "Liechtenstein"},
	"LITHUANIA":                        {"LT", "Lithuania"},
	"LUXEMBOURG":                       {"LU", "Luxembourg"},
	"MADAGASCAR":                       {"MG", "Madagascar"},
	"MALAWI":                           {"MW", "Malawi"},
	"MALAYSIA":                         {"MY", "Malaysia"},
	"MALDIVES":                         {"MV", "Maldives"},
	"MALI":                             {"ML", "Mali"},
	"MALTA":                            {"MT", "Malta"},
	"MARSHALL ISLANDS":                 {"MH", "Marshall Islands"},
	"MAURITANIA":                       {"MR", "Mauritania"},
	"MAURITIUS":                        {"MU", "Mauritius"},
	"MEXICO":                           {"MX", "Mexico"},
	"MOLDOVA":                          {"MD", "Moldova"},
	"MONACO":                           {"MC", "Monaco"},
	"MONGOLIA":                         {"MN", "Mongolia"},
	"MONTENEGRO":                       {"ME", "Montenegro"},
	"MOROCCO":                          {"MA", "Morocco"},
	"MOZAMBIQUE":                       {"MZ", "Mozambique"},
	"MYANMAR (BURMA)":                  {"MM", "Myanmar"},
	"NAMIBIA":                          {"NA", "Namibia"},
	"NAURU":                            {"NR", "Nauru"},
	"NEPAL":                            {"NP", "Nepal"},
	"NETHERLANDS":                      {"NL", "Netherlands"},
	"NEW ZEALAND":                      {"NZ", "New Zealand"},
	"NICARAGUA":                        {"NI", "Nicaragua"},
	"NIGER":                            {"NE", "Niger"},
	"NIGERIA":                          {"NG", "Nigeria"},
	"NORTH KOREA":                      {"KP", "North Korea"},
	"NORTH MACEDONIA":                  {"MK", "North Macedonia"},
	"NORWAY":                           {"NO", "Norway"},
	"OMAN":                             {"OM", "Oman"},
	"PAKISTAN":                         {"PK", "Pakistan"},
	"PALAU":                            {"PW", "Palau"},
	"PALESTINE":                        {"PS", "Palestine"},
	"PANAMA":                           {"PA", "Panama"},
	"PAPUA NEW GUINEA":                 {"PG", "Papua New Guinea"},
	"PARAGUAY":                         {"PY", "Paraguay"},
	"PERU":                             {"PE", "Peru"},
	"PHILIPPINES":                      {"PH", "Philippines"},
	"POLAND":                           {"PL", "Poland"},
	"PORTUGAL":                         {"PT", "Portugal"},
	"PUERTO RICO":                      {"PR", "Puerto Rico"},
	"QATAR":                            {"QA", "Qatar"},
	"ROMANIA":                          {"RO", "Romania"},
	"RUSSIA":                           {"RU", "Russia"},
	"RWANDA":                           {"RW", "Rwanda"},
	"SAINT KITTS AND NEVIS":            {"KN", "Saint Kitts and Nevis"},
	"SAINT LUCIA":                      {"LC", "Saint Lucia"},
	"SAINT VINCENT AND THE GRENADINES": {"VC", "Saint Vincent and the Grenadines"},
	"SAMOA":                            {"WS", "Samoa"},
	"SAN MARINO":                       {"SM", "San Marino"},
	"SAO TOME AND PRINCIPE":            {"ST", "Sao Tome and Principe"},
	"SAUDI ARABIA":                     {"SA", "Saudi Arabia"},
	"SENEGAL":                          {"SN", "Senegal"},
	"SERBIA":                           {"RS", "Serbia"},
	"SEYCHELLES":                       {"SC", "Seychelles"},
	"SIERRA LEONE":                     {"SL", "Sierra Leone"},
	"SINGAPORE":                        {"SG", "Singapore"},
	"SLOVAKIA":                         {"SK", "Slovakia"},
	"SLOVENIA":                         {"SI", "Slovenia"},
	"SOLOMON ISLANDS":                  {"SB", "Solomon Islands"},
	"SOMALIA":                          {"SO", "Somalia"},
	"SOUTH AFRICA":                     {"ZA", "South Africa"},
	"SOUTH KOREA":                      {"KR", "South Korea"},
	"SOUTH SUDAN":                      {"SS", "South Sudan"},
	"SPAIN":                            {"ES", "Spain"},
	"SRI LANKA":                        {"LK", "Sri Lanka"},
	"SUDAN":                            {"SD", "Sudan"},
	"SURINAME":                         {"SR", "Suriname"},
	"SWEDEN":                           {"SE", "Sweden"},
	"SWITZERLAND":                      {"CH", "Switzerland"},
	"SYRIA":                            {"SY", "Syria"},
	"TAIWAN":                           {"TW", "Taiwan"},
	"TAJIKISTAN":                       {"TJ", "Tajikistan"},
	"TANZANIA":                         {"TZ", "Tanzania"},
	"THAILAND":                         {"TH", "Thailand"},
	"TIMOR-LESTE":                      {"TL", "Timor-Leste"},
	"TOGO":                             {"TG", "Togo"},
	"TONGA":                            {"TO", "Tonga"},
	"TRINIDAD AND TOBAGO":              {"TT", "Trinidad and Tobago"},
	"TUNISIA":                          {"TN", "Tunisia"},
	"TURKEY":                           {"TR", "Turkey"},
	"TURKMENISTAN":                     {"TM", "Turkmenistan"},
	"TUVALU":                           {"TV", "Tuvalu"},
	"UGANDA":                           {"UG", "Uganda"},
	"UKRAINE":                          {"UA", "Ukraine"},
	"UNITED ARAB EMIRATES":             {"AE", "United Arab Emirates"},
	"UNITED KINGDOM (UK)":              {"GB", "United Kingdom"},
	"UNITED STATES (USA)":              {"US", "United States"},
	"URUGUAY":                          {"UY", "Uruguay"},
	"UZBEKISTAN":                       {"UZ", "Uzbekistan"},
	"VANUATU":                          {"VU", "Vanuatu"},
	"VATICAN CITY (HOLY SEE)":          {"VA", "Vatican City"},
	"VENEZUELA":                        {"VE", "Venezuela"},
	"VIETNAM":                          {"VN", "Vietnam"},
	"YEMEN":                            {"YE", "Yemen"},
	"ZAMBIA":                           {"ZM", "Zambia"},
	"ZIMBABWE":                         {"ZW", "Zimbabwe"},
}

// regions gives the country to which ISO 3780 assigns the first two characters
// of a WMI, as published by SAE: the country in which the maker's identifier
// was assigned, which need not be the country of build. Ranges run A–Z, 1–9, 0.
var regions = [...]struct {
	first    byte
	from, to byte
	code     string
}{
	{'A', 'A', 'H', "ZA"},
	{'A', 'X', 'Y', "TN"},
	{'B', 'F', 'G', "KE"},
	{'D', 'A', 'E', "EG"},
	{'D', 'F', 'K', "MA"},
	{'H', 'A', '0', "CN"},
	{'J', 'A', '0', "JP"},
	{'K', 'F', 'H', "IL"},
	{'K', 'L', 'R', "KR"},
	{'K', 'S', 'T', "JO"},
	{'L', 'A', '0', "CN"},
	{'M', 'A', 'E', "IN"},
	{'M', 'F', 'K', "ID"},
	{'M', 'L', 'R', "TH"},
	{'M', 'S', 'S', "MM"},
	{'M', 'Y', '0', "IN"},
	{'N', 'A', 'E', "IR"},
	{'N', 'F', 'G', "PK"},
	{'N', 'L', 'R', "TR"},
	{'P', 'A', 'E', "PH"},
	{'P', 'F', 'K', "SG"},
	{'P', 'L', 'R', "MY"},
	{'R', 'A', 'E', "AE"},
	{'R', 'F', 'K', "TW"},
	{'R', 'L', 'R', "VN"},
	{'R', 'S', 'W', "SA"},
	{'S', 'A', 'M', "GB"},
	{'S', 'N', 'T', "DE"},
	{'S', 'U', 'Z', "PL"},
	{'S', '1', '2', "LV"},
	{'T', 'A', 'H', "CH"},
	{'T', 'J', 'P', "CZ"},
	{'T', 'R', 'V', "HU"},
	{'T', 'W', '2', "PT"},
	{'U', 'H', 'M', "DK"},
	{'U', 'N', 'T', "IE"},
	{'U', 'U', 'X', "RO"},
	{'U', '5', '7', "SK"},
	{'V', 'A', 'E', "AT"},
	{'V', 'F', 'R', "FR"},
	{'V', 'S', 'W', "ES"},
	{'V', '3', '5', "HR"},
	{'V', '6', '8', "EE"},
	{'W', 'A', '0', "DE"},
	{'X', 'A', 'E', "BG"},
	{'X', 'F', 'K', "GR"},
	{'X', 'L', 'R', "NL"},
	{'X', 'S', 'W', "RU"},
	{'X', 'X', 'Y', "LU"},
	{'X', 'Z', '0', "RU"},
	{'Y', 'A', 'E', "BE"},
	{'Y', 'F', 'K', "FI"},
	{'Y', 'S', 'W', "SE"},
	{'Y', 'X', '2', "NO"},
	{'Y', '3', '5', "BY"},
	{'Y', '6', '8', "UA"},
	{'Z', 'A', 'U', "IT"},
	{'Z', 'X', 'Z', "SI"},
	{'Z', '3', '5', "LT"},
	{'Z', '6', '0', "RU"},
	{'1', 'A', '0', "US"},
	{'2', 'A', '0', "CA"},
	{'3', 'A', 'W', "MX"},
	{'4', 'A', '0', "US"},
	{'5', 'A', '0', "US"},
	{'6', 'A', 'X', "AU"},
	{'7', 'A', 'E', "NZ"},
	{'7', 'F', '0', "US"},
	{'8', 'A', 'E', "AR"},
	{'8', 'F', 'K', "CL"},
	{'8', 'L', 'N', "EC"},
	{'8', 'S', 'W', "PE"},
	{'8', 'X', 'Z', "VE"},
	{'9', 'A', 'E', "BR"},
	{'9', 'F', 'J', "CO"},
	{'9', 'S', 'V', "UY"},
	{'9', '3', '9', "BR"},
}

// regionOrder is the order of ISO 3780's ranges.
func regionOrder(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= '1' && c <= '9':
		return 26 + int(c-'1')
	case c == '0':
		return 35
	}
	return -1
}

// region is the ISO 3166-1 alpha-2 code of the country to which the WMI is
// assigned, or empty.
func region(v VIN) string {
	if len(v) < 2 {
		return ""
	}
	at := regionOrder(v[1])
	for _, r := range regions {
		if r.first == v[0] && at >= regionOrder(r.from) && at <= regionOrder(r.to) {
			return r.code
		}
	}
	return ""
}

// countryNames is the names by ISO 3166-1 alpha-2 code: of the letters a and b
// at a*26+b, counted from A.
var countryNames = func() (names [26 * 26]string) {
	for _, c := range countries {
		names[int(c.code[0]-'A')*26+int(c.code[1]-'A')] = c.name
	}
	return names
}()

// CountryCode is the ISO 3166-1 alpha-2 code of a country by the name that
// vPIC's Country table has for it or by its usual English name, in any case and
// spacing; empty where neither is known.
func CountryCode(name string) string {
	name = strings.ToUpper(strings.Join(strings.Fields(name), " "))
	if c, ok := countries[name]; ok {
		return c.code
	}
	for _, c := range countries {
		if strings.ToUpper(c.name) == name {
			return c.code
		}
	}
	return ""
}

// CountryName is the usual English name of a country by its ISO 3166-1 alpha-2
// code, or empty.
func CountryName(code string) string {
	if len(code) != 2 || code[0]-'A' >= 26 || code[1]-'A' >= 26 {
		return ""
	}
	return countryNames[int(code[0]-'A')*26+int(code[1]-'A')]
}
