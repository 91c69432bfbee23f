package telematics

import "math"

// bounds are the Clopper-Pearson bounds of a share seen x times in n: the
// values of the share at which x or more, and x or fewer, would be seen with
// half of 1-level (C. J. Clopper, E. S. Pearson: The use of confidence or
// fiducial limits illustrated in the case of the binomial, Biometrika 26
// (1934) 404-413). They are the quantiles of Beta(x, n-x+1) and Beta(x+1, n-x).
// Unlike Wilson's, they cover the true share at least at the level whatever it
// is and however small n, which is what a site is told. Of nothing they are 0
// and 1.
type bounds struct {
	level float64
	kept  map[[2]int]float64
}

// keptBounds is how many bounds are kept: groups are small, and the same
// counts come again and again.
const keptBounds = 1 << 16

func newBounds(level float64) *bounds { return &bounds{level: level, kept: map[[2]int]float64{}} }

func (b *bounds) low(x, n int) float64 {
	switch {
	case n <= 0 || x <= 0:
		return 0
	case x >= n:
		return math.Pow((1-b.level)/2, 1/float64(n))
	}
	if p, ok := b.kept[[2]int{x, n}]; ok {
		return p
	}
	p := betaQuantile((1-b.level)/2, x, n-x+1, float64(x)/float64(n))
	if len(b.kept) < keptBounds {
		b.kept[[2]int{x, n}] = p
	}
	return p
}

func (b *bounds) high(x, n int) float64 { return 1 - b.low(n-x, n) }

// betaQuantile is the p in (0, most] at which the regularised incomplete beta
// function of a and b is q. The function rises, so that halving finds it to the
// last digit whatever a and b are.
func betaQuantile(q float64, a, b int, most float64) float64 {
	lo, hi := 0.0, most
	for range 64 {
		mid := lo + (hi-lo)/2
		if mid <= lo || mid >= hi {
			break
		}
		if betaIncomplete(mid, float64(a), float64(b)) < q {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// betaIncomplete is the regularised incomplete beta function, by its continued
// fraction (NIST Digital Library of Mathematical Functions, 8.17.22), which
// converges fast below (a+1)/(a+b+2); above, its symmetry is used.
func betaIncomplete(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - betaIncomplete(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(a*math.Log(x)+b*math.Log1p(-x)-la-lb+lab) / a

	const tiny, enough = 1e-300, 1e-15
	nonzero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	// Lentz's way of working out a continued fraction from its head.
	f, c, d := 1.0, 1.0, 0.0
	for i := range 1000 {
		m := float64(i / 2)
		num := 1.0
		switch {
		case i == 0:
		case i%2 == 0:
			num = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			num = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / nonzero(1+num*d)
		c = nonzero(1 + num/c)
		f *= c * d
		if math.Abs(1-c*d) < enough {
			break
		}
	}
	return front * (f - 1)
}
