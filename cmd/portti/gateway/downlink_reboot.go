package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"portti/cmd/portti/durable"
	"portti/cmd/portti/status"
)

// rebootRequest is a file in [paths] run. The service runs as a user that may
// do nothing, so that it cannot start the machine again by itself, and no way
// through D-Bus exists without a rule of polkit. What can is a unit of root's
// that waits for this file: systemd/portti-reboot.path. It removes the file,
// waits some seconds for the answer to get out, and reboots.
const rebootRequest = "reboot-request"

const (
	// rebootTaken is how long that unit may take to remove the file.
	rebootTaken = 10 * time.Second
	// rebootEvery is how long the machine must have been up, so that a server
	// that asks again and again does not keep it from working.
	rebootEvery = 10 * time.Minute
)

// rebooter asks for the machine to be started again.
type rebooter struct {
	state, run string
	mono       func() int64 // milliseconds since the machine started
}

// ask writes the request and waits until it is taken. The number of the last
// request that was taken is kept, so that one that comes again after the
// reboot, since its answer was lost, is answered and not carried out.
func (r rebooter) ask(ctx context.Context, transaction int) error {
	note := filepath.Join(r.state, "reboot-transaction")
	was, err := os.ReadFile(note)
	switch {
	case err == nil && strings.TrimSpace(string(was)) == strconv.Itoa(transaction):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("cannot read which request was the last, and a repeat would start the machine again: %w", err)
	}
	if up := time.Duration(r.mono()) * time.Millisecond; up < rebootEvery {
		return fmt.Errorf("the machine started %s ago: it is not started again within %s", status.InWords(up), status.InWords(rebootEvery))
	}
	if err := durable.Replace(note, []byte(strconv.Itoa(transaction)+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot keep a note of the request, and without one a repeat would start the machine again: %w", err)
	}
	request := filepath.Join(r.run, rebootRequest)
	if err = os.WriteFile(request, nil, 0o600); err == nil {
		err = taken(ctx, request)
	}
	if err != nil {
		err = errors.Join(err, ignoreAbsent(os.Remove(request)), ignoreAbsent(os.Remove(note)))
		return fmt.Errorf("cannot start the machine again: %w", err)
	}
	return nil
}

// taken waits until somebody has removed the request.
func taken(ctx context.Context, request string) error {
	end := time.NewTimer(rebootTaken)
	defer end.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Lstat(request); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return errors.New("nothing on this machine acts on the request; enable portti-reboot.path")
		}
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
