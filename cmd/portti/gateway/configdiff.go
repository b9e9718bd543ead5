package gateway

import (
	"slices"

	"portti/cmd/portti/config"
)

// ConfigDiff is how the files stand to what runs.
type ConfigDiff struct {
	Same     bool          `json:"same"`
	Error    string        `json:"error"` // why the files cannot be read: every mistake with its place; empty = they can
	Settings []SettingDiff `json:"settings"`
}

// SettingDiff is a setting that is another one in the files. What is secret in a value is
// replaced by how long it is, so that the two may look the same.
type SettingDiff struct {
	Key     string `json:"key"`
	Running string `json:"running"`
	File    string `json:"file"`
	Reload  string `json:"reload"` // what a reload does about it
}

// ConfigDiff reads the files as a reload would, and changes nothing. It may be called
// from any goroutine.
func (g *Gateway) ConfigDiff() ConfigDiff { return g.configDiff((*config.Config).ShownSettings) }

// configDiff has the settings as shown gives them.
func (g *Gateway) configDiff(shown func(*config.Config) map[string]string) ConfigDiff {
	d := ConfigDiff{Settings: []SettingDiff{}}
	if g.opt.Load == nil {
		d.Same = true
		return d
	}
	files, err := g.opt.Load()
	if err != nil {
		d.Error = err.Error()
		return d
	}
	running := g.cfg.Load()
	was, wanted := shown(running), shown(files)
	list := changes(running, effective(running, files), files)
	d.Same = len(list) == 0
	for _, c := range list {
		s := SettingDiff{Key: c.key, Running: was[c.key], File: wanted[c.key], Reload: c.effect}
		if whole := c.effect == effectAdded || c.effect == effectRemoved; !whole || said(s.Running) || said(s.File) {
			d.Settings = append(d.Settings, s)
		}
	}
	return d
}

// said is whether a device's setting says anything.
func said(value string) bool { return !slices.Contains([]string{"", "0", "false", "[]"}, value) }
