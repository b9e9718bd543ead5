package testbed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The names under which a certificate is kept.
const (
	certFile = "portti-receive.crt"
	keyFile  = "portti-receive.key"
)

// Certificate is a self-signed server certificate for a bench: a gateway
// trusts it by naming File as its ca_file. It is valid for this machine's
// names, loopback and the address listened on.
type Certificate struct {
	File        string // the certificate in PEM; empty when it is kept in memory only
	PEM         []byte
	Fingerprint string // SHA-256, lower-case hex
	pair        tls.Certificate
}

// over puts TLS on a listener; without a certificate it stays as it is.
func (c *Certificate) over(l net.Listener) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{c.pair},
		MinVersion:   tls.VersionTLS12,
	})
}

// LoadOrMakeCertificate takes the certificate in dir or, where there is none,
// makes one and keeps it there, so that a gateway's ca_file stays good over
// restarts. With an empty dir it is made anew and kept in memory.
func LoadOrMakeCertificate(dir, listen string, now time.Time) (*Certificate, error) {
	if dir != "" {
		c, err := loadCertificate(dir, now)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
	}
	certPEM, keyPEM, err := selfSigned(listen, now)
	if err != nil {
		return nil, fmt.Errorf("cannot make a certificate: %w", err)
	}
	if dir == "" {
		return newCertificate("", certPEM, keyPEM)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot keep the certificate: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyFile), keyPEM, 0o600); err != nil {
		return nil, fmt.Errorf("cannot keep the certificate's key: %w", err)
	}
	file := filepath.Join(dir, certFile)
	if err := os.WriteFile(file, certPEM, 0o644); err != nil {
		return nil, fmt.Errorf("cannot keep the certificate: %w", err)
	}
	return newCertificate(file, certPEM, keyPEM)
}

func loadCertificate(dir string, now time.Time) (*Certificate, error) {
	file := filepath.Join(dir, certFile)
	certPEM, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	c, err := newCertificate(file, certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	if now.After(c.pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("cannot use %s: it expired on %s; delete it and a new one is made",
			file, c.pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return c, nil
}

func newCertificate(file string, certPEM, keyPEM []byte) (*Certificate, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("cannot use the certificate %s: %w", file, err)
	}
	sum := sha256.Sum256(pair.Certificate[0])
	return &Certificate{File: file, PEM: certPEM, Fingerprint: hex.EncodeToString(sum[:]), pair: pair}, nil
}

func selfSigned(listen string, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "portti receive (bench)"},
		// A year back: a gateway on the bench may have no clock to speak of.
		NotBefore:             now.AddDate(-1, 0, 0),
		NotAfter:              now.AddDate(2, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           addresses(),
	}
	if name, err := os.Hostname(); err == nil && name != "localhost" {
		t.DNSNames = append(t.DNSNames, name)
	}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		if ip := net.ParseIP(host); ip == nil {
			t.DNSNames = append(t.DNSNames, host)
		} else if !ip.IsUnspecified() {
			t.IPAddresses = append(t.IPAddresses, ip)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// addresses are loopback and what this machine has on its networks: a
// technician's laptop is dialled by address.
func addresses() []net.IP {
	ips := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ips
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}
