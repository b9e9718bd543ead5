package config

import (
	"fmt"
	"strings"

	"portti/device"
)

// DeviceText is a [[device]] to be added to a configuration: the sample of its type with the
// name, port or match, speed and id of d. It loads as it is.
func DeviceText(d device.Config) (string, error) {
	k, ok := device.Kinds().Named(d.Type)
	if !ok {
		return "", fmt.Errorf("there is no type %s of devices", quoteShort(d.Type))
	}
	port := "port = " + tomlString(d.Port)
	if m := d.Match; m != nil {
		var parts []string
		for _, p := range [][2]string{{"vid", m.VID}, {"pid", m.PID}, {"serial", m.Serial}, {"interface", m.Interface}} {
			if p[1] != "" {
				parts = append(parts, p[0]+" = "+tomlString(p[1]))
			}
		}
		port = "match = { " + strings.Join(parts, ", ") + " }"
	}
	var b strings.Builder
	for line := range strings.Lines(k.Sample) {
		switch key, _, _ := strings.Cut(line, " "); key {
		case "name":
			line = "name = " + tomlString(d.Name) + "\n"
		case "port":
			line = port + "\n"
		case "baud":
			line = fmt.Sprintf("baud = %d\n", int(d.Baud))
		case "id":
			line = "id = " + tomlString(d.ID) + "\n"
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// SampleName is what the first device of a type is called in samples, "gps".
func SampleName(kind string) string {
	k, _ := device.Kinds().Named(kind)
	for line := range strings.Lines(k.Sample) {
		if name, ok := strings.CutPrefix(line, `name = "`); ok {
			name, _, _ = strings.Cut(name, `"`)
			return strings.ReplaceAll(name, "{n}", "")
		}
	}
	return kind
}
