package device

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"portti/device/thingsee"
)

// checkBLE checks the keys of type "ble-bridge", all problems at once.
func checkBLE(c BridgeOptions) error {
	var errs []error
	bad := func(wrong bool, key, rule string, args ...any) {
		if wrong {
			errs = append(errs, keyError(key, rule, args...))
		}
	}
	bad(len(c.Terminator) > 8, "terminator", "must be 8 bytes at most")
	bad(c.Prefix != nil && (len(*c.Prefix) > 16 || strings.ContainsAny(*c.Prefix, "{ \t\r\n\x00")),
		"prefix", "must be 16 bytes at most, without braces and blanks")
	bad(c.OnlyTags && len(c.Tags) == 0, "only_tags", "needs tags that names some")
	seen, named := map[bleAddress]bool{}, map[string]bool{}
	for _, address := range slices.Sorted(maps.Keys(c.Tags)) {
		a, ok := parseBLEAddress([]byte(address))
		key := "tags." + address
		bad(!ok, key, "must be an address of six pairs of hex digits, such as CB:B8:33:4C:88:4F")
		bad(ok && seen[a], key, "is there twice")
		bad(!thingsee.ValidTuid([]byte(c.Tags[address])), key, tuidRule)
		bad(named[c.Tags[address]], key, "must be another name: two things under one tsmTuid cannot be told apart")
		seen[a], named[c.Tags[address]] = true, true
	}
	return errors.Join(errs...)
}
