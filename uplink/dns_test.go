package uplink

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"portti/cross/testkit"
)

const (
	dnsA, dnsAAAA              = 1, 28
	dnsOK, dnsServFail, dnsNXD = 0, 2, 3
	dnsSilent                  = -1
)

// nameServer answers every question on a loopback port as it is told.
type nameServer struct {
	conn net.PacketConn

	mu        sync.Mutex
	asking    []net.Conn // the resolver's ends; it leaves them open for 5 s
	over      bool
	code      int
	addresses []netip.Addr
	questions int
}

func newNameServer(t *testing.T, code int) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, code: code}
	done := make(chan struct{})
	go func() { defer close(done); s.serve() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return s
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := s.answer(buf[:n]); answer != nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

// answer is RFC 1035: the header, the question as it came, the addresses.
func (s *nameServer) answer(q []byte) []byte {
	end := 12
	for end < len(q) && q[end] != 0 {
		end += int(q[end]) + 1
	}
	if end += 5; end > len(q) {
		return nil
	}
	kind := binary.BigEndian.Uint16(q[end-4:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions++
	if s.code == dnsSilent {
		return nil
	}
	out := append([]byte{}, q[:end]...)
	out[2], out[3] = 0x81, 0x80|byte(s.code)
	copy(out[4:12], []byte{0, 1, 0, 0, 0, 0, 0, 0})
	for _, a := range s.addresses {
		if s.code == dnsOK && a.Is4() == (kind == dnsA) && (kind == dnsA || kind == dnsAAAA) {
			out[7]++
			out = append(out, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(a.BitLen()/8))
			out = append(out, a.AsSlice()...)
		}
	}
	return out
}

func (s *nameServer) set(code int, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code, s.addresses = code, nil
	for _, a := range addresses {
		s.addresses = append(s.addresses, netip.MustParseAddr(a))
	}
}

func (s *nameServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.questions
}

// named runs a link to ingest.example:port with s as the only name server.
func (s *nameServer) named(t *testing.T, port string) *Link {
	t.Helper()
	o := Options{URL: "ws://ingest.example:" + port + "/", Insecure: true, Auth: AuthNone, PhaseTimeout: 700 * time.Millisecond,
		BackoffBase: 50 * time.Millisecond, BackoffCap: 50 * time.Millisecond, Spread: 50 * time.Millisecond}
	o.setDefaults()
	o.Lookup = (&net.Resolver{PreferGo: true, Dial: s.dial}).LookupNetIP
	l := newLink(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, newFakeSource(t)) }()
	t.Cleanup(func() { cancel(); <-done; s.hangUp() })
	return l
}

func (s *nameServer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking = append(s.asking, c); s.over {
		c.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// hangUp ends what the resolver still waits for after nobody wants to know.
func (s *nameServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, c := range s.asking {
		c.Close()
	}
}

// Row 32: whatever the name server does, it is named and asked anew at each
// attempt, so a name that is mended needs nothing else.
func TestNamesThatCannotBeResolved(t *testing.T) {
	_, port, _ := net.SplitHostPort(listen(t, polite))
	for name, code := range map[string]int{"not found": dnsNXD, "server failure": dnsServFail, "no answer": dnsSilent, "no address": dnsOK} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newNameServer(t, code)
			l := s.named(t, port)
			testkit.Eventually(t, "two attempts have failed", func() bool { return l.Status().Failures >= 2 })
			if st := l.Status(); st.Problem != ProblemDNS {
				t.Errorf("status %+v", st)
			}
			before := s.asked()
			testkit.Eventually(t, "the name was asked for again", func() bool { return s.asked() > before })
			s.set(dnsOK, "127.0.0.1")
			testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
		})
	}
}

// Row 32: an IPv6 address that leads nowhere does not keep the link from
// IPv4; alone it is no matter of the name.
func TestBrokenIPv6(t *testing.T) {
	_, port, _ := net.SplitHostPort(listen(t, polite))
	s := newNameServer(t, dnsOK)
	s.set(dnsOK, "100::1") // the discard prefix of RFC 6666
	l := s.named(t, port)
	testkit.Eventually(t, "an attempt has failed", func() bool { return l.Status().Failures >= 1 })
	if p := l.Status().Problem; p != ProblemNoRoute && p != ProblemTimeout && p != ProblemRefused {
		t.Errorf("status %+v", l.Status())
	}
	s.set(dnsOK, "100::1", "127.0.0.1")
	testkit.Eventually(t, "the link is up over IPv4", func() bool { return l.Status().State == Online })
}

// Row 32: the server moves to another address under the same name.
func TestServerMovesUnderItsName(t *testing.T) {
	serve := func(ln net.Listener) (stop func()) {
		var mu sync.Mutex
		var open []net.Conn
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				open = append(open, c)
				mu.Unlock()
				wg.Go(func() { defer c.Close(); polite(1, newWire(c)) })
			}
		})
		return func() {
			ln.Close()
			mu.Lock()
			for _, c := range open {
				c.Close()
			}
			mu.Unlock()
			wg.Wait()
		}
	}
	first, second := twoAddresses(t)
	stopFirst, stopSecond := serve(first), serve(second)
	_, port, _ := net.SplitHostPort(first.Addr().String())
	s := newNameServer(t, dnsOK)
	s.set(dnsOK, "127.0.0.1")
	l := s.named(t, port)
	defer stopSecond()
	testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
	s.set(dnsOK, "127.0.0.2")
	stopFirst()
	testkit.Eventually(t, "the link is up at the other address", func() bool { st := l.Status(); return st.State == Online && st.Connects >= 2 })
}

// twoAddresses listens on one port of two addresses of this machine.
func twoAddresses(t *testing.T) (first, second net.Listener) {
	t.Helper()
	for range 50 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(a.Addr().String())
		b, err := net.Listen("tcp", "127.0.0.2:"+port)
		if err == nil {
			return a, b
		}
		a.Close()
	}
	t.Skip("this machine has no address 127.0.0.2")
	return nil, nil
}
