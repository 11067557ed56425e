package tpm

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Public is what others may know of a TPM's keys: their public areas (TPMT_PUBLIC).
type Public struct{ EK, AK []byte }

// The keys' forms: all of a public area but its point.
const (
	// The endorsement key is template L-2 of the TCG's EK Credential Profile: what this TPM
	// made, cannot be had out of it, and decrypts what is sealed for one of its keys alone.
	ekForm = "\x00\x23\x00\x0b\x00\x03\x00\xb2" + // ECC, SHA-256, fixedTPM fixedParent sensitiveDataOrigin adminWithPolicy restricted decrypt
		"\x00\x20" + ekPolicy +
		"\x00\x06\x00\x80\x00\x43\x00\x10\x00\x03\x00\x10" // AES-128 CFB, no scheme, P-256, no KDF
	// TPM2_PolicySecret(TPM_RH_ENDORSEMENT)
	ekPolicy = "\x83\x71\x97\x67\x44\x84\xb3\xf8\x1a\x90\xcc\x8d\x46\xa5\xd7\x24\xfd\x52\xd7\x6e\x06\x52\x0b\x64\xf2\xa1\xda\x1b\x33\x14\x69\xaa"
	// The attestation key signs, and nothing but what the TPM itself says.
	akForm = "\x00\x23\x00\x0b\x00\x05\x04\x72" + // fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA restricted sign
		"\x00\x00" +
		"\x00\x10\x00\x18\x00\x0b\x00\x03\x00\x10" // not symmetric, ECDSA SHA-256, P-256, no KDF
	// A coordinate that is asked for.
	zeros = "\x00\x20" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

// side is how long a coordinate of P-256 is.
const side = 32

var (
	errEK = errors.New("no endorsement key of a TPM")
	errAK = errors.New("no attestation key of a TPM")
)

// Check tells whether the keys say that they are what New makes: ones that are in a TPM and
// stay there. That they say the truth is what Challenge finds out.
func (p Public) Check() error {
	if _, err := point(p.EK, ekForm); err != nil {
		return errEK
	}
	if _, err := point(p.AK, akForm); err != nil {
		return errAK
	}
	return nil
}

// Hash is by what an endorsement key is known: the SHA-256 of its public area, 64 digits. It is
// the key's name, as tpm2-tools say it, without the four digits before.
func (p Public) Hash() string {
	h := sha256.Sum256(p.EK)
	return hex.EncodeToString(h[:])
}

// point gives the point of a public area of a form.
func point(public []byte, form string) (*ecdh.PublicKey, error) {
	rest, ok := bytes.CutPrefix(public, []byte(form))
	if !ok {
		return nil, errShort
	}
	x, rest, _ := cut(rest)
	y, rest, ok := cut(rest)
	if !ok || len(x) != side || len(y) != side || len(rest) > 0 {
		return nil, errShort
	}
	return ecdh.P256().NewPublicKey(cat([]byte{4}, x, y))
}

// MaxSecret is how many bytes a secret may have.
const MaxSecret = sha256.Size

// Challenge seals a secret of at most MaxSecret bytes: only the TPM that has both keys can tell
// it. TPM2_MakeCredential: part 1, 24 and C.6.
func (p Public) Challenge(secret []byte) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(secret) > MaxSecret {
		return nil, fmt.Errorf("tpm: a secret of %d bytes", len(secret))
	}
	ek, err := point(p.EK, ekForm)
	if err != nil {
		return nil, err
	}
	once, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	z, err := once.ECDH(ek)
	if err != nil {
		return nil, err
	}
	x, y := once.PublicKey().Bytes()[1:1+side], once.PublicKey().Bytes()[1+side:]
	seed := sha256.Sum256(cat(u32(1), z, []byte("IDENTITY\x00"), x, ek.Bytes()[1:1+side])) // KDFe
	sum := sha256.Sum256(p.AK)
	name := append(u16(algSHA256), sum[:]...)
	sealed, err := encrypt(kdfa(seed[:], "STORAGE", name, 128), sized(secret))
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, kdfa(seed[:], "INTEGRITY", nil, 256))
	m.Write(sealed)
	m.Write(name)
	return cat(sized(cat(sized(m.Sum(nil)), sealed)), sized(cat(sized(x), sized(y)))), nil
}

// kdfa makes a key of at most 256 bits: part 1, 11.4.10.2.
func kdfa(key []byte, label string, context []byte, bits int) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(cat(u32(1), []byte(label+"\x00"), context, u32(uint32(bits))))
	return m.Sum(nil)[:bits/8]
}

// encrypt is AES in CFB mode from zeros, which crypto/cipher no longer recommends to anybody.
func encrypt(key, text []byte) ([]byte, error) {
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var last [aes.BlockSize]byte
	out := bytes.Clone(text)
	for b := out; len(b) > 0; {
		c.Encrypt(last[:], last[:])
		for i := range min(len(b), len(last)) {
			b[i] ^= last[i]
			last[i] = b[i]
		}
		b = b[min(len(b), len(last)):]
	}
	return out, nil
}
