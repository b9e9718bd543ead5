package bench

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// envelopeProtocol is the WebSocket subprotocol of acknowledgement mode
// envelope.
const envelopeProtocol = "thingsee-batch.v1"

// writeWait bounds every write towards a client that does not read.
const writeWait = 5 * time.Second

// session is one connection. Everything but conn's control frames belongs to
// the goroutine that serves it.
type session struct {
	r      *Receiver
	conn   *websocket.Conn
	ack    string
	handed int64 // data frames handled, for count
	split  splitter
	cut    chan struct{} // closed by Cut
	gone   chan struct{} // closed when the handler has ended
	once   sync.Once     // guards cut
	told   bool          // a bad frame of this connection has been logged
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
	if status := r.faults.answer.Load(); status != 0 {
		http.Error(w, http.StatusText(int(status)), int(status))
		return
	}
	if !r.token.open(req) {
		r.note(func(s *Stats) { s.Refused++ })
		r.opts.Log.Warn("token refused", "component", "receive", "event", "token.refused", "peer", req.RemoteAddr)
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "token missing or wrong", http.StatusUnauthorized)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	if r.opts.Ack == "envelope" {
		up.Subprotocols = []string{envelopeProtocol}
	}
	conn, err := up.Upgrade(w, req, r.date())
	if err != nil {
		r.opts.Log.Info("not a websocket handshake", "component", "receive", "event", "handshake.failed", "err", err)
		return
	}
	s := &session{r: r, conn: conn, ack: r.opts.Ack, cut: make(chan struct{}), gone: make(chan struct{})}
	if !r.add(s) {
		conn.Close()
		return
	}
	defer close(s.gone)
	defer r.remove(s)
	defer conn.Close()
	r.opts.Log.Info("connected", "component", "receive", "event", "client.connected", "peer", req.RemoteAddr)
	err = s.run()
	r.opts.Log.Info("disconnected", "component", "receive", "event", "client.disconnected", "peer", req.RemoteAddr, "err", err)
}

// run handles frames until the connection ends. gorilla answers a ping inside
// ReadMessage, so a pong leaves only after the frames before it were handled.
func (s *session) run() error {
	s.conn.SetReadLimit(s.r.opts.MaxFrame)
	s.conn.SetPingHandler(s.pong)
	if s.ack == "envelope" && s.conn.Subprotocol() != envelopeProtocol {
		s.bye(websocket.ClosePolicyViolation, "subprotocol "+envelopeProtocol+" required")
		return errors.New("client did not offer subprotocol " + envelopeProtocol)
	}
	for {
		s.r.faults.wait(s.r.down, s.cut)
		kind, frame, err := s.conn.ReadMessage()
		if err != nil {
			return err
		}
		if kind != websocket.TextMessage {
			s.r.note(func(st *Stats) { st.Frames++; st.Bad++ })
			s.bye(websocket.CloseUnsupportedData, "text messages only")
			return errors.New("client sent a binary message")
		}
		if err := s.handle(frame); err != nil {
			return err
		}
	}
}

func (s *session) handle(frame []byte) error {
	var env envelope
	msgs := frame
	if s.ack == "envelope" {
		if err := json.Unmarshal(frame, &env); err != nil || env.Type != "batch" {
			s.r.note(func(st *Stats) { st.Frames++; st.Bad++ })
			s.bye(websocket.CloseInvalidFramePayloadData, "not a batch")
			return errors.New("client sent a message that is not a batch")
		}
		msgs = env.Msgs
	}
	list, shape := s.split.elements(msgs)
	if err := s.r.take(list, shape, len(frame)); err != nil {
		// Not written, so not proven: the client keeps it.
		s.bye(websocket.CloseInternalServerErr, "cannot store")
		s.r.fail(err)
		return err
	}
	if shape != array && !s.told {
		s.told = true
		s.r.opts.Log.Warn("not a JSON array of messages", "component", "receive", "event", "frame.misshapen", "bytes", len(frame))
	}
	s.handed++
	return s.prove(env, len(list))
}

// prove answers in the modes where the application takes part.
func (s *session) prove(env envelope, n int) error {
	var reply []byte
	switch s.ack {
	case "count":
		reply = append(strconv.AppendInt([]byte(`{"ack":`), s.handed, 10), '}')
	case "envelope":
		if n == 0 {
			return nil
		}
		var err error
		if reply, err = json.Marshal(envelopeAck{"ack", env.Epoch, env.First + uint64(n) - 1}); err != nil {
			return err
		}
	default:
		return nil
	}
	if s.r.faults.mute.Load() {
		return nil
	}
	s.conn.SetWriteDeadline(time.Now().Add(writeWait))
	return s.conn.WriteMessage(websocket.TextMessage, reply)
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

// envelope is a batch of subprotocol thingsee-batch.v1: message i is record
// First + i of the gateway's buffer.
type envelope struct {
	Type  string          `json:"type"`
	GW    string          `json:"gw"`
	Epoch string          `json:"epoch"`
	First uint64          `json:"first"`
	Msgs  json.RawMessage `json:"msgs"`
}

// envelopeAck says that every record up to Through is stored.
type envelopeAck struct {
	Type    string `json:"type"`
	Epoch   string `json:"epoch"`
	Through uint64 `json:"through"`
}
