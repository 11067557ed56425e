package sshkey

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha512"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/blowfish" //lint:ignore SA1019 OpenSSH seals its files by it
)

// ErrPassphrase says that a file is sealed and no passphrase, or a wrong one, was given.
var ErrPassphrase = errors.New("wrong passphrase")

const (
	magic     = "openssh-key-v1\x00"
	maxRounds = 1 << 10 // of bcrypt: OpenSSH's own are 16 or 24
)

// ParseFile reads a file that ssh-keygen wrote, PROTOCOL.key. It gives the key's part,
// which ParsePrivate takes, and the comment. passphrase is asked where the file is
// sealed; nil has none.
func ParseFile(text []byte, passphrase func() ([]byte, error)) (private []byte, comment string, err error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "OPENSSH PRIVATE KEY" || !bytes.HasPrefix(block.Bytes, []byte(magic)) {
		return nil, "", errors.New("not a private key in OpenSSH's format (ssh-keygen -p writes it)")
	}
	defer clear(block.Bytes)
	r := &Reader{B: block.Bytes[len(magic):]}
	ciph, kdf, opts := r.String(), r.String(), r.Bytes()
	n, _, body := r.Uint32(), r.Bytes(), r.Bytes()
	if r.Err != nil || n != 1 {
		return nil, "", ErrFormat
	}
	if ciph != "none" {
		if body, err = unseal(ciph, kdf, opts, body, passphrase); err != nil {
			return nil, "", err
		}
		defer clear(body)
	}
	in := &Reader{B: body}
	if a, b := in.Uint32(), in.Uint32(); a != b {
		return nil, "", ErrPassphrase
	}
	start := in.B
	if _, err := ParsePrivate(in); err != nil {
		return nil, "", err
	}
	private = bytes.Clone(start[:len(start)-len(in.B)])
	comment = in.String()
	for i, b := range in.B {
		if b != byte(i+1) {
			return nil, "", ErrFormat
		}
	}
	return private, comment, in.Err
}

func unseal(ciph, kdf string, opts, body []byte, passphrase func() ([]byte, error)) ([]byte, error) {
	size, ok := map[string]int{"aes128-ctr": 16, "aes192-ctr": 24, "aes256-ctr": 32}[ciph]
	if !ok || kdf != "bcrypt" {
		return nil, fmt.Errorf("sealed by %q and %q: only aes-ctr and bcrypt are known", ciph, kdf)
	}
	o := &Reader{B: opts}
	salt, rounds := o.Bytes(), o.Uint32()
	if o.End() != nil || rounds == 0 || rounds > maxRounds || len(salt) == 0 || len(body)%aes.BlockSize != 0 {
		return nil, ErrFormat
	}
	if passphrase == nil {
		return nil, ErrPassphrase
	}
	pass, err := passphrase()
	if err != nil {
		return nil, err
	}
	defer clear(pass)
	if len(pass) == 0 {
		return nil, ErrPassphrase
	}
	key, err := bcryptPBKDF(pass, salt, int(rounds), size+aes.BlockSize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	b, err := aes.NewCipher(key[:size])
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(body))
	cipher.NewCTR(b, key[size:]).XORKeyStream(out, body)
	return out, nil
}

// bcryptPBKDF is OpenBSD's bcrypt_pbkdf(3): PBKDF2 of bcrypt's hash, whose bytes go
// round about the key instead of one block behind the other.
func bcryptPBKDF(pass, salt []byte, rounds, n int) ([]byte, error) {
	p := sha512.Sum512(pass)
	blocks := (n + 31) / 32
	key := make([]byte, blocks*32)
	for i := range blocks {
		h, err := bcryptHash(p[:], binary.BigEndian.AppendUint32(slices.Clip(salt), uint32(i+1)))
		if err != nil {
			return nil, err
		}
		out := h
		for range rounds - 1 {
			if h, err = bcryptHash(p[:], h[:]); err != nil {
				return nil, err
			}
			for j := range out {
				out[j] ^= h[j]
			}
		}
		for j, b := range out {
			key[j*blocks+i] = b
		}
	}
	clear(p[:])
	return key[:n], nil
}

func bcryptHash(pass, salt []byte) (out [32]byte, err error) {
	s := sha512.Sum512(salt)
	c, err := blowfish.NewSaltedCipher(pass, s[:])
	if err != nil {
		return out, err
	}
	for range 64 {
		blowfish.ExpandKey(s[:], c)
		blowfish.ExpandKey(pass, c)
	}
	copy(out[:], "OxychromaticBlowfishSwatDynamite")
	for i := 0; i < len(out); i += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(out[i:], out[i:])
		}
	}
	for i := 0; i < len(out); i += 4 {
		slices.Reverse(out[i : i+4])
	}
	return out, nil
}
