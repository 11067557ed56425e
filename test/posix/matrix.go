package main

// The matrices: each kind of file with each.

// kinds make a file called @ of each kind.
var kinds = []struct {
	name string
	make []string
	rare bool // told apart by few
}{
	{"none", nil, false},
	{"file", []string{"write @ @text"}, false},
	{"dir", []string{"mkdir @ 0755"}, false},
	{"full", []string{"mkdir @ 0755", "write @/in in"}, false},
	{"link", []string{"symlink target @"}, false},
	{"dirlink", []string{"mkdir dir@ 0755", "symlink dir@ @"}, true},
	{"loop", []string{"symlink @ @"}, true},
	{"fifo", []string{"mknod @ p 0644"}, true},
	{"sock", []string{"bind @"}, true},
}

func named(lines []string, name string) (out []string) {
	for _, l := range lines {
		out = append(out, replace(l, name))
	}
	return out
}

func replace(l, name string) string {
	b := ""
	for _, c := range l {
		if c == '@' {
			b += name
		} else {
			b += string(c)
		}
	}
	return b
}

// renames renames each kind to each, with each flag, and says what is there then.
func renames() (all []testCase) {
	for _, flag := range []string{"0", "noreplace", "exchange"} {
		for _, from := range kinds {
			for _, to := range kinds {
				if from.rare && (to.rare || flag != "0") || to.rare && flag == "exchange" {
					continue
				}
				c := testCase{name: "rename " + flag + " " + from.name + " over " + to.name}
				c.lines = append(c.lines, named(from.make, "a")...)
				c.lines = append(c.lines, named(to.make, "b")...)
				c.lines = append(c.lines, "rename a b "+flag, "ls .", "lstat a type", "lstat b type", "lstat . nlink", "cat a", "cat b")
				all = append(all, c)
			}
		}
	}
	return all
}

// opens opens each kind with each combination of flags.
func opens() (all []testCase) {
	for _, kind := range kinds {
		if kind.name == "fifo" { // blocks
			continue
		}
		c := testCase{name: "open " + kind.name}
		accs := []string{"RDONLY", "WRONLY", "RDWR", "PATH"}
		if kind.rare {
			accs = []string{"RDWR", "PATH"}
		}
		for _, acc := range accs {
			for _, flag := range []string{"", "|CREAT", "|CREAT|EXCL", "|TRUNC", "|CREAT|TRUNC", "|APPEND", "|DIRECTORY", "|NOFOLLOW",
				"|CREAT|NOFOLLOW", "|DIRECTORY|NOFOLLOW", "|CREAT|DIRECTORY"} {
				c.lines = append(c.lines, named(kind.make, "a")...)
				c.lines = append(c.lines, "x = open a "+acc+flag+" 0640", "fstat x type mode size", "ls .", "close x", "remove .")
			}
		}
		all = append(all, c)
	}
	return all
}
