package picture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sizes in the units of the picture, which are CSS pixels. Names of fonts end
// in a family that every reader has.
const (
	fonts      = "Liberation Sans, Arial, Helvetica, Noto Sans CJK SC, sans-serif"
	fontSize   = 14.0
	smallSize  = 12.0
	lineHeight = 17.0
	padding    = 10.0
	boxWidth   = 210.0 // of the text in a box, at most
	labelWidth = 170.0
	margin     = 20.0
	maxLines   = 5 // of a name
	maxMark    = 4 // lines of one mark
	maxSaid    = 4 // statements written at one line
	pageWidth  = 690.0
	pageHeight = 1010.0 // an A4 page within its margins
	leastWidth = 460.0
)

// text is a line of text in a box or at a line.
type text struct {
	s     string
	size  float64
	heavy bool
}

// shape is a box or a label with its text and its place; x and y are its
// middle.
type shape struct {
	lines      []text
	w, h, x, y float64
	frame      float64 // how far outside its edge a second frame stands; 0 is none
}

// Draw writes the chain as SVG: black on white, nothing told by colour, every
// text escaped. It looks at nothing but the chain. The picture is small enough
// to be kept whole.
func Draw(c Chain) ([]byte, error) {
	if len(c.Boxes) == 0 || len(c.Boxes) > MaxParties {
		return nil, fmt.Errorf("a picture holds 1 to %d parties, not %d", MaxParties, len(c.Boxes))
	}
	boxes := make([]shape, len(c.Boxes))
	for i := range c.Boxes {
		boxes[i] = boxShape(&c.Boxes[i])
	}
	boxes[0].frame = 4
	labels := make([]shape, len(c.Lines))
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.Above < 0 || l.Above >= len(boxes) || l.Below < 0 || l.Below >= len(boxes) || l.Above == l.Below || len(l.Says) == 0 {
			return nil, fmt.Errorf("line %d joins boxes %d and %d of %d and says %d things", i, l.Above, l.Below, len(boxes), len(l.Says))
		}
		labels[i] = labelShape(l)
	}
	var best *plan
	for _, dir := range []string{"TB", "LR"} {
		p, err := layout(dir, c.Lines, boxes, labels)
		if err != nil {
			return nil, fmt.Errorf("placing %d parties and %d lines: %w", len(boxes), len(labels), err)
		}
		if best == nil || p.scale() > 1.05*best.scale() {
			best = p
		}
	}
	return c.svg(best), nil
}

// scale is how large a plan can be printed on a page, at most as it is.
func (p *plan) scale() float64 {
	fit := func(w, h float64) float64 { return min(1, w/p.w, h/p.h) }
	return max(fit(pageWidth, pageHeight), fit(pageHeight, pageWidth))
}

func boxShape(b *Box) shape {
	s := shape{}
	put := func(t string, size float64, heavy bool, lines int) {
		for _, l := range wrap(t, boxWidth, size, heavy, lines) {
			s.lines = append(s.lines, text{l, size, heavy})
		}
	}
	put(b.Name, fontSize, true, maxLines)
	put(b.what(), smallSize, false, 2)
	for _, m := range b.Marks {
		put("• "+m.Text, smallSize, false, maxMark)
	}
	s.fit()
	return s
}

// labelShape says share, kind and dates of a line.
func labelShape(l *Line) shape {
	s := shape{}
	for i := range l.Says {
		if i == maxSaid {
			s.lines = append(s.lines, text{fmt.Sprintf("and %d more", len(l.Says)-i), smallSize, false})
			break
		}
		st := &l.Says[i]
		head := st.downward()
		for _, t := range wrap(head, labelWidth, smallSize, true, 2) {
			s.lines = append(s.lines, text{t, smallSize, true})
		}
		for _, t := range wrap(st.when(), labelWidth, smallSize, false, 2) {
			s.lines = append(s.lines, text{t, smallSize, false})
		}
	}
	s.fit()
	return s
}

// downward says what the one above does, because a line points down from it.
func (s *Statement) downward() string {
	words, ok := active[s.Words]
	if !ok {
		words = s.Words
	}
	if s.Share != nil {
		words += " " + percent(*s.Share)
	}
	return words
}

var active = map[string]string{
	ownedBy: "owns", controlledBy: "controls", brandOf: "uses the brand", possiblyBrandOf: "possibly uses the brand", licenceFrom: "gives the licence",
	firmwareBy: "makes the firmware", engineeringShared: "shares engineering", sameProduct: "said to make the same product",
}

// when says the dates of a statement, and how certain it is where that is less
// than a filing or a primary record.
func (s *Statement) when() string {
	var parts []string
	switch {
	case s.Since == "":
		parts = append(parts, "not dated")
	case s.Seen:
		parts = append(parts, "seen "+s.Since)
	default:
		parts = append(parts, "from "+s.Since)
	}
	if s.Until != "" {
		parts = append(parts, "until "+s.Until)
	}
	if s.Certainty != "" && s.Certainty != "official" {
		parts = append(parts, "("+s.Certainty+")")
	}
	return strings.Join(parts, " ")
}

func (s *shape) fit() {
	for _, l := range s.lines {
		s.w = max(s.w, width(l.s, l.size, l.heavy))
	}
	s.w = math.Ceil(s.w + 2*padding)
	s.h = math.Ceil(float64(len(s.lines))*lineHeight + 2*padding - 4)
}

// wrap breaks a text into lines that are no wider than w, at blanks where it
// can. What does not fit into n lines is cut, and says so by an ellipsis.
func wrap(s string, w, size float64, heavy bool, n int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(plain(s)) {
		for {
			try := word
			if line != "" {
				try = line + " " + word
			}
			if width(try, size, heavy) <= w {
				line = try
				break
			}
			if line != "" {
				out = append(out, line)
				line = ""
				continue
			}
			k := fitting(word, w, size, heavy)
			out = append(out, word[:k])
			if word = word[k:]; word == "" || len(out) > n {
				break
			}
		}
		if len(out) > n {
			break
		}
	}
	if line != "" {
		out = append(out, line)
	}
	if len(out) > n {
		out = out[:n]
		last := out[n-1]
		for width(last+"…", size, heavy) > w {
			_, k := utf8.DecodeLastRuneInString(last)
			last = last[:len(last)-k]
		}
		out[n-1] = last + "…"
	}
	if len(out) == 0 {
		out = []string{"(no name)"}
	}
	return out
}

// fitting is how many bytes of a word fit into w, at least one rune.
func fitting(word string, w, size float64, heavy bool) int {
	sum := 0.0
	for i, r := range word {
		if sum += runeWidth(r, size, heavy); sum > w && i > 0 {
			return i
		}
	}
	return len(word)
}

// width is how wide a text is drawn, rather too wide than too narrow, because
// the reader's font is not known.
func width(s string, size float64, heavy bool) float64 {
	w := 0.0
	for _, r := range s {
		w += runeWidth(r, size, heavy)
	}
	return w
}

func runeWidth(r rune, size float64, heavy bool) float64 {
	w := 0.58
	switch {
	case strings.ContainsRune("iljtf.,:;'|!()[] ", r):
		w = 0.36
	case r == 'm' || r == 'w' || r == 'M' || r == 'W' || r == '%' || r == '@' || r == '…' || r == '—':
		w = 0.95
	case r >= 'A' && r <= 'Z':
		w = 0.74
	case r >= 0x1100: // scripts whose letters are as wide as they are high
		w = 1.05
	}
	if heavy {
		w *= 1.07
	}
	return w * size
}

// plain is a text without what a reader cannot see and what would turn the
// order of the letters round him.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), r == 0xfffe, r == 0xffff:
			return '\ufffd'
		}
		return r
	}, s)
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(plain(s))) // a strings.Builder takes everything
	return b.String()
}

// svg writes the plan.
func (c *Chain) svg(p *plan) []byte {
	head := wrap(c.title(), max(p.w, leastWidth)-2*margin, 18, true, 4)
	notes := wrap(c.note(), max(p.w, leastWidth)-2*margin, smallSize, false, 8)
	if c.LeftOut > 0 {
		notes = append(notes, wrap(c.leftOut()+".", max(p.w, leastWidth)-2*margin, smallSize, false, 2)...)
	}
	top := margin + 22*float64(len(head)) + 10
	w := math.Ceil(max(p.w, leastWidth))
	h := math.Ceil(top + p.h + 16*float64(len(notes)) + margin)
	dx := math.Floor((w - p.w) / 2)
	var b bytes.Buffer
	id := c.mark()
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" viewBox=\"0 0 %[1]s %[2]s\" role=\"img\" aria-labelledby=\"%[3]s-t %[3]s-d\" font-family=\"%[4]s\" fill=\"#000\">\n", num(w), num(h), id, fonts)
	fmt.Fprintf(&b, "<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n", id, escaped(c.title()), id, escaped(c.says()))
	fmt.Fprintf(&b, "<rect x=\"0\" y=\"0\" width=\"%s\" height=\"%s\" fill=\"#fff\"/>\n", num(w), num(h))
	for i, t := range head {
		fmt.Fprintf(&b, "<text x=\"%s\" y=\"%s\" font-size=\"18\" font-weight=\"bold\">%s</text>\n", num(margin), num(margin+16+22*float64(i)), escaped(t))
	}
	fmt.Fprintf(&b, "<g transform=\"translate(%s %s)\">\n", num(dx), num(top))
	for i := range c.Lines {
		c.line(&b, &c.Lines[i], &p.routes[i])
	}
	for i := range p.boxes {
		c.box(&b, i, &p.boxes[i])
	}
	for i := range p.labels {
		l := &p.labels[i]
		fmt.Fprintf(&b, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"#fff\"/>\n", num(l.x-l.w/2+4), num(l.y-l.h/2+4), num(l.w-8), num(l.h-8))
		l.write(&b)
	}
	b.WriteString("</g>\n")
	for i, t := range notes {
		fmt.Fprintf(&b, "<text x=\"%s\" y=\"%s\" font-size=\"%s\">%s</text>\n", num(margin), num(top+p.h+12+16*float64(i)), num(smallSize), escaped(t))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// mark tells the ids of one picture from those of another on the same page.
func (c *Chain) mark() string {
	sum := sha256.Sum256([]byte(c.Party + "\x00" + c.Day + "\x00" + c.Edition))
	return "p" + hex.EncodeToString(sum[:4])
}

// says is the picture in words, for who cannot see it.
func (c *Chain) says() string {
	var b strings.Builder
	for i := range c.Boxes {
		bx := &c.Boxes[i]
		fmt.Fprintf(&b, "%s: %s", bx.Name, bx.what())
		for _, m := range bx.Marks {
			b.WriteString(", " + m.Text)
		}
		b.WriteString(". ")
		for _, l := range c.Lines {
			if l.Below != i {
				continue
			}
			for _, s := range l.Says {
				fmt.Fprintf(&b, "%s %s %s", bx.Name, s.Words, c.Boxes[l.Above].Name)
				if s.Share != nil {
					b.WriteString(" " + percent(*s.Share))
				}
				b.WriteString(", " + s.when() + ". ")
			}
		}
	}
	if c.LeftOut > 0 {
		b.WriteString(c.leftOut() + ".")
	}
	return strings.TrimSpace(b.String())
}

// box draws a box: the party asked about with a double frame, one whose owner
// is unresolved with a dashed one.
func (c *Chain) box(b *bytes.Buffer, i int, s *shape) {
	dash := ""
	if c.Boxes[i].Unresolved != "" {
		dash = " stroke-dasharray=\"6 4\""
	}
	frame := func(by float64) {
		fmt.Fprintf(b, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"4\" fill=\"#fff\" stroke=\"#000\" stroke-width=\"1.5\"%s/>\n",
			num(s.x-s.w/2-by), num(s.y-s.h/2-by), num(s.w+2*by), num(s.h+2*by), dash)
	}
	if s.frame > 0 {
		frame(s.frame)
	}
	frame(0)
	s.write(b)
}

func (s *shape) write(b *bytes.Buffer) {
	y := s.y - s.h/2 + padding + 10
	for _, l := range s.lines {
		weight := ""
		if l.heavy {
			weight = " font-weight=\"bold\""
		}
		fmt.Fprintf(b, "<text x=\"%s\" y=\"%s\" font-size=\"%s\" text-anchor=\"middle\"%s>%s</text>\n", num(s.x), num(y), num(l.size), weight, escaped(l.s))
		y += lineHeight
	}
}

// line draws a line with its point at the one below.
func (c *Chain) line(b *bytes.Buffer, l *Line, r *route) {
	if len(r.path) == 0 {
		return
	}
	dash := ""
	if !l.Owning {
		dash = " stroke-dasharray=\"5 4\""
	}
	end, before := r.path[len(r.path)-1].to, r.before()
	dx, dy := end.x-before.x, end.y-before.y
	if long := math.Hypot(dx, dy); long > 0 {
		dx, dy = dx/long, dy/long
	} else {
		dx, dy = 0, 1
	}
	neck := point{end.x - 9*dx, end.y - 9*dy}
	fmt.Fprintf(b, "<path d=\"M%s %s", num(r.start.x), num(r.start.y))
	for i, s := range r.path {
		to := s.to
		if i == len(r.path)-1 {
			to = neck
		}
		if s.curved {
			fmt.Fprintf(b, "C%s %s %s %s %s %s", num(s.c1.x), num(s.c1.y), num(s.c2.x), num(s.c2.y), num(to.x), num(to.y))
		} else {
			fmt.Fprintf(b, "L%s %s", num(to.x), num(to.y))
		}
	}
	fmt.Fprintf(b, "\" fill=\"none\" stroke=\"#000\" stroke-width=\"1.5\"%s/>\n", dash)
	fmt.Fprintf(b, "<path d=\"M%s %sL%s %sL%s %sZ\"/>\n", num(end.x), num(end.y), num(neck.x-4.5*dy), num(neck.y+4.5*dx), num(neck.x+4.5*dy), num(neck.y-4.5*dx))
}

// num writes a coordinate to a half of a pixel, so that the last bits of a
// computation do not show.
func num(v float64) string {
	n := math.Round(v * 2)
	if n == 0 {
		n = 0 // no minus zero
	}
	if math.Mod(n, 2) == 0 {
		return fmt.Sprintf("%d", int(n/2))
	}
	return fmt.Sprintf("%.1f", n/2)
}
