package telematics

import (
	"fmt"
	"math"
	"testing"
)

// tail is the chance of x or more in n, summed term by term.
func tail(x, n int, p float64) float64 {
	sum := 0.0
	for k := x; k <= n; k++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		sum += math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	return sum
}

// Bounds against the definition: at the lower one, so many or more are seen
// with exactly half of what the level leaves.
func TestBoundsAreWhatTheySay(t *testing.T) {
	for _, level := range []float64{0.9, 0.95, 0.99} {
		b := newBounds(level)
		for _, n := range []int{1, 2, 5, 14, 50, 137, 500, 5000} {
			for _, x := range []int{0, 1, 2, n / 3, n / 2, n - 1, n} {
				if x > n {
					continue
				}
				low, high := b.low(x, n), b.high(x, n)
				share := float64(x) / float64(n)
				if low > share || high < share || low < 0 || high > 1 {
					t.Fatalf("level %g: %d of %d: bounds %g to %g do not hold the share", level, x, n, low, high)
				}
				if x > 0 {
					if got := tail(x, n, low); math.Abs(got-(1-level)/2) > 1e-9 {
						t.Errorf("level %g: %d of %d: at the lower bound %g so many are seen with %g", level, x, n, low, got)
					}
				}
				if x < n {
					if got := 1 - tail(x+1, n, high); math.Abs(got-(1-level)/2) > 1e-9 {
						t.Errorf("level %g: %d of %d: at the upper bound %g so few are seen with %g", level, x, n, high, got)
					}
				}
			}
		}
	}
}

// Values printed in tables of the exact binomial limits.
func TestBoundsOfTables(t *testing.T) {
	b := newBounds(0.95)
	for _, tc := range []struct {
		x, n int
		want string
	}{
		{11, 14, "0.4920 0.9534"}, {0, 10, "0.0000 0.3085"}, {1, 10, "0.0025 0.4450"}, {5, 10, "0.1871 0.8129"}, {10, 10, "0.6915 1.0000"},
		{0, 0, "0.0000 1.0000"},
	} {
		if got := fmt.Sprintf("%.4f %.4f", b.low(tc.x, tc.n), b.high(tc.x, tc.n)); got != tc.want {
			t.Errorf("%d of %d: %s, want %s", tc.x, tc.n, got, tc.want)
		}
	}
}
