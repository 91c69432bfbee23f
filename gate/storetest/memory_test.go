package storetest_test

import (
	"testing"

	"sallyport/gate/auth"
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

func TestMemoryDesk(t *testing.T) {
	storetest.RunDesk(t, storetest.DeskKit{
		Open: func(*testing.T) storetest.DeskStore { return storetest.NewMemory() },
		Person: func(t *testing.T, s storetest.DeskStore, name string, role auth.Role) {
			t.Helper()
			memoryOf(t, s).AddPerson(name, role)
		},
		Verify: func(t *testing.T, s storetest.DeskStore) translog.Report {
			t.Helper()
			r, err := memoryOf(t, s).Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
	})
}

func memoryOf(t *testing.T, s any) *storetest.Memory {
	t.Helper()
	m, ok := s.(*storetest.Memory)
	if !ok {
		t.Fatalf("not a memory store: %T", s)
	}
	return m
}
