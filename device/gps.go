package device

// GPSConfig holds the keys of type "gps".
type GPSConfig struct {
	Detail       string  `toml:"detail"`         // separate (default) | append | off: where altitude, speed, heading, quality go
	LacrFromHDOP float64 `toml:"lacr_from_hdop"` // metres per unit of HDOP, 0 = lacr only where the receiver states an error
	SpeedFloor   float64 `toml:"speed_floor"`    // m/s under which no heading is sent
}
