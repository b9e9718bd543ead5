package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"
)

// bySudo is why something is not in a bundle that the gateway makes of itself.
const bySudo = "the page does not have it; on the gateway: sudo portti bundle"

// servedBundle makes the bundle that the local page hands out: what the verb makes, of
// what the service itself may read. It runs no programs, whose memory would be the
// service's too, and listens to no device.
func servedBundle(g globals, machine fs.FS) func(context.Context, http.Handler, bool) (string, func(io.Writer) error) {
	g.configSet = true
	return func(ctx context.Context, api http.Handler, private bool) (string, func(io.Writer) error) {
		b := newBundle(ctx, g, machine, bundleOptions{since: 24 * time.Hour, private: private}, api)
		b.run = func(context.Context, string, ...string) ([]byte, error) { return nil, errors.New(bySudo) }
		name := b.name()
		return name, func(w io.Writer) error { return b.write(ctx, w, name[:len(name)-len(".tar.gz")]) }
	}
}

// within asks a handler of this process as a client asks a server.
type within struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (h within) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &answered{header: http.Header{}, code: http.StatusOK}
	h.handler.ServeHTTP(a, r)
	return &http.Response{StatusCode: a.code, Status: http.StatusText(a.code), Header: a.header, Body: io.NopCloser(&a.text), Request: r}, nil
}

// answered keeps an answer.
type answered struct {
	header http.Header
	code   int
	text   bytes.Buffer
}

// Header, WriteHeader and Write implement http.ResponseWriter.
func (a *answered) Header() http.Header            { return a.header }
func (a *answered) WriteHeader(code int)           { a.code = code }
func (a *answered) Write(text []byte) (int, error) { return a.text.Write(text) }
