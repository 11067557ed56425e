/*
Release makes what is given to others:

	go run ./test/release [-o dir] [-v version] [-only system/arch,...]

In dir, which is release if it is not said, are then a static binary of nine for each
system, a Debian package for each Linux, what each binary is made of (nine-*.cdx.json,
CycloneDX), and the sums of all of it (SHA256SUMS). Whoever has the same sources and the
same Go gets the same bytes: nothing in them is of the machine, of the directory or of
the clock. The time that packages need is that of the last commit, where
there is none that of CHANGES.md, or $SOURCE_DATE_EPOCH.
*/
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// targets are the systems that a release is for, as $GOOS/$GOARCH.
var targets = []string{
	"linux/amd64", "linux/arm64", "linux/riscv64",
	"darwin/amd64", "darwin/arm64", "freebsd/amd64",
}

func main() {
	dir := flag.String("o", "release", "put it into `dir`")
	version := flag.String("v", "0.1", "the `version`, as Debian writes it")
	only := flag.String("only", "", "for these `targets` only")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *only != "" {
		targets = strings.Split(*only, ",")
	}
	if err := release(*dir, *version); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(dir, version string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	at, err := moment()
	if err != nil {
		return err
	}
	link := fmt.Sprintf("-ldflags=-s -w -buildid= -X ninespace/doc.version=%s -X ninespace/doc.date=%s", version, at.Format(time.DateOnly))
	docs, err := pages(link)
	if err != nil {
		return err
	}
	var made []string
	for _, target := range targets {
		goos, arch, ok := strings.Cut(target, "/")
		if !ok {
			return fmt.Errorf("%s: no system/arch", target)
		}
		file := filepath.Join(dir, "nine-"+version+"-"+goos+"-"+arch)
		if err := build(file, goos, arch, link); err != nil {
			return err
		}
		if err := writeSBOM(file+".cdx.json", file, version); err != nil {
			return err
		}
		made = append(made, file, file+".cdx.json")
		if goos != "linux" {
			continue
		}
		deb := filepath.Join(dir, "ninespace_"+version+"_"+arch+".deb")
		if err := writeDeb(deb, file, version, arch, at, docs); err != nil {
			return fmt.Errorf("%s: %w", deb, err)
		}
		made = append(made, deb)
	}
	return writeSums(filepath.Join(dir, "SHA256SUMS"), made)
}

// build builds nine, from the directory of the module that the command runs in. Link is
// what the linker is told.
func build(file, goos, arch, link string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", link, "-o", file, "ninespace")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GORISCV64=rva20u64")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s/%s: %w", goos, arch, err)
	}
	return nil
}

// moment is the time that files of a package are of.
func moment() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		out, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
		if err != nil { // no clone, or no git: the sources as somebody packed them
			changes, err := os.Stat("CHANGES.md")
			if err != nil {
				return time.Time{}, err
			}
			return changes.ModTime().UTC().Truncate(time.Second), nil
		}
		epoch = strings.TrimSpace(string(out))
	}
	n, err := strconv.ParseInt(epoch, 10, 64)
	return time.Unix(n, 0).UTC(), err
}

// pages has nine write its manual pages and completions: where they go in a package,
// and what they are.
func pages(link string) (map[string]string, error) {
	dir, err := os.MkdirTemp("", "9r.")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	nine := filepath.Join(dir, "nine")
	if err := build(nine, runtime.GOOS, runtime.GOARCH, link); err != nil {
		return nil, err
	}
	docs := map[string]string{}
	say := func(file string, args ...string) string {
		out, e := exec.Command(nine, args...).Output()
		if e != nil && err == nil {
			err = fmt.Errorf("nine %s: %w", strings.Join(args, " "), e)
		}
		if file != "" {
			docs[file] = string(out)
		}
		return string(out)
	}
	say("usr/share/man/man1/nine.1", "man", "-r", "nine")
	for line := range strings.Lines(say("", "man")) {
		name := strings.Fields(line)[0]
		say("usr/share/man/man1/nine-"+name+".1", "man", "-r", name)
	}
	say("usr/share/bash-completion/completions/nine", "complete", "bash")
	say("usr/share/fish/vendor_completions.d/nine.fish", "complete", "fish")
	say("usr/share/zsh/vendor-completions/_nine", "complete", "zsh")
	return docs, err
}

// writeSums writes the sums of files, as sha256sum -c reads them.
func writeSums(file string, made []string) error {
	slices.Sort(made)
	var b strings.Builder
	for _, name := range made {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), filepath.Base(name))
	}
	return os.WriteFile(file, []byte(b.String()), 0o666)
}
