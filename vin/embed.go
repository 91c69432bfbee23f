package vin

import (
	_ "embed"
	"sync"
)

//go:embed vpic.idx
var embedded string

var openEmbedded = sync.OnceValues(func() (*Index, error) { return open(embedded) })

// Embedded is the index that the program carries: the edition at the time of
// its build. It is opened on the first call and shared by all.
func Embedded() (*Index, error) { return openEmbedded() }
