// Package proof lets a TLS 1.3 server show to somebody who has not the connection that its
// client has a key: the one who has the connection may then be a process that is not to be
// believed, as the listener of a door is.
//
// What a client signs in a handshake, RFC 8446 section 4.4.3, is a hash of all that was said
// before, the server's certificate too. So who wants the proof makes that certificate, with
// something in it that was never there before, and is shown all that was said: that has just
// this certificate, and the client's signature is its key's. It can be of no other handshake,
// and of none with another host, whose certificate an honest client would have wanted.
//
// A Tape is the server's half, Check that of who is shown it.
package proof
