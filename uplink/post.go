package uplink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// postIdle is how long a connection stays open with no request on it: less than most
// proxies and address translators keep one that nothing passes.
const postIdle = 55 * time.Second

// poster is HTTP/1.1 in place of a WebSocket: each frame is the body of a POST, and an
// answer of 2xx acknowledges it. One request is on its way at a time, since a POST may not
// be sent before the one ahead of it was answered (RFC 9112, 9.3.2). Where the server closed
// a connection that was idle, as most do after some seconds, the next request opens
// another; the session goes on.
type poster struct {
	d      *dialer
	target url.URL
	header http.Header
	client *http.Transport
	jobs   chan job // room for a frame and a ping
	ctx    context.Context
	cancel context.CancelFunc
	left   atomic.Bool // we asked for the end
	sent   uint64      // frames, counted by the writer

	mu    sync.Mutex
	ready *attempt // a connection that no request has used yet
	guard *guard   // of the last connection
	wire  uint64   // bytes of those before it
	over  bool     // no connection is opened any more
	dials sync.WaitGroup
}

// job is a request to be made: a frame, or a ping where that is set.
type job struct {
	body    []byte
	frame   uint64 // its number on this connection
	records int    // in the body
	places  []int  // of each item of the body, its record; nil: an item is a record
	encoded Encoded
	first   uint64
	epoch   string
	key     string
	ping    string
}

// newPoster goes on from a connection that stands.
func newPoster(ctx context.Context, d *dialer, target url.URL, header http.Header, a *attempt) *poster {
	p := &poster{d: d, target: target, header: header, jobs: make(chan job, 2), ready: a, guard: a.guard}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.client = &http.Transport{
		DialContext: p.dial, DialTLSContext: p.dial,
		MaxConnsPerHost: 1, IdleConnTimeout: postIdle,
		MaxResponseHeaderBytes: maxHandshakeBytes, DisableCompression: true,
	}
	return p
}

// dial gives the connection that stands, or makes one as a Link does.
func (p *poster) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	a := p.ready
	p.ready = nil
	if a == nil && !p.over {
		p.dials.Add(1)
		defer p.dials.Done()
	}
	over := p.over
	p.mu.Unlock()
	switch {
	case a != nil:
		return a.conn, nil
	case over:
		return nil, net.ErrClosed
	}
	a, derr := p.d.stand(p.ctx, p.target)
	if derr != nil {
		return nil, found{classifyDial(derr, p.d.o)}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wire += p.guard.out.Swap(0)
	if p.guard = a.guard; p.over {
		_ = a.guard.Close()
	}
	return a.conn, nil
}

func (p *poster) fits(int) bool { return true }

// frame hands a copy over: the records are good during the call only.
func (p *poster) frame(f outgoing, _ time.Time) error {
	p.sent++
	j := job{frame: p.sent, records: len(f.recs), first: f.first, epoch: f.who.epoch}
	if p.d.o.Encode != nil {
		j.encoded = p.d.o.Encode(f.recs)
		j.body, j.places, j.records = j.encoded.Body, j.encoded.Records, len(slices.Compact(slices.Clone(j.encoded.Records)))
	} else {
		var body bytes.Buffer
		body.Grow(f.size)
		_ = f.write(&body) // never fails
		j.body = body.Bytes()
	}
	if f.who.epoch != "" {
		j.key = strconv.Quote(p.d.o.Gateway + "/" + f.who.epoch + "/" + strconv.FormatUint(f.first, 10) + "+" + strconv.Itoa(len(f.recs)))
	}
	p.jobs <- j // which has room: one is on its way at a time
	return nil
}

// text: no dialect that goes with HTTP has messages of its own.
func (p *poster) text([]byte, time.Time) error { return errors.ErrUnsupported }

func (p *poster) ping(payload string, _ time.Time) error {
	p.jobs <- job{ping: payload} // which has room: one is out at a time
	return nil
}

func (p *poster) read(r *reader) error {
	defer p.end()
	for {
		select {
		case <-p.ctx.Done():
			return p.why()
		case j := <-p.jobs:
			if err := p.ask(r, j); err != nil {
				return err
			}
		}
	}
}

// ask makes one request and takes its answer.
func (p *poster) ask(r *reader, j job) error {
	if j.encoded.TooLarge {
		return found{finding{endPolicy: policyFor(endClose, websocket.CloseMessageTooBig), detail: "its documentation allows less in one body"}}
	}
	if p.d.o.Encode != nil && j.ping == "" && len(j.body) == 0 {
		return p.answered(r, j)
	}
	began := time.Now()
	resp, err := p.client.RoundTrip(p.request(j))
	if err != nil {
		return p.broke(err)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, r.o.MaxMessage))
	_ = resp.Body.Close() // where the answer is longer, that ends the connection
	if err != nil {
		return p.broke(err)
	}
	took, good := max(time.Since(began), time.Microsecond), resp.StatusCode/100 == 2 && !isHTML(resp.Header)
	if now, slack, ok := serverDate(resp.Header, took); ok && (good || resp.TLS != nil) {
		r.o.reportServerTime(now, slack)
	}
	switch {
	case j.ping != "": // whatever it says, it is there
		return r.ponged(j.ping)
	case !good:
		return found{classifyPost(resp, text, r.o.Now())}
	}
	r.inbox.post(func(m *received) { m.took = took })
	if resp.StatusCode == http.StatusMultiStatus {
		if err := p.refused(r, j, text); err != nil {
			return err
		}
	} else if text = bytes.TrimLeft(text, jsonSpace); len(text) > 0 && text[0] == '[' && r.o.Downlink != nil && r.messages.allow(1, maxMessages) {
		r.inbox.board.serverMessage("")
		r.o.Downlink(text)
	}
	return p.answered(r, j)
}

// answered takes a frame for delivered, but for the records that could not be encoded.
func (p *poster) answered(r *reader, j job) error {
	for i, why := range j.encoded.refused {
		if err := r.inbox.onAck(ackMessage{epoch: j.epoch, refused: j.first + uint64(i), why: why}); err != nil {
			return err
		}
	}
	if len(j.encoded.refused) > 0 {
		r.inbox.taken() // that was not the server
	}
	if n := j.encoded.LeftOut; n > 0 {
		r.inbox.board.leftOut(n)
	}
	return r.inbox.onAck(ackMessage{frames: j.frame})
}

func (p *poster) request(j job) *http.Request {
	header := p.header.Clone()
	req := &http.Request{Method: http.MethodPost, URL: &p.target, Header: header}
	if j.ping != "" {
		req.Method = http.MethodOptions
		return req.WithContext(p.ctx)
	}
	header.Set("Content-Type", "application/json")
	// With the header the library sends a request again whose connection turned out to be
	// closed; nil is not sent. A server may know repeats by it.
	header["Idempotency-Key"] = nil
	if j.key != "" {
		header.Set("Idempotency-Key", j.key)
	}
	req.ContentLength = int64(len(j.body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(j.body)), nil }
	req.Body, _ = req.GetBody()
	return req.WithContext(p.ctx)
}

// refused takes the records that an answer of 207 refuses, by their places in the body:
// {"errors":[{"index":3,"error":"..."}]}. Without a list that is whole nothing of the
// frame counts as taken.
func (p *poster) refused(r *reader, j job, text []byte) error {
	var m struct {
		Rejected *int `json:"rejected_count"`
		Errors   []struct {
			Index *int   `json:"index"`
			Error string `json:"error"`
		} `json:"errors"`
	}
	bad := !parse(text, &m) || m.Rejected != nil && *m.Rejected != len(m.Errors)
	items := j.records
	if j.places != nil {
		items = len(j.places)
	}
	for _, e := range m.Errors {
		bad = bad || e.Index == nil || *e.Index < 0 || *e.Index >= items
	}
	if bad {
		return found{finding{endPolicy: policyFor(endFailure, int(failPartly)), detail: serverWords(nil, text)}}
	}
	refused := map[int]bool{}
	for _, e := range m.Errors {
		at := *e.Index
		if j.places != nil {
			at = j.places[at]
		}
		if refused[at] {
			continue
		}
		refused[at] = true
		if err := r.inbox.onAck(ackMessage{epoch: j.epoch, refused: j.first + uint64(at), why: e.Error}); err != nil {
			return err
		}
	}
	if len(refused) < j.records {
		r.inbox.taken()
	}
	return nil
}

// broke says why a request came to nothing.
func (p *poster) broke(err error) error {
	f := found{}
	switch {
	case p.ctx.Err() != nil:
		return p.why()
	case errors.As(err, &f):
		return f
	case strings.Contains(err.Error(), "malformed"): // net/http has no error of its own for it
		return found{finding{endPolicy: policyFor(endFailure, int(failNoHTTP)), detail: err.Error()}}
	}
	return err
}

// why is what read returns when we ended it.
func (p *poster) why() error {
	if p.left.Load() {
		return errAsked
	}
	return net.ErrClosed
}

// end joins everything.
func (p *poster) end() {
	p.stop()
	p.client.CloseIdleConnections()
	p.dials.Wait()
}

func (p *poster) farewell(int, time.Time) {
	p.left.Store(true)
	p.cancel()
}

func (p *poster) stop() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	_ = p.guard.Close()
}

func (p *poster) written() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.wire + p.guard.out.Swap(0)
	p.wire = 0
	return n
}

// found is an end whose finding is known already.
type found struct{ finding }

func (e found) Error() string { return e.sentence }

// classifyPost finds the policy for an answer that takes nothing.
func classifyPost(resp *http.Response, text []byte, now time.Time) finding {
	resp.Body = io.NopCloser(bytes.NewReader(text[:min(len(text), maxWords)]))
	f := classifyHTTP(resp, now)
	was := f.endPolicy
	switch resp.StatusCode {
	case http.StatusRequestEntityTooLarge:
		f.endPolicy = policyFor(endClose, websocket.CloseMessageTooBig)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		f.endPolicy = policyFor(endClose, websocket.CloseInvalidFramePayloadData)
	case http.StatusUnsupportedMediaType:
		f.endPolicy = policyFor(endClose, websocket.CloseUnsupportedData)
	case http.StatusInternalServerError:
		f.endPolicy = policyFor(endClose, websocket.CloseInternalServerErr)
	case http.StatusMethodNotAllowed:
		f.sentence = "the server takes no POST at this path"
	case http.StatusUpgradeRequired:
		f.sentence = `the server wants another protocol (a WebSocket? then engine = "websocket")`
	}
	f.kind = was.kind
	return f
}
