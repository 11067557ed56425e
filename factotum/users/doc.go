// Package users says which Linux user somebody who has been authenticated is, and starts
// programs as that user.
//
// Who comes with a key of ssh, or a certificate, may be a user whose own file says so:
// ~/.ssh/authorized_keys, sshd(8), which nobody but that user and root may be able to
// change. All else is said by one file of the machine, /etc/ninespace/users, in lines of
// an identity and a user, of which the first that matches counts:
//
//	# glenda of dp9ik's domain burrow is the Linux user glenda
//	glenda@burrow        glenda
//	mallory@burrow       -          # is nobody
//	*@burrow             *          # others are whoever has their name here
//	SHA256:uQ2X...       backup     # this key, by its fingerprint, may be backup
//	SHA256:uQ2X...       root       # and root
//
// Root is whom a line names so, and nobody else: neither root's own authorized_keys nor
// a * is enough. A process that is not root's serves its own user alone.
package users
