package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"embed"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A Debian package is an ar(1) archive of two tars, deb(5). It is written here and not
// by dpkg-deb so that any system can, and the same bytes each time.

// files are what a package has besides the binary and its pages: debian/control and
// others for dpkg, and units of systemd.
//
//go:embed debian
var files embed.FS

// where says where each of files goes: those without a directory are dpkg's.
var where = []struct{ file, to string }{
	{"postinst", ""}, {"prerm", ""}, {"postrm", ""},
	{"system/nine-cpud.service", "usr/lib/systemd/system/"},
	{"system/nine-factotum@.service", "usr/lib/systemd/system/"},
	{"user/nine-cpud.service", "usr/lib/systemd/user/"},
	{"user/nine-factotum.service", "usr/lib/systemd/user/"},
	{"copyright", "usr/share/doc/ninespace/"},
	{"overrides", "usr/share/lintian/overrides/ninespace"},
}

// An entry is a file of a tar.
type entry struct {
	mode    int64
	content []byte
}

func writeDeb(file, binary, version, arch string, at time.Time, docs map[string]string) error {
	nine, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	data := map[string]entry{"usr/bin/nine": {0o755, nine}}
	control := map[string]entry{}
	for _, w := range where {
		content, err := files.ReadFile("debian/" + w.file)
		if err != nil {
			return err
		}
		switch {
		case w.to == "":
			control[w.file] = entry{0o755, content}
		case strings.HasSuffix(w.to, "/"):
			data[w.to+path.Base(w.file)] = entry{0o644, content}
		default:
			data[w.to] = entry{0o644, content}
		}
	}
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	copyright := data["usr/share/doc/ninespace/copyright"]
	copyright.content = append(copyright.content, indent(string(licence))...)
	data["usr/share/doc/ninespace/copyright"] = copyright
	for name, text := range docs {
		if strings.HasPrefix(name, "usr/share/man/") {
			data[name+".gz"] = entry{0o644, zip([]byte(text))}
		} else {
			data[name] = entry{0o644, []byte(text)}
		}
	}
	changes, err := os.ReadFile("CHANGES.md")
	if err != nil {
		return err
	}
	data["usr/share/doc/ninespace/CHANGES.md.gz"] = entry{0o644, zip(changes)}
	data["usr/share/doc/ninespace/changelog.gz"] = entry{0o644, zip(fmt.Appendf(nil,
		"ninespace (%s) stable; urgency=medium\n\n  * See CHANGES.md.\n\n -- %s  %s\n", version, maintainer, at.Format(time.RFC1123Z)))}

	text, err := files.ReadFile("debian/control")
	if err != nil {
		return err
	}
	size, sums := 0, strings.Builder{}
	for _, name := range sorted(data) {
		size += (len(data[name].content) + 1023) / 1024
		fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(data[name].content), name)
	}
	control["control"] = entry{0o644, []byte(strings.NewReplacer("VERSION", version, "ARCH", debianArch(arch),
		"MAINTAINER", maintainer, "SIZE", fmt.Sprint(size)).Replace(string(text)))}
	control["md5sums"] = entry{0o644, []byte(sums.String())}

	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range []struct {
		name    string
		content []byte
	}{
		{"debian-binary", []byte("2.0\n")},
		{"control.tar.gz", tarball(control, at)},
		{"data.tar.gz", tarball(data, at)},
	} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, at.Unix(), 0, 0, "100644", len(m.content))
		b.Write(m.content)
		if len(m.content)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o666)
}

// maintainer is who a package says it is from: the machine's owner would not be right.
const maintainer = "ninespace <ninespace@localhost>"

// debianArch gives Debian's name for Go's.
func debianArch(arch string) string {
	switch arch {
	case "386":
		return "i386"
	case "arm":
		return "armhf"
	}
	return arch
}

func sorted(entries map[string]entry) []string {
	var names []string
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tarball makes a tar of the entries and the directories that they are in, root's.
func tarball(entries map[string]entry, at time.Time) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{}
	var mkdir func(dir string)
	mkdir = func(dir string) {
		if made[dir] {
			return
		}
		made[dir] = true
		name := "./"
		if dir != "." {
			mkdir(path.Dir(dir))
			name = "./" + dir + "/"
		}
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: at, Uname: "root", Gname: "root", Format: tar.FormatGNU})
	}
	for _, name := range sorted(entries) {
		e := entries[name]
		mkdir(path.Dir(name))
		w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: "./" + name, Mode: e.mode, Size: int64(len(e.content)),
			ModTime: at, Uname: "root", Gname: "root", Format: tar.FormatGNU,
		})
		w.Write(e.content)
	}
	w.Close() // a bytes.Buffer takes all
	return zip(b.Bytes())
}

// zip is gzip -9n.
func zip(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// indent writes a text as a field of several lines.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line == "\n" {
			line = ".\n"
		}
		b.WriteString(" " + line)
	}
	return b.String()
}
