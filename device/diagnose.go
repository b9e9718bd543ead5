package device

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// sampleSize is how many of the last bytes are looked at when nothing decodes:
// some frames of any of the formats.
const sampleSize = 512

// diagnosis is what bytes of which nothing decodes seem to be.
type diagnosis struct {
	code   string // of the problem catalogue
	found  string // what arrives, for its sentence
	remedy string // what to do about it
}

// diagnose looks at a sample of what arrives on a device of a kind. onlyUnknown says
// that the driver took all of it for well formed and not for it.
func diagnose(kinds Table, b []byte, kind Kind, baud int, onlyUnknown bool) diagnosis {
	if name, remedy := recogniseOther(kinds, b, kind.Name); name != "" {
		return diagnosis{CodeUnknown, name, remedy}
	}
	switch s := speedOf(b); {
	case s < 0:
		return diagnosis{CodeWrongBaud, "a lower", trySpeeds(baud, true)}
	case s > 0:
		return diagnosis{CodeWrongBaud, "a higher", trySpeeds(baud, false)}
	case onlyUnknown:
		return diagnosis{CodeUnknown, "text of another kind", checkType}
	case printable(b) < mostlyText:
		return diagnosis{CodeUnknown, "a binary format that is not known here", checkType}
	}
	return diagnosis{code: CodeGarbage}
}

const checkType = "Correct type of this [[device]] to what the device sends, then: `sudo portti reload`"

// recogniseOther names what is recognised and is not of this kind.
func recogniseOther(kinds Table, b []byte, own string) (name, remedy string) {
	for _, f := range formats() {
		if f.in(b) {
			if name = f.name; f.name == formatUBX && own == "gps" {
				name += " without values that can be used" // else it would have been read
			}
			return name, f.remedy(own)
		}
	}
	for _, k := range kinds {
		if k.Name == own || k.Recognise == nil {
			continue
		}
		if name, share := k.Recognise(b); share > 0.6 {
			return name, fmt.Sprintf("Set type = %q in this [[device]], then: `sudo portti reload`", k.Name)
		}
	}
	return "", ""
}

// mostlyText is how much of a text is characters that print, or ends of line.
const mostlyText = 0.95

func printable(b []byte) float64 {
	n := 0
	for _, c := range b {
		if c >= ' ' && c < 0x7f || c == '\r' || c == '\n' || c == '\t' {
			n++
		}
	}
	return float64(n) / float64(max(len(b), 1))
}

// speedOf says by the share of bit changes whether what was sent at another speed
// was sent at a lower one (-1) or a higher one (+1); 0 = the bytes do not say so.
//
// Sent at half the speed or less, each bit is seen as two or more: bits change
// rarely, none stands alone between two changes, and only sixteen bytes can come up.
// Sparse frames of small numbers change as rarely, but hold ones that stand alone.
// Sent at a higher speed, several bits are seen as one, by chance: bits change as
// often as not, as in a compressed or encrypted format, but of all bytes that there
// are only a part comes up, since text has few. Lines of NMEA and JSON, random and
// sparse frames were played at 1/12 to 12 times the speed: text gave 0.00 to 0.35
// with no lone bits from 2 times on, and 0.40 to 0.73 with 0.1 to 0.5 of the bytes
// that chance would give, from 2/3 of the speed on; random bytes gave all of them.
func speedOf(b []byte) int {
	changes, lone, ones, seen := 0, 0, 0, [256]bool{}
	distinct := 0
	for _, c := range b {
		wire := uint(c)<<2 | 1              // idle, start bit, data
		changed := (wire ^ wire>>1) & 0x1ff // bit i: it differs from the next
		changes += bits.OnesCount(changed &^ 3)
		if changed&(changed>>1) != 0 { // a bit between two changes
			lone++
		}
		if c == 0xff {
			ones++
		}
		if !seen[c] {
			seen[c] = true
			distinct++
		}
	}
	n := float64(len(b))
	share := float64(changes) / (7 * n)
	expected := 256 * (1 - math.Pow(1-1.0/256, n)) // of bytes at random
	switch {
	case len(b) == 0, printable(b) >= mostlyText:
		return 0
	case float64(ones) > 0.9*n: // a whole character is within a start bit
		return 1
	case share < 0.38 && float64(lone) < 0.05*n && distinct < 24:
		return -1
	case share > 0.38 && float64(distinct) < 0.6*expected:
		return 1
	}
	return 0
}

// trySpeeds advises on the usual speeds next to one, the nearest first.
func trySpeeds(baud int, lower bool) string {
	usual := []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}
	if lower {
		slices.Reverse(usual)
	}
	var next []string
	for _, s := range usual {
		if (s < baud) == lower && s != baud && len(next) < 4 {
			next = append(next, fmt.Sprint(s))
		}
	}
	if baud == 0 || len(next) == 0 {
		return "Set the speed that the device's manual says"
	}
	return "Try baud = " + strings.Join(next, ", then ") + " in this [[device]], then: `sudo portti reload`"
}
