package netboot

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"ninespace/factotum/sshkey"
)

// JoinRequest is what a node that was given a token says to join with its key, and
// JoinAnswer reads what it is told.
func JoinRequest(ether, token string, key *sshkey.Public) string {
	k := sha256.Sum256([]byte(token))
	key = key.Plain()
	return fmt.Sprintf("ether=%s key=%q proof=%s\n", ether, KeyText(key), proof(k, "join", ether, string(key.Blob)))
}

// JoinAnswer gives the certificate of the node's key and the authority that signed it,
// if the one who answers knew the token. A clock for which it is not valid yet is wrong: see Made.
func JoinAnswer(answer, token string, key *sshkey.Public) (cert, ca *sshkey.Public, err error) {
	e := oneEntry(answer)
	if cert, err = ParseKey(value(e, "cert")); err != nil {
		return nil, nil, err
	}
	if ca, err = ParseKey(value(e, "ca")); err != nil {
		return nil, nil, err
	}
	k := sha256.Sum256([]byte(token))
	if !hmac.Equal([]byte(proof(k, "joined", string(cert.Blob), string(ca.Blob))), []byte(value(e, "proof"))) {
		return nil, nil, errors.New("join: the answer is not by who made the token")
	}
	if cert.Cert == nil || !cert.Equal(key) || !cert.Cert.CA.Equal(ca) || len(cert.Cert.Principals) == 0 {
		return nil, nil, errors.New("join: the certificate is not for this key")
	}
	is := Made(cert, now())
	if err = cert.Cert.Check(sshkey.HostCert, cert.Cert.Principals[0], is); err != nil {
		err = fmt.Errorf("join: %w, by a clock that says %s", err, is.UTC().Format(time.RFC3339))
	}
	return cert, ca, err
}

// Made gives the time by a clock, or, where a certificate that was made just now is not valid yet then, the
// one from which it is: minutes ago. One that is not valid any more tells no time: it may be an old one.
func Made(cert *sshkey.Public, clock time.Time) time.Time {
	if uint64(max(clock.Unix(), 0)) < cert.Cert.After {
		return time.Unix(int64(cert.Cert.After), 0)
	}
	return clock
}

// Join has a node join by HTTP, at the address that came with the token (nine.join=).
// It asks once, and for half a minute at most: a token is good for one answer. The error is
// ErrJoin if the server will have none of it; who says that has not shown that he is the server.
func Join(ctx context.Context, at, ether, token string, key *sshkey.Public) (cert, ca *sshkey.Public, err error) {
	answer, err := post(ctx, at, JoinRequest(ether, token, key))
	if err != nil {
		return nil, nil, err
	}
	return JoinAnswer(answer, token, key)
}

// post asks to join, in joinTime at most, and gives the answer.
func post(ctx context.Context, at, request string) (answer string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, joinTime, fmt.Errorf("not done within %v", joinTime))
	defer cancel()
	r, _, err := visit(ctx, "POST", at, request)
	if err == nil {
		defer r.Close()
		var text []byte
		text, err = io.ReadAll(io.LimitReader(r, maxBody))
		answer = string(text)
	}
	if st := (*status)(nil); errors.As(err, &st) {
		switch st.code {
		case 403:
			err = ErrJoin
		case 409:
			err = ErrStranger
		}
	}
	if err != nil {
		return "", fmt.Errorf("join %s: %w", at, because(ctx, err))
	}
	return answer, nil
}

// joinTime is how long a join may take in all.
var joinTime = 30 * time.Second

// because gives why ctx has ended in place of what that led to.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
