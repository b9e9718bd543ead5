package thingsee

// The messages that portti itself makes or takes, by tsmId. The comment is the
// published name; Lookup has the fields.
const (
	HeaderOnly        = 1000  // Header-only message
	SystemInfo        = 1100  // Thing system info
	InfoRequest       = 1101  // Thing information request
	InfoUnavailable   = 1102  // Thing information unavailable response
	BatteryInfo       = 1110  // Thing battery info
	OrientationInfo   = 1111  // Thing orientation info
	UptimeInfo        = 1112  // Thing uptime info
	SensorNeighbours  = 1202  // Sensor network neighbouring data
	CellularLocation  = 1210  // Cellular location data
	DiagnosticsInfo   = 1400  // Diagnostics info
	EnableDiagnostics = 1401  // Enable diagnostics
	RemoteCommand     = 1402  // Remote command
	ErrorInfo         = 1403  // Error info
	IntervalConfig    = 1500  // Sensor application interval configuration
	HeartbeatSummary  = 11200 // Gateway heartbeat summary
	HeartbeatChange   = 11201 // Gateway heartbeat single-device state change
	HeartbeatConfig   = 11210 // Gateway heartbeat configuration
	HeartbeatRequest  = 11211 // Gateway heartbeat request summary
	WeatherInfo       = 12100 // Weather info
	MagnetoSwitch     = 12101 // Magneto switch info
	MovementCount     = 13100 // Movement count
	DistanceInfo      = 17100 // Distance info
	CarbonDioxide     = 24100 // Carbon dioxide level
	VolatileOrganics  = 24101 // Total volatile organic compounds

	// Of the private profile.
	GNSSDetail    = 90100 // GNSS fix detail
	AISPosition   = 90110 // AIS position
	AISStatic     = 90111 // AIS static
	Geofence      = 90120 // Geofence crossed
	Generic       = 90200 // Generic value
	LossStatement = 90300 // Loss statement
	GatewayHealth = 90310 // Gateway health
)

// Why a message is sent, tsmEv, in the words of the header page.
const (
	EventStateChange       = 7  // state change
	EventKey               = 8  // key or reactive event
	EventThreshold         = 9  // threshold exceeded
	EventTimed             = 10 // timed: a reading that came by itself
	EventPowerOn           = 11 // thing powered on
	EventPowerOff          = 12 // thing powered off
	EventControlledReset   = 13 // controlled reset occurred
	EventUncontrolledReset = 14 // uncontrolled reset occurred
	EventConnected         = 17 // network connected
	EventDisconnected      = 18 // network disconnected; tsmTs may be absent
	EventDiagnosticsAsked  = 27 // diagnostics requested
	EventDiagnostics       = 28 // requested diagnostics
	EventErrorDiagnostics  = 29 // error diagnostics
	EventConfigAsked       = 30 // configuration update requested
	EventConfig            = 31 // configuration update response
	EventInfoAsked         = 32 // information request
	EventInfo              = 33 // information response
	EventCommandAsked      = 35 // command request
	EventCommand           = 36 // command response

	MaxEvent = 999 // 100 and above are a profile's own
)
