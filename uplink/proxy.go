package uplink

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/proxy"
)

// A proxy is asked here and not by gorilla, which knows neither https:// nor
// socks5h:// and loses why a proxy refused. The name of the server always goes
// to the proxy as it is, with both kinds of SOCKS: behind a proxy there is
// often no name server that knows the world.

// proxyError is what kept the way through the proxy shut, the connection to
// the proxy itself included.
type proxyError struct{ error }

func (e proxyError) Unwrap() error { return e.error }

// checkProxy never quotes the setting: it may hold a password.
func checkProxy(setting string) error {
	if setting == "environment" || setting == "none" {
		return nil
	}
	if u, err := url.Parse(setting); err == nil && u.Hostname() != "" && knownProxy(u.Scheme) {
		return nil
	}
	return errors.New(`the proxy must be "environment", "none" or a URL that begins with http://, https://, socks5:// or socks5h://`)
}

func knownProxy(scheme string) bool {
	return scheme == "http" || scheme == "https" || scheme == "socks5" || scheme == "socks5h"
}

// proxy says through what target is reached; nil: directly. The environment is
// asked as for an HTTP request of the same security.
func (d *dialer) proxy(target url.URL) (*url.URL, error) {
	var u *url.URL
	var err error
	switch d.o.Proxy {
	case "none":
	case "environment":
		target.Scheme = "http" + strings.TrimPrefix(strings.TrimPrefix(target.Scheme, "ws"), "http")
		u, err = http.ProxyFromEnvironment(&http.Request{URL: &target})
	default:
		if !IsLoopback(target.Hostname()) {
			u, err = url.Parse(d.o.Proxy)
		}
	}
	if err != nil || u != nil && (u.Hostname() == "" || !knownProxy(u.Scheme)) {
		return nil, errProxyConf // the library's text quotes the password
	}
	if u != nil && u.User != nil {
		d.hideLogin(u.User)
	}
	return u, nil
}

// hideLogin keeps the password out of everything shown. A user without one is
// a key more often than a name.
func (d *dialer) hideLogin(user *url.Userinfo) {
	if password, ok := user.Password(); ok {
		d.hide(password)
	} else {
		d.hide(user.Username())
	}
	d.hide(basic(user))
}

func basic(user *url.Userinfo) string {
	password, _ := user.Password()
	return base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
}

// through opens a way to addr through the proxy. The limit of a phase holds
// for reaching the proxy, and once more for all that is said to it.
func (a *attempt) through(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := a.open(ctx, "tcp", proxyAddress(a.proxy))
	if err != nil {
		return nil, proxyError{fmt.Errorf("cannot reach the proxy: %w", err)}
	}
	a.enter(phaseProxy)
	if a.proxy.Scheme == "https" {
		if conn, err = a.secure(ctx, conn); err != nil {
			return nil, proxyError{fmt.Errorf("no secure connection to the proxy: %w", err)}
		}
	}
	if strings.HasPrefix(a.proxy.Scheme, "socks5") {
		err = askSOCKS(ctx, conn, a.proxy, addr)
	} else {
		err = askConnect(conn, a.proxy.User, addr)
	}
	if err != nil {
		return nil, proxyError{err}
	}
	a.enter(phaseUpgrade)
	return conn, nil
}

func proxyAddress(u *url.URL) string {
	usual := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), usual[u.Scheme]))
}

// secure speaks TLS to the proxy. Its certificate may come from the system's
// authorities as well as from CAFile: a company's proxy and a server with a
// private authority have nothing to do with each other.
func (a *attempt) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if a.o.CAFile != "" {
		pem, err := readFile(a.o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCAFile, err)
		}
		roots.AppendCertsFromPEM(pem)
	}
	t := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, Time: a.o.Now, RootCAs: roots, ServerName: a.proxy.Hostname()})
	return t, t.HandshakeContext(ctx)
}

// askConnect asks an HTTP proxy for a tunnel.
func askConnect(conn net.Conn, user *url.Userinfo, addr string) error {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if user != nil {
		req.Header.Set("Proxy-Authorization", "Basic "+basic(user))
	}
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("cannot ask the proxy: %w", err)
	}
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, req)
	if err != nil {
		return fmt.Errorf("cannot read the proxy's answer: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return fault{failProxyAuth, "the proxy refuses the login"}
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("the proxy answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	case br.Buffered() > 0: // a server never speaks first
		return errors.New("the proxy speaks where the server should")
	}
	return nil
}

// askSOCKS asks a SOCKS5 proxy for a connection (RFC 1928 and 1929).
func askSOCKS(ctx context.Context, conn net.Conn, u *url.URL, addr string) error {
	var login *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		login = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", u.Host, login, ready{conn})
	if err == nil {
		_, err = d.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
	}
	switch {
	case err == nil:
		return nil
	// The library's errors are plain words; both refusals of a login have this
	// one in them.
	case strings.Contains(err.Error(), "authentication"):
		return fault{failProxyAuth, "the proxy refuses: " + err.Error()}
	}
	return fmt.Errorf("the proxy refuses: %w", err)
}

// ready is a connection that stands already, in the library's form.
type ready struct{ conn net.Conn }

func (r ready) Dial(string, string) (net.Conn, error) { return r.conn, nil }

// DialContext is the form the library prefers.
func (r ready) DialContext(context.Context, string, string) (net.Conn, error) { return r.conn, nil }

// classifyProxy names a failure of the proxy. What is wrong with this gateway
// itself keeps its own name.
func classifyProxy(e proxyError, o *Options) failure {
	switch {
	case failureIn(e) == failProxyAuth:
		return failProxyAuth
	case classifyCertificate(e, o) == failClock:
		return failClock
	case classifyNetwork(e) == failNoRoute:
		return failNoRoute
	}
	return failProxy
}
