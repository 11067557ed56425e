package syntax

// How strongly what is between commands binds.
const (
	precAsync = iota
	precAndOr
	precPipe
	precUnary
)

func prec(c Cmd) int {
	switch c.(type) {
	case *Async:
		return precAsync
	case *AndOr:
		return precAndOr
	case *Pipeline:
		return precPipe
	}
	return precUnary
}

// takes tells which operators behind a command would become part of it: those that
// bind as strongly as the result or stronger, precUnary+1 for none.
func takes(c Cmd) int {
	switch c := c.(type) {
	case *If, *IfNot, *For, *While:
		return precAndOr
	case *Not:
		return min(precPipe, takes(c.Cmd))
	case *Subshell:
		return min(precPipe, takes(c.Cmd))
	case *Redirected:
		return min(precPipe, takes(c.Cmd))
	case *Assign:
		if c.Cmd != nil {
			return min(precPipe, takes(c.Cmd))
		}
		return precPipe
	case *Pipeline:
		return takes(c.Cmds[len(c.Cmds)-1])
	case *AndOr:
		return takes(c.Cmds[len(c.Cmds)-1])
	}
	return precUnary + 1
}

// bound gives the command in braces unless it binds at least as strongly as low;
// before tells that the operator below that is behind it. Empty commands get
// braces too.
func bound(c Cmd, low int, before bool) Cmd {
	b := &Block{Place: Place{c.Pos()}, End: c.Pos()}
	switch {
	case isEmpty(c):
		return b
	case prec(c) < low || before && takes(c) < low:
		b.Cmds = []Cmd{c}
		return b
	}
	return c
}
