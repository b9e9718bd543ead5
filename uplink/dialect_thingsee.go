package uplink

import "time"

// thingsee is the plain dialect: Thingsee arrays out, nothing expected back.
// What the server says is counted and, where it may be a command, handed on.
type thingsee struct{ presenter }

func (thingsee) name() string { return DialectThingsee }
func (thingsee) talk() talk   { return silent{} }

// silent is a conversation in which nothing is said or understood.
type silent struct{}

func (silent) open() [][]byte          { return nil }
func (silent) keepalive() []byte       { return nil }
func (silent) patience() time.Duration { return 0 }
func (silent) hear([]byte) heard       { return heard{} }
