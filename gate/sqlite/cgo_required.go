//go:build !cgo

package sqlite

// The database driver is C. Without cgo it would compile and then fail at run
// time, so the build stops here instead.
var _ = this_program_needs_cgo_to_be_enabled
