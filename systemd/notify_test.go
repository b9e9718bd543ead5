package systemd

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"portti/cross/testkit"
)

// listen stands where systemd does: a datagram socket named by NOTIFY_SOCKET.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return conn
}

func received(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatalf("nothing arrived on the notify socket: %v", err)
	}
	return string(buf[:n])
}

func TestNotifierSpeaksToSystemd(t *testing.T) {
	abstract := "@portti-test-" + strconv.Itoa(os.Getpid())
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), abstract} {
		conn := listen(t, name)
		var sd Notifier
		for _, c := range []struct {
			send func() error
			want string
		}{
			{sd.Ready, `^READY=1$`},
			{sd.Stopping, `^STOPPING=1$`},
			{sd.Watchdog, `^WATCHDOG=1$`},
			{sd.Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*$`},
			{func() error { return sd.Status("online, 12 waiting") }, `^STATUS=online, 12 waiting$`},
		} {
			if err := c.send(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := received(t, conn); !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("%s: sent %q, want %s", name, got, c.want)
			}
		}
	}
}

func TestNotifierWithoutSystemdDoesNothing(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	var sd Notifier
	for _, send := range []func() error{sd.Ready, sd.Reloading, sd.Stopping, sd.Watchdog, func() error { return sd.Status("x") }} {
		if err := send(); err != nil {
			t.Errorf("without NOTIFY_SOCKET: %v", err)
		}
	}
}

func TestNotifierSaysWhenNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := (Notifier{}).Ready(); err == nil || !strings.HasPrefix(err.Error(), "cannot tell systemd: ") {
		t.Errorf("error is %v", err)
	}
}

// TestNotifyNeverWaits: whoever does not read holds nobody up.
func TestNotifyNeverWaits(t *testing.T) {
	conn := listen(t, filepath.Join(t.TempDir(), "notify"))
	done := make(chan error, 1)
	go func() {
		var sd Notifier
		var err error
		for range 100_000 { // far more than any queue holds
			if err = sd.Status("online"); err != nil {
				break
			}
		}
		done <- err
	}()
	err := testkit.Receive(t, "the sender comes back", done)
	if err == nil {
		t.Error("100,000 messages to nobody, and none was lost")
	}
	for received(t, conn) != "STATUS=online" {
		t.Error("what was sent did not arrive")
	}
	if err := (Notifier{}).Ready(); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

func TestStatusStaysOneAssignment(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"a\nREADY=1", "a READY=1"}, // a text from outside must not forge a state
		{"a\r\n\tb", "a b"},
		{"broken \xff text", "broken ? text"},
		{strings.Repeat("x", 300), strings.Repeat("x", 200)},
		{strings.Repeat("ä", 150), strings.Repeat("ä", 100)},
		{"x" + strings.Repeat("ä", 150), "x" + strings.Repeat("ä", 99)},
	} {
		if got := oneLine(c.text); got != c.want {
			t.Errorf("oneLine(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func FuzzOneLine(f *testing.F) {
	f.Add("online")
	f.Add("a\nREADY=1\x00\x7f")
	f.Add("\xc3" + strings.Repeat("\xa4", 300))
	f.Fuzz(func(t *testing.T, text string) {
		got := oneLine(text)
		if len(got) > maxStatus || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00") {
			t.Errorf("oneLine(%q) = %q", text, got)
		}
	})
}

func TestWatchdogInterval(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		name, usec, pid string
		want            time.Duration
		bad             bool
	}{
		{name: "not watched"},
		{name: "watched", usec: "60000000", pid: self, want: time.Minute},
		{name: "no pid means us", usec: "2000000", want: 2 * time.Second},
		{name: "meant for another process", usec: "60000000", pid: "1"},
		{name: "more than 32 bits", usec: "7200000000", pid: self, want: 2 * time.Hour},
		{name: "not a number", usec: "soon", pid: self, bad: true},
		{name: "zero", usec: "0", pid: self, bad: true},
		{name: "negative", usec: "-5", pid: self, bad: true},
		{name: "beyond a duration", usec: "9223372036854775807", pid: self, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("WATCHDOG_USEC", c.usec)
			t.Setenv("WATCHDOG_PID", c.pid)
			got, err := WatchdogInterval()
			if got != c.want || (err != nil) != c.bad {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
