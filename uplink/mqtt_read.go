package uplink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/gorilla/websocket"
)

// noMQTT is the end of a connection to what says something else.
func noMQTT(format string, args ...any) error {
	return found{finding{endPolicy: policyFor(endFailure, int(failNoMQTT)), detail: fmt.Sprintf(format, args...)}}
}

// next waits for the server's next packet. Once begun it must come to its end.
func (m *mqttSocket) next() (p packets.Packet, err error) {
	head := make([]byte, 1, 5)
	if _, err := io.ReadFull(&m.in, head); err != nil {
		return nil, err
	}
	_ = m.conn.SetReadDeadline(time.Now().Add(messageLimit))
	p, err = m.packetOf(head)
	_ = m.conn.SetReadDeadline(time.Time{})
	switch {
	case isTimeout(err):
		return nil, errSlow
	case err != nil && !errors.As(err, &found{}) && !errors.Is(err, websocket.ErrReadLimit):
		return nil, midMessage{err}
	}
	return p, err
}

// packetOf reads the rest of a packet, whose length stands first (2.1.4). The library
// would believe any, and takes no panic for its own.
func (m *mqttSocket) packetOf(head []byte) (p packets.Packet, err error) {
	length := 0
	for i := range 4 {
		head = head[:2+i]
		if _, err := io.ReadFull(&m.in, head[1+i:]); err != nil {
			return nil, err
		}
		if length |= int(head[1+i]&0x7f) << (7 * i); head[1+i] < 0x80 {
			break
		} else if i == 3 {
			return nil, noMQTT("a packet without a length")
		}
	}
	if int64(length) > max(m.o.MaxMessage+mqttOverhead, 4096) { // CONNECT said so
		return nil, websocket.ErrReadLimit
	}
	body := make([]byte, len(head)+length)
	if _, err := io.ReadFull(&m.in, body[copy(body, head):]); err != nil {
		return nil, err
	}
	kind := head[0] >> 4
	if kind == packets.DISCONNECT && length == 0 { // then it is 0x00 (3.14.2.1)
		return &packets.Disconnect{}, nil
	}
	if kind == packets.CONNACK && length == 2 { // of MQTT 3.1.1, which has no properties
		return nil, found{finding{endPolicy: policyFor(endFailure, int(failMQTTVersion)), detail: fmt.Sprintf("its CONNACK is of MQTT 3, with return code %d", body[len(body)-1])}}
	}
	defer func() {
		if recover() != nil {
			p, err = nil, noMQTT("a packet of kind %d that the library fails at", kind)
		}
	}()
	c, err := packets.ReadPacket(bytes.NewReader(body))
	if err != nil {
		return nil, noMQTT("a packet of kind %d and %d bytes: %v", kind, length, err)
	}
	return c.Content, nil
}

func (m *mqttSocket) read(r *reader) error {
	m.begin(r)
	for {
		p, err := m.next()
		if errors.Is(err, websocket.ErrReadLimit) {
			r.tooLong()
		}
		if err == nil {
			err = m.heard(p)
		}
		if err = m.why(err); err != nil {
			return err
		}
	}
}

// heard does what the server's packet asks for.
func (m *mqttSocket) heard(p packets.Packet) error {
	r := m.r
	switch p := p.(type) {
	case *packets.Puback:
		return m.answered(p)
	case *packets.Pingresp:
		return m.answeredPing()
	case *packets.Publish:
		err := r.message(p.Payload)
		if err == nil && p.QoS == 1 {
			err = m.put(&packets.Puback{PacketID: p.PacketID, Properties: &packets.Properties{}}, time.Now().Add(m.o.WriteTimeout))
		}
		return err
	case *packets.Suback:
		for _, reason := range p.Reasons {
			if reason >= 0x80 {
				r.inbox.onServerMessage(serverMessage{complaint: fmt.Sprintf("it does not give commands: the subscription to %s is refused with reason 0x%02x", m.o.MQTT.Downlink, reason)})
			}
		}
		return nil
	case *packets.Disconnect:
		if p.ReasonCode == packets.DisconnectSessionTakenOver {
			r.inbox.onServerMessage(serverMessage{kind: kindNotice, inUse: true})
		}
		return mqttRefusal(p.ReasonCode, p.Properties)
	}
	return noMQTT("a packet of a kind that no server sends: %T", p)
}

// kindNoSubscriber counts publishes to which nobody had subscribed.
const kindNoSubscriber = "no-subscriber"

// answered takes a PUBACK, and sends what it made room for.
func (m *mqttSocket) answered(ack *packets.Puback) error {
	m.mu.Lock()
	pub := m.out[ack.PacketID]
	delete(m.out, ack.PacketID)
	m.mu.Unlock()
	if pub == nil {
		return m.foreign()
	}
	why := reasonOf(ack.ReasonCode, ack.Properties)
	switch code := ack.ReasonCode; {
	case code == packets.PubackNoMatchingSubscribers && m.o.MQTT.RequireSubscriber:
		return found{finding{endPolicy: policyFor(endFailure, int(failNoSubscriber)), detail: pub.topic}}
	case code == packets.PubackNoMatchingSubscribers:
		m.r.inbox.board.serverMessage(kindNoSubscriber)
		why = ""
	case code < 0x80:
		why = ""
	case code == packets.PubackTopicNameInvalid, code == packets.PubackPayloadFormatInvalid, code == packets.PubackImplementationSpecificError:
		if len(pub.recs) > 1 {
			return found{finding{endPolicy: policyFor(endClose, websocket.CloseInvalidFramePayloadData), detail: why}}
		}
	default:
		return mqttRefusal(code, ack.Properties)
	}
	m.mu.Lock()
	err := m.settle(pub.frame, pub.recs[0], why)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.flow(time.Now().Add(m.o.WriteTimeout))
}

// reasonOf is a reason in words, with those of the server.
func reasonOf(code byte, p *packets.Properties) string {
	text := fmt.Sprintf("reason 0x%02x", code)
	if p != nil && p.ReasonString != "" {
		text += ": " + p.ReasonString
	}
	return text
}

// mqttRefusal is what a reason of CONNACK, DISCONNECT or PUBACK means (2.4).
func mqttRefusal(code byte, p *packets.Properties) error {
	policy := func(kind endKind, n int) error {
		return found{finding{endPolicy: policyFor(kind, n), detail: reasonOf(code, p)}}
	}
	switch code {
	case 0x00:
		return policy(endClose, websocket.CloseNormalClosure)
	case 0x84:
		return policy(endFailure, int(failMQTTVersion))
	case 0x86, 0x8C: // user name or password, method
		return policy(endClose, 4401)
	case 0x87: // not authorized: as Mosquitto answers a wrong password
		return policy(endClose, 4401)
	case 0x85, 0x8A, 0x8F, 0x9C, 0x9D: // client id, banned, filter, another server
		return policy(endClose, 4403)
	case 0x8E:
		return policy(endFailure, int(failTakenOver))
	case 0x88, 0x8B: // unavailable, shutting down
		return policy(endClose, websocket.CloseServiceRestart)
	case 0x89: // busy
		return policy(endClose, websocket.CloseTryAgainLater)
	case 0x8D, 0xA0: // keep alive, connect time
		return policy(endClose, 3008)
	case 0x90, 0x99: // topic name, payload format
		return policy(endClose, websocket.CloseInvalidFramePayloadData)
	case 0x95:
		return policy(endClose, websocket.CloseMessageTooBig)
	case 0x96, 0x97: // rate, quota
		return policy(endClose, 4429)
	case 0x9F:
		return policy(endClose, 4003)
	case 0x81, 0x82, 0x91, 0x93, 0x94, 0x9A, 0x9B:
		return policy(endClose, websocket.CloseProtocolError)
	}
	return policy(endClose, websocket.CloseInternalServerErr)
}
