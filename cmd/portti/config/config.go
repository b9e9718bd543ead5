package config

import (
	"path/filepath"
	"strings"
	"time"

	"portti/device"
	"portti/uplink"
)

// DefaultPath is where the configuration is looked for when no other file is
// named.
const DefaultPath = "/etc/portti/portti.toml"

// VendorPath is what an image builder may set below the user's own file. It
// is read only together with DefaultPath.
const VendorPath = "/usr/lib/portti/portti.toml"

// ConfigVersion is the newest config_version this program understands.
const ConfigVersion = 1

// Config is the whole configuration after all layers were joined and checked.
// Load makes it; the zero value is not valid. It is not changed afterwards and
// may be read by several goroutines.
//
// Nothing in it is a secret except what the server's or the proxy's address
// may carry: print those with RedactURL.
type Config struct {
	ConfigVersion int             `toml:"config_version"`
	Gateway       Gateway         `toml:"gateway"`
	Paths         Paths           `toml:"paths"`
	Uplink        Uplink          `toml:"uplink"`
	Buffer        Buffer          `toml:"buffer"`
	Clock         Clock           `toml:"clock"`
	Log           Log             `toml:"log"`
	Metrics       Metrics         `toml:"metrics"`
	Web           Web             `toml:"web"`
	Devices       []device.Config `toml:"device"` // enabled and disabled ones, in the order first named

	// Warnings are findings that do not make the configuration invalid.
	Warnings []Fault `toml:"-"`
	// Unfit is what this machine does not grant, or what was corrected: the daemon
	// runs, but not as configured.
	Unfit []Fault `toml:"-"`
	// Files are the files that were read, in the order of reading.
	Files []string `toml:"-"`

	origins map[string]Origin // by key path, "device.gps.baud"; absent = built in
}

// Gateway says who this gateway is.
type Gateway struct {
	ID   string `toml:"id"`   // tsmGw; "auto" = made at first start and kept
	Name string `toml:"name"` // shown to people; empty = the host's name
	// Labels are the operator's own words about this gateway, such as its site. They are
	// in the metrics and in its health messages.
	Labels map[string]string `toml:"labels"`
	// ReportInterval is how often the gateway sends its own health; 0 = it says
	// nothing of itself but what was lost.
	ReportInterval Duration `toml:"report_interval"`
}

// Paths are the folders the daemon writes in.
type Paths struct {
	State string `toml:"state"` // the buffer, the gateway's id, written tokens
	Run   string `toml:"run"`   // the control socket
}

// Socket is where the daemon listens for the other verbs.
func (p Paths) Socket() string { return filepath.Join(p.Run, SocketName) }

// Uplink is the way to the server.
type Uplink struct {
	URL         string   `toml:"url"`
	URLs        []string `toml:"urls"` // instead of URL: several servers, the preferred one first
	Engine      string   `toml:"engine"`
	Encoding    string   `toml:"encoding"` // of the bodies, with engine = "http"
	Dialect     string   `toml:"dialect"`
	Auth        string   `toml:"auth"`
	QueryName   string   `toml:"query_name"` // of the token, with auth = "query"
	TokenFile   string   `toml:"token_file"`
	Credential  string   `toml:"credential"`  // a systemd credential instead of TokenFile
	HashAs      string   `toml:"hash_as"`     // what a fragment in the URL means
	Channels    []string `toml:"channels"`    // subscribed to where the dialect has channels
	AuthSettle  Duration `toml:"auth_settle"` // with auth = "first-message": so long the server may look at the token
	Subprotocol string   `toml:"subprotocol"` // offered to the server; empty = none
	Origin      string   `toml:"origin"`      // header Origin; empty = none
	Heartbeat   Duration `toml:"heartbeat"`   // of a haltless server until it is learnt; 0 = it has none
	Ack         string   `toml:"ack"`
	AckFallback string   `toml:"ack_fallback"` // instead of "envelope" where the server does not know it

	FenceHold    Duration `toml:"fence_hold"`
	CAFile       string   `toml:"ca_file"` // PEM; empty = the system's
	PingInterval Duration `toml:"ping_interval"`
	PongTimeout  Duration `toml:"pong_timeout"`
	WriteTimeout Duration `toml:"write_timeout"`
	MaxMessage   Size     `toml:"max_message"` // from the server

	BatchMaxMessages int  `toml:"batch_max_messages"`
	BatchMaxBytes    Size `toml:"batch_max_bytes"`

	Order        string   `toml:"order"`         // fifo | fresh-first
	BacklogShare int      `toml:"backlog_share"` // with fresh-first: of the bytes, in percent
	DrainRate    Rate     `toml:"drain_rate"`    // of what is older than the connection; 0 = any
	Compression  bool     `toml:"compression"`
	Schedule     []string `toml:"schedule"`      // hours in which the link may be up; empty = always
	ScheduleZone string   `toml:"schedule_zone"` // empty = the machine's

	// Insecure says that sending a token over ws:// is meant: it silences the
	// warning. Certificates are verified whatever it says.
	Insecure bool    `toml:"insecure"`
	Proxy    string  `toml:"proxy"` // environment | none | http://… | https://… | socks5://… | socks5h://…
	Backoff  Backoff `toml:"backoff"`

	TokenSource string   `toml:"token_source"` // file | oauth | jwt | login
	ClientCert  string   `toml:"client_cert"`  // PEM, shown to servers that ask for one
	ClientKey   string   `toml:"client_key"`
	Pins        []string `toml:"pins"` // "sha256/…" of public keys; empty = any
	// Headers are added to the upgrade request. Their values may be secret.
	Headers map[string]string `toml:"headers"`

	MQTT MQTT `toml:"mqtt"` // with engine = "mqtt"
	NATS NATS `toml:"nats"` // with engine = "nats"

	OAuth OAuth `toml:"oauth"`
	JWT   JWT   `toml:"jwt"`
	Login Login `toml:"login"`

	// AcceptCommands names what the server may ask of this gateway; see
	// CommandNames. Empty = nothing: its messages are counted and ignored.
	AcceptCommands []string `toml:"accept_commands"`
}

// Addresses are the servers, the preferred one first; none where no server is set yet.
func (u Uplink) Addresses() []string {
	if len(u.URLs) == 0 && u.URL != "" {
		return []string{u.URL}
	}
	return u.URLs
}

// Server is Addresses as they may be shown.
func (u Uplink) Server() string {
	var shown []string
	for _, address := range u.Addresses() {
		shown = append(shown, RedactURL(address))
	}
	return strings.Join(shown, ", ")
}

// Backoff bounds the waits between attempts to connect.
type Backoff struct {
	Base Duration `toml:"base"`
	Cap  Duration `toml:"cap"`
}

// Buffer bounds what is kept on disk.
type Buffer struct {
	MaxSize     Size     `toml:"max_size"`
	MaxAge      Duration `toml:"max_age"`
	CommitEvery Duration `toml:"commit_every"` // 0 = strict: nothing is accepted before its fsync
	WhenFull    string   `toml:"when_full"`
	MinFreeDisk Size     `toml:"min_free_disk"` // with less free on its file system the buffer grows no more; 0 = off
}

// MinBuffer is the smallest MaxSize with which the buffer works.
const MinBuffer Size = 1 << 20

// Limit is MaxSize as the buffer gets it.
func (b Buffer) Limit() int64 { return int64(max(b.MaxSize, MinBuffer)) }

// Clock says how long readings wait for a clock that can be trusted, and what
// is.
type Clock struct {
	HoldUntilSynced Duration `toml:"hold_until_synced"`
	TrustServer     bool     `toml:"trust_server"` // the server's time needs no second source
}

// Log says what the daemon writes about itself and how.
type Log struct {
	Level  string `toml:"level"`  // debug | info | warn | error
	Format string `toml:"format"` // auto | text | json | journal
}

// Metrics says where GET /metrics is answered; "" = nowhere.
type Metrics struct {
	Listen string `toml:"listen"`
}

// Web says where the local page is served; "" = nowhere. On another address than loopback
// it is served over HTTPS.
type Web struct {
	Listen string   `toml:"listen"`
	Names  []string `toml:"names"` // by which browsers may ask for it too, besides the machine's own
}

// Defaults is the configuration before any file is read. It lacks the server's
// address and devices: a gateway with it runs, and has nothing to do.
func Defaults() *Config {
	return &Config{
		ConfigVersion: ConfigVersion,
		Gateway:       Gateway{Labels: map[string]string{}, ID: "auto", ReportInterval: Duration(5 * time.Minute)},
		Paths:         Paths{State: "/var/lib/portti", Run: "/run/portti"},
		Uplink: Uplink{
			Engine:           uplink.EngineWebSocket,
			Encoding:         EncodingThingsee,
			Dialect:          "thingsee",
			Auth:             "header", // unless the dialect documents another way
			QueryName:        "token",
			HashAs:           "reject",
			Channels:         []string{},
			Headers:          map[string]string{},
			AuthSettle:       Duration(10 * time.Second),
			Heartbeat:        Duration(time.Minute),
			Ack:              "fence",
			FenceHold:        Duration(30 * time.Second),
			PingInterval:     Duration(20 * time.Second),
			PongTimeout:      Duration(10 * time.Second),
			WriteTimeout:     Duration(15 * time.Second),
			MaxMessage:       64 << 10,
			BatchMaxMessages: 200,
			BatchMaxBytes:    30_000,
			Order:            uplink.OrderFIFO,
			BacklogShare:     50,
			Schedule:         []string{},
			Proxy:            "environment",
			TokenSource:      TokenFromFile,
			Pins:             []string{},
			MQTT: MQTT{
				Topic: uplink.DefaultTopic(uplink.EngineMQTT), Payload: uplink.PayloadArray, Downlink: "portti/{gw}/downlink",
				Will: "portti/{gw}/status", WillDelay: Duration(30 * time.Second), TopicAliases: 32,
			},
			NATS:           NATS{Subject: uplink.DefaultTopic(uplink.EngineNATS), Payload: uplink.PayloadArray, Downlink: "portti.{gw}.downlink"},
			OAuth:          OAuth{Grant: uplink.GrantClient, ClientAuth: "header", Scopes: []string{}},
			JWT:            JWT{Alg: uplink.AlgES256},
			Backoff:        Backoff{Base: Duration(time.Second), Cap: Duration(5 * time.Minute)},
			AcceptCommands: []string{},
			URLs:           []string{},
		},
		Buffer: Buffer{
			MaxSize:     200_000_000,
			MaxAge:      Duration(30 * 24 * time.Hour),
			CommitEvery: Duration(time.Second),
			WhenFull:    "thin",
			MinFreeDisk: 100_000_000,
		},
		Clock:   Clock{HoldUntilSynced: Duration(2 * time.Minute)},
		Log:     Log{Level: "info", Format: "auto"},
		Metrics: Metrics{Listen: "127.0.0.1:9470"},
		Web:     Web{Listen: "127.0.0.1:8470", Names: []string{}},
	}
}

// ActiveDevices are the devices that are not switched off with enabled = false.
func (c *Config) ActiveDevices() []device.Config {
	var on []device.Config
	for _, d := range c.Devices {
		if d.Enabled == nil || *d.Enabled {
			on = append(on, d)
		}
	}
	return on
}

// BufferFolder is the buffer's folder in a state folder, one for each format: what
// another version left in its own is not touched.
const BufferFolder = "buffer.v2"

// BufferDir is where the buffer of a state folder lies.
func (p Paths) BufferDir() string { return filepath.Join(p.State, BufferFolder) }

// The control sockets' names in the folder [paths] run: for the service's group, and
// for everybody who wants to know how the gateway is.
const (
	SocketName       = "portti.sock"
	StatusSocketName = "status.sock"
)
