package srv

import (
	"context"
	"io/fs"
	"maps"
	"os/user"
	"slices"
	"strconv"
	"sync"

	"ninespace/srv/p9"
)

// A User is who attached: the name that attach(5) gave, the number that the
// machine's user database has for it and that of its own group (p9.NoUid where
// it has none).
type User struct {
	Name string
	Uid  uint32
	Gid  uint32
	gids map[uint32]bool
}

type userKey struct{}

// UserOf tells who asks, nil where no attach is behind ctx.
func UserOf(ctx context.Context) *User {
	u, _ := ctx.Value(userKey{}).(*User)
	return u
}

// WithUser makes a ctx in which requests are u's, for calls made in-process.
func WithUser(ctx context.Context, u *User) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

type groupKey struct{}

// GroupOf tells which group a request that makes a file asks for it, p9.NoUid
// where it says none. It is a claim: who makes the file has to see whether the
// user is in that group.
func GroupOf(ctx context.Context) uint32 {
	if g, ok := ctx.Value(groupKey{}).(uint32); ok {
		return g
	}
	return p9.NoUid
}

// WithGroup makes a ctx in which files that are made are asked to be of a group.
func WithGroup(ctx context.Context, gid uint32) context.Context {
	return context.WithValue(ctx, groupKey{}, gid)
}

// NewUser looks a user up by name or, where the name is empty, by number. A
// name in digits that no user has is a number too. A user that the machine does
// not know has the name alone, or the number.
func NewUser(name string, uid uint32) *User {
	u := &User{Name: name, Uid: uid, Gid: p9.NoUid}
	var pw *user.User
	var err error
	switch {
	case name != "":
		if pw, err = user.Lookup(name); err != nil {
			u.Uid = p9.NoUid
			if n, nerr := strconv.ParseUint(name, 10, 32); nerr == nil {
				u.Uid = uint32(n)
				pw, err = user.LookupId(strconv.FormatUint(n, 10))
			}
		}
	case uid != p9.NoUid:
		u.Name = strconv.FormatUint(uint64(uid), 10)
		pw, err = user.LookupId(u.Name)
	default:
		u.Name = "none"
		return u
	}
	if err != nil {
		return u
	}
	u.Name = pw.Username
	if n, err := strconv.ParseUint(pw.Uid, 10, 32); err == nil {
		u.Uid = uint32(n)
	}
	if n, err := strconv.ParseUint(pw.Gid, 10, 32); err == nil {
		u.Gid = uint32(n)
	}
	u.gids = map[uint32]bool{}
	ids, _ := pw.GroupIds()
	for _, id := range append(ids, pw.Gid) {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			u.gids[uint32(n)] = true
		}
	}
	return u
}

// Host reports whether the user is the one that the process runs as, Plan 9's host
// owner, as is whoever asks without an attach (nil). Attributes of any file are his
// to change where the file lets him; what permissions deny they deny him too.
func (u *User) Host() bool { return u == nil || u.Uid == owner().uid }

// Member reports whether the user is in a group.
func (u *User) Member(gid uint32) bool { return u.gids[gid] }

// Groups gives the numbers of the groups that the user is in, in order.
func (u *User) Groups() []uint32 { return slices.Sorted(maps.Keys(u.gids)) }

// Allowed reports whether the user may do what want says (r 4, w 2, x 1) with a
// file, by the permission bits of intro(5): owner's or else group's or else
// everybody's.
func (u *User) Allowed(st *p9.Stat, want fs.FileMode) bool {
	perm := st.Mode.Perm()
	if u == nil {
		return perm&want == want
	}
	owner := st.Uid == u.Name
	if st.Uid == "" {
		owner = st.Nuid == u.Uid
	}
	group := st.Gid == u.Name
	if st.Gid == "" {
		group = u.gids[st.Ngid]
	}
	switch {
	case owner:
		perm >>= 6
	case group:
		perm >>= 3
	}
	return perm&want == want
}

// ids remembers the user database's answers: names and numbers change rarely,
// and each answer may cost a read of a file.
var ids struct {
	sync.RWMutex
	m map[idKey]idVal
}

type idKey struct {
	group bool
	name  string
	num   uint32
}

type idVal struct {
	name string
	num  uint32
}

func lookup(k idKey) idVal {
	ids.RLock()
	v, ok := ids.m[k]
	ids.RUnlock()
	if ok {
		return v
	}
	v = lookupSlow(k)
	ids.Lock()
	defer ids.Unlock()
	if ids.m == nil || len(ids.m) > 10000 {
		ids.m = map[idKey]idVal{}
	}
	ids.m[k] = v
	return v
}

func lookupSlow(k idKey) idVal {
	if k.name != "" {
		v := idVal{k.name, p9.NoUid}
		var id string
		if k.group {
			if g, err := user.LookupGroup(k.name); err == nil {
				id = g.Gid
			}
		} else if u, err := user.Lookup(k.name); err == nil {
			id = u.Uid
		}
		if id == "" {
			id = k.name // a number in words, as we write unknown ones
		}
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			v.num = uint32(n)
		}
		return v
	}
	num := strconv.FormatUint(uint64(k.num), 10)
	if k.group {
		if g, err := user.LookupGroupId(num); err == nil {
			return idVal{g.Name, k.num}
		}
	} else if u, err := user.LookupId(num); err == nil {
		return idVal{u.Username, k.num}
	}
	return idVal{num, k.num}
}

// Owners completes a Stat's owner and group: names for 9P2000, numbers for
// 9P2000.L (65534, nobody, for a name that the machine does not know).
func Owners(st *p9.Stat) {
	name := func(group bool, s *string, n *uint32) {
		if *s == "" {
			*s = lookup(idKey{group, "", *n}).name
		} else if *n = lookup(idKey{group, *s, 0}).num; *n == p9.NoUid {
			*n = 65534
		}
	}
	name(false, &st.Uid, &st.Nuid)
	name(true, &st.Gid, &st.Ngid)
	if st.Muid == "" {
		st.Muid = st.Uid
	}
}

// WstatIds gives a Wstat both forms of the owners that it changes. A name that
// the machine does not know is an error.
func WstatIds(w *p9.Wstat) error {
	for _, v := range []struct {
		bit   p9.WstatMask
		group bool
		s     *string
		n     *uint32
		err   error
	}{{p9.WUid, false, &w.Uid, &w.Nuid, p9.ErrUnknownUser}, {p9.WGid, true, &w.Gid, &w.Ngid, p9.ErrorOfText("unknown group")}} {
		if w.Valid&v.bit == 0 {
			continue
		}
		if *v.s == "" {
			*v.s = lookup(idKey{v.group, "", *v.n}).name
		} else if *v.n = lookup(idKey{v.group, *v.s, 0}).num; *v.n == p9.NoUid {
			return v.err
		}
	}
	return nil
}
