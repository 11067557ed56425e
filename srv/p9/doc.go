// Package p9 holds the 9P protocol as data: messages and their wire format in
// both dialects (9P2000, intro(5) of the Plan 9 manual, and 9P2000.L as spoken
// by Linux's v9fs), qids, file attributes, open modes, errors, and the dial
// strings and name space directory by which servers are found.
//
// Nothing here does I/O on a connection; package srv and package client do.
//
// What is exported here keeps the promise of package srv.
package p9
