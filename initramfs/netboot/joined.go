package netboot

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// list lists a node that has joined, in memory and in the file that Config.Joined names,
// where an entry that it had before goes. addr is not valid where nobody knows it. s.mu is held.
func (s *Server) list(n *node, sys string, addr netip.Addr) {
	var b strings.Builder
	fmt.Fprintf(&b, "node=%s", n.ether)
	if sys != "" {
		fmt.Fprintf(&b, " sys=%s", quote(sys))
	}
	if addr.IsValid() {
		fmt.Fprintf(&b, " ip=%s", addr)
	}
	fmt.Fprintf(&b, "\n\thostkey=%q joined=%s\n", n.key, now().UTC().Format(time.RFC3339))
	s.joined = replaceEntry(s.joined, n.ether, b.String())
	if s.cfg.Joined == "" {
		return
	}
	// Others may write to the file too: what is in it stays.
	text, err := os.ReadFile(s.cfg.Joined)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = replaceFile(s.cfg.Joined, replaceEntry(string(text), n.ether, b.String()))
	}
	if err != nil {
		s.sayLocked(n, "join: not listed: %v", err)
	}
}

// replaceEntry puts a node's entry in the place of the one that a text has for it, or at
// its end.
func replaceEntry(text, ether, entry string) string {
	var b strings.Builder
	ours := false
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			ours = first == "node="+ether
		}
		if !ours {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String() + entry
}

// replaceFile writes a file whole or not at all.
func replaceFile(name, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}
