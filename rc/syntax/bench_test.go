package syntax

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse is the row of 30,000 functions a line each.
func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&text, "fn f%d { x=$1; if(~ $x a*) echo $x.c 'b c' | sed s/a/b/ >/dev/null; for(i in 1 2 3) echo $i }\n", i)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		p := NewParser("bench", Reader(strings.NewReader(text.String())))
		for {
			if _, err := p.Next(); err != nil {
				break
			}
		}
	}
}
