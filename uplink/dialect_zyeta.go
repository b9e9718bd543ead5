package uplink

// zyeta is the dialect of Zyeta.
type zyeta struct{ presenter }

func newZyeta(_ *Options, p presenter) zyeta { return zyeta{p} }
func (zyeta) name() string                   { return DialectZyeta }
func (zyeta) talk() talk                     { return silent{} }
