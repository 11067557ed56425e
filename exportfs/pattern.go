package exportfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Patterns say which files of a tree are given, exportfs(4). A file's path begins with a
// slash, which stands for the tree's root. It has to match each expression of the file's
// lines "+ regexp" and none of its lines "- regexp"; expressions are those of package
// regexp. The root is always given.
type Patterns struct {
	want, refuse []*regexp.Regexp
}

// ParsePatterns reads them, a line each. Empty lines and such that begin with # are none.
func ParsePatterns(r io.Reader) (*Patterns, error) {
	p := &Patterns{}
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		re, err := regexp.Compile(strings.TrimSpace(line[1:]))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch line[0] {
		case '+':
			p.want = append(p.want, re)
		case '-':
			p.refuse = append(p.refuse, re)
		default:
			return nil, fmt.Errorf("line %d: no + or -: %q", n, line)
		}
	}
	return p, in.Err()
}

// Match tells whether the file of a path is given.
func (p *Patterns) Match(path string) bool {
	if path == "/" {
		return true
	}
	for _, re := range p.want {
		if !re.MatchString(path) {
			return false
		}
	}
	for _, re := range p.refuse {
		if re.MatchString(path) {
			return false
		}
	}
	return true
}

// Tree gives the part of a tree, whose root has the path at, that is to be given. What is not is not there for those who
// walk or list, and cannot be made. A directory cannot be renamed, as what is in it would
// have other paths. The root has to be a srv.Guard, as diskfs's is: the engine's own checks
// are not made for another file than the one it asks.
func (p *Patterns) Tree(root srv.File, at string) (srv.File, error) {
	if _, ok := root.(srv.Guard); !ok {
		return nil, errors.New("patterns are for directories of the machine")
	}
	at = path.Clean("/" + at)
	for up := at; up != "/"; up = path.Dir(up) {
		if !p.Match(up) {
			return nil, p9.ErrNotExist
		}
	}
	return &dir{root, p, at}, nil
}
