package uplink

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"portti/cross/testkit"
)

// Nothing waits for a pipe or reads a disk to its end, whatever the configuration names.
func TestFilesOfTheConfigurationAreFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a pipe": pipe, "a folder": dir, "a device": "/dev/zero", "too large": large} {
		for what, use := range map[string]func() error{
			"ca_file": func() error { _, err := tlsConfig(&Options{CAFile: path, Now: time.Now}); return err },
			"client_cert": func() error {
				_, err := tlsConfig(&Options{ClientCert: path, ClientKey: path, Now: time.Now})
				return err
			},
			"device key": func() error { _, err := LoadDeviceKey(path, dir, AlgES256); return err },
			"login":      func() error { _, _, err := keeper{path: path}.load(); return err },
		} {
			done := make(chan error, 1)
			go func() { done <- use() }()
			err := testkit.Receive(t, what+" is "+name, done)
			var at *os.PathError
			if !errors.As(err, &at) || at.Path != path {
				t.Errorf("%s is %s: %v", what, name, err)
			}
		}
	}
}
