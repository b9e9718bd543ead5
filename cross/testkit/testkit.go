// Package testkit is what the tests of every room share: waiting for a
// condition, and comparing with a golden file. Only tests import it;
// cross/arrows_test.go holds that.
//
// A test never sleeps in the hope that something has happened by then. What can
// run in a testing/synctest bubble does; what the kernel or another process
// decides is waited for with Eventually and Receive.
package testkit

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Patience is how long a condition may take before a test says that it never
// came true. It only bounds a test that fails: one that passes ends as soon as
// its condition holds, so that no test passes or fails by the machine's speed.
const Patience = time.Minute

const pollInterval = 2 * time.Millisecond

// Need skips the test when what it takes is missing, and fails it in CI.
func Need(t testing.TB, what string, missing error) {
	t.Helper()
	switch {
	case missing == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("%s is missing, and in CI it must not be: %v", what, missing)
	default:
		t.Skipf("%s is missing: %v", what, missing)
	}
}

// NeedTool is Need for programs.
func NeedTool(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := exec.LookPath(name)
		Need(t, name, err)
	}
}

// Eventually polls ok until it is true. After Patience it fails the test, names
// what was waited for, and adds what explain says. It is to be called by the
// goroutine of the test.
func Eventually(t testing.TB, what string, ok func() bool, explain ...func() string) {
	t.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(pollInterval) {
		if time.Now().Before(end) {
			continue
		}
		for _, why := range explain {
			t.Log(why())
		}
		t.Fatalf("not within %v: %s", Patience, what)
	}
}

// Receive takes the next value of c, or the zero value once c is closed. After
// Patience it fails the test. It is to be called by the goroutine of the test.
func Receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	timeout := time.NewTimer(Patience)
	defer timeout.Stop()
	select {
	case v := <-c:
		return v
	case <-timeout.C:
		t.Fatalf("not within %v: %s", Patience, what)
		panic("unreachable")
	}
}

// update is a flag of every test program that imports this package, as the
// tools that make golden files all have it.
var update = flag.Bool("update", false, "write the golden files anew")

// difference names the first line that is not the same.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < len(w) && i < len(g); i++ {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d was\n%s\nand is\n%s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("it had %d lines and has %d", len(w)-1, len(g)-1)
}

// Golden compares got with the file at path, or writes it under -update.
func Golden(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s does not agree (go test -update writes it anew); %s; got\n%s", path, difference(string(want), got), got)
	}
}
