package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Forward says to which REST API the messages go on. The zero value: to none.
type Forward struct {
	URL     string   // each array is the body of one POST
	Headers []string // NAME=FILE: a header whose value, a secret, stands in a file; read anew for each POST
	// Patience is how long the API may take to accept one array, with all
	// repetitions, default 8 s: shorter than a gateway's pong_timeout, so that it
	// hears why it has to wait.
	Patience time.Duration
}

// maxRetryAfter bounds how long an API can keep everybody away.
const maxRetryAfter = time.Hour

func (f Forward) withDefaults() Forward {
	f.Patience = orDefault(f.Patience, 8*time.Second)
	return f
}

// check is told whether there is a place for what the API refuses for ever: a
// file, or the gateway's quarantine.
func (f Forward) check(place bool) error {
	if f.URL == "" {
		if len(f.Headers) > 0 {
			return errors.New("cannot set a header of a POST without a URL to forward to")
		}
		return nil
	}
	if err := webAddress(f.URL); err != nil {
		return fmt.Errorf("cannot forward: %w", err)
	}
	if !place {
		return errors.New("cannot forward without a file for what the API refuses for ever: name one for it, or one for the messages")
	}
	if u, err := url.Parse(f.URL); err == nil && u.Scheme == "http" && len(f.Headers) > 0 && !thisMachine(u.Hostname()) {
		return errors.New("cannot forward: the header would travel in the clear; use https://")
	}
	for _, h := range f.Headers {
		if name, file, found := strings.Cut(h, "="); !found || name == "" || file == "" {
			return errors.New("cannot forward: a header is given as NAME=FILE, and the file holds its value")
		}
	}
	if f.Patience < 0 {
		return errors.New("cannot forward: the patience must not be negative")
	}
	return nil
}

// forwarder POSTs arrays to a REST API. It may be used from any goroutine, and
// a nil one forwards nothing.
type forwarder struct {
	Forward
	client *http.Client
	log    *slog.Logger

	mu     sync.Mutex
	until  time.Time // the API wants nothing before
	silent bool      // that it takes nothing has been logged
}

func newForwarder(o Options) *forwarder {
	if o.Forward.URL == "" {
		return nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	return &forwarder{Forward: o.Forward, log: o.Log, client: &http.Client{
		Transport: transport,
		// A redirect could take the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (f *forwarder) close() {
	if f != nil {
		f.client.CloseIdleConnections()
	}
}

// closed says how long the API still wants nothing.
func (f *forwarder) closed(now time.Time) time.Duration {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(0, f.until.Sub(now))
}

// refusal is one message that the API refuses for ever.
type refusal struct {
	index  int // in the list that was sent
	msg    []byte
	reason string
}

// send returns when the API has taken every message of list or refused it for
// ever. An error means that it has not, whatever it did with a part of them.
func (f *forwarder) send(ctx context.Context, list []element) ([]refusal, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Patience)
	defer cancel()
	refused, err := f.halve(ctx, list, 0)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil && f.silent:
		f.silent = false
		f.log.Warn("the API takes messages again", "component", "receive", "event", "forward.recovered")
	case err != nil && !f.silent:
		f.silent = true
		f.log.Warn("the API takes no messages; the gateways keep them", "component", "receive", "event", "forward.failed", "err", err)
	}
	return refused, err
}

// halve sends list and, if the API refuses it for ever, its halves: one bad
// message must not keep back the others.
func (f *forwarder) halve(ctx context.Context, list []element, at int) ([]refusal, error) {
	if len(list) == 0 {
		return nil, nil
	}
	reason, err := f.post(ctx, list)
	if err != nil || reason == "" {
		return nil, err
	}
	if len(list) == 1 {
		return []refusal{{at, list[0].raw, reason}}, nil
	}
	half := len(list) / 2
	first, err := f.halve(ctx, list[:half], at)
	if err != nil {
		return nil, err
	}
	second, err := f.halve(ctx, list[half:], at+half)
	return append(first, second...), err
}

// post sends one array again and again until the API takes it, or refuses it
// for ever with a reason, or ctx ends.
func (f *forwarder) post(ctx context.Context, list []element) (reason string, err error) {
	body := arrayOf(list)
	for try := 0; ; try++ {
		v, now := f.once(ctx, body)
		if now == nil {
			return v.reason, nil
		}
		if ctx.Err() == nil || err == nil {
			err = now // a try that ran out of time says less than the one before
		}
		wait := time.Duration(rand.Int64N(int64(min(4*time.Second, 250*time.Millisecond<<min(try, 10)))))
		if v.after > 0 {
			wait = v.after + time.Duration(rand.Int64N(int64(v.after/5+time.Second)))
		}
		if end, ok := ctx.Deadline(); v.hopeless || ok && time.Now().Add(wait).After(end) {
			f.shut(v.after)
			return "", err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return "", err
		}
	}
}

// shut keeps gateways away for as long as the API asked.
func (f *forwarder) shut(after time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if until := time.Now().Add(min(after, maxRetryAfter)); after > 0 && until.After(f.until) {
		f.until = until
	}
}

// once makes one POST. Its errors hold neither URL nor header.
func (f *forwarder) once(ctx context.Context, body []byte) (verdict, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL, bytes.NewReader(body))
	if err != nil {
		return verdict{hopeless: true}, errors.New("cannot make a request of the URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "portti-receive")
	for _, h := range f.Headers {
		name, file, _ := strings.Cut(h, "=")
		value, err := os.ReadFile(file)
		if err != nil {
			return verdict{hopeless: true}, fmt.Errorf("cannot read the header %s: %w", name, err)
		}
		req.Header.Set(name, strings.TrimSpace(string(value)))
	}
	resp, err := f.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest of it is the URL
		}
		return verdict{}, fmt.Errorf("cannot reach the API: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	return judge(resp.StatusCode, resp.Header, time.Now())
}

// pass has the API take a list of messages, if there is one. It gives those
// taken and those refused for ever. Where the API is not to be had the
// connection ends with 1013 and nothing is proven: the client keeps it all.
func (s *session) pass(list []element) (taken []element, refused []refusal, err error) {
	f := s.r.forward
	if f == nil || len(list) == 0 {
		return list, nil, nil
	}
	refused, err = f.send(s.ctx, list)
	if err != nil {
		return nil, nil, s.end(websocket.CloseTryAgainLater, "the API behind this server takes nothing now", err)
	}
	return s.r.passed(list, refused), refused, nil
}

// passed is what of list the API has taken.
func (r *Receiver) passed(list []element, refused []refusal) (taken []element) {
	next := 0
	for _, f := range refused {
		taken = append(taken, list[next:f.index]...)
		next = f.index + 1
	}
	taken = append(taken, list[next:]...)
	r.note(func(st *Stats) { st.Forwarded += int64(len(taken)) })
	return taken
}
