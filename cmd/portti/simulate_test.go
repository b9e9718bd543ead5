package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.bug.st/serial"

	"portti/cross/testkit"
)

// talkBuffer is an output that may be read while a verb writes to it.
type talkBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *talkBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *talkBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// runningVerb is a verb that runs until the test ends it.
type runningVerb struct {
	out, err talkBuffer
	code     chan int
	cancel   context.CancelFunc
}

func startVerb(t *testing.T, stdin string, args ...string) *runningVerb {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &runningVerb{code: make(chan int, 1), cancel: cancel}
	go func() { s.code <- run(ctx, args, strings.NewReader(stdin), &s.out, &s.err) }()
	t.Cleanup(cancel)
	return s
}

// says waits until the verb has said text on its standard error.
func (s *runningVerb) says(t *testing.T, text string) {
	t.Helper()
	testkit.Eventually(t, "it says "+text, func() bool { return strings.Contains(s.err.String(), text) }, s.err.String)
}

func (s *runningVerb) ends(t *testing.T, code int) {
	t.Helper()
	if got := testkit.Receive(t, "it ends", s.code); got != code {
		t.Fatalf("exit code %d, want %d\n%s", got, code, s.err.String())
	}
}

func TestSimulatePlaysAFile(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "log"), filepath.Join(dir, "tty")
	want := strings.Repeat("$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n", 3000)
	os.WriteFile(file, []byte("# from a log\n"+want), 0o644)
	s := startVerb(t, "", "simulate", "--play", file, "--link", link, "--speed", "0", "--mode", "600")
	s.says(t, link+" is ready")
	port, err := serial.Open(link, &serial.Mode{BaudRate: 9600})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	port.SetReadTimeout(testkit.Patience)
	var got []byte
	buf := make([]byte, 4096)
	for len(got) < len(want) {
		n, err := port.Read(buf)
		if err != nil || n == 0 {
			t.Fatal(n, err, len(got))
		}
		got = append(got, buf[:n]...)
	}
	if string(got) != want {
		t.Fatal("not what the file holds")
	}
	s.ends(t, exitOK)
	s.says(t, "3000 lines")
	s.says(t, "every byte was read")
	if _, err := os.Lstat(link); err == nil {
		t.Fatal("the link is left behind")
	}
}

func TestSimulateIsADeviceUntilStopped(t *testing.T) {
	link := filepath.Join(t.TempDir(), "tty")
	s := startVerb(t, "", "simulate", "--device", "panel", "--format", "kv", "--link", link)
	s.says(t, "is ready")
	port, err := serial.Open(link, &serial.Mode{BaudRate: 9600})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	port.SetReadTimeout(testkit.Patience)
	buf := make([]byte, 64)
	if n, err := port.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "temp=") {
		t.Fatalf("%q %v", buf[:n], err)
	}
	s.cancel()
	s.ends(t, exitOK)
	s.says(t, "to 1 reader;")
}

func TestSimulateRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"simulate"}, exitUsage, "either a recording"},
		{[]string{"simulate", "--play", "x", "--device", "gps"}, exitUsage, "either a recording"},
		{[]string{"simulate", "--device", "toaster"}, exitUsage, "choose gps, ublox, panel or ble-bridge"},
		{[]string{"simulate", "--device", "gps", "--hz", "3"}, exitUsage, "choose 1, 2, 4, 5 or 10"},
		{[]string{"simulate", "--device", "gps", "--mode", "9"}, exitUsage, "octal"},
		{[]string{"simulate", "--play", "x", "--speed", "-1"}, exitUsage, "backwards"},
		{[]string{"simulate", "--play", "/nowhere/x"}, exitFailed, "cannot read the recording"},
		{[]string{"simulate", "--play", "-"}, exitFailed, "empty recording"},
		{[]string{"simulate", "--device", "gps", "--link", "/etc/hostname"}, exitFailed, "not a symbolic link"},
	} {
		s := startVerb(t, "", c.args...)
		s.ends(t, c.code)
		if !strings.Contains(s.err.String(), c.says) {
			t.Errorf("%v: %s", c.args, s.err.String())
		}
	}
}
