package uplink

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cross/testkit"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key, a.pem = sign(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().AddDate(-10, 0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
	})
	return a
}

func sign(t *testing.T, by *authority, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// server gives a certificate for host, valid from..to.
func (a *authority) server(t *testing.T, host string, from, to time.Time) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	cert, key, _ := sign(t, a, c)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	emptyFile := filepath.Join(dir, "empty.pem")
	for name, data := range map[string][]byte{caFile: ours.pem, emptyFile: []byte("no certificate\n")} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	year := func(n int) time.Time { return now.AddDate(n, 0, 0) }
	good := ours.server(t, "127.0.0.1", year(-1), year(1))
	for name, c := range map[string]struct {
		config  *tls.Config // nil: a plain port
		ca      string
		now     time.Time
		blind   bool
		problem string // "" = online
		state   State
	}{
		"own CA":            {&tls.Config{Certificates: []tls.Certificate{good}}, caFile, now, false, "", Online},
		"unknown CA":        {&tls.Config{Certificates: []tls.Certificate{theirs.server(t, "127.0.0.1", year(-1), year(1))}}, caFile, now, false, ProblemTLSUnknownCA, Parked},
		"no CA file":        {&tls.Config{Certificates: []tls.Certificate{good}}, "", now, false, ProblemTLSUnknownCA, Parked},
		"CA file missing":   {&tls.Config{Certificates: []tls.Certificate{good}}, filepath.Join(dir, "gone.pem"), now, false, ProblemTLSFailed, Parked},
		"CA file empty":     {&tls.Config{Certificates: []tls.Certificate{good}}, emptyFile, now, false, ProblemTLSFailed, Parked},
		"wrong name":        {&tls.Config{Certificates: []tls.Certificate{ours.server(t, "ingest.example", year(-1), year(1))}}, caFile, now, false, ProblemTLSName, Parked},
		"expired":           {&tls.Config{Certificates: []tls.Certificate{ours.server(t, "127.0.0.1", year(-2), year(-1))}}, caFile, now, false, ProblemTLSExpired, Parked},
		"not yet valid":     {&tls.Config{Certificates: []tls.Certificate{ours.server(t, "127.0.0.1", year(1), year(2))}}, caFile, now, false, ProblemTLSNotYet, Waiting},
		"our clock at 1970": {&tls.Config{Certificates: []tls.Certificate{good}}, caFile, time.Unix(100, 0), true, ProblemClockUnset, Waiting},
		"TLS 1.1 only":      {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, caFile, now, false, ProblemTLSFailed, Waiting},
		"plain port":        {nil, caFile, now, false, ProblemTLSFailed, Parked},
	} {
		t.Run(name, func(t *testing.T) {
			var sniffed []byte
			addr := listen(t, func(_ int, w *wire) {
				if c.config == nil {
					_, _ = w.conn.Read(make([]byte, 512))
					_ = w.say("HTTP/1.1 400 Bad Request\r\n\r\n")
					return
				}
				srv := newWire(tls.Server(w.conn, c.config))
				if srv.accept() != nil {
					return
				}
				sniffed = append(sniffed, srv.req.Header.Get("Authorization")...)
				srv.pump(func([]byte) bool { return true })
			})
			l := newLink(t, Options{
				URL: "wss://" + addr + "/socket", Token: staticToken(NewSecret("tls-token")), CAFile: c.ca,
				Now: func() time.Time { return c.now }, ClockTrusted: func() bool { return !c.blind },
			})
			src := newFakeSource(t)
			src.add(2)
			src.seal()
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- l.Run(ctx, src) }()
			if c.problem == "" {
				if err := <-done; err != nil || src.count(released) != 2 {
					t.Errorf("Run: %v, %d released; %+v", err, src.count(released), l.Status())
				}
				return
			}
			testkit.Eventually(t, "the dial has failed", func() bool { return l.Status().Failures > 0 })
			testkit.Eventually(t, "the state is "+string(c.state), func() bool { return l.Status().State == c.state || l.Status().Failures > 1 })
			if st := l.Status(); st.Problem != c.problem {
				t.Errorf("status %+v", st)
			}
			cancel()
			<-done
			if len(sniffed) > 0 {
				t.Errorf("the token was sent: %q", sniffed)
			}
		})
	}
}

// A CA file is read at each dial: replacing it is enough.
func TestCAFileIsReadAgain(t *testing.T) {
	a := newAuthority(t, "late")
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	cert := a.server(t, "127.0.0.1", time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0))
	addr := listen(t, func(_ int, w *wire) {
		srv := newWire(tls.Server(w.conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
		if srv.accept() == nil {
			srv.pump(func([]byte) bool { return true })
		}
	})
	l := newLink(t, Options{URL: "wss://" + addr, CAFile: caFile, BackoffBase: 10 * time.Millisecond, BackoffCap: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Run(ctx, newFakeSource(t)) }()
	testkit.Eventually(t, "the missing file is named", func() bool { return strings.Contains(l.Status().LastError, "ca.pem") })
	if err := os.WriteFile(caFile, a.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the link is up", func() bool { return l.Status().State == Online })
	cancel()
	<-done
}
