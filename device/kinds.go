package device

import (
	"slices"
	"strings"
)

// kinds is the table of drivers, sorted by name. A new driver is one line
// here, one file beside this one and one folder in testdata.
func kinds() []Kind {
	return []Kind{
		bleBridgeKind(),
		gpsKind(),
		linesKind(),
	}
}

// planned are types that the configuration may come to know, but that this
// version has no driver for.
func planned() []string {
	return []string{"ais", "ble", "gpsd", "modbus", "wirepas"}
}

// Kinds gives the names of all drivers, sorted.
func Kinds() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.Name)
	}
	return names
}

func kindNamed(name string) (Kind, bool) {
	all := kinds()
	i, ok := slices.BinarySearchFunc(all, name, func(k Kind, n string) int { return strings.Compare(k.Name, n) })
	if !ok {
		return Kind{}, false
	}
	return all[i], true
}
