package testbed

import (
	"context"
	"errors"
	"time"
)

// patience is how long a simulated device lets bytes lie unread before it
// takes them for lost. A real line has no memory at all; a reader on a busy
// machine deserves some.
const patience = 3 * time.Second

// LiveStats counts what a simulated device did.
type LiveStats struct {
	Bytes   int64 // put on the line
	Turns   int64 // times the device spoke
	Missed  int64 // turns thrown away because nobody read the line
	Readers int64 // openings of the line
}

// Live runs d on p until ctx ends, which is not an error. It begins when a
// reader first opens the line. While nobody reads, what d says is thrown away
// after a few seconds, so that a reader that comes back gets fresh data, as
// from a real line. p stays open.
func Live(ctx context.Context, p *Pty, d Device) (LiveStats, error) {
	return liveOn(ctx, stage{pace: 1}, p, d)
}

// liveOn is Live with a device that lives by the clock of a stage.
func liveOn(ctx context.Context, s stage, p *Pty, d Device) (LiveStats, error) {
	l := live{stage: s, pty: p, device: d, heard: make(chan []byte, 16)}
	select {
	case <-p.Opened():
	case <-ctx.Done():
		return l.stats, nil
	}
	stop := p.listen(ctx, l.heard)
	defer stop()
	err := l.run(ctx)
	l.stats.Readers = p.Opens()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return l.stats, err
}

type live struct {
	stage  stage
	pty    *Pty
	device Device
	heard  chan []byte
	stats  LiveStats
	buf    []byte
	alive  time.Time // when the line was last seen empty, or being read
	reads  int64     // of the line then
	behind int64     // turns that lie unread since
}

func (l *live) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.alive = time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-l.heard:
			l.device.Hear(b, l.stage.now())
		case <-timer.C:
			next, err := l.turn(ctx, time.Now())
			if err != nil {
				return err
			}
			timer.Reset(l.stage.lasts(next.Sub(l.stage.now())))
		}
	}
}

// turn lets the device speak once, and says when it wants to again.
func (l *live) turn(ctx context.Context, now time.Time) (time.Time, error) {
	var next time.Time
	l.buf, next = l.device.Append(l.buf[:0], l.stage.now())
	if err := l.tidy(now); err != nil {
		return next, err
	}
	if len(l.buf) == 0 {
		return next, nil
	}
	wait, cancel := context.WithDeadline(ctx, l.alive.Add(patience))
	defer cancel()
	n, err := l.pty.Write(wait, l.buf)
	l.stats.Turns++
	l.stats.Bytes += int64(n)
	l.behind++
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = l.drop(time.Now()) // a full line that nobody empties
	}
	return next, err
}

// tidy throws away what has been lying on the line for too long.
func (l *live) tidy(now time.Time) error {
	unread, err := l.pty.Unread()
	if err != nil {
		return err
	}
	if reads := l.pty.reads.Load(); !unread || reads != l.reads {
		l.alive, l.behind, l.reads = now, 0, reads
		return nil
	}
	if now.Sub(l.alive) < patience {
		return nil
	}
	return l.drop(now)
}

func (l *live) drop(now time.Time) error {
	l.stats.Missed += l.behind
	l.alive, l.behind = now, 0
	return l.pty.Discard()
}

// listen passes on what the reader writes, copied, until the function it
// returns is called; that one waits for the end. A nil to throws it away.
func (p *Pty) listen(ctx context.Context, to chan<- []byte) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 1024)
		for {
			n, err := p.Read(b)
			if err != nil {
				return
			}
			if to == nil {
				continue
			}
			select {
			case to <- append([]byte(nil), b[:n]...):
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		p.master.SetReadDeadline(time.Unix(1, 0))
		<-ended
		p.master.SetReadDeadline(time.Time{})
	}
}
