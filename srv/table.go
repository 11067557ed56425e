package srv

// A fidTable finds fids by their numbers. Clients count them from 0, mostly, so that
// small numbers have places of their own.
type fidTable struct {
	low  []*fid // by number, as far as there was one
	high map[uint32]*fid
	n    int
}

const lowFids = 4 << 10

func (t *fidTable) get(num uint32) *fid {
	if num < uint32(len(t.low)) {
		return t.low[num]
	}
	return t.high[num]
}

// put enters a fid, whose number nobody has.
func (t *fidTable) put(f *fid) {
	t.n++
	if f.num >= lowFids {
		if t.high == nil {
			t.high = map[uint32]*fid{}
		}
		t.high[f.num] = f
		return
	}
	if n := uint32(len(t.low)); f.num >= n {
		for n = max(n, 8); n <= f.num; n *= 2 {
		}
		t.low = append(make([]*fid, 0, n), t.low...)[:n]
	}
	t.low[f.num] = f
}

func (t *fidTable) remove(f *fid) {
	t.n--
	if f.num < lowFids {
		t.low[f.num] = nil
	} else {
		delete(t.high, f.num)
	}
}

// empty takes all out.
func (t *fidTable) empty() (all []*fid) {
	for _, f := range t.low {
		if f != nil {
			all = append(all, f)
		}
	}
	for _, f := range t.high {
		all = append(all, f)
	}
	*t = fidTable{}
	return all
}
