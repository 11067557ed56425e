package ns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"ninespace/srv/p9"
)

// Parse reads a namespace file, namespace(6), from r; name is what errors call
// it. env gives the values of variables and open the files that "." names. What
// it returns has every variable filled in and every file included.
//
// Beyond Plan 9's form, a line that begins with "-" is optional (Op.Optional):
// it may fail, which is said and no more. A name may be quoted as rc does.
func Parse(r io.Reader, name string, env func(string) string, open func(string) (io.ReadCloser, error)) ([]Op, error) {
	return (&parser{env, open}).file(r, name, 0)
}

// ParseText parses lines with the process's environment and files.
func ParseText(text, name string) ([]Op, error) {
	return Parse(strings.NewReader(text), name, os.Getenv,
		func(f string) (io.ReadCloser, error) { return os.Open(f) })
}

const maxDepth = 16 // of files that include each other

type parser struct {
	env  func(string) string
	open func(string) (io.ReadCloser, error)
}

func (p *parser) file(r io.Reader, name string, depth int) ([]Op, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%s: files include each other too deeply", name)
	}
	var ops []Op
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 512), bufio.MaxScanTokenSize) // few lines are longer: ctl's are one each
	n := 1
	for ; s.Scan(); n++ {
		place := name + ":" + strconv.Itoa(n)
		line := strings.Trim(s.Text(), blanks)
		if line == "" || line[0] == '#' {
			continue
		}
		optional := false
		if rest, ok := strings.CutPrefix(line, "-"); ok {
			optional, line = true, strings.Trim(rest, blanks)
		}
		words, err := p.words(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		if len(words) == 0 {
			continue
		}
		if words[0] == "." {
			more, err := p.include(words[1:], depth)
			if err != nil {
				if optional && errors.Is(err, os.ErrNotExist) {
					continue
				}
				return nil, fmt.Errorf("%s: %w", place, err)
			}
			ops = append(ops, more...)
			continue
		}
		op, err := opOf(words)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		op.Optional, op.Place = optional, place
		ops = append(ops, op)
	}
	if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("%s:%d: a line is longer than %d bytes", name, n, bufio.MaxScanTokenSize)
	} else if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, n, err)
	}
	return ops, nil
}

func (p *parser) include(args []string, depth int) ([]Op, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%q: usage: . path", ".")
	}
	f, err := p.open(args[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return p.file(f, args[0], depth+1)
}

// blanks part words. A name may be any other bytes.
const blanks = " \t\r"

// words splits a line. A variable is $name, which ends at a blank, a slash, a
// quote or another $; one that is not set is empty.
func (p *parser) words(line string) ([]string, error) {
	var words []string
	var w strings.Builder
	in := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			in = true
			for i++; ; i++ {
				if i >= len(line) {
					return nil, fmt.Errorf("unclosed quote in %.80q", line)
				}
				if line[i] == '\'' {
					if i+1 >= len(line) || line[i+1] != '\'' {
						break
					}
					i++
				}
				w.WriteByte(line[i])
			}
		case c == '$':
			in = true
			j := i + 1
			for j < len(line) && strings.IndexByte(blanks+"/$'", line[j]) < 0 {
				j++
			}
			w.WriteString(p.env(line[i+1 : j]))
			i = j - 1
		case strings.IndexByte(blanks, c) >= 0:
			if in {
				words = append(words, w.String())
				w.Reset()
				in = false
			}
		default:
			in = true
			w.WriteByte(c)
		}
	}
	if in {
		words = append(words, w.String())
	}
	return words, nil
}

// usage is the form of a line that begins with verb, "" if none does.
func usage(verb string) string {
	switch verb {
	case "bind":
		return "bind [-abcC] new old"
	case "mount":
		return "mount [-abcCn] [-k key] server old [aname]"
	case "unmount":
		return "unmount [new] old"
	case "cd":
		return "cd dir"
	case "clear":
		return "clear"
	}
	return ""
}

// opOf makes an Op of a line's words.
func opOf(words []string) (Op, error) {
	op := Op{Verb: words[0]}
	form := usage(op.Verb)
	if form == "" {
		return op, fmt.Errorf("%.80q: unknown operation", op.Verb)
	}
	args := words[1:]
	if op.Verb == "bind" || op.Verb == "mount" {
		for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
			letters := args[0][1:]
			args = args[1:]
			if op.Verb == "mount" {
				letters, args = op.Auth.parse(letters, args)
				if err := op.Auth.check(); err != nil {
					return op, err
				}
			}
			f, err := ParseFlag(letters)
			if err != nil {
				return op, fmt.Errorf("%.80q: %w", strings.Join(words, " "), err)
			}
			op.Flag |= f
		}
		if op.Flag&order == order {
			return op, fmt.Errorf("%.80q: both -a and -b", strings.Join(words, " "))
		}
	}
	for _, a := range args {
		if a == "" {
			return op, fmt.Errorf("%.80q: an empty name", strings.Join(words, " "))
		}
		if strings.ContainsAny(a, "\x00\n") {
			return op, fmt.Errorf("%.80q: %w", a, p9.ErrBadName)
		}
	}
	switch {
	case op.Verb == "bind" && len(args) == 2:
		op.New, op.Old = args[0], args[1]
	case op.Verb == "mount" && (len(args) == 2 || len(args) == 3):
		op.New, op.Old = args[0], args[1]
		if len(args) == 3 {
			op.Spec = args[2]
		}
	case op.Verb == "unmount" && len(args) == 1:
		op.Old = args[0]
	case op.Verb == "unmount" && len(args) == 2:
		op.New, op.Old = args[0], args[1]
	case op.Verb == "cd" && len(args) == 1:
		op.Old = args[0]
	case op.Verb == "clear" && len(args) == 0:
	default:
		return op, fmt.Errorf("%.80q: usage: %s", strings.Join(words, " "), form)
	}
	return op, nil
}

// ParseFlag reads the letters of bind's flags.
func ParseFlag(letters string) (Flag, error) {
	var f Flag
	for _, c := range letters {
		switch c {
		case 'a':
			f |= MAFTER
		case 'b':
			f |= MBEFORE
		case 'c':
			f |= MCREATE
		case 'C':
			f |= MCACHE
		default:
			return 0, fmt.Errorf("unknown flag -%c", c)
		}
	}
	return f, nil
}

// Abs makes a name of an Op absolute: dir is where it is relative to. Names of
// devices (#x) stay.
func Abs(dir, name string) string {
	switch {
	case name == "" || name[0] == '#':
		return name
	case name[0] == '/':
		return path.Clean(name)
	}
	return path.Clean(dir + "/" + name)
}
