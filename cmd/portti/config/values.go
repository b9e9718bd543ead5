package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time in the configuration: "250ms", "20s", "5m",
// "12h", "30d", or several of them in a row such as "1h30m". A unit is always
// needed, also with zero.
type Duration time.Duration

// D is d as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// unit is one suffix of a quantity and what it is worth.
type unit struct {
	name  string
	worth int64
}

func timeUnits() []unit {
	return []unit{
		{"d", int64(24 * time.Hour)}, {"h", int64(time.Hour)}, {"m", int64(time.Minute)},
		{"s", int64(time.Second)}, {"ms", int64(time.Millisecond)}, {"us", int64(time.Microsecond)}, {"ns", 1},
	}
}

func sizeUnits() []unit {
	return []unit{
		{"TB", 1e12}, {"TiB", 1 << 40}, {"GB", 1e9}, {"GiB", 1 << 30}, {"MB", 1e6}, {"MiB", 1 << 20},
		{"kB", 1e3}, {"KB", 1e3}, {"KiB", 1 << 10}, {"kiB", 1 << 10}, {"B", 1},
	}
}

// UnmarshalText reads one duration. The error is a clause that fits behind the
// name of a key.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := quantity(string(text), timeUnits(), true)
	if err != nil {
		return fmt.Errorf("must be a duration such as \"20s\", \"5m\" or \"30d\", %w", err)
	}
	*d = Duration(v)
	return nil
}

// String gives d with the largest unit that needs no fraction.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	return inUnits(int64(d), timeUnits())
}

// MarshalText is String, so that JSON and TOML show what can be read again.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Size is a number of bytes in the configuration: "30000B", "200MB" (10^6) or
// "64KiB" (2^10). A unit is always needed.
type Size int64

// UnmarshalText reads one size. The error is a clause that fits behind the
// name of a key.
func (s *Size) UnmarshalText(text []byte) error {
	v, err := quantity(string(text), sizeUnits(), false)
	if err != nil {
		return fmt.Errorf("must be a size such as \"200MB\" or \"64KiB\", %w", err)
	}
	*s = Size(v)
	return nil
}

// String gives s with the largest unit that needs no fraction.
func (s Size) String() string {
	if s == 0 {
		return "0B"
	}
	return inUnits(int64(s), sizeUnits())
}

// MarshalText is String, so that JSON and TOML show what can be read again.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func inUnits(v int64, units []unit) string {
	for _, u := range units {
		if v%u.worth == 0 {
			return strconv.FormatInt(v/u.worth, 10) + u.name
		}
	}
	return strconv.FormatInt(v, 10)
}

var errTooLarge = errors.New("and this is too large")

// quantity reads a number with its unit, or where several is set a row of
// them. The number may have a decimal point.
func quantity(text string, units []unit, several bool) (int64, error) {
	rest, total := strings.TrimSpace(text), int64(0)
	if rest == "" {
		return 0, errors.New("not empty")
	}
	for parts := 0; rest != ""; parts++ {
		if parts > 0 && !several {
			return 0, fmt.Errorf("found %s", quoteShort(text))
		}
		number := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789."))]
		rest = strings.TrimLeft(rest[len(number):], " ")
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))]
		rest = strings.TrimLeft(rest[len(name):], " ")
		if number == "" {
			return 0, fmt.Errorf("found %s", quoteShort(text))
		}
		if name == "" {
			return 0, errors.New("and the unit is missing")
		}
		v, err := oneQuantity(number, name, units)
		if err != nil {
			return 0, err
		}
		if total > math.MaxInt64-v {
			return 0, errTooLarge
		}
		total += v
	}
	return total, nil
}

// oneQuantity multiplies whole and decimal part apart, so that whole numbers
// are exact.
func oneQuantity(number, name string, units []unit) (int64, error) {
	worth := int64(0)
	for _, u := range units {
		if u.name == name {
			worth = u.worth
		}
	}
	if worth == 0 {
		return 0, fmt.Errorf("and %s is not one of its units", quoteShort(name))
	}
	whole, fraction, _ := strings.Cut(number, ".")
	if whole == "" {
		whole = "0"
	}
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || v > math.MaxInt64/worth {
		return 0, errTooLarge
	}
	f, err := strconv.ParseFloat("0."+fraction+"0", 64)
	if err != nil {
		return 0, fmt.Errorf("found %s", quoteShort(number))
	}
	v, part := v*worth, int64(math.Round(f*float64(worth)))
	if v > math.MaxInt64-part {
		return 0, errTooLarge
	}
	return v + part, nil
}
