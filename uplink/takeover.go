package uplink

import (
	"log/slog"
	"net/http"
	"time"
)

// The headers with which an upgrade says who comes: the gateway's id, and the
// start of it, a number made anew each time the process starts. A receiver
// that sees a start return after another one of the same gateway knows that two
// gateways run with one identity, as those made of a copied card do.
const (
	headerGateway = "Portti-Gateway"
	headerStart   = "Portti-Start"
)

// headerPrefix is reserved: no token travels in a header that begins so.
const headerPrefix = "Portti-"

// introduce adds the headers. Where the token goes as a query parameter nothing
// is added: such servers are made for clients that can set no header, and a
// query is kept in logs.
func (d *dialect) introduce(header http.Header) {
	if d.o.Start == "" || d.credential.how == "query" {
		return
	}
	header.Set(headerStart, d.o.Start)
	if d.o.Gateway != "" {
		header.Set(headerGateway, d.o.Gateway)
	}
}

const (
	kindNotice    = "notice"
	noticeInUse   = "identity-in-use"
	takeoverShown = 10 * time.Minute // a connection that lasted so long without a notice ends the problem
)

// notice reads what a receiver may tell of its own accord, in every dialect and
// mode; false: it is no notice. One that is not known is only counted.
func notice(text []byte) (serverMessage, bool) {
	if len(text) > maxAckMessage {
		return serverMessage{}, false
	}
	var m struct {
		Type string `json:"type"`
		Code string `json:"code"`
	}
	if !parse(text, &m) || m.Type != kindNotice {
		return serverMessage{}, false
	}
	return serverMessage{kind: kindNotice, inUse: m.Code == noticeInUse}, true
}

// takeover remembers that the server sees another gateway with this identity.
type takeover struct {
	told time.Time // last; zero: never, or it is over
}

// shown looks whether it still holds, given a state that began at since.
func (t *takeover) shown(state State, since, now time.Time) bool {
	if state == Online && now.Sub(latest(t.told, since)) >= takeoverShown {
		t.told = time.Time{}
	}
	return !t.told.IsZero()
}

// onTakeover takes the server's word that this identity is used twice. It is
// logged once for each connection.
func (s *session) onTakeover(now time.Time) {
	s.link.board.update(func(*Status) { s.link.board.takeover.told = now })
	if s.takenOver {
		return
	}
	s.takenOver = true
	s.link.board.event(slog.LevelWarn, "uplink.takeover", ProblemTakeover, "the server sees two gateways with the identity of this one", "gateway", s.link.o.Gateway)
}
