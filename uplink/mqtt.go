package uplink

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/gorilla/websocket"
)

// MQTT are the settings of EngineMQTT alone.
type MQTT struct {
	Username string // of CONNECT; with AuthFirstMessage the token is its password
	Downlink string // topic of what may be commands, a template as Options.Topic; "": none
	Will     string // topic that says whether the gateway is there, a template as Options.Topic; "": none
	// WillDelay is how long the server waits before it says that the gateway is not there
	// any more (3.1.3.2.2), so that a connection which comes back soon is no news.
	WillDelay time.Duration
	// SessionExpiry is how long the server keeps commands for a gateway that is away
	// (3.1.2.11.2); 0: no longer than the connection.
	SessionExpiry time.Duration
	// TopicAliases is how many topics at most are sent once and then as a number, where the
	// server allows that (3.3.2.3.4); 0: none.
	TopicAliases int
	// RequireSubscriber keeps what nobody subscribes to: a server takes it and throws it
	// away (reason 0x10). Otherwise it counts as delivered.
	RequireSubscriber bool
}

const (
	mqttProtocol  = "mqtt" // the subprotocol (6.0)
	mqttClientMax = 60     // publishes on the way where the server sets no limit: their identifiers are looked up one by one
	mqttHead      = 200    // bytes of a publish of one record besides topic and payload, at the most
	mqttNumber    = 21     // and of each further record its number, at the most
	mqttOverhead  = 512    // bytes of a packet of the server besides a message, at the most
)

// mqttSocket speaks MQTT 5 in the binary messages of a WebSocket (OASIS MQTT 5.0, 6). A
// frame becomes a publish for each of its topics, or for each record, with QoS 1, and its
// PUBACK acknowledges it. No more are on the way than the server's Receive Maximum; the
// others wait here, bounded by the session's window.
type mqttSocket struct {
	brokerSocket
	o     *Options
	in    byteStream
	topic topic
	who   string // the topic of the will; "": there is none

	most    int // publishes on the way
	packet  int // bytes of a packet that the server takes; 0: any
	aliases int // that may be given
	retain  bool
	every   time.Duration // the server wants to hear of us so often; 0: as CONNECT says

	// of the lock
	alias map[string]uint16 // of a topic that was sent with it
	id    uint16            // of the last publish
	out   map[uint16]*mqttPublish
	wait  []*mqttPublish // those that are not on the way yet
}

// mqttPublish is one publish of a frame.
type mqttPublish struct {
	frame *published
	topic string
	recs  []uint64 // numbers of its records
	body  []byte
}

// startMQTT goes as far as the server's CONNACK.
func (l *Link) startMQTT(ctx context.Context, s *socket) (*mqttSocket, error) {
	m := &mqttSocket{
		brokerSocket: newBrokerSocket(s), o: &l.o, in: byteStream{conn: s.conn},
		alias: map[string]uint16{}, out: map[uint16]*mqttPublish{},
	}
	m.topic, _ = parseTopic(EngineMQTT, l.o.Topic) // checked by New
	if l.o.MQTT.Will != "" {
		m.who = m.named(l.o.MQTT.Will)
	}
	return m, m.open(ctx, &l.o, func() error { return m.connect(l) })
}

// named is a topic in which nothing of a record stands.
func (m *mqttSocket) named(template string) string {
	t, _ := parseTopic(EngineMQTT, template) // checked by New
	return t.of(m.o.Gateway, nil)
}

// connect says who comes and waits for the answer.
func (m *mqttSocket) connect(l *Link) error {
	deadline := time.Now().Add(m.o.PhaseTimeout)
	expiry := uint32(max(m.o.MQTT.SessionExpiry, m.o.MQTT.WillDelay).Seconds())
	largest := uint32(m.o.MaxMessage + mqttOverhead)
	c := &packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: m.o.Gateway,
		CleanStart: m.o.MQTT.SessionExpiry == 0,
		KeepAlive:  uint16(min((m.o.PingInterval + m.o.PongTimeout + time.Second).Seconds(), 65535)),
		Properties: &packets.Properties{SessionExpiryInterval: &expiry, MaximumPacketSize: &largest},
	}
	if c.Username = m.o.MQTT.Username; c.Username != "" {
		c.UsernameFlag = true
	}
	if d := &l.route.dialect; d.credential.how == AuthFirstMessage {
		c.PasswordFlag, c.Password = true, []byte(d.secret(l.token).Reveal())
	}
	if m.who != "" {
		delay := uint32(m.o.MQTT.WillDelay.Seconds())
		c.WillFlag, c.WillTopic, c.WillMessage, c.WillQOS, c.WillRetain = true, m.who, m.there(false), 1, true
		c.WillProperties = &packets.Properties{WillDelayInterval: &delay}
	}
	if err := m.put(c, deadline); err != nil {
		return err
	}
	p, err := m.next()
	if err != nil {
		return err
	}
	ack, ok := p.(*packets.Connack)
	switch {
	case !ok:
		return noMQTT("its first packet is no CONNACK")
	case ack.ReasonCode != 0:
		return mqttRefusal(ack.ReasonCode, ack.Properties)
	}
	m.heed(ack.Properties)
	if m.who != "" {
		hello := &packets.Publish{Topic: m.who, Payload: m.there(true), Retain: m.retain, Properties: &packets.Properties{}}
		if err := m.put(hello, deadline); err != nil {
			return err
		}
	}
	if m.o.MQTT.Downlink == "" {
		return nil
	}
	return m.put(&packets.Subscribe{PacketID: 1, Properties: &packets.Properties{}, // 1 is free: nothing was published
		Subscriptions: []packets.SubOptions{{Topic: m.named(m.o.MQTT.Downlink), QoS: 1}}}, deadline)
}

// there is what the topic of the will says.
func (m *mqttSocket) there(online bool) []byte {
	return append(strconv.AppendBool([]byte(`{"online":`), online), '}')
}

// heed takes the server's limits (3.2.2.3).
func (m *mqttSocket) heed(p *packets.Properties) {
	m.most, m.retain = mqttClientMax, true
	if p.ReceiveMaximum != nil {
		m.most = max(min(m.most, int(*p.ReceiveMaximum)), 1)
	}
	if p.MaximumPacketSize != nil {
		m.packet = int(min(*p.MaximumPacketSize, 1<<28))
	}
	if p.TopicAliasMaximum != nil {
		m.aliases = min(m.o.MQTT.TopicAliases, int(*p.TopicAliasMaximum))
	}
	if p.RetainAvailable != nil && *p.RetainAvailable == 0 {
		m.retain = false
	}
	if p.ServerKeepAlive != nil {
		m.every = time.Duration(*p.ServerKeepAlive) * time.Second
	}
}

// quiet is after how long the server has to hear of us.
func (m *mqttSocket) quiet(interval time.Duration) time.Duration {
	if m.every > 0 {
		return min(interval, m.every*2/3)
	}
	return interval
}

// put sends a packet.
func (m *mqttSocket) put(p packets.Packet, deadline time.Time) error {
	var b bytes.Buffer
	_, _ = p.WriteTo(&b) // never fails
	return m.say(b.Bytes(), deadline)
}

func (m *mqttSocket) ping(payload string, deadline time.Time) error {
	m.note(payload)
	return m.put(&packets.Pingreq{}, deadline)
}

// frame makes publishes of the records and sends as many as may be on the way.
func (m *mqttSocket) frame(f outgoing, deadline time.Time) error {
	<-m.reading
	pubs := m.publishes(f)
	m.mu.Lock()
	fr := m.publish(f, len(pubs))
	for _, p := range pubs {
		p.frame = fr
	}
	m.wait = append(m.wait, pubs...)
	m.mu.Unlock()
	return m.flow(deadline)
}

// publishes divides a frame. Records of one topic keep their order.
func (m *mqttSocket) publishes(f outgoing) (all []*mqttPublish) {
	open := map[string]*mqttPublish{}
	for i, rec := range f.recs {
		name := m.topic.of(m.o.Gateway, rec)
		p := open[name]
		if m.o.Payload == PayloadObject || p == nil || m.packet > 0 && len(p.body)+len(rec)+len(name)+mqttHead+(len(p.recs)+1)*mqttNumber > m.packet {
			p = &mqttPublish{topic: name}
			open[name], all = p, append(all, p)
		}
		if p.recs = append(p.recs, f.first+uint64(i)); m.o.Payload == PayloadObject {
			p.body = bytes.Clone(rec)
			continue
		}
		sign := byte(',')
		if len(p.recs) == 1 {
			sign = '['
		}
		p.body = append(append(p.body, sign), rec...)
	}
	if m.o.Payload == PayloadArray {
		for _, p := range all {
			p.body = append(p.body, ']')
		}
	}
	return all
}

// flow sends what waits and may be on the way.
func (m *mqttSocket) flow(deadline time.Time) error {
	if !m.take(time.Until(deadline), deadline) {
		return errWriteStuck
	}
	defer func() { <-m.turn }()
	var b bytes.Buffer
	var own error
	m.mu.Lock()
	n := 0
	for ; n < len(m.wait) && len(m.out) < m.most && own == nil; n++ {
		p := m.wait[n]
		if size := len(p.body) + len(p.topic) + mqttHead; m.packet == 0 || size <= m.packet {
			m.encode(&b, p)
		} else { // it has one record, or there would be two of it
			own = m.settle(p.frame, p.recs[0], fmt.Sprintf("it has %d bytes, and the server takes %d", size, m.packet))
		}
	}
	m.wait = slices.Delete(m.wait, 0, n)
	m.mu.Unlock()
	if own != nil {
		m.leave(own)
		return nil
	}
	if b.Len() == 0 {
		return nil
	}
	return writeError(m.conn.WriteMessage(websocket.BinaryMessage, b.Bytes()))
}

// encode appends a publish and gives it an identifier. The lock is held.
func (m *mqttSocket) encode(b *bytes.Buffer, p *mqttPublish) {
	for m.id++; m.id <= 1 || m.out[m.id] != nil; m.id++ { // 0 is none (2.2.1), 1 was the subscription's
	}
	m.out[m.id] = p
	props := &packets.Properties{}
	if p.frame.epoch != "" {
		props.User = []packets.User{{Key: "gw", Value: m.o.Gateway}, {Key: "epoch", Value: p.frame.epoch}, {Key: "n", Value: listed(p.recs)}}
	}
	name := p.topic
	if number, given := m.alias[name]; given {
		props.TopicAlias, name = &number, ""
	} else if len(m.alias) < m.aliases {
		number = uint16(len(m.alias) + 1)
		m.alias[name], props.TopicAlias = number, &number
	}
	pub := packets.Publish{PacketID: m.id, QoS: 1, Topic: name, Properties: props, Payload: p.body}
	_, _ = pub.WriteTo(b) // never fails
	p.body = nil
}

// listed is the numbers of the records in one publish, as a consumer finds them.
func listed(recs []uint64) string {
	var b []byte
	for i, n := range recs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, n, 10)
	}
	return string(b)
}

// farewell is a DISCONNECT. With reason 0x04 the server says that the gateway is away, by
// the will and after its delay.
func (m *mqttSocket) farewell(_ int, deadline time.Time) {
	d := &packets.Disconnect{Properties: &packets.Properties{}}
	if m.who != "" {
		d.ReasonCode = packets.DisconnectDisconnectWithWillMessage
	}
	_ = m.put(d, deadline)
	m.socket.farewell(websocket.CloseNormalClosure, deadline)
}
