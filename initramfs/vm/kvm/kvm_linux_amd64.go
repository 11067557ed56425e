package kvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The requests of /dev/kvm: linux/kvm.h and Documentation/virt/kvm/api.rst.
const (
	createVM      = 0xae01
	vcpuMmapSize  = 0xae04
	createVCPU    = 0xae41
	setMemory     = 0x4020ae46
	runVCPU       = 0xae80
	setRegs       = 0x4090ae82
	getSregs      = 0x8138ae83
	setSregs      = 0x4138ae84
	exitHalted    = 5
	exitReason    = 8  // offset in the area shared with a VCPU
	immediateExit = 1  // likewise
	csSelector    = 12 // offset in the special registers, of which cs is the first
	rip           = 16 // index in the registers
	rflags        = 17
)

// loop counts 65,535 down and halts: mov $0xffff,%cx; 1: dec %cx; jnz 1b; hlt.
var loop = [...]byte{0xb9, 0xff, 0xff, 0x49, 0x75, 0xfd, 0xf4}

const (
	native   = 5 * time.Millisecond // more than what takes a processor .05 and an emulation 40 to 300
	rounds   = 3                    // of which one is to be that quick: others want the processor too
	patience = 2 * time.Second      // for all of the trial
)

// Check runs a guest of a few instructions. The error says why qemu is better off without KVM.
func Check() error { return check(loop[:], patience) }

func check(code []byte, patience time.Duration) error {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	t := trial{code: code}
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // a VCPU belongs to a thread, and this one ends with the goroutine
		err := t.run(int(f.Fd()))
		f.Close()
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.stop()
		return errors.New("a guest does not get on")
	}
}

// A trial is of one guest with one VCPU.
type trial struct {
	code    []byte
	stopped atomic.Bool
	thread  atomic.Int64
	area    atomic.Pointer[byte] // what is shared with the VCPU
}

// stop has run end, if it does anything.
func (t *trial) stop() {
	t.stopped.Store(true)
	if a := t.area.Load(); a != nil {
		*(*byte)(unsafe.Add(unsafe.Pointer(a), immediateExit)) = 1
		unix.Tgkill(os.Getpid(), int(t.thread.Load()), unix.SIGURG) // of which Go's runtime thinks nothing
	}
}

func (t *trial) run(kvm int) error {
	machine, err := ioctl(kvm, createVM, nil)
	if err != nil {
		return err
	}
	defer unix.Close(machine)
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS|unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	defer unix.Munmap(memory)
	copy(memory, t.code)
	region := struct {
		slot, flags         uint32
		guest, size, memory uint64
	}{size: 4096, memory: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	if _, err := ioctl(machine, setMemory, unsafe.Pointer(&region)); err != nil {
		return err
	}
	vcpu, err := ioctl(machine, createVCPU, nil)
	if err != nil {
		return err
	}
	defer unix.Close(vcpu)
	size, err := ioctl(kvm, vcpuMmapSize, nil)
	if err != nil {
		return err
	}
	area, err := unix.Mmap(vcpu, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	// The area stays mapped: stop may look at it at any time.
	t.thread.Store(int64(unix.Gettid()))
	t.area.Store(&area[0])
	least := patience
	for range rounds {
		took, err := t.round(vcpu, area)
		if err != nil {
			return err
		}
		if least = min(least, took); least < native {
			return nil
		}
	}
	return fmt.Errorf("it only emulates a processor: %v for less than 1ms of work", least.Round(time.Millisecond))
}

// round runs the loop once, in real mode from address 0, as a processor begins.
func (t *trial) round(vcpu int, area []byte) (time.Duration, error) {
	var special [312]byte
	if _, err := ioctl(vcpu, getSregs, unsafe.Pointer(&special)); err != nil {
		return 0, err
	}
	binary.NativeEndian.PutUint64(special[:], 0) // cs: base
	binary.NativeEndian.PutUint16(special[csSelector:], 0)
	if _, err := ioctl(vcpu, setSregs, unsafe.Pointer(&special)); err != nil {
		return 0, err
	}
	regs := [18]uint64{rip: 0, rflags: 2}
	if _, err := ioctl(vcpu, setRegs, unsafe.Pointer(&regs)); err != nil {
		return 0, err
	}
	begun := time.Now()
	for !t.stopped.Load() {
		_, err := ioctl(vcpu, runVCPU, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if reason := binary.NativeEndian.Uint32(area[exitReason:]); reason != exitHalted {
			return 0, fmt.Errorf("a guest ends with %d instead of its halt", reason)
		}
		break
	}
	return time.Since(begun), nil
}

// ioctl makes a request until no signal, Go's own among them, cuts it short, but for one that
// runs a guest: that is asked for again only if nobody has stopped the trial.
func ioctl(fd int, request uintptr, arg unsafe.Pointer) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		switch {
		case errno == 0:
			return int(n), nil
		case errno != unix.EINTR || request == runVCPU:
			return 0, errno
		}
	}
}
