package uplink

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
)

// client writes a certificate for a gateway, and its key.
func (a *authority) client(t *testing.T, cert, key string, from, to time.Time) {
	t.Helper()
	_, private, certPEM := sign(t, a, &x509.Certificate{
		Subject: pkix.Name{CommonName: "gateway"}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, string(certPEM))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func pinOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// A server that asks for a certificate, and one whose key is pinned, in both
// versions of TLS. The token is sent only where everything fits.
func TestClientCertificatesAndPins(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	now := time.Now()
	write(t, path("ca.pem"), string(ours.pem))
	ours.client(t, path("good.pem"), path("good.key"), now.Add(-time.Hour), now.Add(time.Hour))
	theirs.client(t, path("foreign.pem"), path("foreign.key"), now.Add(-time.Hour), now.Add(time.Hour))
	ours.client(t, path("old.pem"), path("old.key"), now.Add(-2*time.Hour), now.Add(-time.Hour))
	server := ours.server(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	leaf, err := x509.ParseCertificate(server.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	wanted := x509.NewCertPool()
	wanted.AddCert(ours.cert)
	for name, c := range map[string]struct {
		cert, key string
		pins      []string
		problem   string // "" = online
		says      string
	}{
		"ours":             {"good.pem", "good.key", nil, "", ""},
		"none":             {"", "", nil, ProblemTLSClient, "client_cert"},
		"of another":       {"foreign.pem", "foreign.key", nil, ProblemTLSClient, "does not accept"},
		"expired":          {"old.pem", "old.key", nil, ProblemTLSClient, "it expired on"},
		"missing":          {"gone.pem", "gone.key", nil, ProblemTLSClient, "gone.pem"},
		"another's key":    {"good.pem", "foreign.key", nil, ProblemTLSClient, "foreign.key"},
		"server pinned":    {"good.pem", "good.key", []string{pinOf(leaf)}, "", ""},
		"authority pinned": {"good.pem", "good.key", []string{pinOf(theirs.cert), pinOf(ours.cert)}, "", ""},
		"another pinned":   {"good.pem", "good.key", []string{pinOf(theirs.cert)}, ProblemTLSPin, "pinned"},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+" "+tls.VersionName(version), func(t *testing.T) {
				config := &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: wanted, MinVersion: version, MaxVersion: version}
				got := make(chan string, 100)
				addr := listen(t, func(_ int, w *wire) {
					srv := newWire(tls.Server(w.conn, config))
					if srv.accept() != nil {
						return
					}
					got <- srv.req.Header.Get("Authorization")
					srv.pump(func([]byte) bool { return true })
				})
				file := func(name string) string {
					if name == "" {
						return ""
					}
					return path(name)
				}
				l := newLink(t, Options{URL: "wss://" + addr, Token: staticToken(NewSecret("tls-token")), CAFile: path("ca.pem"),
					ClientCert: file(c.cert), ClientKey: file(c.key), Pins: c.pins})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- l.Run(ctx, newFakeSource(t)) }()
				if c.problem == "" {
					testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
					if token := <-got; token != "Bearer tls-token" {
						t.Errorf("token %q", token)
					}
				} else {
					testkit.Eventually(t, "the dial has failed", func() bool { return l.Status().State == Parked })
					if st := l.Status(); st.Problem != c.problem || !strings.Contains(st.LastError, c.says) {
						t.Errorf("status %+v", st)
					}
				}
				cancel()
				<-done
				if c.problem != "" && len(got) > 0 {
					t.Error("the token was sent")
				}
			})
		}
	}
}

// The files are read at each dial: a renewed certificate needs no restart.
func TestClientCertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t, "ours")
	dir, now := t.TempDir(), time.Now()
	write(t, dir+"/ca.pem", string(a.pem))
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	config := &tls.Config{Certificates: []tls.Certificate{a.server(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	addr := listen(t, func(_ int, w *wire) {
		srv := newWire(tls.Server(w.conn, config))
		if srv.accept() == nil {
			srv.pump(func([]byte) bool { return true })
		}
	})
	l := newLink(t, Options{URL: "wss://" + addr, CAFile: dir + "/ca.pem", ClientCert: dir + "/c.pem", ClientKey: dir + "/c.key", BackoffBase: 10 * time.Millisecond, BackoffCap: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, newFakeSource(t)) }()
	testkit.Eventually(t, "the missing file is named", func() bool { return strings.Contains(l.Status().LastError, "c.pem") })
	a.client(t, dir+"/c.pem", dir+"/c.key", now.Add(-time.Hour), now.Add(time.Hour))
	testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
	cancel()
	<-done
}

// A token server is trusted as the uplink is, shown the same certificate, and
// its time is taken.
func TestTokenServerOverTLS(t *testing.T) {
	a, b := newAuthority(t, "ours"), newAuthority(t, "theirs")
	dir, now := t.TempDir(), time.Now()
	write(t, dir+"/ca.pem", string(a.pem))
	a.client(t, dir+"/c.pem", dir+"/c.key", now.Add(-time.Hour), now.Add(time.Hour))
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	for name, c := range map[string]struct {
		by      *authority
		pins    []string
		clock   time.Time
		problem string
	}{
		"ours":         {a, []string{pinOf(b.cert)}, now, ""}, // pins are the uplink's alone
		"unknown":      {b, nil, now, ProblemTokenServer},
		"clock of '70": {a, nil, time.Unix(0, 0), ProblemClockUnset},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if len(r.TLS.PeerCertificates) != 1 {
					t.Errorf("%d certificates were shown", len(r.TLS.PeerCertificates))
				}
				sayJSON(w, 200, map[string]any{"access_token": "over-tls"})
			}))
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{c.by.server(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))}, ClientAuth: tls.RequireAnyClientCert}
			srv.Config.ErrorLog = quiet()
			srv.StartTLS()
			defer srv.Close()
			times := make(chan time.Time, 1)
			f, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: srv.URL, ClientID: "gw"}, Options{
				CAFile: dir + "/ca.pem", ClientCert: dir + "/c.pem", ClientKey: dir + "/c.key", Pins: c.pins, Proxy: "none",
				Now: func() time.Time { return c.clock }, ClockTrusted: func() bool { return c.clock.Equal(now) },
				ServerTime: func(now time.Time, _ time.Duration) { times <- now }})
			got, err := f.Token(t.Context())
			var tokenErr *TokenError
			if none, _ := NewOAuthToken(OAuth{Grant: GrantClient, TokenURL: srv.URL, ClientID: "gw"}, Options{
				CAFile: dir + "/ca.pem", ClientCert: dir + "/gone.pem", ClientKey: dir + "/gone.key", Proxy: "none"}); none != nil {
				if _, err := none.Token(t.Context()); !errors.As(err, &tokenErr) || tokenErr.Problem != ProblemTLSClient {
					t.Errorf("no certificate: %v", err)
				}
			}
			if c.problem != "" {
				if !errors.As(err, &tokenErr) || tokenErr.Problem != c.problem {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || got.Reveal() != "over-tls" {
				t.Fatalf("%q %v", got.Reveal(), err)
			}
			if at := <-times; at.Sub(now).Abs() > time.Minute {
				t.Errorf("the server's time is %v", at)
			}
		})
	}
}

func TestPinsAreChecked(t *testing.T) {
	for _, pin := range []string{"", "sha256/", "sha256/AAAA", "sha1/" + strings.Repeat("A", 43) + "=", strings.Repeat("A", 43) + "=", "sha256/" + strings.Repeat("A", 44)} {
		if CheckPin(pin) == nil {
			t.Errorf("%q: accepted", pin)
		}
	}
	if err := CheckPin("sha256/" + strings.Repeat("A", 43) + "="); err != nil {
		t.Error(err)
	}
}
