package gateway

import (
	"slices"

	"portti/cmd/portti/config"
	"portti/cmd/portti/web"
)

// settings are the configuration as the local page shows it: by which the gateway runs,
// and what the files say otherwise. Of texts those alone are shown whose setting is known
// never to be a secret.
func (g *Gateway) settings() web.Settings {
	c, clean := g.cfg.Load(), g.scrub.cleaner()
	s := web.Settings{File: config.DefaultPath}
	if own := slices.DeleteFunc(slices.Clone(c.Files), func(f string) bool { return f == config.VendorPath }); len(own) > 0 {
		s.File = own[0]
	}
	for _, t := range c.TablesOutside() {
		table := web.SettingsTable{Header: t.Header}
		for _, set := range t.Settings {
			origin := ""
			if set.Origin != (config.Origin{}) {
				origin = set.Origin.String()
			}
			table.Settings = append(table.Settings, web.Setting{Name: set.Name, Value: clean(set.Value), Origin: origin})
		}
		s.Tables = append(s.Tables, table)
	}
	d := g.configDiff((*config.Config).SettingsOutside)
	s.Same, s.Error = d.Same, clean(d.Error)
	for _, c := range d.Settings {
		s.Changes = append(s.Changes, web.SettingChange{Key: c.Key, Running: clean(c.Running), File: clean(c.File), Reload: c.Reload})
	}
	return s
}
