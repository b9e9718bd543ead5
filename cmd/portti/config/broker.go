package config

import (
	"fmt"

	"portti/uplink"
)

// MQTT are the settings of engine = "mqtt" alone.
type MQTT struct {
	Topic   string `toml:"topic"`   // of a reading: see uplink.CheckTopic
	Payload string `toml:"payload"` // array | object
}

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
	if u.Engine == uplink.EngineNATS {
		l.checkNATS(path, u)
	}
}

func (l *loader) checkNATS(path string, u Uplink) {
	if err := uplink.CheckTopic(u.Engine, u.NATS.Downlink); err != nil && !l.bad["uplink.nats.downlink"] {
		l.fault(path, "uplink.nats.downlink", err.Error(), fmt.Sprintf("without the line it is %q", Defaults().Uplink.NATS.Downlink))
	}
	l.checkUseless(path, "uplink.nats.username", u.NATS.Username == "" || u.Auth == uplink.AuthFirstMessage, fmt.Sprintf("auth = %q", u.Auth), `say auth = "first-message": then the token is the password of this user`)
}
