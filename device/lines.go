package device

// LinesConfig holds the keys of type "lines".
type LinesConfig struct {
	Message   int                `toml:"message"` // tsmId, 0 = chosen by the keys of each line
	Map       map[string]string  `toml:"map"`
	Scale     map[string]float64 `toml:"scale"`
	Offset    map[string]float64 `toml:"offset"`
	IDField   string             `toml:"id_field"`
	TimeField string             `toml:"time_field"`
	Extra     string             `toml:"extra"` // separate (default) | keep | drop
}

func linesKind() Kind {
	return Kind{Name: "lines", Baud: 115200, New: func(Config, Env) (Driver, error) { return nil, nil }}
}
