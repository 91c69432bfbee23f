// Package migrations is the schema of a site's database as numbered SQL files
// in goose's form, embedded in the program.
//
// It imports nothing of this module and does nothing: gate/sqlite applies the
// files, in order, each in one transaction, after copying the database. A
// migration, once released, is never edited; the next one corrects it. Life of
// a change: a new numbered file with an Up section, and a test in gate/sqlite
// that walks a filled database through it.
package migrations

import "embed"

// Site is the schema of a site.
//
//go:embed *.sql
var Site embed.FS
