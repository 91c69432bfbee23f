package picture

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// dagre 3.1.3 (npm @dagrejs/dagre, dist/dagre.min.js, unchanged; MIT, see
// dagre.min.js.LEGAL.txt). Measured under goja beside elkjs 0.12.1: a chain of
// 8 parties is placed in 60 ms and one of 40 in 0.5 s, where elkjs takes 2 s
// and 14 s and is 33 times the size; @viz-js/viz is WebAssembly, which goja does
// not run.
//
//go:embed dagre.min.js
var dagre string

// script places what in says and returns the places. dagre asks for
// structuredClone, which is the browser's; it clones plain data only.
const script = `
function structuredClone(v) { return v === undefined ? v : JSON.parse(JSON.stringify(v)) }
function place(text) {
	var given = JSON.parse(text)
	var g = new dagre.graphlib.Graph({ multigraph: true })
	g.setGraph({ rankdir: given.dir, nodesep: 28, edgesep: 16, ranksep: 44, marginx: 20, marginy: 20 })
	given.boxes.forEach(function (b, i) { g.setNode("" + i, { width: b.w, height: b.h }) })
	given.lines.forEach(function (l, i) { g.setEdge("" + l.above, "" + l.below, { width: l.w, height: l.h, labelpos: "c" }, "" + i) })
	dagre.layout(g)
	return JSON.stringify({
		w: g.graph().width, h: g.graph().height,
		boxes: given.boxes.map(function (_, i) { var n = g.node("" + i); return { x: n.x, y: n.y } }),
		lines: given.lines.map(function (l, i) {
			var e = g.edge("" + l.above, "" + l.below, "" + i)
			return { x: e.x, y: e.y, points: e.points.map(function (p) { return { x: p.x, y: p.y } }) }
		}),
	})
}
`

var compiled = sync.OnceValues(func() ([2]*goja.Program, error) {
	library, err := goja.Compile("dagre.min.js", dagre, false)
	if err != nil {
		return [2]*goja.Program{}, err
	}
	own, err := goja.Compile("place.js", script, true)
	return [2]*goja.Program{library, own}, err
})

// plan is where everything stands, from the upper left corner.
type plan struct {
	w, h          float64
	boxes, labels []shape
	routes        []route // of each line, from above to below
}

type size struct {
	W     float64 `json:"w"`
	H     float64 `json:"h"`
	Above int     `json:"above"`
	Below int     `json:"below"`
}

type place struct {
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Points []struct {
		X float64 `json:"x"`
		Y float64 `json:"y"`
	} `json:"points"`
}

// layout asks dagre for the places. A machine of its own is made every time,
// with a clock that stands still and dice that always fall alike, so that the
// answer depends on the question only.
func layout(dir string, lines []Line, boxes, labels []shape) (*plan, error) {
	programs, err := compiled()
	if err != nil {
		return nil, err
	}
	in := struct {
		Dir   string `json:"dir"`
		Boxes []size `json:"boxes"`
		Lines []size `json:"lines"`
	}{dir, make([]size, len(boxes)), make([]size, len(labels))}
	for i, b := range boxes {
		in.Boxes[i] = size{W: b.w + 2*b.frame, H: b.h + 2*b.frame}
	}
	for i, l := range labels {
		in.Lines[i] = size{W: l.w, H: l.h, Above: lines[i].Above, Below: lines[i].Below}
	}
	question, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	vm := goja.New()
	vm.SetRandSource(func() float64 { return 0.5 })
	vm.SetTimeSource(func() time.Time { return time.Unix(0, 0) })
	vm.SetMaxCallStackSize(4096)
	for _, p := range programs {
		if _, err := vm.RunProgram(p); err != nil {
			return nil, err
		}
	}
	ask, ok := goja.AssertFunction(vm.Get("place"))
	if !ok {
		return nil, fmt.Errorf("the layout has no function")
	}
	answer, err := ask(goja.Undefined(), vm.ToValue(string(question)))
	if err != nil {
		return nil, err
	}
	var out struct {
		W     float64 `json:"w"`
		H     float64 `json:"h"`
		Boxes []place `json:"boxes"`
		Lines []place `json:"lines"`
	}
	if err := json.Unmarshal([]byte(answer.String()), &out); err != nil {
		return nil, err
	}
	if len(out.Boxes) != len(boxes) || len(out.Lines) != len(labels) {
		return nil, fmt.Errorf("%d boxes and %d lines became %d and %d", len(boxes), len(labels), len(out.Boxes), len(out.Lines))
	}
	p := &plan{w: out.W, h: out.H, boxes: append([]shape(nil), boxes...), labels: append([]shape(nil), labels...), routes: make([]route, len(labels))}
	for i, at := range out.Boxes {
		p.boxes[i].x, p.boxes[i].y = at.X, at.Y
	}
	for i, at := range out.Lines {
		p.labels[i].x, p.labels[i].y = at.X, at.Y
	}
	r := router{plan: p, lines: lines, turned: dir == "LR"}
	for i, at := range out.Lines {
		var by []point
		for _, k := range at.Points {
			by = append(by, point{k.X, k.Y})
		}
		p.routes[i].by = by
	}
	r.run()
	return p, nil
}
