package uplink

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// NATS are the settings of EngineNATS alone.
type NATS struct{}

func (l *Link) openNATS(context.Context, url.URL, http.Header) (transport, *dialError) {
	return nil, &dialError{phase: phaseUpgrade, err: errors.ErrUnsupported}
}
