package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"portti/device/thingsee"
)

// Commander is a Driver that also takes messages of the server for its thing:
// configuration (tsmEv 30), commands (35), requests (27, 32).
type Commander interface {
	Driver
	// Command carries out c, whose form and fields hold against the catalogue,
	// and resets answer and fills it in; its tsmTuid and transactionId are
	// added by the caller. It is called from another goroutine than Run's,
	// while Run runs, once at a time, and may write to port. An error refuses
	// c: its text goes into the log, and nothing is answered.
	Command(port io.Writer, c thingsee.Command, answer *thingsee.Message) error
}

// Why a command reaches no driver.
var (
	ErrNoThing    = errors.New("no device of this gateway has this tuid")
	ErrNoCommands = errors.New("the device's driver takes no commands")
	ErrNotOpen    = errors.New("the device's port is not open")
	ErrCommanding = errors.New("the device is still at its last command")
)

// Command hands c to the driver of the device that c.Target names and gives its
// answer, whose tsmTuid is that device's. It waits until ctx ends at the
// latest; a driver that is stuck in a write then keeps its goroutine until its
// port closes, and takes no other command meanwhile. It is safe from any
// goroutine.
func (s *Set) Command(ctx context.Context, c thingsee.Command) (*thingsee.Message, error) {
	for _, d := range s.all() {
		if d.cfg.ID == c.Target && c.Target != "" {
			m, err := d.seat.command(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("cannot hand the command to %s: %w", d.cfg.Name, err)
			}
			m.Tuid = d.cfg.ID
			return m, nil
		}
	}
	return nil, ErrNoThing
}

// Has says whether a device of the set has this tuid.
func (s *Set) Has(tuid string) bool {
	for _, d := range s.all() {
		if d.cfg.ID == tuid && tuid != "" {
			return true
		}
	}
	return false
}

// seat is where a driver sits while it runs.
type seat struct {
	mu     sync.Mutex
	driver Driver // nil = nobody
	port   io.Writer
	busy   bool // with a command, be it of the driver before
}

func (s *seat) take(d Driver, port io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.driver, s.port = d, port
}

func (s *seat) leave() { s.take(nil, nil) }

// leaveLimit is how long a driver may take to take its leave. A device that takes no
// bytes holds up no stop.
const leaveLimit = 200 * time.Millisecond

// farewell lets a driver that is a Leaver have the last word.
func (s *seat) farewell() {
	s.mu.Lock()
	driver, port := s.driver, s.port
	s.mu.Unlock()
	l, ok := driver.(Leaver)
	if !ok {
		return
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		defer func() { _ = recover() }() // it ends anyway
		l.Leave(port)
	}()
	end := time.NewTimer(leaveLimit)
	defer end.Stop()
	select {
	case <-left:
	case <-end.C:
	}
}

// reply is what came of a command.
type reply struct {
	m   *thingsee.Message
	err error
}

func (s *seat) command(ctx context.Context, c thingsee.Command) (*thingsee.Message, error) {
	s.mu.Lock()
	driver, port, busy := s.driver, s.port, s.busy
	commander, able := driver.(Commander)
	free := able && !busy
	s.busy = busy || free
	s.mu.Unlock()
	switch {
	case driver == nil:
		return nil, ErrNotOpen
	case !able:
		return nil, ErrNoCommands
	case busy:
		return nil, ErrCommanding
	}
	done := make(chan reply, 1)
	go func() {
		r := attempt(commander, port, c)
		s.mu.Lock()
		s.busy = false
		s.mu.Unlock()
		done <- r
	}()
	select {
	case r := <-done:
		return r.m, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// attempt keeps a driver's panic to the command.
func attempt(driver Commander, port io.Writer, c thingsee.Command) (r reply) {
	defer func() {
		if v := recover(); v != nil {
			r = reply{err: &crash{value: v}}
		}
	}()
	m := new(thingsee.Message)
	if err := driver.Command(port, c, m); err != nil {
		return reply{err: err}
	}
	return reply{m: m}
}
