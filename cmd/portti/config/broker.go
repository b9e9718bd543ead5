package config

import (
	"fmt"
	"time"

	"portti/uplink"
)

// MQTT are the settings of engine = "mqtt" alone.
type MQTT struct {
	Topic             string   `toml:"topic"`              // of a reading: see uplink.CheckTopic
	Payload           string   `toml:"payload"`            // array | object
	Username          string   `toml:"username"`           // with auth = "first-message" the token is its password
	Downlink          string   `toml:"downlink"`           // topic of commands, where accept_commands names some
	Will              string   `toml:"will"`               // topic that says whether the gateway is there; empty = none
	WillDelay         Duration `toml:"will_delay"`         // until the server says that it is not
	SessionExpiry     Duration `toml:"session_expiry"`     // how long the server keeps commands for a gateway that is away
	TopicAliases      int      `toml:"topic_aliases"`      // topics that are sent once and then as a number; 0 = none
	RequireSubscriber bool     `toml:"require_subscriber"` // what nobody subscribes to is not delivered
}

const (
	maxAliases = 65535
	maxSession = 365 * 24 * time.Hour
)

// NATS are the settings of engine = "nats" alone.
type NATS struct {
	Subject  string `toml:"subject"`  // of a reading: see uplink.CheckTopic
	Payload  string `toml:"payload"`  // array | object
	Username string `toml:"username"` // with auth = "first-message": the token is its password; empty = there is none
	Downlink string `toml:"downlink"` // subject of commands, where accept_commands names some
}

// Publish is where a reading goes with the engine that is chosen, and in what form.
func (u *Uplink) Publish() (topic, payload string) {
	switch u.Engine {
	case uplink.EngineMQTT:
		return u.MQTT.Topic, u.MQTT.Payload
	case uplink.EngineNATS:
		return u.NATS.Subject, u.NATS.Payload
	}
	return "", ""
}

// checkPublish is about the tables of the engines that publish.
func (l *loader) checkPublish(path string) {
	u, usual := l.cfg.Uplink, Defaults().Uplink
	with := fmt.Sprintf("engine = %q", u.Engine)
	for _, e := range []struct {
		engine, key, topic string
		same               bool
	}{
		{uplink.EngineMQTT, "uplink.mqtt.topic", u.MQTT.Topic, u.MQTT == usual.MQTT},
		{uplink.EngineNATS, "uplink.nats.subject", u.NATS.Subject, u.NATS == usual.NATS},
	} {
		if u.Engine != e.engine {
			l.checkUseless(path, "uplink."+e.engine, e.same, with, "remove the table")
		} else if err := uplink.CheckTopic(e.engine, e.topic); err != nil && !l.bad[e.key] {
			l.fault(path, e.key, err.Error(), fmt.Sprintf("without the line it is %q", uplink.DefaultTopic(e.engine)))
		}
	}
	switch u.Engine {
	case uplink.EngineMQTT:
		l.checkMQTT(path, u)
	case uplink.EngineNATS:
		l.checkNATS(path, u)
	}
}

func (l *loader) checkMQTT(path string, u Uplink) {
	for key, topic := range map[string]string{"uplink.mqtt.downlink": u.MQTT.Downlink, "uplink.mqtt.will": u.MQTT.Will} {
		if err := uplink.CheckTopic(u.Engine, topic); err != nil && topic != "" && !l.bad[key] {
			l.fault(path, key, err.Error(), "in it {gw} is the gateway's id")
		}
	}
	if n := u.MQTT.TopicAliases; (n < 0 || n > maxAliases) && !l.bad["uplink.mqtt.topic_aliases"] {
		l.fault(path, "uplink.mqtt.topic_aliases", fmt.Sprintf(`"topic_aliases" must be 0 to %d, found %d`, maxAliases, n), "")
	}
	for key, d := range map[string]Duration{"uplink.mqtt.will_delay": u.MQTT.WillDelay, "uplink.mqtt.session_expiry": u.MQTT.SessionExpiry} {
		if (d < 0 || d.D() > maxSession) && !l.bad[key] {
			l.fault(path, key, fmt.Sprintf(`%q must be from 0s to 365d, found %s`, lastOf(key), d), "")
		}
	}
}

func (l *loader) checkNATS(path string, u Uplink) {
	if err := uplink.CheckTopic(u.Engine, u.NATS.Downlink); err != nil && !l.bad["uplink.nats.downlink"] {
		l.fault(path, "uplink.nats.downlink", err.Error(), fmt.Sprintf("without the line it is %q", Defaults().Uplink.NATS.Downlink))
	}
	l.checkUseless(path, "uplink.nats.username", u.NATS.Username == "" || u.Auth == uplink.AuthFirstMessage, fmt.Sprintf("auth = %q", u.Auth), `say auth = "first-message": then the token is the password of this user`)
}
