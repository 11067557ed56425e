package door

import (
	"errors"
	"os/user"
	"testing"
)

// TestUserOf: a caller is the user of his number, and of no other one by his name.
func TestUserOf(t *testing.T) {
	passwd := []user.User{{Username: "root", Uid: "0"}, {Username: "glenda", Uid: "1000"}, {Username: "glenda", Uid: "1001"}, {Username: "1003", Uid: "0"},
		{Username: "nobody", Uid: "65534"}}
	find := func(get func(*user.User) string) func(string) (*user.User, error) {
		return func(want string) (*user.User, error) {
			for i := range passwd {
				if get(&passwd[i]) == want {
					return &passwd[i], nil
				}
			}
			return nil, errors.New("unknown")
		}
	}
	for uid, want := range map[uint32]string{0: "root", 1000: "glenda", 1001: "", 1002: "1002", 1003: "", 65534: ""} {
		u, err := userOf(uid, find(func(u *user.User) string { return u.Uid }), find(func(u *user.User) string { return u.Username }))
		if got := ""; err == nil {
			if got = u.Username; got != want {
				t.Errorf("%d: %s, want %q", uid, got, want)
			}
		} else if want != "" {
			t.Errorf("%d: %v", uid, err)
		}
	}
}
