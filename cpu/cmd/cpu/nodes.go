package cpu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"ninespace/exportfs/door"
	"ninespace/ns"
)

// maxNodes is how many nodes one command may be for, and atOnce how many run it at a time.
const (
	maxNodes = 4096
	atOnce   = 64
)

// nodes takes a list of addresses apart: commas part them, and n[1-3,08] is n1, n2, n3 and n08.
func nodes(list string) ([]string, error) {
	if strings.HasPrefix(list, "unix!") || strings.HasPrefix(list, "/") {
		return []string{list}, nil
	}
	var out []string
	for _, item := range split(list) {
		all, err := expand(item)
		if err != nil {
			return nil, err
		}
		if out = append(out, all...); len(out) > maxNodes {
			return nil, fmt.Errorf("more than %d nodes", maxNodes)
		}
	}
	return out, nil
}

// split parts a list by those commas that are not in brackets.
func split(s string) []string {
	depth, start := 0, 0
	var out []string
	for i := range s {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				out, start = append(out, s[start:i]), i+1
			}
		}
	}
	return append(out, s[start:])
}

// expand does the first brackets with numbers in them, and those behind. Others are an address's.
func expand(s string) ([]string, error) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '[')
		if i < 0 {
			return []string{s}, nil
		}
		i += from
		j := strings.IndexByte(s[i:], ']')
		if j < 0 || strings.Trim(s[i+1:i+j], "0123456789,-") != "" {
			from = i + 1
			continue
		}
		rest, err := expand(s[i+j+1:])
		if err != nil {
			return nil, err
		}
		var out []string
		for r := range strings.SplitSeq(s[i+1:i+j], ",") {
			lo, hi, ok := strings.Cut(r, "-")
			if !ok {
				hi = lo
			}
			a, aerr := strconv.Atoi(lo)
			b, berr := strconv.Atoi(hi)
			if aerr != nil || berr != nil || b < a || b-a >= maxNodes {
				return nil, fmt.Errorf("%s: %q is no range", s, r)
			}
			for n := a; n <= b; n++ {
				for _, tail := range rest {
					out = append(out, fmt.Sprintf("%s%0*d%s", s[:i], len(lo), n, tail))
				}
			}
			if len(out) > maxNodes {
				return nil, fmt.Errorf("more than %d nodes", maxNodes)
			}
		}
		return out, nil
	}
}

// address makes a dial string of what a person types, and tells the user that is in it. A
// name alone is a posted server's, or a host's.
func address(s, port string) (addr, user string) {
	if strings.HasPrefix(s, "ssh!") || strings.HasPrefix(s, "unix!") || strings.HasPrefix(s, "/") {
		return s, ""
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		user, s = s[:i], s[i+1:]
		if net, u, ok := strings.Cut(user, "!"); ok { // tcp!glenda@host
			user, s = u, net+"!"+s
		}
	}
	if user != "" { // of a host
		return door.HostAddress(s, port), user
	}
	return door.Address(s, port), ""
}

// labels are what the nodes are called in front of their lines: hosts, where these are
// all different.
func labels(addrs []string) []string {
	out := make([]string, len(addrs))
	seen := map[string]bool{}
	for i, a := range addrs {
		f := strings.Split(a, "!")
		if len(f) > 1 && (f[0] == "tcp" || f[0] == "net" || f[0] == "ssh") {
			f = f[1:]
		}
		out[i] = f[0]
		if seen[out[i]] {
			return addrs
		}
		seen[out[i]] = true
	}
	return out
}

// everywhere runs a command at several nodes, each line of whose output is marked by its
// node. The status is the worst.
func everywhere(ctx context.Context, addrs []string, std [3]*os.File, run func(context.Context, string, [3]*os.File) error) error {
	var mu sync.Mutex // of the output
	worst := 0
	in := std[0]
	if len(addrs) > 1 { // who would get what?
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer null.Close()
		in = null
	}
	var wg sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, label := range labels(addrs) {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			code := one(ctx, label, addrs[i], in, std, &mu, run)
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, code)
		})
	}
	wg.Wait()
	if worst == 0 {
		return nil
	}
	return &exit{worst}
}

// one runs it at one node and gives its status.
func one(ctx context.Context, label, addr string, in *os.File, std [3]*os.File, mu *sync.Mutex, run func(context.Context, string, [3]*os.File) error) int {
	var copies sync.WaitGroup
	files := [3]*os.File{in}
	for i := 1; i < 3; i++ {
		r, w, err := os.Pipe()
		if err != nil {
			mark(std[2], mu, label, strings.NewReader("cpu: "+err.Error()))
			return 1
		}
		defer w.Close()
		files[i] = w
		copies.Go(func() {
			mark(std[i], mu, label, r)
			r.Close()
		})
	}
	err := run(ctx, addr, files)
	code := 0
	if err != nil {
		code = 1
		var ended *ns.ExitError
		if errors.As(err, &ended) {
			code = max(ended.Code, 1)
		}
		if ended == nil || ended.Err != nil {
			fmt.Fprintf(files[2], "cpu: %v\n", err)
		}
	}
	files[1].Close()
	files[2].Close()
	copies.Wait()
	return code
}

// mark copies lines, with a label before each. What does not end with a newline gets one.
func mark(to io.Writer, mu *sync.Mutex, label string, from io.Reader) {
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			end := "\n"
			if line[len(line)-1] == '\n' {
				end = ""
			}
			mu.Lock()
			_, werr := fmt.Fprintf(to, "%s: %s%s", label, line, end)
			mu.Unlock()
			if werr != nil {
				return
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}
