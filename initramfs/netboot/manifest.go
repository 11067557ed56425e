package netboot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"ninespace/factotum/sshkey"
)

// A Manifest says what may be booted together. Its text, which is signed as ssh-keygen
// -Y does for the namespace ninespace-boot, is lines:
//
//	ninespace boot 1
//	serial number
//	kernel sha256 size name
//	image sha256 size name
//	may name ...
//	cmdline text
//
// with as many images as there are, in order. The kernel's command line is the text and,
// behind it, arguments of the names that may be added for each machine.
type Manifest struct {
	Serial  uint64 // a newer one has a larger one
	Kernel  Part
	Images  []Part
	May     []string
	Cmdline string
}

// A Part is a file of a Manifest.
type Part struct {
	Name string
	Size int64
	Sum  [sha256.Size]byte
}

// ManifestSpace is the namespace of the signatures.
const ManifestSpace = "ninespace-boot"

const (
	manifestHead = "ninespace boot 1\n"
	maxManifest  = 64 << 10
	maxCmdline   = 4096 // bytes; Linux takes 2048 on x86
)

// Errors of manifests. All say that nothing of it is to be used.
var (
	ErrManifest = errors.New("malformed manifest")
	ErrSigner   = errors.New("manifest signed by a key that is not trusted")
	ErrReplay   = errors.New("manifest older than one that was booted before")
	ErrPart     = errors.New("not what the manifest says")
)

// Verify reads a manifest that one of the trusted keys has signed, and whose serial
// number is at least that of the last one that was booted; 0 where none is known.
func Verify(text, signature []byte, trusted []*sshkey.Public, last uint64) (*Manifest, error) {
	if len(text) > maxManifest {
		return nil, ErrManifest
	}
	by, err := sshkey.VerifyFile(ManifestSpace, text, signature)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if !slices.ContainsFunc(trusted, by.Equal) {
		return nil, fmt.Errorf("%w: %s", ErrSigner, by.Fingerprint())
	}
	m, err := parseManifest(string(text))
	if err != nil {
		return nil, err
	}
	if m.Serial < last {
		return nil, fmt.Errorf("%w: serial %d after %d", ErrReplay, m.Serial, last)
	}
	return m, nil
}

// parseManifest reads what String writes, and nothing else: one text has one meaning.
func parseManifest(text string) (*Manifest, error) {
	m := new(Manifest)
	lines, ok := strings.CutPrefix(text, manifestHead)
	for line := range strings.Lines(lines) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		var err error
		switch word {
		case "serial":
			m.Serial, err = strconv.ParseUint(rest, 10, 64)
		case "kernel":
			m.Kernel, err = parsePart(rest)
		case "image":
			var p Part
			p, err = parsePart(rest)
			m.Images = append(m.Images, p)
		case "may":
			m.May = strings.Fields(rest)
		case "cmdline":
			m.Cmdline = rest
		default:
			err = ErrManifest
		}
		if err != nil {
			return nil, ErrManifest
		}
	}
	if !ok || m.Kernel.Name == "" || m.String() != text {
		return nil, ErrManifest
	}
	return m, nil
}

func parsePart(text string) (p Part, err error) {
	f := strings.SplitN(text, " ", 3)
	if len(f) != 3 || f[2] == "" {
		return p, ErrManifest
	}
	sum, err := hex.DecodeString(f[0])
	if err != nil || copy(p.Sum[:], sum) != len(sum) || len(sum) != len(p.Sum) {
		return p, ErrManifest
	}
	p.Name = f[2]
	p.Size, err = strconv.ParseInt(f[1], 10, 64)
	return p, err
}

// String is the text.
func (m *Manifest) String() string {
	var b strings.Builder
	part := func(kind string, p Part) { fmt.Fprintf(&b, "%s %x %d %s\n", kind, p.Sum, p.Size, p.Name) }
	fmt.Fprintf(&b, "%sserial %d\n", manifestHead, m.Serial)
	part("kernel", m.Kernel)
	for _, p := range m.Images {
		part("image", p)
	}
	fmt.Fprintf(&b, "may %s\ncmdline %s\n", strings.Join(m.May, " "), m.Cmdline)
	return b.String()
}

// Check reports ErrPart unless a command line is the manifest's, or that and arguments
// which may be added.
func (m *Manifest) Check(cmdline string) error {
	rest, ok := strings.CutPrefix(strings.TrimSpace(cmdline), m.Cmdline)
	if !ok || len(cmdline) > maxCmdline || rest != "" && m.Cmdline != "" && rest[0] != ' ' || strings.ContainsAny(rest, "\"\n") {
		return fmt.Errorf("command line: %w", ErrPart)
	}
	for _, arg := range strings.Fields(rest) {
		name, _, _ := strings.Cut(arg, "=")
		if !slices.Contains(m.May, name) {
			return fmt.Errorf("command line: %s: %w", name, ErrPart)
		}
	}
	return nil
}

// Reader gives the bytes of r as long as they can be the part's; at the end, where the
// others come too, ErrPart in place of io.EOF says that they were not. So what is read
// must not be used before the end.
func (p Part) Reader(r io.Reader) io.Reader {
	return &partReader{p, io.LimitReader(r, p.Size+1), sha256.New(), 0}
}

type partReader struct {
	Part
	r    io.Reader
	hash hash.Hash
	n    int64
}

func (r *partReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.hash.Write(b[:n])
	if r.n += int64(n); r.n > r.Size {
		return 0, fmt.Errorf("%s: longer: %w", r.Name, ErrPart)
	}
	if err != io.EOF {
		return n, err
	}
	if r.n < r.Size {
		return n, fmt.Errorf("%s: truncated: %w", r.Name, ErrPart)
	}
	if !bytes.Equal(r.hash.Sum(nil), r.Sum[:]) {
		return n, fmt.Errorf("%s: %w", r.Name, ErrPart)
	}
	return n, io.EOF
}
