package uplink

import (
	"bytes"
	"io"

	"github.com/eclipse/paho.golang/packets"
)

// mqttPeer is an MQTT 5 server that takes every topic.
type mqttPeer struct {
	connack func(*packets.Connect, *packets.Connack) // nil: anybody, without limits
	puback  func(*packets.Publish) (reason byte)     // nil: as judge says
	after   func(w *wire)                            // once who comes is known
	heard   func(packets.Packet)                     // nil: nobody looks on
	alias   map[uint16]string
}

func mqttSay(w *wire, p packets.Packet) error {
	var b bytes.Buffer
	_, _ = p.WriteTo(&b)
	return w.send(fin|2, b.Bytes())
}

// mqttStream is what a client sends, without the WebSocket.
type mqttStream struct {
	w    *wire
	rest []byte
}

func (s *mqttStream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		f, err := s.w.read()
		switch {
		case err != nil:
			return 0, err
		case f.op == opClose:
			_ = s.w.send(fin|opClose, f.data)
			return 0, io.EOF
		case f.op == opPing:
			_ = s.w.send(fin|opPong, f.data)
		default:
			s.rest = f.data
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// open is the part of the server up to CONNACK; false: the connection is over.
func (p *mqttPeer) open(w *wire, in io.Reader) bool {
	req, err := w.request()
	if err != nil || req.Header.Get("Sec-WebSocket-Protocol") != mqttProtocol {
		return false
	}
	if w.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: "+acceptKey(req)+"\r\n\r\n") != nil {
		return false
	}
	c, err := packets.ReadPacket(in)
	if err != nil || c.Type != packets.CONNECT {
		return false
	}
	ack := &packets.Connack{Properties: &packets.Properties{}}
	if p.connack != nil {
		p.connack(c.Content.(*packets.Connect), ack)
	}
	if mqttSay(w, ack) != nil || ack.ReasonCode != 0 {
		return false
	}
	if p.after != nil {
		p.after(w)
	}
	return true
}

// serve asks judge about each message of the WebSocket that has publishes.
func (p mqttPeer) serve(w *wire, judge func(text []byte) verdict) {
	in := &mqttStream{w: w}
	p.alias = map[uint16]string{}
	if !p.open(w, in) {
		return
	}
	var pubs []*packets.Publish
	for {
		c, err := packets.ReadPacket(in)
		if err != nil {
			return
		}
		if p.heard != nil {
			p.heard(c.Content)
		}
		switch c := c.Content.(type) {
		case *packets.Pingreq:
			err = mqttSay(w, &packets.Pingresp{})
		case *packets.Subscribe:
			err = mqttSay(w, &packets.Suback{PacketID: c.PacketID, Reasons: []byte{1}, Properties: &packets.Properties{}})
		case *packets.Disconnect:
			return
		case *packets.Publish:
			if a := c.Properties.TopicAlias; a != nil && c.Topic != "" {
				p.alias[*a] = c.Topic
			} else if a != nil {
				c.Topic = p.alias[*a]
			}
			if c.QoS == 1 {
				pubs = append(pubs, c)
			}
		}
		if err == nil && len(in.rest) == 0 && len(pubs) > 0 {
			err = p.answer(w, judge, pubs)
			pubs = nil
		}
		if err != nil {
			return
		}
	}
}

func (p mqttPeer) answer(w *wire, judge func(text []byte) verdict, pubs []*packets.Publish) error {
	var all []byte
	for _, pub := range pubs {
		all = append(all, pub.Payload...)
	}
	bye, reason, v := byte(0), byte(0), judge(all)
	switch v {
	case takes:
	case hangs:
		_, _ = io.Copy(io.Discard, w.conn)
		return io.EOF
	case tooBig:
		bye = packets.DisconnectPacketTooLarge
	case wantsLogin:
		bye = packets.DisconnectNotAuthorized
	case slowDown:
		bye = packets.DisconnectQuotaExceeded
	case refusesContent:
		reason = packets.PubackPayloadFormatInvalid
	case fails:
		reason = packets.PubackUnspecifiedError
	default:
		return io.EOF
	}
	if bye != 0 {
		_ = mqttSay(w, &packets.Disconnect{ReasonCode: bye, Properties: &packets.Properties{}})
		return io.EOF
	}
	for _, pub := range pubs {
		say := reason
		if p.puback != nil && say == 0 {
			say = p.puback(pub)
		}
		if err := mqttSay(w, &packets.Puback{PacketID: pub.PacketID, ReasonCode: say, Properties: &packets.Properties{}}); err != nil {
			return err
		}
	}
	if v == fails || v == refusesContent && len(numbers(all)) > 1 { // a real one goes on, and takes what follows before what failed
		return io.EOF
	}
	return nil
}
