package device

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// asking is a port whose device is asked for each frame.
type asking struct {
	Port
	poll  []byte
	every time.Duration
	env   Env
	next  time.Time
}

// Read is part of Port. It asks again whether there was an answer or not: a sensor that
// is being replaced goes on by itself.
func (a *asking) Read(b []byte) (int, error) {
	for {
		if now := a.env.now(); !now.Before(a.next) {
			if _, err := a.Write(a.poll); err != nil {
				return 0, fmt.Errorf("cannot ask: %w", err)
			}
			a.next = now.Add(a.every)
			if err := a.SetReadDeadline(a.next); err != nil {
				return 0, err
			}
		}
		n, err := a.Port.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}
