// Package capfs is cap(3) of Plan 9: it lets a process that may nothing become a user of
// whom another one, which authenticates, says so. What runs with root's rights is this,
// which looks at some 60 bytes of either.
//
//	/              0555
//	    caphash    0222  accepts the hash of a capability, 20 bytes, of trusted users only
//	    capuse     0222  accepts a capability: it is used
//
// A capability is from@to@key: who may use it, whom he becomes (in which there may be
// another @), and random characters. Its hash is HMAC-SHA1 of from@to by key. Who
// authenticates (factotum) writes the hash and gives the capability to the process that
// asked for somebody to be authenticated, which writes it to capuse. It can be used once,
// within a minute, by from alone; one that another shows is used up all the same.
//
// Plan 9's kernel then changes the user of the process that wrote. Linux has no call for
// that, and the process was in a stranger's hands until then: Config.Start starts a new
// one instead, as the user (users.User.As), and the write returns when it has, or has not.
//
// Broker.Grant and Use are for a process that authenticates and is the broker too: door.Guard.
package capfs
