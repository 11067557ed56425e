package netboot

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"ninespace/factotum/sshkey"
)

// JoinRequest is what a node that was given a token says to join with its key, and
// JoinAnswer reads what it is told.
func JoinRequest(ether, token string, key *sshkey.Public) string {
	k := sha256.Sum256([]byte(token))
	key = key.Plain()
	return fmt.Sprintf("ether=%s key=%q proof=%s\n", ether, keyText(key), proof(k, "join", ether, string(key.Blob)))
}

// JoinAnswer gives the certificate of the node's key and the authority that signed it,
// if the one who answers knew the token.
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
	return cert, ca, cert.Cert.Check(sshkey.HostCert, cert.Cert.Principals[0], now())
}

// Join has a node join by HTTP, at the address that came with the token (nine.join=).
// It asks once: a token is good for one answer.
func Join(ctx context.Context, at, ether, token string, key *sshkey.Public) (cert, ca *sshkey.Public, err error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, nil, err
	}
	if u.Scheme != "http" {
		return nil, nil, fmt.Errorf("join: %s: not a URL of http", at)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	body := JoinRequest(ether, token, key)
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", u.EscapedPath(), u.Host, len(body), body); err != nil {
		return nil, nil, err
	}
	r := bufio.NewReader(io.LimitReader(c, maxHead+maxBody))
	status, err := r.ReadString('\n')
	if err != nil {
		return nil, nil, fmt.Errorf("join: %w", err)
	}
	if f := strings.Fields(status); len(f) < 2 || f[1] != "200" {
		return nil, nil, errors.New("join: " + strings.TrimSpace(status))
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, err
	}
	_, answer, _ := strings.Cut(string(text), "\r\n\r\n")
	return JoinAnswer(answer, token, key)
}
