package device

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portti/cross/testkit"
)

func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, tcpScheme + l.Addr().String()
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestTCPPort(t *testing.T) {
	l, address := listen(t)
	o, err := Open(t.Context(), Config{Type: "lines", Port: address})
	if err != nil {
		t.Fatal(err)
	}
	if !o.Flow || o.Path != address {
		t.Errorf("%+v", o)
	}
	server := accept(t, l)
	line := o.Line
	buf := make([]byte, 64)
	_ = line.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := line.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("quiet: %d %v", n, err)
	}
	_ = line.SetReadDeadline(time.Time{})
	write(t, server, "hello")
	if n, err := line.Read(buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q %v", buf[:n], err)
	}
	if _, err := line.Write([]byte("back")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(server, buf[:4]); err != nil || string(buf[:4]) != "back" {
		t.Errorf("%q %v", buf[:4], err)
	}
	_ = server.Close()
	if _, err := line.Read(buf); !errors.Is(err, ErrGone) {
		t.Errorf("closed by the server: %v", err)
	}
	if err := errors.Join(line.Close(), line.Close()); err != nil {
		t.Error(err)
	}
}

func TestTCPInterrupt(t *testing.T) {
	l, address := listen(t)
	o, err := Open(t.Context(), Config{Type: "lines", Port: address})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, l)
	done := make(chan error)
	go func() {
		_, err := o.Line.Read(make([]byte, 1))
		done <- err
	}()
	o.Line.Interrupt()
	if err := <-done; !errors.Is(err, errInterrupted) || errors.Is(err, ErrGone) {
		t.Error(err)
	}
	if err := o.Line.Close(); err != nil {
		t.Error(err)
	}
}

// unused is an address at which nobody listens. It is ours until the test ends,
// so that no other program can begin to.
func unused(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
}

func TestTCPNobodyThere(t *testing.T) {
	address := tcpScheme + unused(t)
	e := openErr(t, address)
	if e.State != Missing || e.Code != CodeGone || !strings.Contains(e.Error(), address) {
		t.Errorf("%+v", e)
	}
}

// TestTCPSet: readings over a connection that breaks and comes back, with a
// sink that is full for a while: nothing is lost.
func TestTCPSet(t *testing.T) {
	l, address := listen(t)
	env, _ := loggedEnv()
	sink := newSink()
	s := newSet(t, env, sink, Tuning{Pause: quick}, linesConfig("panel", address))
	runSet(t, s)
	server := accept(t, l)
	sink.setFull(true)
	write(t, server, strings.Repeat("{\"temp\":1}\n", 100))
	testkit.Eventually(t, "it waits", func() bool {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		return sink.waits > 0
	})
	sink.setFull(false)
	testkit.Eventually(t, "all are there", func() bool { return len(sink.all()) == 100 })
	_ = server.Close()
	server = accept(t, l)
	write(t, server, "{\"temp\":2}\n")
	testkit.Eventually(t, "the one after", func() bool { return len(sink.all()) == 101 })
	if st := s.Status()[0]; st.Lost != 0 || st.Opened != 2 || st.Resolved != address {
		t.Errorf("%+v", st)
	}
}
