package capfs

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// HashSize is how many bytes caphash takes.
const HashSize = sha1.Size

const (
	maxCaps = 256 // hashes at once: an older one gives way
	maxText = 256 // bytes of a capability
	life    = time.Minute
)

// New makes a capability with which from becomes to, and its hash.
func New(from, to string) (capability string, hash []byte) {
	key := make([]byte, 24)
	rand.Read(key)
	text := base64.RawURLEncoding.EncodeToString(key)
	return from + "@" + to + "@" + text, sum(from+"@"+to, text)
}

func sum(users, key string) []byte {
	m := hmac.New(sha1.New, []byte(key))
	m.Write([]byte(users))
	return m.Sum(nil)
}

// A Config says who is trusted and what a capability does.
type Config struct {
	// Trusted are the users, by number, that may write caphash besides the one that
	// this process runs as.
	Trusted []uint32
	// Start starts what to was authenticated for; from is who showed the capability. Its
	// error refuses, and goes to the log alone. The capability is used up all the same.
	Start func(ctx context.Context, from, to string) error
	// Life is how long a hash is good for, a minute where 0.
	Life time.Duration
	// Log is given a line for each use and each refusal; nil: nobody is.
	Log func(line string)
}

// A Broker has the hashes, and is the root of the tree to serve at a Unix socket: who
// asks is whom the kernel says.
type Broker struct {
	*srv.Dir
	cfg Config

	mu   sync.Mutex
	caps []capability // the oldest first
}

type capability struct {
	hash [HashSize]byte
	at   time.Time
}

// NewBroker makes one that has no hashes.
func NewBroker(cfg Config) *Broker {
	if cfg.Life == 0 {
		cfg.Life = life
	}
	b := &Broker{cfg: cfg}
	b.Dir = b.tree(peer, cfg.Start)
	return b
}

// errCap is all that who shows a capability learns.
var errCap = p9.NewError(syscall.EPERM, "invalid capability")

// tree makes the files for those whom who tells, whose uses start does.
func (b *Broker) tree(who func(context.Context) *srv.User, start func(ctx context.Context, from, to string) error) *srv.Dir {
	return srv.NewDir().
		Add("caphash", &file{srv.NewNode(0o222), func(ctx context.Context, p []byte) error { return b.hash(who(ctx), p) }}).
		Add("capuse", &file{srv.NewNode(0o222), func(ctx context.Context, p []byte) error { return b.use(ctx, who(ctx), p, start) }})
}

// peer is the user whose process is at the other end of the connection; nil: it is not
// known.
func peer(ctx context.Context) *srv.User {
	uid, ok := srv.Peer(ctx)
	if !ok {
		return nil
	}
	return srv.NewUser("", uid)
}

// hash takes down a hash.
func (b *Broker) hash(u *srv.User, p []byte) error {
	if u == nil || !u.Host() && !slices.Contains(b.cfg.Trusted, u.Uid) {
		b.logf("caphash by " + name(u) + ": refused")
		return p9.ErrPerm
	}
	if len(p) != HashSize {
		return p9.NewError(syscall.EINVAL, "a hash has 20 bytes")
	}
	b.remember(p)
	return nil
}

func (b *Broker) remember(hash []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	if len(b.caps) == maxCaps {
		b.caps = slices.Delete(b.caps, 0, 1)
	}
	b.caps = append(b.caps, capability{[HashSize]byte(hash), time.Now()})
}

// expire forgets what is too old.
func (b *Broker) expire() {
	b.caps = slices.DeleteFunc(b.caps, func(c capability) bool { return time.Since(c.at) >= b.cfg.Life })
}

// use does what a capability is for, if it is one.
func (b *Broker) use(ctx context.Context, u *srv.User, p []byte, start func(ctx context.Context, from, to string) error) error {
	text := string(bytes.TrimSuffix(p, []byte{0}))
	users, key, ok := cutLast(text)
	from, to, two := strings.Cut(users, "@")
	if len(text) > maxText || !ok || !two || from == "" || to == "" || key == "" || !b.take(sum(users, key)) {
		b.logf("capuse by " + name(u) + ": no such capability")
		return errCap
	}
	if u == nil || u.Name != from {
		b.logf("capuse by " + name(u) + ": capability of " + srv.Quote(from))
		return errCap
	}
	if err := start(ctx, from, to); err != nil {
		b.logf("capuse by " + from + ": become " + srv.Quote(to) + ": " + err.Error())
		return errCap
	}
	b.logf("capuse by " + from + ": became " + srv.Quote(to))
	return nil
}

// Grant makes a capability with which from becomes to.
func (b *Broker) Grant(from, to string) string {
	c, hash := New(from, to)
	b.remember(hash)
	return c
}

// Use uses a capability up that from shows, and gives whom he becomes by it. The error says
// no more than that it is none.
func (b *Broker) Use(from, capability string) (to string, err error) {
	err = b.use(context.Background(), &srv.User{Name: from}, []byte(capability), func(_ context.Context, _, name string) error {
		to = name
		return nil
	})
	return to, err
}

// take uses a hash up.
func (b *Broker) take(hash []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	i := slices.IndexFunc(b.caps, func(c capability) bool { return hmac.Equal(c.hash[:], hash) })
	if i < 0 {
		return false
	}
	b.caps = slices.Delete(b.caps, i, i+1)
	return true
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func name(u *srv.User) string {
	if u == nil {
		return "a stranger"
	}
	return srv.Quote(u.Name)
}

func (b *Broker) logf(line string) {
	if b.cfg.Log != nil {
		b.cfg.Log(line)
	}
}

// A file does something with each write.
type file struct {
	srv.Node
	do func(ctx context.Context, p []byte) error
}

// Open gives what is written to.
func (f *file) Open(context.Context, p9.Mode) (srv.Handle, error) { return (*handle)(f), nil }

type handle file

// Write takes a hash or a capability, whole.
func (h *handle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	defer clear(p)
	if err := h.do(ctx, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
