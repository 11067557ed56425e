// Package ipcfs serves channels between processes: pipes, queues, semaphores, mutexes,
// events, shared memory, and the plumber.
//
//	/                0555
//	    ctl          0666  reads as the lines that make what there is; accepts the commands below
//	    status       0444  a line for each object, and the last error of ctl
//	    pipe/        0555  pipe(3)
//	        clone    0666  opening it makes the next pipe and is its ctl
//	        N/       0555  pipe N
//	            ctl  0600  reads as N; accepts hangup, nonblock, block
//	            data   0600  one end
//	            data1  0600  the other
//	    q/           0777  queues, made by create or by ctl
//	        NAME     0666  each read takes a message, each write puts one
//	    sem/         0777
//	        NAME     0666  a read takes one, a write of n gives n back
//	    mutex/       0777
//	        NAME     0666  a read takes it, a write of release or a clunk gives it back
//	    event/       0777
//	        NAME     0666  each write is read by all who have it open
//	    segment/     0777  segment(3); mkdir makes one
//	        NAME/    0777
//	            ctl  0666  reads as va base length, path file; accepts va base length
//	            data   0666  the memory
//	    plumb/       0555  plumber(4)
//	        rules    0644  reads as the rules, plumb(6); what is written is added
//	        send     0222  each message goes where the rules say
//	        PORT     0444  each message that comes to a port of the rules
//
// Objects are their maker's: with the permissions that create asked for, or 0666 from
// ctl. Only the owner, or the user that the process runs as, changes or removes them,
// as an owner does with rm(1) or rmdir(1). What waits for a removed one is told
// "file has been removed". Truncation means nothing, so that a shell's > can be used.
//
// # Commands
//
//	queue name [depth] [work] [nonblock]   make a queue, or make it so: 64 messages, if not said
//	close queue                            no more is put: readers get what is left, then the end
//	sem name [value]                       make a semaphore, or set it: 0, if not said
//	mutex name                             make a mutex
//	event name [backlog]                   make an event: 1024 messages for each reader, if not said
//	segment name length                    make a segment with so many bytes
//
// # Waiting
//
// A read that finds nothing waits, and so does a write that finds no room, both in the
// order of their coming, until the request is flushed: then nothing was taken or put. A
// file opened with O_NONBLOCK (9P2000.L) does not wait, but is told EAGAIN.
//
// # Messages
//
// A message is what one write has, which no read joins with another: of a message that
// is longer than the read's count the next reads through the same fid get the rest. So a
// message is as long as the connection's messages at most, 1 MiB less 24 bytes. A write of
// no bytes is none. Offsets are ignored.
//
// A pipe holds 256 KiB each way. When the last fid of one end is clunked, the other one
// reads what is left and then the end, and its writes are broken pipes.
//
// A queue is read and written by any number. Each message goes to one reader, once. A
// queue is full with as many messages as it is deep, or with 16 MiB.
//
// # Work queues
//
// From a queue made with work a read takes a message on lease: it is done with when the
// same fid reads again behind its end, or writes ack. Until then it comes back, to
// its old place, if the fid is clunked, as it is when the process that had it open is
// killed; or if the fid writes back. A fid that reads has one message at a time, and
// what it writes are these words: messages are put through fids open for writing only.
// After close, the end comes only when nothing is on lease any more, so nothing is lost.
//
//	while read job; do work $job; done <q/jobs       a worker: reads on when it is done
//
// A process that the worker started shares its fid, if that was left open for it.
//
// # Semaphores and mutexes
//
// A read at offset 0 waits until the count is above 0, takes one, and gives
// "acquired\n"; so each open and cat is one. What is written is a number, or nothing
// for 1. A mutex is had by a fid, reads the same, and is free again when the fid is
// clunked.
//
// # Events
//
// A reader gets what is written after its open. Behind its back as many messages wait
// as the backlog says; then the oldest goes, and the next read is the error "N messages
// lost", once. A writer never waits.
//
// # Segments
//
// The memory is had once by va base length, which gives the pages that these bytes are in
// (base is only told to others), or by the command segment. Until then it is an error to open
// data, and to read ctl. On the node it can be mapped (mmap(2), MAP_SHARED) from the file that ctl
// names as path, by processes of ipcfs's own user.
//
// # The plumber
//
// Rules and messages are plumb(6)'s; around a click 1 KiB each way is looked at. Each
// plumb to makes its port, which stays. A message goes to all who have the port open,
// each of whom may leave 1024 unread, as of an event; if nobody has, plumb start or plumb
// client has its command started, and up to 64 of client's messages are kept for the
// first who opens the port. A write of send is an error where no rule matches, and where
// nobody has the port open and nothing is started. A message may come in several writes.
//
// Writing to rules adds rule sets, after an open with truncation in place of those that
// were there. They are in force from each write on, if all of it can be read, which the
// write's error says; the line and set at the end may be finished by a later write. What
// isfile and isdir ask for is seen by ipcfs, on the machine where it runs.
package ipcfs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Config says what ipcfs does outside of itself.
type Config struct {
	// Start starts the command that plumb start or plumb client names, in the directory
	// dir, and does not wait for its end. nil: nothing is started, and such a rule is an
	// error when it is needed.
	Start func(argv []string, dir string) error

	// Include gives the text of the file that an include of the rules names. nil: none
	// can be included.
	Include func(name string) ([]byte, error)
}

// An FS is the served tree.
type FS struct {
	*srv.Dir
	cfg     Config
	shelves []*shelf
	queues  *shelf
	plumber *plumber

	mu    sync.Mutex
	pipes map[int]*pipe
	err   error // ctl's last
}

// New makes the tree.
func New(cfg Config) *FS {
	f := &FS{Dir: srv.NewDir(), cfg: cfg, pipes: map[int]*pipe{}}
	f.queues = newShelf("q", false, newQueue)
	f.shelves = []*shelf{
		f.queues,
		newShelf("sem", false, newSem),
		newShelf("mutex", false, newMutex),
		newShelf("event", false, newEvent),
		newShelf("segment", true, newSegment),
	}
	f.plumber = newPlumber(cfg)
	f.Add("ctl", &ctlFile{f.newCtl(), f})
	f.Add("status", srv.Text(0o444, func(context.Context) (string, error) { return f.status(), nil }))
	f.Add("pipe", srv.NewClone(f.newPipe))
	for _, s := range f.shelves {
		f.Add(s.name, s)
	}
	f.Add("plumb", f.plumber)
	return f
}

// Close removes all that there is: whoever waits is told.
func (f *FS) Close() {
	for _, s := range f.shelves {
		s.close()
	}
	f.plumber.close()
	f.mu.Lock()
	pipes := slices.Collect(maps.Values(f.pipes))
	f.mu.Unlock()
	for _, p := range pipes {
		p.hangup()
	}
}

func (f *FS) keep(n int, p *pipe) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pipes[n] = p
}

func (f *FS) forget(n int, p *pipe) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pipes[n] == p { // else the number has been given again
		delete(f.pipes, n)
	}
}

func (f *FS) status() string {
	var b strings.Builder
	f.mu.Lock()
	for _, n := range slices.Sorted(maps.Keys(f.pipes)) {
		fmt.Fprintf(&b, "pipe/%d %s\n", n, f.pipes[n].status())
	}
	last := f.err
	f.mu.Unlock()
	for _, s := range f.shelves {
		for _, o := range s.all() {
			fmt.Fprintf(&b, "%s/%s %s\n", s.name, srv.Quote(o.base().name), o.status())
		}
	}
	f.plumber.status(&b)
	if last != nil {
		fmt.Fprintf(&b, "err %s\n", srv.Quote(last.Error()))
	}
	return b.String()
}

// A ctlFile is ctl, whose last error is kept for status.
type ctlFile struct {
	srv.File
	fs *FS
}

// Wstat accepts what a shell's > does.
func (c *ctlFile) Wstat(ctx context.Context, w p9.Wstat) error { return srv.Wstat(ctx, c.File, w) }

// Open opens it.
func (c *ctlFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := srv.Open(ctx, c.File, mode)
	if err != nil {
		return nil, err
	}
	rw, ok := h.(interface {
		srv.Reader
		srv.Writer
	})
	if !ok {
		return nil, p9.ErrPerm
	}
	return &ctlHandle{rw, rw, c.fs}, nil
}

type ctlHandle struct {
	srv.Reader
	srv.Writer
	fs *FS
}

// Write does commands.
func (h *ctlHandle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := h.Writer.Write(ctx, p, off)
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err != nil {
		h.fs.err = err
	}
	return n, err
}
