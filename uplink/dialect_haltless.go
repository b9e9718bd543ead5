package uplink

// haltless is the dialect of Haltless.
type haltless struct{ presenter }

func newHaltless(_ *Options, p presenter) haltless { return haltless{p} }
func (haltless) name() string                      { return DialectHaltless }
func (haltless) talk() talk                        { return silent{} }
