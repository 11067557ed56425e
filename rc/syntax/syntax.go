// Package syntax reads and prints the language of rc(1), Plan 9's shell: lexer,
// parser, printer, patterns. It does no input or output of its own.
package syntax

// Mark stands before a live *, ? or [ in a pattern, and before a byte 1 that
// is meant.
const Mark = '\x01'

// MaxDepth is how deep commands and words may be nested.
const MaxDepth = 10000

// A Source gives the text to parse, piece by piece: any part of it, a line
// where a person types; "" is no end. more tells that the command is not
// complete yet, and so which prompt to show. The error io.EOF ends the text;
// any other ends it too, and [Parser.Next] gives it.
type Source interface {
	Read(more bool) (string, error)
}

// A Parser gives the commands of a Source. Its state is that of one input: a
// script, a terminal, the text of eval.
type Parser struct {
	name string
	src  Source
}

// NewParser makes a parser; name, a file's, stands before its errors' lines.
func NewParser(name string, src Source) *Parser { return &Parser{name: name, src: src} }

// Next gives the next line of commands, up to a newline outside of braces: its
// Block may have none. At the end the error is io.EOF. A *Error leaves
// the parser at the start of the line after the bad one, so that whoever types may
// go on; a script is to be given up.
func (p *Parser) Next() (*Block, error) { panic("not yet") }

// An Error is what is wrong with a program and where.
type Error struct {
	Name  string // the parser's
	Pos   Pos
	Token string // the token at which it was found; "" for none, "EOF" for the end
	What  string
	End   bool // more text might have made it right
}
