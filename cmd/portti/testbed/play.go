package testbed

import (
	"bytes"
	"context"
	"time"
)

// PlayOptions says how to play a recording.
type PlayOptions struct {
	Speed float64 // 1 = as it was recorded, 10 = ten times as fast, 0 = as fast as the reader takes it
	Loop  bool    // begin again at the end, until ctx ends
}

// PlayStats counts what was played.
type PlayStats struct {
	Bytes  int64
	Lines  int64
	Rounds int64 // whole ones
	Took   time.Duration
}

// Play puts r on p, byte for byte, and returns when a reader has taken the last
// byte. It begins when a reader first opens the line and waits whenever the
// line is full; while no reader has it open, what was sent stays on the line
// for the next. If ctx ends first its error is returned, with what was played
// until then. p stays open.
func Play(ctx context.Context, p *Pty, r *Recording, o PlayOptions) (s PlayStats, err error) {
	select {
	case <-p.Opened():
	case <-ctx.Done():
		return s, ctx.Err()
	}
	// What the reader writes is of no use here, but left unread it would fill
	// the line and block a reader that waits for its write.
	stop := p.listen(ctx, nil)
	defer stop()
	begin := time.Now()
	defer func() { s.Took = time.Since(begin) }()
	for {
		start := time.Now()
		if err := round(ctx, p, r, o.Speed, &s); err != nil {
			return s, err
		}
		s.Rounds++
		if !o.Loop {
			return s, p.Drain(ctx)
		}
		if err := until(ctx, start, r.Duration, o.Speed); err != nil {
			return s, err
		}
	}
}

// round sends the recording once.
func round(ctx context.Context, p *Pty, r *Recording, speed float64, s *PlayStats) error {
	start := time.Now()
	for _, c := range r.chunks {
		if err := until(ctx, start, c.at, speed); err != nil {
			return err
		}
		n, err := p.Write(ctx, c.data)
		s.Bytes += int64(n)
		if err != nil {
			return err
		}
		if r.Text {
			s.Lines += int64(bytes.Count(c.data[:n], []byte{'\n'}))
		}
	}
	return nil
}

// until waits for the moment at of a recording that began at start.
func until(ctx context.Context, start time.Time, at time.Duration, speed float64) error {
	if speed <= 0 {
		return ctx.Err()
	}
	wait := time.Duration(float64(at)/speed) - time.Since(start)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
