package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"sallyport/gate"
	"sallyport/ui/view"
)

// fault is an error with its two faces: a class, whose sentence a person reads,
// and the chain, which the log keeps.
type fault struct {
	status int
	class  string // key of the sentence: "error." + class
	err    error
	args   []any  // of the sentence
	field  string // that was wrong, for machines; empty where none is
}

func (f *fault) Error() string { return f.class + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func refuse(status int, class string, err error) error {
	return &fault{status: status, class: class, err: err}
}

// bad is input that cannot be used; the error names the place.
func bad(class, format string, args ...any) error {
	return refuse(http.StatusBadRequest, class, fmt.Errorf(format, args...))
}

// badField is bad for one field of what a machine sent.
func badField(field, format string, args ...any) error {
	return classField("bad-request", field, format, args...)
}

// classField is badField with a class of its own.
func classField(class, field, format string, args ...any) error {
	return &fault{status: http.StatusBadRequest, class: class, field: field, err: fmt.Errorf(field+": "+format, args...)}
}

// classify finds the class of any error.
func classify(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	var tooLarge *http.MaxBytesError
	var he *echo.HTTPError
	as := func(status int, class string) *fault { return &fault{status: status, class: class, err: err} }
	switch {
	case errors.As(err, &tooLarge):
		return as(http.StatusRequestEntityTooLarge, "too-large")
	case errors.Is(err, gate.ErrStale):
		return as(http.StatusConflict, "stale")
	case errors.Is(err, gate.ErrDecidedAgain):
		return as(http.StatusConflict, "decided-again")
	case errors.Is(err, gate.ErrOverrides):
		return as(http.StatusConflict, "override-limit")
	case errors.Is(err, gate.ErrPINWrong):
		return as(http.StatusForbidden, "pin")
	case errors.Is(err, gate.ErrPINLocked):
		return as(http.StatusTooManyRequests, "pin-locked")
	case errors.Is(err, gate.ErrForbidden):
		return as(http.StatusForbidden, "forbidden")
	case errors.Is(err, gate.ErrNotAllowed):
		return as(http.StatusConflict, "not-allowed")
	case errors.Is(err, gate.ErrNeedsReason):
		return as(http.StatusBadRequest, "no-reason")
	case errors.Is(err, gate.ErrNeedsSupervisor):
		return as(http.StatusBadRequest, "same-person")
	case errors.Is(err, gate.ErrManual), errors.Is(err, gate.ErrOutOfService), errors.Is(err, gate.ErrEgress):
		return as(http.StatusServiceUnavailable, "unavailable")
	case errors.Is(err, gate.ErrBusy):
		return as(http.StatusTooManyRequests, "too-many")
	case errors.Is(err, gate.ErrUnknownLane), errors.Is(err, gate.ErrNotFound):
		return as(http.StatusNotFound, "not-found")
	case errors.As(err, &he):
		switch he.Code {
		case http.StatusNotFound:
			return as(he.Code, "not-found")
		case http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusUnsupportedMediaType:
			return as(he.Code, "bad-request")
		}
	}
	return as(http.StatusInternalServerError, "internal")
}

// fail is where every error of a request stops: logged once, told once.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed || errors.Is(err, context.Canceled) {
		return
	}
	f := classify(err)
	number := c.Response().Header().Get(echo.HeaderXRequestID)
	req := c.Request()
	attrs := []any{"request", number, "method", req.Method, "path", c.Path(), "status", f.status, "class", f.class, "error", f.err}
	if f.status >= 500 {
		s.cfg.Log.ErrorContext(req.Context(), "request failed", attrs...)
	} else {
		s.cfg.Log.InfoContext(req.Context(), "request refused", attrs...)
	}
	k := &call{Context: c}
	b := s.base(k)
	if f.status == http.StatusTooManyRequests {
		c.Response().Header().Set("Retry-After", "5")
	}
	switch {
	case strings.HasPrefix(req.URL.Path, "/api/"):
		// Devices are told in English, with the place that was wrong: their
		// reader is who installs them.
		text := s.words.Words("en", s.cfg.Location).T("error."+f.class, f.args...)
		if f.status == http.StatusBadRequest || f.status == http.StatusUnsupportedMediaType {
			text += " " + f.err.Error()
		}
		s.answerProblem(c, f, text, number)
	case wantsJSON(req):
		s.answer(c, f.status, problem{Class: f.class, Text: b.T("error."+f.class, f.args...)})
	case f.class == "covered" && req.Method == http.MethodGet:
		_ = c.Redirect(http.StatusSeeOther, "/kiosk?next="+url.QueryEscape(req.URL.RequestURI())) // likewise
	case f.class == "codes-first" && req.Method == http.MethodGet:
		_ = c.Redirect(http.StatusSeeOther, "/me/codes?next="+url.QueryEscape(req.URL.RequestURI())) // likewise
	case f.class == "sign-in" && req.Method == http.MethodGet:
		_ = c.Redirect(http.StatusSeeOther, signInAddress(req)) // fails only on a code that is no redirect
	default:
		page := view.Error{Base: b, Text: b.T("error."+f.class, f.args...)}
		if f.status >= 500 {
			page.Number = number
		}
		if err := s.page(c, f.status, page); err != nil {
			s.cfg.Log.ErrorContext(req.Context(), "error page failed", "request", number, "error", err)
			http.Error(c.Response(), http.StatusText(f.status), f.status)
		}
	}
}

// problem is an error as JSON.
type problem struct {
	Class string `json:"class"`
	Text  string `json:"text"`
}

// apiProblem is an error as machines are told it (RFC 9457), with members of our
// own: the class is what a program goes by, the text is for its log.
type apiProblem struct {
	Type    string `json:"type"`  // about:blank: the class says it all
	Title   string `json:"title"` // of the status
	Status  int    `json:"status"`
	Class   string `json:"class"`
	Text    string `json:"text"`
	Field   string `json:"field,omitempty"` // that was wrong
	Request string `json:"request"`         // number of the request in the site's log
}

func (s *Server) answerProblem(c echo.Context, f *fault, text, number string) {
	b, err := json.Marshal(apiProblem{Type: "about:blank", Title: http.StatusText(f.status), Status: f.status, Class: f.class, Text: text, Field: f.field, Request: number})
	if err == nil {
		err = c.Blob(f.status, "application/problem+json", b)
	}
	if err != nil {
		s.cfg.Log.InfoContext(c.Request().Context(), "answer not sent", "error", err)
	}
}

func (s *Server) answer(c echo.Context, status int, v any) {
	if err := c.JSON(status, v); err != nil {
		s.cfg.Log.InfoContext(c.Request().Context(), "answer not sent", "error", err)
	}
}

func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

// page sends a page, whole or not at all.
func (s *Server) page(c echo.Context, status int, p view.Page) error {
	b, err := s.pages.Render(p)
	if err != nil {
		return err
	}
	return c.HTMLBlob(status, b)
}
