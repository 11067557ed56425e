package syntax

// The tree. Commands and words are two small families of pointer types, made
// for a type switch. What repeats is a slice and not a chain, so the depth of a
// tree is that of the nesting that a person wrote, at most [MaxDepth]. A tree is
// never changed once the parser has given it away: several interpreters may
// walk it at once.

// A Pos is a place in the source: line and column from 1, the column counted in
// bytes. The zero Pos is that of a node that no source has.
type Pos struct{ Line, Col int32 }

// A Cmd is a command: one of *Simple, *Assign, *Redirected, *Block, *Not,
// *Subshell, *Pipeline, *AndOr, *Async, *If, *IfNot, *For, *While, *Switch, *Fn,
// *Match and *Empty. It is never nil, except where a field says so.
type Cmd interface {
	Pos() Pos
	cmd()
}

// A Word is what gives a list of strings: one of *Lit, *Var, *Index, *Count,
// *Join, *List, *Conc, *Backquote and *ProcSub.
type Word interface {
	Pos() Pos
	word()
}

// A Simple command is words and redirections: echo a >f b. Words is never empty.
// Redirections are made from left to right before the words are evaluated,
// wherever they stand among them.
type Simple struct {
	Place
	Words  []Word
	Redirs []*Redir
}

// An Assign is x=a y=b and what they stand before. Cmd is nil if that is
// nothing: then the variables are assigned; otherwise they are local to Cmd, each
// pushed before the next one's value, and Cmd, is evaluated. Cmd is not an Assign.
type Assign struct {
	Place
	Vars []Var1
	Cmd  Cmd
}

// A Var1 is one assignment of an Assign. Marks of patterns in Name mean nothing;
// Value is matched against file names as a command's words are.
type Var1 struct{ Name, Value Word }

// A Redirected is a command with redirections before it: >f a | b, where they
// are of the whole pipeline, <f x=`{cat}, or >f, where Cmd is Empty. Cmd is not
// a Redirected.
type Redirected struct {
	Place
	Redirs []*Redir
	Cmd    Cmd
}

// A Block is commands in braces with the redirections after them, or what is in
// the round brackets of if and while, or a line as [Parser.Next] gives it. Empty
// commands are left out of Cmds: of {} and if() it has none.
type Block struct {
	Place
	End    Pos // of the closing bracket
	Cmds   []Cmd
	Redirs []*Redir
}

// A Not is ! cmd.
type Not struct {
	Place
	Cmd Cmd
}

// A Subshell is @ cmd.
type Subshell struct {
	Place
	Cmd Cmd
}

// A Pipeline is a | b |[2] c: two commands at least, Links[i] joins Cmds[i] and
// Cmds[i+1].
type Pipeline struct {
	Place
	Cmds  []Cmd
	Links []Link
}

// A Link is the | of a pipeline: what the left command writes to its descriptor
// Left, the right one reads from its descriptor Right. | is {1, 0}, |[2] is {2, 0},
// |[0=3] is {3, 0}.
type Link struct{ Left, Right int32 }

// An AndOr is a && b || c, from left to right without precedence: two commands
// at least. Or[i] tells that || and not && stands before Cmds[i+1].
type AndOr struct {
	Place
	Cmds []Cmd
	Or   []bool
}

// An Async is cmd &.
type Async struct {
	Place
	Cmd Cmd
}

// An If is if(cond) body.
type If struct {
	Place
	Cond *Block // without commands: the current status decides
	Body Cmd
}

// An IfNot is if not body. The parser has checked that it comes directly after an
// If, or an IfNot whose body is an If, in a block's Cmds, or in the lines of
// one parser.
type IfNot struct {
	Place
	Body Cmd
}

// A For is for(x in list) body, or without In for(x) body, over $*.
type For struct {
	Place
	Var  Word
	In   bool
	List []Word
	Body Cmd
}

// A While is while(cond) body.
type While struct {
	Place
	Cond *Block // without commands: for ever
	Body Cmd
}

// A Switch is switch(subject) { case ... }. It has one case at least.
type Switch struct {
	Place
	Subject Word // joined with blanks
	Cases   []*Case
	End     Pos // of the closing brace
}

// A Case is a simple command whose first word is an unquoted case, directly
// in a switch's braces, with the commands up to the next one. Patterns are not
// matched against file names.
type Case struct {
	Place
	Patterns []Word
	Cmds     []Cmd
}

// A Fn is fn name ... {body}. Body has no redirections; nil deletes the
// functions.
type Fn struct {
	Place
	Names []Word
	Body  *Block
}

// A Match is ~ subject pattern ... . Patterns are not matched against file names.
type Match struct {
	Place
	Subject  Word // joined with blanks
	Patterns []Word
}

// An Empty is a command of no words where the grammar asks for one: ! ; or >f.
type Empty struct{ Place }

// A Lit is a literal word, quoted or not, or a part of one: 'it is' c*.
type Lit struct {
	Place
	Text    string // without the quotes; no marks
	Pattern string // if it has unquoted * ? or [: the text with a [Mark] before each; else ""
	Quoted  bool
}

// A Var is $name; the name must turn out to be one string. That of $1 is a Lit
// like any other.
type Var struct {
	Place
	Name Word
}

// An Index is $name(1 3-5).
type Index struct {
	Place
	Name Word
	Subs []Word
}

// A Count is $#name.
type Count struct {
	Place
	Name Word
}

// A Join is $"name.
type Join struct {
	Place
	Name Word
}

// A List is (a b c): its words' lists, one after the other.
type List struct {
	Place
	Words []Word
}

// A Conc is a^b^c, concatenated from left to right: two parts at least, none of
// them a Conc.
type Conc struct {
	Place
	Parts []Part
}

// A Part is an operand of a Conc. Free tells that no ^ was written before it.
type Part struct {
	Word Word
	Free bool
}

// A Backquote is `{cmds}, or `sep{cmds}: Sep is nil for the first, which
// separates by $ifs.
type Backquote struct {
	Place
	Sep  Word
	Body *Block
}

// A ProcSub is <{cmds}, >{cmds} or <>{cmds}: the name of a pipe from the
// commands, to them, or both. Op is RedirRead, RedirWrite or RedirReadWrite.
type ProcSub struct {
	Place
	Op   RedirOp
	Body *Block
}

// A RedirOp tells what a Redir does to its descriptor Fd.
type RedirOp uint8

// The redirections. Without [fd], Fd is 1 for > and >>, else 0.
const (
	RedirRead      RedirOp = iota // <[fd]word
	RedirReadWrite                // <>[fd]word: neither truncated nor made
	RedirWrite                    // >[fd]word
	RedirAppend                   // >>[fd]word
	RedirHere                     // <<[fd]tag
	RedirDup                      // >[fd=from], <[fd=from] or <>[fd=from]: Fd becomes a copy of From
	RedirClose                    // >[fd=]
)

// A Redir is one redirection.
type Redir struct {
	Place
	Op    RedirOp
	Arrow RedirOp // of RedirDup and RedirClose: which arrow was written, Read, ReadWrite or Write
	Fd    int32
	From  int32 // of RedirDup
	Word  Word  // the file, matched against file names: exactly one word; nil of Here, Dup and Close
	Here  *Here // of RedirHere
}

// A Here is a here document: the lines after the newline that ends the command in
// which its redirection stands, up to a line that is the tag. Its parts are
// substituted each time the redirection is made.
type Here struct {
	Tag    string
	Quoted bool       // the tag was: nothing in the body is a variable
	Body   string     // the lines as they are written
	Parts  []HerePart // what the body means, in order
	End    Pos        // of the tag's line
}

// A HerePart is Text, or if Var is not "" the variable called that, joined with
// blanks: of $1 it is "1", the first of $*.
type HerePart struct{ Text, Var string }

// A Comment is from # to the end of its line, without that.
type Comment struct {
	Place
	Text string // with the #
}

// Place is embedded in every node: where it begins.
type Place struct{ At Pos }

// Pos gives the place at which the node begins; for a word, command or
// redirection its first byte, for Pipeline and AndOr that of its first command.
func (p Place) Pos() Pos { return p.At }

func (*Simple) cmd()     {}
func (*Assign) cmd()     {}
func (*Redirected) cmd() {}
func (*Block) cmd()      {}
func (*Not) cmd()        {}
func (*Subshell) cmd()   {}
func (*Pipeline) cmd()   {}
func (*AndOr) cmd()      {}
func (*Async) cmd()      {}
func (*If) cmd()         {}
func (*IfNot) cmd()      {}
func (*For) cmd()        {}
func (*While) cmd()      {}
func (*Switch) cmd()     {}
func (*Fn) cmd()         {}
func (*Match) cmd()      {}
func (*Empty) cmd()      {}

func (*Lit) word()       {}
func (*Var) word()       {}
func (*Index) word()     {}
func (*Count) word()     {}
func (*Join) word()      {}
func (*List) word()      {}
func (*Conc) word()      {}
func (*Backquote) word() {}
func (*ProcSub) word()   {}
