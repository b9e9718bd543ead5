package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// shown draws the support page.
func shown(doc status.Document, lang string, role Role) string {
	p := New(Options{Status: func() status.Document { return doc }})
	v := p.view(httptest.NewRequest("GET", "/support?lang="+lang, nil), &doc)
	v.who = &session{role: role}
	var b strings.Builder
	v.frame(tabOf("/support")).html(&b)
	return regexp.MustCompile(`\.[0-9a-f]{12}\.`).ReplaceAllString(b.String(), ".")
}

func TestSupportPage(t *testing.T) {
	was := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = was })
	doc := sample()
	doc.Buffer.Held, doc.Buffer.OldestAgeS, doc.Totals.Quarantined = 40, 9000, 1
	for _, lang := range []string{"en", "fi"} {
		testkit.Golden(t, "testdata/support."+lang+".html", readable(shown(doc, lang, Act)))
	}
	if text := shown(doc, "en", View); strings.Contains(text, "/support/") || !strings.Contains(text, "portti web link --act") {
		t.Error("who may only look is offered a download")
	}
	if doc.Clock.Trusted = false; !strings.Contains(shown(doc, "en", Act), "--guess") {
		t.Error("nobody says that times are missing")
	}
	doc.Buffer.Waiting, doc.Buffer.Held = 0, 0
	if text := shown(doc, "en", Act); strings.Contains(text, "/support/readings") || !strings.Contains(text, "No readings wait.") {
		t.Error("nothing waits, and is offered")
	}
	want := regexp.MustCompile(`<[^>]*>`).FindAllString(shown(poisoned("harmless"), "en", Act), -1)
	for _, text := range payloads() {
		if got := regexp.MustCompile(`<[^>]*>`).FindAllString(shown(poisoned(text), "en", Act), -1); !slices.Equal(got, want) {
			t.Errorf("%q changes the markup", text)
		}
	}
}

// handing is a site that hands out a file of each kind, made by what a test sets.
func handing(t *testing.T, file func(context.Context, bool, io.Writer) error, readings func(io.Writer) error) (s *site, log *bytes.Buffer) {
	s, log = newSite(t, false), &bytes.Buffer{}
	s.page.opt.Log = slog.New(slog.NewTextHandler(log, nil))
	s.page.opt.Export = readings
	if file != nil {
		s.page.opt.Bundle = func(ctx context.Context, _ http.Handler, private bool) (string, func(io.Writer) error) {
			return `portti-bundle-a"/b-1.tar.gz`, func(w io.Writer) error { return file(ctx, private, w) }
		}
	}
	return s, log
}

// TestSupportIsForWhoMayAct: each route against each who asks; nothing is made for who may not.
func TestSupportIsForWhoMayAct(t *testing.T) {
	var made []string
	s, log := handing(t, func(ctx context.Context, private bool, w io.Writer) error {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("the file has no limit of time")
		}
		made = append(made, fmt.Sprintf("file %v", private))
		_, err := io.WriteString(w, "a file")
		return err
	}, func(w io.Writer) error {
		made = append(made, "readings")
		_, err := io.WriteString(w, "readings")
		return err
	})
	look, act := s.signIn(View), s.signIn(Act)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		what, method, path, body string
		want                     int
		headers                  []string
	}{
		{"nobody", "GET", "/support", "", 401, nil},
		{"nobody", "POST", "/support/file", "", 401, nil},
		{"nobody", "POST", "/support/readings", "", 401, nil},
		{"who looks", "GET", "/support", "", 200, []string{"Cookie", look}},
		{"who looks", "POST", "/support/file", "", 403, []string{"Cookie", look}},
		{"who looks", "POST", "/support/readings", "", 403, []string{"Cookie", look}},
		{"another site", "POST", "/support/file", "", 403, []string{"Cookie", act, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		{"another site", "POST", "/support/readings", "", 403, []string{"Cookie", act, "Origin", "https://evil.example"}},
		{"evil name", "POST", "/support/readings", "", 421, []string{"Cookie", act, "Host", "evil.example"}},
		{"who acts, by GET", "GET", "/support/file", "", 303, []string{"Cookie", act}},
		{"who acts, by GET", "GET", "/support/readings?lang=fi", "", 303, []string{"Cookie", act}},
		{"who acts", "POST", "/support/file", "", 200, []string{"Cookie", act}},
		{"who acts", "POST", "/support/file", "private=yes", 200, append(form, "Cookie", act, "Origin", s.URL)},
		{"who acts", "POST", "/support/readings", "", 200, []string{"Cookie", act}},
	} {
		resp, text := s.send(c.method, c.path, c.body, c.headers...)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %s %s: got %s, want %d; %.100s", c.what, c.method, c.path, resp.Status, c.want, text)
		}
		if c.want == 200 && c.method == "POST" {
			if got := resp.Header.Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="portti-[A-Za-z0-9.-]+"$`).MatchString(got) || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: it is called %s", c.path, got)
			}
		}
	}
	if want := []string{"file false", "file true", "readings"}; !slices.Equal(made, want) {
		t.Errorf("made: %q, want %q", made, want)
	}
	who := s.page.Sessions()[1]
	if n := strings.Count(log.String(), "event=web.handed-out"); n != 3 || strings.Count(log.String(), "by="+who.ID) != 3 || !strings.Contains(log.String(), "bytes=6") {
		t.Errorf("%d lines of the log tell of 3 downloads:\n%s", n, log)
	}
}

// TestOneDownloadAtATime, of each kind.
func TestOneDownloadAtATime(t *testing.T) {
	begun, goOn := make(chan bool), make(chan bool)
	s, _ := handing(t, func(context.Context, bool, io.Writer) error { return nil }, func(w io.Writer) error {
		begun <- true
		<-goOn
		return nil
	})
	act := s.signIn(Act)
	first := make(chan string)
	go func() {
		resp, _ := s.do("POST", "/support/readings", "Cookie", act)
		first <- resp.Status
	}()
	testkit.Receive(t, "the first download begins", begun)
	resp, text := s.do("POST", "/support/readings?lang=fi", "Cookie", act)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(text, "Joku lataa tätä jo") || !strings.Contains(text, `href="/support?lang=fi"`) {
		t.Errorf("a second one: %s %s", resp.Status, text)
	}
	if resp, _ := s.do("POST", "/support/file", "Cookie", act); resp.StatusCode != 200 {
		t.Errorf("the other file: %s", resp.Status)
	}
	close(goOn)
	if got := testkit.Receive(t, "the first one ends", first); got != "200 OK" {
		t.Error(got)
	}
}

// TestBrokenDownloadIsNoWholeFile: the browser hears of it, and one that never began says why.
func TestBrokenDownloadIsNoWholeFile(t *testing.T) {
	whole := errors.New("the disk failed")
	begins := ""
	s, log := handing(t, nil, func(w io.Writer) error {
		_, err := io.WriteString(w, begins)
		return errors.Join(err, whole)
	})
	act := s.signIn(Act)
	if resp, text := s.do("POST", "/support/readings", "Cookie", act); resp.StatusCode != 500 || resp.Header.Get("Content-Disposition") != "" || !strings.Contains(text, "portti logs") {
		t.Errorf("nothing was made: %s %s", resp.Status, text)
	}
	begins = strings.Repeat("x", 100_000)
	r, _ := http.NewRequest("POST", s.URL+"/support/readings", nil)
	r.Header.Set("Cookie", act)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes are taken for the whole", n)
	}
	if resp, _ := s.do("POST", "/support/file", "Cookie", act); resp.StatusCode != 404 {
		t.Errorf("a gateway that makes no file: %s", resp.Status)
	}
	if n := strings.Count(log.String(), "the disk failed"); n != 2 {
		t.Errorf("the log says it %d times", n)
	}
}

// TestSlowDownloaderIsDropped: row 82 and L7. One that takes nothing holds what makes the
// file for pieceWithin and no longer, one that takes a little at a time as long as it may be
// there; and one that is signed out has no more of it.
func TestSlowDownloaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		page := New(Options{API: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Status: sample, Export: func(w io.Writer) (err error) {
			for piece := make([]byte, 64<<10); err == nil; {
				_, err = w.Write(piece)
			}
			ended <- err
			return err
		}})
		cookie, _, _ := page.guests.enter(page.guests.invite(Act), "", "", false)
		l := pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: page.Handler(false), WriteTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		begin := func() net.Conn {
			mine, theirs := net.Pipe()
			l.conns <- theirs
			if _, err := mine.Write([]byte("POST /support/readings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nCookie: " + page.cookieName(false) + "=" + cookie + "\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			return mine
		}
		still := func() bool { synctest.Wait(); return len(ended) == 0 }
		one := begin()
		if time.Sleep(pieceWithin - time.Second); !still() {
			t.Error("who takes nothing is dropped before his time")
		}
		if time.Sleep(2 * time.Second); still() {
			t.Errorf("who takes nothing for %s is not dropped", pieceWithin)
		}
		<-ended
		one.Close()

		two := begin()
		piece := make([]byte, 64<<10)
		for range 60 { // a minute and more, far beyond the limit of an answer and of a body
			time.Sleep(2 * time.Second)
			if _, err := io.ReadFull(two, piece); err != nil {
				t.Fatal(err)
			}
		}
		if !still() {
			t.Fatal("who takes 32 KB a second is dropped")
		}
		page.Revoke("")
		_, _ = io.ReadFull(two, piece)
		_, _ = io.ReadFull(two, piece)
		if still() {
			t.Error("who was signed out goes on")
		}
		two.Close()
		close(l.done)
		synctest.Wait()
		_ = server.Close()
		<-served
	})
}

// TestDownloadsKeepTheirNames: nothing in one ends the header, or leads elsewhere.
func TestDownloadsKeepTheirNames(t *testing.T) {
	for name, want := range map[string]string{"a-1.tar.gz": "a-1.tar.gz", "../a\r\nb: \"ä\"": "..-a--b------"} {
		if got := fileName(name); got != want {
			t.Errorf("%q is called %q", name, got)
		}
	}
}
