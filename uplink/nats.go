package uplink

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// NATS are the settings of EngineNATS alone.
type NATS struct {
	Username string // with AuthFirstMessage: whose password the token is; "": it is a token, a seed, or a JWT and a seed
	Downlink string // subject of what may be commands, a template as Options.Topic; "": none
}

const (
	natsAcks     = "1" // the subscription to acknowledgements
	natsDownlink = "2"
)

// natsSocket speaks NATS in the binary messages of a WebSocket. Each record is a publish of
// its own, since a frame that is sent again may be cut differently and a stream knows
// repeats by the names of publishes. JetStream's answer to each acknowledges it. How many
// are on the way is bounded by the bytes of the session's window.
type natsSocket struct {
	brokerSocket
	o          *Options
	in         natsReader
	topic      topic
	inbox      string // subject of the acknowledgements, up to the number of the publish
	maxPayload int    // bytes of a publish that the server takes
	head       []byte // reused by frame

	// of the lock
	serial uint64                 // publishes
	out    map[uint64]natsPublish // those that are not answered
}

// natsPublish is one record of a frame on its way.
type natsPublish struct {
	frame *published
	n     uint64
}

// startNATS goes as far as the answer to a first ping, with which the server has taken the
// login and the subscriptions.
func (l *Link) startNATS(ctx context.Context, s *socket) (*natsSocket, error) {
	var nonce [6]byte
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	n := &natsSocket{
		brokerSocket: newBrokerSocket(s), o: &l.o, out: map[uint64]natsPublish{}, in: newNATSReader(s.conn, l.o.MaxMessage),
		inbox: "_INBOX." + base64.RawURLEncoding.EncodeToString(nonce[:]) + ".",
	}
	n.topic, _ = parseTopic(EngineNATS, l.o.Topic) // checked by New
	return n, n.open(ctx, &l.o, func() error { return n.greet(l) })
}

// natsConnect is how a client introduces itself.
type natsConnect struct {
	natsLogin
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	Echo         bool   `json:"echo"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders"` // a publish that no stream takes is answered too
	Protocol     int    `json:"protocol"`      // 1: the server may send another INFO
	Name         string `json:"name"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
}

func (n *natsSocket) greet(l *Link) error {
	op, err := n.in.next()
	if err != nil {
		return err
	}
	var info struct {
		Headers    bool   `json:"headers"`
		MaxPayload int    `json:"max_payload"`
		Nonce      string `json:"nonce"`
	}
	switch {
	case op.verb == "-ERR":
		return natsRefusal(op.rest)
	case op.verb != "INFO" || json.Unmarshal([]byte(op.rest), &info) != nil:
		return noNATS("its first word is %.20q and not INFO", op.verb)
	case !info.Headers || info.MaxPayload <= 0:
		return noNATS("it has no headers: nats-server has them from 2.2 on")
	}
	n.maxPayload = info.MaxPayload
	c := natsConnect{Headers: true, NoResponders: true, Protocol: 1, Name: l.o.Gateway, Lang: "go", Version: l.o.UserAgent}
	if d := &l.route.dialect; d.credential.how == AuthFirstMessage {
		var secrets []string
		if c.natsLogin, secrets, err = natsSign(l.o.NATS.Username, d.secret(l.token).Reveal(), info.Nonce); err != nil {
			return fmt.Errorf("%w: %w", errToken, err)
		}
		for _, secret := range secrets {
			l.board.scrub = l.board.scrub.passing(secret)
		}
	}
	text, _ := json.Marshal(c) // never fails
	hello := "CONNECT " + string(text) + "\r\nSUB " + n.inbox + "* " + natsAcks + "\r\n"
	if l.o.NATS.Downlink != "" {
		t, _ := parseTopic(EngineNATS, l.o.NATS.Downlink) // checked by New
		hello += "SUB " + t.of(l.o.Gateway, nil) + " " + natsDownlink + "\r\n"
	}
	if err := n.say([]byte(hello+"PING\r\n"), time.Now().Add(l.o.PhaseTimeout)); err != nil {
		return err
	}
	for {
		op, err := n.in.next()
		switch {
		case err != nil:
			return err
		case op.verb == "-ERR":
			return natsRefusal(op.rest)
		case op.verb == "PONG":
			return nil
		}
	}
}

// pong answers, unless the session holds the connection for too long: then its own
// deadline decides.
func (n *natsSocket) pong() error {
	if !n.take(pongWriteWait, time.Now().Add(n.o.WriteTimeout)) {
		return nil
	}
	defer func() { <-n.turn }()
	return writeError(n.conn.WriteMessage(websocket.BinaryMessage, []byte("PONG\r\n")))
}

func (n *natsSocket) ping(payload string, deadline time.Time) error {
	n.note(payload)
	return n.say([]byte("PING\r\n"), deadline)
}

// frame publishes the records in one message of the WebSocket.
func (n *natsSocket) frame(f outgoing, deadline time.Time) error {
	<-n.reading
	n.mu.Lock()
	fr, serial := n.publish(f, len(f.recs)), n.serial+1
	for i := range f.recs {
		n.serial++
		n.out[n.serial] = natsPublish{fr, f.first + uint64(i)}
	}
	n.mu.Unlock()
	if !n.take(time.Until(deadline), deadline) {
		return errWriteStuck
	}
	defer func() { <-n.turn }()
	w, err := n.conn.NextWriter(websocket.BinaryMessage)
	for i := 0; i < len(f.recs) && err == nil; i++ {
		rec, id := f.recs[i], ""
		if fr.epoch != "" {
			id = n.o.Gateway + "-" + fr.epoch + "-" + strconv.FormatUint(f.first+uint64(i), 10)
		}
		pub, size := n.encode(n.head[:0], serial+uint64(i), id, rec)
		if n.head = pub; size > n.maxPayload {
			if own := n.answer(serial+uint64(i), fmt.Sprintf("it has %d bytes, and max_payload of the server is %d", size, n.maxPayload)); own != nil {
				n.leave(own)
				return nil
			}
		} else {
			_, err = w.Write(pub)
		}
	}
	if err == nil {
		err = w.Close()
	}
	return writeError(err)
}

// encode appends the publish of a record to b and says how many bytes it has by the
// server's count, which are those of the headers and the payload.
func (n *natsSocket) encode(b []byte, serial uint64, id string, rec []byte) (all []byte, size int) {
	array := n.o.Payload == PayloadArray
	headers := 0
	if size = len(rec); array {
		size += len("[]")
	}
	if id != "" {
		headers = len(natsHead) + len(id) + len("\r\n\r\n")
		size += headers
		b = append(b, 'H')
	}
	b = append(append(append(b, "PUB "...), n.topic.of(n.o.Gateway, rec)...), ' ')
	b = strconv.AppendUint(append(b, n.inbox...), serial, 10)
	if id != "" {
		b = strconv.AppendInt(append(b, ' '), int64(headers), 10)
	}
	b = append(strconv.AppendInt(append(b, ' '), int64(size), 10), "\r\n"...)
	if id != "" {
		b = append(append(append(b, natsHead...), id...), "\r\n\r\n"...)
	}
	if array {
		return append(append(append(b, '['), rec...), "]\r\n"...), size
	}
	return append(append(b, rec...), "\r\n"...), size
}

// natsHead begins the headers of a publish: a stream drops what it has seen under the
// same name within its duplicate window.
const natsHead = "NATS/1.0\r\nNats-Msg-Id: "
