package device

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"portti/device/recording"
)

const (
	// maxClients is how many programs may take the bytes of one port at once.
	maxClients = 8
	// shareRetry is between two tries to listen where the address cannot be had.
	shareRetry = 30 * time.Second
	// shareAhead is what the kernel may keep for a client that takes nothing: without a
	// limit it is megabytes, which is hours of some ports.
	shareAhead = 64 << 10
	// shareWrite is how long a client may take nothing.
	shareWrite = 2 * time.Second
)

// ShareStatus is how a port's bytes are given to other programs.
type ShareStatus struct {
	Address string // where it listens, or is to
	Clients int
	Refused uint64 // connections beyond maxClients
	Err     string // why it does not listen, "" = it does
}

// share gives what a port is read to programs that connect to an address: raw, read
// only, as a follower gets it. It lives as long as the device's loop and never holds
// it up. Clients stay connected while the port is gone.
type share struct {
	refused atomic.Uint64

	mu      sync.Mutex
	address string // it listens at
	err     string
	clients []*client // the oldest first
}

// client is a program that takes the bytes.
type client struct {
	conn net.Conn
	end  func() // closes conn too
	half bool   // it sends nothing any more: it may be gone, or only listen
}

// serve listens until ctx ends.
func (s *share) serve(ctx context.Context, d *device) {
	for ctx.Err() == nil {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", d.cfg.Share)
		if err == nil {
			s.set(d, l.Addr().String(), nil)
			err = s.accept(ctx, d, l)
		}
		if ctx.Err() != nil {
			return
		}
		s.set(d, "", err)
		retry := time.NewTimer(shareRetry)
		select {
		case <-ctx.Done():
		case <-retry.C:
		}
		retry.Stop()
	}
}

// set notes where it listens, or why it does not, and logs the change.
func (s *share) set(d *device, address string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.err
	s.address, s.err = address, ""
	if err != nil {
		s.err = err.Error()
	}
	switch {
	case err != nil && was == "":
		d.log.Error("the port's bytes cannot be shared; the device is read all the same", "event", "share.failed", "code", CodeShare, "share", d.cfg.Share, "err", err)
	case err == nil:
		d.log.Info("the port's bytes are shared", "event", "share.listening", "share", address)
	}
}

// accept takes clients until l fails or ctx ends, and waits for them to go.
func (s *share) accept(ctx context.Context, d *device, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			_ = l.Close()
			return err
		}
		if c, ok := conn.(*net.TCPConn); ok {
			_ = c.SetWriteBuffer(shareAhead)
		}
		here, end := context.WithCancel(ctx)
		context.AfterFunc(here, func() { _ = conn.Close() })
		c := &client{conn: conn, end: end}
		if !s.add(c) {
			s.refused.Add(1)
			end()
			continue
		}
		serving.Go(func() {
			defer s.remove(c)
			s.give(here, d, c)
		})
	}
}

// add makes room for a client, where there is none by closing one that may be gone.
func (s *share) add(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= maxClients {
		for i, old := range s.clients {
			if old.half {
				old.end()
				s.clients = append(s.clients[:i:i], s.clients[i+1:]...)
				break
			}
		}
	}
	if len(s.clients) >= maxClients {
		return false
	}
	s.clients = append(s.clients, c)
	return true
}

func (s *share) remove(c *client) {
	c.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.clients {
		if other == c {
			s.clients = append(s.clients[:i:i], s.clients[i+1:]...)
			return
		}
	}
}

// give hands a client what is read until it is gone, too slow, or ctx ends.
func (s *share) give(ctx context.Context, d *device, c *client) {
	f, err := d.follow(View{Raw: true})
	if err != nil {
		s.refused.Add(1)
		return
	}
	defer f.Close()
	var listening sync.WaitGroup
	defer listening.Wait()
	defer c.end()
	listening.Go(func() {
		if _, err := io.Copy(io.Discard, c.conn); err != nil { // what it says is of no use
			c.end()
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		c.half = true
	})
	for {
		r, err := f.Next(ctx)
		if err != nil || r.What == recording.Stopped {
			return
		}
		if r.What != recording.In {
			continue
		}
		_ = c.conn.SetWriteDeadline(time.Now().Add(shareWrite))
		if _, err := c.conn.Write(r.Data); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				f.Drop()
			}
			return
		}
	}
}

// status is nil where the port is not shared.
func (s *share) status(configured string) *ShareStatus {
	if configured == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &ShareStatus{Address: s.address, Clients: len(s.clients), Refused: s.refused.Load(), Err: s.err}
	if st.Address == "" {
		st.Address = configured
	}
	return st
}
