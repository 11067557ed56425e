package factotum

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ninespace/srv/p9"
)

// A key is what the ring has. Its tuple is not changed once it is there: a key that
// changes is another one.
type key struct {
	proto *proto
	attrs Attrs     // what may be told
	priv  []private // what may not
	data  any       // what proto made of it; closed by wipe where it is a wiper
	until time.Time // when it goes by itself; zero: never

	disabled bool // by.factotum; under ring.mu
	used     bool // it was right once; under ring.mu

	mu    sync.Mutex
	refs  int // users, under mu
	gone  bool
	timer *time.Timer
}

// A private is a secret attribute.
type private struct {
	name  string
	value *secret
}

type wiper interface{ wipe() }

// secret gives the value of a secret attribute, nil without one. It is the key's.
func (k *key) secret(name string) []byte {
	for _, p := range k.priv {
		if p.name == name {
			return p.value.b
		}
	}
	return nil
}

// all is the tuple with the names of the secrets: what templates match.
func (k *key) all() Attrs {
	a := slices.Clip(k.attrs)
	for _, p := range k.priv {
		a = append(a, query(p.name))
	}
	return a
}

// hold keeps the key's secrets while they are used, unless it was deleted.
func (k *key) hold() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return false
	}
	k.refs++
	return true
}

// release ends a hold; the last one of a deleted key wipes it.
func (k *key) release() {
	k.mu.Lock()
	k.refs--
	last := k.gone && k.refs == 0
	k.mu.Unlock()
	if last {
		k.wipe()
	}
}

// drop ends the key: its secrets go when nobody uses them any more.
func (k *key) drop() {
	k.mu.Lock()
	again := k.gone
	k.gone = true
	idle := k.refs == 0
	if k.timer != nil {
		k.timer.Stop()
	}
	k.mu.Unlock()
	if idle && !again {
		k.wipe()
	}
}

func (k *key) wipe() {
	for _, p := range k.priv {
		p.value.free()
	}
	if w, ok := k.data.(wiper); ok {
		w.wipe()
	}
}

// A ring is the keys, in the order in which they came.
type ring struct {
	mu   sync.Mutex
	keys []*key
}

// add puts keys in, in place of those with the same public attributes.
func (r *ring) add(k *key) {
	r.mu.Lock()
	var old *key
	if i := slices.IndexFunc(r.keys, func(o *key) bool { return o.attrs.same(k.attrs) }); i >= 0 {
		old, r.keys[i] = r.keys[i], k
	} else {
		r.keys = append(r.keys, k)
	}
	if !k.until.IsZero() {
		k.mu.Lock()
		k.timer = time.AfterFunc(time.Until(k.until), func() { r.del(func(o *key) bool { return o == k }) })
		k.mu.Unlock()
	}
	r.mu.Unlock()
	if old != nil {
		old.drop()
	}
}

// del deletes keys and says how many they were.
func (r *ring) del(is func(*key) bool) (n int) {
	r.mu.Lock()
	var out []*key
	r.keys = slices.DeleteFunc(r.keys, func(k *key) bool {
		if is(k) {
			out = append(out, k)
			return true
		}
		return false
	})
	r.mu.Unlock()
	for _, k := range out {
		k.drop()
	}
	return len(out)
}

// list gives the keys of the moment.
func (r *ring) list() []*key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys)
}

// find gives those keys, held, that a user may use and that match; only the first
// of them where one is enough.
func (r *ring) find(u who, template Attrs, one bool) (found []*key) {
	role := template.Get("role")
	template = template.Without("role", "owner")
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		has := k.attrs.Get("role")
		if k.disabled || k.attrs.Has("disabled") || role != "" && has != "" && has != role || role == speakfor && has == "" {
			continue
		}
		if !u.mayUse(k) || !k.all().matches(template) || !k.until.IsZero() && now.After(k.until) || !k.hold() {
			continue
		}
		if found = append(found, k); one {
			break
		}
	}
	return found
}

// mark notes whether a key was right. One that never was is disabled when it is wrong.
func (r *ring) mark(k *key, right bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k.used = k.used || right
	k.disabled = k.disabled || !right && !k.used
}

// text gives the lines of ctl.
func (r *ring) text() string {
	var b []byte
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		a := k.all()
		if k.disabled {
			a = append(a, Attr{Name: "disabled", Value: "by.factotum"})
		}
		b = fmt.Appendf(b, "key %s\n", a)
	}
	return string(b)
}

// who is a user of factotum: its owner, or somebody else by name.
type who struct {
	name string
	host bool
}

func (u who) mayUse(k *key) bool {
	return u.host || slices.ContainsFunc(k.attrs, func(a Attr) bool {
		return a.Name == "owner" && (a.Value == "*" || a.Value == u.name && u.name != "")
	})
}

// AddKey adds a key as ctl's message "key" does: one for each proto= of the tuple.
// lifetime is how long it is kept, 0 for ever.
// Errors tell what is missing or malformed, and no value.
func (f *Factotum) AddKey(a Attrs, lifetime time.Duration) error { return f.addKeys(a, nil, lifetime) }

// addKeys is AddKey, with more secrets, whose bytes it wipes.
func (f *Factotum) addKeys(a Attrs, secrets map[string][]byte, lifetime time.Duration) error {
	defer func() {
		for _, b := range secrets {
			clear(b)
		}
	}()
	var protos []*proto
	for _, at := range a {
		if at.Query {
			return invalid("key: " + at.Name + "? has no value")
		}
		if at.Name != "proto" {
			continue
		}
		p, err := f.proto(at.Value)
		if err != nil {
			return err
		}
		if p.key == nil {
			return invalid("protocol " + p.name + " takes no keys")
		}
		protos = append(protos, p)
	}
	if len(protos) == 0 {
		return invalid("key: no proto=")
	}
	var keys []*key
	for _, p := range protos {
		k := &key{proto: p, attrs: Attrs{{Name: "proto", Value: p.name}}}
		if lifetime > 0 {
			k.until = time.Now().Add(lifetime)
		}
		var err error
		for _, at := range a.Without("proto") {
			if !at.secret() {
				k.attrs = append(k.attrs, at)
				continue
			}
			var s *secret
			if s, err = f.secret([]byte(at.Value)); err != nil {
				break
			}
			k.priv = append(k.priv, private{at.Name, s})
		}
		for name, b := range secrets {
			var s *secret
			if s, err = f.secret(bytes.Clone(b)); err != nil {
				break
			}
			k.priv = append(k.priv, private{name, s})
		}
		keys = append(keys, k)
		if err == nil {
			err = f.check(p, k)
		}
		if err != nil {
			for _, k := range keys {
				k.drop()
			}
			return fmt.Errorf("key: %w", err)
		}
	}
	for _, k := range keys {
		f.ring.add(k)
		f.logf("key %s", k.all())
	}
	return nil
}

// DeleteKeys deletes the keys that match a template as ctl's message "delkey" does.
func (f *Factotum) DeleteKeys(template Attrs) error {
	for _, at := range template {
		if at.secret() && !at.Query {
			return invalid("delkey: a secret is asked for as " + at.Name + "? only")
		}
	}
	n := f.ring.del(func(k *key) bool { return k.all().matches(template) })
	f.logf("delkey %s: %d", template, n)
	if n == 0 {
		return fmt.Errorf("delkey: %w", p9.NewError(2, "no key matches"))
	}
	return nil
}

var errNoKey = errors.New("no key matches")
