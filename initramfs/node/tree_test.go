package node

import (
	"testing"

	"ninespace/srv/srvtest"
)

func TestDrawing(t *testing.T) { srvtest.Drawing(t, "doc.go", new(node).tree()) }
