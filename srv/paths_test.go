package srv_test

import (
	"testing"

	"ninespace/srv"
)

// TestDevicePaths has no number of a device lead to another's file, whoever chooses the number.
func TestDevicePaths(t *testing.T) {
	var l srv.Devices
	root, a, b := l.Of(8<<32|1), l.Of(43), l.Of(44)
	if l.Of(43) != a {
		t.Error("a device is two")
	}
	const victim = 0x12345
	for _, d := range []*srv.Device{root, a, b} {
		for _, e := range []*srv.Device{root, a, b} {
			want := d.Path(victim)
			if d == root && want != victim {
				t.Errorf("the root's path is %#x", want)
			}
			// What the tags are is no secret.
			chosen := victim ^ d.Path(0) ^ e.Path(0)
			for _, ino := range []uint64{chosen, want, chosen | 1<<63, want | 1<<63} {
				if e.Path(ino) == want && (e != d || ino != victim) {
					t.Errorf("%#x of a device has the path of another file, %#x", ino, want)
				}
			}
		}
	}
	if p := a.Path(victim); p>>48 == 0 || p&(1<<48-1) != victim {
		t.Errorf("another device's path is %#x", p)
	}
	if p := a.Path(1 << 48); p>>63 == 0 || p != a.Path(1<<48) || p == b.Path(1<<48) || p == a.Path(1<<48+1) {
		t.Errorf("a number without room for the tag gives %#x", p)
	}
}

// TestManyDevices keeps paths apart where there are more devices than tags, and gives the same
// ones again after a restart.
func TestManyDevices(t *testing.T) {
	var l, again srv.Devices
	const most = 1<<15 + 100
	met := map[uint64]bool{}
	for num := range uint64(most) {
		p := l.Of(num).Path(7)
		if met[p] {
			t.Fatalf("device %d shares a path, %#x", num, p)
		}
		met[p] = true
		if q := again.Of(num).Path(7); q != p {
			t.Fatalf("device %d: %#x, then %#x", num, p, q)
		}
	}
}

// TestScatter: the number lasts, depends on both, and costs no memory.
func TestScatter(t *testing.T) {
	x := srv.Scatter(1, 2)
	if x != srv.Scatter(1, 2) || x == srv.Scatter(2, 1) || x == srv.Scatter(1, 3) || x == srv.Scatter(0, 2) {
		t.Errorf("%#x", x)
	}
}

func BenchmarkDevicePath(b *testing.B) {
	var l srv.Devices
	d := l.Of(1)
	for _, c := range []struct {
		name string
		ino  uint64
	}{{"plain", 7}, {"scattered", 7 << 48}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Path(c.ino)
			}
		})
	}
}
