package testbed

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
)

// running starts a receiver and stops it with the test.
func running(t *testing.T, o Options) *Receiver {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	r, err := NewReceiver(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, errFull) {
			t.Error("receiver ended with", err)
		}
	})
	return r
}

func dial(t *testing.T, url string, header http.Header, protocols ...string) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: testkit.Patience}
	conn, _, err := d.Dial(url, header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(testkit.Patience))
	return conn
}

func send(t *testing.T, conn *websocket.Conn, frame string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

// fence sends a ping and waits for its pong, which must come after everything
// sent before was handled.
func fence(t *testing.T, conn *websocket.Conn, payload string) {
	t.Helper()
	got := ""
	conn.SetPongHandler(func(p string) error { got = p; return errPong })
	if err := conn.WriteControl(websocket.PingMessage, []byte(payload), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); !errors.Is(err, errPong) || got != payload {
		t.Fatalf("pong %q, err %v", got, err)
	}
}

var (
	errPong = errors.New("pong came")
	errFull = errors.New("no space left")
)

func msg(i int) string {
	return fmt.Sprintf(`{"tsmId":12100,"tsmEv":10,"tsmTs":1520416221.%03d,"tsmTuid":"XXXX03X2Z80562557","temp":21.30}`, i)
}

func TestReceiverPrintsMessagesExactly(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Out: &out})
	conn := dial(t, r.URL(), nil)
	odd := `{ "tsmId":1.0e0 ,"tsmTs":2,"tsmTuid":"\u00e4]},{\"", "a":[1,{"b":"]"}],"x":null,"e":{}}`
	send(t, conn, "["+msg(1)+","+msg(2)+"]")
	send(t, conn, " [ "+odd+"\n,"+msg(1)+"]\n")
	send(t, conn, "[]")
	fence(t, conn, "portti:00000000:1")
	want := msg(1) + "\n" + msg(2) + "\n" + odd + "\n" + msg(1) + "\n"
	if out.String() != want {
		t.Fatalf("printed\n%s\nwant\n%s", out.String(), want)
	}
	s := r.Stats()
	if s.Connections != 1 || s.Open != 1 || s.Frames != 3 || s.Messages != 4 || s.Distinct != 3 || s.Repeats != 1 || s.Changed != 0 || s.Bad != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestReceiverTellsAChangedRepeatFromAnEqualOne(t *testing.T) {
	r := running(t, Options{})
	conn := dial(t, r.URL(), nil)
	send(t, conn, "["+msg(1)+"]")
	send(t, conn, "["+strings.Replace(msg(1), "21.30", "21.31", 1)+"]")
	fence(t, conn, "1")
	if s := r.Stats(); s.Repeats != 1 || s.Changed != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestReceiverCountsWhatIsNotAnArray(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Out: &out})
	conn := dial(t, r.URL(), nil)
	for _, frame := range []string{msg(1), "[1]", "[" + msg(2), "", "null", `"x"`, `[{"temp":1}]`, "[[]]"} {
		send(t, conn, frame)
	}
	fence(t, conn, "1")
	if s := r.Stats(); s.Frames != 8 || s.Bare != 1 || s.Bad != 7 || s.Messages != 2 {
		t.Fatalf("%+v", s)
	}
	if out.String() != msg(1)+"\n"+`{"temp":1}`+"\n" {
		t.Fatalf("printed %q", out.String())
	}
}

func TestReceiverKeepsAMessageOnOneLine(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Out: &out})
	conn := dial(t, r.URL(), nil)
	send(t, conn, "[{\n \"tsmId\": 1,\r\n \"s\": \"a\\nb\"\n}]")
	fence(t, conn, "1")
	if want := "{  \"tsmId\": 1,   \"s\": \"a\\nb\" }\n"; out.String() != want {
		t.Fatalf("printed %q, want %q", out.String(), want)
	}
}

func TestReceiverChecksTheToken(t *testing.T) {
	header := func(v string) http.Header { return http.Header{"Authorization": {v}} }
	for _, c := range []struct {
		name, mode string
		query      string
		header     http.Header
		open       bool
	}{
		{"none wants nothing", "none", "", nil, true},
		{"header right", "header", "", header("Bearer s3cret+/"), true},
		{"header in lower case", "header", "", header("bearer s3cret+/"), true},
		{"header wrong", "header", "", header("Bearer other"), false},
		{"header without scheme", "header", "", header("s3cret+/"), false},
		{"header missing", "header", "", nil, false},
		{"header wanted, query given", "header", "?token=s3cret%2B%2F", nil, false},
		{"query right", "query", "?token=s3cret%2B%2F", nil, true},
		{"query not escaped", "query", "?token=s3cret+/", nil, false},
		{"query empty", "query", "?token=", nil, false},
		{"query missing", "query", "", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := "s3cret+/"
			if c.mode == "none" {
				token = ""
			}
			r := running(t, Options{Auth: c.mode, Token: token})
			conn, resp, err := websocket.DefaultDialer.Dial(r.URL()+c.query, c.header)
			if conn != nil {
				conn.Close()
			}
			if c.open != (err == nil) {
				t.Fatalf("err %v", err)
			}
			if !c.open && (resp == nil || resp.StatusCode != http.StatusUnauthorized) {
				t.Fatalf("answer %v", resp)
			}
			if s := r.Stats(); c.open == (s.Refused == 1) {
				t.Fatalf("%+v", s)
			}
		})
	}
}

func TestReceiverCountMode(t *testing.T) {
	r := running(t, Options{Ack: "count"})
	for range 2 { // numbers begin anew on each connection
		conn := dial(t, r.URL(), nil)
		for i := range 3 {
			send(t, conn, "["+msg(i)+"]")
			_, reply, err := conn.ReadMessage()
			if want := fmt.Sprintf(`{"ack":%d}`, i+1); err != nil || string(reply) != want {
				t.Fatalf("got %s %v, want %s", reply, err, want)
			}
		}
	}
}

func TestReceiverEnvelopeMode(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Ack: "envelope", Out: &out})
	conn := dial(t, r.URL(), nil, "thingsee-batch.v1")
	send(t, conn, `{"type":"batch","gw":"G","epoch":"9f2c41d07ab3e655","first":1042,"msgs":[`+msg(1)+`,`+msg(2)+`]}`)
	_, reply, err := conn.ReadMessage()
	if want := `{"type":"ack","epoch":"9f2c41d07ab3e655","through":1043}`; err != nil || string(reply) != want {
		t.Fatalf("got %s %v", reply, err)
	}
	if out.String() != msg(1)+"\n"+msg(2)+"\n" {
		t.Fatalf("printed %q", out.String())
	}
	send(t, conn, "["+msg(3)+"]")
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInvalidFramePayloadData) {
		t.Fatal("a bare array passed for a batch: ", err)
	}
	stranger := dial(t, r.URL(), nil)
	if _, _, err := stranger.ReadMessage(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
		t.Fatal("a client without the subprotocol was taken: ", err)
	}
}

func TestReceiverRefusesBinaryAndTooLarge(t *testing.T) {
	r := running(t, Options{MaxFrame: 100})
	conn := dial(t, r.URL(), nil)
	conn.WriteMessage(websocket.BinaryMessage, []byte("[]"))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseUnsupportedData) {
		t.Fatal(err)
	}
	conn = dial(t, r.URL(), nil)
	send(t, conn, "["+strings.Repeat(" ", 200)+"]")
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Fatal(err)
	}
}

// Compressed messages are taken, up to the same size.
func TestReceiverUnpacks(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Out: &out, Ack: "count", MaxFrame: 10_000})
	d := websocket.Dialer{EnableCompression: true}
	conn, resp, err := d.Dial(r.URL(), nil)
	if err != nil || !strings.Contains(resp.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate") {
		t.Fatal(resp, err)
	}
	defer conn.Close()
	send(t, conn, "["+msg(1)+strings.Repeat(" ", 9000)+"]")
	hears(t, conn, `{"ack":1}`)
	if out.String() != msg(1)+"\n" {
		t.Fatalf("printed %q", out.String())
	}
	send(t, conn, "["+strings.Repeat(" ", 1_000_000)+"]") // about a thousand bytes on the way
	if code, _ := closing(t, conn); code != websocket.CloseMessageTooBig {
		t.Fatal(code)
	}
}

// slowWriter holds each write until it is let go.
type slowWriter struct {
	entered chan struct{}
	let     chan struct{}
	err     error
}

func (w *slowWriter) Write(b []byte) (int, error) {
	w.entered <- struct{}{}
	<-w.let
	if w.err != nil {
		return 0, w.err
	}
	return len(b), nil
}

func TestReceiverPongsOnlyAfterWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWriter{entered: make(chan struct{}, 1), let: make(chan struct{})}
		inBubble(t, Options{Out: w}, func(t *testing.T, dial func(string) *websocket.Conn, _ *Receiver) {
			conn := dial("")
			ponged := make(chan struct{})
			conn.SetPongHandler(func(string) error { close(ponged); return errPong })
			send(t, conn, "["+msg(1)+"]")
			conn.WriteControl(websocket.PingMessage, []byte("1"), time.Now().Add(time.Second))
			<-w.entered
			go conn.ReadMessage()
			synctest.Wait()
			select {
			case <-ponged:
				t.Error("the pong left before the message was written")
			default:
			}
			close(w.let)
			<-ponged
		})
	})
}

func TestReceiverThatCannotWriteProvesNothing(t *testing.T) {
	w := &slowWriter{entered: make(chan struct{}, 1), let: make(chan struct{}), err: errFull}
	close(w.let)
	r := running(t, Options{Out: w, Ack: "count"})
	conn := dial(t, r.URL(), nil)
	send(t, conn, "["+msg(1)+"]")
	if kind, b, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInternalServerErr) {
		t.Fatal(kind, string(b), err)
	}
	if s := r.Stats(); s.Messages != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestReceiverFileIsWrittenBeforeThePong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.jsonl")
	os.WriteFile(file, []byte("{\"torn\":"), 0o644) // a killed run's last line
	r := running(t, Options{OutFile: file})
	conn := dial(t, r.URL(), nil)
	for i := range 3 {
		send(t, conn, "["+msg(i)+"]")
		fence(t, conn, fmt.Sprint(i))
		b, err := os.ReadFile(file)
		if err != nil || strings.Count(string(b), "\n") != i+2 || !strings.HasSuffix(string(b), "\n"+msg(i)+"\n") {
			t.Fatalf("after pong %d the file holds %q", i, b)
		}
		conn = dial(t, r.URL(), nil) // gorilla does not go on after the handler's error
	}
}

func TestReceiverLinesOfTwoClientsDoNotMix(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Out: &out})
	var all sync.WaitGroup
	for c := range 4 {
		conn := dial(t, r.URL(), nil)
		all.Go(func() {
			for i := range 50 {
				m := fmt.Sprintf(`{"tsmId":1,"tsmTs":%d,"tsmTuid":"c%d"}`, i, c)
				conn.WriteMessage(websocket.TextMessage, []byte("["+m+"]"))
			}
			conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
			conn.ReadMessage()
		})
	}
	all.Wait()
	testkit.Eventually(t, "all connections gone", func() bool { return r.Stats().Open == 0 })
	if s := r.Stats(); s.Distinct != 200 || s.Connections != 4 {
		t.Fatalf("%+v", s)
	}
	for l := range strings.Lines(out.String()) {
		if !strings.HasPrefix(l, `{"tsmId":1,`) || !strings.HasSuffix(l, "\"}\n") {
			t.Fatalf("mixed line %q", l)
		}
	}
}

func TestReceiverTLS(t *testing.T) {
	dir := t.TempDir()
	r := running(t, Options{TLS: true, TLSDir: dir})
	cert := r.Certificate()
	pem, err := os.ReadFile(cert.File)
	if err != nil || len(cert.Fingerprint) != 64 {
		t.Fatal(err, cert.Fingerprint)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the file is no ca_file")
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		d := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool}}
		conn, _, err := d.Dial(strings.Replace(r.URL(), "127.0.0.1", host, 1), nil)
		if err != nil {
			t.Fatal(host, err)
		}
		conn.Close()
	}
	if _, _, err := websocket.DefaultDialer.Dial(r.URL(), nil); err == nil {
		t.Fatal("a client that does not know the certificate connected")
	}
	again, err := LoadOrMakeCertificate(dir, "", time.Now())
	if err != nil || again.Fingerprint != cert.Fingerprint {
		t.Fatal("a restart changed the certificate: ", err)
	}
	if _, err := LoadOrMakeCertificate(dir, "", time.Now().AddDate(3, 0, 0)); err == nil {
		t.Fatal("an expired certificate was taken")
	}
	if info, _ := os.Stat(filepath.Join(dir, keyFile)); info.Mode().Perm() != 0o600 {
		t.Fatal("the key may be read by others: ", info.Mode())
	}
}

func TestReceiverRefusesOptionsItCannotServe(t *testing.T) {
	for _, c := range []struct {
		o    Options
		says string
	}{
		{Options{Dialect: "mqtt"}, "choose thingsee, haltless"},
		{Options{Auth: "first-message"}, "without a token"},
		{Options{Auth: "hash"}, "without a token"},
		{Options{Heartbeat: -1}, "must not be negative"},
		{Options{Forward: Forward{URL: "ftp://x/y"}, Aside: "a"}, "http:// or https://"},
		{Options{Forward: Forward{URL: "http://u:secret@/y"}, Aside: "a"}, "http:// or https://"},
		{Options{Forward: Forward{URL: "http://x/y#z"}, Aside: "a"}, "no fragment"},
		{Options{Forward: Forward{URL: "http://x/y"}}, "without a file"},
		{Options{Forward: Forward{URL: "https://x/y", Headers: []string{"Authorization: Bearer x"}}, Aside: "a"}, "NAME=FILE"},
		{Options{Forward: Forward{URL: "http://x/y", Headers: []string{"A=b"}}, Aside: "a"}, "in the clear"},
		{Options{Forward: Forward{Headers: []string{"A=b"}}}, "without a URL"},
		{Options{Fanout: Fanout{Listen: ":0"}}, "without a token of their own"},
		{Options{Fanout: Fanout{Listen: "nowhere"}}, "cannot serve subscribers"},
		{Options{Auth: "basic"}, "choose none, header, query, first-message or hash"},
		{Options{Auth: "header"}, "without a token"},
		{Options{Token: "x", Auth: "none"}, "nobody presents one"},
		{Options{Ack: "puback"}, "choose none, fence, count or envelope"},
		{Options{Listen: "no-port"}, "cannot listen"},
		{Options{Listen: "127.0.0.1:0", OutFile: "/nowhere/x"}, "cannot write messages"},
	} {
		_, err := NewReceiver(c.o)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.o, err)
		}
		if err != nil && c.o.Token != "" && strings.Contains(err.Error(), `"x"`) {
			t.Error("the token is in the error")
		}
	}
}

func TestReceiverIsNoWebServer(t *testing.T) {
	r := running(t, Options{})
	resp, err := http.Get("http" + strings.TrimPrefix(r.URL(), "ws"))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusBadRequest {
		t.Fatal(resp.Status)
	}
}
