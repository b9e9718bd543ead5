package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/web"
)

// metrics serves the status document as GET /metrics in the Prometheus text
// format. It is written here because the usual library is a quarter of this
// program's size. Nothing that happens to it touches the gateway: an address
// that cannot be had is logged once and tried again.
type metrics struct {
	addr    string
	status  func() status.Document
	gps     func() status.GPSDocument
	meters  *meters
	beyond  func() beyond        // what the status does not tell
	names   func() []string      // of this machine, besides its own; nil = it may be asked by any
	looked  func() time.Duration // since the parts were last looked at
	version string
	commit  string // of the program, "" = not known
	log     *slog.Logger
	retry   time.Duration
	door    func(error) (changed bool) // hears whether they are served
	since   atomic.Int64               // when the gateway started, Unix seconds, as last told
}

// Limits of the metrics, whose peer is one collector or two. A connection
// serves one request, so that an idle one keeps nobody out.
const (
	metricsReadTimeout = 5 * time.Second
	metricsConnections = 4
)

func (g *Gateway) metrics(addr string) *metrics {
	return &metrics{addr: addr, status: g.Status, gps: g.sky, meters: &g.meters, beyond: g.beyond, names: func() []string { return g.cfg.Load().Web.Names }, looked: g.sinceLook, version: g.opt.Version, commit: revision(), retry: doorRetry,
		log: g.opt.Log.With("component", "metrics"), door: func(err error) bool { return g.doors.set(doorMetrics, err) }}
}

// run listens and serves until ctx ends, at first on l if there is one. An empty address
// means never.
func (m *metrics) run(ctx context.Context, l net.Listener) {
	for m.addr != "" && ctx.Err() == nil {
		var err error
		if l == nil {
			l, err = new(net.ListenConfig).Listen(ctx, "tcp", m.addr)
		}
		if err == nil {
			m.door(nil)
			m.log.Info("metrics are served", "event", "metrics.started", "addr", l.Addr().String())
			err = m.serve(ctx, l)
			l = nil
		}
		if ctx.Err() != nil {
			return
		}
		if m.door(err) {
			m.log.Warn("metrics are not served now; the gateway works without them and tries again every minute; set listen in [metrics] to another address, or to \"\" for off",
				"event", "metrics.failed", "addr", m.addr, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(m.retry):
		}
	}
}

// serve answers on l until ctx ends or l fails; it never returns nil. A request under way gets a
// second.
func (m *metrics) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           busy(m),
		ConnContext:       withConn,
		ReadTimeout:       metricsReadTimeout,
		ReadHeaderTimeout: metricsReadTimeout,
		WriteTimeout:      controlWriteTimeout,
		MaxHeaderBytes:    controlMaxHeader,
		ErrorLog:          slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
	}
	server.SetKeepAlivesEnabled(false)
	failed := make(chan error, 1)
	go func() {
		failed <- server.Serve(&fewListener{Listener: l, limit: metricsConnections})
	}()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("cannot take connections: %w", err), server.Close())
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(patience) != nil {
		server.Close()
	}
	return <-failed // that it was closed
}

// ServeHTTP answers GET /metrics and the health of /healthz/, and nothing else. A request
// for another host is one that a page of somebody's browser had made, whose name was let
// to lead here; behind a loopback address every other host is. Elsewhere an address says
// nothing: no name was let, and that of a forwarded port is not this machine's. Browsers
// always say a host.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if config.ThisMachine(m.addr) && !config.ThisMachine(r.Host) {
		http.Error(w, "on this address metrics are for this machine alone", http.StatusForbidden)
		return
	}
	if host := (&url.URL{Host: r.Host}).Hostname(); host != "" && net.ParseIP(host) == nil && m.names != nil && !web.Known(r, m.names()) {
		http.Error(w, "this gateway is not asked by that name; names says in [web] which others it has", http.StatusMisdirectedRequest)
		return
	}
	code, kind, text := http.StatusOK, metricsType, []byte(nil)
	switch {
	case r.Method != http.MethodGet:
		http.NotFound(w, r)
		return
	case r.URL.Path == "/metrics":
		s := m.status()
		text = m.page(&s)
	default:
		h, ok := m.health(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		code, kind, text = h.answer(r.URL.Query().Has("verbose"))
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	if _, err := w.Write(text); err != nil {
		m.log.Debug("metrics not delivered", "event", "metrics.answer-failed", "err", err)
	}
}

// page is everything: the status document and what is told of the process.
func (m *metrics) page(s *status.Document) []byte {
	e := exposition{b: make([]byte, 0, 8<<10)}
	e.family("portti_build_info", gauge, "Always 1; the labels say which program this is.")
	e.sample(1, "version", m.version, "revision", m.commit, "goversion", runtime.Version(), "goarch", runtime.GOARCH)
	e.family("portti_gateway_info", gauge, "Always 1; the labels say which gateway this is, which configuration it runs by, and what its operator wrote in labels.")
	info := []string{"id", s.Gateway.ID, "name", s.Gateway.Name, "config", s.Gateway.Config}
	for _, name := range slices.Sorted(maps.Keys(s.Gateway.Labels)) {
		info = append(info, name, s.Gateway.Labels[name])
	}
	e.sample(1, info...)
	started := m.started(s)
	e.one("portti_start_time_seconds", gauge, "When the gateway started.", float64(started))
	e.one("go_goroutines", gauge, "Goroutines that exist.", float64(runtime.NumGoroutine()))
	e.process()
	if m.gps != nil {
		doc := m.gps()
		e.gps(&doc)
	}
	if m.meters != nil {
		e.meters(m.meters)
		b := m.beyond()
		e.ends = b.link.Ends
		e.one("portti_config_last_reload_success_timestamp_seconds", gauge, "When a configuration was last put in force, the start included.", float64(started)+b.loaded.Seconds())
		e.beyond(&b)
	}
	e.document(s)
	return e.b
}

// started is when the gateway started by the present wall clock, which may
// have been set since. It moves only when that was a step, so that it does not
// look like a restart.
func (m *metrics) started(s *status.Document) int64 {
	now := int64(float64(s.Time.UnixMilli())/1000 - s.UptimeS)
	was := m.since.Load()
	if was == 0 || now < was-2 || now > was+2 {
		m.since.Store(now)
		return now
	}
	return was
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
