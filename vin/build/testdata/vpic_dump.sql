--
-- PostgreSQL database dump
--

-- A dump in the form of NHTSA's monthly download, with few rows. Written for tests; the vehicles are not real.

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE FUNCTION vpic.fvinwmi(vin character varying) RETURNS character varying
    LANGUAGE plpgsql
    AS $$
begin
	return substring(vin, 1, 3);
end;
$$;

CREATE TABLE vpic.bodystyle (
    id integer NOT NULL,
    name character varying(500) NOT NULL
);

--
-- Data for Name: bodystyle; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.bodystyle (id, name) FROM stdin;
5	Hatchback
15	Van
64	Glider
69	Off-road: snowmobile
65	Incomplete: chassis\tcab
\.


--
-- Data for Name: conversion; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.conversion (id, fromelementid, toelementid, formula) FROM stdin;
1	11	12	#x# / 16.387064 
3	11	13	#x# / 1000.
4	13	11	#x# * 1000
\.


--
-- Data for Name: country; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.country (id, name, displayorder) FROM stdin;
6	UNITED STATES (USA)	1
2	GERMANY	999
\.


--
-- Data for Name: defaultvalue; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.defaultvalue (id, elementid, vehicletypeid, defaultvalue, createdon, updatedon) FROM stdin;
1	36	7	1	2020-01-01 00:00:00	\N
2	24	6	0	2020-01-01 00:00:00	\N
3	36	2	\N	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: decodingoutput; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.decodingoutput (id, addedon, note) FROM stdin;
\.


--
-- Data for Name: element; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.element (id, name, code, lookuptable, description, isprivate, groupname, datatype, minallowedvalue, maxallowedvalue, isqs, decode, weight) FROM stdin;
1	Other Battery Info	BatteryInfo	\N	\N	f	General	string	\N	\N	\N	Pattern	\N
5	Body Class	BodyClass	BodyStyle	\N	f	General	lookup	\N	\N	\N	Pattern	99
9	Engine Number of Cylinders	EngineCylinders	\N	\N	f	General	int	\N	\N	\N	Pattern	88
11	Displacement (CC)	DisplacementCC	\N	\N	f	General	decimal	\N	\N	\N	Pattern	98
12	Displacement (CI)	DisplacementCI	\N	\N	f	General	decimal	\N	\N	\N	Pattern	\N
13	Displacement (L)	DisplacementL	\N	\N	f	General	decimal	\N	\N	\N	Pattern	\N
18	Engine Model	EngineModel	\N	\N	f	General	string	\N	\N	\N	Pattern	55
24	Fuel Type - Primary	FuelTypePrimary	FuelType	\N	f	General	lookup	\N	\N	\N	Pattern	91
26	Make	Make	Make	\N	f	General	lookup	\N	\N	\N	WMI, Pattern	99
28	Model	Model	Model	\N	f	General	lookup	\N	\N	\N	Pattern	99
29	Model Year	ModelYear	\N	\N	f	General	int	\N	\N	\N	WMI, Input	99
36	Steering Location	SteeringLocation	Steering	\N	f	General	lookup	\N	\N	\N	Pattern	\N
39	Vehicle Type	VehicleType	VehicleType	\N	f	General	lookup	\N	\N	\N	WMI	99
75	Plant Country	PlantCountry	Country	\N	f	General	lookup	\N	\N	\N	Pattern	99
96	NCSA Body Type	NCSABodyType	vNCSABodyType	\N	t	General	lookup	\N	\N	\N	Pattern	\N
114	Note	Note	\N	\N	f	General	string	\N	\N	\N	Pattern	\N
\.


--
-- Data for Name: enginemodel; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.enginemodel (id, name, description) FROM stdin;
50	Big Six	
\.


--
-- Data for Name: enginemodelpattern; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.enginemodelpattern (id, enginemodelid, elementid, attributeid, createdon, updatedon) FROM stdin;
1	50	9	6	2020-01-01 00:00:00	\N
2	50	13	2.4	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: errorcode; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.errorcode (id, name, additionalerrortext, weight) FROM stdin;
0	0 - VIN decoded clean. Check Digit (9th position) is correct	\N	0
1	1 - Check Digit (9th position) does not calculate properly	\N	-5
2	2 - VIN corrected, error in one position 	\N	-100
3	3 - VIN corrected, error in one position (assuming Check Digit is correct)	\N	-100
4	4 - VIN corrected, error in one position only (indicated by ! in Suggested VIN), multiple matches found	In the Possible values section, the Numeric value before the : indicates the position in error.	-200
5	5 - VIN has errors in few positions	The error positions are indicated by ! in Suggested VIN.	-300
6	6 - Incomplete VIN	\N	-10
7	7 - Manufacturer is not registered with NHTSA	\N	-10000
8	8 - No detailed data available currently	\N	-1000
9	9 - Glider Warning	\N	0
10	10 - Off-Road Vehicle Warning	\N	0
11	11 - Incorrect Model Year	\N	-20
12	12 - Model Year Warning	\N	-20
14	14 - Unable to provide information for some of the characters in the VIN, based on the manufacturer submission.	\N	-30
400	400 - Invalid Characters Present	\N	-40
\.


--
-- Data for Name: fueltype; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.fueltype (id, name) FROM stdin;
4	Gasoline
2	Electric
\.


--
-- Data for Name: make; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.make (id, name, createdon, updatedon) FROM stdin;
460	Ford	2020-01-01 00:00:00	\N
1	Acme	2020-01-01 00:00:00	\N
2	Bolt	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: make_model; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.make_model (id, makeid, modelid, createdon, updatedon) FROM stdin;
1	460	1801	2020-01-01 00:00:00	\N
2	1	10	2020-01-01 00:00:00	\N
3	2	20	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: manufacturer; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.manufacturer (id, name) FROM stdin;
976	Ford Motor Company, USA
3	Acme \\ Sons\tWorks
\.


--
-- Data for Name: model; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.model (id, name, createdon, updatedon) FROM stdin;
1801	E-350	2020-01-01 00:00:00	\N
10	One	2020-01-01 00:00:00	\N
20	Two	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: pattern; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.pattern (vinschemaid, id, elementid, attributeid, keys, createdon, updatedon) FROM stdin;
100	1	28	1801	NE3B	2020-01-01 00:00:00	\N
100	2	5	15	**3	2020-01-01 00:00:00	\N
100	3	24	4	****[LSW]	2020-01-01 00:00:00	\N
100	4	75	6	*****|*D	2020-01-01 00:00:00	\N
100	5	96	7	NE	2020-01-01 00:00:00	\N
200	10	28	10	A	2020-01-01 00:00:00	2021-05-06 07:08:09.123
200	11	5	5	AB	2020-01-01 00:00:00	\N
200	12	18	big six	*B	2020-01-01 00:00:00	\N
200	13	24	4	**C	2020-01-01 00:00:00	\N
200	14	75	2	*****|*[K-M]	2020-01-01 00:00:00	\N
200	15	114	first\tnote \\ with \x41 and \101	***D	2020-01-01 00:00:00	\N
200	16	114	second	****E	2020-01-01 00:00:00	\N
200	17	114	third	****[FG]	2020-01-01 00:00:00	\N
201	20	28	20	Z	2020-01-01 00:00:00	\N
202	30	28	10	A	2020-01-01 00:00:00	\N
300	40	5	5	A	2020-01-01 00:00:00	\N
400	50	5	64	G	2020-01-01 00:00:00	\N
400	51	5	69	S	2020-01-01 00:00:00	\N
400	52	5	65	*	2020-01-01 00:00:00	2019-01-01 00:00:00
999	60	5	5	A	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: steering; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.steering (id, name) FROM stdin;
1	Left-Hand Drive (LHD)
2	Right-Hand Drive (RHD)
\.


--
-- Data for Name: vehiclespecschema; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vehiclespecschema (id, makeid, createdon, updatedon, vehicletypeid, sourcedate, tobeqced) FROM stdin;
1	1	2020-01-01 00:00:00	\N	2	2020-01-01 00:00:00	f
2	1	2020-01-01 00:00:00	\N	2	2020-01-01 00:00:00	t
3	2	2020-01-01 00:00:00	\N	2	2020-01-01 00:00:00	\N
4	1	2020-01-01 00:00:00	\N	2	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: vehiclespecschema_model; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vehiclespecschema_model (id, vehiclespecschemaid, modelid) FROM stdin;
1	1	10
2	2	10
3	3	10
4	4	10
\.


--
-- Data for Name: vehiclespecschema_year; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vehiclespecschema_year (id, vehiclespecschemaid, year) FROM stdin;
1	1	2015
2	4	2016
\.


--
-- Data for Name: vspecschemapattern; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vspecschemapattern (id, schemaid) FROM stdin;
11	1
12	1
21	2
31	3
41	4
\.


--
-- Data for Name: vehiclespecpattern; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vehiclespecpattern (id, vspecschemapatternid, iskey, elementid, attributeid, createdon, updatedon) FROM stdin;
1	11	t	18	BIG SIX	2020-01-01 00:00:00	\N
2	11	f	36	2	2020-01-01 00:00:00	\N
3	11	f	5	15	2020-01-01 00:00:00	\N
4	11	f	114	from the specs	2020-01-01 00:00:00	\N
5	12	t	18	Small Two	2020-01-01 00:00:00	\N
6	12	f	1	never	2020-01-01 00:00:00	\N
7	21	t	5	5	2020-01-01 00:00:00	\N
8	21	f	1	not checked	2020-01-01 00:00:00	\N
9	31	t	5	5	2020-01-01 00:00:00	\N
10	31	f	1	of another make	2020-01-01 00:00:00	\N
11	41	t	5	5	2020-01-01 00:00:00	\N
12	41	f	1	of another year	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: vehicletype; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vehicletype (id, name, displayorder, formtype, description, includeinequipplant) FROM stdin;
2	Passenger Car	\N	\N	\N	t
6	Trailer	\N	\N	\N	t
7	Multipurpose Passenger Vehicle (MPV)	\N	\N	\N	t
10	Incomplete Vehicle	\N	\N	\N	t
13	Off Road Vehicle	\N	\N	\N	t
\.


--
-- Data for Name: vindescriptor; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vindescriptor (id, descriptor, modelyear, createdon, updatedon) FROM stdin;
1	1AAAXXXX*FX	2014	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: vinexception; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vinexception (id, vin, checkdigit, createdon, updatedon) FROM stdin;
1	1AAABCDE0FK000001	t	2020-01-01 00:00:00	\N
2	1AAABCDE1FK000002	f	2020-01-01 00:00:00	\N
\.


--
-- Data for Name: vinschema; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.vinschema (id, name, sourcewmi, createdon, updatedon, tobeqced) FROM stdin;
100	Ford \x2d vans of 2012	1FB	2020-01-01 00:00:00	\N	\N
200	Acme cars	1AA	2020-01-01 00:00:00	\N	f
201	Acme cars, to be checked	1AA	2020-01-01 00:00:00	\N	t
202	Bolt trailers	1B9	2020-01-01 00:00:00	\N	\N
300	Trailers	1CC	2020-01-01 00:00:00	\N	\N
400	Odd ones	1DD	2020-01-01 00:00:00	\N	\N
999	linked to nothing	\N	2020-01-01 00:00:00	\N	\N
\.


--
-- Data for Name: wmi; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.wmi (id, wmi, manufacturerid, makeid, vehicletypeid, createdon, updatedon, countryid, publicavailabilitydate, trucktypeid, processedon, noncompliant, noncompliantsetbyovsc) FROM stdin;
1	1FB	976	\N	7	2020-01-01 00:00:00	\N	6	2015-01-01 00:00:00	\N	\N	\N	\N
2	1AA	3	\N	2	2020-01-01 00:00:00	\N	6	2015-01-01 00:00:00	\N	\N	\N	\N
3	1B9001	3	\N	6	2020-01-01 00:00:00	\N	6	2015-01-01 00:00:00	\N	\N	\N	\N
4	1CC	3	\N	6	2020-01-01 00:00:00	\N	6	2015-01-01 00:00:00	\N	\N	\N	\N
5	1DD	3	\N	10	2020-01-01 00:00:00	\N	6	2015-01-01 00:00:00	\N	\N	\N	\N
\.


--
-- Data for Name: wmi_make; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.wmi_make (wmiid, makeid) FROM stdin;
1	460
2	1
3	1
4	1
5	1
\.


--
-- Data for Name: wmi_vinschema; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.wmi_vinschema (id, wmiid, vinschemaid, yearfrom, yearto, orgid) FROM stdin;
1	1	100	2012	2014	\N
2	2	200	2012	\N	\N
3	2	201	2012	\N	\N
4	3	202	1990	\N	\N
5	4	300	1985	2030	\N
6	5	400	2010	\N	\N
\.


--
-- Data for Name: wmiyearvalidchars; Type: TABLE DATA; Schema: vpic; Owner: postgres
--

COPY vpic.wmiyearvalidchars (id, wmi, year, "position", "char") FROM stdin;
1	1AA	2015	4	A
2	1AA	2015	5	B
3	1AA	2015	5	X
4	1AA	2015	6	C
5	1AA	2015	7	D
6	1AA	2015	8	E
7	1AA	2015	8	F
8	1AA	2015	8	G
9	1AA	2015	9	Q
10	1AA	2015	11	K
11	1AA	2015	11	L
12	1AA	2015	11	M
13	1AA	2015	10	F
\.


SELECT pg_catalog.setval('vpic.pattern_id_seq', 60, true);

--
-- PostgreSQL database dump complete
--
