package ns

import "sync"

// A doubters is by whom the names of a device's directories are doubted just now. Each has a thread
// of the engine that may sleep for as long as its server leaves a request unanswered which has a
// directory locked. So there is one of all who get a lock of a file, and one for each directory that
// is locked as a lock is made in it: another of those may wait for that very directory.
type doubters struct {
	mu    sync.Mutex
	under map[uint64]chan struct{} // by the number of the directory, 0 where there is none
}

// doubtersMost is how many there may be of a device, but for the one for locks of files.
const doubtersMost = 8

// enter makes the caller one, unless there is one already, or too many: then it gives what is
// closed when one is through.
func (d *doubters) enter(taken uint64) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if through := d.under[taken]; through != nil {
		return through
	}
	if taken != 0 && len(d.under) >= doubtersMost {
		for _, through := range d.under {
			return through
		}
	}
	if d.under == nil {
		d.under = map[uint64]chan struct{}{}
	}
	d.under[taken] = make(chan struct{})
	return nil
}

func (d *doubters) leave(taken uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.under[taken])
	delete(d.under, taken)
}
