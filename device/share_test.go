package device

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
)

// sharing is a gateway with one shared port.
type sharing struct {
	t      *testing.T
	set    *Set
	master io.Writer
	log    *logText
}

func sharePort(t *testing.T, address string) *sharing {
	t.Helper()
	master, path := newPty(t)
	c := linesConfig("panel", path)
	c.Share = address
	env, log := loggedEnv()
	s := &sharing{t, newSet(t, env, newSink(), Tuning{}, c), master, log}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.set.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); testkit.Receive(t, "the set ends", done) })
	testkit.Eventually(t, "the port is open", func() bool { return s.set.Status()[0].Opened > 0 })
	return s
}

func (s *sharing) status() ShareStatus { return *s.set.Status()[0].Share }

// connect makes a client, and waits until it counts.
func (s *sharing) connect() *net.TCPConn {
	s.t.Helper()
	testkit.Eventually(s.t, "it listens", func() bool { return s.status().Err == "" && !strings.HasSuffix(s.status().Address, ":0") })
	before := s.set.Status()[0].Followers
	conn, err := net.Dial("tcp", s.status().Address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	testkit.Eventually(s.t, "the client is served", func() bool { return s.set.Status()[0].Followers > before })
	return conn.(*net.TCPConn)
}

func (s *sharing) get(conn net.Conn, want string) {
	s.t.Helper()
	b := make([]byte, len(want))
	_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != want {
		s.t.Fatalf("got %q, want %q: %v", b, want, err)
	}
}

func TestShareGivesTheBytes(t *testing.T) {
	s := sharePort(t, "127.0.0.1:0")
	a, b := s.connect(), s.connect()
	write(t, a, "what a client says goes nowhere")
	if err := b.CloseWrite(); err != nil { // as nc does where its input ends
		t.Fatal(err)
	}
	const line = "{\"temp\":21.5}\n"
	write(t, s.master, line+"\xff\x00\n")
	s.get(a, line+"\xff\x00\n")
	s.get(b, line+"\xff\x00\n")
	_ = a.SetLinger(0)
	a.Close()
	testkit.Eventually(t, "one is gone", func() bool { return s.status().Clients == 1 && s.set.Status()[0].Followers == 1 })
	write(t, s.master, line)
	s.get(b, line)
	testkit.Eventually(t, "it was read as ever", func() bool { return s.set.Status()[0].Read == 2 })
	if st := s.set.Status()[0]; st.Dropped != 0 || s.status().Refused != 0 {
		t.Errorf("%+v %+v", st, s.status())
	}
}

// Row 194: a client of a shared port takes nothing any more, and one too many comes.
func TestShareWithDeadClients(t *testing.T) {
	s := sharePort(t, "127.0.0.1:0")
	dead := s.connect()
	_ = dead.SetReadBuffer(4096)
	lively := s.connect()
	go func() { _, _ = io.Copy(io.Discard, lively) }()
	lines := 0
	testkit.Eventually(t, "the dead one is dropped", func() bool {
		for range 5000 {
			lines++
			write(t, s.master, numbered(lines))
		}
		return s.set.Status()[0].Dropped == 1
	})
	testkit.Eventually(t, "every line is a reading", func() bool { return s.set.Status()[0].Read+s.set.Status()[0].Bad == uint64(lines) })
	testkit.Eventually(t, "its connection is closed", func() bool { return s.status().Clients == 1 })
}

func TestShareKeepsAPlaceForTheLiving(t *testing.T) {
	s := sharePort(t, "127.0.0.1:0")
	first := s.connect()
	for range maxClients - 1 {
		s.connect()
	}
	extra, err := net.Dial("tcp", s.status().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	_ = extra.SetReadDeadline(time.Now().Add(testkit.Patience))
	if _, err := extra.Read(make([]byte, 1)); err == nil {
		t.Error("one too many was given something")
	}
	testkit.Eventually(t, "it is counted", func() bool { return s.status().Refused == 1 })
	first.Close() // on a line that is silent, which shows only when the place is wanted
	testkit.Eventually(t, "another has its place", func() bool {
		conn, err := net.Dial("tcp", s.status().Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err = conn.Read(make([]byte, 1))
		return err != nil && !strings.Contains(err.Error(), "EOF") && !strings.Contains(err.Error(), "reset")
	})
	if st := s.status(); st.Clients > maxClients {
		t.Errorf("%+v", st)
	}
}

// Row 195: the address of a shared port is taken.
func TestShareWithoutAnAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := sharePort(t, taken.Addr().String())
	write(t, s.master, "{\"temp\":21.5}\n")
	testkit.Eventually(t, "the device is read", func() bool { return s.set.Status()[0].Read == 1 })
	testkit.Eventually(t, "it is said", func() bool { return strings.Contains(s.status().Err, "address already in use") })
	if text := s.log.String(); strings.Count(text, "share.failed") != 1 {
		t.Errorf("the log has\n%s", text)
	}
	if st := s.status(); st.Address != taken.Addr().String() || st.Clients != 0 {
		t.Errorf("%+v", st)
	}
}

func TestShareIsChecked(t *testing.T) {
	for address, good := range map[string]bool{
		"": true, "127.0.0.1:10110": true, ":10110": true, "[::1]:1": true, "localhost:10110": true,
		"10110": false, "127.0.0.1": false, "127.0.0.1:": false, "127.0.0.1:65536": false, "127.0.0.1:-1": false, "127.0.0.1:nmea": false,
	} {
		c := linesConfig("panel", "/dev/ttyUSB0")
		c.Share = address
		err := Kinds().Check(c)
		if (err == nil) != good || err != nil && !strings.Contains(fmt.Sprint(err), "share must be host:port") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
