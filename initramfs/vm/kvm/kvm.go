// Package kvm tells whether guests run on this machine's processor.
//
// That /dev/kvm opens says little: in a machine that is itself a guest its kernel may carry out
// each of the guest's instructions by itself, some thousand times slower than the processor and
// far slower than qemu's own translation does. A Debian kernel then seems to hang.
package kvm
