package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// protocol is the subprotocol of mode envelope.
const protocol = "thingsee-batch.v1"

// state is what the server answered for a message.
type state int

const (
	sent state = iota
	acked
	refused // by nack: it is never stored
)

// gateway is what the server is made to believe in.
type gateway struct {
	o    Options
	id   string // tsmGw, of this run alone
	sent map[string]state
	last map[string]uint64 // record that was sent, by epoch
	now  int64             // of the last message, Unix milliseconds: no two have the same
}

// message is a reading of this run that no other one is equal to, and its tsmTs.
func (g *gateway) message() (text, key string) {
	g.now++
	key = strconv.FormatFloat(float64(g.now)/1000, 'f', -1, 64)
	g.sent[key] = sent
	return fmt.Sprintf(`{"tsmId":12100,"tsmEv":10,"tsmTs":%s,"tsmTuid":"%s","tsmGw":"%s","temp":21.5}`, key, g.thing(), g.id), key
}

// thing is the tsmTuid of the messages.
func (g *gateway) thing() string { return g.id }

// batch is records of one epoch that are sent together.
type batch struct {
	epoch string
	first uint64
	msgs  []string
	keys  []string
}

func (b batch) through() uint64 { return b.first + uint64(len(b.msgs)) - 1 }

func (g *gateway) batch(epoch string, first uint64, n int) batch {
	b := batch{epoch: epoch, first: first}
	for range n {
		text, key := g.message()
		b.msgs, b.keys = append(b.msgs, text), append(b.keys, key)
	}
	return b
}

// array is the batch as the modes without numbers have it.
func (b batch) array() string { return "[" + strings.Join(b.msgs, ",") + "]" }

func (b batch) envelope(gateway string) string {
	return fmt.Sprintf(`{"type":"batch","gw":%q,"epoch":%q,"first":%d,"msgs":%s}`, gateway, b.epoch, b.first, b.array())
}

// connection is one to the server. Answers are read by a goroutine of its own, so that
// pings are answered meanwhile.
type connection struct {
	g       *gateway
	ws      *websocket.Conn
	answers chan answer
	pongs   chan string
	ended   chan error // one value, when the server ended it
}

// answer is what a server may say. Other fields and types are passed over.
type answer struct {
	Type    string  `json:"type"`
	Ack     *uint64 `json:"ack"` // mode count
	Epoch   string  `json:"epoch"`
	Through uint64  `json:"through"`
	Seq     uint64  `json:"seq"`
	Code    string  `json:"code"`
	Retry   bool    `json:"retry"`
	Reason  string  `json:"reason"`
}

// connect dials as a gateway of that start does.
func (g *gateway) connect(ctx context.Context, start string) (*connection, error) {
	d := websocket.Dialer{HandshakeTimeout: g.o.Patience, TLSClientConfig: g.o.TLS, Proxy: http.ProxyFromEnvironment}
	header := http.Header{}
	maps.Copy(header, g.o.Header)
	header.Set("Portti-Gateway", g.id)
	header.Set("Portti-Start", start)
	if g.o.Ack == Envelope {
		d.Subprotocols = []string{protocol}
	}
	ctx, cancel := context.WithTimeout(ctx, g.o.Patience)
	defer cancel()
	ws, resp, err := d.DialContext(ctx, g.o.URL, header)
	if resp != nil && err != nil {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		return nil, fmt.Errorf("the server answered the upgrade with %s: %.100q", resp.Status, text)
	}
	if err != nil {
		return nil, fmt.Errorf("there is no connection: %w", err)
	}
	if g.o.Ack == Envelope && ws.Subprotocol() != protocol {
		ws.Close()
		return nil, fmt.Errorf("the server did not choose the subprotocol %s, and a gateway would go away", protocol)
	}
	c := &connection{g: g, ws: ws, answers: make(chan answer, 1024), pongs: make(chan string, 16), ended: make(chan error, 1)}
	ws.SetPongHandler(func(text string) error {
		select {
		case c.pongs <- text:
		default:
		}
		return nil
	})
	go c.read()
	return c, nil
}

func (c *connection) read() {
	for {
		_, text, err := c.ws.ReadMessage()
		if err != nil {
			c.ended <- err
			close(c.answers)
			return
		}
		var a answer
		if json.Unmarshal(text, &a) != nil {
			continue
		}
		select {
		case c.answers <- a:
		default: // nobody could use so many
		}
	}
}

// hangUp ends the connection without a word, as a power cut does.
func (c *connection) hangUp() { c.ws.NetConn().Close() }

func (c *connection) close() {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	c.ws.Close()
}

func (c *connection) say(text string) error {
	_ = c.ws.SetWriteDeadline(time.Now().Add(c.g.o.Patience))
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		return fmt.Errorf("the server took no message: %w", err)
	}
	return nil
}

// send sends a batch in the form of the mode.
func (c *connection) send(b batch) error {
	if c.g.o.Ack == Envelope {
		c.g.last[b.epoch] = max(c.g.last[b.epoch], b.through())
		return c.say(b.envelope(c.g.id))
	}
	return c.say(b.array())
}

// next is the next answer.
func (c *connection) next(ctx context.Context) (answer, error) {
	late := time.NewTimer(c.g.o.Patience)
	defer late.Stop()
	select {
	case a, open := <-c.answers:
		if !open {
			return a, c.end()
		}
		return a, nil
	case <-late.C:
		return answer{}, fmt.Errorf("no answer came within %v", c.g.o.Patience)
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// end is how the server ended the connection.
func (c *connection) end() error {
	var closed *websocket.CloseError
	if err := <-c.ended; errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return fmt.Errorf("the server closed the connection with %d %q", closed.Code, closed.Text)
	}
	return errors.New("the server ended the connection without a word")
}

// ping sends one after what was sent, and waits for its pong.
func (c *connection) ping(ctx context.Context) error {
	name := randomHex(4)
	if err := c.ws.WriteControl(websocket.PingMessage, []byte(name), time.Now().Add(c.g.o.Patience)); err != nil {
		return fmt.Errorf("the server took no ping: %w", err)
	}
	late := time.NewTimer(c.g.o.Patience)
	defer late.Stop()
	for {
		select {
		case got := <-c.pongs:
			if got == name {
				return nil
			}
		case <-late.C:
			select {
			case err := <-c.ended:
				c.ended <- err
				return c.end()
			default:
			}
			return fmt.Errorf("no pong came within %v", c.g.o.Patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// with runs f on a connection of its own.
func (g *gateway) with(ctx context.Context, start string, f func(*connection) error) error {
	c, err := g.connect(ctx, start)
	if err != nil {
		return err
	}
	defer c.close()
	return f(c)
}
