package main

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// The whole way once: simulated bytes on a pseudo-terminal, the daemon with
// its drivers, buffer and link, the receiver; the link cut and restored. The
// story is told five times as fast as to people.
func TestDemoOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	o := demoOptions(&out, slog.New(slog.DiscardHandler), true)
	o.Pace, o.Patience = 5, testkit.Patience
	if err := testbed.Demo(t.Context(), o); err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{
		"XXXX00GPS00000001  1210", "XXXX00PNL00000001 12100", "XXXX00TAGSAUNA001 12100",
		"2. The link is cut", "link waiting", "none is lost", "The books balance",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, out.String())
		}
	}
}

// TestClosedConnectionEndsNothing: portti tail next to a demo ends, and the demo goes on.
func TestClosedConnectionEndsNothing(t *testing.T) {
	told := make(chan os.Signal, 4)
	signal.Notify(told, syscall.SIGPIPE)
	defer signal.Stop(told)
	ctx, stop := untilNobodyWatches(t.Context())
	defer stop()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	here := os.NewFile(uintptr(pair[0]), "here")
	defer here.Close()
	if err := syscall.Close(pair[1]); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := here.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		testkit.Receive(t, "the signal", told)
	}
	if ctx.Err() != nil {
		t.Error("a connection that was closed ended it")
	}
}
