package gateway

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/buffer"
	"portti/cmd/portti/config"
)

// A state folder that can be used later becomes this gateway's before anything is done in
// it, with the identity that it goes by; one that holds another identity stays closed.
func TestStateFolderComesLater(t *testing.T) {
	for name, c := range map[string]struct {
		there string // the identity in it
		says  string
	}{
		"empty":            {},
		"another identity": {"XXXX00OTHER000001\n", "restart portti"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Defaults()
			cfg.Paths.State = filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(cfg.Paths.State, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := lockState(cfg.Paths.State)
			if err == nil {
				t.Fatal("a file is a state folder")
			}
			h := &homeless{why: err, cfg: cfg}
			defer h.leave()
			id, err := h.identity()
			if !validID(id) || err == nil {
				t.Fatalf("%q %v", id, err)
			}
			late := lateFS{buffer.OS(cfg.Paths.BufferDir()), func() error { return h.enter(id) }}
			if _, err := late.List(); err == nil {
				t.Error("a folder that is not there was entered")
			}
			if err := errors.Join(os.Remove(cfg.Paths.State), os.Mkdir(cfg.Paths.State, 0o700)); err != nil {
				t.Fatal(err)
			}
			if c.there != "" {
				if err := os.WriteFile(idFile(cfg.Paths.State), []byte(c.there), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err = late.Size("state")
			if errors.Is(err, os.ErrNotExist) { // inside of a folder that was entered
				err = nil
			}
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v", err)
				}
				if text, _ := os.ReadFile(idFile(cfg.Paths.State)); string(text) != c.there {
					t.Errorf("the identity is %q", text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := os.ReadFile(idFile(cfg.Paths.State)); string(text) != id+"\n" {
				t.Errorf("the identity is %q", text)
			}
			if _, err := lockState(cfg.Paths.State); !errors.Is(err, ErrRunning) {
				t.Errorf("the folder is not held: %v", err)
			}
		})
	}
}
