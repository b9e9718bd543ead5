package device

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"portti/device/thingsee"
)

// Limits of what the configuration may say.
const (
	minMaxLine = 64
	maxMaxLine = 65536
	maxBaud    = 4_000_000
	maxRate    = 1_000_000
	maxName    = 64
)

// KeyError is a problem with one key of a device's configuration.
type KeyError struct {
	Key  string // as it stands in the file, "match.vid" for one in a table
	Rule string // what it must be
}

func (e *KeyError) Error() string { return e.Key + " " + e.Rule }

//go:noinline
func keyError(key, rule string, args ...any) error {
	return &KeyError{Key: key, Rule: fmt.Sprintf(rule, args...)}
}

// Check says what is wrong with one device, without touching its port: all
// problems at once, each a *KeyError where one key is to blame, joined.
func (t Table) Check(c Config) error {
	errs := []error{checkName(c.Name)}
	k, known := t.Named(c.Type)
	if c.Port == "" && c.Match == nil {
		c.Port = k.Port
	}
	if !known {
		errs = append(errs, t.checkType(c.Type))
	}
	if k.Open == nil {
		errs = append(errs, checkPort(c))
	} else {
		errs = append(errs, checkNoPort(c))
	}
	errs = append(errs, checkShare(c.Share), checkNumbers(c))
	if known {
		errs = append(errs, k.check(c))
	}
	return errors.Join(errs...)
}

// check lets the kind speak of the keys that concern it.
func (k Kind) check(c Config) error {
	var errs []error
	if c.ID == "" && (k.NamesThings == nil || !k.NamesThings(c)) {
		errs = append(errs, keyError("id", "must be set: it is the tsmTuid under which the server knows this thing"))
	}
	if c.ID != "" && !thingsee.ValidTuid([]byte(c.ID)) {
		errs = append(errs, keyError("id", tuidRule))
	}
	if c.Baud == BaudAuto && !k.Auto {
		errs = append(errs, keyError("baud", "cannot be found out for type %s: write the number that its manual says", k.Name))
	}
	if c.Options != nil && (k.Options == nil || reflect.TypeOf(k.Options()) != reflect.TypeOf(c.Options)) {
		return errors.Join(append(errs, fmt.Errorf("options of another type than %q: %T", k.Name, c.Options))...)
	}
	_, err := k.New(c, Env{})
	return errors.Join(append(errs, err)...)
}

// tuidRule is what a tsmTuid must be.
const tuidRule = "must be 1 to 64 printable characters without blanks, quotes and backslashes"

func checkName(name string) error {
	if name == "" {
		return keyError("name", "must be set: it is the device's name in the status and in the ledger")
	}
	if len(name) > maxName || strings.TrimFunc(name, nameRune) != "" {
		return keyError("name", "must be up to %d letters, digits, '.', '_' or '-'", maxName)
	}
	return nil
}

func nameRune(r rune) bool {
	return r == '.' || r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func (t Table) checkType(name string) error {
	choices := "must be one of " + strings.Join(t.Names(), ", ")
	switch {
	case name == "":
		return keyError("type", "%s", choices)
	case slices.Contains(Planned(), name):
		return keyError("type", "%q is not in this version: it %s", name, choices)
	}
	return keyError("type", "%q is not known: it %s", name, choices)
}

func checkPort(c Config) error {
	switch {
	case c.Port == "" && c.Match == nil:
		return keyError("port", "must be set, or match")
	case c.Port != "" && c.Match != nil:
		return keyError("match", "cannot be used together with port")
	case c.Match != nil:
		return c.Match.check()
	case strings.HasPrefix(c.Port, tcpScheme):
		host, port, err := net.SplitHostPort(strings.TrimPrefix(c.Port, tcpScheme))
		n, numErr := strconv.ParseUint(port, 10, 16) // Atoi takes a sign
		if err != nil || numErr != nil || host == "" || n == 0 {
			return keyError("port", "must be tcp://host:port with a port from 1 to 65535")
		}
	case !strings.HasPrefix(c.Port, "/"):
		return keyError("port", "must be a path beginning with /, such as /dev/serial/by-id/..., or tcp://host:port")
	}
	return nil
}

// checkNoPort refuses what only a port has.
func checkNoPort(c Config) error {
	var errs []error
	for _, key := range []struct {
		name string
		set  bool
	}{{"port", c.Port != ""}, {"match", c.Match != nil}, {"baud", c.Baud != 0}, {"dtr", c.DTR != nil}, {"rts", c.RTS != nil}} {
		if key.set {
			errs = append(errs, keyError(key.name, "cannot be set: a device of type %q has no serial port", c.Type))
		}
	}
	return errors.Join(errs...)
}

func checkShare(address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if _, numErr := strconv.ParseUint(port, 10, 16); err != nil || numErr != nil {
		return keyError("share", "must be host:port, such as 127.0.0.1:10110")
	}
	return nil
}

func checkNumbers(c Config) error {
	var errs []error
	if c.Baud != BaudAuto && (c.Baud < 0 || c.Baud > maxBaud || c.Baud > 0 && c.Baud < 50) {
		errs = append(errs, keyError("baud", "must be from 50 to %d", maxBaud))
	}
	if c.RateLimit != c.RateLimit || c.RateLimit < 0 || c.RateLimit > maxRate {
		errs = append(errs, keyError("rate_limit", "must be from 0 (no limit) to %d readings a second", maxRate))
	}
	if c.MaxLine != 0 && (c.MaxLine < minMaxLine || c.MaxLine > maxMaxLine) {
		errs = append(errs, keyError("max_line", "must be from %d to %d bytes", minMaxLine, maxMaxLine))
	}
	if c.ExpectEvery != "" {
		if every, err := time.ParseDuration(c.ExpectEvery); err != nil || every <= 0 || every > 366*24*time.Hour {
			errs = append(errs, keyError("expect_every", `must be a time such as "2s" or "10m", above 0`))
		}
	}
	errs = append(errs, checkLine(c)...)
	if c.Report != nil {
		errs = append(errs, c.Report.check()...)
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
	return errors.Join(errs...)
}
