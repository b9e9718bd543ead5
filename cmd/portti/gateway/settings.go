package gateway

import (
	"maps"
	"slices"
	"strings"

	"portti/cmd/portti/config"
	"portti/uplink"
)

// effective is what holds of a configuration while the gateway goes on: the folders and
// the identity are those of its start, and so is whether the buffer waits with its
// commits, and whether it holds what was acknowledged.
func effective(running, files *config.Config) *config.Config {
	c := *files
	c.Paths, c.Gateway.ID = running.Paths, running.Gateway.ID
	if (holdOf(running) == 0) != (holdOf(files) == 0) || (running.Uplink.Ack == uplink.AckNone) != (files.Uplink.Ack == uplink.AckNone) {
		c.Uplink.Ack, c.Uplink.AckFallback, c.Uplink.FenceHold = running.Uplink.Ack, running.Uplink.AckFallback, running.Uplink.FenceHold
	}
	if (running.Buffer.CommitEvery == 0) != (files.Buffer.CommitEvery == 0) {
		c.Buffer.CommitEvery = running.Buffer.CommitEvery
	}
	return &c
}

// What a reload does about a setting.
const (
	effectNow     = "holds at once"
	effectAdded   = "device is added"
	effectRemoved = "device is removed"
	effectDevice  = "device is opened again"
	effectLink    = "link is made anew"
	effectRestart = "holds after a restart"
)

// settingChange is a setting that is another in the files than in what runs.
type settingChange struct {
	key    string
	effect string
	device string // whose it is, "" = none's
}

// changes compares what runs with the files, sorted by key; next is effective of the two.
func changes(running, next, files *config.Config) []settingChange {
	was, will, wanted := running.Settings(), next.Settings(), files.Settings()
	before, after := names(running), names(next)
	all := maps.Clone(was)
	maps.Copy(all, wanted)
	var list []settingChange
	for _, key := range slices.Sorted(maps.Keys(all)) {
		old, had := was[key]
		text, has := wanted[key]
		if old == text && had == has {
			continue
		}
		c := settingChange{key: key, device: deviceOf(key, running, next), effect: effectNow}
		switch {
		case wanted[key] != will[key]:
			c.effect = effectRestart
		case c.device != "" && !before[c.device] && after[c.device]:
			c.effect = effectAdded
		case c.device != "" && before[c.device] && !after[c.device]:
			c.effect = effectRemoved
		case c.device != "" && before[c.device]:
			c.effect = effectDevice
		case ofLink(key, next):
			c.effect = effectLink
		}
		list = append(list, c)
	}
	return list
}

// ofLink says whether a link is made of a setting.
func ofLink(key string, c *config.Config) bool {
	switch key {
	case "uplink.drain_rate", "uplink.accept_commands":
		return false
	case "buffer.commit_every":
		return c.Uplink.Ack == uplink.AckNone
	}
	return strings.HasPrefix(key, "uplink.")
}

func names(c *config.Config) map[string]bool {
	all := map[string]bool{}
	for _, d := range c.ActiveDevices() {
		all[d.Name] = true
	}
	return all
}

// deviceOf is the device that a setting belongs to.
func deviceOf(key string, cfgs ...*config.Config) string {
	for _, c := range cfgs {
		for _, d := range c.Devices {
			if strings.HasPrefix(key, config.DeviceKey(d.Name)+".") {
				return d.Name
			}
		}
	}
	return ""
}
