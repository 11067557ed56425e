package ns

import (
	"strings"

	"ninespace/srv"
)

// An Op is one line of namespace(6).
type Op struct {
	Verb     string // bind, mount, unmount, clear, cd
	Flag     Flag
	New, Old string // unmount: New may be empty; cd: Old
	Spec     string // aname of a mount
	Auth     Auth
	Optional bool   // it may fail
	Place    string // file:line, for errors
}

// String gives the line, quoted as rc does.
func (o Op) String() string {
	words := []string{o.Verb}
	if f := o.Flag.String(); f != "" {
		words = append(words, f)
	}
	words = append(words, o.Auth.words()...)
	for _, w := range []string{o.New, o.Old, o.Spec} {
		if w != "" {
			words = append(words, quote(w))
		}
	}
	return strings.Join(words, " ")
}

// quote leaves # bare where srv.Quote would not: it is no comment inside a word.
func quote(s string) string {
	if strings.HasPrefix(s, "#") && srv.Quote(s[1:]) == s[1:] && len(s) > 1 {
		return s
	}
	return srv.Quote(s)
}
