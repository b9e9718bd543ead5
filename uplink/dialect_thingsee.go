package uplink

import "time"

// thingsee is the plain dialect: Thingsee arrays out, nothing expected back.
// What the server says is counted and, where it may be a command, handed on.
type thingsee struct{ presenter }

func (thingsee) name() string                 { return DialectThingsee }
func (thingsee) startSession() dialectSession { return thingseeSession{} }

// thingseeSession sends nothing and understands no message.
type thingseeSession struct{}

func (thingseeSession) open() [][]byte                 { return nil }
func (thingseeSession) keepalive() []byte              { return nil }
func (thingseeSession) patience() time.Duration        { return 0 }
func (thingseeSession) onMessage([]byte) serverMessage { return serverMessage{} }
