package device

// Kinds is the table of drivers, sorted by name. A new driver is one line here,
// one file beside this one and one folder in testdata.
func Kinds() Table {
	return Table{
		bleBridgeKind(),
		gpsKind(),
		linesKind(),
	}
}

// Planned are types that the configuration may come to know, but that this
// version has no driver for.
func Planned() []string {
	return []string{"ais", "ble", "gpsd", "modbus", "wirepas"}
}
