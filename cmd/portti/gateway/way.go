package gateway

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"portti/cmd/portti/config"
	"portti/uplink"
)

// way is a link to the server with all that lives and ends with it. A reload that
// changes the link puts another one in its place.
type way struct {
	link  *uplink.Link
	token uplink.TokenSource // nil = the link needs none

	stop  context.CancelFunc // ends what run began; never nil
	ended chan error         // gets what Run returned, once
	sides sync.WaitGroup
}

// newWay makes a way by cfg, which is another one than was for the gateway; it does not
// run yet. The source of tokens of old, if there is one, goes on where it would be the
// same again: it may hold what no file has.
func (g *Gateway) newWay(cfg *config.Config, old *way) (*way, error) {
	o, err := g.linkOptions(cfg)
	if err != nil {
		return nil, err
	}
	w := &way{stop: func() {}, ended: make(chan error, 1)}
	switch {
	case len(cfg.Uplink.Addresses()) == 0:
	case old != nil && old.token != nil && reflect.DeepEqual(tokenSettings(g.cfg.Load()), tokenSettings(cfg)):
		w.token = old.token
	default:
		if w.token, err = tokenSource(cfg, g.id, o); err != nil {
			return nil, err
		}
	}
	o.Token = w.token
	if w.link, err = uplink.New(o); err != nil {
		return nil, fmt.Errorf("cannot set up the link: %w", err)
	}
	return w, nil
}

// tokenSettings is everything that a source of tokens is made of.
func tokenSettings(c *config.Config) config.Uplink {
	u := c.Uplink
	return config.Uplink{URL: u.URL, URLs: u.URLs, Dialect: u.Dialect, TokenSource: u.TokenSource, TokenFile: u.TokenFile, Credential: u.Credential,
		OAuth: u.OAuth, JWT: u.JWT, Login: u.Login, CAFile: u.CAFile, ClientCert: u.ClientCert, ClientKey: u.ClientKey, Proxy: u.Proxy}
}

// run lets the way carry readings until it is stopped, or left.
func (w *way) run(g *Gateway) {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	if g.opt.Dial.Dial == nil { // a network of its own says nothing through the kernel
		w.sides.Go(func() { w.link.WatchNetwork(ctx) })
	}
	w.sides.Go(func() {
		defer stop()
		w.ended <- w.link.Run(ctx, g.dater)
	})
}

// drain gives a link that is up the time to deliver the rest; one that is not
// is stopped at once, since waiting for it proves nothing.
func (w *way) drain() error {
	if w.link.Status().State == uplink.Online {
		defer time.AfterFunc(drainLimit, w.stop).Stop()
	} else {
		w.stop()
	}
	if err := <-w.ended; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// leave ends the way as at a stop, with the readings that are not delivered left to the
// next one. An error is one of the queue.
func (w *way) leave(ctx context.Context, g *Gateway) error {
	w.link.Leave()
	defer context.AfterFunc(ctx, w.stop)()
	err := w.drain()
	w.sides.Wait()
	if errors.Is(err, uplink.ErrLeft) {
		return nil // and the queue knows how it ended
	}
	if err == nil {
		_, err = g.dater.Rewind()
	}
	return err
}

// close ends what the source of tokens still does, unless the next way goes on with it.
func (w *way) close(next *way) {
	if c, ok := w.token.(interface{ Close(time.Duration) }); ok && (next == nil || next.token != w.token) {
		c.Close(closePatience)
	}
}
