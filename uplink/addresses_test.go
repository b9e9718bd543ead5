package uplink

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portti/cross/testkit"
)

// house is one name with several addresses of this machine, at one port.
type house struct {
	port string
	at   []*host
}

// host is what answers at one address.
type host struct {
	addr     netip.Addr
	accepted atomic.Int32
	upgrades atomic.Int32 // requests seen
	serve    func(h *host, c net.Conn)
}

// newHouse listens at the addresses; some machines lack IPv6.
func newHouse(t *testing.T, serve map[string]func(h *host, c net.Conn)) *house {
	t.Helper()
	for range 50 {
		if h, ok := tryHouse(t, serve); ok {
			return h
		}
	}
	t.Skip("this machine has not all of the addresses 127.0.0.1 to 127.0.0.3 and ::1")
	return nil
}

func tryHouse(t *testing.T, serve map[string]func(h *host, c net.Conn)) (*house, bool) {
	h := &house{port: "0"}
	var all []net.Listener
	for addr, f := range serve {
		ln, err := net.Listen("tcp", net.JoinHostPort(addr, h.port))
		if err != nil {
			for _, l := range all {
				l.Close()
			}
			return nil, false
		}
		_, h.port, _ = net.SplitHostPort(ln.Addr().String())
		all = append(all, ln)
		h.at = append(h.at, &host{addr: netip.MustParseAddr(addr), serve: f})
	}
	for i, ln := range all {
		h.at[i].listen(t, ln)
	}
	return h, true
}

func (h *host) listen(t *testing.T, ln net.Listener) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			h.accepted.Add(1)
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() { defer c.Close(); h.serve(h, c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

func (h *house) of(addr string) *host {
	for _, x := range h.at {
		if x.addr.String() == addr {
			return x
		}
	}
	return nil
}

// link runs a link to the house; the name has the addresses in this order. A kind that
// is not there at all is not found.
func (h *house) link(t *testing.T, o Options, addrs ...string) *Link {
	t.Helper()
	o.Lookup = lookupOf(addrs)
	o.URL, o.Insecure = o.URL+"://house.example:"+h.port+"/", true
	o.BackoffBase, o.BackoffCap, o.Spread = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	l := newLink(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, newFakeSource(t)) }()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

func lookupOf(addrs []string) func(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return func(_ context.Context, network, host string) ([]netip.Addr, error) {
		var all []netip.Addr
		for _, a := range addrs {
			if ip := netip.MustParseAddr(a); ip.Is4() == (network == ip4) {
				all = append(all, ip)
			}
		}
		if len(all) == 0 {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return all, nil
	}
}

// What can answer at an address.

func mutely(_ *host, c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func answers(answer string) func(*host, net.Conn) {
	return func(h *host, c net.Conn) {
		w := newWire(c)
		if _, err := w.request(); err == nil {
			h.upgrades.Add(1)
			_ = w.say(answer)
		}
	}
}

func silentAtTheUpgrade(h *host, c net.Conn) {
	if _, err := newWire(c).request(); err == nil {
		h.upgrades.Add(1)
		mutely(h, c)
	}
}

func politely(h *host, c net.Conn) {
	w := newWire(c)
	if w.accept() == nil {
		h.upgrades.Add(1)
		w.pump(func([]byte) bool { return true })
	}
}

func overTLS(config *tls.Config, serve func(*host, net.Conn)) func(*host, net.Conn) {
	return func(h *host, c net.Conn) { serve(h, tls.Server(c, config)) }
}

// Row 92: whatever one address of a name does, another one that is good is reached in
// the same attempt, without its phases being waited for where others can be tried meanwhile.
func TestOneAddressIsBad(t *testing.T) {
	ca := newAuthority(t, "ours")
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	write(t, caFile, string(ca.pem))
	now := time.Now()
	good := &tls.Config{Certificates: []tls.Certificate{ca.server(t, "house.example", now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0))}}
	other := &tls.Config{Certificates: []tls.Certificate{ca.server(t, "another.example", now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0))}}
	const long, short = testkit.Patience, 300 * time.Millisecond
	for name, c := range map[string]struct {
		scheme    string
		bad, good string
		is        func(*host, net.Conn)
		phase     time.Duration // the limit of one: long where it must not be waited for
	}{
		"IPv6 takes TCP and then nothing":    {"wss", "::1", "127.0.0.1", mutely, long},
		"IPv4 takes TCP and then nothing":    {"wss", "127.0.0.1", "127.0.0.2", mutely, long},
		"resets in TLS":                      {"wss", "127.0.0.1", "127.0.0.2", func(_ *host, c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, long},
		"another server's certificate":       {"wss", "127.0.0.1", "127.0.0.2", overTLS(other, politely), long},
		"TLS, then silent at the upgrade":    {"wss", "127.0.0.1", "127.0.0.2", overTLS(good, silentAtTheUpgrade), short},
		"silent at the upgrade":              {"ws", "127.0.0.1", "127.0.0.2", silentAtTheUpgrade, short},
		"IPv6 is silent at the upgrade":      {"ws", "::1", "127.0.0.1", silentAtTheUpgrade, short},
		"ends in the upgrade":                {"ws", "127.0.0.1", "127.0.0.2", func(h *host, c net.Conn) { _, _ = newWire(c).request() }, long},
		"answers with something else":        {"ws", "127.0.0.1", "127.0.0.2", answers("SSH-2.0-OpenSSH_9.9\r\n"), long},
		"its back end is away":               {"ws", "127.0.0.1", "127.0.0.2", answers("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), long},
		"an answer that does not fit HTTP/1": {"ws", "127.0.0.1", "127.0.0.2", answers("\x00\x00\x12\x04\x00\x00\x00\x00\x00"), long},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := politely
			if c.scheme == "wss" {
				answer = overTLS(good, politely)
			}
			h := newHouse(t, map[string]func(*host, net.Conn){c.bad: c.is, c.good: answer})
			l := h.link(t, Options{URL: c.scheme, CAFile: caFile, PhaseTimeout: c.phase}, c.bad, c.good)
			testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
			if st := l.Status(); st.Failures != 0 || h.of(c.bad).accepted.Load() == 0 {
				t.Errorf("the bad address was tried %d times; %+v", h.of(c.bad).accepted.Load(), st)
			}
		})
	}
}

// Row 92: what the server itself says counts for all of its addresses, and the token
// goes to one of them at a time.
func TestAnswersThatNoOtherAddressIsAskedAfter(t *testing.T) {
	for _, status := range []string{"401 Unauthorized", "403 Forbidden", "404 Not Found", "302 Found\r\nLocation: https://x/",
		"503 Service Unavailable\r\nRetry-After: 1"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			answer := answers("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n")
			h := newHouse(t, map[string]func(*host, net.Conn){"127.0.0.1": answer, "127.0.0.2": answer})
			l := h.link(t, Options{URL: "ws"}, "127.0.0.1", "127.0.0.2")
			testkit.Eventually(t, "three attempts have failed", func() bool { return l.Status().Failures >= 3 })
			if n := int64(h.at[0].upgrades.Load() + h.at[1].upgrades.Load()); n > int64(l.Status().Attempts) {
				t.Errorf("%d upgrades in %d attempts", n, l.Status().Attempts)
			}
		})
	}
}

// asking counts the connections on which something was said and that are not closed.
type asking struct {
	net.Conn
	now  *atomic.Int32
	most *atomic.Int32
	once sync.Once
	over sync.Once
}

func (a *asking) Write(p []byte) (int, error) {
	a.once.Do(func() { a.most.Store(max(a.most.Load(), a.now.Add(1))) })
	return a.Conn.Write(p)
}

func (a *asking) Close() error {
	a.over.Do(func() {
		said := true
		a.once.Do(func() { said = false })
		if said {
			a.now.Add(-1)
		}
	})
	return a.Conn.Close()
}

// Row 92: while one address keeps an upgrade waiting no other is asked for one.
func TestOneUpgradeAtATime(t *testing.T) {
	h := newHouse(t, map[string]func(*host, net.Conn){"127.0.0.1": silentAtTheUpgrade, "127.0.0.2": silentAtTheUpgrade, "127.0.0.3": silentAtTheUpgrade})
	var now, most atomic.Int32
	o := Options{URL: "ws", PhaseTimeout: 100 * time.Millisecond, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &asking{Conn: c, now: &now, most: &most}, err
	}}
	l := h.link(t, o, "127.0.0.1", "127.0.0.2", "127.0.0.3")
	testkit.Eventually(t, "an attempt has failed", func() bool { return l.Status().Failures >= 1 })
	if st := l.Status(); st.Problem != ProblemTimeout || most.Load() != 1 {
		t.Errorf("%d upgrades at once; %s: %s", most.Load(), st.Problem, st.LastError)
	}
	for _, x := range h.at {
		testkit.Eventually(t, x.addr.String()+" was asked", func() bool { return x.upgrades.Load() > 0 })
	}
}

// Row 92: an address whose server ends each connection gives way to the next one,
// and one to which a connection has lasted stays the first.
func TestAddressesInTurn(t *testing.T) {
	failing := func(h *host, c net.Conn) {
		w := newWire(c)
		if w.accept() == nil {
			h.upgrades.Add(1)
			w.close(1011, "no back end")
		}
	}
	h := newHouse(t, map[string]func(*host, net.Conn){"127.0.0.1": failing, "127.0.0.2": politely})
	l := h.link(t, Options{URL: "ws"}, "127.0.0.1", "127.0.0.2")
	testkit.Eventually(t, "the link is up at the second address", func() bool { return h.of("127.0.0.2").upgrades.Load() > 0 && l.Status().State == Online })
	if n := h.of("127.0.0.1").upgrades.Load(); n != 1 {
		t.Errorf("the first address was asked %d times", n)
	}
}

// Row 92: a name server that answers one of the two questions only does not keep
// the link from the addresses that it gave.
func TestOneQuestionIsSwallowed(t *testing.T) {
	h := newHouse(t, map[string]func(*host, net.Conn){"127.0.0.1": politely})
	o := Options{URL: "ws://house.example:" + h.port, Insecure: true, PhaseTimeout: testkit.Patience}
	o.Lookup = func(ctx context.Context, network, _ string) ([]netip.Addr, error) {
		if network == ip6 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	l := newLink(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, newFakeSource(t)) }()
	testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
	cancel()
	<-done
}

// Row 92: the same holds for the server that gives out tokens.
func TestOneAddressOfATokenServerIsBad(t *testing.T) {
	ca := newAuthority(t, "ours")
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	write(t, caFile, string(ca.pem))
	good := &tls.Config{Certificates: []tls.Certificate{ca.server(t, "house.example", time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))}}
	const token = `{"access_token":"abc","token_type":"bearer"}`
	h := newHouse(t, map[string]func(*host, net.Conn){"127.0.0.1": mutely, "127.0.0.2": overTLS(good,
		answers(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(token), token)))})
	source, err := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: "https://house.example:" + h.port + "/token", ClientID: "gw", Secret: staticToken(NewSecret("s3cret"))},
		Options{CAFile: caFile, Lookup: lookupOf([]string{"127.0.0.1", "127.0.0.2"}), PhaseTimeout: testkit.Patience})
	if err != nil {
		t.Fatal(err)
	}
	got, err := source.Token(t.Context())
	if err != nil || got.Reveal() != "abc" {
		t.Errorf("%v, %v", got, err)
	}
}

// The order of RFC 8305, section 4: the kinds in turn, whichever answer came first.
func TestOrderOfAddresses(t *testing.T) {
	six := lookup{kind: ip6, addrs: []netip.Addr{netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fd00::3")}}
	four := lookup{kind: ip4, addrs: []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("192.0.2.2")}}
	for _, c := range []struct {
		prefer, avoid string
		want          string
	}{
		{"", "", "[fd00::1]:1 192.0.2.1:1 [fd00::2]:1 192.0.2.2:1 [fd00::3]:1"},
		{"192.0.2.2:1", "", "192.0.2.2:1 [fd00::1]:1 192.0.2.1:1 [fd00::2]:1 [fd00::3]:1"},
		{"", "[fd00::1]:1", "192.0.2.1:1 [fd00::2]:1 192.0.2.2:1 [fd00::3]:1 [fd00::1]:1"},
	} {
		for _, order := range [][]lookup{{six, four}, {four, six}} {
			w := &way{d: &dialer{prefer: c.prefer, avoid: c.avoid}, port: "1"}
			for _, l := range order {
				w.add(l)
			}
			var all []string
			for len(w.queue) > 0 {
				all = append(all, w.take())
			}
			if got := strings.Join(all, " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		}
	}
}
