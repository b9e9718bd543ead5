package machine

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
)

// The sources of marks, as they stand in a note. Those but the last give serial
// numbers of the board, the one that decides before others first.
const (
	DeviceTree = "device-tree"
	CPUInfo    = "cpuinfo"
	BoardDMI   = "dmi-board"
	ProductDMI = "dmi-product"
	MachineID  = "machine-id"
)

// Sources lists all, in the order in which they decide.
func Sources() []string { return []string{DeviceTree, CPUInfo, BoardDMI, ProductDMI, MachineID} }

// Marks are what a machine says of itself.
type Marks struct {
	Values map[string]string // by source, in clear; what cannot be read is not there
	Cards  []Card            // for people only
}

// Card is a network card.
type Card struct {
	Name string `json:"name"`
	MAC  string `json:"mac"`
}

// maxFile is more than any of the files has on a machine with 256 processors.
const maxFile = 1 << 20

// Read looks at the machine whose root folder is root. What is missing, cannot be
// read or is a placeholder counts as not there.
func Read(root fs.FS) Marks {
	m := Marks{Values: map[string]string{}}
	put := func(source, value string, known func(string) bool) {
		if _, there := m.Values[source]; !there && known(value) {
			m.Values[source] = value
		}
	}
	for _, name := range []string{"proc/device-tree/serial-number", "sys/firmware/devicetree/base/serial-number"} {
		put(DeviceTree, tidy(text(root, name)), isSerial)
	}
	put(CPUInfo, serialOf(text(root, "proc/cpuinfo")), isSerial)
	put(BoardDMI, tidy(text(root, "sys/class/dmi/id/board_serial")), isSerial)
	put(ProductDMI, tidy(text(root, "sys/class/dmi/id/product_serial")), isSerial)
	for _, name := range []string{"etc/machine-id", "var/lib/dbus/machine-id"} {
		put(MachineID, tidy(text(root, name)), isMachineID)
	}
	m.Cards = cards(root)
	return m
}

func text(root fs.FS, name string) string {
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	all, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "" // a half is another value
	}
	return string(all)
}

// tidy takes off what a source adds to its value: the device tree ends it with a
// zero byte.
func tidy(s string) string { return strings.ToLower(strings.Trim(s, "\x00 \t\r\n")) }

// serialOf finds the line "Serial : 10000000f0e1d2c3" of 32 and 64 bit ARM.
func serialOf(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "Serial" {
			return tidy(value)
		}
	}
	return ""
}

// isSerial says whether s, tidied, can be the number of one board. Firmware that was
// never given one has a placeholder.
func isSerial(s string) bool {
	if s == "" || strings.Trim(s, s[:1]) == "" { // also 0000000000000000 and xxxx
		return false
	}
	bare := strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '.' || c == '-' || c == '_' || c == '/' }), "")
	return bare != "" && strings.Trim(bare, "0") != "" && !slices.Contains(placeholders(), bare)
}

// placeholders are without blanks and punctuation.
func placeholders() []string {
	return []string{"tobefilledbyoem", "defaultstring", "default", "none", "na", "notapplicable", "notavailable", "notspecified", "notset", "unspecified",
		"unknown", "invalid", "empty", "null", "oem", "systemserialnumber", "baseboardserialnumber", "boardserialnumber", "serialnumber", "chassisserialnumber",
		"123456789", "0123456789", "1234567890", "12345678", "1234567", "0123456789abcdef"}
}

// isMachineID: 32 hexadecimal digits. Before the first boot is over an image has
// the word "uninitialized" there.
func isMachineID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, s[:1]) != ""
}

func cards(root fs.FS) []Card {
	found, _ := fs.Glob(root, "sys/class/net/*/address") // only a malformed pattern fails
	all := []Card{}
	for _, name := range found {
		mac := tidy(text(root, name))
		if strings.Trim(mac, "0:") == "" { // the loopback, tunnels
			continue
		}
		all = append(all, Card{path.Base(path.Dir(name)), mac})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}
