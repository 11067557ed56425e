// Package tpm has what a machine's TPM 2.0 is needed for when the machine proves which one
// it is: its endorsement key, which no other TPM has, an attestation key, and the secret that
// somebody who knows them has sealed for the two (credential activation). It is the part of
// the TCG's Trusted Platform Module Library, parts 1 to 3, that this takes, by hand: the
// library for all of it makes tables before main, which every command of nine would pay for.
//
// Both keys are of the curve P-256, which each TPM of a PC has. They are made anew from the
// TPM's own seed each time, and are the same each time: nothing is left in the TPM.
package tpm

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A TPM is one that is open, with the keys made.
type TPM struct {
	Public
	rw     io.ReadWriteCloser
	ek, ak uint32 // handles
}

// New makes the keys in the TPM at the other end of rw, each of whose answers begins where
// the last one ended. Close closes rw too.
func New(rw io.ReadWriteCloser) (*TPM, error) {
	t := &TPM{rw: rw}
	var err error
	if t.ek, t.EK, err = t.primary(ekForm + zeros + zeros); err == nil {
		t.ak, t.AK, err = t.primary(akForm + "\x00\x00\x00\x00")
	}
	if err == nil {
		err = t.Check()
	}
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("tpm: %w", err)
	}
	return t, nil
}

// Close has the TPM forget the keys and lets go of it.
func (t *TPM) Close() error {
	for _, h := range []uint32{t.ek, t.ak} {
		t.flush(h)
	}
	return t.rw.Close()
}

// Activate gives the secret of a challenge that Public.Challenge has made for this TPM's keys.
// It is an error if it was made for others.
func (t *TPM) Activate(challenge []byte) ([]byte, error) {
	// The endorsement key may be used by who may use the endorsement hierarchy: a session
	// shows that.
	var nonce [16]byte
	rand.Read(nonce[:])
	out, err := t.run(cmdStartAuthSession, nil, nil, cat(u32(rhNull), u32(rhNull), sized(nonce[:]), u16(0), []byte{sePolicy}, u16(algNull), u16(algSHA256)))
	if err != nil || len(out) < 4 {
		return nil, fmt.Errorf("tpm: session: %w", orShort(err))
	}
	session := binary.BigEndian.Uint32(out)
	defer t.flush(session)
	if _, err := t.run(cmdPolicySecret, []uint32{rhEndorsement, session}, []uint32{rsPassword}, make([]byte, 2+2+2+4)); err != nil {
		return nil, fmt.Errorf("tpm: policy: %w", err)
	}
	out, err = t.run(cmdActivateCredential, []uint32{t.ak, t.ek}, []uint32{rsPassword, session}, challenge)
	if err != nil {
		return nil, fmt.Errorf("tpm: activate: %w", err)
	}
	secret, _, ok := cut(out)
	if !ok {
		return nil, fmt.Errorf("tpm: activate: %w", errShort)
	}
	return secret, nil
}

// Commands, structures and handles of part 2.
const (
	cmdCreatePrimary      = 0x131
	cmdActivateCredential = 0x147
	cmdPolicySecret       = 0x151
	cmdFlushContext       = 0x165
	cmdStartAuthSession   = 0x176

	tagNoSessions, tagSessions = 0x8001, 0x8002

	rhNull, rsPassword, rhEndorsement = 0x40000007, 0x40000009, 0x4000000B

	sePolicy, continueSession = 1, 1

	algSHA256, algNull = 0x000B, 0x0010
)

var errShort = errors.New("malformed answer")

func orShort(err error) error {
	if err == nil {
		err = errShort
	}
	return err
}

// primary makes a primary key of the endorsement hierarchy.
func (t *TPM) primary(form string) (handle uint32, public []byte, err error) {
	none := u16(0)
	out, err := t.run(cmdCreatePrimary, []uint32{rhEndorsement}, []uint32{rsPassword}, cat(sized(make([]byte, 4)), sized([]byte(form)), none, u32(0)))
	if err != nil {
		return 0, nil, fmt.Errorf("create key: %w", err)
	}
	if len(out) < 4 {
		return 0, nil, errShort
	}
	handle = binary.BigEndian.Uint32(out)
	public, _, ok := cut(out[4:])
	if !ok {
		return handle, nil, errShort
	}
	return handle, public, nil
}

// flush has the TPM forget what a handle is of; 0 is none.
func (t *TPM) flush(handle uint32) {
	if handle != 0 {
		t.run(cmdFlushContext, nil, nil, u32(handle))
	}
}

// maxSize is how long a command, and an answer, can be. Of what is longer a TPM takes the rest for
// another command, and then each answer is that of one before.
const maxSize = 4096

// run has the TPM do a command with handles and who may use them, each by an empty password or a
// session, and gives what its answer has: a handle, if the command makes one, and parameters.
func (t *TPM) run(code uint32, handles, by []uint32, params []byte) ([]byte, error) {
	tag := uint16(tagNoSessions)
	var body []byte
	for _, h := range handles {
		body = append(body, u32(h)...)
	}
	if by != nil {
		tag = tagSessions
		body = append(body, u32(uint32(9*len(by)))...)
		for _, s := range by {
			body = append(body, cat(u32(s), u16(0), []byte{continueSession}, u16(0))...)
		}
	}
	body = append(body, params...)
	if 10+len(body) > maxSize {
		return nil, errors.New("more than a TPM takes")
	}
	if _, err := t.rw.Write(cat(u16(tag), u32(uint32(10+len(body))), u32(code), body)); err != nil {
		return nil, err
	}
	var head [10]byte
	if _, err := io.ReadFull(t.rw, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[2:])
	if n < 10 || n > maxSize {
		return nil, errShort
	}
	out := make([]byte, n-10)
	if _, err := io.ReadFull(t.rw, out); err != nil {
		return nil, err
	}
	if rc := binary.BigEndian.Uint32(head[6:]); rc != 0 {
		return nil, Refused(rc)
	}
	if by == nil {
		return out, nil
	}
	// Behind a handle, with sessions, is how long the parameters are.
	at := 0
	if code == cmdCreatePrimary {
		at = 4
	}
	if len(out) < at+4 || uint32(len(out)-at-4) < binary.BigEndian.Uint32(out[at:]) {
		return nil, errShort
	}
	n = binary.BigEndian.Uint32(out[at:])
	return append(out[:at:at], out[at+4:][:n]...), nil
}

// Refused is the code by which a TPM refuses a command.
type Refused uint32

func (r Refused) Error() string {
	text := ""
	switch e := uint32(r); {
	case e&0x80 != 0 && e&0x3F == 0x1F: // TPM_RC_INTEGRITY, of whichever parameter
		text = "not made for this TPM's keys: "
	case e >= 0x902 && e <= 0x906: // memory and handles, of keys and sessions
		text = "no room beside what other programs have in it: "
	case e == 0x921:
		text = "it is locked, as too many passwords were wrong: "
	case e == 0x922, e == 0x90A, e == 0x908:
		text = "it is busy: "
	}
	return fmt.Sprintf("%sTPM's code %#x", text, uint32(r))
}

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// sized puts the length of b before it, in two bytes.
func sized(b []byte) []byte { return append(u16(uint16(len(b))), b...) }

// cut takes what is sized off b.
func cut(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:n], b[n:], true
}

func cat(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
