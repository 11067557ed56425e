package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
	"ninespace/initramfs/netboot"
	"ninespace/initramfs/tpm"
)

// The certificate of the node's key, which a cpud shows where it is, and the authority that
// signed it, by which the node knows the others. A test has its own.
var (
	hostCert  = hostKey + "-cert.pub"
	authority = "/etc/ssh/ssh_known_hosts"
)

// join has the node's key signed by the cluster's authority. The token by which the node
// shows who it is stays where anybody can read it, on the kernel's command line: it is worth
// nothing once it has been used. Without one the node's TPM is told a token.
func (n *node) join(ctx context.Context) error {
	if _, err := os.Stat(hostCert); err == nil {
		return nil // this process is not the first one
	}
	key, err := netboot.ParseKey(n.public)
	if err != nil {
		return err
	}
	known, err := os.ReadFile(authority)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // it may have an authority
	}
	ether := strings.ReplaceAll(n.card(), ":", "")
	token, by := n.params.Token, "a token"
	if token == "" {
		by = "its TPM"
		if token, err = n.sealed(ctx, ether); err != nil {
			return err
		}
	}
	cert, ca, err := netboot.Join(ctx, n.params.Join, ether, token, key)
	own := false
	if err == nil {
		own, err = believe(known, cert)
	}
	var late time.Duration
	if err == nil {
		late, err = n.behind(cert)
	}
	if err != nil {
		return n.joinAgain(ctx, err)
	}
	n.params.Token = ""
	if late > 0 { // its battery is empty, and no server of the time was named
		if err := n.setClock("the certificate", late); err != nil {
			n.log.Printf("init: %v", err)
		}
	}
	if !own { // else it is for those hosts alone that the image says
		err = auth.AppendLine(authority, "@cert-authority * "+ca.String()+"\n", 0o644)
	}
	if err = errors.Join(err, os.WriteFile(hostCert, []byte(netboot.KeyText(cert)+"\n"), 0o644)); err != nil {
		return err
	}
	n.log.Printf("init: joined as %s by %s; the authority is %s", strings.Join(cert.Cert.Principals, ","), by, ca.Fingerprint())
	for _, s := range n.services {
		if s.name == "cpud" {
			s.again() // to show the certificate
		}
	}
	return nil
}

// behind is how far the clock is behind a certificate that was made just now. That is an error where
// a server of the time has set it.
func (n *node) behind(cert *sshkey.Public) (time.Duration, error) {
	now := time.Now()
	made := netboot.Made(cert, now)
	if made.After(now) && n.timed {
		return 0, fmt.Errorf("join: the certificate is not valid before %s, and a server of the time says %s", made.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return made.Sub(now), nil
}

// sealed gives the token that netboot has sealed for the machine's TPM.
func (n *node) sealed(ctx context.Context, ether string) (string, error) {
	t, err := tpm.Open()
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("nine.join without nine.token, and no TPM: %w", err)
	}
	if err != nil {
		return "", errAgain{err} // full or busy with what another program does there
	}
	defer t.Close()
	token, err := netboot.Token(ctx, n.params.Join, ether, t)
	if err != nil {
		err = n.joinAgain(ctx, fmt.Errorf("ek=%s: %w", t.Hash(), err))
	}
	return token, err
}

// joinAgain has what the network said be asked again, a refusal too: anybody there can give that. The owner
// may come in meanwhile and look at what is wrong.
func (n *node) joinAgain(ctx context.Context, err error) error {
	n.startServices(ctx)
	return errAgain{err}
}

// believe tells whether the image's known_hosts have an authority, and if so whether the certificate
// is by it. Who made a token shows no more than that he knows it: one can be sealed for a TPM by
// anybody who knows its public keys, and one of the command line came by HTTP as the address did.
func believe(known auth.KnownHosts, cert *sshkey.Public) (own bool, err error) {
	var marked auth.KnownHosts // a line for a host or for the key itself is no word about who signs
	for line := range bytes.Lines(known) {
		f := bytes.Fields(line)
		if len(f) == 0 || f[0][0] != '@' {
			continue
		}
		own = own || string(f[0]) == "@cert-authority"
		marked = append(marked, line...)
	}
	good := !own
	for _, name := range cert.Cert.Principals { // a line may be for names or for addresses
		why := marked.Check(name, cert, netboot.Made(cert, time.Now()))
		if errors.Is(why, auth.ErrHostRevoked) {
			return own, fmt.Errorf("join: %w", why)
		}
		good, err = good || why == nil, why
	}
	if good {
		return own, nil
	}
	return own, fmt.Errorf("join: by an authority that the image does not have: %w", err)
}
