package conform

import (
	"context"
	"fmt"
)

// plainRules are those of the modes fence and count, where a repeat is known by its
// bytes alone.
func plainRules() []rule {
	return []rule{
		{"one message", func(ctx context.Context, g *gateway) (string, error) { return "", g.prove(ctx, g.batch("", 0, 3)) }},
		{"several in flight", func(ctx context.Context, g *gateway) (string, error) {
			var all []batch
			for range 20 {
				all = append(all, g.batch("", 0, 10))
			}
			return "", g.prove(ctx, all...)
		}},
		{"repeat", func(ctx context.Context, g *gateway) (string, error) {
			b := g.batch("", 0, 3)
			return "", g.prove(ctx, b, b)
		}},
		{"lost ack", func(ctx context.Context, g *gateway) (string, error) {
			b := g.batch("", 0, 5)
			for range 3 {
				c, err := g.connect(ctx, randomHex(8))
				if err == nil {
					err = c.send(b)
					c.hangUp()
				}
				if err != nil {
					return "", err
				}
			}
			return "", g.prove(ctx, b)
		}},
		{"large", func(ctx context.Context, g *gateway) (string, error) { return "", g.prove(ctx, g.batch("", 0, 200)) }},
		{"ping", pinged},
	}
}

// prove sends batches over one connection and waits for what proves them all.
func (g *gateway) prove(ctx context.Context, batches ...batch) error {
	return g.with(ctx, randomHex(8), func(c *connection) error {
		for _, b := range batches {
			if err := c.send(b); err != nil {
				return err
			}
		}
		if err := c.proven(ctx, uint64(len(batches))); err != nil {
			return err
		}
		for _, b := range batches {
			for _, key := range b.keys {
				g.sent[key] = acked
			}
		}
		return nil
	})
}

// proven waits for the pong after what was sent, or for the number of the last message.
func (c *connection) proven(ctx context.Context, messages uint64) error {
	if c.g.o.Ack == Fence {
		return c.ping(ctx)
	}
	for last := uint64(0); last < messages; {
		a, err := c.next(ctx)
		if err != nil {
			return err
		}
		if a.Ack == nil {
			continue
		}
		if *a.Ack > messages || *a.Ack < last {
			return fmt.Errorf("ack %d after %d, and %d messages were sent", *a.Ack, last, messages)
		}
		last = *a.Ack
	}
	return nil
}
