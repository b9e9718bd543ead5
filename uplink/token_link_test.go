package uplink

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A day with tokens of one hour at a server that ends each connection with its
// token: every renewal comes before that, and nothing is sent twice.
func TestLinkRenewsItsTokenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fam := &family{life: 3600}
		s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) { fam.serve(w, r) })
		c := begun(t, t.TempDir())
		c.TokenURL = "http://localhost:81/token"
		if err := (keeper{c.Keep, c.Home}).save(login{issuer: c.TokenURL, client: c.ClientID, refresh: NewSecret("refresh-0")}); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var presented []string
		m := &memNet{serve: func(_ int, w *wire) {
			if w.accept() != nil {
				return
			}
			kept, _, err := keeper{c.Keep, c.Home}.load()
			mu.Lock()
			presented = append(presented, w.req.Header.Get("Authorization"))
			if err != nil || "Bearer "+kept.access.Reveal() != presented[len(presented)-1] {
				t.Errorf("presented %s before it was kept: %v", presented[len(presented)-1], err)
			}
			mu.Unlock()
			ends := time.AfterFunc(time.Hour, func() { w.close(4001, "expired") })
			defer ends.Stop()
			w.pump(func([]byte) bool { return true })
		}}
		o := Options{Dial: byPort(map[string]func(context.Context, string, string) (net.Conn, error){"80": m.dial, "81": s.ln.Dial}), Proxy: "none", Rand: func() float64 { return 0.3 }}
		f, err := NewOAuthToken(c, o)
		if err != nil {
			t.Fatal(err)
		}
		w := start(t, Options{}, polite)
		w.net = m
		o.URL, o.Token = "ws://localhost:80/socket", f
		w.link = newLink(t, o)
		w.src.hold = true
		w.run()
		for range 24 * 60 {
			w.src.add(1)
			time.Sleep(time.Minute)
		}
		w.state(Online)
		mu.Lock()
		n := len(presented)
		mu.Unlock()
		if st := w.link.Status(); st.Failures != 0 || st.Resent != 0 || st.Proven != 24*60 || n < 30 || n > 34 || s.count()-n > 1 || fam.replayed() != 0 {
			t.Errorf("%d connections, %d requests; status %+v", n, s.count(), st)
		}
		w.end()
		f.Close(0)
		s.stop()
	})
}

// The token server is away for hours: the link lives on with the token it has,
// and comes back by itself when that has ended and the server is there again.
func TestLinkOutlivesItsTokenServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		fam := &family{life: 3600}
		s := startTokens(func(_ int, w http.ResponseWriter, r *http.Request) {
			if since := time.Since(began); since > 30*time.Minute && since < 5*time.Hour {
				w.WriteHeader(503)
				return
			}
			fam.serve(w, r)
		})
		c := begun(t, t.TempDir())
		m := &memNet{serve: func(_ int, w *wire) {
			if w.accept() == nil {
				ends := time.AfterFunc(2*time.Hour, func() { w.close(1001, "") })
				defer ends.Stop()
				w.pump(func([]byte) bool { return true })
			}
		}}
		o := Options{Dial: byPort(map[string]func(context.Context, string, string) (net.Conn, error){"81": m.dial, "80": s.ln.Dial}), Proxy: "none"}
		f, _ := NewOAuthToken(c, o)
		w := start(t, Options{}, polite)
		w.net = m
		o.URL, o.Token = "ws://localhost:81/socket", f
		w.link = newLink(t, o)
		w.run()
		time.Sleep(90 * time.Minute)
		w.state(Online)
		if st := f.State(); st.Problem != ProblemTokenServer {
			t.Errorf("state %+v", st)
		}
		time.Sleep(90 * time.Minute)
		w.state(Waiting)
		if st := w.link.Status(); st.Problem != ProblemTokenServer || !strings.Contains(st.LastError, "HTTP 503") {
			t.Errorf("status %+v", st)
		}
		time.Sleep(2*time.Hour + 7*time.Minute)
		w.state(Online)
		if n := s.count(); n > 5*120 || f.State().Problem != "" {
			t.Errorf("%d requests, %+v", n, f.State())
		}
		w.end()
		f.Close(0)
		s.stop()
	})
}

// A gateway is killed again and again at the moment its access token arrives
// at a server. The refresh token that came with it must be on disk by then: an
// old one, used again, would end the login for good.
func TestRotationSurvivesKill(t *testing.T) {
	if dir := os.Getenv("PORTTI_ROTATION"); dir != "" {
		beKilled(t, dir)
		return
	}
	dir := t.TempDir()
	fam := &family{life: 3600}
	victims := make(chan int, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { fam.serve(w, r) })
	mux.HandleFunc("/use", func(_ http.ResponseWriter, r *http.Request) {
		pid, _ := strconv.Atoi(r.FormValue("pid"))
		victims <- pid // first: the test looks here when the process has ended
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: mux, ErrorLog: quiet()}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	defer func() { _ = srv.Close(); <-done }()
	c := begun(t, dir)
	c.TokenURL = "http://" + ln.Addr().String() + "/token"
	if err := (keeper{c.Keep, dir}).save(login{issuer: c.TokenURL, client: "gw", refresh: NewSecret("refresh-0")}); err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= 5; round++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRotationSurvivesKill$")
		cmd.Env = append(os.Environ(), "PORTTI_ROTATION="+dir, "PORTTI_ROTATION_URL="+c.TokenURL)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("emulated: this machine cannot start a second process of the test")
		}
		select {
		case pid := <-victims:
			if pid != cmd.Process.Pid {
				t.Fatalf("killed %d, not %d", pid, cmd.Process.Pid)
			}
		default:
			t.Fatalf("round %d: not killed: %v\n%s", round, err, out)
		}
		kept, _, err := keeper{c.Keep, dir}.load()
		if err != nil || kept.refresh.Reveal() != "refresh-"+strconv.Itoa(round) {
			t.Fatalf("round %d: kept %q %v", round, kept.refresh.Reveal(), err)
		}
	}
	if n := fam.replayed(); n != 0 {
		t.Errorf("%d replays", n)
	}
}

// beKilled is the gateway: it fetches a token anew, as if the one it has had
// been refused, and presents it.
func beKilled(t *testing.T, dir string) {
	target := os.Getenv("PORTTI_ROTATION_URL")
	f, err := NewOAuthToken(OAuth{Grant: GrantDevice, TokenURL: target, ClientID: "gw", Keep: filepath.Join(dir, "credentials/uplink-login"), Home: dir}, Options{Proxy: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if old, ok := f.issuer.(*refreshIssuer).kept(); ok {
		f.Refused(old.access)
	}
	if _, err := f.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(strings.TrimSuffix(target, "/token") + "/use?pid=" + strconv.Itoa(os.Getpid()))
	if err == nil {
		_ = resp.Body.Close()
	}
	time.Sleep(time.Minute) // for the kill to come
}
