package config

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// ShowOutside writes the configuration for others than its owner, with origins: numbers
// and switches, and of texts those whose setting is known never to be a secret. Of each
// other one it says how long it is, so that a setting is hidden until somebody has
// looked at it.
func (c *Config) ShowOutside(w io.Writer) error {
	_, err := io.WriteString(w, c.text(&printer{c: c, origins: true, show: c.outside}))
	return err
}

// Table is a table of the configuration, with its settings as they stand in a file.
type Table struct {
	Header   string // [uplink], [[device]]; empty = they stand before the first
	Settings []Setting
}

// Setting is one of a Table.
type Setting struct {
	Name, Value string
	Origin      Origin
}

// TablesOutside is what ShowOutside writes, table by table.
func (c *Config) TablesOutside() []Table {
	p := &printer{c: c, show: c.outside}
	c.text(p)
	return p.tables
}

// SettingsOutside gives every setting by its path, as ShowOutside writes it.
func (c *Config) SettingsOutside() map[string]string { return c.settings(c.outside) }

func (c *Config) outside(key string, v any, secret bool) any {
	v = shown(key, v, secret)
	if c.open(key) {
		return v
	}
	switch v := v.(type) {
	case string:
		if v == "" {
			return v
		}
		return fmt.Sprintf("[%d characters]", len(v))
	case []any:
		for i := range v {
			v[i] = c.outside(key, v[i], secret)
		}
	}
	return v
}

// open says whether a text of this setting may be seen outside, other than what shown
// replaces in it.
func (c *Config) open(key string) bool {
	for _, d := range c.Devices {
		if rest, ok := strings.CutPrefix(key, DeviceKey(d.Name)+"."); ok {
			return openKey("device." + rest)
		}
	}
	return openKey(key)
}

// openKey is open of a setting in the form that openTexts has.
func openKey(key string) bool {
	return slices.ContainsFunc(openTexts(), func(line string) bool {
		table, names, _ := strings.Cut(line, ": ")
		rest, ok := strings.CutPrefix(key, table+".")
		if !ok {
			return false
		}
		if names == "*" {
			return true
		}
		if strings.HasPrefix(names, "*.") { // a table of tables, such as fences by name
			rest, names = lastOf(rest), names[2:]
		}
		return slices.Contains(strings.Fields(names), rest)
	})
}

// openTexts are the settings whose texts may be seen outside, by their tables. Those of a
// device are of all types.
func openTexts() []string {
	return []string{
		"gateway: id name report_interval",
		"gateway.labels: *", "paths: state run",
		"uplink: url urls engine encoding dialect auth query_name token_file credential hash_as channels auth_settle origin heartbeat ack ack_fallback fence_hold ca_file ping_interval pong_timeout write_timeout max_message batch_max_bytes order drain_rate schedule schedule_zone proxy token_source client_cert client_key pins accept_commands",
		"uplink.backoff: base cap",
		"uplink.mqtt: topic payload username downlink will will_delay session_expiry", "uplink.nats: subject payload username downlink",
		"uplink.oauth: grant token_url device_url client_id client_secret_file client_secret_credential client_auth scopes audience refresh_token_file",
		"uplink.jwt: alg audience",
		"uplink.login: url email password_file",
		"buffer: max_size max_age commit_every when_full min_free_disk",
		"clock: hold_until_synced",
		"log: level format",
		"metrics: listen",
		"web: listen names",
		"device: name type port baud parity rts_level rts_before rts_after id expect_every share",
		"device.match: vid pid serial interface",
		"device: adapter scan dialect prefix terminator tag_interval checksum device file timeout",
		"device: id_field time_field extra hex assign columns separator",
		"device: detail min_interval max_interval fallback_for clock_out vessel_interval static_interval nodes_file",
		"device: poll poll_every frame start end length_type checksum_order checksum_mark",
		"device.field: *.label unit type",
		"device.setup: constellations messages",
		"device.report: at_least at_most every value",
		"device.fence: *.dwell",
		"device.unit: *.id map every",
		"device.register: *.unit table type word_order byte_order field",
		"device.map: *", "device.units: *", "device.tags: *", "device.nodes: *",
	}
}
