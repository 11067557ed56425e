package factotum

import (
	"path/filepath"
	"testing"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

const someKeys = `proto=pass service=ftp user=glenda !password='rabbit''s hole'
proto=cram proto=apop server=mit.edu user=rsc role=client !password=nerdsRus
`

func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File { return filled(t, Config{}, someKeys) }, "rpc", "confirm", "needkey", "log")
}

func TestDrawing(t *testing.T) { srvtest.Drawing(t, "doc.go", New(Config{})) }

func TestTranscripts(t *testing.T) {
	names, err := filepath.Glob("testdata/*.9p")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			srvtest.Transcript(t, srv.New(filled(t, Config{}, someKeys)), name)
		})
	}
}
