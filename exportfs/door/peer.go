package door

import (
	"errors"
	"fmt"
	"net"
	"os/user"
	"strconv"

	"ninespace/srv"
)

// overflowID is what the kernel calls whoever has no number in this user namespace, which is
// nobody in particular.
const overflowID = 65534

// peerUser is whose process is at the other end of a Unix socket.
func peerUser(c net.Conn) (*user.User, error) {
	uid, ok := srv.PeerOf(c)
	if !ok {
		return nil, errors.New("not a unix socket")
	}
	return userOf(uid, user.LookupId, user.Lookup)
}

// userOf is the user of a number, whose name leads back to it: by that the session becomes
// him. A number without a name is one too.
func userOf(uid uint32, byID, byName func(string) (*user.User, error)) (*user.User, error) {
	if uid == overflowID {
		return nil, errors.New("user 65534 is whoever has no number here")
	}
	n := strconv.FormatUint(uint64(uid), 10)
	u, err := byID(n)
	if err != nil {
		u = &user.User{Uid: n, Username: n}
	}
	if same, err := byName(u.Username); err == nil && same.Uid != n {
		return nil, fmt.Errorf("user %s is called %s, who is user %s", n, u.Username, same.Uid)
	}
	return u, nil
}
