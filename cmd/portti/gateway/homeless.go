package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/durable"
)

// homeless is a start whose state folder cannot be used: the sandbox forbids it, or it
// belongs to someone else. The gateway reads and sends from memory then. When the folder can
// be used it becomes ours, before the buffer touches anything in it.
type homeless struct {
	why error
	cfg *config.Config

	mu     sync.Mutex
	unlock func() // nil = not ours yet
}

// identity is good for this run only, unless the configuration says it. What may
// lie in the folder is not known, so nothing is written there.
func (h *homeless) identity() (string, error) {
	if h.cfg.Gateway.ID != autoID {
		return h.cfg.Gateway.ID, nil
	}
	return makeIdentity(), fmt.Errorf("cannot keep this gateway's identity: %w", h.why)
}

// enter takes the state folder if that is possible now. One with another identity in
// it stays as it is until the next start.
func (h *homeless) enter(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unlock != nil {
		return nil
	}
	unlock, err := lockState(h.cfg.Paths.State)
	if err != nil {
		return err
	}
	if h.cfg.Gateway.ID == autoID {
		had, err := IdentityOf(h.cfg)
		if errors.Is(err, fs.ErrNotExist) {
			had, err = id, durable.Replace(idFile(h.cfg.Paths.State), []byte(id+"\n"), 0o600)
		}
		if err == nil && had != id {
			err = &fs.PathError{Op: "open", Path: idFile(h.cfg.Paths.State), Err: fmt.Errorf("%w: it holds this gateway's own identity, which it could not read at its start; restart portti", os.ErrPermission)}
		}
		if err != nil {
			unlock()
			return err
		}
	}
	h.unlock = unlock
	return nil
}

// leave gives the folder back, if it is ours.
func (h *homeless) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unlock != nil {
		h.unlock()
	}
}

// lateFS is a folder that has to be entered before anything is done in it. What it
// passes on by itself is only done to what was found by the others.
type lateFS struct {
	buffer.FS
	enter func() error
}

func (l lateFS) Open(name string, flag int) (buffer.File, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	return l.FS.Open(name, flag)
}

func (l lateFS) DirID() (buffer.DirID, error) {
	if err := l.enter(); err != nil {
		return buffer.DirID{}, err
	}
	return l.FS.DirID()
}

func (l lateFS) Size(name string) (int64, error) {
	if err := l.enter(); err != nil {
		return 0, err
	}
	return l.FS.Size(name)
}

func (l lateFS) List() ([]string, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	return l.FS.List()
}

func (l lateFS) CreateDB(name string, limit int) (buffer.DB, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	return l.FS.CreateDB(name, limit)
}
