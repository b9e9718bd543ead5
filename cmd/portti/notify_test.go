package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cross/testkit"
)

// TestRunTellsSystemdInOrder: READY comes when the control socket answers, RELOADING
// before its READY, STOPPING before the end, and the last STATUS is of the end.
func TestRunTellsSystemdInOrder(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	file := configFile(t, "[paths]\nstate = \""+dir+"/state\"\nrun = \""+dir+"/run\"\n[metrics]\nlisten = \"\"\n[web]\nlisten = \"\"\n[uplink]\nurl = \"ws://127.0.0.1:1/\"\nauth = \"none\"\n")
	hear := func() string {
		t.Helper()
		b := make([]byte, 1000)
		_ = systemd.SetReadDeadline(time.Now().Add(testkit.Patience))
		n, err := systemd.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	until := func(start string) (before []string) {
		t.Helper()
		for {
			said := hear()
			if strings.HasPrefix(said, start) {
				return before
			}
			before = append(before, said)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	var out, errs bytes.Buffer
	go func() { ended <- run(ctx, []string{"run", "-c", file}, nil, &out, &errs) }()
	if before := until("READY=1"); len(before) != 0 {
		t.Errorf("before READY it said %q", before)
	}
	if _, err := askStatus(ctx, filepath.Join(dir, "run", "portti.sock"), testkit.Patience); err != nil {
		t.Errorf("ready, and does not answer: %v", err)
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until("RELOADING=1\nMONOTONIC_USEC=")
	for _, said := range until("READY=1") {
		if !strings.HasPrefix(said, "STATUS=") {
			t.Errorf("within a reload it said %q", said)
		}
	}
	stop()
	until("STOPPING=1")
	if code := testkit.Receive(t, "the end", ended); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, &errs)
	}
	last := hear()
	if !strings.HasPrefix(last, "STATUS=Stopped; ") {
		t.Errorf("the last word is %q", last)
	}
	_ = systemd.SetReadDeadline(time.Now())
	if n, _ := systemd.Read(make([]byte, 1000)); n != 0 {
		t.Error("it said more after its end")
	}
}
