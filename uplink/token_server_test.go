package uplink

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/uplink/uplinktest"
)

// tokenServer is an HTTP server in memory that can be scripted.
type tokenServer struct {
	ln   *uplinktest.Listener
	srv  *http.Server
	done chan struct{}

	busy  sync.WaitGroup
	mu    sync.Mutex
	times []time.Time
}

// startTokens serves inside a bubble; the test ends it with stop.
func startTokens(serve func(n int, w http.ResponseWriter, r *http.Request)) *tokenServer {
	s := &tokenServer{ln: uplinktest.Listen(), done: make(chan struct{})}
	s.srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.Add(1)
		defer s.busy.Done()
		s.mu.Lock()
		s.times = append(s.times, time.Now())
		n := len(s.times)
		s.mu.Unlock()
		serve(n, w, r)
	})}
	go func() {
		defer close(s.done)
		_ = s.srv.Serve(s.ln)
	}()
	return s
}

func (s *tokenServer) stop() {
	_ = s.srv.Close()
	<-s.done
	s.busy.Wait()
	synctest.Wait()
}

func (s *tokenServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// options reach the server.
func (s *tokenServer) options() Options { return Options{Dial: s.ln.Dial, Proxy: "none"} }

// byPort is a network of servers told apart by their port.
func byPort(dials map[string]func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return dials[port](ctx, network, addr)
	}
}

func sayJSON(w http.ResponseWriter, status int, v map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// family is an OAuth server with refresh tokens that are good once: a second
// use of one means that it was stolen, and the whole login ends.
type family struct {
	mu      sync.Mutex
	n       int
	revoked bool
	replays int
	life    int // seconds of an access token
}

func (f *family) refresh() string { return fmt.Sprintf("refresh-%d", f.n) }

func (f *family) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch got := r.FormValue("refresh_token"); {
	case r.FormValue("grant_type") != "refresh_token" || r.FormValue("client_id") != "gw":
		sayJSON(w, 400, map[string]any{"error": "invalid_request"})
		return
	case f.revoked || got != f.refresh():
		f.replays++
		f.revoked = f.revoked || strings.HasPrefix(got, "refresh-")
		sayJSON(w, 400, map[string]any{"error": "invalid_grant"})
		return
	}
	f.n++
	sayJSON(w, 200, map[string]any{"access_token": fmt.Sprintf("access-%d", f.n), "token_type": "bearer", "expires_in": f.life, "refresh_token": f.refresh()})
}

func (f *family) replayed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.replays
}

// begun is a login with the first refresh token of a family, kept in dir.
func begun(t testing.TB, dir string) OAuth {
	t.Helper()
	c := OAuth{Grant: GrantDevice, TokenURL: "http://localhost/token", ClientID: "gw", Keep: dir + "/credentials/uplink-login", Home: dir}
	if err := (keeper{c.Keep, c.Home}).save(login{issuer: c.TokenURL, client: c.ClientID, refresh: NewSecret("refresh-0")}); err != nil {
		t.Fatal(err)
	}
	return c
}

func jsonLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug - 10}))
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
