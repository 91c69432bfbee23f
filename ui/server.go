package ui

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/asset"
	"sallyport/ui/i18n"
	"sallyport/ui/openapi"
	"sallyport/ui/view"
)

// Config is what a Server needs. Fields without a default must be set.
type Config struct {
	Site      string         // name of the site, on every page
	Location  *time.Location // the site's time zone, for the clock on screens
	Language  string         // of pages before anybody signed in and the browser named none; default "en"
	Secure    bool           // served over TLS: the session cookie is then bound to it
	Certified bool           // by a certificate that browsers trust: they are told to come by TLS only from then on

	Lanes    Lanes
	Store    Store
	Verifier *auth.Verifier // of device tokens

	Say       view.Say                                                  // a rule's words for the guard, by the policy that decided; empty when it has none
	Condition view.Say                                                  // a condition's words; nil leaves them in the policy's English
	Policy    func(ctx context.Context, lang string) (PolicyDoc, error) // the policy in force
	Data      func(ctx context.Context) ([]view.DataSet, error)         // reference data in use
	Verify    func(ctx context.Context) (view.LogReport, error)         // re-hash the log
	Healthy   func(ctx context.Context) error                           // nil when a verdict could be given now
	Law       view.AirLaw                                               // what the site may take notice of in the air

	// What machines may ask of the site beside its lanes; nil: it is not offered.
	Inside Inside
	Alarms AlarmDesk
	Signer Signer
	Jobs   func(ctx context.Context) ([]Job, error)

	Devices func(ctx context.Context) ([]FieldDevice, error) // of the lanes; nil: none is known of

	Access Access // how people sign in, beside name and password

	Audit Audit // search, figures, proofs, access and erasure; nil: they are not offered

	Rules Rules // versions of the rules, drafts, back-tests, the threat level; the zero value is none

	Watch Watch // shifts, alarms, paper forms; the zero value is none

	Inspecting Inspecting // looking into vehicles; the zero value is none
	Teaching   Teaching   // the training mode; likewise

	Fleets Fleets // vehicles of fleets; the zero value is none

	Ledger      Ledger        // who is inside, for people; nil: the site keeps no such list
	LongestStay time.Duration // a vehicle that is inside for longer is overdue; 0 is no bound

	Knowledge Knowledge // the reference data, for people; nil: the site shows none
	WatchList WatchList // for people; nil: the site keeps none
	Manage    Manage    // of the site as a whole

	Now         func() time.Time // default time.Now
	Log         *slog.Logger     // default slog.Default
	SessionLife time.Duration    // default 12 h: one shift
	Heartbeat   time.Duration    // of live screens; default 2 s, the screen gives up after 6 s
	Refresh     time.Duration    // of live pages that only show; default 1 s
}

// writeFor is how long one write to a live screen may take before the screen
// counts as gone. The deadline is renewed before every write: a deadline set
// once would cut the stream.
const writeFor = 5 * time.Second

// Server serves the screens and the interface for machines. It is safe for
// concurrent use.
type Server struct {
	cfg    Config
	echo   *echo.Echo
	pages  *view.Set
	words  *i18n.Catalogues
	assets *asset.Set
	cross  *http.CrossOriginProtection
	limits *limits

	api        *openapi.Document
	replays    *replays
	dismissals dismissals
	pepper     [32]byte // of secrets that are offered
	enrolling  enrolments
	asked      asked
	verifying  verifying
	strays     strays
	drafts     drafts
	trainings  trainings
	weighing   sync.Mutex // held by whoever has a supposition judged
	watchFiles watchFiles
	epoch      string // of this start: event ids of another are not this one's

	closing chan struct{}
	close   func()
}

// New makes a server; it owns no listener.
func New(cfg Config) (*Server, error) {
	switch {
	case cfg.Site == "":
		return nil, errors.New("ui: the site has no name")
	case cfg.Location == nil:
		return nil, errors.New("ui: no time zone")
	case cfg.Lanes == nil, cfg.Store == nil, cfg.Verifier == nil:
		return nil, errors.New("ui: lanes, store and verifier must be set")
	case cfg.Say == nil, cfg.Policy == nil, cfg.Data == nil, cfg.Verify == nil, cfg.Healthy == nil:
		return nil, errors.New("ui: say, policy, data, verify and healthy must be set")
	}
	if err := cfg.Watch.check(); err != nil {
		return nil, err
	}
	if err := cfg.Rules.check(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.SessionLife == 0 {
		cfg.SessionLife = 12 * time.Hour
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 2 * time.Second
	}
	if cfg.Refresh == 0 {
		cfg.Refresh = time.Second
	}
	s := &Server{cfg: cfg, cross: http.NewCrossOriginProtection(), limits: newLimits(),
		replays: newReplays(cfg.Now), epoch: rand.Text()[:8], closing: make(chan struct{})}
	rand.Read(s.pepper[:])
	if people := cfg.Access.People; people != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		known, err := people.Tries(ctx)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("ui: %w", err)
		}
		s.limits.recall(known, cfg.Now())
		s.limits.keep = func(t gate.Tries) {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := people.KeepTries(ctx, t); err != nil {
				cfg.Log.ErrorContext(ctx, "wrong tries not kept", "error", err)
			}
		}
	}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	var err error
	if s.words, err = i18n.Load(); err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	if s.assets, err = asset.Load(); err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	if s.pages, err = view.Parse(); err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	if s.api, err = openapi.Load(); err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	if cfg.Language != "" && s.words.Match(cfg.Language) != cfg.Language {
		return nil, fmt.Errorf("ui: no catalogue for language %q", cfg.Language)
	}
	s.echo = echo.New()
	s.echo.Logger.SetOutput(discard{})
	// The default believes X-Forwarded-For from anybody, and with it anybody
	// could walk past the limit on sign-ins.
	s.echo.IPExtractor = echo.ExtractIPDirect()
	s.echo.HTTPErrorHandler = s.fail
	s.echo.Use(s.observe, s.guard)
	for _, r := range routes {
		s.echo.Add(r.method, r.path, s.wrap(r))
	}
	return s, nil
}

// Handler is the whole site. The caller owns the http.Server around it, sets
// its timeouts as it likes (live screens lift and renew theirs), and calls Close before or on Shutdown.
func (s *Server) Handler() http.Handler { return s.echo }

// Close ends every live screen's stream, so that the http.Server's Shutdown
// need not wait for them. It may be called more than once.
func (s *Server) Close() { s.close() }

// discard takes the framework's own log: errors reach slog by the error
// handler, once.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// face is how a route speaks.
type face uint8

const (
	forPeople  face = iota // pages, by session
	forDevices             // JSON, by token
	forAnyone              // neither
)

// call is one request on its way through its handler.
type call struct {
	echo.Context
	user    User      // forPeople, when signed in
	role    auth.Role // of the user
	hash    [32]byte  // of the session
	session Session
	device  auth.Device // forDevices
	need    auth.Permission
}

// route is one row of the table of everything that the server answers.
type route struct {
	method, path string
	face         face
	need         auth.Permission // empty for forAnyone, and for people: signed in is enough
	limit        int64           // of the body, in bytes
	handle       func(*Server, *call) error
}

const (
	formLimit = 16 << 10
	feedLimit = 4 << 20
)

// routes is the table of everything that the server answers, one part for each
// group of pages.
var routes = slices.Concat(siteRoutes, auditRoutes, peopleRoutes, policyRoutes, fleetRoutes, inspectRoutes, trainRoutes, knowledgeRoutes, settingsRoutes)

// siteRoutes are those of the lanes, of the site's state, and of machines.
var siteRoutes = []route{
	{"GET", "/signin", forAnyone, "", 0, (*Server).signInPage},
	{"POST", "/signin", forAnyone, "", formLimit, (*Server).signIn},
	{"POST", "/signout", forAnyone, "", formLimit, (*Server).signOut},
	{"POST", "/prefs", forAnyone, "", formLimit, (*Server).prefs},
	{"GET", "/asset/:name", forAnyone, "", 0, (*Server).asset},
	{"GET", "/healthz", forAnyone, "", 0, (*Server).healthz},

	{"GET", "/", forPeople, "", 0, (*Server).home},
	{"GET", "/lane/:lane", forPeople, auth.SeeLane, 0, (*Server).kiosk},
	{"GET", "/lane/:lane/events", forPeople, auth.SeeLane, 0, (*Server).events},
	{"POST", "/lane/:lane/arrivals", forPeople, auth.WorkLane, formLimit, (*Server).arrive},
	{"POST", "/lane/:lane/act", forPeople, auth.WorkLane, formLimit, (*Server).act},
	{"GET", "/lane/:lane/radio", forPeople, auth.SeeRadio, 0, (*Server).radio},
	{"GET", "/lane/:lane/radio/events", forPeople, auth.SeeRadio, 0, (*Server).radioEvents},
	{"POST", "/lane/:lane/duress", forPeople, auth.WorkLane, formLimit, (*Server).duress},
	{"GET", "/lane/:lane/desk", forPeople, auth.WorkLane, 0, (*Server).deskPage},
	{"POST", "/lane/:lane/shift", forPeople, auth.WorkLane, formLimit, (*Server).shift},
	{"POST", "/lane/:lane/lane-act", forPeople, auth.WorkLane, formLimit, (*Server).laneAct},
	{"GET", "/lane/:lane/forms", forPeople, auth.KeepForms, 0, (*Server).forms},
	{"POST", "/lane/:lane/forms", forPeople, auth.KeepForms, formLimit, (*Server).form},
	{"GET", "/lane/:lane/forms/print", forPeople, auth.KeepForms, 0, (*Server).formsPrint},
	{"GET", "/alarms", forPeople, auth.SeeAlarms, 0, (*Server).alarmsPage},
	{"GET", "/alarms/events", forPeople, auth.SeeAlarms, 0, (*Server).alarmsEvents},
	{"POST", "/alarms/:id", forPeople, auth.AcknowledgeAlarm, formLimit, (*Server).acknowledge},
	{"GET", "/shifts", forPeople, auth.SeeShifts, 0, (*Server).shifts},
	{"GET", "/radio", forPeople, auth.SeeRadio, 0, (*Server).sensors},
	{"GET", "/radio/events", forPeople, auth.SeeRadio, 0, (*Server).sensorsEvents},
	{"GET", "/inside", forPeople, auth.SeeInside, 0, (*Server).insidePage},
	{"POST", "/inside", forPeople, auth.SeeInside, formLimit, (*Server).insidePage},
	{"POST", "/inside/corrections", forPeople, auth.CorrectInside, formLimit, (*Server).correctInside},
	{"GET", "/passages", forPeople, auth.SeePassages, 0, (*Server).passages},
	{"POST", "/passages", forPeople, auth.SeePassages, formLimit, (*Server).passages},
	{"GET", "/passages/:id", forPeople, auth.SeePassages, 0, (*Server).passage},
	{"GET", "/data", forPeople, auth.SeeData, 0, (*Server).data},
	{"GET", "/jobs", forPeople, auth.SeeJobs, 0, (*Server).jobs},
	{"GET", "/devices", forPeople, auth.SeeDevices, 0, (*Server).devices},
	{"GET", "/devices/events", forPeople, auth.SeeDevices, 0, (*Server).devicesEvents},
	{"GET", "/log", forPeople, auth.VerifyLog, 0, (*Server).logPage},
	{"POST", "/log", forPeople, auth.VerifyLog, formLimit, (*Server).verifyLog},

	{"GET", "/api/v1", forAnyone, "", 0, (*Server).apiPage},
	{"GET", "/api/v1/openapi.json", forAnyone, "", 0, (*Server).apiDocument},
	{"GET", "/api/v1/health/live", forAnyone, "", 0, (*Server).apiLive},
	{"GET", "/api/v1/health/ready", forAnyone, "", 0, (*Server).apiReady},
	{"GET", "/api/v1/lanes", forDevices, auth.SeeLane, 0, (*Server).apiLanes},
	{"GET", "/api/v1/lanes/:lane", forDevices, auth.SeeLane, 0, (*Server).apiLane},
	{"GET", "/api/v1/lanes/:lane/events", forDevices, auth.SeeLane, 0, (*Server).apiLaneEvents},
	{"POST", "/api/v1/lanes/:lane/arrivals", forDevices, auth.PresentVehicle, formLimit, (*Server).apiArrive},
	{"GET", "/api/v1/lanes/:lane/passages/:id", forDevices, auth.SeeLane, 0, (*Server).apiPassage},
	{"POST", "/api/v1/lanes/:lane/acts", forDevices, auth.WorkLane, formLimit, (*Server).apiAct},
	{"POST", "/api/v1/lanes/:lane/plates", forDevices, auth.ReportPlate, formLimit, (*Server).apiPlate},
	{"POST", "/api/v1/lanes/:lane/plates/:shape", forDevices, auth.ReportPlate, maxPlateMessage, (*Server).apiPlate},
	{"POST", "/api/v1/lanes/:lane/observations", forDevices, auth.ReportRadio, feedLimit, (*Server).apiObserve},
	{"GET", "/api/v1/lanes/:lane/radio", forDevices, auth.SeeLane, 0, (*Server).apiRadio},
	{"GET", "/api/v1/lanes/:lane/radio/stream", forDevices, auth.SeeLane, 0, (*Server).apiRadioStream},
	{"GET", "/api/v1/sensors", forDevices, auth.SeeLane, 0, (*Server).apiSensors},
	{"GET", "/api/v1/inside", forDevices, auth.SeeInside, 0, (*Server).apiInside},
	{"GET", "/api/v1/alarms", forDevices, auth.SeeAlarms, 0, (*Server).apiAlarms},
	{"GET", "/api/v1/alarms/events", forDevices, auth.SeeAlarms, 0, (*Server).apiAlarmEvents},
	{"POST", "/api/v1/alarms/:id/acknowledgement", forDevices, auth.AcknowledgeAlarm, formLimit, (*Server).apiAcknowledge},
	{"GET", "/api/v1/jobs", forDevices, auth.SeeJobs, 0, (*Server).apiJobs},
}

// policyHeader lets a page use only what this server serves; nothing inline.
const policyHeader = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; media-src 'self'"

// observe numbers the request, turns a panic into an error and sets the
// headers that every answer has.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		h := c.Response().Header()
		h.Set(echo.HeaderXRequestID, rand.Text())
		h.Set("Content-Security-Policy", policyHeader)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		if s.cfg.Secure && s.cfg.Certified {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() {
			if r := recover(); r != nil {
				if e, ok := r.(error); ok && errors.Is(e, http.ErrAbortHandler) {
					panic(r)
				}
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return next(c)
	}
}

// guard refuses what another site makes a browser send.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.cross.Check(c.Request()); err != nil {
			return refuse(http.StatusForbidden, "cross-origin", err)
		}
		return next(c)
	}
}

// wrap puts the checks of its row before a handler.
func (s *Server) wrap(r route) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		if r.method == http.MethodPost {
			req.Body = http.MaxBytesReader(c.Response(), req.Body, r.limit)
		}
		k := &call{Context: c, need: r.need}
		switch r.face {
		case forPeople:
			if err := s.identify(k); err != nil {
				return err
			}
			if err := s.admit(k, r); err != nil {
				return err
			}
			if r.need != "" && !auth.May(k.role, r.need) {
				return refuse(http.StatusForbidden, "forbidden", fmt.Errorf("role %q lacks %q", k.role, r.need))
			}
		case forDevices:
			if err := s.identifyDevice(k, r.need); err != nil {
				return err
			}
		case forAnyone:
		}
		return r.handle(s, k)
	}
}

// lane is the lane that the address names.
func (s *Server) lane(k *call) (gate.LaneView, error) {
	id := gate.LaneID(k.Param("lane"))
	lv, ok := s.cfg.Lanes.View(id)
	if !ok {
		return lv, refuse(http.StatusNotFound, "not-found", fmt.Errorf("lane %q: %w", id, gate.ErrUnknownLane))
	}
	return lv, nil
}

func (s *Server) asset(k *call) error {
	f, ok := s.assets.Open(k.Param("name"))
	if !ok {
		return refuse(http.StatusNotFound, "not-found", fmt.Errorf("no file %q", k.Param("name")))
	}
	if k.QueryParam("v") == f.Version {
		k.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return k.Blob(http.StatusOK, f.Type, f.Content)
}

func (s *Server) healthz(k *call) error {
	if err := s.cfg.Healthy(k.Request().Context()); err != nil {
		return k.JSON(http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": s.toldToAnyone(k, err)})
	}
	return k.JSON(http.StatusOK, map[string]string{"status": "ok"})
}
