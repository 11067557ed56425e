package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"time"

	"ninespace/factotum/sshkey"
)

// A peer's certificate is a wrapper of its key: nothing in it counts but the key, which the
// handshake proves, and an OpenSSH certificate for it in an extension of ours, which is
// checked as OpenSSH does.

// certOID is that of the extension, 2.25 and a random UUID.
func certOID() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 25, 1463206487, 1130861924, 998244353}
}

// errNoKey says that factotum has nothing to prove who we are by.
var errNoKey = errors.New("factotum has no Ed25519 or ECDSA key of ssh: factotum -k, or ssh-add")

// Certificate makes the certificate of the first key that TLS can use, one with a
// certificate of OpenSSH before others; fp, if not "", is the fingerprint of the one to take.
func (f *Factotum) Certificate(ctx context.Context, fp string) (*tls.Certificate, error) {
	keys, err := f.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var pick *sshkey.Public
	for _, k := range keys {
		switch k.Key.(type) {
		case ed25519.PublicKey, *ecdsa.PublicKey:
		default:
			continue
		}
		if fp != "" && k.Fingerprint() != fp {
			continue
		}
		if pick == nil || k.Cert != nil && pick.Cert == nil {
			pick = k
		}
	}
	if pick == nil {
		return nil, errNoKey
	}
	return Wrap(f.Signer(pick), pick)
}

// Wrap makes the certificate of a key that TLS can use, whoever signs by it; where pub
// has a certificate of OpenSSH, that is in it. What signs the certificate is made up, since
// nobody looks at that: s is asked for nothing but handshakes.
func Wrap(s crypto.Signer, pub *sshkey.Public) (*tls.Certificate, error) {
	now := time.Now()
	t := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(newSerial()), Subject: pkix.Name{CommonName: pub.Fingerprint()}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * 365 * time.Hour)}
	if pub.Cert != nil {
		t.ExtraExtensions = []pkix.Extension{{Id: certOID(), Value: pub.Blob}}
	}
	_, issuer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, s.Public(), issuer)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: s}, nil
}

const serialSize = 16

// newSerial makes a serial number, positive and of serialSize bytes.
func newSerial() []byte {
	b := make([]byte, serialSize)
	rand.Read(b)
	b[0] = b[0]&0x3f | 0x40
	return b
}

// Renew gives a certificate of Wrap another serial number, at random: by that a client that
// signs for it does so now. Nobody looks at what signs the certificate.
func Renew(cert *tls.Certificate) (*tls.Certificate, error) {
	old, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil, err
	}
	der := bytes.Clone(cert.Certificate[0])
	i := bytes.Index(der, old.SerialNumber.Bytes())
	if i < 0 || len(old.SerialNumber.Bytes()) != serialSize {
		return nil, errors.New("not a certificate of ours")
	}
	copy(der[i:], newSerial())
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: cert.PrivateKey}, nil
}

// PeerKey is the key that a TLS peer proved to have, with its OpenSSH certificate where
// it showed one for that key.
func PeerKey(cs *tls.ConnectionState) (*sshkey.Public, error) {
	if len(cs.PeerCertificates) == 0 {
		return nil, errors.New("the peer has shown no key")
	}
	return KeyOf(cs.PeerCertificates[0])
}

// KeyOf is the key of a peer's certificate, which it has proved to have.
func KeyOf(leaf *x509.Certificate) (*sshkey.Public, error) {
	key, err := sshkey.New(leaf.PublicKey)
	if err != nil {
		return nil, err
	}
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(certOID()) {
			continue
		}
		c, err := sshkey.ParsePublic(e.Value)
		if err != nil {
			return nil, err
		}
		if c.Cert == nil || !c.Equal(key) {
			return nil, errors.New("certificate of another key")
		}
		return c, nil
	}
	return key, nil
}

// Config is what both sides have that show a certificate of Wrap: TLS 1.3, and each
// connection checked anew. It does for
// a server, which wants the client's key, and for a client.
func Config(cert *tls.Certificate, check func(*sshkey.Public) error) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{*cert},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"ninespace"},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // of x509's chains: VerifyConnection does it, always
		VerifyConnection: func(cs tls.ConnectionState) error {
			key, err := PeerKey(&cs)
			if err != nil {
				return err
			}
			return check(key)
		},
	}
}

func (f *Factotum) config(ctx context.Context, fp string, check func(*sshkey.Public) error) (*tls.Config, error) {
	cert, err := f.Certificate(ctx, fp)
	if err != nil {
		return nil, err
	}
	return Config(cert, check), nil
}

// ServerTLS gives the configuration of a server: check says whether a client's key is to
// be let in, for which there is AuthorizedKeys.Check.
func (f *Factotum) ServerTLS(ctx context.Context, fp string, check func(*sshkey.Public) error) (*tls.Config, error) {
	return f.config(ctx, fp, check)
}

// ClientTLS gives that of a client: check says whether a key is the server's, for which
// there is KnownHosts.Check.
func (f *Factotum) ClientTLS(ctx context.Context, fp string, check func(*sshkey.Public) error) (*tls.Config, error) {
	return f.config(ctx, fp, check)
}
