// Package srvtest tests file servers: Mount serves a tree to a client in the
// test's own process, Test holds a tree to what the File interfaces promise, and
// Transcript compares what goes over the wire with what a file says.
//
// Each sees to it that what it started has ended when the test has, goroutines
// included, so tests that use them are not run in parallel.
package srvtest
