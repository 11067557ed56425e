package sshkey

import (
	"crypto"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
)

// FormatFile writes a private key as ssh-keygen does, unsealed, PROTOCOL.key: ParseFile reads
// it back.
func FormatFile(key crypto.Signer, comment string) ([]byte, error) {
	pub, err := New(key.Public())
	if err != nil {
		return nil, err
	}
	in, err := AppendPrivate(make([]byte, 8), key) // the two numbers that have to be the same
	if err != nil {
		return nil, err
	}
	in = AppendBytes(in, comment)
	for i := byte(1); len(in)%8 != 0; i++ {
		in = append(in, i)
	}
	b := AppendBytes(AppendBytes(AppendBytes([]byte(magic), "none"), "none"), "")
	b = AppendBytes(AppendBytes(binary.BigEndian.AppendUint32(b, 1), pub.Blob), in)
	clear(in)
	defer clear(b)
	return pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: b}), nil
}

// String is the key as a line of authorized_keys has it, without a comment.
func (p *Public) String() string {
	p = p.Plain()
	return p.Type + " " + base64.StdEncoding.EncodeToString(p.Blob)
}
