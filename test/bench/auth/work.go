package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"ninespace/factotum/auth"
	"ninespace/factotum/authtest"
	"ninespace/factotum/sshkey"
)

const dpKey = "key proto=dp9ik dom=burrow user=glenda !password='rabbit hole'"

// do is what a way does.
type do = func(context.Context) (time.Duration, error)

// pair makes a stream of two ends.
func pair() (a, b net.Conn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	var c [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		if c[i], err = net.FileConn(f); err != nil {
			return nil, nil, err
		}
		f.Close()
	}
	return c[0], c[1], nil
}

// both has the two ends do their parts at once, and gives the time until both have.
func both(server, client func(c net.Conn) error) (time.Duration, error) {
	a, b, err := pair()
	if err != nil {
		return 0, err
	}
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	begin := time.Now()
	go func() { done <- server(a) }()
	err = client(b)
	if err != nil {
		b.Close()
	}
	err = errors.Join(err, <-done)
	return time.Since(begin), err
}

// tlsHandshake is the native door's, by a key that s signs for; a byte each way says that
// it is over.
func tlsHandshake(s crypto.Signer, pub *sshkey.Public) (do, error) {
	cert, err := auth.Wrap(s, pub)
	if err != nil {
		return nil, err
	}
	conf := auth.Config(cert, func(k *sshkey.Public) error {
		if !k.Equal(pub) {
			return errors.New("another key")
		}
		return nil
	})
	talk := func(c *tls.Conn) error {
		if _, err := c.Write([]byte{1}); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	return func(context.Context) (time.Duration, error) {
		return both(func(c net.Conn) error { return talk(tls.Server(c, conf)) }, func(c net.Conn) error { return talk(tls.Client(c, conf)) })
	}, nil
}

func memoryHandshake(key crypto.Signer) (do, error) {
	pub, err := sshkey.New(key.Public())
	if err != nil {
		return nil, err
	}
	return tlsHandshake(key, pub)
}

// handshake has the key be in the daemon alone.
func (d *daemon) handshake(ctx context.Context, key crypto.Signer) (do, error) {
	if err := d.add(key); err != nil {
		return nil, err
	}
	keys, err := d.auth.Keys(ctx)
	if err != nil {
		return nil, err
	}
	pub, err := sshkey.New(key.Public())
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Equal(pub) {
			return tlsHandshake(d.auth.Signer(k), k)
		}
	}
	return nil, errors.New("factotum has not the key")
}

// elsewhere is a key in memory, whose every signature has one round trip to the daemon for
// nothing: the least that a key in another process costs.
type elsewhere struct {
	crypto.Signer
	mu   *sync.Mutex
	echo net.Conn
}

// SignMessage signs.
func (e elsewhere) SignMessage(r io.Reader, msg []byte, o crypto.SignerOpts) ([]byte, error) {
	e.mu.Lock()
	_, err := e.echo.Write(msg)
	if err == nil {
		_, err = e.echo.Read(make([]byte, len(msg)))
	}
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return crypto.SignMessage(e.Signer, r, msg, o)
}

func (d *daemon) leastHandshake(key crypto.Signer) (do, error) {
	c, err := net.Dial("unix", d.echo)
	if err != nil {
		return nil, err
	}
	pub, err := sshkey.New(key.Public())
	if err != nil {
		return nil, err
	}
	return tlsHandshake(elsewhere{key, new(sync.Mutex), c}, pub)
}

// sshMemory is sshHandshake by a key in memory.
func sshMemory(key crypto.Signer) (do, error) {
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, err
	}
	return sshHandshake(s), nil
}

// ssh is sshHandshake by a key in the daemon, an ssh-agent.
func (d *daemon) ssh(key crypto.Signer) (do, error) {
	client, pub, err := d.holder(key)
	if err != nil {
		return nil, err
	}
	all, err := client.Signers()
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if string(s.PublicKey().Marshal()) == string(pub.Marshal()) {
			return sshHandshake(s), nil
		}
	}
	return nil, errors.New("ssh-agent has not the key")
}

// sshHandshake is x/crypto/ssh's until the user is let in.
func sshHandshake(s ssh.Signer) do {
	want := string(s.PublicKey().Marshal())
	server := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != want {
			return nil, errors.New("another key")
		}
		return nil, nil
	}}
	server.AddHostKey(s)
	client := &ssh.ClientConfig{User: "glenda", Auth: []ssh.AuthMethod{ssh.PublicKeys(s)}, HostKeyCallback: ssh.FixedHostKey(s.PublicKey())}
	return func(context.Context) (time.Duration, error) {
		var sc, cc ssh.Conn
		took, err := both(
			func(c net.Conn) (err error) {
				sc, _, _, err = ssh.NewServerConn(c, server)
				return err
			},
			func(c net.Conn) (err error) {
				cc, _, _, err = ssh.NewClientConn(c, "host", client)
				return err
			})
		if err == nil {
			cc.Close()
			sc.Close()
		}
		return took, err
	}
}

// add gives the daemon a key, as an ssh-agent.
func (d *daemon) add(key crypto.Signer) error {
	c, err := net.Dial("unix", d.agent)
	if err != nil {
		return err
	}
	defer c.Close()
	return agent.NewClient(c).Add(agent.AddedKey{PrivateKey: key})
}

// holder gives the daemon a key and connects to it as an ssh-agent, until the program ends.
func (d *daemon) holder(key crypto.Signer) (agent.ExtendedAgent, ssh.PublicKey, error) {
	if err := d.add(key); err != nil {
		return nil, nil, err
	}
	pub, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	c, err := net.Dial("unix", d.agent)
	if err != nil {
		return nil, nil, err
	}
	return agent.NewClient(c), pub, nil
}

// signature asks the daemon, as an ssh-agent, for one of what a login signs.
func (d *daemon) signature(key crypto.Signer) (do, error) {
	client, pub, err := d.holder(key)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 200)
	rand.Read(data)
	return func(context.Context) (time.Duration, error) {
		begin := time.Now()
		_, err := client.Sign(pub, data)
		return time.Since(begin), err
	}, nil
}

// dp9ik has the daemon be a server's, and a slow client in this process, which waits for
// it and takes nothing of its time.
func (d *daemon) dp9ik(ctx context.Context) (do, error) {
	peer := authtest.Peer{User: "glenda", Dom: "burrow", Password: "rabbit hole", Suite: 0xccab}
	return func(context.Context) (time.Duration, error) {
		before, err := d.processor()
		if err != nil {
			return 0, err
		}
		_, err = both(
			func(c net.Conn) error {
				s, _, err := d.auth.Plan9Server(ctx, c)
				if err == nil {
					s.Close()
				}
				return err
			},
			func(c net.Conn) error {
				_, _, err := peer.Client(c)
				return err
			})
		after, aerr := d.processor()
		return after - before, errors.Join(err, aerr)
	}, nil
}
