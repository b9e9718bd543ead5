package uplink

// Reconnect asks for a new connection now. One that is up is closed in order:
// what was sent is proven first, and nothing is sent twice. Where there is
// none it is a Wake. It may be called from any goroutine.
func (l *Link) Reconnect() {
	l.renew.Store(true)
	l.Wake()
}

// renewed says, once, that Reconnect was called during this connection.
func (l *Link) renewed() bool { return l.renew.Swap(false) }
