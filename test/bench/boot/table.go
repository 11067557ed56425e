package main

import (
	"ninespace/test/bench/rounds"
)

var table = rounds.Table{
	Legend: `Columns: ours and the peer's, medians, higher is better: boots in a minute, images in 100 MB,
nodes in a GiB, images made in a minute. Ratio is the first to the second, round by round. Goal: what
it is to reach, the ratio or else our figure. ± is (max-min)/median.
`,
	Ways: [2]string{"nine", "peer"}, Widths: [2]int{8, 38}, Format: "%9.2f", Goal: "%.2f",
}

func ratio(work, config string, goal float64) rounds.Row {
	return rounds.Row{Work: work, Config: config, Goal: goal}
}

func figure(work, config string, goal float64) rounds.Row {
	return rounds.Row{Work: work, Config: config, Goal: goal, Rate: true}
}
