package uplink

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	farewellWait = time.Second            // for the server's answer to our close frame
	abortWait    = 100 * time.Millisecond // for a close frame when we must stop at once
	closeGrace   = 300 * time.Millisecond // for a close frame after a broken write
)

// errAsked ends a loop that has nothing left to do: the caller closes in order.
var errAsked = errors.New("done")

// sourceError is an error of the queue. It is the only one that ends Run.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// session is one connection: a writer, which is the goroutine that calls run
// and the only one to touch the queue, and a reader. Both are joined before
// run returns.
type session struct {
	link    *Link
	wire    transport
	src     Source
	mode    ackMode
	dialect dialectSession
	inbox   *inbox
	ping    *pinger
	flight  flight

	cursors     cursors
	backlog     bool   // as the status says
	head        []byte // what stands before the records of a frame; reused
	refused     []uint64
	aside       []uint64        // those of them that are still in the queue
	asideWhy    string          // the server's words about the last one
	acked       map[string]bool // of which name something was, on this connection
	lastMessage time.Time       // when the server's application last sent anything
	patience    time.Duration   // how often it does; 0: not known
	later       [][]byte        // messages that wait for laterAt
	laterAt     time.Time
	sendAfter   time.Time // before it nothing is sent: the server may still be looking at the token
	naming      Naming    // nil where the server is told no names
	gather      gather
	preferredAt time.Time // when to try a better address; zero: this is the best
	hoursCheck  time.Time // when to check the uplink hours; zero: there are none
	started     time.Time
	traffic     time.Time // when something was last sent or a ping answered
	marked      uint64    // frames that a pong has answered for
	believeAt   time.Time // before it a pong proves nothing: the server refused what it had answered for
	stable      bool      // proven, and up long enough: the delays begin anew
	finish      bool      // stop sending, close when all is proven
	eof         bool
	takenOver   bool // the log says that this identity is used twice
	proven      bool // something was
	readDone    chan struct{}
	readErr     error // after readDone
	timer       *time.Timer
}

// ending is how a session ended.
type ending struct {
	fatal       error // of the queue
	asked       bool  // we closed in order with every proof in
	clean       bool  // and the server answered
	eof         bool  // and nothing will ever follow
	toPreferred bool  // to try a better address
	own         error // our reason, if we had one
	read        error // the reader's
	unproven    unprovenAtEnd
	up          time.Duration // how long the connection lasted
	quiet       time.Duration // how long nothing had been sent or received at the end
	stable      bool
}

// newSession begins a session on a connection whose server selected the subprotocol.
func newSession(l *Link, wire transport, subprotocol string, src Source) *session {
	o := l.o
	if o.Ack == AckEnvelope && subprotocol != envelopeProtocol {
		o.Ack = o.AckFallback // dial refuses where there is none
	}
	e, _ := newAckMode(&o) // checked by New
	window := o.Window
	if e.unproven {
		window = unprovenWindow
	}
	first, next := src.Bounds()
	var naming Naming
	if o.Ack == AckAnswer {
		naming, _ = src.(Naming)
	}
	if o.Ack == AckEnvelope {
		naming = src.(Naming) // checked by Run
		if parts := o.Order == OrderFreshFirst && first < next; parts {
			if next, parts = naming.Part(); !parts {
				o.Order = OrderFIFO
			}
		}
	}
	post := o.Engine == EngineHTTP
	interval := l.o.PingInterval
	if q, ok := wire.(interface {
		quiet(time.Duration) time.Duration
	}); ok { // the server wants to hear of us more often
		interval = q.quiet(interval)
	}
	ping := newPinger(interval, l.o.PongTimeout, l.rtt)
	if post {
		ping = newPinger(forever, 3*l.o.PongTimeout, l.rtt) // a quiet server is asked nothing
		ping.sentAt = time.Now()
	}
	s := &session{
		link: l, wire: wire, src: src, mode: e, dialect: l.route.dialect.startSession(), naming: naming,
		acked:    map[string]bool{},
		inbox:    newInbox(&l.board),
		ping:     ping,
		flight:   newFlight(window, !e.unproven),
		cursors:  newCursors(o.Order, first, next),
		started:  time.Now(),
		readDone: make(chan struct{}),
	}
	s.flight.single = post
	s.lastMessage, s.patience = s.started, l.route.dialect.patience
	if l.refused {
		s.believeAt = s.started.Add(o.Hold)
	}
	s.inbox.received.patience = s.patience
	if _, _, again := l.shut(); again > 0 {
		s.hoursCheck = s.started.Add(again)
	}
	s.updateBacklog()
	return s
}

// run serves the connection until it ends.
func (s *session) run(ctx context.Context) ending {
	aborted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(aborted); s.abort() })
	defer func() {
		if !stop() {
			<-aborted
		}
	}()
	var readers sync.WaitGroup
	own := s.greet()
	readers.Go(func() {
		defer close(s.readDone)
		r := reader{words: s.mode.words, dialect: s.dialect, o: &s.link.o, inbox: s.inbox}
		s.readErr = s.wire.read(&r)
		// What the reader cannot go on with the writer cannot either: this
		// frees it from a write that blocks.
		s.wire.stop()
	})
	s.timer = time.NewTimer(time.Hour)
	defer s.timer.Stop()
	if own == nil {
		own = s.loop(ctx)
	}
	clean := s.close(own)
	readers.Wait()
	own = s.lastProofs(ctx, own)
	if err := s.setAside(time.Now(), true); err != nil {
		own = err
	}
	s.link.rtt = s.ping.srtt
	return s.ending(own, clean)
}

// lastProofs takes what the reader found before it ended and the loop had no
// turn to see: without it a server that breaks right after its pong would get
// the same frames again.
func (s *session) lastProofs(ctx context.Context, own error) error {
	var fatal sourceError
	if ctx.Err() != nil || errors.As(own, &fatal) || errors.Is(own, failRollback) { // what follows is about numbers that hold no more
		return own
	}
	if err := s.proofs(time.Now()); errors.As(err, &fatal) || errors.As(err, new(ended)) {
		return err
	}
	return own
}

// abort ends the connection at once: politely where that takes no time.
func (s *session) abort() {
	s.wire.farewell(websocket.CloseGoingAway, time.Now().Add(abortWait))
	s.wire.stop()
}

// close brings the connection down and reports whether both sides did so in
// order.
func (s *session) close(own error) (clean bool) {
	code, wait := 0, closeGrace
	switch {
	case errors.Is(own, errAsked), errors.As(own, new(ended)):
		code, wait = websocket.CloseNormalClosure, farewellWait
	case errors.Is(own, failBadAck):
		code = websocket.CloseProtocolError
	case errors.Is(own, errWriteStuck), errors.Is(own, failNoPong), errors.Is(own, failNeverPong), own == nil:
		wait = 0 // nobody reads
	}
	if code != 0 {
		s.wire.farewell(code, time.Now().Add(time.Second))
	}
	if wait > 0 {
		s.link.beat(wait)
		select {
		case <-s.readDone:
		case <-time.After(wait):
		}
	}
	s.wire.stop()
	<-s.readDone
	var answer *websocket.CloseError
	return errors.Is(s.readErr, errAsked) || errors.As(s.readErr, &answer) && answer.Code == websocket.CloseNormalClosure
}

func (s *session) ending(own error, clean bool) ending {
	e := ending{own: own, read: s.readErr, up: time.Since(s.started), stable: s.stable, quiet: time.Since(latest(s.traffic, s.lastMessage))}
	var fatal sourceError
	if errors.As(own, &fatal) {
		e.fatal = fatal.error
	}
	if errors.Is(own, errAsked) {
		e.own, e.asked, e.clean, e.eof = nil, true, clean, s.eof
		e.toPreferred = !s.preferredAt.IsZero() && !time.Now().Before(s.preferredAt)
	}
	e.unproven = s.flight.atEnd()
	e.unproven.proven = s.proven
	s.link.board.update(func(st *Status) { st.InFlight, st.Backlog, st.Compressed = 0, false, false })
	return e
}
