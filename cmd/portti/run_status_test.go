package main

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
)

// TestRunSaysWhyItEnded: systemd keeps the reason for those who ask later.
func TestRunSaysWhyItEnded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	file := configFile(t, "[uplink]\nurl = \"wss://h.test/in\"\nauth = \"none\"\nnonsense = 1\n")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"run", "-c", file}, nil, &out, &errs); code != exitConfig {
		t.Fatalf("exit code %d\n%s", code, errs.String())
	}
	b := make([]byte, 1000)
	if err := systemd.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	n, err := systemd.Read(b)
	if got := string(b[:n]); err != nil || !strings.HasPrefix(got, "STATUS=ended: "+file+":4:1: unknown setting") {
		t.Errorf("%q %v", got, err)
	}
}
