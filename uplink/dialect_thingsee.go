package uplink

// thingseeSession is the plain dialect: Thingsee arrays out, nothing expected back.
// What the server says is counted and, where it may be a command, handed on.
type thingseeSession struct{}

func (thingseeSession) open() [][]byte                 { return nil }
func (thingseeSession) keepalive() []byte              { return nil }
func (thingseeSession) onMessage([]byte) serverMessage { return serverMessage{} }
