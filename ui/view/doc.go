// Package view holds the pages: one typed struct a page, one template a page,
// and the pure functions that turn domain values into what a person reads.
//
// It imports gate, gate/auth and policy for the values shown, and ui/i18n and
// ui/asset of its own family; no web framework, no clock, no I/O. Life of one
// page: ui gathers domain values, a constructor here turns them into a page
// struct bound to one language, Set.Render writes the whole page into a buffer,
// and only a page that rendered without error is sent.
package view
