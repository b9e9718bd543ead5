package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Pty is one pseudo-terminal that stands in for a serial device: whatever is
// written to it comes out at Path, where a reader opens it like any serial
// port.
//
// The line is raw from the first moment. That matters: in the kernel's default
// line mode a pseudo-terminal throws away what does not fit (12 MB were taken
// and lost in a trial); raw, a full line makes Write wait.
//
// The pair holds its own descriptor of the reader's end for as long as it
// lives. So a reader may close and open again without anyone seeing a hang-up,
// the line keeps its settings, and Unread can be asked.
//
// Write and Read may be called from two goroutines. Close frees both.
type Pty struct {
	master *os.File
	slave  *os.File
	watch  *os.File // inotify: opening, reading and closing of the reader's end
	path   string
	link   string

	first  chan struct{} // closed when a reader has opened the line
	taken  chan struct{} // holds one when a reader has read since
	ended  chan struct{} // closed by Close
	opens  atomic.Int64
	reads  atomic.Int64
	flight int // bytes written since the line was last seen empty; Write's and Discard's
	done   sync.WaitGroup
	closed sync.Once
}

// OpenPty makes a pair. If link is not empty, a symbolic link of that name
// points to the reader's end until Close; an older link is replaced, anything
// else of that name is left alone and is an error. mode is the permission of
// the reader's end, 0 leaves the system's.
func OpenPty(link string, mode fs.FileMode) (*Pty, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make a pseudo-terminal: %w", err)
	}
	p := &Pty{
		master: master, first: make(chan struct{}),
		taken: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if err := p.prepare(mode); err != nil {
		p.shut()
		return nil, fmt.Errorf("cannot prepare a pseudo-terminal: %w", err)
	}
	if link != "" {
		if err := placeLink(p.path, link); err != nil {
			p.shut()
			return nil, err
		}
		p.link = link
	}
	p.done.Go(p.count)
	return p, nil
}

func (p *Pty) prepare(mode fs.FileMode) error {
	number, err := unlock(p.master)
	if err != nil {
		return err
	}
	p.path = "/dev/pts/" + strconv.Itoa(number)
	if p.slave, err = os.OpenFile(p.path, os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if err := control(p.slave, makeRaw); err != nil {
		return err
	}
	if mode != 0 {
		if err := os.Chmod(p.path, mode); err != nil {
			return err
		}
	}
	p.watch, err = watchOpens(p.path)
	return err
}

// Path is the reader's end, such as /dev/pts/7.
func (p *Pty) Path() string { return p.path }

// Name is the stable name where there is one, else Path.
func (p *Pty) Name() string {
	if p.link != "" {
		return p.link
	}
	return p.Path()
}

// Opened is closed once a reader has opened the line for the first time.
func (p *Pty) Opened() <-chan struct{} { return p.first }

// Opens is how often a reader has opened the line. Two openings in the same
// instant may count as one.
func (p *Pty) Opens() int64 { return p.opens.Load() }

// Read gives what the reader's end wrote, such as the answer to a heartbeat.
func (p *Pty) Read(b []byte) (int, error) { return p.master.Read(b) }

// window is how many bytes Write lets lie on the line. The kernel would take
// 64 KB, but only the 4095 that its line discipline holds can be seen by
// Unread: with more, the line looks empty for the moment between a reader's
// emptying the one buffer and the kernel's filling it from the other (measured:
// 8 KB were still under way).
const window = 4000

// Write puts all of b on the line and waits while the line is full: until the
// reader takes bytes, ctx ends or the pair is closed. It returns how many
// bytes the line took. Only one goroutine may write or discard.
func (p *Pty) Write(ctx context.Context, b []byte) (int, error) {
	written := 0
	for written < len(b) {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		unread, err := p.Unread()
		if err != nil {
			return written, err
		}
		if !unread {
			p.flight = 0
		}
		room := min(window-p.flight, len(b)-written)
		if room <= 0 {
			if err := p.wait(ctx); err != nil {
				return written, err
			}
			continue
		}
		n, err := p.master.Write(b[written : written+room])
		written += n
		p.flight += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Drain waits until a reader has taken everything.
func (p *Pty) Drain(ctx context.Context) error {
	for {
		unread, err := p.Unread()
		if err != nil || !unread {
			return err
		}
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
}

// wait waits for a reader to read.
func (p *Pty) wait(ctx context.Context) error {
	// Should the kernel ever drop the news, the next look finds out.
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-p.taken:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ended:
		return os.ErrClosed
	}
	return nil
}

// Unread says whether bytes are on the line that no reader has taken.
func (p *Pty) Unread() (bool, error) {
	unread := false
	err := control(p.slave, func(fd int) error {
		// Asked with poll and not with FIONREAD: poll first moves what is
		// still under way in the kernel to where it can be counted.
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(set, 0)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Poll(set, 0)
		}
		unread = n > 0 && set[0].Revents&unix.POLLIN != 0
		return err
	})
	return unread, err
}

// Discard throws away what no reader has taken.
func (p *Pty) Discard() error {
	p.flight = 0
	return control(p.slave, func(fd int) error {
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	})
}

// Close removes the link and ends both ends: a reader sees a hang-up, as when
// the adapter is pulled out. It returns when nothing of the pair is left.
func (p *Pty) Close() error {
	p.closed.Do(func() {
		if p.link != "" {
			removeLink(p.path, p.link)
		}
		close(p.ended)
		p.shut()
		p.done.Wait()
	})
	return nil
}

func (p *Pty) shut() {
	for _, f := range []*os.File{p.master, p.slave, p.watch} {
		if f != nil {
			f.Close()
		}
	}
}

// count follows the reader. After each closing it takes the exclusive mark
// off the line, which a killed reader leaves behind and which would refuse the
// next one.
func (p *Pty) count() {
	b := make([]byte, 4096)
	for {
		n, err := p.watch.Read(b)
		if err != nil {
			return
		}
		opened, closed, read := events(b[:n])
		if read > 0 {
			p.reads.Add(int64(read))
			select {
			case p.taken <- struct{}{}:
			default:
			}
		}
		if opened > 0 && p.opens.Add(int64(opened)) == int64(opened) {
			close(p.first)
		}
		if closed > 0 {
			// Where this fails the pair is being closed.
			_ = control(p.slave, func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
		}
	}
}

// placeLink makes link point to path by way of a rename, so that the name is
// never missing for a reader that looks it up.
func placeLink(path, link string) error {
	if info, err := os.Lstat(link); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("cannot use %s as the port's name: it exists and is not a symbolic link", link)
	}
	next := filepath.Join(filepath.Dir(link), "."+filepath.Base(link)+"."+filepath.Base(path))
	os.Remove(next)
	if err := os.Symlink(path, next); err != nil {
		return fmt.Errorf("cannot name the port %s: %w", link, err)
	}
	if err := os.Rename(next, link); err != nil {
		os.Remove(next)
		return fmt.Errorf("cannot name the port %s: %w", link, err)
	}
	return nil
}

// removeLink leaves a link alone that somebody else has pointed elsewhere.
func removeLink(path, link string) {
	if to, err := os.Readlink(link); err == nil && to == path {
		os.Remove(link)
	}
}
