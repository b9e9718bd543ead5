package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/netcheck"
	"portti/cmd/portti/status"
	"portti/systemd"
	"portti/uplink"
)

// netcheckHost is this machine and its network, for the first server of cfg. limit is
// that of a stage.
func netcheckHost(machine fs.FS, cfg *config.Config, running *status.Document, limit time.Duration) (*netcheck.Host, error) {
	prober, err := gateway.NewProber(cfg, gateway.Options{Version: buildInfo().Version, Built: builtAt()}, nil)
	if err != nil {
		return nil, err
	}
	return netcheckBy(prober, machine, cfg, running, limit)
}

func netcheckBy(prober *gateway.Prober, machine fs.FS, cfg *config.Config, running *status.Document, limit time.Duration) (*netcheck.Host, error) {
	server, err := url.Parse(cfg.Uplink.Addresses()[0])
	if err != nil {
		return nil, errors.New("the server's address cannot be read")
	}
	h := &netcheck.Host{
		Server: server, Root: machine, Now: time.Now, Clock: prober.Clock, Addresses: addresses, Lookup: lookup, Running: running, Limit: limit,
		Posts: cfg.Uplink.Engine == uplink.EngineHTTP, NoLogin: noLogin(cfg), Anonymous: cfg.Uplink.Auth == uplink.AuthNone && server.User == nil, Private: cfg.Uplink.CAFile != "",
	}
	if running != nil && running.Link.Reached && running.Link.URL == config.MaskURL(server.String()) {
		prober.Reached()
	}
	if s := running; s != nil { // it knows of satellites and of the server too
		h.Clock = func() (bool, string, string) { return s.Clock.Trusted, s.Clock.Source, s.Clock.Reason }
	}
	h.Proxy, h.ProxyFrom, h.ProxyErr = proxyOf(machine, cfg, server)
	how := gateway.ProbeHow{Proxy: "none", Limit: limit}
	if h.Proxy != nil {
		how.Proxy = h.Proxy.String()
	} else {
		h.Get = plainPage(limit)
	}
	h.Dial = func(ctx context.Context, addr string) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	h.Probe = func(ctx context.Context, addr string, login, small bool, tell func(uplink.Step)) error {
		how := how
		how.Addr, how.Login, how.Small = addr, login, small
		return prober.Probe(ctx, how, tell)
	}
	h.Explain = func(problem, says string) netcheck.Advice {
		t := prober.Explain(problem, says)
		return netcheck.Advice{Code: t.Code, Sentence: t.Says, Actions: t.Advice, Commands: t.Commands}
	}
	return h, nil
}

// addresses are those of the interfaces that are up.
func addresses() ([]netcheck.Address, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var found []netcheck.Address
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				found = append(found, netcheck.Address{Interface: i.Name, Prefix: p})
			}
		}
	}
	return found, nil
}

// lookup asks one name server, or the machine's resolver.
func lookup(ctx context.Context, server, host string) ([]netip.Addr, error) {
	r := net.DefaultResolver
	if server != "" {
		r = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(server, "53"))
		}}
	}
	return r.LookupNetIP(ctx, "ip", host)
}

// plainPage asks for the first page of a host, as the login page of a network expects it.
func plainPage(limit time.Duration) func(context.Context, string) (netcheck.Answer, error) {
	return func(ctx context.Context, host string) (netcheck.Answer, error) {
		client := http.Client{Timeout: min(limit, 5*time.Second), Transport: &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
		if err != nil {
			return netcheck.Answer{}, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return netcheck.Answer{}, err
		}
		defer resp.Body.Close()
		a := netcheck.Answer{Status: resp.StatusCode, HTML: strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")}
		if u, err := resp.Location(); err == nil {
			a.Location = u.Hostname()
		}
		return a, nil
	}
}

// noLogin says why nobody can log in as this gateway here, or should not; "" = somebody
// can.
func noLogin(cfg *config.Config) string {
	u := cfg.Uplink
	needs := u.Auth == uplink.AuthHeader || u.Auth == uplink.AuthQuery || u.Auth == uplink.AuthFirstMessage
	file := u.TokenFile
	switch {
	case !needs:
		return ""
	case u.TokenSource == config.TokenFromOAuth, u.TokenSource == config.TokenFromLogin:
		return "the login is fetched by the gateway itself, and another one could end its own: portti status shows it"
	case u.TokenSource == config.TokenFromJWT:
		file = cfg.Paths.KeyFile()
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			return "this gateway has made no key yet: sudo portti login"
		}
	case u.Credential != "":
		file = filepath.Join("/run/credentials", systemd.Name+".service", u.Credential)
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			return "the token is a credential of the service, and there only while that runs"
		}
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrPermission) {
		return "only root and the service may read the token: sudo portti netcheck"
	}
	if err == nil {
		_ = f.Close()
	}
	return ""
}

// proxyOf is the proxy that the gateway goes through, and where that stands. What is in the
// environment counts as the service has it, or as this process where there is no service.
func proxyOf(machine fs.FS, cfg *config.Config, server *url.URL) (proxy *url.URL, from string, err error) {
	setting := cfg.Uplink.Proxy
	switch setting {
	case "none":
		return nil, "", nil
	case "environment":
		environ, from := serviceEnviron(machine)
		name := ""
		if name, setting = proxyVariable(environ, server); setting == "" {
			return nil, "", nil
		}
		u, err := parseProxy(setting)
		return u, name + " in the environment of " + from, err
	}
	if config.ThisMachine(server.Hostname()) {
		return nil, "", nil
	}
	u, err := parseProxy(setting)
	return u, "proxy in [uplink]", err
}

// parseProxy never quotes the setting, which may hold a password.
func parseProxy(setting string) (*url.URL, error) {
	if !strings.Contains(setting, "://") {
		setting = "http://" + setting
	}
	u, err := url.Parse(setting)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the proxy setting is malformed")
	}
	return u, nil
}

// serviceEnviron is the environment of the service, and whose it is for people.
func serviceEnviron(machine fs.FS) (environ []string, whose string) {
	if view, ok := systemd.ViewOf(machine); ok && view.Config != "" {
		return view.Env, "the service"
	}
	return os.Environ(), "this shell"
}

// proxyVariable is the variable that names the proxy for a server, and its value, by the
// rules that the link goes by; "" = none does.
func proxyVariable(environ []string, server *url.URL) (name, value string) {
	get := func(upper string) (string, string) {
		for _, n := range []string{upper, strings.ToLower(upper)} {
			for _, e := range environ {
				if v, ok := strings.CutPrefix(e, n+"="); ok && v != "" {
					return n, v
				}
			}
		}
		return "", ""
	}
	upper := "HTTP_PROXY"
	if server.Scheme == "wss" || server.Scheme == "https" {
		upper = "HTTPS_PROXY"
	}
	name, value = get(upper)
	_, without := get("NO_PROXY")
	if value == "" || excepted(server, without) {
		return "", ""
	}
	return name, value
}

// excepted says whether NO_PROXY names a server: *, a host, a domain, an address or a range.
func excepted(server *url.URL, list string) bool {
	host := strings.ToLower(server.Hostname())
	ip, ipErr := netip.ParseAddr(host)
	if config.ThisMachine(host) {
		return true
	}
	for item := range strings.SplitSeq(strings.ToLower(list), ",") {
		item = strings.TrimSpace(item)
		if p, err := netip.ParsePrefix(item); err == nil && ipErr == nil && p.Contains(ip.Unmap()) {
			return true
		}
		if h, port, err := net.SplitHostPort(item); err == nil {
			if port != server.Port() {
				continue
			}
			item = h
		}
		domain := "." + strings.TrimPrefix(strings.TrimPrefix(item, "*"), ".")
		if item != "" && (item == "*" || host == item || strings.HasSuffix(host, domain)) {
			return true
		}
	}
	return false
}
