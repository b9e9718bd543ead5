package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// writeWait bounds every write towards a client that does not read.
const writeWait = 5 * time.Second

// session is one connection. Everything but conn's control frames and say
// belongs to the goroutine that serves it.
type session struct {
	r      *Receiver
	conn   *websocket.Conn
	ack    string
	token  string // what it was let in with
	speech speech
	handed int64 // data frames handled, for count
	split  splitter
	seen   map[row]bool  // the buffers that have named themselves, for envelope
	gone   chan struct{} // closed when the handler has ended
	caller caller
	met    bool // let in; guarded by r.mu
	told   bool // a bad frame of this connection has been logged

	ctx context.Context // ends with Cut and with the receiver
	cut context.CancelFunc

	speak sync.Mutex // guards writing messages: heartbeats come from elsewhere
}

// date is the header with which a server tells its time. net/http writes it by
// itself, but not into the answer to an upgrade; nginx does there too.
func (r *Receiver) date() http.Header {
	if r.opts.Date == nil {
		return nil
	}
	return http.Header{"Date": {r.opts.Date().UTC().Format(http.TimeFormat)}}
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	token, ok := r.knock(w, req)
	if !ok {
		return
	}
	if req.Method == http.MethodPost || req.Method == http.MethodOptions {
		if r.opts.Auth == "first-message" {
			http.Error(w, "a token cannot go as the first message here", http.StatusUnauthorized)
		} else if req.Method == http.MethodPost {
			r.posted(w, req)
		}
		return
	}
	up := websocket.Upgrader{CheckOrigin: anyOrigin, EnableCompression: true}
	if r.opts.Ack == "envelope" {
		up.Subprotocols = []string{envelopeProtocol}
	}
	conn, err := up.Upgrade(w, req, r.date())
	if err != nil {
		r.opts.Log.Info("not a websocket handshake", "component", "receive", "event", "handshake.failed", "err", err)
		return
	}
	conn.EnableWriteCompression(false) // what it says is short
	s := &session{
		r: r, conn: conn, ack: r.opts.Ack, token: token, speech: newSpeech(r.opts.Dialect, time.Now),
		seen: map[row]bool{}, gone: make(chan struct{}), caller: callerOf(req),
	}
	s.ctx, s.cut = context.WithCancel(r.down)
	defer s.cut()
	if !r.add(s) {
		conn.Close()
		return
	}
	defer close(s.gone)
	defer r.remove(s)
	defer conn.Close()
	r.opts.Log.Info("connected", "component", "receive", "event", "client.connected", "peer", req.RemoteAddr)
	err = s.run(req.RemoteAddr)
	r.opts.Log.Info("disconnected", "component", "receive", "event", "client.disconnected", "peer", req.RemoteAddr, "err", err)
}

// knock answers a handshake that may not pass.
func (r *Receiver) knock(w http.ResponseWriter, req *http.Request) (token string, ok bool) {
	if status := r.faults.answer.Load(); status != 0 {
		http.Error(w, http.StatusText(int(status)), int(status))
		return "", false
	}
	if !mayCome(req, r.opts.Origins) {
		r.note(func(s *Stats) { s.Refused++ })
		r.opts.Log.Warn("a page of another origin was refused; --origin lets it in", "component", "receive", "event", "origin.refused",
			"origin", fmt.Sprintf("%.200q", req.Header.Get("Origin")), "peer", req.RemoteAddr)
		http.Error(w, "this origin may not connect here", http.StatusForbidden)
		return "", false
	}
	token, ok = r.token.open(req)
	if at, ends := expiry(token); ok && ends && r.opts.Dialect == "zyeta" && !time.Now().Before(at) {
		ok = false
	}
	if !ok {
		r.note(func(s *Stats) { s.Refused++ })
		r.opts.Log.Warn("token refused", "component", "receive", "event", "token.refused", "peer", req.RemoteAddr)
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "token missing or wrong", http.StatusUnauthorized)
		return "", false
	}
	if wait := r.forward.closed(time.Now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		http.Error(w, "the API behind this server takes nothing now", http.StatusServiceUnavailable)
		return "", false
	}
	return token, true
}

// run handles frames until the connection ends. gorilla answers a ping inside
// NextReader, so a pong leaves only after the frames before it were handled.
func (s *session) run(peer string) error {
	s.conn.SetPingHandler(s.pong)
	if s.ack == "envelope" && s.conn.Subprotocol() != envelopeProtocol {
		return s.end(websocket.ClosePolicyViolation, "subprotocol "+envelopeProtocol+" required",
			errors.New("client did not offer subprotocol "+envelopeProtocol))
	}
	if s.r.opts.Auth == "first-message" {
		if err := s.admit(peer); err != nil {
			return err
		}
	}
	s.r.meet(s)
	stop := s.alive()
	defer stop()
	s.conn.SetReadLimit(s.r.opts.MaxFrame)
	for {
		s.r.faults.wait(s.ctx)
		kind, frame, err := s.read()
		if err != nil {
			return err
		}
		if kind != websocket.TextMessage {
			s.r.note(func(st *Stats) { st.Frames++; st.Bad++ })
			return s.end(websocket.CloseUnsupportedData, "text messages only", errors.New("client sent a binary message"))
		}
		if err := s.text(frame); err != nil {
			return err
		}
	}
}

// read gives the next message. The library's own limit is for what travels; a
// few bytes of that can be a great deal when unpacked.
func (s *session) read() (kind int, message []byte, err error) {
	kind, r, err := s.conn.NextReader()
	if err != nil {
		return 0, nil, err
	}
	message, err = io.ReadAll(io.LimitReader(r, s.r.opts.MaxFrame+1))
	if err == nil && int64(len(message)) > s.r.opts.MaxFrame {
		err = s.end(websocket.CloseMessageTooBig, "", websocket.ErrReadLimit)
	}
	return kind, message, err
}

// text takes one message: a command of the dialect or data.
func (s *session) text(frame []byte) error {
	if s.ack == "envelope" || s.r.opts.Dialect == "zyeta" || s.r.opts.Dialect == "heimdall" {
		kind, ok := kindOf(frame)
		if ok && (s.ack != "envelope" || kind != "batch") {
			if reply, known := s.speech.command(kind, frame); known {
				s.r.note(func(st *Stats) { st.Commands++ })
				return s.say(reply)
			}
		}
	}
	if s.ack == "envelope" {
		return s.batch(frame)
	}
	return s.data(frame)
}

// data handles a frame of modes none, fence and count.
func (s *session) data(frame []byte) error {
	list, shape := s.split.elements(frame)
	if shape != array && !s.told {
		s.told = true
		s.r.opts.Log.Warn("not a JSON array of messages", "component", "receive", "event", "frame.invalid", "bytes", len(frame))
	}
	taken, refused, err := s.pass(list)
	if err != nil {
		return err
	}
	if shape == bad && s.r.opts.Aside != "" {
		refused = []refusal{{msg: mustJSON(string(frame)), reason: "no array of messages"}}
	}
	if err := s.r.setAside(refused); err != nil {
		return s.broken(err)
	}
	if err := s.r.take(taken, shape, len(frame)); err != nil {
		return s.broken(err)
	}
	s.handed++
	if s.ack != "count" {
		return nil
	}
	return s.prove(append(strconv.AppendInt([]byte(`{"ack":`), s.handed, 10), '}'))
}

// broken ends a connection whose frame could not be written, and with it the
// receiver: what is not written is not proven, so the client keeps it.
func (s *session) broken(err error) error {
	// This client is closed first, with 1011: the end of the receiver closes all
	// others with 1001.
	s.bye(websocket.CloseInternalServerErr, "cannot store")
	s.r.fail(err)
	return s.linger(err)
}

// prove sends an acknowledgement.
func (s *session) prove(reply []byte) error {
	if s.r.faults.mute.Load() {
		return nil
	}
	return s.say(reply)
}

// say writes a message. nil says nothing.
func (s *session) say(message []byte) error {
	if message == nil {
		return nil
	}
	s.speak.Lock()
	defer s.speak.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(writeWait))
	return s.conn.WriteMessage(websocket.TextMessage, message)
}

func (s *session) pong(payload string) error {
	if s.r.faults.mute.Load() {
		return nil
	}
	err := s.conn.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(writeWait))
	var timeout net.Error
	if errors.Is(err, websocket.ErrCloseSent) || errors.As(err, &timeout) {
		return nil // the read that follows says what became of the connection
	}
	return err
}

func (s *session) goAway() { s.bye(websocket.CloseGoingAway, "receiver stops") }

func (s *session) bye(code int, why string) {
	s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(writeWait))
}

// end closes with a code. It gives err.
func (s *session) end(code int, why string, err error) error {
	s.bye(code, why)
	return s.linger(err)
}

// linger stays long enough for a close frame to arrive: a connection closed with
// bytes unread is reset, and a reset overtakes the close frame. It gives err.
func (s *session) linger(err error) error {
	conn := s.conn.NetConn()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	conn.SetReadDeadline(time.Now().Add(closeWait))
	_, _ = io.Copy(io.Discard, conn)
	return err
}
