package conform

import (
	"context"
	"errors"
	"fmt"
)

func envelopeRules() []rule {
	return []rule{
		{"subprotocol and ack", func(ctx context.Context, g *gateway) (string, error) {
			return "", g.deliverOnce(ctx, g.batch(randomHex(8), 1, 3))
		}},
		{"several in flight", inFlight},
		{"gap", func(ctx context.Context, g *gateway) (string, error) {
			epoch := randomHex(8)
			return "", g.deliverOnce(ctx, g.batch(epoch, 1000, 2), g.batch(epoch, 5000, 2))
		}},
		{"repeat", func(ctx context.Context, g *gateway) (string, error) {
			b := g.batch(randomHex(8), 1, 3)
			return "", g.deliverOnce(ctx, b, b)
		}},
		{"overlap", overlap},
		{"lost ack", lostAck},
		{"two epochs", twoEpochs},
		{"clone", clone},
		{"nack", nack},
		{"large", large},
		{"ping", pinged},
	}
}

// deliverOnce sends batches over one connection and has each answered in full.
func (g *gateway) deliverOnce(ctx context.Context, batches ...batch) error {
	return g.with(ctx, randomHex(8), func(c *connection) error { return c.deliver(ctx, batches...) })
}

// deliver sends batches one after another.
func (c *connection) deliver(ctx context.Context, batches ...batch) error {
	for _, b := range batches {
		if err := c.send(b); err != nil {
			return err
		}
		if err := c.answered(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// answered waits until every record of the batches, which have been sent in this
// order, is acknowledged or refused. A server may acknowledge none that was not sent.
func (c *connection) answered(ctx context.Context, batches ...batch) error {
	done := map[string]uint64{} // by epoch, from where on nothing is answered
	for _, b := range batches {
		if done[b.epoch] == 0 {
			done[b.epoch] = b.first
		}
	}
	for left(batches, done) {
		a, err := c.next(ctx)
		if err != nil {
			return err
		}
		switch a.Type {
		case "ack", "resume":
			most, known := c.g.last[a.Epoch]
			if !known && a.Type == "ack" {
				return fmt.Errorf("an ack names the epoch %.20q, which was never sent", a.Epoch)
			}
			if a.Through > most && known {
				return fmt.Errorf("%s through %d, and %d is the last record that was sent", a.Type, a.Through, most)
			}
			done[a.Epoch] = max(done[a.Epoch], a.Through+1)
			c.g.mark(batches, a.Epoch, 0, a.Through, acked)
		case "nack":
			if a.Retry {
				return fmt.Errorf("record %d is to be sent again later (nack, retry): %.100q", a.Seq, a.Reason)
			}
			if done[a.Epoch] == a.Seq {
				done[a.Epoch]++
			}
			c.g.mark(batches, a.Epoch, a.Seq, a.Seq, refused)
		}
	}
	return nil
}

// left says whether a record has no answer yet.
func left(batches []batch, done map[string]uint64) bool {
	for _, b := range batches {
		if done[b.epoch] <= b.through() {
			return true
		}
	}
	return false
}

// mark notes the answer for the records of an epoch. One that is refused stays so.
func (g *gateway) mark(batches []batch, epoch string, from, through uint64, s state) {
	for _, b := range batches {
		for i, key := range b.keys {
			if n := b.first + uint64(i); b.epoch == epoch && from <= n && n <= through && g.sent[key] != refused {
				g.sent[key] = s
			}
		}
	}
}

func inFlight(ctx context.Context, g *gateway) (string, error) {
	epoch := randomHex(8)
	var all []batch
	for i := range uint64(20) {
		all = append(all, g.batch(epoch, 1+10*i, 10))
	}
	return "", g.with(ctx, randomHex(8), func(c *connection) error {
		for _, b := range all {
			if err := c.send(b); err != nil {
				return err
			}
		}
		return c.answered(ctx, all...)
	})
}

// overlap sends a batch whose first half was acknowledged before.
func overlap(ctx context.Context, g *gateway) (string, error) {
	epoch := randomHex(8)
	b := g.batch(epoch, 1, 4)
	more := g.batch(epoch, 5, 4)
	b2 := batch{epoch: epoch, first: 3, msgs: append(b.msgs[2:4:4], more.msgs...), keys: append(b.keys[2:4:4], more.keys...)}
	return "", g.deliverOnce(ctx, b, b2)
}

// lostAck cuts the line before the answer can be read, and sends the same again.
func lostAck(ctx context.Context, g *gateway) (string, error) {
	b, start := g.batch(randomHex(8), 1, 5), randomHex(8)
	for range 3 {
		c, err := g.connect(ctx, start)
		if err == nil {
			err = c.send(b)
			c.hangUp()
		}
		if err != nil {
			return "", err
		}
	}
	return "", g.with(ctx, start, func(c *connection) error { return c.deliver(ctx, b) })
}

// twoEpochs sends new readings in between a backlog of an earlier start.
func twoEpochs(ctx context.Context, g *gateway) (string, error) {
	old, fresh := randomHex(8), randomHex(8)
	return "", g.deliverOnce(ctx, g.batch(old, 7000, 3), g.batch(fresh, 1, 2), g.batch(old, 7003, 3), g.batch(fresh, 3, 2))
}

// clone is two gateways with one id that are connected at once.
func clone(ctx context.Context, g *gateway) (string, error) {
	a, err := g.connect(ctx, randomHex(8))
	if err != nil {
		return "", err
	}
	defer a.close()
	b, err := g.connect(ctx, randomHex(8))
	if err != nil {
		return "", fmt.Errorf("a second gateway with the same id is kept out: %w", err)
	}
	defer b.close()
	first, second := randomHex(8), randomHex(8)
	for i := range uint64(3) {
		if err := a.deliver(ctx, g.batch(first, 1+2*i, 2)); err != nil {
			return "", fmt.Errorf("the first of two gateways with one id: %w", err)
		}
		if err := b.deliver(ctx, g.batch(second, 1+2*i, 2)); err != nil {
			return "", fmt.Errorf("the second of two gateways with one id: %w", err)
		}
	}
	return "", nil
}

// nack sends a record that holds no reading. A server may take it or refuse it; it may
// not stop at it.
func nack(ctx context.Context, g *gateway) (string, error) {
	epoch := randomHex(8)
	b := g.batch(epoch, 1, 3)
	b.msgs[1] = `{"tsmId":12100,"tsmGw":"` + g.id + `"}`
	delete(g.sent, b.keys[1])
	b.keys[1] = "no reading"
	err := g.deliverOnce(ctx, b)
	was := g.sent["no reading"]
	delete(g.sent, "no reading")
	if err != nil {
		return "", fmt.Errorf("a message without tsmTs and tsmTuid between two good ones: %w", err)
	}
	if was != refused {
		return "a message without tsmTs and tsmTuid is taken", nil
	}
	return "", nil
}

// large is the largest message that a gateway sends.
func large(ctx context.Context, g *gateway) (string, error) {
	b := g.batch(randomHex(8), 1, 200)
	if size := len(b.envelope(g.id)); size > 40_000 {
		return "", fmt.Errorf("this program is wrong: %d bytes", size)
	}
	return "", g.deliverOnce(ctx, b)
}

func pinged(ctx context.Context, g *gateway) (string, error) {
	err := g.with(ctx, randomHex(8), func(c *connection) error { return c.ping(ctx) })
	if err != nil {
		return "", errors.Join(err, errors.New("a gateway takes such a link for dead"))
	}
	return "", nil
}
