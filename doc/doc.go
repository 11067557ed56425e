// Package doc is the binary nine around its commands: the table of them, which one a word
// means, and what is told of them: usage, manual pages and the topics of help.
//
// A manual page is the package comment of a command, the text of its doc.go, with headings
// in capitals: NAME (a line "name - what it does"), SYNOPSIS (which is the usage), DESCRIPTION and so on, as man-pages(7) has them.
package doc
