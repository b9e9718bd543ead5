package config

import (
	"fmt"
	"io"
	"strings"

	"portti/device"
)

// Sample writes a commented configuration with one [[device]] for each of
// kinds, in order. It loads without a problem as it is, so the user can begin
// from something that works and change it. A kind it does not know is an
// error.
func Sample(w io.Writer, kinds []string) error {
	var b strings.Builder
	b.WriteString(sampleHead)
	all := device.Kinds()
	for i, kind := range kinds {
		k, ok := all.Named(kind)
		if !ok {
			hint := "it is " + oneOf(all.Names())
			if near := Nearest(kind, all.Names()); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return fmt.Errorf("there is no sample for a device of type %s; %s", quoteShort(kind), hint)
		}
		n, suffix := samplesOf(kinds[:i], kind), ""
		if n > 0 {
			suffix = fmt.Sprintf("-%d", n+1)
		}
		b.WriteString("\n" + strings.NewReplacer("{n}", suffix, "{port}", fmt.Sprint(i), "{share}", fmt.Sprint(10110+i), "{serial}", fmt.Sprintf("%05d", i+1)).Replace(k.Sample))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func samplesOf(all []string, one string) int {
	n := 0
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

const sampleHead = `# portti: configuration. After a change:  portti config check
# Times need a unit ("20s", "5m", "30d"), sizes too ("200MB", "64KiB").
# A line with a # in front shows the value that holds without it.
config_version = 1

[gateway]
id = "auto"                       # tsmGw of every message; "auto" = made at first start and kept
# name = "gw-kuopio-07"           # shown to people; the host's name if not set
# labels = {}                     # the operator's words, such as {site = "kuopio"}: in metrics and health messages
# report_interval = "5m"          # the gateway's own health goes to the server this often; "0s" = never

[paths]
# state = "/var/lib/portti"       # readings that wait, and what the gateway remembers
# run   = "/run/portti"           # the socket that "portti status" asks

[uplink]
url  = "wss://` + sampleHost + `/socket"
auth = "header"                   # header = Authorization: Bearer …; query = in the address; first-message;
                                  # hash; none; without this line: what the dialect documents
token_file = "/etc/portti/credentials/uplink-token"    # one line, read again when it changes
# query_name = "token"            # the token's name with auth = "query"
# engine = "websocket"            # http = each array is posted to an https:// address: docs/http.md
                                  # mqtt, nats = readings are published to a broker: docs/mqtt.md, docs/nats.md
# encoding = "thingsee"           # http: what a body is: thingsee | haltless | heimdall
# dialect = "thingsee"            # thingsee | haltless | zyeta | heimdall: docs/dialects.md
# channels = []                   # zyeta, heimdall: subscribed to
# heartbeat = "1m"                # haltless: the server's, until it is learnt; "0s" = it has none
# auth_settle = "10s"             # first-message: how long the server may look at the token
# ack = "fence"                   # a pong proves that the server read all before it; count = the server
                                  # says what it handled; none = not proven, readings can get lost
# subprotocol = ""                # offered in Sec-WebSocket-Protocol, where the server wants one
# origin = ""                     # header Origin, where the server wants one
# headers = {}                    # of your own: {"X-Site" = "7"}; config show does not show their values
# fence_hold = "30s"              # proven readings stay this long, in case the server crashed
# ca_file = ""                    # PEM of a private authority; empty = the system's
# ping_interval = "20s"
# pong_timeout = "10s"
# write_timeout = "15s"
# max_message = "64KiB"           # a larger message from the server is passed over
# batch_max_messages = 200
# batch_max_bytes = "30kB"
# order = "fifo"                  # fresh-first = after an outage new readings go at once, the backlog in between
# backlog_share = 50              # fresh-first: the backlog's part of the bytes in percent
# drain_rate = "0"                # limit for what is older than the connection, such as "20kB/s": docs/traffic.md
# compression = false             # offer the server permessage-deflate
# schedule = []                   # hours in which the link may be up: ["02:00-04:00", "mon-fri 12:00-12:30"]
# schedule_zone = ""              # such as "Europe/Helsinki"; empty = the machine's
# proxy = "environment"           # environment | none | http://host:port | https:// | socks5:// | socks5h://
# accept_commands = []            # what the server may ask for: status, flush, reconnect, log-level, reload,
                                  # report-interval, device, reboot; empty = nothing

[uplink.backoff]
# base = "1s"                     # the first wait between attempts is at most this …
# cap = "5m"                      # … doubling up to this; it never gives up

# [uplink.mqtt]                   # engine = "mqtt": docs/mqtt.md
# topic = "portti/{gw}/{tuid}/{tsmId}"
# payload = "array"               # [{…},{…}]: what one frame has for a topic; object = {…}, one reading
# username = ""                   # its password is the token
# downlink = "portti/{gw}/downlink"    # topic of commands, where accept_commands names some
# will = "portti/{gw}/status"     # says {"online":true} or false, retained; "" = nothing does
# will_delay = "30s"              # a link that is back by then is no news
# session_expiry = "0s"           # how long the broker keeps commands for a gateway that is away
# topic_aliases = 32              # topics that travel once and then as a number, where the broker allows it
# require_subscriber = false      # true = what nobody subscribes to waits here

# [uplink.nats]                   # engine = "nats": docs/nats.md
# subject = "portti.{gw}.{tuid}.{tsmId}"
# payload = "array"               # [{…}]; object = {…}
# username = ""                   # its password is the token
# downlink = "portti.{gw}.downlink"    # subject of commands, where accept_commands names some

[buffer]
# max_size = "200MB"
# max_age = "30d"
# commit_every = "1s"             # what a power cut can cost; "0s" = nothing is sent before it is on disk
# when_full = "thin"              # thin | drop-oldest | drop-newest
# min_free_disk = "100MB"         # with less free the buffer grows no more; "0MB" = off

[clock]
# hold_until_synced = "2m"        # after a start without a clock, wait this long before sending a guess
# trust_server = false            # true = believe the server's time without a second source that agrees

[log]
# level = "info"                  # debug | info | warn | error
# format = "auto"                 # auto | text | json | journal
`
