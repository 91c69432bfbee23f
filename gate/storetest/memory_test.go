package storetest_test

import (
	"testing"

	"sallyport/gate/storetest"
	"sallyport/gate/translog"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Kit{
		Open: func(*testing.T) storetest.Store { return storetest.NewMemory() },
		Verify: func(t *testing.T, s storetest.Store) translog.Report {
			t.Helper()
			m, ok := s.(*storetest.Memory)
			if !ok {
				t.Fatalf("not a memory store: %T", s)
			}
			r, err := m.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
	})
}
