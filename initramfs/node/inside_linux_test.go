package node

import (
	"os"
	"path/filepath"
	"testing"

	"ninespace/factotum/users"
	"ninespace/srv/srvtest"
)

// TestInside writes into a root whose links lead out of it, to a file or a directory of the
// same names elsewhere: those stay as they are.
func TestInside(t *testing.T) {
	srvtest.CheckFiles(t)
	out, root := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(out+"/key", []byte("theirs"), 0o600))
	must(os.MkdirAll(root+"/etc", 0o755))
	must(os.MkdirAll(root+"/data/ssh", 0o755))
	must(os.Symlink(out, root+"/etc/ssh"))                      // absolute, to what there is outside
	must(os.Symlink("../../../../../../../.."+out, root+"/up")) // out of it by ..
	must(os.Symlink("/data/ssh", root+"/good"))                 // absolute, to what there is inside
	must(os.Symlink(out+"/key", root+"/data/ssh/key"))          // the file itself
	must(os.Symlink("/proc/self/root", root+"/magic"))
	in, err := openInside(root)
	must(err)
	defer in.Close()
	for _, name := range []string{"/etc/ssh/key", "/up/key", "/good/key", "/new/dir/key"} {
		if err := in.write(name, []byte("ours"), 0o600); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !in.has(name) {
			t.Errorf("%s is not there", name)
		}
	}
	in.write("/magic/key", []byte("ours"), 0o600)
	if b, err := os.ReadFile(out + "/key"); string(b) != "theirs" || err != nil {
		t.Errorf("the file outside is %q, %v", b, err)
	}
	for _, name := range []string{"etc/ssh/key", "data/ssh/key", "new/dir/key"} {
		fi, err := os.Lstat(filepath.Join(root, name))
		if err != nil || !fi.Mode().IsRegular() || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
	if ents, _ := os.ReadDir(out); len(ents) != 1 {
		t.Errorf("outside: %v", ents)
	}
}

// TestTakeAlong: who may come in and who signs is the image's to say, also where it says that
// nobody may; what it has no word about is the other root's.
func TestTakeAlong(t *testing.T) {
	image, root := t.TempDir(), t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range takenAlong {
		put(root+f.name, "theirs")
	}
	put(image+users.File, "ours")
	put(image+"/etc/passwd", "ours")
	in, err := openInside(root)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := takeFiles(in, image, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		users.File: "ours", "/etc/passwd": "theirs", "/etc/group": "theirs", "/etc/resolv.conf": "theirs",
		signers: "", authority: "", hostKey: "", hostKey + ".pub": "", hostCert: "",
	} {
		if b, err := os.ReadFile(root + name); string(b) != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v, want %q", name, b, err, want)
		}
	}
}

// TestTakeAgain: a root whose server has gone gives what was taken along into it, and can't
// say of the rest that it is not there.
func TestTakeAgain(t *testing.T) {
	image, gone, root := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{image, gone} {
		for _, name := range []string{users.File, hostKey} {
			if err := os.MkdirAll(filepath.Dir(dir+name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(dir+users.File, []byte("ours"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A link to itself is no file, nor is there none.
	if err := os.Symlink("loop", filepath.Dir(gone+hostKey)+"/loop"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{hostKey, hostKey + ".pub"} {
		if err := os.Symlink("loop", gone+name); err != nil {
			t.Fatal(err)
		}
	}
	in, err := openInside(root)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var none []string
	for _, from := range []string{image, gone, gone} {
		if none, err = takeFiles(in, from, none); err != nil {
			t.Fatalf("from %s: %v", from, err)
		}
		if b, err := os.ReadFile(root + users.File); string(b) != "ours" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		if in.has(hostKey) {
			t.Errorf("there is a %s", hostKey)
		}
	}
	// What is the image's and can't be read now is no file less.
	if err := os.Remove(gone + users.File); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Base(users.File), gone+users.File); err != nil {
		t.Fatal(err)
	}
	if _, err := takeFiles(in, gone, none); err == nil {
		t.Error("the image's users are left out without a word")
	}
}
