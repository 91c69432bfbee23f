package supply

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// The size a supply graph must answer at.
const (
	largeParties = 10_000
	largeEdges   = 50_000
)

// layered is a graph of five layers of owners, five owners each, and one
// circular holding in a hundred.
func layered() File {
	const n, layer = largeParties, 2000
	var f File
	for i := range n {
		f.Parties = append(f.Parties, party(fmt.Sprint("p", i), codes[i%4]))
	}
	for i := range largeEdges {
		from := i % n
		to := min((from/layer+1)*layer, n-layer) + (from*31+i/n*7919)%layer
		if i%100 == 0 {
			to = (from * 31) % n
		}
		f.Edges = append(f.Edges, owns(i, fmt.Sprint("p", from), fmt.Sprint("p", to), float64(i%20)))
	}
	return withLists(f)
}

// groups is a graph of the form that registers have: holdings of 4 to 100 per
// cent in groups of some dozens of companies under one head, a chain of heads
// up to a state, and a cross-holding in a hundred.
func groups() File {
	r := rand.New(rand.NewPCG(1, 2))
	var f File
	for i := range largeParties {
		f.Parties = append(f.Parties, party(fmt.Sprint("p", i), codes[r.IntN(len(codes))]))
	}
	for i := range largeEdges {
		from := i % largeParties
		to := from - from%40 // head of the group
		switch {
		case i%100 == 99:
			to = r.IntN(largeParties)
		case i >= largeParties:
			to += r.IntN(from%40 + 1) // somebody of the group before it
		case from%40 == 0:
			to = r.IntN(from/40+1) * 40
		}
		e := owns(i, fmt.Sprint("p", from), fmt.Sprint("p", to), float64(4+r.IntN(97)))
		switch r.IntN(20) {
		case 0:
			e.Since = fmt.Sprint(2015 + r.IntN(12))
		case 1:
			e.Until = fmt.Sprint(2015 + r.IntN(12))
		case 2:
			e.Kind = []Kind{LicenceFrom, FirmwareBy, EngineeringShared}[r.IntN(3)]
		}
		f.Edges = append(f.Edges, e)
	}
	return withLists(f)
}

// tangled is a graph in which every party has five owners drawn from all
// parties, so that most of them hold each other in one circle.
func tangled() File {
	r := rand.New(rand.NewPCG(3, 4))
	var f File
	for i := range largeParties {
		f.Parties = append(f.Parties, party(fmt.Sprint("p", i), codes[r.IntN(len(codes))]))
	}
	for i := range largeEdges {
		f.Edges = append(f.Edges, owns(i, fmt.Sprint("p", i%largeParties), fmt.Sprint("p", r.IntN(largeParties)), float64(r.IntN(20))))
	}
	return withLists(f)
}

func withLists(f File) File {
	ed := Edition{ID: "l-2025", From: "2025-01-01", Ref: Ref{Source: "s"}}
	for i := 0; i < len(f.Parties); i += 50 {
		ed.Entries = append(ed.Entries, Entry{Name: f.Parties[i].Name, Party: f.Parties[i].ID, Ref: Ref{Source: "s"}})
	}
	f.Lists = []List{{ID: "l", Title: "The list", Country: "CN", Editions: []Edition{ed}}}
	return f
}

// largeQuestions are the questions of the package, put to one party.
var largeQuestions = []struct {
	name string
	ask  func(g *Graph, id string, d time.Time)
}{
	{"controlled", func(g *Graph, id string, d time.Time) { g.ControlledFrom(id, "CN", Control, d) }},
	{"share", func(g *Graph, id string, d time.Time) { g.ShareFrom(id, "CN", 25, d) }},
	{"design", func(g *Graph, id string, d time.Time) { g.DesignFrom(id, "CN", d) }},
	{"listed", func(g *Graph, id string, d time.Time) { g.ListedOn(id, "l", d) }},
	{"resolved", func(g *Graph, id string, d time.Time) { g.OwnerResolved(id, d) }},
	{"behind", func(g *Graph, id string, d time.Time) { g.Behind(id, d) }},
	{"holders", func(g *Graph, id string, d time.Time) { g.Holders(id, 25, d) }},
	{"below", func(g *Graph, id string, d time.Time) { g.Below(id, d) }},
}

// BenchmarkLarge puts each question to party after party of graphs of 10,000
// parties and 50,000 edges; "first" is the first question about a country after
// the graph was opened or its ownership changed, "next" any other. The figures
// are the median and the 99th percentile of one question, by the clock and by
// the processor's time, which tells no more when the machine is shared.
func BenchmarkLarge(b *testing.B) {
	d := day("2026-11-22")
	for _, shape := range []struct {
		name string
		file func() File
	}{{"layered", layered}, {"groups", groups}, {"tangled", tangled}} {
		g := open(b, shape.file())
		for _, q := range largeQuestions {
			for _, first := range []bool{true, false} {
				name := shape.name + "/" + q.name + "/next"
				if first {
					name = shape.name + "/" + q.name + "/first"
				}
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					var took, worked []time.Duration
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					q.ask(g, "p0", d)
					for i := 0; b.Loop(); i++ {
						if first {
							g.solved.kept = nil
						}
						id := g.file.Parties[i*7919%largeParties].ID
						start, cpu := time.Now(), threadTime(b)
						q.ask(g, id, d)
						took, worked = append(took, time.Since(start)), append(worked, threadTime(b)-cpu)
					}
					slices.Sort(took)
					slices.Sort(worked)
					us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
					b.ReportMetric(us(took[len(took)/2]), "median-µs")
					b.ReportMetric(us(took[len(took)*99/100]), "p99-µs")
					b.ReportMetric(us(worked[len(worked)/2]), "cpu-median-µs")
					b.ReportMetric(us(worked[len(worked)*99/100]), "cpu-p99-µs")
				})
			}
		}
	}
}

// threadTime is what the processor has worked for this thread.
func threadTime(b *testing.B) time.Duration {
	const threadCPU = 3 // CLOCK_THREAD_CPUTIME_ID
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadCPU, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		b.Skip("no clock of a thread:", errno)
	}
	return time.Duration(ts.Nano())
}

func clone(f File) File {
	f.Parties, f.Edges = slices.Clone(f.Parties), slices.Clone(f.Edges)
	return f
}

// BenchmarkLargeOpen opens such a graph; kept is what it holds in memory, with
// one country worked out for all parties.
func BenchmarkLargeOpen(b *testing.B) {
	f := sourced(groups())
	f.Edition = "2026-01-01.test"
	text, err := write(&f)
	if err != nil {
		b.Fatal(err)
	}
	var g *Graph
	for b.Loop() {
		if g, err = Open(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, p := range g.Parties() {
		g.ControlledFrom(p.ID, "CN", Control, day("2026-11-22"))
	}
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	g = nil
	runtime.GC()
	runtime.ReadMemStats(&without)
	b.ReportMetric(float64(with.HeapAlloc-without.HeapAlloc)/1e6, "kept-MB")
	b.ReportMetric(float64(len(text))/1e6, "file-MB")
	_ = g
}

// What was worked out beforehand is what is worked out when it is asked.
func TestPrepare(t *testing.T) {
	one, err := Open(embedded)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(embedded)
	if err != nil {
		t.Fatal(err)
	}
	at := day("2024-07-26")
	one.Prepare("CN", at)
	if s := one.solve("CN", dayOf(at)); slices.Contains(s.done, false) {
		t.Error("something is left to work out")
	}
	for _, p := range one.Parties() {
		a, b := one.ControlledFrom(p.ID, "CN", 25, at), other.ControlledFrom(p.ID, "CN", 25, at)
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s (-prepared +asked):\n%s", p.ID, d)
		}
	}
}
