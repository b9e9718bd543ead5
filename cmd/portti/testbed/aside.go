package testbed

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// aside is the file of messages that the API refuses for ever, and of frames
// that hold none. They are acknowledged, since nothing that a gateway could do
// would help, and they are kept, since nobody else has them then.
type aside struct {
	path string
	file *os.File // nil: not needed yet
}

func (a *aside) write(list []refusal, now time.Time) error {
	if a.file == nil {
		f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("cannot set messages aside: %w", err)
		}
		if err := endLine(f); err != nil {
			return errors.Join(fmt.Errorf("cannot set messages aside: %w", err), f.Close())
		}
		a.file = f
	}
	var b []byte
	for _, r := range list {
		b = append(b, mustJSON(struct {
			Time    string          `json:"time"`
			Reason  string          `json:"reason"`
			Message json.RawMessage `json:"message"`
		}{now.UTC().Format(time.RFC3339), r.reason, r.msg})...)
		b = append(b, '\n')
	}
	if _, err := a.file.Write(b); err != nil {
		return fmt.Errorf("cannot set messages aside: %w", err)
	}
	if err := a.file.Sync(); err != nil {
		return fmt.Errorf("cannot set messages aside: %w", err)
	}
	return nil
}

func (a *aside) close() error {
	if a.file == nil {
		return nil
	}
	if err := a.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// setAside keeps refused messages; they are on the disk when it returns.
func (r *Receiver) setAside(list []refusal) error {
	if len(list) == 0 {
		return nil
	}
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if err := r.store.aside.write(list, time.Now()); err != nil {
		return err
	}
	r.note(func(st *Stats) { st.SetAside += int64(len(list)) })
	r.opts.Log.Warn("messages that can never be handled are set aside", "component", "receive",
		"event", "messages.set-aside", "count", len(list), "reason", list[0].reason, "file", r.store.aside.path)
	return nil
}
