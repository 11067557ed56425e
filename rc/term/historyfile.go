package term

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openHistory opens a history's file, which is a regular one.
func openHistory(name string, flag int) (*os.File, *unix.Stat_t, error) {
	f, err := os.OpenFile(name, flag|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(f.Fd()), &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, &st, nil
}

// appendLine writes a line behind what other shells have written. The lock is for
// compact's sake, which makes another file of the name.
func appendLine(name, line string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	for {
		f, st, err := openHistory(name, os.O_RDWR|os.O_APPEND|os.O_CREATE)
		if err != nil {
			return err
		}
		var now unix.Stat_t
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
			err = unix.Stat(name, &now)
		}
		if err == nil && now.Ino != st.Ino || errors.Is(err, unix.ENOENT) {
			f.Close()
			continue
		}
		if err == nil {
			if !endsLine(f, now.Size) {
				line = "\n" + line
			}
			if _, err = f.WriteString(line); err == nil && now.Size > fullFile {
				err = compact(f, name)
			}
		}
		f.Close()
		return err
	}
}

// endsLine tells whether a file's last line is a whole one: a shell may have died.
func endsLine(f *os.File, size int64) bool {
	var last [1]byte
	if size == 0 {
		return true
	}
	_, err := f.ReadAt(last[:], size-1)
	return err == nil && last[0] == '\n'
}

// compact makes another file of a locked one, with the last commands only.
func compact(f *os.File, name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var h history
	h.take(string(b))
	if len(h.all) > most {
		h.all = h.all[len(h.all)-most:]
	}
	var out strings.Builder
	size := 0
	from := len(h.all)
	for from > 0 && size < fullFile/2 {
		from--
		size += len(h.all[from]) + 1
	}
	for _, text := range h.all[from:] {
		out.WriteString(encode(text))
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".")
	if err != nil {
		return err
	}
	if _, err = tmp.WriteString(out.String()); err == nil {
		if err = tmp.Close(); err == nil {
			err = os.Rename(tmp.Name(), name)
		}
	}
	if err != nil {
		tmp.Close()
		os.Remove(tmp.Name())
	}
	return err
}

func encode(text string) string {
	return strings.NewReplacer("\\", "\\\\", "\n", "\\n").Replace(text) + "\n"
}

// decode gives the commands of lines. What cannot be one is left out.
func decode(lines string) []string {
	var all []string
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || len(line) > 2*longCommand {
			continue
		}
		var b strings.Builder
		for i := 0; i < len(line); i++ {
			c := line[i]
			if c == '\\' && i+1 < len(line) {
				if i++; line[i] == 'n' {
					b.WriteByte('\n')
					continue
				}
				c = line[i]
			}
			b.WriteByte(c)
		}
		if text := clean(b.String()); text != "" {
			all = append(all, text)
		}
	}
	return all
}
