// Package syntax reads and prints the language of rc(1), the shell of Plan 9: it
// has the tree, the parser, the printer and the matching of patterns. It does no
// input or output of its own.
//
// The language is that of 9front's rc, with an unquoted = in arguments as
// plan9port has it: echo a=b. There is no limit to the length of a token,
// a line or a list; nesting is limited by [MaxDepth].
package syntax

import (
	"errors"
	"io"
)

// MaxDepth is how deep commands and words may be nested in each other.
const MaxDepth = 10000

// A Source gives the text to parse, piece by piece: any part of it, but whole
// lines from a terminal. more tells that the command begun is not complete, and
// so which prompt to show. The error io.EOF ends the text, which may come with
// its last piece; any other error ends it too and is what [Parser.Next] gives.
type Source interface {
	Read(more bool) (string, error)
}

// Text is a Source of a whole text.
func Text(s string) Source { return (*text)(&s) }

type text string

func (t *text) Read(bool) (string, error) {
	s := string(*t)
	*t = ""
	return s, io.EOF
}

// Reader is a Source that reads r by blocks. What r gives at once may be
// more than a command: its commands cannot read the rest of it.
func Reader(r io.Reader) Source { return &reader{r: r} }

type reader struct {
	r   io.Reader
	buf []byte
}

func (r *reader) Read(bool) (string, error) {
	if r.buf == nil {
		r.buf = make([]byte, 32<<10)
	}
	n, err := r.r.Read(r.buf)
	return string(r.buf[:n]), err
}

// Parse gives all commands of a text as those of one block. An error comes with
// what was before the line that is wrong.
func Parse(name, text string) (*Block, error) { return parse(NewParser(name, Text(text))) }

// ParseComments is Parse and gives the comments too, in order.
func ParseComments(name, text string) (*Block, []Comment, error) {
	p := NewParser(name, Text(text))
	p.keep = true
	b, err := parse(p)
	return b, p.comments, err
}

func parse(p *Parser) (*Block, error) {
	all := &Block{Place: Place{Pos{1, 1}}}
	for {
		b, err := p.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return all, err
		}
		all.Cmds = append(all.Cmds, b.Cmds...)
		all.End = b.End
	}
}
