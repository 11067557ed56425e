package main

import "ninespace/test/bench/rounds"

var table = rounds.Table{
	Legend: `Columns: messages a second of ours and of redis-server, medians; ratio is ours to redis's,
round by round, higher is better. Goal: what ours is to reach. ± is (max-min)/median.
`,
	Ways: [2]string{"ipcfs", "redis"}, Widths: [2]int{11, 18}, Format: "%9.0f", Goal: "%.0f",
}
