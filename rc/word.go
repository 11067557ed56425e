package rc

import (
	"strings"

	"ninespace/rc/syntax"
)

// words evaluates words one after the other to one list, and matches patterns
// against file names if glob is set. Nobody writes to the list.
func (sh *shell) words(ws []syntax.Word, glob bool) ([]string, error) {
	one := sh.list
	if glob {
		one = sh.globbed
	}
	switch len(ws) {
	case 0:
		return nil, nil
	case 1:
		return one(ws[0])
	}
	for _, w := range ws {
		if effects(w) {
			return backward(ws, one)
		}
	}
	list := make([]string, 0, len(ws)+2)
	for _, w := range ws {
		if l, ok := w.(*syntax.Lit); ok && l.Pattern == "" {
			list = append(list, l.Text)
			continue
		}
		l, err := one(w)
		if err != nil {
			return nil, err
		}
		list = append(list, l...)
	}
	return list, nil
}

// backward is words in rc's order of evaluation, from the last to the first, which
// is seen where they run commands.
func backward(ws []syntax.Word, one func(syntax.Word) ([]string, error)) ([]string, error) {
	lists, n := make([][]string, len(ws)), 0
	for i := len(ws) - 1; i >= 0; i-- {
		var err error
		if lists[i], err = one(ws[i]); err != nil {
			return nil, err
		}
		n += len(lists[i])
	}
	list := make([]string, 0, n)
	for _, l := range lists {
		list = append(list, l...)
	}
	return list, nil
}

// effects tells whether evaluating a word runs commands.
func effects(w syntax.Word) bool {
	switch w := w.(type) {
	case *syntax.Backquote, *syntax.ProcSub:
		return true
	case *syntax.Var:
		return effects(w.Name)
	case *syntax.Count:
		return effects(w.Name)
	case *syntax.Join:
		return effects(w.Name)
	case *syntax.Index:
		return effects(w.Name) || anyEffects(w.Subs)
	case *syntax.List:
		return anyEffects(w.Words)
	case *syntax.Conc:
		for _, p := range w.Parts {
			if effects(p.Word) {
				return true
			}
		}
	}
	return false
}

func anyEffects(ws []syntax.Word) bool {
	for _, w := range ws {
		if effects(w) {
			return true
		}
	}
	return false
}

// list evaluates a word; what would be a pattern means its characters.
func (sh *shell) list(w syntax.Word) ([]string, error) {
	switch w := w.(type) {
	case *syntax.Lit:
		return []string{w.Text}, nil
	case *syntax.Var:
		if l, ok := w.Name.(*syntax.Lit); ok {
			return sh.lookup(l.Text), nil
		}
		name, err := sh.name(w.Name)
		if err != nil {
			return nil, err
		}
		return sh.lookup(name), nil
	case *syntax.Index:
		return sh.index(w)
	case *syntax.Count:
		name, err := sh.name(w.Name)
		if err != nil {
			return nil, err
		}
		return []string{itoa(len(sh.lookup(name)))}, nil
	case *syntax.Join:
		name, err := sh.name(w.Name)
		if err != nil {
			return nil, err
		}
		return []string{strings.Join(sh.lookup(name), " ")}, nil
	case *syntax.List:
		return sh.words(w.Words, false)
	case *syntax.Conc:
		return sh.conc(w, sh.list)
	case *syntax.Backquote:
		return sh.backquote(w)
	case *syntax.ProcSub:
		return sh.procSub(w)
	}
	return nil, nil
}

// patterned evaluates a word in which every mark is kept, and bytes that would be taken
// for one are marked.
func (sh *shell) patterned(w syntax.Word) ([]string, error) {
	switch w := w.(type) {
	case *syntax.Lit:
		if w.Pattern != "" {
			return []string{w.Pattern}, nil
		}
	case *syntax.List:
		return backward(w.Words, sh.patterned)
	case *syntax.Conc:
		return sh.conc(w, sh.patterned)
	}
	list, err := sh.list(w)
	return escape(list), err
}

// escape marks the marks in strings that have no patterns.
func escape(list []string) []string {
	for i, s := range list {
		if strings.IndexByte(s, syntax.Mark) < 0 {
			continue
		}
		list = append([]string(nil), list...)
		for ; i < len(list); i++ {
			list[i] = syntax.Literal(list[i])
		}
		break
	}
	return list
}

// patterns tells whether a word has any.
func patterns(w syntax.Word) bool {
	switch w := w.(type) {
	case *syntax.Lit:
		return w.Pattern != ""
	case *syntax.List:
		for _, w := range w.Words {
			if patterns(w) {
				return true
			}
		}
	case *syntax.Conc:
		for _, p := range w.Parts {
			if patterns(p.Word) {
				return true
			}
		}
	}
	return false
}

// globbed evaluates a word with each pattern replaced by the files that it matches.
func (sh *shell) globbed(w syntax.Word) ([]string, error) {
	if !patterns(w) {
		return sh.list(w)
	}
	list, err := sh.patterned(w)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range list {
		if strings.IndexByte(p, syntax.Mark) < 0 {
			out = append(out, p)
			continue
		}
		out = sh.glob(out, p)
	}
	if sh.seen != sh.r.events.Load() { // it may be why files are missing
		return out, sh.notes()
	}
	return out, nil
}

// match matches a subject against the patterns that a word gives.
func (sh *shell) match(subject string, w syntax.Word) (bool, error) {
	if l, ok := w.(*syntax.Lit); ok {
		if l.Pattern == "" {
			return subject == l.Text, nil
		}
		return syntax.Matches(l.Pattern, subject), nil
	}
	marked := patterns(w)
	eval := sh.list
	if marked {
		eval = sh.patterned
	}
	list, err := eval(w)
	for _, p := range list {
		if !marked && p == subject || marked && syntax.Matches(p, subject) {
			return true, err
		}
	}
	return false, err
}

// matchAny matches a subject against the patterns of words. Those that run commands
// are all evaluated, in rc's order.
func (sh *shell) matchAny(subject string, ws []syntax.Word) (found bool, err error) {
	if len(ws) > 1 && anyEffects(ws) {
		for i := len(ws) - 1; i >= 0; i-- {
			ok, err := sh.match(subject, ws[i])
			if err != nil {
				return false, err
			}
			found = found || ok
		}
		return found, nil
	}
	for _, w := range ws {
		if ok, err := sh.match(subject, w); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// joined evaluates a word to one string.
func (sh *shell) joined(w syntax.Word) (string, error) {
	list, err := sh.list(w)
	if len(list) == 1 {
		return list[0], err
	}
	return strings.Join(list, " "), err
}

// name evaluates a word that must be one variable's.
func (sh *shell) name(w syntax.Word) (string, error) {
	if l, ok := w.(*syntax.Lit); ok {
		return l.Text, nil
	}
	list, err := sh.list(w)
	if err == nil && len(list) != 1 {
		err = sh.fail("variable name not singleton!")
	}
	if err != nil {
		return "", err
	}
	return list[0], nil
}
