package device

// Kinds is the table of drivers, sorted by name. A new driver is one line here,
// one file next to this one, one folder in testdata and one line in
// drivers_test.go.
func Kinds() Table {
	return Table{
		aisKind(),
		bleBridgeKind(),
		gpsKind(),
		gpsdKind(),
		linesKind(),
	}
}

// Planned are types that the configuration may come to know, but that this
// version has no driver for.
func Planned() []string {
	return []string{"ble", "modbus", "wirepas"}
}
