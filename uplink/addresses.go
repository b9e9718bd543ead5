package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// RFC 8305, sections 3 and 5.
const (
	resolutionDelay = 50 * time.Millisecond  // IPv4 addresses wait so long for IPv6 ones
	attemptDelay    = 250 * time.Millisecond // between the starts of two attempts
)

// way is the search for a connection to one server: its addresses, of both kinds in turn,
// are tried with little time between them, each as far as TLS, and the
// first that stands is taken ("Happy Eyeballs", RFC 8305). An address that takes a
// connection and then says nothing keeps nobody waiting.
type way struct {
	d      *dialer
	ctx    context.Context
	cancel context.CancelFunc
	port   string
	proxy  *url.URL
	config *tls.Config // nil: no TLS
	asked  atomic.Bool // a server asked for a certificate of ours, and there is none
	wg     sync.WaitGroup

	found   chan lookup
	looking int      // lookups whose answer is not in
	queue   []string // addresses that were not tried yet
	running []*attempt
	worst   *dialError // that came furthest
}

// The kinds of addresses, as net.Resolver calls them.
const ip6, ip4 = "ip6", "ip4"

// lookup is the answer to the question for addresses of one kind.
type lookup struct {
	kind  string // ip6 or ip4
	addrs []netip.Addr
	err   error
}

// startWay begins a search. end has to be called after it.
func (d *dialer) startWay(ctx context.Context, target url.URL, proxy *url.URL, config *tls.Config) *way {
	host, port := target.Hostname(), target.Port()
	secure := target.Scheme == "wss" || target.Scheme == "https"
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[secure]
	}
	w := &way{d: d, port: port, proxy: proxy, found: make(chan lookup, 2)}
	w.ctx, w.cancel = context.WithCancel(ctx)
	if secure {
		w.config = config
		w.config.ServerName = host
		if config.GetClientCertificate == nil {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				w.asked.Store(true)
				return &tls.Certificate{}, nil
			}
		}
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && proxy == nil:
		w.add(lookup{addrs: []netip.Addr{ip}})
	case proxy != nil || d.o.Dial != nil && d.o.Lookup == nil: // who knows names itself
		w.queue = []string{net.JoinHostPort(host, port)}
	default:
		w.look(host)
	}
	return w
}

// look asks for the addresses of both kinds at once: a name server that swallows one
// of the questions must not hold back the answer to the other.
func (w *way) look(host string) {
	ask := w.d.o.Lookup
	if ask == nil {
		ask = net.DefaultResolver.LookupNetIP
	}
	w.looking = 2
	for _, kind := range []string{ip6, ip4} {
		w.wg.Go(func() {
			limited, cancel := context.WithTimeout(w.ctx, w.d.o.PhaseTimeout)
			defer cancel()
			addrs, err := ask(limited, kind, host)
			w.found <- lookup{kind, addrs, err}
		})
	}
}

// add puts addresses among those that wait, one of each kind in turn.
func (w *way) add(l lookup) {
	var fresh, mixed []string
	for _, a := range l.addrs {
		fresh = append(fresh, net.JoinHostPort(a.Unmap().String(), w.port))
	}
	first, second := fresh, w.queue
	if l.kind != ip6 {
		first, second = second, first
	}
	for ; len(first)+len(second) > 0; first, second = second, first {
		if len(first) > 0 {
			mixed, first = append(mixed, first[0]), first[1:]
		}
	}
	w.queue = mixed
	if l.err != nil {
		w.note(&dialError{phase: phaseConnect, err: l.err})
	}
}

// end joins what was started. The winner of the search is none of it any more.
func (w *way) end() {
	w.cancel()
	w.wg.Wait()
}

// leave gives up the attempts under way; their addresses have not failed.
func (w *way) leave() {
	for _, a := range w.running {
		a.leave()
		w.queue = append(w.queue, a.addr)
	}
	w.running = nil
}

// take gives the address to be tried next: the one that was good, if it is there, and the
// one that was not only when no other is left.
func (w *way) take() (addr string) {
	i := slices.Index(w.queue, w.d.prefer)
	if i < 0 {
		i = max(slices.IndexFunc(w.queue, func(a string) bool { return a != w.d.avoid }), 0)
	}
	addr = w.queue[i]
	w.queue = slices.Delete(w.queue, i, i+1)
	return addr
}

// start tries the next address.
func (w *way) start(done chan<- *attempt) {
	addr := w.take()
	w.d.beat(5 * w.d.o.PhaseTimeout)
	ctx, leave := context.WithCancel(w.ctx)
	a := &attempt{o: w.d.o, addr: addr, proxy: w.proxy, phase: phaseConnect, leave: leave}
	w.running = append(w.running, a)
	w.wg.Go(func() {
		if a.err = a.stand(ctx, w.config); a.err != nil && a.guard != nil {
			_ = a.guard.Close()
		}
		select {
		case done <- a:
		case <-ctx.Done():
			a.close()
		}
	})
}

// next gives the first attempt that stands. When there is none left it gives a nil attempt and
// the failure of the one that came furthest.
func (w *way) next() (*attempt, *dialError) {
	defer w.leave()
	done := make(chan *attempt)
	due := w.looking == 0
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if due && len(w.queue) > 0 {
			w.start(done)
			due = false
			timer.Reset(attemptDelay)
		}
		if w.looking+len(w.running)+len(w.queue) == 0 {
			return nil, w.worst
		}
		select {
		case l := <-w.found:
			w.looking--
			w.add(l)
			if len(w.running) > 0 {
				continue
			}
			if due = due || w.looking == 0 || l.kind == ip6 && l.err == nil; !due {
				timer.Reset(resolutionDelay)
			}
		case <-timer.C:
			due = true
		case a := <-done:
			w.running = slices.DeleteFunc(w.running, func(b *attempt) bool { return a == b })
			if a.err == nil {
				return a, nil
			}
			w.note(a.failed(a.err, nil))
			a.close()
			due = true
		case <-w.ctx.Done():
			return nil, &dialError{phase: phaseConnect, err: w.ctx.Err()}
		}
	}
}

// note remembers a failure if it says more than those before: it came further, or
// is not only that there is no address or no way of one kind.
func (w *way) note(e *dialError) {
	if w.worst == nil || e.phase > w.worst.phase || e.phase == w.worst.phase && w.worst.weak() {
		w.worst = e
	}
}

func (e *dialError) weak() bool {
	return errors.As(e.err, new(*net.DNSError)) || classifyNetwork(e.err) == failNoRoute
}
