package uplink

import "time"

// thingseeSession is the plain dialect: Thingsee arrays out, nothing expected back.
// What the server says is counted and, where it may be a command, handed on.
type thingseeSession struct{}

func (thingseeSession) open() [][]byte                 { return nil }
func (thingseeSession) keepalive() []byte              { return nil }
func (thingseeSession) patience() time.Duration        { return 0 }
func (thingseeSession) onMessage([]byte) serverMessage { return serverMessage{} }
