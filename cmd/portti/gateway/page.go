package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/web"
)

// Limits of the local page's server, whose peers are a few browsers.
const (
	pageHeaderTimeout = 5 * time.Second
	pageWriteTimeout  = 10 * time.Second // of one write of an event stream: less, see web
	pageIdle          = time.Minute
	pageMaxHeader     = 16 << 10
	pageConnections   = 32
)

// pageDoor is where the local page is served, or tried to be. Its address changes with
// the configuration; who is signed in stays so.
type pageDoor struct {
	page *web.Page
	log  *slog.Logger
	set  func(error) (changed bool) // hears whether it is open
	cert func() (tls.Certificate, error)

	mu      sync.Mutex
	addr    string // as configured, "" = nowhere
	ctx     context.Context
	stop    context.CancelFunc
	served  sync.WaitGroup
	address net.Addr // while it is served
}

func (g *Gateway) newPageDoor(api http.Handler) *pageDoor {
	log := g.opt.Log.With("component", "web")
	page := web.New(web.Options{ID: g.id, API: api, Status: g.Status, History: func() status.History { return g.History(false) }, GPS: g.sky, Track: g.Track, Stuck: g.stuck, Log: log,
		Names: func() []string { return g.cfg.Load().Web.Names }, Settings: g.settings, Logs: g.Logs, Acts: pageActs{g}, Bundle: g.opt.Bundle, Export: g.export})
	return &pageDoor{page: page, log: log, set: func(err error) bool { return g.doors.set(doorPage, err) },
		cert: func() (tls.Certificate, error) { return pageCertificate(g.cfg.Load().Paths.State, g.id, log) }}
}

// open serves the page on addr until ctx ends, or another open takes its place.
func (d *pageDoor) open(ctx context.Context, addr string) {
	d.close()
	d.mu.Lock()
	defer d.mu.Unlock()
	inner, stop := context.WithCancel(ctx)
	d.addr, d.ctx, d.stop = addr, ctx, stop
	if d.set(nil); addr != "" {
		d.served.Go(func() { d.run(inner, addr) })
	}
}

// move is open with the context of before.
func (d *pageDoor) move(addr string) {
	d.mu.Lock()
	ctx, same := d.ctx, d.addr == addr
	d.mu.Unlock()
	if ctx != nil && !same {
		d.open(ctx, addr)
	}
}

func (d *pageDoor) close() {
	d.mu.Lock()
	if d.stop != nil {
		d.stop()
	}
	d.mu.Unlock()
	d.served.Wait()
}

// run listens and serves until ctx ends, and tries again where it cannot.
func (d *pageDoor) run(ctx context.Context, addr string) {
	for {
		err := d.serve(ctx, addr)
		if ctx.Err() != nil {
			return
		}
		if d.set(err) {
			d.log.Warn("the local page is not served now; the gateway works without it and tries again every minute; set listen in [web] to another address, or to \"\" for off",
				"event", "web.failed", "addr", addr, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(doorRetry):
		}
	}
}

// serve answers until ctx ends, or the listener fails.
func (d *pageDoor) serve(ctx context.Context, addr string) error {
	secure := !config.ThisMachine(addr) // for this machine alone there is no need of TLS
	var cert tls.Certificate
	if secure {
		var err error
		if cert, err = d.cert(); err != nil {
			return err
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	d.note(l.Addr())
	defer d.note(nil)
	d.set(nil)
	d.log.Info("the local page is served", "event", "web.started", "addr", l.Addr().String(), "https", secure)
	l = &fewListener{Listener: l, limit: pageConnections}
	if secure {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	server := &http.Server{
		Handler:           busy(d.page.Handler(secure)),
		ConnContext:       withConn,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // which ends the event streams
		ReadHeaderTimeout: pageHeaderTimeout,
		WriteTimeout:      pageWriteTimeout,
		IdleTimeout:       pageIdle,
		MaxHeaderBytes:    pageMaxHeader,
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("cannot take connections: %w", err), server.Close())
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(patience) != nil {
		_ = server.Close()
	}
	return <-failed
}

func (d *pageDoor) note(a net.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.address = a
}

// where is the address that the page has at this moment; nil = it is not served.
func (d *pageDoor) where() (configured string, now net.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addr, d.address
}

// PageLink is how a person gets in.
type PageLink struct {
	// URLs lead to the page and sign in, once, the best first: of the machine's addresses,
	// or of loopback alone.
	URLs        []string `json:"urls"`
	Role        web.Role `json:"role"`
	GoodForS    float64  `json:"good_for_s"`
	Local       bool     `json:"local"` // only this machine reaches it
	Host        string   `json:"host"`  // the machine's name
	Port        string   `json:"port"`
	Fingerprint string   `json:"fingerprint,omitempty"` // SHA-256 of its certificate, as browsers show it
}

// link makes one. It is an error where there is no page to lead to.
func (d *pageDoor) link(role web.Role, why string) (*PageLink, error) {
	configured, now := d.where()
	switch {
	case configured == "":
		return nil, errors.New("the page is off. Switch it on: sudo portti web enable")
	case now == nil:
		return nil, fmt.Errorf("the page cannot be served on %s now: %s", configured, cmp.Or(why, "it is about to be"))
	}
	_, port, err := net.SplitHostPort(now.String())
	if err != nil {
		return nil, fmt.Errorf("cannot tell where the page is: %w", err)
	}
	host, _ := os.Hostname()
	l := &PageLink{Role: role, GoodForS: web.LinkLife.Seconds(), Local: config.ThisMachine(configured), Host: host, Port: port}
	path := d.page.Invite(role)
	if l.Local {
		l.URLs = []string{"http://localhost:" + port + path}
		return l, nil
	}
	cert, err := d.cert()
	if err != nil {
		return nil, err
	}
	l.Fingerprint = web.Fingerprint(cert)
	for _, name := range reachable(configured, host) {
		l.URLs = append(l.URLs, "https://"+net.JoinHostPort(name, port)+path)
	}
	return l, nil
}

// reachable are the names by which others find what listens on addr: its host, or where it
// listens everywhere the machine's addresses, IPv4 first, and its name.
func reachable(addr, host string) []string {
	name, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(name); name != "" && (ip == nil || !ip.IsUnspecified()) {
		return []string{name}
	}
	var four, six []string
	for _, ip := range ownAddresses() {
		if ip.To4() != nil {
			four = append(four, ip.String())
		} else {
			six = append(six, ip.String())
		}
	}
	all := append(four, six...)
	if short, _, _ := strings.Cut(host, "."); short != "" {
		all = append(all, short+".local")
	}
	return all
}

// ownAddresses are those of this machine that others reach.
func ownAddresses() []net.IP {
	var ips []net.IP
	all, _ := net.InterfaceAddrs() // none, where the kernel does not say
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}
