package uplink

// heimdall is the dialect of Heimdall.
type heimdall struct{ presenter }

func newHeimdall(_ *Options, p presenter) heimdall { return heimdall{p} }
func (heimdall) name() string                      { return DialectHeimdall }
func (heimdall) talk() talk                        { return silent{} }

func heimdallURL(raw string) string { return raw }
