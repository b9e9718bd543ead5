package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	minWriteBuffer = 32 << 10
	wakeInterval   = 5 * time.Second // at most one early attempt in this time
	forever        = time.Duration(1 << 62)
)

// Link carries records from a Source to one server. Status, Idle and Wake may
// be called from any goroutine at any time.
type Link struct {
	o      Options
	routes []*route // the preferred one first
	dialer dialer
	board  statusBoard
	wake   chan struct{}
	renew  atomic.Bool // Reconnect was called
	leave  atomic.Bool // Leave was called
	ping   atomic.Bool // Ping was called

	origin time.Time
	due    atomic.Int64 // when the loop will have passed at the latest, ns after origin

	drainRate atomic.Int64 // bytes a second, 0: any

	// owned by the goroutine of Run
	route         *route // of the present or next connection
	at            int    // its place among routes
	tried         int    // addresses, since the last pause
	preferredWait time.Duration
	backoff       backoff
	splits        [lanes]splits
	sent          sentBefore
	promises      promises
	asideAt       time.Time // when refused records may be written next
	drain         drain
	schedule      Schedule
	token         Secret        // of the last dial
	ends          int           // of connections, since one lasted
	quiet         time.Duration // before the last of them broke
	refused       bool          // by the last one's server, after pongs perhaps
	authTried     bool          // the immediate try after a refusal has been spent
	authAt        time.Time     // when it last was
	lastWake      time.Time
	writeBuffer   int
	rtt           time.Duration
	saved         chan struct{}                      // open while LimitsFile is written, nil = it never was
	save          func(string, map[string]int) error // saveLimits but in tests
}

// New checks o and makes a Link. The error names every problem and no secret.
func New(o Options) (*Link, error) {
	o.setDefaults()
	routes, err := newRoutes(&o)
	if err = errors.Join(err, o.check()); err != nil {
		return nil, err
	}
	l := &Link{
		o: o, routes: routes, wake: make(chan struct{}, 1), origin: time.Now(),
		backoff:     backoff{base: o.BackoffBase, cap: o.BackoffCap, spread: o.Spread, rand: o.Rand},
		writeBuffer: minWriteBuffer,
		promises:    promises{}, save: saveLimits,
	}
	l.growBuffer(o.MaxBatchBytes)
	l.drainRate.Store(int64(o.DrainRate))
	l.schedule, _ = ParseSchedule(o.Schedule, o.Zone) // was checked
	l.beat(forever)
	l.dialer = dialer{o: &l.o, hide: l.hide, beat: l.beat}
	l.board = statusBoard{log: o.Log, repeats: map[string]*repeat{}}
	for _, r := range routes {
		l.board.scrub = l.board.scrub.with(r.dialect.endpoint.scrub.secrets...)
	}
	for _, value := range o.Headers {
		if len(value) >= minHeaderSecret {
			l.board.scrub = l.board.scrub.with(value)
		}
	}
	l.recallLimits()
	l.board.s = Status{
		State: Stopped, Since: time.Now(), Dialect: o.Dialect, Ack: o.Ack,
		ServerKinds: map[string]uint64{}, DrainRate: o.DrainRate,
	}
	if len(routes) == 0 {
		l.board.s.Problem = ProblemNoServer
		return l, nil
	}
	l.route = routes[0]
	l.board.s.Server, l.board.s.Reached, l.board.s.BatchBytes = l.route.name, l.route.reached, l.route.poison.limit()
	return l, nil
}

// Status returns a snapshot.
func (l *Link) Status() Status { return l.board.snapshot() }

// Wake asks for an attempt now: credentials have changed, the configuration
// was read again, a network appeared. While online it compares the token and
// connects again if it is another one. At most one early attempt is made in
// 5 s; a Wake too many is not lost, only late.
func (l *Link) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Reconnect asks for a new connection now. One that is up is closed in order:
// what was sent is proven first, and nothing is sent twice. Where there is
// none it is a Wake. It may be called from any goroutine.
func (l *Link) Reconnect() {
	l.renew.Store(true)
	l.Wake()
}

// Leave asks Run to return, for another Link to go on with the Source: a connection
// that is up is closed in order, as by Reconnect, and no other is made. Where that takes
// too long, or there is none, end the ctx of Run, and Rewind the Source afterwards. It
// may be called from any goroutine.
func (l *Link) Leave() {
	l.leave.Store(true)
	l.Wake()
}

// Inherit has the counters go on from those of the Link whose place this one takes. Call
// it before Run.
func (l *Link) Inherit(before Status) {
	kinds := before.ServerKinds
	if kinds == nil {
		kinds = map[string]uint64{}
	}
	l.board.update(func(s *Status) {
		now := *s
		*s = before
		s.State, s.Since, s.Dialect, s.Ack, s.Server, s.Problem, s.DrainRate, s.BatchBytes, s.Shrunk = now.State, now.Since, now.Dialect, now.Ack, now.Server, now.Problem, now.DrainRate, now.BatchBytes, now.Shrunk
		s.Reached = now.Reached
		s.RTT, s.LastError, s.NextTry, s.Opens, s.Attempts, s.LastProof, s.Takeover = 0, "", time.Time{}, time.Time{}, 0, time.Time{}, false
		s.InFlight, s.Backlog, s.Compressed, s.ServerKinds = 0, false, false, kinds
	})
}

// ErrLeft is what Run returns after Leave.
var ErrLeft = errors.New("the link was left")

// Idle is how long the link is overdue: zero as long as everything it does is
// within its own limits, waits included. It is for a watchdog.
func (l *Link) Idle() time.Duration {
	return max(time.Since(l.origin)-time.Duration(l.due.Load()), 0)
}

// beat promises to be back within d.
func (l *Link) beat(d time.Duration) { l.due.Store(int64(time.Since(l.origin) + d)) }

// Run delivers what src holds. It returns nil when src gave io.EOF, every
// record is proven and the link is closed; ctx.Err() when ctx ends, at once
// and whatever the server does; and an error of src. Anything else it meets
// by trying again, for ever. A disk that holds LimitsFile up holds the return up for a
// second at most. It may be called again after it has returned. Without a
// server it waits for the end of ctx and leaves src alone.
func (l *Link) Run(ctx context.Context, src Source) error {
	if _, ok := src.(Naming); l.o.Ack == AckEnvelope && !ok {
		return errors.New(`ack "envelope" needs a source that names its records`)
	}
	if l.route == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	defer l.awaitLimits()
	var wg sync.WaitGroup
	defer wg.Wait()
	pollCtx, stop := context.WithCancel(ctx)
	defer stop()
	if w, ok := l.o.Token.(watchable); ok && l.route.dialect.wantsToken() {
		wg.Go(func() { l.pollToken(pollCtx, w) })
	}
	defer l.beat(forever) // a Link that does not run is not overdue
	defer l.board.enter(Stopped)
	for {
		if l.finished(src) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.leave.Load() {
			return ErrLeft
		}
		if done, err := l.outOfHours(ctx, src); done {
			return err
		}
		if done, err := l.connection(ctx, src); done {
			return err
		}
	}
}

// pollToken wakes the link when the credential may have changed.
func (l *Link) pollToken(ctx context.Context, w watchable) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(credentialPoll):
			if w.Changed() {
				l.Wake()
			}
		}
	}
}

// finished reports whether nothing is left to do even without a connection.
func (l *Link) finished(src Source) bool {
	first, next := src.Bounds()
	if first != next {
		return false
	}
	_, _, err := src.Read(first, 1, 1)
	return errors.Is(err, io.EOF)
}

// connection dials once, serves what comes of it and waits as the end demands.
func (l *Link) connection(ctx context.Context, src Source) (done bool, err error) {
	l.board.enter(Connecting)
	l.board.update(func(s *Status) { s.Attempts++ })
	l.beat(5 * l.o.PhaseTimeout)
	s, derr := l.connect(ctx, src)
	if derr != nil {
		if ctx.Err() != nil {
			return true, ctx.Err()
		}
		f := classifyDial(derr, &l.o)
		f.dialed = true
		if errors.Is(derr.err, errExtension) && l.dialer.deflate {
			l.withoutDeflate(&f)
		}
		return l.after(ctx, src, f, "cannot connect")
	}
	end := s.run(ctx)
	switch {
	case end.fatal != nil:
		return true, end.fatal
	case ctx.Err() != nil:
		return true, ctx.Err()
	case end.asked:
		return l.closed(end, src)
	}
	f := classifyEnd(end.own, end.read)
	l.weigh(&f, &end)
	if f.problem == ProblemLoggedOut { // whatever the credential was, it is worthless now
		if r, ok := l.o.Token.(revocable); ok {
			r.Revoke()
		}
	}
	if (f.code == websocket.CloseProtocolError || f.code == websocket.CloseMandatoryExtension) && l.dialer.deflate {
		l.withoutDeflate(&f)
	}
	if l.route.poison.onSilentEnd(end.own, end.unproven) {
		l.recut("uplink.shrunk", "nothing gets through: trying smaller messages")
	}
	if err := l.rewind(src, f.cause, end.unproven); err != nil {
		return true, err
	}
	return l.after(ctx, src, f, "the link ended")
}

// connect fetches the token and dials.
func (l *Link) connect(ctx context.Context, src Source) (*session, *dialError) {
	if err := l.fetchToken(ctx); err != nil {
		return nil, &dialError{phase: phaseToken, err: fmt.Errorf("%w: %w", errToken, err)}
	}
	target, header := l.route.dialect.request(l.token)
	l.dialer.deflate = l.o.Compression && !l.route.plain
	wire, subprotocol, deflate, derr := l.open(ctx, target, header)
	if derr != nil {
		return nil, derr
	}
	l.board.enter(Online)
	l.renew.Store(false)
	var now Status
	l.board.update(func(s *Status) { s.Connects++; s.Compressed = deflate; now = *s })
	if l.o.Engine != EngineHTTP { // an upgrade shows that the address is right; of a connection the first answer does
		l.reach()
	}
	l.board.event(slog.LevelInfo, "uplink.connected", "", "link is up", "remote", now.Server, "attempt", now.Attempts)
	s := newSession(l, wire, subprotocol, src)
	s.preferredAt = l.preferredTime(s.started)
	return s, nil
}

// reach notes that the present address is right.
func (l *Link) reach() {
	l.board.update(func(s *Status) { s.Reached = true })
	if !l.route.reached {
		l.route.reached = true
		l.keepLimits()
	}
}

// open makes a connection of the engine.
func (l *Link) open(ctx context.Context, target url.URL, header http.Header) (wire transport, subprotocol string, deflate bool, derr *dialError) {
	if l.o.Engine == EngineHTTP {
		a, derr := l.dialer.stand(ctx, target)
		if derr != nil {
			return nil, "", false, derr
		}
		return newPoster(ctx, &l.dialer, target, header, a), "", false, nil
	}
	conn, g, derr := l.dialer.dial(ctx, target, header, l.writeBuffer)
	if derr != nil {
		return nil, "", false, derr
	}
	wire, err := l.speak(ctx, newSocket(conn, g, l.writeBuffer))
	if err != nil {
		return nil, "", false, &dialError{phase: phaseUpgrade, err: err}
	}
	return wire, conn.Subprotocol(), g.deflate, nil
}

// speak begins what the engine has inside the WebSocket.
func (l *Link) speak(ctx context.Context, s *socket) (transport, error) {
	switch l.o.Engine {
	case EngineMQTT:
		return l.startMQTT(ctx, s)
	case EngineNATS:
		return l.startNATS(ctx, s)
	}
	return s, nil
}

func (l *Link) fetchToken(ctx context.Context) error {
	if !l.route.dialect.wantsToken() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, l.o.PhaseTimeout)
	defer cancel()
	token, err := l.o.Token.Token(limited)
	if err != nil {
		return err
	}
	if err := CheckAccessToken(token.Reveal(), l.route.dialect.credential.how); err != nil {
		return fmt.Errorf("it cannot be one: %w", err)
	}
	if token != l.token {
		l.token, l.authTried = token, false
		l.board.scrub = l.board.scrub.passing(token.Reveal())
	}
	return nil
}

// hide keeps a secret out of everything shown from now on.
func (l *Link) hide(secret string) { l.board.scrub = l.board.scrub.with(secret) }

// tokenReplaced reports whether the source now gives another token than the
// connection was made with. Without a good one the connection stays.
func (l *Link) tokenReplaced(ctx context.Context) bool {
	if !l.route.dialect.wantsToken() {
		return false
	}
	if w, ok := l.o.Token.(watchable); ok && !w.Changed() {
		return false // and Token, which may have to wait for somebody, is not asked
	}
	token, err := l.o.Token.Token(ctx)
	return err == nil && token != l.token
}

// onGood: a connection has proven itself, and lasted where stable says so. A problem
// that made several connections end is kept until one lasts.
func (l *Link) onGood(stable bool) {
	if stable {
		l.authTried, l.ends, l.tried = false, 0, 0
		if l.at == 0 {
			l.preferredWait = 0
		}
	}
	if l.ends < manyEnds {
		l.board.update(func(s *Status) { s.Problem, s.Attempts = "", 0 })
	}
}

// closed ends a connection that we closed with every proof in. Unless the
// server answered, its queue may have died with it: then the hold stays.
func (l *Link) closed(end ending, src Source) (done bool, err error) {
	if end.clean {
		err = src.Forget()
	} else {
		_, err = src.Rewind()
	}
	if err != nil {
		return true, err
	}
	l.board.update(func(s *Status) { s.ended(End{}) })
	l.board.event(slog.LevelInfo, "uplink.closed", "", "link was closed in order")
	if end.stable {
		l.backoff.ended("", end.up)
		l.refused = false
	}
	if end.toPreferred {
		l.take(0)
	}
	return end.eof, nil
}

// recut lets go of how frames were cut: their limits have changed.
func (l *Link) recut(event, message string) {
	l.splits = [lanes]splits{}
	l.board.update(l.route.poison.show)
	l.board.event(slog.LevelWarn, event, "", message, "bytes", l.route.poison.limit())
}

// rewind takes back what was held and deals with what the server refused.
func (l *Link) rewind(src Source, c cause, unproven unprovenAtEnd) error {
	if _, err := src.Rewind(); err != nil {
		return err
	}
	learnt := l.route.poison.maxBytes
	recut, quarantine := l.route.poison.onEnd(c, unproven)
	if l.route.poison.maxBytes != learnt {
		l.keepLimits()
	}
	if recut {
		l.recut("uplink.recut", "the server refused a message: sending it in smaller ones")
	}
	if !quarantine {
		return nil
	}
	reason := QuarantineRejected
	if c == causeSize {
		reason = QuarantineTooBig
	}
	return l.setAside(src, []uint64{unproven.suspect.from}, reason, fmt.Sprintf("it ends the connection at this message of %d bytes, every time", unproven.suspect.bytes))
}

// setAside takes records out that the server will never take.
func (l *Link) setAside(src Source, ns []uint64, reason, why string) error {
	why = l.board.scrub.clean(why)
	l.board.update(func(s *Status) {
		s.Quarantined += uint64(len(ns))
		if s.Refusal = why; reason == QuarantineTooBig {
			s.TooBig += uint64(len(ns))
		}
	})
	l.board.event(slog.LevelError, "uplink.quarantined", ProblemQuarantine, "messages are set aside: the server will not take them",
		"seq", ns[0], "messages", len(ns), "reason", reason, "why", why)
	if b, ok := src.(bulk); ok {
		return b.QuarantineAll(ns, reason)
	}
	var errs []error
	for _, n := range ns {
		errs = append(errs, src.Quarantine(n, reason))
	}
	return errors.Join(errs...)
}
