package rc

import (
	"strings"

	"ninespace/rc/syntax"
)

// whatis writes what a name is as text to define it by.
func whatis(sh *shell, args []string) error {
	if len(args) == 1 {
		return sh.fail("Usage: whatis name ...")
	}
	status := statusOK
	var out []byte
	for _, name := range args[1:] {
		found := false
		if list := sh.lookup(name); len(list) > 0 {
			out = append(out, assignment(name, list)...)
			found = true
		}
		if f := sh.fns.m[name]; f != nil {
			out = append(out, sh.definition(f)...)
			found = true
		} else if name != "builtin" && (sh.builtin(name) != nil || sh.theirs(name) != nil) {
			out = append(out, "builtin "+name+"\n"...)
			found = true
		} else if file, err := sh.find(name); err == nil {
			out = append(out, file+"\n"...)
			found = true
		}
		if !found {
			sh.sayAt(name + ": not found")
			status = []string{"not found"}
		}
	}
	sh.status = status
	sh.print("whatis", out)
	return nil
}

// assignment gives the text that assigns a list.
func assignment(name string, list []string) string {
	var b strings.Builder
	b.WriteString(syntax.Quote(name) + "=")
	if len(list) == 1 {
		b.WriteString(syntax.Quote(list[0]) + "\n")
		return b.String()
	}
	b.WriteByte('(')
	for i, w := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(syntax.Quote(w))
	}
	b.WriteString(")\n")
	return b.String()
}

// definition gives the text that defines a function.
func (sh *shell) definition(f *fn) string {
	if f.parse() != nil {
		return f.text()
	}
	return syntax.Print(&syntax.Fn{Names: []syntax.Word{&syntax.Lit{Text: f.name, Quoted: syntax.Keyword(f.name)}}, Body: f.body}) + "\n"
}
