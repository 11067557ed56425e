package auth

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ninespace/factotum/sshkey"
)

// KnownHosts is the text of a known_hosts file, sshd(8): which key a host has.
type KnownHosts []byte

// Errors of KnownHosts.Check. The first may be asked about; the others may not.
var (
	ErrUnknownHost = errors.New("host is not known")
	ErrHostChanged = errors.New("host has another key than it had: somebody may be in between")
	ErrHostRevoked = errors.New("host's key is revoked")
)

// HostName is the name by which known_hosts has a host: [host]:port, but for ssh's port.
func HostName(host, port string) string {
	host = strings.ToLower(host)
	if port == "" || port == "22" {
		return host
	}
	return "[" + host + "]:" + port
}

// Check says whether a key is the one of a host, by HostName's name: by its own line, or
// as a certificate for the host by a line of the authority. What is revoked is so for every name.
func (h KnownHosts) Check(name string, key *sshkey.Public, at time.Time) error {
	why, known := ErrUnknownHost, false
	host := name
	if s, _, err := net.SplitHostPort(name); err == nil {
		host = s
	}
	for line := range bytes.Lines(h) {
		marker, f := "", strings.Fields(string(line))
		if len(f) > 0 && strings.HasPrefix(f[0], "@") {
			marker, f = f[0], f[1:]
		}
		if len(f) < 3 || strings.HasPrefix(f[0], "#") {
			continue
		}
		pub, err := parseKey(f[1] + " " + f[2])
		if err != nil || !hostMatches(f[0], name) {
			continue
		}
		switch marker {
		case "@revoked":
			if pub.Equal(key) || key.Cert != nil && pub.Equal(key.Cert.CA) {
				return ErrHostRevoked
			}
		case "@cert-authority":
			if key.Cert == nil || !pub.Equal(key.Cert.CA) {
				continue
			}
			if err := key.Cert.Check(sshkey.HostCert, host, at); err == nil {
				known = true
			} else {
				why = err
			}
		case "":
			if pub.Equal(key) {
				known = true
			} else if why == ErrUnknownHost { // of whatever type: else a stranger takes another one
				why = ErrHostChanged
			}
		}
		// A line further down may still revoke it.
	}
	if known {
		return nil
	}
	return why
}

// hostMatches matches patterns, or a name that is hashed: |1|salt|HMAC-SHA1.
func hostMatches(list, name string) bool {
	if f := strings.Split(list, "|"); len(f) == 4 && f[1] == "1" {
		salt, err1 := base64.StdEncoding.DecodeString(f[2])
		want, err2 := base64.StdEncoding.DecodeString(f[3])
		return err1 == nil && err2 == nil && hmac.Equal(want, hashName(salt, name))
	}
	return listed(list, name, netip.Addr{})
}

func hashName(salt []byte, name string) []byte {
	m := hmac.New(sha1.New, salt)
	m.Write([]byte(name))
	return m.Sum(nil)
}

// knownLine is the line for a host, its name hashed.
func knownLine(name string, key *sshkey.Public) string {
	salt := make([]byte, sha1.Size)
	rand.Read(salt)
	key = key.Plain()
	return fmt.Sprintf("|1|%s|%s %s %s\n", base64.StdEncoding.EncodeToString(salt), base64.StdEncoding.EncodeToString(hashName(salt, name)),
		key.Type, base64.StdEncoding.EncodeToString(key.Blob))
}

// CheckHost checks a key by a known_hosts file. An unknown host is asked about on the
// terminal, /dev/tty, and put into the file if the user says yes; without a terminal it is
// refused.
func CheckHost(file, name string, key *sshkey.Public) error {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	err = KnownHosts(text).Check(name, key, time.Now())
	if err == nil {
		return nil
	}
	if err == ErrUnknownHost && askHost(name, key) {
		return addHost(file, name, key)
	}
	if err == ErrUnknownHost {
		return fmt.Errorf("%s (%s): %w: say yes to it once on a terminal, or put its key into %s", name, key.Fingerprint(), err, file)
	}
	return fmt.Errorf("%s (%s): %w", name, key.Fingerprint(), err)
}

// askHost asks on the terminal: only the word yes is one.
func askHost(name string, key *sshkey.Public) bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	fmt.Fprintf(tty, "host %s is not known. Its key is %s. Is that the host (yes/no)? ", name, key.Fingerprint())
	line, _ := bufio.NewReader(tty).ReadString('\n')
	return strings.TrimSpace(line) == "yes"
}

func addHost(file, name string, key *sshkey.Public) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return AppendLine(file, knownLine(name, key), 0o600)
}

// AppendLine puts a line, with its newline, behind those of a file, whose last one may lack it;
// the file is made, with perm, where it is not there.
func AppendLine(file, line string, perm os.FileMode) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_RDWR, perm)
	if err != nil {
		return err
	}
	if fi, err := f.Stat(); err == nil && fi.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, fi.Size()-1); err == nil && last[0] != '\n' {
			line = "\n" + line
		}
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
