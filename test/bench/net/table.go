package main

import "ninespace/test/bench/rounds"

var table = rounds.Table{
	Legend: `Columns: MB a second (-cpu: of what all processes run) through netfs and through a socket,
medians; ratio is the first to the second, round by round, higher is better. Goal: what it
is to reach. ± is (max-min)/median.
`,
	Ways: [2]string{"netfs", "socket"}, Widths: [2]int{6, 24}, Format: "%9.1f", Goal: "%.1f",
}
