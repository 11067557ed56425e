package graph

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Measures of the picture, in pixels.
const (
	margin = 28
	rowH   = 30
	chipH  = 22
	indent = 22
	charW  = 7.85 // of a character of 13 pixels, in any of the fonts
	smallW = 6.65 // of one of 11
	top    = 84   // where rows begin
	widest = 760  // of chips in a row, which go on in the next one
	gap    = 90   // to the boxes of nodes
)

// style is the page's. Colours tell kinds of members apart, as do their names.
const style = `text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #22303c }
.title { font-size: 17px; font-weight: bold } .small { font-size: 11px; fill: #6b7885 } .dir { fill: #6b7885 } .name { font-weight: bold }
.tree { stroke: #c4ccd4; fill: none } .wire { stroke: #9fb3c4; stroke-width: 1.5; fill: none } .node { fill: #fbfcfd; stroke: #9fb3c4; stroke-width: 1.5 }
.server { fill: #e0f2ef; stroke: #4aa597 } .device { fill: #eee8f8; stroke: #9277c4 } .far { fill: #fdeedc; stroke: #d8943f } .bind { fill: #eaf0f8; stroke: #6f93c0 } .self { fill: #f4f5f6; stroke: #c4ccd4 }`

// A picture is SVG as it is drawn, how large it has become, and what the legend has to explain.
type picture struct {
	b             strings.Builder
	width, height float64
	has           map[string]bool // kinds of chips, and "create" and "union"
}

func (p *picture) add(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// reach has the picture be as large as to have a point in it.
func (p *picture) reach(x, y float64) { p.width, p.height = max(p.width, x), max(p.height, y) }

func (p *picture) text(x, y float64, class, s string) {
	p.add(`<text x="%.1f" y="%.1f" class="%s">%s</text>`, x, y, class, escape(s))
	w := charW
	if class == "small" {
		w = smallW
	}
	p.reach(x+w*float64(utf8.RuneCountInString(s)), y+8)
}

func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffe || r == 0xffff { // which XML has no way to say
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// draw gives the picture of a table.
func draw(title string, t table) string {
	p := &picture{has: map[string]bool{}}
	lines := t.tree()
	p.text(margin, 40, "title", title)

	label := 0.0
	for _, l := range lines {
		label = max(label, margin+float64(l.depth)*indent+charW*float64(utf8.RuneCountInString(l.name)))
	}
	x, y := label+32, float64(top)
	at := make([]float64, len(lines)) // where each row is
	for i, l := range lines {
		at[i] = y + rowH/2
		class := "dir"
		if len(l.members) > 0 || l.node != nil {
			class = "name"
		}
		p.text(margin+float64(l.depth)*indent, at[i]+4.5, class, l.name)
		if l.node == nil {
			y = p.chips(x, y, l.members)
		}
		y += rowH
		p.branch(lines[:i+1], at)
	}
	p.legend()
	p.nodes(lines, at, label)
	p.reach(0, y)
	w, h := p.width+margin, p.height+margin-8
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>%s</title>\n<style>%s</style>\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%s</svg>\n", w, h, w, h, escape(title), style, p.b.String())
}

// branch draws the line from the last row's parent to it.
func (p *picture) branch(lines []line, at []float64) {
	last := len(lines) - 1
	for i := last - 1; i >= 0; i-- {
		if lines[i].depth < lines[last].depth {
			x := margin + float64(lines[i].depth)*indent + 4.5 // whole pixels: a line over another is no darker
			p.add(`<path class="tree" d="M%.1f %.1fV%.1fH%.1f"/>`, x, at[i]+10, at[last]+.5, x+indent-8)
			return
		}
	}
}

// chips draws members one behind the other and gives the row that the last is in.
func (p *picture) chips(x, y float64, members []member) float64 {
	left := x
	for i, m := range members {
		text := m.label()
		w := 16 + charW*float64(utf8.RuneCountInString(text))
		if i > 0 {
			if x+26+w-left > widest {
				x, y = left, y+rowH
			}
			p.add(`<path class="wire" d="M%.1f %.1fh14m-5 -4l5 4l-5 4"/>`, x+6, y+rowH/2)
			x += 26
		}
		p.chip(x, y+rowH/2, w, m.kind(), text)
		p.has["create"] = p.has["create"] || m.create
		p.has["union"] = p.has["union"] || i > 0
		x += w
	}
	return y
}

func (p *picture) chip(x, mid, w float64, kind, text string) {
	p.add(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="5"/>`, kind, x, mid-chipH/2, w, chipH)
	p.text(x+8, mid+4.5, "chip", text)
	p.has[kind] = true
	p.reach(x+w, mid+rowH/2)
}

func (m member) label() string {
	s := m.from
	if m.spec != "" {
		s += " " + m.spec
	}
	if m.create {
		s += " (c)"
	}
	return s
}

// kind is the class of a member's chip.
func (m member) kind() string {
	switch {
	case m.mount && strings.Contains(m.from, "!"):
		return "far"
	case m.mount:
		return "server"
	case strings.HasPrefix(m.from, "#"):
		return "device"
	}
	return "bind"
}

// legend says which colour is what, of those that there are.
func (p *picture) legend() {
	x := float64(margin)
	for _, k := range []struct{ kind, text string }{{"server", "server"}, {"far", "dialled"}, {"device", "device"}, {"bind", "directory"}} {
		if p.has[k.kind] {
			p.add(`<rect class="%s" x="%.1f" y="56" width="14" height="12" rx="3"/>`, k.kind, x)
			p.text(x+20, 66, "small", k.text)
			x += 20 + smallW*float64(len(k.text)) + 18
		}
	}
	for _, k := range []struct{ kind, text string }{{"create", "(c) new files go here"}, {"union", "→ searched next"}} {
		if p.has[k.kind] {
			p.text(x, 66, "small", k.text)
			x += smallW*float64(utf8.RuneCountInString(k.text)) + 18
		}
	}
}

// nodes draws the boxes of the nodes at the right, and a wire to each from its row.
func (p *picture) nodes(lines []line, at []float64, label float64) {
	x, y := p.width+gap, float64(top)
	for i, l := range lines {
		if l.node == nil {
			continue
		}
		names := 0
		for _, part := range l.node {
			names = max(names, utf8.RuneCountInString(part.name))
		}
		w := 0.0
		for _, part := range l.node {
			w = max(w, smallW*float64(utf8.RuneCountInString(part.from())))
		}
		inner := x + 18 + charW*float64(names) + 18
		width, height := inner-x+w+18, 44+22*float64(len(l.node))
		from := margin + float64(l.depth)*indent + charW*float64(utf8.RuneCountInString(l.name)) + 8
		mid := y + 22
		p.add(`<path class="wire" d="M%.1f %.1fH%.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/>`, from, at[i], x-gap, x-gap/2, at[i], x-gap/2, mid, x, mid)
		p.add(`<rect class="node" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="9"/>`, x, y, width, height)
		p.text(x+18, y+26, "name", l.name)
		for j, part := range l.node {
			row := y + 50 + 22*float64(j)
			p.text(x+18, row, "chip", part.name)
			p.text(inner, row, "small", part.from())
		}
		p.reach(x+width, y+height)
		y += height + 22
	}
}

// from is what a part is made of, in a line.
func (p part) from() string {
	var all []string
	for _, m := range p.members {
		from := m
		if len(p.members) > 1 { // members of a union differ, what they have in common is known
			from.spec = ""
		}
		all = append(all, from.label())
	}
	if len(all) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:2], ", "), len(all)-2)
	}
	return strings.Join(all, ", ")
}
