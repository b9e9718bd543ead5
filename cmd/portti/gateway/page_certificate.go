package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"portti/cmd/portti/durable"
	"portti/cmd/portti/web"
)

// pageCertificateFile holds the local page's certificate and its key, in the state folder.
const pageCertificateFile = "web.pem"

// pageCertificate is the one of this gateway's page. It is made once and kept; one that
// cannot be read is not replaced, since people know its fingerprint.
func pageCertificate(state, id string, log *slog.Logger) (tls.Certificate, error) {
	path := filepath.Join(state, pageCertificateFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return tls.Certificate{}, fmt.Errorf("cannot read the page's certificate: %w", err)
	default:
		c, err := web.Certificate(text)
		if err != nil {
			return c, fmt.Errorf("cannot use the page's certificate in %s: %w; remove it, and another one is made: sudo rm %s", path, err, path)
		}
		return c, nil
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" {
		short, _, _ := strings.Cut(host, ".")
		names = append(names, host, short+".local")
	}
	text, err = web.SelfSigned("portti "+id, names, append(ownAddresses(), net.IPv4(127, 0, 0, 1), net.IPv6loopback))
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := durable.Replace(path, text, 0o600); err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot keep the page's certificate: %w", err)
	}
	log.Info("a certificate was made for the local page", "event", "web.certificate-made", "path", path)
	return web.Certificate(text)
}
