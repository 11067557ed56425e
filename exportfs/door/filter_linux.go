//go:build amd64 || arm64

package door

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The listener's filter of system calls, seccomp(2): those that Go's runtime makes, and what is
// done with descriptors that it was given. It can get no further ones: there is no open, no
// socket and no connect, by which a caller's socket would call somebody else in the machine's
// networks; no exec, no fork, no signal to another process and no new code. What is not there
// fails with EPERM, as what Go might come to try at another time should not be the end.
var allowed = [...]uint32{
	// descriptors
	unix.SYS_READ, unix.SYS_READV, unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_CLOSE, unix.SYS_FCNTL,
	unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_SPLICE, unix.SYS_FSTAT, unix.SYS_PREAD64,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_SHUTDOWN,
	unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
	// memory
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK, unix.SYS_MREMAP,
	// threads, libc's too, time and signals
	unix.SYS_RSEQ, unix.SYS_SET_ROBUST_LIST, unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_NANOSLEEP,
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_GETTIMEOFDAY, unix.SYS_RESTART_SYSCALL,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	// who one is
	unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID,
	unix.SYS_GETEGID, unix.SYS_GETGROUPS, unix.SYS_GETRANDOM,
}

// A limit is a call that is allowed if an argument, its lower half, passes a test or does not.
type limit struct {
	call, arg uint32
	test      uint16
	k         uint32
	passes    bool
}

func limits() []limit {
	return []limit{
		{unix.SYS_MMAP, 2, anyBit, unix.PROT_EXEC, false},
		{unix.SYS_MPROTECT, 2, anyBit, unix.PROT_EXEC, false},
		{unix.SYS_CLONE, 0, anyBit, unix.CLONE_THREAD, true},
		{unix.SYS_TGKILL, 0, equal, uint32(os.Getpid()), true}, // by which goroutines are interrupted
	}
}

// Instructions, classic BPF.
const (
	load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	anyBit = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	result = unix.BPF_RET | unix.BPF_K
)

// filter has this process, and all of its threads, be held to them for good.
func filter() error {
	prog := program()
	p := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	thread, _, no := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p)))
	runtime.KeepAlive(prog)
	switch {
	case no == syscall.ENOSYS || no == syscall.EINVAL:
		return errNoFilter
	case no != 0:
		return os.NewSyscallError("seccomp", no)
	case thread != 0:
		return errors.New("seccomp: a thread has a filter of its own")
	}
	return nil
}

// program is the filter as the kernel takes it: of seccomp_data(2) the call is at 0, the
// architecture at 4, and the arguments from 16 on.
func program() []unix.SockFilter {
	arch := uint32(unix.AUDIT_ARCH_X86_64)
	if runtime.GOARCH == "arm64" {
		arch = unix.AUDIT_ARCH_AARCH64
	}
	limited := limits()
	no := 6 + 3*len(limited) + len(allowed) // and yes is behind it
	prog := []unix.SockFilter{
		{Code: load, K: 4},
		{Code: equal, Jt: 1, K: arch},
		{Code: result, K: unix.SECCOMP_RET_KILL_PROCESS}, // the numbers would be another's
		{Code: load, K: 0},
		{Code: equal, Jf: 1, K: unix.SYS_CLONE3}, // whose flags can't be seen: libc makes do with clone
		{Code: result, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.ENOSYS)},
	}
	to := func(i int) uint8 { return uint8(i - len(prog) - 1) } // a jump from what is added next
	for _, l := range limited {
		prog = append(prog, unix.SockFilter{Code: equal, Jf: 2, K: l.call})
		prog = append(prog, unix.SockFilter{Code: load, K: 16 + 8*l.arg})
		yes, not := to(no+1), to(no)
		if !l.passes {
			yes, not = not, yes
		}
		prog = append(prog, unix.SockFilter{Code: l.test, Jt: yes, Jf: not, K: l.k})
	}
	for _, call := range allowed {
		prog = append(prog, unix.SockFilter{Code: equal, Jt: to(no + 1), K: call})
	}
	return append(prog,
		unix.SockFilter{Code: result, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.EPERM)},
		unix.SockFilter{Code: result, K: unix.SECCOMP_RET_ALLOW})
}
