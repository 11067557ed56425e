package door

import (
	"bytes"
	"context"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"ninespace/factotum/sshkey"
)

// Messages of the ssh-agent's protocol, draft-ietf-sshm-ssh-agent.
const (
	requestIdentities = 11
	identitiesAnswer  = 12
	signRequest       = 13
	signResponse      = 14
	maxAgent          = 256 << 10
	agentLimit        = time.Minute // a key may have to be confirmed or touched
)

// agentCall makes one request of the agent at a socket.
func agentCall(ctx context.Context, socket string, req []byte, answer byte) (*sshkey.Reader, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(agentLimit))
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(req))), req...)); err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxAgent {
		return nil, errors.New("ssh-agent: malformed answer")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	if b[0] != answer {
		return nil, errors.New("ssh-agent refuses")
	}
	return &sshkey.Reader{B: b[1:]}, nil
}

// agentKeys gives the keys that the agent at a socket has and TLS can use.
func agentKeys(ctx context.Context, socket string) ([]key, error) {
	r, err := agentCall(ctx, socket, []byte{requestIdentities}, identitiesAnswer)
	if err != nil {
		return nil, err
	}
	var keys []key
	for range r.Uint32() {
		blob := bytes.Clone(r.Bytes())
		r.Bytes() // comment
		if r.Err != nil {
			return nil, errors.New("ssh-agent: malformed answer")
		}
		pub, err := sshkey.ParsePublic(blob)
		if err != nil {
			continue // of a type that is not ours
		}
		keys = append(keys, key{pub, &agentSigner{socket, pub}})
	}
	return keys, nil
}

// An agentSigner signs by an ssh-agent's key: a crypto.MessageSigner.
type agentSigner struct {
	socket string
	pub    *sshkey.Public
}

// Public is the public key.
func (s *agentSigner) Public() crypto.PublicKey { return s.pub.Key }

// Sign is for Ed25519, whose digest is the message.
func (s *agentSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("an ssh-agent signs messages, not digests")
	}
	return s.SignMessage(rand, digest, opts)
}

// SignMessage signs by the hash that belongs to the key, and by no other.
func (s *agentSigner) SignMessage(_ io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != s.pub.Hash() {
		return nil, errors.New("the key does not sign by that hash")
	}
	req := sshkey.AppendBytes(sshkey.AppendBytes([]byte{signRequest}, s.pub.Blob), msg)
	r, err := agentCall(context.Background(), s.socket, binary.BigEndian.AppendUint32(req, 0), signResponse)
	if err != nil {
		return nil, err
	}
	sig := r.Bytes()
	if r.End() != nil {
		return nil, errors.New("ssh-agent: malformed signature")
	}
	if sig, err = s.pub.X509Signature(sig); err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	return sig, nil
}
