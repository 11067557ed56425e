package door

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/keytest"
	"ninespace/factotum/sshkey"
)

// TestPinned: of a host whose key is known to a Dialer that pins it no certificate by another
// key will do; one that is not is known by its certificate.
func TestPinned(t *testing.T) {
	ca, key, other := keytest.New(t), keytest.New(t), keytest.New(t)
	c := sshkey.Cert{Kind: sshkey.HostCert, ID: "files", Principals: []string{"files"}, Before: uint64(time.Now().Add(time.Hour).Unix())}
	cert, err := c.Certify(&key.Public, &ca.Public, func(b []byte) ([]byte, error) { return ca.Sign(b, "") })
	if err != nil {
		t.Fatal(err)
	}
	authority := "@cert-authority * " + ca.Public.String() + "\n"
	for _, c := range []struct {
		known           string
		pinned, loosely error
	}{
		{authority, nil, nil},
		{authority + "[files]:17011 " + other.Public.String() + "\n", auth.ErrHostChanged, nil},
		{authority + "files " + other.Public.String() + "\n", auth.ErrHostChanged, nil},
		{authority + "[files]:17011 " + key.Public.String() + "\n", nil, nil},
		{authority + "elsewhere " + other.Public.String() + "\n", nil, nil},
		{"[files]:17011 " + other.Public.String() + "\n", auth.ErrHostChanged, auth.ErrHostChanged},
		{"", auth.ErrUnknownHost, auth.ErrUnknownHost},
	} {
		d := Dialer{Known: filepath.Join(t.TempDir(), "known")}
		if err := os.WriteFile(d.Known, []byte(c.known), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.checkHost("files", "17011", cert); !errors.Is(err, c.loosely) {
			t.Errorf("%q: %v, want %v", c.known, err, c.loosely)
		}
		d.Pinned = true
		if err := d.checkHost("files", "17011", cert); !errors.Is(err, c.pinned) {
			t.Errorf("pinned, %q: %v, want %v", c.known, err, c.pinned)
		}
	}
}
