package srv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// Qid paths tell files apart, so no server may choose the path of another's file. Where paths are
// made of numbers that others choose, they are made by a hash that those cannot reckon with.

// scatter has the hash's secret, the process's own.
var scatter struct {
	once   sync.Once
	key    cipher.Block
	blocks sync.Pool // of *[aes.BlockSize]byte
}

// Scatter gives a number that stands for a and b as long as the process runs. It depends on all
// bits of both by a random secret of the process: who chooses b and sees what comes
// of it can't find one that gives another's number.
func Scatter(a, b uint64) uint64 {
	scatter.once.Do(func() {
		var secret [16]byte
		rand.Read(secret[:])
		scatter.key, _ = aes.NewCipher(secret[:]) // fails for other lengths only
	})
	x, _ := scatter.blocks.Get().(*[aes.BlockSize]byte)
	if x == nil {
		x = new([aes.BlockSize]byte)
	}
	binary.NativeEndian.PutUint64(x[:], a)
	binary.NativeEndian.PutUint64(x[8:], b)
	scatter.key.Encrypt(x[:], x[:])
	n := binary.NativeEndian.Uint64(x[:])
	scatter.blocks.Put(x)
	return n
}

// Devices are the devices whose files a server of a machine's own files has met. The zero value
// has none.
type Devices struct {
	mu   sync.RWMutex
	all  map[uint64]*Device
	tags map[uint64]bool
}

// A Device makes qid paths of inode numbers.
type Device struct {
	num, tag uint64
	tagged   bool
}

const (
	inoBits   = 48
	tagBits   = 15
	scattered = 1 << 63
)

// Of gives the device with a number. The first that is asked for has the tag 0, so that the paths
// of its files are inode numbers; another's is a hash of its number, so that paths last over
// restarts, and the next free one where two meet.
func (l *Devices) Of(num uint64) *Device {
	l.mu.RLock()
	d := l.all[num]
	l.mu.RUnlock()
	if d != nil {
		return d
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.all[num]; d != nil {
		return d
	}
	if l.all == nil {
		l.all, l.tags = map[uint64]*Device{}, map[uint64]bool{}
	}
	d = &Device{num: num, tagged: len(l.tags) < 1<<tagBits}
	if len(l.tags) > 0 && d.tagged {
		d.tag = num * 0x9E3779B97F4A7C15 >> (64 - tagBits)
		for l.tags[d.tag] {
			d.tag = (d.tag + 1) % (1 << tagBits)
		}
	}
	if d.tagged {
		l.tags[d.tag] = true
	}
	l.all[num] = d
	return d
}

// Path gives the qid path of the file with an inode number: the number, with the device's tag in
// bits 48 to 62. Who serves a mounted tree can choose a number that leaves no room for the tag, to
// meet another device's file: then it is what [Scatter] makes of both, with bit 63 set. So are all
// paths of a device for which no tag was free. No two files have the same path, but for the chance
// that 63 bits leave, and those of Scatter are others in another process.
func (d *Device) Path(ino uint64) uint64 {
	if ino>>inoBits == 0 && d.tagged {
		return d.tag<<inoBits | ino
	}
	return Scatter(d.num, ino) | scattered
}
