package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var writeAPI = flag.Bool("api", false, "write testdata/api: what the next release promises")

// promised are the packages that others may build on.
var promised = []string{"ninespace/srv", "ninespace/srv/client", "ninespace/srv/p9"}

// TestAPI wants what the last release promised to be there still, as it was. A line is
// something exported: a function, a field or a method with its type, and all of an
// interface, to which nothing can be added either. What is new is promised by the next
// release, which has this file written anew:
//
//	go test ./test -run TestAPI -api
func TestAPI(t *testing.T) {
	now := api(t)
	const file = "testdata/api"
	if *writeAPI {
		if err := os.WriteFile(file, []byte(strings.Join(now, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	then, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(then)) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(now, line) {
			t.Errorf("promised, and not there any more: %s", line)
		}
	}
}

// api lists what the packages export, a line each, in order.
func api(t *testing.T) []string {
	t.Helper()
	exports := map[string]string{}
	out, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, promised...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		exports[path] = file
	}
	imp := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var all []string
	for _, path := range promised {
		p, err := imp.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range p.Scope().Names() {
			if o := p.Scope().Lookup(name); o.Exported() {
				all = append(all, lines(path, o)...)
			}
		}
	}
	slices.Sort(all)
	return all
}

// lines are what an object of the package promises.
func lines(path string, o types.Object) []string {
	qualify := func(p *types.Package) string {
		if p.Path() == path {
			return ""
		}
		return p.Path()
	}
	var all []string
	add := func(o types.Object, of string) {
		var b bytes.Buffer
		types.WriteType(&b, unnamed(o.Type()), qualify)
		all = append(all, fmt.Sprintf("%s: %s%s %s", path, of, o.Name(), strings.TrimPrefix(b.String(), "func")))
	}
	named, ok := o.(*types.TypeName)
	if !ok {
		if c, ok := o.(*types.Const); ok {
			return []string{fmt.Sprintf("%s: const %s = %s", path, c.Name(), c.Val().ExactString())}
		}
		add(o, strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T ", o), "*types.")))
		return all
	}
	under := named.Type().Underlying()
	s, isStruct := under.(*types.Struct)
	if !isStruct {
		all = append(all, fmt.Sprintf("%s: type %s %s", path, named.Name(), types.TypeString(under, qualify)))
	} else {
		all = append(all, fmt.Sprintf("%s: type %s struct", path, named.Name()))
		for f := range s.Fields() {
			if f.Exported() {
				add(f, "field "+named.Name()+".")
			}
		}
	}
	if _, ok := under.(*types.Interface); ok {
		return all
	}
	for m := range types.NewMethodSet(types.NewPointer(named.Type())).Methods() {
		if m.Obj().Exported() {
			add(m.Obj(), "method "+named.Name()+".")
		}
	}
	return all
}

// unnamed gives a function's type without the names of what it takes and gives.
func unnamed(t types.Type) types.Type {
	sig, ok := t.(*types.Signature)
	if !ok {
		return t
	}
	strip := func(vars *types.Tuple) *types.Tuple {
		var all []*types.Var
		for v := range vars.Variables() {
			all = append(all, types.NewParam(token.NoPos, nil, "", v.Type()))
		}
		return types.NewTuple(all...)
	}
	return types.NewSignatureType(nil, nil, nil, strip(sig.Params()), strip(sig.Results()), sig.Variadic())
}
