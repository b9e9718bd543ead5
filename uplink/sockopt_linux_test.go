package uplink

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestUserTimeoutIsSet(t *testing.T) {
	addr := listen(t, func(_ int, w *wire) { _, _ = w.request() })
	a := &attempt{o: &Options{PhaseTimeout: time.Second, PingInterval: 20 * time.Second, PongTimeout: 10 * time.Second}}
	conn, err := a.open(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*guard).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var ms int
	if cerr := raw.Control(func(fd uintptr) { ms, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	if ms != 30_000 {
		t.Errorf("TCP_USER_TIMEOUT is %d ms, want 30000", ms)
	}
}
