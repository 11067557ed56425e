// Package factotum keeps a user's keys and does with them what protocols of
// authentication ask, so that no other program has a key: factotum(4) of Plan 9, and
// "Security in Plan 9" (Cox, Grosse, Pike, Presotto, Quinlan, 2002).
//
//	/            0555
//	    rpc      0666  each open is a conversation: see below
//	    proto    0444  the protocols, a line each: name, roles, what a key needs
//	    ctl      0600  reads as the keys, without secrets; accepts the commands below
//	    confirm  0600  questions whether a key may be used, and their answers
//	    needkey  0600  questions for keys, and their answers
//	    log      0600  a line for each thing done: reads what was kept and waits for more
//
// # Keys
//
// A key is a tuple of attributes, name=value, quoted as rc(1) has it. Its proto says
// which protocol it is for. What a name with ! in front has is secret: nothing reads it
// back, and an error or the log never has it. These mean something to factotum itself:
//
//	role=R      only for conversations of that role
//	owner=U     the user U may use it as well as factotum's own; any number of them, * is all
//	confirm     each use is asked for at the file confirm
//	disabled    not used: factotum sets disabled=by.factotum where a key was found to be wrong
//
// A template is such a tuple that a key has to match: name=value is a value that the
// key has, name? one that it has whatever the value, name one that is empty.
//
// # Ctl
//
//	key attr ...     add a key for each proto=, in place of one with the same public attributes
//	delkey attr ...  delete the keys that match, secrets being asked for as !name? only
//	save             write the keys to the secstore, where one was opened
//	debug            have the log tell each message of conversations, or not any more
//
// # Rpc
//
// A request is written and its reply read. A request is a verb, a blank and data:
//
//	start attr ...  begin: proto=, role=, and a template for the key
//	read            what to send to the other party
//	write data      what it sent; readhex and writehex are the same in hexadecimal
//	once attr ...   start, and behind a newline data: write that, and read
//	authinfo        who it is, once done: four counted fields, cuid, suid, cap, secret
//	attr            the attributes of the conversation
//
// A reply is one of
//
//	ok [data]
//	done, done haveai     it is over and well; haveai: there is an authinfo
//	needkey attr ...      a key like that is missing: add it, and ask the same again
//	badkey attr ...       the key was wrong
//	toosmall n            write again with more: n bytes in all
//	phase text            it is not that one's turn
//	protocol not started
//	error text
//
// The read of a reply blocks where the file needkey or confirm is open and has to be
// asked: until it is answered, closed, or the read is flushed, after which it may be
// repeated.
//
// # Confirm and needkey
//
// Each is open once at a time. A read blocks until there is a question, which is
// "confirm tag=N attr ..." or "needkey tag=N attr ..." with the key, or a template of it.
// What is written in answer is "tag=N answer=yes", or no, and, the key having been added
// by ctl, "tag=N". Without confirm being open, a key that needs it isn't used.
package factotum
