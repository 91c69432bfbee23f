// Package ui is the screens of a site and its interface for machines. It is the
// only package that knows the web framework.
//
// It imports gate and gate/auth, the reference packages for the shapes shown
// (policy, rf), and its own family: ui/i18n and ui/asset, which know nothing of
// it, and ui/view, which knows those two. It has no SQL and drives no device:
// what it needs it asks through the small interfaces in ports.go.
//
// Life of one page: a route of the table in server.go names the permission it
// needs, the session cookie yields the person, the handler gathers domain
// values, ui/view renders the page whole, and an error of any kind ends in the
// one error handler, which knows two faces: a short sentence for the person,
// the whole chain for the log. Life of one live screen: the kiosk page opens one
// event stream, gets every region of its lane at once, then each region that
// changed, and a heartbeat every two seconds whose loss disables the buttons. The
// pages of the radio (radio.go) are looked at and not acted on: their stream
// renders them once a second and sends the regions that differ, and a page
// without script is renewed by reloading.
package ui
