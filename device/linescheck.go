package device

import (
	"errors"
	"maps"
	"math"
	"slices"

	"portti/device/thingsee"
)

// checkLines checks the keys of type "lines", all problems at once.
func checkLines(c linesSettings) error {
	var errs []error
	bad := func(key, rule string, args ...any) { errs = append(errs, keyError(key, rule, args...)) }
	if c.IDField != "" && c.IDField == c.TimeField {
		bad("time_field", "cannot be the same key as id_field")
	}
	if d, ok := thingsee.Lookup(c.Message); ok && d.Direction == thingsee.Down {
		bad("message", "%d is %q, which only a server sends", c.Message, d.Name)
	}
	if c.Message != 0 && (c.Message < 1000 || c.Message > 999_999) {
		bad("message", "must be a tsmId from 1000 to 999999, or 0")
	}
	if !slices.Contains([]string{"", extraSeparate, extraKeep, extraDrop}, c.Extra) {
		bad("extra", "must be %q, %q or %q", extraSeparate, extraKeep, extraDrop)
	}
	for _, key := range c.Hex {
		if key == "" || key == c.IDField || key == c.TimeField {
			bad("hex", "%q cannot be a key with a hexadecimal value", key)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(c.Map)) {
		if to := c.Map[from]; !thingsee.ValidName(to) || thingsee.Reserved(to) {
			bad("map."+from, "%q cannot be the name of a field", to)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Scale)) {
		if v := c.Scale[key]; v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			bad("scale."+key, "must be a finite number other than 0")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Offset)) {
		if v := c.Offset[key]; math.IsNaN(v) || math.IsInf(v, 0) {
			bad("offset."+key, "must be a finite number")
		}
	}
	return errors.Join(errs...)
}
