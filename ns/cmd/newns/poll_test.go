package newns_test

import (
	"os"
	"path/filepath"
	"testing"

	"ninespace/srv"
)

// polling waits for files in each way that Linux has, and says what is not as of a socket.
const polling = `
import faulthandler, os, select, selectors, sys

faulthandler.dump_traceback_later(100, exit=True)

def polls(fd, ms):
    p = select.poll()
    p.register(fd, select.POLLIN)
    return bool(p.poll(ms))
def epolls(fd, ms):
    with select.epoll() as p:
        p.register(fd, select.EPOLLIN)
        return bool(p.poll(ms / 1000))
def selects(fd, ms):
    return bool(select.select([fd], [], [], ms / 1000)[0])
def check(what, got, want):
    if got != want:
        print(way.__name__, name, what, got, 'not', want)

LONG = 60000
for name, to in [('/n/q/q', '/n/q/q'), ('/n/p/data', '/n/p/data1')]:
    r, w = os.open(name, os.O_RDWR), os.open(to, os.O_RDWR)
    for way in polls, epolls, selects:
        check('when empty', way(r, 0), False)
        check('a while later', way(r, 20), False)
        check('to write', select.select([], [r], [], 0)[1], [r])
        os.write(w, b'one')
        check('with data', way(r, LONG), True)
        check('again', way(r, 0), True)
        check('part', os.read(r, 1), b'o')
        check('with the rest', way(r, 0), True)
        check('rest', os.read(r, 10), b'ne')
        check('when it is read', way(r, 0), False)
        if not os.fork():
            select.select([], [], [], 0.05)
            os.write(w, b'late')
            os._exit(0)
        check('of late', way(r, LONG), True)
        check('data of late', os.read(r, 10), b'late')
        os.wait()
        if not os.fork():
            way(r, 10)
            select.select([], [], [], 0.05)
            os.write(w, b'unasked')
            os._exit(0)
        check('a read without asking', os.read(r, 10), b'unasked')
        os.wait()
    # who does not wait is told that there is nothing, once it has asked
    os.set_blocking(r, False)
    select.select([r], [], [], 0)
    try:
        check('not blocking', os.read(r, 10), BlockingIOError)
    except BlockingIOError:
        pass
    # of several files the one that has something
    r2 = os.open('/n/p2/data', os.O_RDWR)
    with selectors.DefaultSelector() as s:
        s.register(r, selectors.EVENT_READ)
        s.register(r2, selectors.EVENT_READ)
        os.write(w, b'this')
        check('the one', [k.fd for k, _ in s.select(LONG / 1000)], [r])
    check('its data', os.read(r, 10), b'this')
    # who waits for edges reads until there is nothing
    with select.epoll() as p:
        p.register(r, select.EPOLLIN | select.EPOLLET)
        for data in b'first', b'second', b'third':
            if not os.fork():
                select.select([], [], [], 0.02)
                os.write(w, data)
                os._exit(0)
            got = b''
            while got != data and p.poll(LONG / 1000):
                try:
                    while True:
                        got += os.read(r, 3)
                except BlockingIOError:
                    pass
            check('by edges', got, data)
            os.wait()
    # what had not come yet when the file was closed is the next one's
    select.select([r], [], [], 0.01)
    os.close(r)
    r = os.open(name, os.O_RDONLY)
    os.write(w, b'next')
    check('the next one', os.read(r, 10), b'next')
    os.close(r), os.close(r2), os.close(w)

way, name = polls, sys.argv[1]
for name in sys.argv[1:]:
    f = os.open(name, os.O_RDONLY)
    check('with bytes', polls(f, 0), True)
    check('bytes', len(os.read(f, 1)), 1)

# the end can be read
way, name = selects, '/n/p2/data'
a, b = os.open('/n/p2/data', os.O_RDWR), os.open('/n/p2/data1', os.O_RDWR)
check('before the end', selects(a, 0), False)
os.close(b)
check('at the end', selects(a, LONG), True)
check('bytes at the end', os.read(a, 10), b'')
`

// TestPoll has a program wait for several files that block, by select(2), poll(2) and epoll(7).
func TestPoll(t *testing.T) {
	const python = "/usr/bin/python3" // the first in PATH may be root's alone
	if _, err := os.Stat(python); err != nil {
		t.Skip(err)
	}
	each(t, func(t *testing.T, s *session) {
		s.serve(t, "q", srv.NewDir().Add("q", srv.NewQueue(0o666)))
		prog := filepath.Join(s.dir, "polling.py")
		if err := os.WriteFile(prog, []byte(polling), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := s.run(t, "mount #s/q /n/q\nbind #| /n/p\nbind #| /n/p2", python+" -IS $D/polling.py $D/a/x /mnt/ns/ns")
		if err != nil || out != "" {
			t.Errorf("%v\n%s", err, out)
		}
		clean0(t, s)
	})
}
