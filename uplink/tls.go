package uplink

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

var (
	errCAFile     = fault{failCAFile, "cannot use the CA file"}
	errClientCert = fault{failClientCert, "cannot use the client certificate"}
	errPin        = fault{failPin, "the server shows another key than those in pins"}
)

// tlsConfig reads the files that o names anew: each may have been replaced.
// Certificates are always verified, at TLS 1.2 or later.
func tlsConfig(o *Options) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, Time: o.Now, NextProtos: []string{"http/1.1"}}
	if o.CAFile != "" {
		pem, err := readFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCAFile, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w %s: it holds no certificate in PEM form", errCAFile, o.CAFile)
		}
	}
	if o.ClientCert != "" || o.ClientKey != "" {
		cert, err := clientCertificate(o)
		if err != nil {
			return nil, err
		}
		// Shown whatever authorities the server names: one that is refused
		// says more than none at all.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return c, nil
}

// clientCertificate is what this gateway shows to a server that asks for it.
// Its errors name files and never what is in them.
func clientCertificate(o *Options) (tls.Certificate, error) {
	var cert tls.Certificate
	chain, err := readFile(o.ClientCert)
	if err == nil {
		var key []byte
		if key, err = readFile(o.ClientKey); err == nil {
			cert, err = tls.X509KeyPair(chain, key)
		}
	}
	var path *os.PathError
	switch {
	case errors.As(err, &path):
		return cert, fmt.Errorf("%w: %w", errClientCert, path)
	case err != nil:
		return cert, fmt.Errorf("%w %s with the key %s: %w", errClientCert, o.ClientCert, o.ClientKey, err)
	}
	// Without a clock nothing can be said about its dates.
	if leaf := cert.Leaf; leaf != nil && o.ClockTrusted() && o.Now().After(leaf.NotAfter) {
		return cert, fmt.Errorf("%w %s: it expired on %s", errClientCert, o.ClientCert, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return cert, nil
}

// pinTo lets c accept only servers of whose verified chain one certificate has
// a pinned key: the server's own or that of an authority above it. It comes on
// top of the usual verification.
func pinTo(c *tls.Config, pins []string) error {
	keys, err := parsePins(pins)
	if err != nil || len(keys) == 0 {
		return err
	}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		for _, chain := range state.VerifiedChains {
			for _, cert := range chain {
				if slices.Contains(keys, sha256.Sum256(cert.RawSubjectPublicKeyInfo)) {
					return nil
				}
			}
		}
		return errPin
	}
	return nil
}

// parsePins reads pins such as "sha256/" and 43 characters of base64 and "=".
func parsePins(pins []string) ([][sha256.Size]byte, error) {
	keys := make([][sha256.Size]byte, 0, len(pins))
	for _, p := range pins {
		text, ok := strings.CutPrefix(p, "sha256/")
		sum, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf(`a pin looks like "sha256/" followed by 44 characters of base64, not like %.60q`, p)
		}
		keys = append(keys, [sha256.Size]byte(sum))
	}
	return keys, nil
}

// CheckPin says what is wrong with one of Options.Pins.
func CheckPin(pin string) error {
	_, err := parsePins([]string{pin})
	return err
}

// refusesOurCertificate tells the alerts with which a server turns down the
// certificate of a client, or misses one. With TLS 1.3 they come when the
// handshake looks done, with the answer to the upgrade.
func refusesOurCertificate(err error) bool {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return false
	}
	switch strings.TrimPrefix(op.Err.Error(), "tls: ") {
	case "bad certificate", "unsupported certificate", "revoked certificate", "expired certificate", "unknown certificate",
		"unknown certificate authority", "certificate required", "access denied":
		return true
	}
	return false
}
