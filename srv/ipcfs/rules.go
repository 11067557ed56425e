package ipcfs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ninespace/srv"
)

// The rules of the plumber, plumb(6).

// A ruleSet is patterns that a message must match and what is done with it then.
type ruleSet struct {
	patterns []pattern
	port     string
	start    []text // the words of plumb start or client
	client   bool
}

// A pattern is one line of a set: object, verb, argument.
type pattern struct {
	object, verb string
	arg          text
	words        []text         // of attr add and set: name=value each
	re           *regexp.Regexp // of matches
}

// rules is what a rules file says.
type rules struct {
	sets  []ruleSet
	ports []string
	vars  map[string]string
}

// objects and verbs are what patterns are made of; attr has verbs of its own.
var (
	objects = []string{"arg", "attr", "data", "dst", "ndata", "src", "type", "wdir"}
	verbs   = []string{"add", "delete", "is", "isdir", "isfile", "matches", "set"}
	actions = []string{"client", "start", "to"}
)

// parseRules reads rules. done is how much of src is whole rule sets, with what is between
// them. What is behind that is an unfinished set: an error only if last, and then not
// in rules. include opens files, and may be nil.
func parseRules(src string, last bool, include func(string) ([]byte, error)) (r *rules, done int, err error) {
	p := &ruleParser{rules: &rules{vars: map[string]string{}}, include: include}
	at, n := 0, 0
	for line := range strings.Lines(src) {
		at += len(line)
		n++
		if err := p.line(line, 0); err != nil {
			return p.rules, done, fmt.Errorf("rules:%d: %w", n, err)
		}
		if p.set == nil {
			done = at
		}
	}
	if p.set != nil && (last || p.complete() == nil) {
		if err := p.finish(); err != nil {
			return p.rules, done, fmt.Errorf("rules:%d: %w", n, err)
		}
		if last {
			done = at
		}
	}
	return p.rules, done, nil
}

type ruleParser struct {
	*rules
	set     *ruleSet
	include func(string) ([]byte, error)
}

const maxInclude = 16 // files within each other

func (p *ruleParser) line(line string, depth int) error {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return p.finish()
	}
	word, rest := cutWord(line)
	if name, value, ok := assignment(line); ok {
		if p.set != nil {
			return invalid("assignment to " + name + " within a rule set")
		}
		t, err := p.expand(value)
		if err != nil {
			return err
		}
		p.vars[name] = t.constant()
		return nil
	}
	if word == "include" && p.set == nil {
		return p.file(rest, depth)
	}
	verb, rest := cutWord(rest)
	if word == "plumb" {
		return p.action(verb, rest)
	}
	if p.set == nil {
		p.set = &ruleSet{}
	}
	return p.pattern(word, verb, rest)
}

func (p *ruleParser) file(name string, depth int) error {
	if p.include == nil || depth == maxInclude {
		return invalid("include " + name + ": not possible here")
	}
	src, err := p.include(name)
	if err != nil {
		return fmt.Errorf("include %s: %w", name, err)
	}
	n := 0
	for line := range strings.Lines(string(src) + "\n") {
		n++
		if err := p.line(line, depth+1); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return p.finish()
}

func (p *ruleParser) pattern(object, verb, arg string) error {
	if !slices.Contains(objects, object) {
		return invalid(fmt.Sprintf("unknown object %s: not plumb nor one of %s", srv.Quote(object), strings.Join(objects, ", ")))
	}
	if !slices.Contains(verbs, verb) {
		return invalid(fmt.Sprintf("unknown verb %s: not one of %s", srv.Quote(verb), strings.Join(verbs, ", ")))
	}
	if (verb == "add" || verb == "delete") != (object == "attr") || verb == "set" && (object == "arg" || object == "ndata") {
		return invalid(object + " " + verb + ": the two do not go together")
	}
	if len(p.set.patterns) >= 1000 || p.set.port != "" {
		return invalid(object + " " + verb + ": patterns come before plumb")
	}
	t, err := p.expand(arg)
	if err != nil {
		return err
	}
	pat := pattern{object: object, verb: verb, arg: t}
	if object == "attr" {
		if pat.words, err = p.words(arg); err != nil {
			return err
		}
	}
	if verb == "matches" {
		if slices.ContainsFunc(t, func(x piece) bool { return x.variable != "" }) {
			return invalid("matches: a regular expression can have no variables of the message")
		}
		if pat.re, err = compile(t.constant()); err != nil {
			return err
		}
	}
	if arg == "" {
		return invalid(object + " " + verb + ": no argument")
	}
	p.set.patterns = append(p.set.patterns, pat)
	return nil
}

func (p *ruleParser) action(verb, arg string) error {
	if !slices.Contains(actions, verb) {
		return invalid(fmt.Sprintf("plumb %s: not one of %s", srv.Quote(verb), strings.Join(actions, ", ")))
	}
	if arg == "" {
		return invalid("plumb " + verb + ": no argument")
	}
	if p.set == nil {
		p.set = &ruleSet{}
	}
	if verb == "to" {
		t, err := p.expand(arg)
		if err != nil {
			return err
		}
		port := t.constant()
		if err := srv.CheckName(port); err != nil || port == "rules" || port == "send" {
			return invalid("plumb to " + srv.Quote(port) + ": no name of a port")
		}
		if p.set.port != "" && len(p.set.patterns) > 0 {
			return invalid("plumb to: a second one in a rule set")
		}
		p.set.port = port
		p.ports = append(p.ports, port)
		return nil
	}
	if p.set.start != nil {
		return invalid("plumb " + verb + ": a second one in a rule set")
	}
	p.set.client = verb == "client"
	var err error
	p.set.start, err = p.words(arg)
	return err
}

// words expands each word of a line.
func (p *ruleParser) words(line string) (words []text, err error) {
	for line != "" && err == nil {
		var word string
		var t text
		word, line = cutWord(line)
		t, err = p.expand(word)
		words = append(words, t)
	}
	return words, err
}

// complete is an error where the set lacks something.
func (p *ruleParser) complete() error {
	s := p.set
	switch {
	case len(s.patterns) == 0 && s.start == nil: // declares ports
	case len(s.patterns) == 0:
		return invalid("a rule set without a pattern")
	case s.port == "" && s.start == nil:
		return invalid("a rule set without an action")
	case s.client && s.port == "":
		return invalid("plumb client without plumb to")
	}
	return nil
}

// finish ends the set, if there is one.
func (p *ruleParser) finish() error {
	if p.set == nil {
		return nil
	}
	if err := p.complete(); err != nil {
		return err
	}
	if len(p.set.patterns) > 0 {
		p.sets = append(p.sets, *p.set)
	}
	p.set = nil
	return nil
}
