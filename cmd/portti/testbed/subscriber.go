package testbed

import (
	"context"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// subscriber is one reader of the fan-out.
type subscriber struct {
	conn  *websocket.Conn
	more  chan struct{} // something waits, or it has to leave
	limit int           // bytes that it may be behind

	ctx context.Context // ends when it has to leave
	end context.CancelFunc

	mu     sync.Mutex
	queue  [][]byte
	behind int // bytes in queue
	code   int
	why    string
}

func newSubscriber(conn *websocket.Conn, limit int) *subscriber {
	s := &subscriber{conn: conn, more: make(chan struct{}, 1), limit: limit}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// offer is false when the subscriber is too far behind.
func (s *subscriber) offer(frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind > 0 && s.behind+len(frame) > s.limit {
		return false
	}
	s.queue, s.behind = append(s.queue, frame), s.behind+len(frame)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return true
}

func (s *subscriber) leave(code int, why string) {
	s.mu.Lock()
	s.code, s.why = code, why
	s.mu.Unlock()
	s.end()
}

// run serves the subscriber until either side ends it.
func (s *subscriber) run() {
	var reader sync.WaitGroup
	reader.Go(s.listen)
	s.talk()
	s.end()
	s.mu.Lock()
	code, why := s.code, s.why
	s.mu.Unlock()
	if code != 0 {
		s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(closeWait))
		s.conn.SetReadDeadline(time.Now().Add(closeWait))
		reader.Wait()
	}
	s.conn.Close()
	reader.Wait()
}

// listen reads until the end. A subscriber has nothing to say.
func (s *subscriber) listen() {
	defer s.end()
	s.conn.SetReadLimit(4 << 10)
	s.conn.SetReadDeadline(time.Now().Add(fanoutSilence))
	s.conn.SetPongHandler(func(string) error { return s.conn.SetReadDeadline(time.Now().Add(fanoutSilence)) })
	if _, _, err := s.conn.NextReader(); err == nil {
		s.leave(websocket.ClosePolicyViolation, "this address is for reading only")
	}
}

func (s *subscriber) talk() {
	tick := time.NewTicker(fanoutPing)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			if s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)) != nil {
				return
			}
		case <-s.more:
		}
		for frame := s.next(); frame != nil; frame = s.next() {
			s.conn.SetWriteDeadline(time.Now().Add(fanoutSilence))
			if s.ctx.Err() != nil || s.conn.WriteMessage(websocket.TextMessage, frame) != nil {
				return
			}
		}
	}
}

func (s *subscriber) next() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil
	}
	frame := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.behind -= len(frame)
	return frame
}
