package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen opens an event stream and gives its lines.
func (s *site) listen(cookie string) (resp *http.Response, lines *bufio.Scanner) {
	s.t.Helper()
	r, err := http.NewRequest("GET", s.URL+"/api/v1/events?lang=fi", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	if resp, err = s.Client().Do(r); err != nil {
		s.t.Fatal(err)
	}
	lines = bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return resp, lines
}

func (f *feed) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.streams)
}

// TestEvents: the whole status at first, then what changed of it alone, and the sections of
// the page in the language that was asked for.
func TestEvents(t *testing.T) {
	s := newSite(t, false)
	var asked atomic.Int64
	s.page.feed.status = func() status.Document {
		doc := sample()
		doc.UptimeS = float64(asked.Add(1))
		if asked.Load() > 2 {
			doc.Devices[0].Read += 5
		}
		return doc
	}
	resp, lines := s.listen(s.signIn(View))
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("%s, %s", resp.Status, got)
	}
	next := func(kind string) string {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == "event: "+kind {
				lines.Scan()
				return strings.TrimPrefix(lines.Text(), "data: ")
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
	var whole, delta map[string]json.RawMessage
	text := next("status")
	if err := json.Unmarshal([]byte(text), &whole); err != nil || whole["devices"] == nil || whole["schema"] == nil {
		t.Fatalf("the first event is not a whole status: %v %.200s", err, text)
	}
	if text := next("view"); !strings.Contains(text, "Lukemat menevät perille") || !strings.Contains(text, `"id":"devices"`) {
		t.Errorf("the first view is not the page in Finnish: %.200s", text)
	}
	text = next("status")
	if err := json.Unmarshal([]byte(text), &delta); err != nil || len(delta) != 1 || delta["uptime_s"] == nil {
		t.Errorf("an event brings what did not change: %s", text)
	}
	if text := next("view"); strings.Contains(text, `"id":"devices"`) || !strings.Contains(text, `"id":"glance"`) {
		t.Errorf("a view brings what did not change: %.200s", text)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	s := newSite(t, false)
	look := s.signIn(View)
	for range maxStreams {
		resp, lines := s.listen(look)
		defer resp.Body.Close()
		if !lines.Scan() {
			t.Fatal("a stream says nothing")
		}
	}
	resp, _ := s.listen(look)
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("stream %d: %s", maxStreams+1, resp.Status)
	}
}

// TestRevokedStreamEnds, and so does one whose session is over.
func TestRevokedStreamEnds(t *testing.T) {
	s := newSite(t, false)
	resp, lines := s.listen(s.signIn(View))
	defer resp.Body.Close()
	if !lines.Scan() {
		t.Fatal("a stream says nothing")
	}
	s.page.Revoke("")
	for lines.Scan() {
	}
	testkit.Eventually(t, "the stream is closed", func() bool { return s.page.feed.open() == 0 })
}

// pipes is a listener without a network, so that a test has its own time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestSlowReaderIsDropped: row 82 and L7. One who takes nothing is dropped after
// writeWithin while another goes on; without a stream nothing asks for the status.
func TestSlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		page := New(Options{API: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Status: func() status.Document {
			doc := sample()
			doc.UptimeS = float64(asked.Add(1))
			return doc
		}})
		cookie, _, _ := page.guests.enter(page.guests.invite(View), "", "", false)
		l := pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: page.Handler(false), WriteTimeout: 10 * time.Second}
		ended := make(chan error)
		go func() { ended <- server.Serve(l) }()
		join := func() net.Conn {
			mine, theirs := net.Pipe()
			l.conns <- theirs
			if _, err := mine.Write([]byte("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nCookie: " + page.cookieName(false) + "=" + cookie + "\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			return mine
		}
		slow, good := join(), join()
		events := make(chan string, 1000)
		go func() {
			defer close(events)
			for r := bufio.NewScanner(good); r.Scan(); {
				if strings.HasPrefix(r.Text(), "event: ") {
					events <- r.Text()
				}
			}
		}()
		synctest.Wait()
		if n := page.feed.open(); n != 2 {
			t.Fatalf("%d streams are open", n)
		}
		time.Sleep(writeWithin + time.Second)
		synctest.Wait()
		if n := page.feed.open(); n != 1 {
			t.Errorf("%d streams are open after one has taken nothing for %s", n, writeWithin)
		}
		before := len(events)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(events) - before; n < 18 {
			t.Errorf("the other stream had %d events in 10 s", n)
		}
		slow.Close()
		good.Close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		last := asked.Load()
		time.Sleep(time.Minute)
		if n := page.feed.open(); n != 0 || asked.Load() != last {
			t.Errorf("with %d streams the status was asked for %d times", n, asked.Load()-last)
		}
		close(l.done)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		for range events {
		}
	})
}

// TestQuietStreamSaysThatItLives, every 15 s.
func TestQuietStreamSaysThatItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := New(Options{API: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Status: sample}) // at one moment for ever
		cookie, _, _ := page.guests.enter(page.guests.invite(View), "", "", false)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://localhost/api/v1/events", nil)
		r.AddCookie(&http.Cookie{Name: page.cookieName(false), Value: cookie})
		w := &lines{header: http.Header{}}
		go page.Handler(false).ServeHTTP(w, r)
		time.Sleep(46 * time.Second)
		synctest.Wait()
		if n := strings.Count(w.text.String(), ": still here\n\n"); n != 3 {
			t.Errorf("%d signs of life in 46 s; got %.300s", n, w.text.String())
		}
		if n := strings.Count(w.text.String(), "event: "); n != 2 {
			t.Errorf("%d events of a status that does not change", n)
		}
		cancel()
		synctest.Wait()
	})
}

type lines struct {
	header http.Header
	text   strings.Builder
}

func (l *lines) Header() http.Header         { return l.header }
func (l *lines) Write(b []byte) (int, error) { return l.text.Write(b) }
func (l *lines) WriteHeader(int)             {}
func (l *lines) Flush()                      {}

// TestStatusThatIsNoJSON ends nothing: a rate that is no number is drawn as a question mark.
func TestStatusThatIsNoJSON(t *testing.T) {
	f := feed{status: func() status.Document {
		doc := sample()
		doc.Devices[0].RateHz = math.NaN()
		return doc
	}}
	now := f.frame()
	s := stream{}
	p := New(Options{})
	s.compose(now, (&view{page: p, w: english(), s: &now.doc}).sections())
	if text := s.b.String(); strings.Contains(text, "event: status") || !strings.Contains(text, "?/s") {
		t.Errorf("got %.300s", text)
	}
}
