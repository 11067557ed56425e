package p9

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var le = binary.LittleEndian

// Errors of the codec. They mean that the peer does not speak the protocol.
var (
	ErrShort = errors.New("message truncated")
	ErrLong  = errors.New("message has bytes left over")
	ErrType  = errors.New("unknown message type")
)

// Append encodes the message at the end of b, size[4] first, and returns the
// longer slice. It fails only for what the wire cannot hold: a string of 64 KiB
// or more, or more than 65,535 names.
func (f *Fcall) Append(b []byte, dotl bool) ([]byte, error) {
	if !f.Type.Known(dotl) {
		return b, fmt.Errorf("%w %d", ErrType, f.Type)
	}
	start := len(b)
	b = append(b, 0, 0, 0, 0, uint8(f.Type))
	b = le.AppendUint16(b, f.Tag)
	for _, fd := range fieldsOf(f.Type, dotl) {
		var err error
		if b, err = appendField(b, fd.ptr(f)); err != nil {
			return b[:start], fmt.Errorf("%s %s: %w", f.Type, fd.name, err)
		}
	}
	le.PutUint32(b[start:], uint32(len(b)-start))
	return b, nil
}

var errTooLong = errors.New("string too long for the wire")

func appendString(b []byte, s string) ([]byte, error) {
	if len(s) > 0xFFFF {
		return b, errTooLong
	}
	return append(le.AppendUint16(b, uint16(len(s))), s...), nil
}

func appendQid(b []byte, q Qid) []byte {
	b = append(b, uint8(q.Type))
	b = le.AppendUint32(b, q.Vers)
	return le.AppendUint64(b, q.Path)
}

func appendField(b []byte, p any) ([]byte, error) {
	switch p := p.(type) {
	case *uint32:
		return le.AppendUint32(b, *p), nil
	case *uint64:
		return le.AppendUint64(b, *p), nil
	case *uint16:
		return le.AppendUint16(b, *p), nil
	case *uint8:
		return append(b, *p), nil
	case *string:
		return appendString(b, *p)
	case *Qid:
		return appendQid(b, *p), nil
	case *dataBytes:
		return append(le.AppendUint32(b, uint32(len(*p))), *p...), nil
	case *statBytes:
		if len(*p) > 0xFFFF {
			return b, errTooLong
		}
		return append(le.AppendUint16(b, uint16(len(*p))), *p...), nil
	case *[]string:
		if len(*p) > 0xFFFF {
			return b, errTooLong
		}
		b = le.AppendUint16(b, uint16(len(*p)))
		for _, s := range *p {
			var err error
			if b, err = appendString(b, s); err != nil {
				return b, err
			}
		}
		return b, nil
	case *[]Qid:
		b = le.AppendUint16(b, uint16(len(*p)))
		for _, q := range *p {
			b = appendQid(b, q)
		}
		return b, nil
	case *Attr:
		b = le.AppendUint64(b, p.Valid)
		b = appendQid(b, p.Qid)
		for _, v := range p.words() {
			b = le.AppendUint32(b, *v)
		}
		for _, v := range p.longs() {
			b = le.AppendUint64(b, *v)
		}
		return b, nil
	case *Setattr:
		for _, v := range p.words() {
			b = le.AppendUint32(b, *v)
		}
		for _, v := range p.longs() {
			b = le.AppendUint64(b, *v)
		}
		return b, nil
	case *Statfs:
		b = le.AppendUint32(b, p.Type)
		b = le.AppendUint32(b, p.Bsize)
		for _, v := range p.longs() {
			b = le.AppendUint64(b, *v)
		}
		return le.AppendUint32(b, p.Namelen), nil
	}
	panic("p9: field of a type that the codec lacks")
}

func (a *Attr) words() [3]*uint32 { return [...]*uint32{&a.Mode, &a.Uid, &a.Gid} }
func (a *Attr) longs() [15]*uint64 {
	return [...]*uint64{&a.Nlink, &a.Rdev, &a.Size, &a.Blksize, &a.Blocks, &a.AtimeSec, &a.AtimeNsec,
		&a.MtimeSec, &a.MtimeNsec, &a.CtimeSec, &a.CtimeNsec, &a.BtimeSec, &a.BtimeNsec, &a.Gen, &a.DataVn}
}
func (a *Setattr) words() [4]*uint32 { return [...]*uint32{&a.Valid, &a.Mode, &a.Uid, &a.Gid} }
func (a *Setattr) longs() [5]*uint64 {
	return [...]*uint64{&a.Size, &a.AtimeSec, &a.AtimeNsec, &a.MtimeSec, &a.MtimeNsec}
}
func (s *Statfs) longs() [6]*uint64 {
	return [...]*uint64{&s.Blocks, &s.Bfree, &s.Bavail, &s.Files, &s.Ffree, &s.Fsid}
}

// Decode reads one whole frame, size[4] and all, in the given dialect. Data and
// Stat share the frame's memory; all else is copied. Fields that the message
// lacks keep what they held, save that slices are cut to length 0 before use.
// On an error Type and Tag are still set where the frame is that long.
func (f *Fcall) Decode(frame []byte, dotl bool) error {
	if len(frame) < HdrSz || int(le.Uint32(frame)) != len(frame) {
		return ErrShort
	}
	f.Type = Type(frame[4])
	f.Tag = le.Uint16(frame[5:])
	if !f.Type.Known(dotl) {
		return fmt.Errorf("%w %d", ErrType, frame[4])
	}
	d := decoder{b: frame[HdrSz:]}
	for _, fd := range fieldsOf(f.Type, dotl) {
		if fd == fSync && len(d.b) == 0 { // early 9P2000.L clients send a bare fid
			f.Sync = 0
			break
		}
		d.field(fd.ptr(f))
	}
	switch {
	case d.short:
		return fmt.Errorf("%s: %w", f.Type, ErrShort)
	case len(d.b) > 0 && !(f.Type == Tauth || f.Type == Tattach):
		return fmt.Errorf("%s: %w", f.Type, ErrLong)
	}
	return nil
}

type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) || d.short {
		d.short = true
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) u8() uint8 {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) u16() uint16 {
	if p := d.take(2); p != nil {
		return le.Uint16(p)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if p := d.take(4); p != nil {
		return le.Uint32(p)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if p := d.take(8); p != nil {
		return le.Uint64(p)
	}
	return 0
}

func (d *decoder) str() string { return string(d.take(int(d.u16()))) }

func (d *decoder) qid() Qid {
	return Qid{Type: QidType(d.u8()), Vers: d.u32(), Path: d.u64()}
}

func (d *decoder) field(p any) {
	switch p := p.(type) {
	case *uint32:
		*p = d.u32()
	case *uint64:
		*p = d.u64()
	case *uint16:
		*p = d.u16()
	case *uint8:
		*p = d.u8()
	case *string:
		*p = d.str()
	case *Qid:
		*p = d.qid()
	case *dataBytes:
		*p = d.take(int(d.u32()))
	case *statBytes:
		*p = d.take(int(d.u16()))
	case *[]string:
		*p = (*p)[:0]
		for n := d.u16(); n > 0 && !d.short; n-- {
			*p = append(*p, d.str())
		}
	case *[]Qid:
		*p = (*p)[:0]
		for n := d.u16(); n > 0 && !d.short; n-- {
			*p = append(*p, d.qid())
		}
	case *Attr:
		p.Valid, p.Qid = d.u64(), d.qid()
		for _, v := range p.words() {
			*v = d.u32()
		}
		for _, v := range p.longs() {
			*v = d.u64()
		}
	case *Setattr:
		for _, v := range p.words() {
			*v = d.u32()
		}
		for _, v := range p.longs() {
			*v = d.u64()
		}
	case *Statfs:
		p.Type, p.Bsize = d.u32(), d.u32()
		for _, v := range p.longs() {
			*v = d.u64()
		}
		p.Namelen = d.u32()
	default:
		panic("p9: field of a type that the codec lacks")
	}
}

// AppendDirent encodes one entry of Rreaddir's data.
func AppendDirent(b []byte, e *Dirent) []byte {
	b = appendQid(b, e.Qid)
	b = le.AppendUint64(b, e.Cookie)
	b = append(b, Dtype(e.Mode))
	b = le.AppendUint16(b, uint16(len(e.Name)))
	return append(b, e.Name...)
}

// DirentSize is the length of an entry in Rreaddir's data.
func DirentSize(e *Dirent) int { return 13 + 8 + 1 + 2 + len(e.Name) }

// ParseDirents decodes the whole of Rreaddir's data.
func ParseDirents(b []byte) ([]Dirent, error) {
	var ents []Dirent
	d := decoder{b: b}
	for len(d.b) > 0 {
		e := Dirent{Qid: d.qid(), Cookie: d.u64(), Mode: ModeOfDtype(d.u8()), Name: d.str()}
		if d.short {
			return ents, ErrShort
		}
		ents = append(ents, e)
	}
	return ents, nil
}
