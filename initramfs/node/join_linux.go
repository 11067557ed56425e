package node

import (
	"context"
	"errors"
	"os"
	"strings"

	"ninespace/initramfs/netboot"
)

// The certificate of the node's key, which a cpud shows where it is, and the authority that
// signed it, by which the node knows the others.
const (
	hostCert  = hostKey + "-cert.pub"
	authority = "/etc/ssh/ssh_known_hosts"
)

// join has the node's key signed by the cluster's authority. The token by which the node
// shows who it is stays where anybody can read it, on the kernel's command line: it is worth
// nothing once it has been used.
func (n *node) join(ctx context.Context) error {
	token := n.params.Token
	if _, err := os.Stat(hostCert); err == nil {
		return nil // this process is not the first one
	}
	if token == "" {
		return errors.New("nine.join without nine.token")
	}
	key, err := netboot.ParseKey(n.public)
	if err != nil {
		return err
	}
	cert, ca, err := netboot.Join(ctx, n.params.Join, strings.ReplaceAll(n.card(), ":", ""), token, key)
	if errors.Is(err, netboot.ErrJoin) {
		return err
	}
	if err != nil {
		return errAgain{err}
	}
	n.params.Token = ""
	err = errors.Join(appendFile(authority, "@cert-authority * "+ca.String()+"\n"),
		os.WriteFile(hostCert, []byte(netboot.KeyText(cert)+"\n"), 0o644))
	if err != nil {
		return err
	}
	n.log.Printf("init: joined as %s; the authority is %s", strings.Join(cert.Cert.Principals, ","), ca.Fingerprint())
	for _, s := range n.services {
		if s.name == "cpud" {
			s.again() // to show the certificate
		}
	}
	return nil
}

// appendFile adds a line to a file, which is made where it is not there.
func appendFile(name, line string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
