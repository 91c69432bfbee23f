package rf

import (
	"testing"
	"time"
)

func TestValidTime(t *testing.T) {
	for _, x := range []struct {
		at   time.Time
		want bool
	}{
		{time.Time{}, false},
		{time.Date(2014, 12, 31, 23, 59, 59, 999, time.UTC), false},
		{time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{time.Date(2015, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), false},
		{time.Date(2099, 12, 31, 23, 59, 59, 999, time.UTC), true},
		{time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), false},
	} {
		if ValidTime(x.at) != x.want {
			t.Errorf("%v: %v", x.at, !x.want)
		}
	}
}

func TestTally(t *testing.T) {
	y := NewTally("bad", "worse")
	y.Take()
	y.Refuse(1)
	y.Refuse(1)
	if y.Taken() != 1 || y.Total() != 3 || len(y.Refused()) != 1 || y.Refused()["worse"] != 2 {
		t.Errorf("%d, %d, %v", y.Taken(), y.Total(), y.Refused())
	}
}
