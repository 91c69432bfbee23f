// Package asset holds the files that a browser fetches beside the pages: the
// stylesheet, the scripts, the icon. No build step, nothing from elsewhere.
//
// It imports nothing of this module. Life of one file: it is embedded, Load
// hashes it, a page links to Path (which carries the hash), and the browser may
// keep it for ever because another content has another path.
package asset
