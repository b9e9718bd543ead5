package uplink

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// MQTT are the settings of EngineMQTT alone.
type MQTT struct{}

func (l *Link) openMQTT(context.Context, url.URL, http.Header) (transport, *dialError) {
	return nil, &dialError{phase: phaseUpgrade, err: errors.ErrUnsupported}
}
