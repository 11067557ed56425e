//go:build !linux

package main

import (
	_ "embed"

	"ninespace/cpu/cmd/cpu"
	"ninespace/doc"
	"ninespace/doc/cmd/complete"
	"ninespace/doc/cmd/help"
	"ninespace/doc/cmd/man"
	"ninespace/doc/cmd/version"
	"ninespace/factotum/cmd/factotum"
	"ninespace/rc/cmd/rcfmt"
	ninep "ninespace/srv/cmd/9p"
)

//go:embed main.go
var page string

func main() { doc.Run(table()) }

func table() doc.Table { return doc.Table{Commands: commands, Man: page} }

// commands is what a client needs of the table in main.go. There are no scripts, which are
// rc's, which is Linux's.
func commands() []doc.Command {
	t := table()
	return []doc.Command{
		{Name: "9p", Main: ninep.Main, Man: ninep.Man},
		{Name: "complete", Main: complete.Main(t), Man: complete.Man},
		{Name: "cpu", Main: cpu.Main, Man: cpu.Man},
		{Name: "factotum", Main: factotum.Main, Man: factotum.Man},
		{Name: "help", Main: help.Main(t), Man: help.Man},
		{Name: "man", Main: man.Main(t), Man: man.Man},
		{Name: "rcfmt", Main: rcfmt.Main, Man: rcfmt.Man},
		{Name: "version", Main: version.Main, Man: version.Man},
	}
}
