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
	Subject string `toml:"subject"` // of a reading: see uplink.CheckTopic
	Payload string `toml:"payload"` // array | object
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
}
