//go:build !linux

package main

import (
	"ninespace/factotum/cmd/factotum"
	"ninespace/rc/cmd/rcfmt"
	ninep "ninespace/srv/cmd/9p"
)

// commands is what a client needs of the table in main.go.
func commands() []command {
	return []command{
		{"9p", ninep.Main, ninep.Man},
		{"complete", complete, completePage},
		{"factotum", factotum.Main, factotum.Man},
		{"help", help, helpPage},
		{"man", man, manPage},
		{"rcfmt", rcfmt.Main, rcfmt.Man},
	}
}

// scripts are rc's, which is Linux's.
func scripts() []command { return nil }

func lookupScript(string) (command, bool) { return command{}, false }
