package device

// BridgeConfig holds the keys of type "ble-bridge".
type BridgeConfig struct {
	Prefix     *string           `toml:"prefix"`     // nil = accept with or without "00"
	Terminator string            `toml:"terminator"` // "" = CR or LF
	Tags       map[string]string `toml:"tags"`       // address -> tsmTuid
	OnlyTags   bool              `toml:"only_tags"`  // drop tags that tags does not name
}
