package netboot

import (
	"context"
	"crypto/tls"
	_ "embed" // for the manual page
	"encoding/base64"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
	"ninespace/initramfs/netboot"
	"ninespace/srv"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command netboot; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	var cfg netboot.Config
	var verbose bool
	var cert, ca, signers, sign string
	flags := flag.NewFlagSet("netboot", flag.ContinueOnError)
	d.Flags(flags, "netboot")
	flags.StringVar(&cfg.Ether, "e", "", "serve the network of `interface`")
	flags.StringVar(&cfg.Ndb, "f", "/lib/ndb/local", "the machines are in `ndbfile`")
	flags.StringVar(&cfg.Dir, "d", "/var/lib/netboot", "serve the files of `dir`")
	flags.StringVar(&cfg.Loaders, "x", "", "and iPXE's programs, of `dir`")
	flags.BoolVar(&cfg.Proxy, "p", false, "beside another DHCP server")
	flags.BoolVar(&cfg.IPv6, "6", false, "IPv6 too")
	flags.IntVar(&cfg.HTTP, "w", 80, "HTTP's `port`")
	flags.StringVar(&cert, "t", "", "HTTPS too, by the certificate and key in `pemfile`")
	flags.StringVar(&ca, "c", "", "sign the keys of nodes that join with the key in `file`")
	flags.StringVar(&cfg.Joined, "j", "", "list who has joined in `ndbfile`")
	flags.StringVar(&signers, "k", "", "manifests are to be signed by one of the public keys in `file`")
	flags.StringVar(&sign, "S", "", "sign the manifests with the key in `file`, and serve nothing")
	flags.BoolVar(&verbose, "v", false, "log to standard error too")
	if err := srv.Parse(flags, args); err != nil {
		return err
	}
	if sign != "" {
		if flags.NArg() != 0 {
			return flag.ErrHelp
		}
		return signAll(std[1], cfg, sign)
	}
	if err := pool(&cfg, flags.Args()); err != nil {
		return err
	}
	if cfg.Loaders == "" {
		if fi, err := os.Stat(loaders); err == nil && fi.IsDir() {
			cfg.Loaders = loaders
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, cert)
		if err != nil {
			return fmt.Errorf("%s: %w", cert, err)
		}
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	if ca != "" {
		var err error
		if cfg.CA, cfg.Sign, err = authority(ctx, ca); err != nil {
			return err
		}
	}
	if signers != "" {
		var err error
		if cfg.Signers, err = readPublic(signers); err != nil {
			return err
		}
	}
	if verbose {
		cfg.Log = std[2]
	}
	s, err := netboot.New(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if !verbose { // else the log says so
		for _, m := range s.Missing() {
			fmt.Fprintf(std[2], "netboot: %s in %s, which -d names\n", m, cfg.Dir)
		}
	}
	if err := s.Start(); err != nil {
		return err
	}
	return d.Serve(ctx, std, srv.New(s.Root()))
}

// loaders is where Debian's package ipxe has its programs.
const loaders = "/usr/lib/ipxe"

// pool reads the addresses that are given out: dhcpd(8)'s "address n".
func pool(cfg *netboot.Config, args []string) (err error) {
	switch len(args) {
	case 0:
		return nil
	case 2:
	default:
		return flag.ErrHelp
	}
	if cfg.Pool, err = netip.ParseAddr(args[0]); err != nil || !cfg.Pool.Is4() {
		return fmt.Errorf("%s: not an IPv4 address", srv.Quote(args[0]))
	}
	if cfg.Pools, err = strconv.Atoi(args[1]); err != nil || cfg.Pools < 1 || cfg.Pools > 1<<12 {
		return fmt.Errorf("%s: not a number of addresses, 1 to 4096", srv.Quote(args[1]))
	}
	return nil
}

func signAll(out *os.File, cfg netboot.Config, file string) error {
	key, err := readKey(file)
	if err != nil {
		return err
	}
	defer key.Wipe()
	names, err := netboot.SignAll(cfg.Ndb, cfg.Dir, key)
	for _, name := range names {
		fmt.Fprintln(out, name)
	}
	return err
}

// authority gives the key in a file and what signs by it: the file has a private key, or a
// public one whose private half factotum has.
func authority(ctx context.Context, file string) (*sshkey.Public, func([]byte) ([]byte, error), error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	pub, err := netboot.ParseKey(string(text))
	if err != nil {
		key, err := readKey(file)
		if err != nil {
			return nil, nil, err
		}
		return key.Plain(), func(data []byte) ([]byte, error) { return key.Sign(data, "") }, nil
	}
	// A factotum that is gone may be there again for the next node.
	sign := func(ctx context.Context, data []byte) ([]byte, error) {
		f, err := auth.Dial(ctx, "")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return f.Once(ctx, "proto=ssh role=sign pub='"+base64.StdEncoding.EncodeToString(pub.Blob)+"'", data)
	}
	if _, err := sign(ctx, []byte("netboot begins")); err != nil {
		return nil, nil, fmt.Errorf("%s: no private key, and of a public one: %w", file, err)
	}
	return pub, func(data []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, signTime, fmt.Errorf("factotum: not signed within %v", signTime))
		defer cancel()
		sig, err := sign(ctx, data)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return sig, err
	}, nil
}

// signTime is how long factotum may take to sign, which may ask somebody first. It is less than a
// node waits for its answer: then that is told, and the token is good for another try.
var signTime = 20 * time.Second

// readKey reads a private key, which has no passphrase, as ssh-keygen writes it.
func readKey(file string) (*sshkey.Private, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	wire, _, err := sshkey.ParseFile(text, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	key, err := sshkey.ParsePrivate(&sshkey.Reader{B: wire})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// readPublic reads public keys, a line each.
func readPublic(file string) (keys []*sshkey.Public, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if keys, err = netboot.ParseKeys(string(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return keys, nil
}
