package device

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"

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
	for _, key := range slices.Sorted(maps.Keys(c.Units)) {
		switch unit := c.Units[key]; {
		case unit == "" || len(unit) > maxUnit || strings.Trim(unit, " \t\"'") != unit || strings.ContainsAny(unit, ",;="):
			bad("units."+key, `must be the unit as it stands behind the number, such as "C" or "%%"`)
		case strings.ContainsAny(unit[:1], "0123456789.+-"):
			bad("units."+key, "cannot begin as a number")
		}
	}
	if strings.TrimSpace(c.Prefix) != c.Prefix || len(c.Prefix) > maxPrefix || strings.ContainsAny(c.Prefix, "\r\n") {
		bad("prefix", "must be up to %d characters without blanks around them", maxPrefix)
	}
	if c.Assign != "" && c.Assign != "=" && c.Assign != ":" {
		bad("assign", `must be "=" or ":"`)
	}
	return errors.Join(append(errs, checkColumns(c)...)...)
}

// Bounds of the keys' texts.
const (
	maxUnit   = 16
	maxPrefix = 32
)

// checkColumns checks the keys for values in columns.
func checkColumns(c linesSettings) (errs []error) {
	bad := func(key, rule string, args ...any) { errs = append(errs, keyError(key, rule, args...)) }
	if len(c.Columns) > maxFields {
		bad("columns", "must be up to %d", maxFields)
	}
	for i, key := range c.Columns {
		switch {
		case key == "":
		case slices.Contains(c.Columns[:i], key):
			bad("columns", "%q stands twice", key)
		case !thingsee.ValidName(key):
			bad("columns", "%q cannot be the name of a field", key)
		}
	}
	if len(c.Columns) > 0 && strings.Join(c.Columns, "") == "" {
		bad("columns", "must name at least one value")
	}
	if len(c.Columns) > 0 && c.Assign == ":" {
		bad("assign", "cannot be used together with columns")
	}
	if c.Separator != "" && !(len(c.Separator) == 1 && strings.Contains(",;\t |:/", c.Separator)) {
		bad("separator", `must be one of "," ";" "\t" "|" ":" "/" and " ", which is any number of blanks`)
	}
	if c.DecimalComma && (c.Separator == "" || c.Separator == ",") {
		bad("decimal_comma", "needs another separator than a comma")
	}
	if len(c.Columns) == 0 && (c.Separator != "" || c.DecimalComma) {
		bad("columns", "must be set where separator or decimal_comma is: the keys of the values in their order")
	}
	return errs
}
