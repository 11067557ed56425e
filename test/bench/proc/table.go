package main

import "ninespace/test/bench/rounds"

var table = rounds.Table{
	Legend: `Columns: files a second, medians, of status by procfs and of /proc/N/stat; ratio is ours to
Linux's, round by round, higher is better. Goal: what it is to reach. ± is (max-min)/median.
`,
	Ways: [2]string{"procfs", "/proc"}, Widths: [2]int{8, 10}, Format: "%9.0f", Goal: "%.2f",
}
