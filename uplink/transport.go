package uplink

import (
	"io"
	"time"

	"github.com/gorilla/websocket"
)

// The engines, Options.Engine: how frames travel.
const (
	EngineWebSocket = "websocket"
	EngineHTTP      = "http" // each frame is the body of a POST, and its answer the acknowledgement
	EngineMQTT      = "mqtt" // MQTT 5 in a WebSocket: a PUBACK acknowledges
	EngineNATS      = "nats" // NATS in a WebSocket: JetStream's answer to a publish acknowledges
)

// transport is one connection as a session uses it. The session's writer calls fits, frame,
// text and ping; its reader calls read, and no other goroutine does. What comes of it all
// goes into the inbox.
type transport interface {
	// fits says whether a frame of size bytes can be sent; the next connection can
	// where this one cannot.
	fits(size int) bool
	// frame sends records as one message. They are good during the call.
	frame(f outgoing, deadline time.Time) error
	// text sends a message that is no data.
	text(message []byte, deadline time.Time) error
	// ping asks for an answer with this payload.
	ping(payload string, deadline time.Time) error
	// read takes what the server says until the connection ends, and says why it did.
	read(r *reader) error
	// farewell says that we leave, which takes until deadline at most. Any goroutine may call it.
	farewell(code int, deadline time.Time)
	// stop ends the connection at once, and with it all calls above. Any goroutine may call it.
	stop()
	// written is how many bytes the network was given since the last call.
	written() uint64
}

// outgoing is a frame on its way out.
type outgoing struct {
	head  []byte // what stands before the records
	recs  [][]byte
	tail  string // and after them
	size  int
	first uint64 // number of the first record
	who   *name
}

// write puts the frame together.
func (f *outgoing) write(w io.Writer) error {
	piece := f.head
	for _, rec := range f.recs {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if _, err := w.Write(rec); err != nil {
			return err
		}
		piece = comma
	}
	_, err := io.WriteString(w, f.tail)
	return err
}

// socket is a WebSocket.
type socket struct {
	conn *websocket.Conn
	*guard
	room int // bytes of its write buffer
}

func newSocket(conn *websocket.Conn, g *guard, room int) *socket {
	conn.EnableWriteCompression(false)
	return &socket{conn: conn, guard: g, room: room}
}

// fits: the library would split a longer one into several WebSocket frames, which naive
// receivers cannot put together.
func (s *socket) fits(size int) bool { return size+s.slack(size) <= s.room }

func (s *socket) frame(f outgoing, deadline time.Time) error {
	if s.deflating(f.size) {
		s.conn.EnableWriteCompression(true)
		defer s.conn.EnableWriteCompression(false)
	}
	_ = s.conn.SetWriteDeadline(deadline)
	w, err := s.conn.NextWriter(websocket.TextMessage)
	if err == nil {
		err = f.write(w)
	}
	if err == nil {
		err = w.Close()
	}
	return writeError(err)
}

func (s *socket) text(message []byte, deadline time.Time) error {
	_ = s.conn.SetWriteDeadline(deadline)
	return writeError(s.conn.WriteMessage(websocket.TextMessage, message))
}

func (s *socket) ping(payload string, deadline time.Time) error {
	return writeError(s.conn.WriteControl(websocket.PingMessage, []byte(payload), deadline))
}

func (s *socket) read(r *reader) error { return r.run(s.conn) }

func (s *socket) farewell(code int, deadline time.Time) {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), deadline)
}

// stop closes below TLS, whose own goodbye can block for 5 s on a full socket.
func (s *socket) stop() { _ = s.guard.Close() }

func (s *socket) written() uint64 { return s.out.Swap(0) }
