package gallery

import (
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// peopleEntries are the pages of people, of signing in otherwise than by
// password, and of kiosks.
func peopleEntries() []Entry {
	at := At()
	users := []gate.User{
		{ID: "1", Name: "Aleksandra Wiśniewska-Kowalczyk", Role: string(auth.Administrator), Hash: "x", Secret: "x", Created: at.AddDate(0, -7, 0)},
		{ID: "2", Name: "Bartholomäus Freiherr von Hohenstein", Role: string(auth.FleetManager), Hash: "x", Fleets: []string{"motor-pool-west", "contractors-bridge-works", "medical-corps-2"}, Created: at.AddDate(0, -2, 0)},
		{ID: "3", Name: "Ewa Lis", Role: string(auth.Supervisor), Hash: "x", Badge: "04A22B11", HasPIN: true, Created: at.AddDate(-1, 0, 0)},
		{ID: "4", Name: "Jan Żak", Role: string(auth.Guard), Badge: "04A22B12", StartHash: "x", StartUntil: at.Add(70 * time.Hour), Created: at.Add(-2 * time.Hour)},
		{ID: "5", Name: "Karl Möller", Role: string(auth.Guard), Hash: "x", Disabled: true},
		{ID: "6", Name: "Markus Schmidt", Role: string(auth.SecurityManager), Subject: "https://id.example 7"},
		{ID: "7", Name: "Olga Nowak", Role: string(auth.Auditor), Hash: "x", Badge: "88", HasPIN: true, Secret: "x"},
	}
	fleets := []view.Pick{{Value: "motor-pool-west", Label: "Motor pool West"}, {Value: "contractors-bridge-works", Label: "Contractors of the bridge works, third section"}, {Value: "medical-corps-2", Label: "Medical corps 2"}}
	sessions := view.NewSessionRows([]gate.Session{
		{TokenHash: [32]byte{1}, Created: at.Add(-time.Hour), Expires: at.Add(time.Hour), Seen: at.Add(-time.Minute), Address: "192.0.2.17", Agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"},
		{TokenHash: [32]byte{2}, Created: at.Add(-3 * time.Hour), Expires: at.Add(time.Hour), Kind: gate.SessionKiosk, Address: "2001:db8:4711::8a2e:370:7334"},
	}, [32]byte{1}, at)
	person := func(i int, code, problem string) func(view.Base) (view.Page, error) {
		return func(b view.Base) (view.Page, error) {
			p := view.PersonPage{Base: b, Row: view.NewPersonRow(b, users[i]), Form: view.NewPersonForm(b, users[i], fleets), StartCode: code, SessionsAt: "/people/x/sessions"}
			if code == "" {
				p.Sessions = sessions
			}
			if problem != "" {
				p.Problem = b.T(problem)
			}
			return p, nil
		}
	}
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	return []Entry{
		{Name: "people", Role: auth.Administrator, Path: "/people", Page: func(b view.Base) (view.Page, error) {
			p := view.People{Base: b, Form: view.NewPersonForm(b, gate.User{Role: string(auth.Guard)}, fleets)}
			for _, u := range users {
				p.Rows = append(p.Rows, view.NewPersonRow(b, u))
			}
			return p, nil
		}},
		{Name: "people-refused", Role: auth.Administrator, Path: "/people", Page: func(b view.Base) (view.Page, error) {
			return view.People{Base: b, Rows: []view.PersonRow{view.NewPersonRow(b, users[0])}, Form: view.NewPersonForm(b, users[1], fleets), Problem: b.T("people.bad-name")}, nil
		}},
		{Name: "person", Role: auth.Administrator, Path: "/people/2", Page: person(1, "", "")},
		{Name: "person-started", Role: auth.Administrator, Path: "/people/4", Page: person(3, "K7QP-M2XR-9DTB", "")},
		{Name: "person-last", Role: auth.Administrator, Path: "/people/1", Page: person(0, "", "people.last")},
		{Name: "me", Role: auth.Supervisor, Path: "/me", Page: func(b view.Base) (view.Page, error) {
			return view.Me{Base: b, Row: view.NewPersonRow(b, users[2]), Langs: view.LangChoices(b, "pl"), Sessions: sessions, SessionsAt: "/me/sessions", HasPassword: true, PINs: true, Done: b.T("me.pin.done")}, nil
		}},
		{Name: "codes", Role: auth.SecurityManager, Path: "/me/codes", Page: func(b view.Base) (view.Page, error) {
			qr, err := view.NewQR(auth.CodeAddress(b.Site, "Bartholomäus Freiherr von Hohenstein", secret))
			return view.Codes{Base: b, Next: "/", Must: true, QR: qr, Secret: secret, Problem: b.T("codes.wrong")}, err
		}},
		{Name: "codes-done", Role: auth.SecurityManager, Path: "/me/codes", Page: func(b view.Base) (view.Page, error) {
			return view.Codes{Base: b, Next: "/", Recovery: []string{"K7QP-M2XR-9DTB", "W3NC-8HVF-LJ6A", "Q5ZT-RM4D-XP9K", "B8GE-YU2S-7CNA", "H6JW-DV3L-TQ5R", "M9XF-4KPZ-CS8E", "N2BY-UG7H-WJ6D", "V3LT-5RQM-XK9P", "Z8CS-EN4F-BY2U", "G7HW-JD6V-3LTQ"}}, nil
		}},
		{Name: "signin-all", Path: "/signin", Page: func(b view.Base) (view.Page, error) {
			return view.SignIn{Base: b, Next: "/", Badge: true, Starts: true, Provider: "Identitätsdienst der Liegenschaft"}, nil
		}},
		{Name: "signin-code", Path: "/signin/code", Page: func(b view.Base) (view.Page, error) {
			return view.SignInCode{Base: b, Who: "Bartholomäus Freiherr von Hohenstein", Next: "/", Problem: b.T("signin.code.wrong")}, nil
		}},
		{Name: "start", Path: "/start", Page: func(b view.Base) (view.Page, error) {
			return view.Start{Base: b, Name: "Jan Żak", Least: 10, Problem: b.T("start.wrong")}, nil
		}},
		{Name: "first", Path: "/first", Page: func(b view.Base) (view.Page, error) { return view.Start{Base: b, First: true, Least: 10}, nil }},
		{Name: "onward", Path: "/signin/return", Page: func(b view.Base) (view.Page, error) { return view.Onward{Base: b, Next: "/gallery/onward"}, nil }},
		{Name: "kiosk-enrol", Path: "/kiosk", Gloves: true, Page: func(b view.Base) (view.Page, error) {
			return view.KioskSignIn{Base: b, Next: "/", Problem: b.T("kiosk.enrol.wrong")}, nil
		}},
		{Name: "kiosk-signin", Path: "/kiosk", Gloves: true, Page: func(b view.Base) (view.Page, error) {
			return view.KioskSignIn{Base: b, Enrolled: true, LaneID: "north", Name: "North gate, lane 1 (heavy goods)", Next: "/lane/north", Problem: b.T("kiosk.wrong")}, nil
		}},
		{Name: "kiosk-covered", Path: "/kiosk", Gloves: true, Page: func(b view.Base) (view.Page, error) {
			return view.KioskSignIn{Base: b, Enrolled: true, LaneID: "north", Name: "North gate, lane 1 (heavy goods)", Next: "/lane/north", Covered: "Bartholomäus Freiherr von Hohenstein", Waiting: true}, nil
		}},
		{Name: "kiosks", Role: auth.Administrator, Path: "/kiosks", Page: func(b view.Base) (view.Page, error) {
			return view.Kiosks{Base: b, Code: "K7QP-M2XR-9DTB", Until: at.Add(10 * time.Minute), Address: "https://gate.barracks-west.example:8470/kiosk",
				Lanes: []view.Pick{{Value: "north", Label: "North gate, lane 1"}}, Rows: []view.KioskRow{
					{ID: "k3vq7zsd2mmxb4ll", Name: "Gatehouse, left window", Lane: "north", Created: at.AddDate(0, -3, 0)},
					{ID: "w2mmxb4llk3vq7zs", Name: "Old terminal", Lane: "south", Created: at.AddDate(-1, 0, 0), Revoked: true}}}, nil
		}},
		{Name: "kiosks-none", Role: auth.Administrator, Path: "/kiosks", Page: func(b view.Base) (view.Page, error) {
			return view.Kiosks{Base: b, Lanes: []view.Pick{{Value: "north", Label: "North gate, lane 1"}}}, nil
		}},
	}
}
