package redact

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Names are those that Private replaces wherever they stand, besides what is found by its
// shape: Bluetooth addresses, tsmTuids, MMSIs, IP and mail addresses, and hosts in URLs.
type Names struct {
	Things []string // of devices, tags and gateways
	Hosts  []string
}

// private replaces names by pseudonyms, which are the same for the same name in all texts
// of one Scrubber, and rounds positions to a tenth of a degree.
type private struct {
	hosts, things []string // longest first

	mu    sync.Mutex
	given map[string]string // kind and name: pseudonym
	last  map[string]int    // number given, by kind
}

func newPrivate(n Names) *private {
	return &private{hosts: usable(n.Hosts), things: usable(n.Things), given: map[string]string{}, last: map[string]int{}}
}

// usable are the names that stand for something, longest first.
func usable(names []string) []string {
	names = slices.Clone(names)
	sort.Slice(names, func(i, j int) bool {
		a, b := names[i], names[j]
		return len(a) > len(b) || len(a) == len(b) && a < b
	})
	return slices.DeleteFunc(slices.Compact(names), func(s string) bool {
		return len(s) < 3 || s == "localhost" || s == "portti" || strings.HasPrefix(s, "127.") || s == "auto"
	})
}

// as is the pseudonym of a name. Case does not count.
func (p *private) as(kind, name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := kind + " " + strings.ToLower(name)
	if p.given[key] == "" {
		p.last[kind]++
		p.given[key] = fmt.Sprintf("%s-%d", kind, p.last[kind])
	}
	return p.given[key]
}

var (
	macAddress  = regexp.MustCompile(`(?i)\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b`)
	tuid        = regexp.MustCompile(`\b[A-Z0-9]{17}\b`)
	mmsiNamed   = regexp.MustCompile(`(?i)((?:mmsi|vessel|ship)s?\W{1,4})([0-9]{9})\b`)
	mmsiQuoted  = regexp.MustCompile(`(")([2-7][0-9]{8})"`)
	mail        = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)
	urlHost     = regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]*://)([^\s/:"'<>?#\\\[\]@]+)`)
	ipCandidate = regexp.MustCompile(`[0-9A-Fa-f]*[:.][0-9A-Fa-f:.]+`)
	decimals    = regexp.MustCompile(`[+-]?\b[0-9]{1,3}\.[0-9]{3,}`)
	degrees     = regexp.MustCompile(`(?i)(\b(?:lat|lon|lng|latitude|longitude)\\*["']?\s*[=:]\s*\\*["']?)([+-]?[0-9]{1,3}\.[0-9]+)`)
	sexagesimal = regexp.MustCompile(`\b[0-9]{1,3}° ?[0-9.]+[′'](?: ?[0-9.]+(?:″|\\*"|''))?(?: ?[NSEW]\b)?|\b[NSEW] ?[0-9]{1,3}[ °]+[0-9]{1,2}\.[0-9]+\b`)
	aisPayload  = regexp.MustCompile(`(!(?:AI|AB|BS)VD[MO],[0-9]*,[0-9]*,[0-9]*,[AB]?,)([^,\s"]+)`)
	serialNamed = regexp.MustCompile(`(?i)(\bserial\s*[:=]\s*)([0-9a-z]{6,})\b`)
	serialPath  = regexp.MustCompile(`(\busb-[^\s"/]*_)([0-9A-Za-z]{6,})(?:-if[0-9a-f]{2}|-port[0-9])`)
	macName     = regexp.MustCompile(`(\b(?:enx|wlx))([0-9a-f]{12})\b`)
	minutes     = regexp.MustCompile(`\b[0-9]{4,5}\.[0-9]+(,[NSEW]\b)`)
)

// mask replaces what Private replaces.
func (p *private) mask(text []byte, counts Counts) []byte {
	replace := func(kind string, re *regexp.Regexp, group int, with func(string) string) {
		text = replaceGroup(text, re, group, func(found string) string {
			name := with(found)
			if name != found {
				counts[kind]++
			}
			return name
		})
	}
	for _, h := range p.hosts {
		replace("host", word(h), 1, func(string) string { return p.as("host", h) })
	}
	for _, n := range p.things {
		replace("device", word(n), 1, func(string) string { return p.as("device", n) })
	}
	replace("mail address", mail, 0, func(s string) string { return p.as("mail", s) })
	replace("host", urlHost, 2, func(s string) string {
		if strings.HasPrefix(s, "host-") || s == "localhost" || address(s) {
			return s
		}
		return p.as("host", s)
	})
	replace("Bluetooth or network address", macAddress, 0, func(s string) string {
		return p.as("mac", strings.ReplaceAll(s, "-", ":"))
	})
	replace("device", tuid, 0, func(s string) string {
		if !strings.ContainsAny(s, "0123456789") || !strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			return s
		}
		return p.as("device", s)
	})
	replace("vessel", mmsiQuoted, 2, func(s string) string { return p.as("vessel", s) })
	replace("vessel", mmsiNamed, 2, func(s string) string { return strings.TrimPrefix(p.as("vessel", s), "vessel-") })
	replace("IP address", ipCandidate, 0, p.ip)
	replace("device", serialNamed, 2, func(s string) string {
		if !strings.ContainsAny(s, "0123456789") { // a word
			return s
		}
		return p.as("serial", s)
	})
	replace("device", serialPath, 2, func(s string) string { return p.as("serial", s) })
	replace("Bluetooth or network address", macName, 2, func(s string) string {
		b, _ := hex.DecodeString(s)
		return p.as("mac", net.HardwareAddr(b).String())
	})
	replace("position", aisPayload, 2, func(string) string { return "[position]" })
	replace("position", sexagesimal, 0, func(string) string { return "[position]" })
	replace("position", minutes, 0, func(s string) string { return "[position]" + s[len(s)-2:] })
	replace("position", degrees, 2, tenth)
	replace("position", decimals, 0, tenth)
	return text
}

func address(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// ip masks an address that others could tell this network by.
func (p *private) ip(s string) string {
	trimmed := strings.TrimRight(s, ".:")
	if strings.HasSuffix(s, "::") {
		trimmed = s
	}
	a, port := trimmed, ""
	addr, err := netip.ParseAddr(a)
	if err != nil {
		if i := strings.LastIndexByte(a, ':'); i > 0 {
			a, port = a[:i], a[i:]
			addr, err = netip.ParseAddr(a)
		}
	}
	if err != nil || addr.IsLoopback() || addr.IsUnspecified() || strings.HasPrefix(a, "255.") {
		return s
	}
	return p.as("ip", addr.String()) + port + s[len(trimmed):]
}

// tenth rounds degrees to one decimal.
func tenth(s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v > 180 || v < -180 {
		return s
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// word finds a name where it is not part of a longer one.
func word(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9])(` + regexp.QuoteMeta(name) + `)`)
}

// replaceGroup replaces one group of each match.
func replaceGroup(text []byte, re *regexp.Regexp, group int, with func(string) string) []byte {
	all := re.FindAllSubmatchIndex(text, -1)
	if all == nil {
		return text
	}
	var out bytes.Buffer
	done := 0
	for _, at := range all {
		from, to := at[2*group], at[2*group+1]
		out.Write(text[done:from])
		out.WriteString(with(string(text[from:to])))
		done = to
	}
	out.Write(text[done:])
	return out.Bytes()
}
