package gateway

import (
	"fmt"
	"slices"
	"strings"

	"portti/cmd/portti/config"
)

// Reloaded is what came of reading the configuration again.
type Reloaded struct {
	Applied []string `json:"applied"` // settings that hold from now on, such as buffer.max_size
	Restart []string `json:"restart"` // settings that were changed and need a restart
	Parts   []Part   `json:"parts"`   // the same by section, in words
	Trial   *Trial   `json:"trial,omitempty"`
	Error   string   `json:"error"` // why nothing was changed: every mistake with its place; empty = none
}

// Part is a section of the configuration, or a device, and what was done about it.
type Part struct {
	Section string   `json:"section"` // uplink, buffer, device ...
	Device  string   `json:"device,omitempty"`
	Did     string   `json:"did"` // added, removed, restarted, applied, or restart: it waits for one
	Keys    []string `json:"keys"`
	Text    string   `json:"text"`
}

func newReloaded(parts []Part) Reloaded {
	r := Reloaded{Applied: []string{}, Restart: []string{}, Parts: []Part{}}
	r.Parts = append(r.Parts, parts...)
	return r
}

// report says what a change did. Settings of a section that share their fate are one part.
func (c *change) report() Reloaded {
	var parts []Part
	r := newReloaded(nil)
	for _, s := range c.settings {
		if s.effect == effectAdded || s.effect == effectRemoved { // the device as a whole
			s.key = config.DeviceKey(s.device)
		}
		list := &r.Applied
		if s.effect == effectRestart {
			list = &r.Restart
		}
		if slices.Contains(*list, s.key) {
			continue
		}
		*list = append(*list, s.key)
		part := Part{Section: strings.SplitN(s.key, ".", 2)[0], Device: s.device, Did: didOf(s.effect)}
		i := slices.IndexFunc(parts, func(p Part) bool {
			return p.Section == part.Section && p.Device == part.Device && p.Did == part.Did
		})
		if i < 0 {
			parts = append(parts, part)
			i = len(parts) - 1
		}
		parts[i].Keys = append(parts[i].Keys, s.key)
	}
	for i := range parts {
		parts[i].Text = c.inWords(&parts[i])
	}
	r.Parts = append(r.Parts, parts...)
	return r
}

func didOf(effect string) string {
	switch effect {
	case effectAdded:
		return "added"
	case effectRemoved:
		return "removed"
	case effectDevice, effectLink:
		return "restarted"
	case effectRestart:
		return "restart"
	}
	return "applied"
}

func (c *change) inWords(p *Part) string {
	who, short := p.Section, make([]string, len(p.Keys))
	for i, key := range p.Keys {
		short[i] = strings.TrimPrefix(key, p.Section+".")
		if p.Device != "" {
			short[i] = strings.TrimPrefix(key, config.DeviceKey(p.Device)+".")
		}
	}
	keys := listed(short)
	if p.Device != "" {
		who = p.Device
	}
	switch {
	case p.Did == "added":
		return who + ": added"
	case p.Did == "removed":
		return who + ": removed; what was read is still delivered"
	case p.Did == "restarted" && p.Device != "":
		return fmt.Sprintf("%s: %s changed, opened again", who, keys)
	case p.Did == "restarted" && len(c.next.Uplink.Addresses()) == 0:
		return "uplink: no server is set; readings wait in the buffer"
	case p.Did == "restarted":
		return fmt.Sprintf("uplink: %s changed, connects to %s now", keys, serversOf(c.next))
	case p.Section == "metrics" && p.Did == "applied" && c.next.Metrics.Listen == "":
		return "metrics: off now"
	case p.Section == "metrics" && p.Did == "applied":
		return "metrics: served on " + c.next.Metrics.Listen + " now"
	case p.Section == "web" && slices.Equal(short, []string{"listen"}) && c.next.Web.Listen == "":
		return "web: the page is off now"
	case p.Section == "web" && slices.Equal(short, []string{"listen"}):
		return "web: the page is served on " + c.next.Web.Listen + " now"
	case p.Did == "restart":
		return fmt.Sprintf("%s: %s, which waits for a restart", who, keys)
	}
	return fmt.Sprintf("%s: %s changed", who, keys)
}

// listed is words as a person lists them.
func listed(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// serversOf are the servers as they may be shown.
func serversOf(c *config.Config) string {
	var all []string
	for _, address := range c.Uplink.Addresses() {
		all = append(all, config.MaskURL(address))
	}
	return listed(all)
}
