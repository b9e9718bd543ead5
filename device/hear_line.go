package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// free refuses a port that somebody else has open. Open looks for a lock alone, which
// a login console for one does not take.
func (o opener) free(path string) error {
	real, err := filepath.EvalSymlinks(o.root + path)
	if err != nil {
		return openError(path, err)
	}
	if err := o.usable(real); err != nil {
		return err
	}
	who := o.user(real)
	switch {
	case who == "":
		return nil
	case strings.Contains(who, "getty ") || strings.HasPrefix(who, "login "):
		return &OpenError{Busy, CodeConsole, fmt.Errorf("cannot open %s: it is the login console of %s", path, who)}
	}
	return &OpenError{Busy, CodeBusy, fmt.Errorf("cannot open %s: in use by %s", path, who)}
}

// tunable is a Line whose speed can be changed while it is open: opening it anew would
// reset each board that starts when DTR is raised.
type tunable interface {
	Line
	tune(baud int) error // what came before and was not read stays
	// waiting reads what has come, without waiting for more and whatever the deadline; 0 =
	// nothing has, or the port is gone, which the next Read says.
	waiting(p []byte) int
}

const (
	// hearSettle is how long a change of speed takes: what comes sooner may have been received
	// at the speed before, and waited in the adapter (16 ms in an FTDI) or on the bus.
	hearSettle = 50 * time.Millisecond
	hearQueue  = 128 << 10 // bytes, more than the kernel keeps of one port (68 KB)
)

// settle forgets what was received at the speed before: some of that ahead of a long line
// makes the right speed look like a wrong one.
func settle(line tunable) error {
	if err := line.SetReadDeadline(time.Now().Add(hearSettle)); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	for {
		if _, err := line.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			return fmt.Errorf("cannot go on listening: %w", err)
		}
	}
	for left, n := hearQueue, 1; left > 0 && n > 0; left -= n { // a busy machine reads late
		n = line.waiting(buf)
	}
	return nil
}
