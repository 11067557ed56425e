package srv_test

import (
	"fmt"
	"io/fs"
	"runtime"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestNamesForgotten walks to many names that are there and as many that are not, each once:
// nothing of them is kept when their fids are gone.
func TestNamesForgotten(t *testing.T) {
	const names, batch = 20_000, 100
	both(t, func(t *testing.T, dotl bool) {
		w := dial(t, srv.NewDir().Add("square", &squares{srv.NewNode(fs.ModeDir | 0o555)}), dotl)
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"square"}})
		walk := func(from, to int) {
			for n := from; n < to; n += batch {
				var ask []*p9.Fcall
				for i := n; i < n+batch; i++ {
					ask = append(ask, &p9.Fcall{Type: p9.Twalk, Fid: 1, Newfid: 2, Wname: []string{fmt.Sprint(i)}},
						&p9.Fcall{Type: p9.Tclunk, Fid: 2},
						&p9.Fcall{Type: p9.Twalk, Fid: 1, Newfid: 2, Wname: []string{fmt.Sprint("no", i)}})
				}
				w.send(ask...)
				for _, f := range ask {
					none := f.Type == p9.Twalk && f.Wname[0][0] == 'n'
					if r := w.recv(); (r.Type == f.Type+1) == none {
						t.Fatalf("%s\nis answered by %s", f.Text(dotl), r.Text(dotl))
					}
				}
			}
		}
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		walk(0, names/10)
		before := heap()
		walk(names/10, names)
		if grown := heap() - before; grown > names*16 {
			t.Errorf("%d bytes are kept of %d names", grown, 2*(names-names/10))
		}
	})
}
