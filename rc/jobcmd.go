package rc

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc/syntax"
)

// tasks are the jobs that a person can name: those that & started and those that were
// stopped. They belong to the goroutine of the main shell.
type tasks struct {
	all    []*task // in the order in which people last had to do with them
	halted bool    // one was stopped: the rest of the line is dropped
	warned bool    // of what is stopped, at an exit
}

func (ts *tasks) add(t *task) {
	ts.remove(t)
	if t.n == 0 {
		for t.n = 1; slices.ContainsFunc(ts.all, func(o *task) bool { return o.n == t.n }); {
			t.n++
		}
	}
	ts.all = append(ts.all, t)
}

func (ts *tasks) remove(t *task) {
	ts.all = slices.DeleteFunc(ts.all, func(o *task) bool { return o == t })
}

// warn tells somebody who leaves of stopped jobs, once. It is true if it did.
func (ts *tasks) warn(sh *shell) bool {
	if ts.warned || !sh.main || !sh.control() {
		return false
	}
	for _, t := range ts.all {
		if _, n, _ := t.group.stops(); n > 0 {
			ts.warned = true
			sh.say("there are stopped jobs")
			sh.setStatus("stopped jobs")
			return true
		}
	}
	return false
}

// report tells of jobs that have stopped in the background, or ended after that.
func (sh *shell) report() {
	for _, t := range slices.Clone(sh.r.tasks.all) {
		_, n, by := t.group.stops()
		switch {
		case t.ended():
			if sh.r.tasks.remove(t); t.shown {
				sh.tell(t.line("done"))
			}
		case n == 0:
			t.told = false
		case !t.told:
			t.told, t.shown = true, true
			why := "stopped"
			switch by {
			case unix.SIGTTIN:
				why = "stopped (it reads the terminal)"
			case unix.SIGTTOU:
				why = "stopped (it writes to the terminal or sets it)"
			}
			sh.tell(t.line(why))
		}
	}
}

// tell tells the person something, whatever the command's own descriptors are.
func (sh *shell) tell(msg string) {
	if f := sh.r.stderr; f != nil {
		f.write([]byte(msg + "\n"))
	}
}

// line is what jobs prints of one.
func (t *task) line(state string) string {
	return "[" + itoa(t.n) + "] " + itoa(int(t.group.pid.Load())) + " " + state + "  " + t.command()
}

// command is its text in one line.
func (t *task) command() string {
	var b strings.Builder
	for line := range strings.Lines(t.text()) {
		line = strings.TrimSpace(line)
		switch so := b.String(); {
		case so == "" || line == "":
		case line[0] == '}' || so[len(so)-1] == '{':
			b.WriteByte(' ')
		default:
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// listJobs is jobs.
func listJobs(sh *shell, args []string) error {
	if len(args) > 1 {
		return sh.fail("Usage: jobs")
	}
	var out strings.Builder
	all := slices.Clone(sh.r.tasks.all)
	slices.SortFunc(all, func(a, b *task) int { return a.n - b.n })
	for _, t := range all {
		state := "running"
		_, n, _ := t.group.stops()
		switch {
		case t.ended():
			state = "done"
			sh.r.tasks.remove(t)
		case n > 0:
			state, t.told = "stopped", true
		}
		out.WriteString(t.line(state) + "\n")
	}
	sh.status = statusOK
	sh.print("jobs", []byte(out.String()))
	return nil
}

// named gives the job that an argument names: %n, n its process group, or without one the
// last.
func (sh *shell) named(args []string) *task {
	all := sh.r.tasks.all
	all = slices.DeleteFunc(slices.Clone(all), func(t *task) bool { return t.ended() })
	if len(args) > 2 {
		sh.sayAt("Usage: " + args[0] + " [%job | pid]")
		sh.setStatus("usage")
		return nil
	}
	if len(args) == 1 {
		// A stopped one before one that runs.
		for i := len(all) - 1; i >= 0; i-- {
			if _, n, _ := all[i].group.stops(); n > 0 {
				return all[i]
			}
		}
		if len(all) > 0 && args[0] == "fg" {
			return all[len(all)-1]
		}
		sh.sayAt(args[0] + ": no job")
		sh.setStatus("no job")
		return nil
	}
	n, isNumber := strings.CutPrefix(args[1], "%")
	for _, t := range all {
		if isNumber && itoa(t.n) == n || !isNumber && itoa(int(t.group.pid.Load())) == n {
			return t
		}
	}
	sh.sayAt(args[0] + ": " + syntax.Quote(args[1]) + ": no such job")
	sh.setStatus("no job")
	return nil
}

// fg brings a job to the foreground.
func fg(sh *shell, args []string) error {
	t := sh.named(args)
	if t == nil {
		return nil
	}
	sh.say(t.command())
	if p := t.stages[len(t.stages)-1].proc; p != nil && dead(p.Pid()) {
		t.group.ended() // before anybody can type ^C to the others
	}
	t.group.give(t.modes)
	t.group.resume()
	return sh.foreground(t)
}

// bg lets a stopped job go on in the background.
func bg(sh *shell, args []string) error {
	t := sh.named(args)
	if t == nil {
		return nil
	}
	t.told = false
	t.group.resume()
	sh.r.tasks.add(t)
	sh.status = statusOK
	sh.say(t.line("running"))
	return nil
}

func quoted(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(syntax.Quote(w))
	}
	return b.String()
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
