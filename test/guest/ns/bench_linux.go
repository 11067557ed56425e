package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The engine beside v9fs, which caches nothing: the same server, the same files, in
// turns. What the engine remembers it must not have seen before: each turn is of new
// files, so all of them are asked for.

// Turns, and files in each.
const (
	turns = 7
	files = 40
)

const dataDir = "/tmp/data"

// measure tells ratios on the line to the host: what v9fs takes over what the engine
// takes, by a work.
func measure(line io.Writer) {
	fmt.Fprintln(line, "run bench")
	if err := bench(line); err != nil {
		fmt.Fprintln(line, "log bench", err)
		fmt.Fprintln(line, "fail bench")
		return
	}
	fmt.Fprintln(line, "pass bench")
}

func bench(line io.Writer) error {
	os.Setenv("NAMESPACE", "/tmp/srv")
	for _, d := range []string{dataDir, "/tmp/srv", "/tmp/v9fs"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for turn := range turns {
		for i := range files {
			f := name(turn, i)
			if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(f, make([]byte, 4096), 0o644); err != nil {
				return err
			}
		}
	}
	server := exec.Command("/bin/nine", "diskfs", "-s", "disk", dataDir)
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Wait()
	defer server.Process.Signal(unix.SIGTERM)
	for range 100 {
		if _, err := os.Stat("/tmp/srv/disk"); err == nil {
			break
		}
		unix.Poll(nil, 50)
	}
	err := unix.Mount("/tmp/srv/disk", "/tmp/v9fs", "9p", 0, "trans=unix,version=9p2000.L,cache=none,access=any,uname=root")
	if err != nil {
		return fmt.Errorf("no v9fs here: %w", err)
	}
	defer unix.Unmount("/tmp/v9fs", unix.MNT_DETACH)
	if err := os.WriteFile("/tmp/nsfile", []byte("mount -c #s/disk /n/disk\n"), 0o644); err != nil {
		return err
	}
	var ws [2]*bufio.ReadWriter
	for i, args := range [][]string{
		{"/proc/self/exe", "/tmp/v9fs"},
		{"/bin/nine", "newns", "-n", "/tmp/nsfile", "/init", "/n/disk"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		defer cmd.Wait()
		defer in.Close()
		ws[i] = bufio.NewReadWriter(bufio.NewReader(out), bufio.NewWriter(in))
	}
	ratios := map[string][]float64{}
	for turn := range turns {
		for _, w := range works {
			var took [2]float64
			for i := range ws {
				who := (turn + i) % 2 // who is first changes
				fmt.Fprintln(ws[who], w.name, turn)
				ws[who].Flush()
				if _, err := fmt.Fscanln(ws[who], &took[who]); err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
			ratios[w.name] = append(ratios[w.name], took[1]/took[0])
		}
	}
	all := 1.0
	for _, w := range works {
		r := ratios[w.name]
		slices.Sort(r)
		fmt.Fprintf(line, "log bench %s: %.2f times v9fs (%.2f to %.2f)\n", w.name, r[len(r)/2], r[0], r[len(r)-1])
		all *= r[len(r)/2]
	}
	fmt.Fprintf(line, "log bench all: %.2f times v9fs\n", math.Pow(all, 1/float64(len(works))))
	return nil
}

// name gives a file of a turn, by the server's name.
func name(turn, i int) string { return fmt.Sprintf("%s/t%d/%03d", dataDir, turn, i) }

// works are what is measured, each on every file of a turn. A file is seen by the
// first of them for the first time.
var works = []struct {
	name string
	do   func(file string, buf []byte) error
}{
	{"stat", func(file string, _ []byte) error {
		var st unix.Stat_t
		return unix.Stat(file, &st)
	}},
	{"open+read+close", func(file string, buf []byte) error {
		fd, err := unix.Open(file, unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.Read(fd, buf)
		return err
	}},
	{"create+write+unlink", func(file string, buf []byte) error {
		fd, err := unix.Open(file+".new", unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if _, err := unix.Write(fd, buf); err != nil {
			return err
		}
		return unix.Unlink(file + ".new")
	}},
}

// worker does works beneath a directory as it is told, and tells how long they took.
func worker(dir string) error {
	buf := make([]byte, 4096)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var what string
		var turn int
		if _, err := fmt.Sscan(in.Text(), &what, &turn); err != nil {
			return err
		}
		i := slices.IndexFunc(works, func(w struct {
			name string
			do   func(string, []byte) error
		}) bool {
			return w.name == what
		})
		begun := time.Now()
		for n := range files {
			if err := works[i].do(dir+strings.TrimPrefix(name(turn, n), dataDir), buf); err != nil {
				return err
			}
		}
		fmt.Println(time.Since(begun).Seconds())
	}
	return nil
}
