package ramfs

import (
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	srvtest.Command(t, Main, nil, func(root *client.Fid) {
		ctx, f := t.Context(), client.Fsys{Root: root}
		if err := f.WriteFile(ctx, "a", []byte("hello"), 0o644); err != nil {
			t.Error(err)
		}
		if b, err := f.ReadFile(ctx, "a"); string(b) != "hello" || err != nil {
			t.Errorf("read back: %q %v", b, err)
		}
		if st, err := f.Stat(ctx, "a"); err != nil || st.Mode != 0o644 || st.Qid.Type != p9.QTFILE {
			t.Errorf("stat: %+v %v", st, err)
		}
	})
}
