package door

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"ninespace/factotum/users"
)

// Who the listener is.

// nobody is the user number of the listener where the machine has no user named so.
const nobody = 65534

// somebodyElse gives who the listener is to be, nil in a user namespace in which there is
// nobody but root.
func somebodyElse() *syscall.Credential {
	who := []syscall.Credential{{Uid: listenerId, Gid: listenerId}, {Uid: nobody, Gid: nobody}}
	if u, err := users.Lookup("nobody"); err == nil && u.Uid != 0 {
		who[1].Uid, who[1].Gid = u.Uid, u.Gid
	}
	for _, c := range who {
		if has("uid_map", c.Uid) && has("gid_map", c.Gid) {
			c.Groups = []uint32{}
			return &c
		}
	}
	return nil
}

// listenerId is a number that no user and no container has: where others run as nobody,
// those could end the listener, or look into it as it starts. Numbers from 1,879,048,192 to
// 2,147,352,575 are for nothing else (systemd's "Users, Groups, UIDs and GIDs").
const listenerId = 0x706e696e

// has tells whether the process's user namespace has an id.
func has(file string, id uint32) bool {
	text, err := os.ReadFile("/proc/self/" + file)
	return err == nil && mapped(string(text), id)
}

// mapped tells whether a map of user_namespaces(7) has an id.
func mapped(text string, id uint32) bool {
	for line := range strings.Lines(text) {
		var first, outside, n uint64
		if k, _ := fmt.Sscan(line, &first, &outside, &n); k == 3 && first <= uint64(id) && uint64(id) < first+n {
			return true
		}
	}
	return false
}

// errRootOnly is for the log.
const errRootOnly = fault("this user namespace has nobody but root: what strangers send is read as root, without capabilities")
