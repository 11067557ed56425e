package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// parse returns the package's files, without its tests, by their base names.
func (p pkg) parse(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Error(err)
			continue
		}
		files[name] = f
	}
	return files
}

// TestDocComments wants a comment on every package, and in libraries on
// everything exported. A method that one of our interfaces or the standard
// library's declares is documented there.
func TestDocComments(t *testing.T) {
	known := map[string]bool{"Error": true, "Is": true, "Unwrap": true, "String": true}
	all := list(t)
	for _, p := range all {
		for _, f := range p.parse(t) {
			for n := range ast.Preorder(f) {
				if i, ok := n.(*ast.InterfaceType); ok {
					for _, m := range i.Methods.List {
						for _, name := range m.Names {
							known[name.Name] = true
						}
					}
				}
			}
		}
	}
	for _, p := range all {
		commented := false
		for name, f := range p.parse(t) {
			commented = commented || f.Doc != nil
			for _, d := range f.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s: has an init function: every command would pay for it", p.rel, name)
				}
				if p.Name == "main" || p.command() {
					continue
				}
				for _, id := range undocumented(d, known) {
					t.Errorf("%s/%s: %s has no doc comment", p.rel, name, id)
				}
			}
		}
		if !commented && len(p.GoFiles) > 0 {
			t.Errorf("%s: has no package comment", p.rel)
		}
	}
}

// undocumented returns what d declares for export without a comment, but for
// methods of known names.
func undocumented(d ast.Decl, known map[string]bool) (ids []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil || !d.Name.IsExported() {
			return nil
		}
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		for n := range ast.Preorder(d.Recv.List[0].Type) {
			if id, ok := n.(*ast.Ident); ok {
				if id.IsExported() && !known[d.Name.Name] {
					return []string{id.Name + "." + d.Name.Name}
				}
				return nil
			}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if d.Doc == nil && s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
					ids = append(ids, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, id := range s.Names {
					if d.Doc == nil && s.Doc == nil && s.Comment == nil && id.IsExported() {
						ids = append(ids, id.Name)
					}
				}
			}
		}
	}
	return ids
}

// TestManuals wants of every command a doc.go with the sections of a manual
// page, which names all of its flags and no others.
func TestManuals(t *testing.T) {
	door := map[string]bool{} // the flags that srv.Door gives all servers
	for _, p := range list(t) {
		if p.rel == "srv" {
			door = flags(p.parse(t))
		}
	}
	for _, p := range list(t) {
		if !p.command() {
			continue
		}
		files := p.parse(t)
		if files["doc.go"] == nil || files["doc.go"].Doc == nil {
			t.Errorf("%s: has no doc.go with its manual page", p.rel)
			continue
		}
		page := files["doc.go"].Doc.Text()
		for _, heading := range []string{"NAME", "SYNOPSIS", "DESCRIPTION"} {
			if section(page, heading) == "" {
				t.Errorf("%s: its manual has no section %s", p.rel, heading)
			}
		}
		has := flags(files)
		if usesDoor(files) {
			maps.Copy(has, door)
		}
		synopsis := section(page, "SYNOPSIS")
		named := mentions(page)
		for _, word := range mentions(synopsis) {
			if has[word] {
				continue
			}
			for _, letter := range strings.Split(word, "") { // [-abc] is three flags
				if !has[letter] {
					t.Errorf("%s: the SYNOPSIS has -%s, the command has no flag -%s", p.rel, word, letter)
					break
				}
				named = append(named, letter)
			}
		}
		for name := range has {
			if !slices.Contains(named, name) {
				t.Errorf("%s: its manual does not mention -%s", p.rel, name)
			}
		}
	}
}

// usesDoor reports whether a command takes its flags from srv.Door.
func usesDoor(files map[string]*ast.File) bool {
	for _, f := range files {
		for n := range ast.Preorder(f) {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Door" {
				return true
			}
		}
	}
	return false
}

// section returns what page has below the heading, up to the next one.
func section(page, heading string) string {
	_, body, _ := strings.Cut("\n"+strings.ReplaceAll(page, "\n# ", "\n"), "\n"+heading+"\n")
	if next := regexp.MustCompile(`(?m)^[A-Z]+( [A-Z]+)*$`).FindStringIndex(body); next != nil {
		body = body[:next[0]]
	}
	return strings.TrimSpace(body)
}

// mentions returns the words in text that look like flags, without the "-".
func mentions(text string) (words []string) {
	for _, m := range regexp.MustCompile("(?:^|[\\s\\[(|`'\"])-([A-Za-z0-9]+)").FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// flags returns the names of the flags that files define: the literal names
// in calls of the methods of what is, to the eye, a [flag.FlagSet].
func flags(files map[string]*ast.File) map[string]bool {
	is := func(e ast.Expr, names ...string) bool { // flag.NAME
		if star, ok := e.(*ast.StarExpr); ok {
			e = star.X
		}
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		x, ok := sel.X.(*ast.Ident)
		return ok && x.Name == "flag" && slices.Contains(names, sel.Sel.Name)
	}
	sets, found := map[string]bool{"flag": true}, map[string]bool{}
	for _, f := range files {
		for n := range ast.Preorder(f) {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if call, ok := n.Rhs[0].(*ast.CallExpr); ok && is(call.Fun, "NewFlagSet") {
					if id, ok := n.Lhs[0].(*ast.Ident); ok {
						sets[id.Name] = true
					}
				}
			case *ast.Field:
				for _, id := range n.Names {
					sets[id.Name] = sets[id.Name] || is(n.Type, "FlagSet")
				}
			case *ast.ValueSpec:
				for _, id := range n.Names {
					sets[id.Name] = sets[id.Name] || n.Type != nil && is(n.Type, "FlagSet")
				}
			}
		}
	}
	define := regexp.MustCompile(`^(Bool|Int|Int64|Uint|Uint64|String|Float64|Duration|Func|BoolFunc|Text|)(Var)?$`)
	for _, f := range files {
		for n := range ast.Preorder(f) {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				continue
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !define.MatchString(sel.Sel.Name) {
				continue
			}
			set, ok := sel.X.(*ast.Ident)
			arg := 0 // which argument is the name
			if strings.HasSuffix(sel.Sel.Name, "Var") {
				arg = 1 // the first is the variable
			}
			if !ok || !sets[set.Name] || len(call.Args) <= arg {
				continue
			}
			if lit, ok := call.Args[arg].(*ast.BasicLit); ok {
				if name, err := strconv.Unquote(lit.Value); err == nil {
					found[name] = true
				}
			}
		}
	}
	return found
}

// TestTable wants every command's package in main.go's table, and a manual
// page with a line for the list for everything in the table.
func TestTable(t *testing.T) {
	nine := binary(t)
	var wired []string
	var packages []pkg
	for _, p := range list(t) {
		if p.rel == "." {
			wired = p.Imports
		} else if p.command() {
			packages = append(packages, p)
		}
	}
	for _, p := range packages {
		if !slices.Contains(wired, p.ImportPath) {
			t.Errorf("%s: is not in main.go's table", p.rel)
		}
	}
	out, err := exec.Command(nine, "man").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, does, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.TrimSpace(does) == "" {
			t.Errorf("nine man: no line that says what %s does", name)
		}
		page, err := exec.Command(nine, "man", name).Output()
		if err != nil || section(string(page), "SYNOPSIS") == "" {
			t.Errorf("nine man %s: no SYNOPSIS: %v", name, err)
		}
	}
}
