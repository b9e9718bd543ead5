package faultfs

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// FS is one that is mounted.
type FS struct {
	at     string
	served interface { // by the library
		Wait()
		drop()
	}
	direct bool // files are opened for direct I/O

	mu      sync.Mutex
	course  *course // nil = nothing fails
	changes []Change
}

// Change is a name that a program made, gave or took away.
type Change struct {
	Op       Op // Create, Rename or Unlink
	Name, To string
	InForce  bool // a plan was, at that time
}

// Unmount fails as long as somebody uses it.
func (f *FS) Unmount() error {
	if err := syscall.Unmount(f.at, 0); err != nil {
		return fmt.Errorf("cannot unmount %s: %w", f.at, err)
	}
	f.served.Wait()
	return nil
}

// Abandon takes it away from under whoever uses it.
func (f *FS) Abandon() { _ = syscall.Unmount(f.at, syscall.MNT_DETACH) }

// On puts a plan in force, in place of the one before; counts begin anew.
func (f *FS) On(p Plan) {
	f.mu.Lock()
	f.course = &course{plan: p, ready: p.Trigger == 0}
	f.mu.Unlock()
	f.Drop()
}

// Off ends the plan. Its counts remain.
func (f *FS) Off() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.course != nil {
		f.course.off = true
	}
}

// Struck is how many calls the plan has answered with its error.
func (f *FS) Struck() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.course == nil {
		return 0
	}
	return f.course.struck()
}

// Since is when the plan struck first; zero = not yet.
func (f *FS) Since() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.course == nil {
		return time.Time{}
	}
	return f.course.begun
}

// Report says of each kind of call how often the plan was asked and how often it
// struck.
func (f *FS) Report() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.course == nil {
		return "no plan"
	}
	return f.course.String()
}

// Changes are all names that were made, given or taken away, in their order.
func (f *FS) Changes() []Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.changes)
}

// Drop has the kernel forget what it has read. It is to be called after a change in
// the real folder.
func (f *FS) Drop() { f.served.drop() }

// answer is asked before each call.
func (f *FS) answer(op Op, names ...string) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.course == nil {
		return 0
	}
	return f.course.answer(op, time.Now(), names...)
}

// changed notes what a call that went well has changed.
func (f *FS) changed(op Op, name, to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, Change{op, strings.Clone(name), strings.Clone(to), f.course != nil && f.course.inForce(time.Now())})
}
