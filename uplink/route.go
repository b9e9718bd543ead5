package uplink

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// How long a link stays with a server that is not the preferred one before it
// tries that again. The wait doubles each time the preferred one is still not
// there.
const (
	preferredMin = 10 * time.Minute
	preferredMax = 6 * time.Hour
)

// route is one server's address with what is known about it.
type route struct {
	name    string // scheme and host
	key     string // what the file of limits calls it
	dialect dialect
	poison  poison
	plain   bool   // it objected while compression was on
	reached bool   // it was online once, be it before this start: its address is right
	epoch   string // what makes this server's epochs its own; "": they are the queue's
}

// newRoutes takes the addresses apart; each is checked. Without any there is no route.
func newRoutes(o *Options) ([]*route, error) {
	urls := o.URLs
	if len(urls) == 0 && o.URL == "" {
		return nil, nil
	}
	if len(urls) == 0 {
		urls = []string{o.URL}
	} else if o.URL != "" {
		return nil, errors.New("cannot use both url and urls: put every address into urls, the preferred one first")
	}
	var (
		routes []*route
		errs   []error
	)
	for i, raw := range urls {
		r, err := newRoute(o, raw)
		if err != nil {
			if len(urls) > 1 {
				err = fmt.Errorf("address %d of urls: %w", i+1, err)
			}
			errs = append(errs, err)
			continue
		}
		if len(urls) > 1 {
			r.epoch = r.key
		}
		routes = append(routes, r)
	}
	return routes, errors.Join(errs...)
}

func newRoute(o *Options, raw string) (*route, error) {
	if o.Dialect == DialectHeimdall {
		raw = heimdallURL(raw)
	}
	ep, err := parseEndpoint(raw, o.Engine, o.Insecure)
	if err != nil {
		return nil, err
	}
	d, err := newDialect(o, ep)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(ep.name() + ep.url.EscapedPath()))
	return &route{
		name: ep.name(), key: hex.EncodeToString(sum[:8]), dialect: d,
		poison: poison{maxBytes: o.MaxBatchBytes},
	}, nil
}

// numbering is an epoch as this server knows it. Where there are several servers
// each has one of its own: what one has stored says nothing about another.
func (r *route) numbering(epoch string) string {
	if r.epoch == "" {
		return epoch
	}
	sum := sha256.Sum256([]byte(epoch + "\x00" + r.epoch))
	return hex.EncodeToString(sum[:8])
}

// nextRoute goes on to the next address after an end that may be this one's
// fault, and not that of the clock, the token or a message. It returns false when
// every address was tried since the last pause: then the next attempt is made at
// the preferred one, after a pause.
func (l *Link) nextRoute(f *finding) bool {
	if len(l.routes) == 1 || f.tokenless || f.do == actionSpread || f.do == actionClock || f.cause == causeSize || f.cause == causePayload ||
		f.asksForToken() && l.atOnce() {
		return false
	}
	if l.tried++; l.tried >= len(l.routes) {
		l.tried = 0
		l.take(0)
		return false
	}
	l.take((l.at + 1) % len(l.routes))
	return true
}

// take makes address i the one of the next attempt.
func (l *Link) take(i int) {
	if i == l.at {
		return
	}
	l.at, l.route = i, l.routes[i]
	l.splits = [lanes]splits{} // sizes differ
	l.authTried = false
	l.board.update(func(s *Status) { s.Server, s.Reached = l.route.name, l.route.reached; l.route.poison.show(s) })
	l.board.event(slog.LevelInfo, "uplink.switched", "", "trying another address", "remote", l.route.name)
}

// preferredTime is when a connection to another address than the preferred one ends
// in order, to try that again; zero for the preferred one.
func (l *Link) preferredTime(now time.Time) time.Time {
	if l.at == 0 {
		return time.Time{}
	}
	l.preferredWait = min(max(2*l.preferredWait, preferredMin), preferredMax)
	return now.Add(l.preferredWait + l.backoff.uniform(l.preferredWait/4))
}
