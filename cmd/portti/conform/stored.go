package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// kill has the server crash while it takes a stream, and sends again what it did not
// prove.
func kill(ctx context.Context, g *gateway) (string, error) {
	if g.o.Kill == nil {
		return "name a command with --kill that ends the server as a crash would and starts it anew", errSkip
	}
	epoch, start := randomHex(8), randomHex(8)
	var all []batch
	for i := range uint64(40) {
		all = append(all, g.batch(epoch, 1+5*i, 5))
	}
	c, err := g.connect(ctx, start)
	if err != nil {
		return "", err
	}
	defer c.close()
	if err := g.half(ctx, c, all[:20]); err != nil {
		return "", err
	}
	for _, b := range all[20:] {
		_ = c.send(b) // it dies meanwhile
	}
	if err := g.o.Kill(ctx); err != nil {
		return "", fmt.Errorf("the server could not be killed: %w", err)
	}
	left := all[20:]
	if g.o.Ack == Fence {
		left = all // a pong proves that it was read, so a gateway sends again what is younger than fence_hold
	}
	return "", g.again(ctx, start, left)
}

// half delivers what the server has to know of after the crash.
func (g *gateway) half(ctx context.Context, c *connection, batches []batch) error {
	for i, b := range batches {
		if err := c.send(b); err != nil {
			return err
		}
		if g.o.Ack == Envelope {
			if err := c.answered(ctx, b); err != nil {
				return err
			}
			continue
		}
		if err := c.proven(ctx, uint64(i+1)); err != nil {
			return err
		}
		for _, key := range b.keys {
			g.sent[key] = acked
		}
	}
	return nil
}

// again connects until the server is back, and sends what it had not proven.
func (g *gateway) again(ctx context.Context, start string, batches []batch) error {
	end := time.Now().Add(3 * g.o.Patience)
	for {
		c, err := g.connect(ctx, start)
		if err == nil {
			defer c.close()
			return g.half(ctx, c, batches)
		}
		if time.Now().After(end) {
			return fmt.Errorf("the server did not come back: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// storedOnce looks for every message of this run in what the server stored.
func storedOnce(_ context.Context, g *gateway) (string, error) {
	if g.o.Stored == nil {
		return "name a file or a command with --stored that gives what the server stored", errSkip
	}
	end := time.Now().Add(g.o.Patience)
	for {
		text, err := g.o.Stored()
		if err != nil {
			return "", fmt.Errorf("what the server stored cannot be read: %w", err)
		}
		says, err := g.compare(found(text, g.thing()))
		if err == nil || time.Now().After(end) { // a server that only answers pings may still be at it
			return says, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// compare holds what is stored, by tsmTs, against what was answered.
func (g *gateway) compare(stored map[string]int) (string, error) {
	missing, twice, refusedOnes, total := 0, 0, 0, 0
	for key, s := range g.sent {
		switch n := stored[key]; {
		case s == acked && n == 0:
			missing++
		case s == refused && n > 0:
			refusedOnes++
		case n > 1:
			twice++
		}
		total++
	}
	switch {
	case missing > 0:
		return "", fmt.Errorf("%d of %d messages were acknowledged and are not stored: a gateway would have lost them", missing, total)
	case twice > 0 && g.o.Ack == Envelope:
		return "", fmt.Errorf("%d of %d messages are stored twice", twice, total)
	case refusedOnes > 0:
		return "", fmt.Errorf("%d messages were refused by nack and are stored: a gateway has them set aside", refusedOnes)
	case twice > 0:
		return fmt.Sprintf("%d of %d messages are stored twice; drop repeats by their bytes, or in the database by a unique index", twice, total), nil
	}
	return "", nil
}

// found counts the messages of a thing, by tsmTs, in one JSON text of any shape, or in
// lines of such texts, of which a crash may have cut some off.
func found(text []byte, thing string) map[string]int {
	all := map[string]int{}
	var whole any
	if json.Unmarshal(text, &whole) == nil {
		count(whole, thing, all)
		return all
	}
	for line := range bytes.Lines(text) {
		d := json.NewDecoder(bytes.NewReader(line))
		for {
			var v any
			if d.Decode(&v) != nil { // the end, or what a crash cut off
				break
			}
			count(v, thing, all)
		}
	}
	return all
}

func count(v any, thing string, all map[string]int) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			count(e, thing, all)
		}
	case map[string]any:
		if ts, ok := v["tsmTs"].(float64); ok && v["tsmTuid"] == thing {
			all[strconv.FormatFloat(ts, 'f', -1, 64)]++
		}
		for _, e := range v {
			count(e, thing, all)
		}
	}
}
