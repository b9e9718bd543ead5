package uplink

import (
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

// manyEnds is how many connections in a row end before they have lasted until
// that is a problem of its own.
const manyEnds = 3

// leastQuiet is the shortest silence after which a broken link is put down to it.
const leastQuiet = 3 * time.Second

// turnedAwayWithin is how soon an end in order, or with a code of the application's own,
// says that the server does not want this client. A later one is how many servers and proxies end a connection that works; if that
// were taken for a refusal, no reading would ever count as delivered.
const turnedAwayWithin = 5 * time.Second

// weigh notes how a connection ended: whether the delays begin anew, whether
// its server takes what pongs have answered for, and what is to be shown where
// the end itself says nothing but that the link broke.
func (l *Link) weigh(f *finding, end *ending) {
	lasted, d := time.Duration(0), &l.dialer
	if end.stable {
		lasted, d.prefer, d.avoid = end.up, d.peer, ""
	} else {
		d.prefer, d.avoid = "", d.peer
		l.ends++
	}
	l.backoff.ended(f.sentence, lasted)
	l.refused = f.refuses() || f.mayRefuse() && end.up < min(l.o.Hold, turnedAwayWithin)
	before := l.quiet
	l.quiet = end.quiet
	switch {
	case !f.broke():
	case min(before, end.quiet) >= leastQuiet && (end.quiet-before).Abs() <= time.Second+before/10:
		f.problem = ProblemIdleCut
		f.sentence = fmt.Sprintf("the link broke, as the one before, when nothing had been sent for %.0f s: something on the way ends quiet connections", end.quiet.Seconds())
	case l.ends >= manyEnds:
		f.problem = ProblemFlapping
	}
}

// broke says whether the link ended without anybody saying why.
func (f *finding) broke() bool {
	return f.code == websocket.CloseAbnormalClosure || f.kind == endFailure && failure(f.lo) == failLost
}

// refuses says whether the server ended the link because it does not want it, or what
// came by it.
func (f *finding) refuses() bool { return f.class == classRefused || f.code == 1007 }

// mayRefuse says whether the server closed without giving a reason, or with a code that
// only its application knows: how many turn a client away, and how many end a connection
// that has been quiet or open for long.
func (f *finding) mayRefuse() bool { return f.code == 1000 || f.code == 1005 || f.code >= 3000 }
