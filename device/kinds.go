package device

import (
	"sort"
)

// Kinds is the table of drivers, sorted by name. A new driver is one line here,
// one file next to this one, one folder in testdata and one line in
// drivers_test.go. Those that come as declarations are files of device/declared, which it
// reads: whoever needs the table more than once keeps it.
func Kinds() Table {
	kinds := Table{
		aisKind(),
		bleKind(),
		bleBridgeKind(),
		declaredKind(),
		gpsKind(),
		gpsdKind(),
		linesKind(),
		modbusKind(),
		wirepasKind(),
	}
	kinds = append(kinds, shippedKinds()...)
	sort.Slice(kinds, func(i, j int) bool { return kinds[i].Name < kinds[j].Name })
	return kinds
}

// Planned are types that the configuration may come to know, but that this
// version has no driver for: none at present.
func Planned() []string {
	return nil
}
