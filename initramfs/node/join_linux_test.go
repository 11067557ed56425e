package node

import (
	"testing"
	"time"

	"ninespace/factotum/keytest"
	"ninespace/factotum/sshkey"
)

// TestBelieve: with an authority in the image no other one's certificate will do.
func TestBelieve(t *testing.T) {
	ca, other, key := keytest.New(t), keytest.New(t), keytest.New(t)
	c := sshkey.Cert{Kind: sshkey.HostCert, ID: "node1", Principals: []string{"node1", "10.9.0.11"}, Before: uint64(time.Now().Add(time.Hour).Unix())}
	cert, err := c.Certify(&key.Public, &ca.Public, func(b []byte) ([]byte, error) { return ca.Sign(b, "") })
	if err != nil {
		t.Fatal(err)
	}
	for known, want := range map[string]bool{
		"": true,
		"fileserver " + other.Public.String() + "\n# @cert-authority\n":                  true,
		"@cert-authority * " + ca.Public.String() + "\n":                                 true,
		"@cert-authority * " + other.Public.String() + "\n":                              false,
		"x\n@cert-authority node2 " + ca.Public.String():                                 false,
		"@cert-authority * " + ca.Public.String() + "\n@revoked * " + ca.Public.String(): false,
	} {
		if err := believe([]byte(known), cert); (err == nil) != want {
			t.Errorf("%q: %v", known, err)
		}
	}
}
