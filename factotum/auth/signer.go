package auth

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"time"

	"ninespace/factotum/sshkey"
)

// Keys gives the public keys and certificates of the ssh keys that factotum has.
func (f *Factotum) Keys(ctx context.Context) (keys []*sshkey.Public, err error) {
	r, err := f.Start(ctx, "proto=ssh role=public")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		blob, err := r.Read(ctx)
		if err == ErrDone {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		k, err := sshkey.ParsePublic(blob)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
}

// A Signer is a private key that factotum has: a crypto.MessageSigner. Ed25519 and ECDSA
// signatures are what x509 and TLS want of these; RSA's are not.
type Signer struct {
	f   *Factotum
	pub *sshkey.Public
}

// Signer gives the signer of a public key.
func (f *Factotum) Signer(pub *sshkey.Public) *Signer { return &Signer{f, pub} }

// Public is the public key.
func (s *Signer) Public() crypto.PublicKey { return s.pub.Key }

// Sign is for Ed25519 alone, whose digest is the message.
func (s *Signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("factotum signs messages, not digests")
	}
	return s.SignMessage(rand, digest, opts)
}

// SignMessage signs a message, whose hash is the one that belongs to the key. What TLS 1.3
// has signed in a handshake factotum signs by proto tls, which signs nothing else.
func (s *Signer) SignMessage(_ io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != s.pub.Hash() {
		return nil, errors.New("the key does not sign by that hash")
	}
	for _, role := range []string{"client", "server"} {
		if bytes.HasPrefix(msg, []byte(strings.Repeat(" ", 64)+"TLS 1.3, "+role+" CertificateVerify\x00")) {
			return s.ask("proto=tls role="+role, msg)
		}
	}
	sig, err := s.ask("proto=ssh role=sign", msg)
	if err != nil {
		return nil, err
	}
	return s.pub.X509Signature(sig)
}

// signLimit is how long factotum may at least take for a signature, of which it may have to
// ask somebody first: who wants one can't be told to give up.
const signLimit = 2 * time.Minute

// ask has factotum sign.
func (s *Signer) ask(attrs string, msg []byte) ([]byte, error) {
	return s.f.Once(s.f.limit(), attrs+" pub='"+base64.StdEncoding.EncodeToString(s.pub.Blob)+"'", msg)
}

// limit gives a context that ends in signLimit or twice that. Signatures share one: a timer
// for each wakes a thread.
func (f *Factotum) limit() context.Context {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limited == nil || time.Until(f.ends) < signLimit {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(2*signLimit, cancel)
		f.limited, f.ends = ctx, time.Now().Add(2*signLimit)
	}
	return f.limited
}
