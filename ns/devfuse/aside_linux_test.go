package devfuse

import (
	"os"
	"strconv"
	"testing"
)

// TestAside has threads apart leave what /proc/self shows as it is: the process's descriptors
// are opened by their names there.
func TestAside(t *testing.T) {
	c := &Conn{readers: readers{over: make(chan struct{})}}
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer dev.Close()
	a := &c.names
	a.fd, a.most, a.work = int(dev.Fd()), namesMost, make(chan func(int)) // a clone of nothing will do
	begun, end := make(chan struct{}), make(chan struct{})
	for range namesMost { // nearly all threads that there are, and the first one with them
		go a.do(c, func(int) {
			begun <- struct{}{}
			<-end
		})
	}
	for range namesMost {
		<-begun
	}
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if to, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd()))); err != nil || to != "/dev/null" {
		t.Errorf("a descriptor is %q: %v", to, err)
	}
	close(end)
	close(c.over)
	a.threads.Wait()
}
