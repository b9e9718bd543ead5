package uplink

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// The acknowledgement modes, Options.Ack.
const (
	AckFence = "fence" // a pong proves that the server's endpoint read everything before its ping
	AckCount = "count" // the server sends {"ack":n} after handling its n-th message
	AckNone  = "none"  // written is taken for delivered: delivery is not proven

	AckEnvelope = "envelope" // batches carry record numbers, the server says up to which it has stored

	AckAnswer = "answer" // all engines but EngineWebSocket, and no other: what answers each request or publish
)

// Options configure a Link. The zero value of a field means its default.
type Options struct {
	Engine   string   // EngineWebSocket (default), EngineHTTP, EngineMQTT or EngineNATS
	URL      string   // ws:// or wss://, with EngineHTTP http:// or https://; without TLS only to this machine unless Insecure; neither URL nor URLs: there is no server yet
	URLs     []string // instead of URL: several servers, the preferred one first
	Insecure bool     // allow ws:// to other machines
	Dialect  string   // DialectThingsee (default), DialectHaltless, DialectZyeta or DialectHeimdall

	Encode func(recs [][]byte) Encoded // EngineHTTP: what is posted instead of the array; called by one goroutine at a time, and the records are good during the call only

	Topic   string // EngineMQTT and EngineNATS: where a record is published, see CheckTopic; default as of DefaultTopic
	Payload string // EngineMQTT and EngineNATS: PayloadArray (default) or PayloadObject
	MQTT    MQTT   // EngineMQTT
	NATS    NATS   // EngineNATS

	Channels   []string      // DialectZyeta and DialectHeimdall: subscribed to
	AuthSettle time.Duration // with AuthFirstMessage and no message of the application: nothing is sent earlier; default 10 s
	Heartbeat  time.Duration // DialectHaltless: between the server's heartbeats until that is learnt, default 60 s; negative: it has none

	Auth      string      // AuthHeader, AuthQuery, AuthFirstMessage, AuthHash or AuthNone; default: what the dialect documents
	QueryName string      // parameter of AuthQuery, default "token"
	HashAs    string      // what a fragment in URL means: bearer, query:<name>, path, header:<Name>
	Token     TokenSource // needed by AuthHeader and AuthQuery

	// What some servers want of the request in addition: a subprotocol (RFC 6455, 1.9), an Origin, headers of
	// their own. The subprotocol is offered; a server that chooses none is taken all the same.
	Subprotocol string
	Origin      string
	Headers     map[string]string

	Ack      string        // AckFence (default), AckCount, AckEnvelope or AckNone; AckAnswer with every other engine
	AckDelay time.Duration // AckNone only: how old a written record is before it is released (commit_every)

	// Hold is for how long the queue keeps what a fence has proven (fence_hold). What a server
	// refuses within it is not delivered: after that a pong counts only on a connection that has
	// lasted as long. 0: it counts at once.
	Hold time.Duration

	AckFallback string // instead of AckEnvelope where the server does not know it; "": it must
	Gateway     string // who sends; needed by AckEnvelope
	Start       string // of this process: 16 hexadecimal digits, made anew at each start. Goes with Gateway in headers of the upgrade, see headerStart; "": they do not go

	CAFile string // PEM file whose certificates alone are trusted; "" = the system's. Read at every dial.
	// ClientCert and ClientKey are PEM files of a certificate that the gateway shows to servers that ask
	// for one, read at every dial. Pins are "sha256/..." of public keys, one of which must be in the
	// server's verified chain; none: any key will do.
	ClientCert, ClientKey string
	Pins                  []string
	Proxy                 string // "environment" (default), "none", or an http://, https://, socks5:// or socks5h:// URL

	PhaseTimeout time.Duration // limit of each of name and TCP, TLS, upgrade; default 10 s
	PingInterval time.Duration // on a quiet link; default 20 s
	PongTimeout  time.Duration // at least; 4 smoothed round trips when that is more; default 10 s
	WriteTimeout time.Duration // one frame; default 15 s

	Order        string // OrderFIFO (default) or OrderFreshFirst
	BacklogShare int    // OrderFreshFirst: of the bytes, while there are both, in percent; default 50
	DrainRate    int    // bytes a second for what is older than the connection; 0: any

	Compression bool           // offer permessage-deflate
	Schedule    []string       // hours in which the link may be up, see ParseSchedule; none: always
	Zone        *time.Location // of Schedule; default: the machine's

	MaxBatchMessages int   // records a frame, default 200
	MaxBatchBytes    int   // bytes a frame, default 30,000; one larger record still goes, alone
	Window           int   // unproven bytes, default 256 KiB
	MaxMessage       int64 // largest message taken from the server, default 64 KiB

	BackoffBase time.Duration // first ceiling, default 1 s
	BackoffCap  time.Duration // last ceiling, default 5 min
	Spread      time.Duration // after an orderly close by the server, default 30 s

	// WriteBuffers lets the connections of many Links share their buffers, 32 KB each, which
	// they need while they write. nil: each has its own.
	WriteBuffers *sync.Pool

	UserAgent string
	Log       *slog.Logger // with the key component; default: discards

	Now          func() time.Time // wall clock for certificates and Retry-After, default time.Now
	ClockTrusted func() bool      // is Now to be believed; default: always
	Rand         func() float64   // jitter in [0, 1), default math/rand/v2

	// ServerTime is called with the server's time now, give or take slack. It
	// may be called from any goroutine and must not wait. Answers without TLS
	// count only when the upgrade succeeded. May be nil.
	ServerTime func(now time.Time, slack time.Duration)

	// RoundTrip is called with the time from each ping to its pong, and Proof with how
	// long the oldest frame on the way was on it when a proof came. They are called by
	// the goroutine of Run and must not wait. May be nil.
	RoundTrip, Proof func(time.Duration)

	// Downlink is given what the server sends except acknowledgements and what
	// the dialect knows: perhaps a command. It is called by the reader, at most
	// 50 times a second, with at most MaxMessage bytes that are good during the
	// call only, and must not wait. May be nil.
	Downlink func(message []byte)

	// LimitsFile keeps, over a restart, which servers were reached, and the size of a
	// frame that one of them once called too big; "" = not kept.
	LimitsFile string

	// Dial opens the TCP connection (to the proxy if there is one); default
	// net.Dialer with TCP_USER_TIMEOUT on Linux. PhaseTimeout limits it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Lookup gives the addresses of a name, network being "ip4" or "ip6"; default the system's
	// resolver, or none where Dial is set, which is then given the name.
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

func (o *Options) setDefaults() {
	setDefault(&o.Dialect, DialectThingsee)
	setDefault(&o.Auth, EngineAuth(o.Engine, o.Dialect))
	setDefault(&o.AuthSettle, 10*time.Second)
	setDefault(&o.Heartbeat, 60*time.Second)
	setDefault(&o.QueryName, "token")
	setDefault(&o.Engine, EngineWebSocket)
	setDefault(&o.Ack, map[bool]string{true: AckFence, false: AckAnswer}[o.Engine == EngineWebSocket])
	setDefault(&o.Topic, DefaultTopic(o.Engine))
	setDefault(&o.Payload, PayloadArray)
	setDefault(&o.Proxy, "environment")
	setDefault(&o.PhaseTimeout, 10*time.Second)
	setDefault(&o.PingInterval, 20*time.Second)
	setDefault(&o.PongTimeout, 10*time.Second)
	setDefault(&o.WriteTimeout, 15*time.Second)
	setDefault(&o.Order, OrderFIFO)
	setDefault(&o.BacklogShare, 50)
	setDefault(&o.MaxBatchMessages, 200)
	setDefault(&o.MaxBatchBytes, 30_000)
	setDefault(&o.Window, 256<<10)
	setDefault(&o.MaxMessage, 64<<10)
	setDefault(&o.BackoffBase, time.Second)
	setDefault(&o.BackoffCap, 5*time.Minute)
	setDefault(&o.Spread, 30*time.Second)
	setDefault(&o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ClockTrusted == nil {
		o.ClockTrusted = func() bool { return true }
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
}

// check refuses what cannot work, all problems at once.
func (o *Options) check() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	_, err := newAckMode(o)
	errs = append(errs, err)
	bare := o.Engine == EngineWebSocket
	refuse(!slices.Contains([]string{EngineWebSocket, EngineHTTP, EngineMQTT, EngineNATS}, o.Engine),
		"engine %q is not known; it can be %s, %s, %s or %s", o.Engine, EngineWebSocket, EngineHTTP, EngineMQTT, EngineNATS)
	refuse(bare == (o.Ack == AckAnswer), `ack %q does not go with engine %q: it is "answer" with every engine but %s`, o.Ack, o.Engine, EngineWebSocket)
	refuse(!bare && (o.Dialect != DialectThingsee || o.Auth == AuthFirstMessage && o.Engine == EngineHTTP || o.Compression || o.Subprotocol != ""),
		"engine %q has no other dialect than %s, no first message, no compression and no subprotocol", o.Engine, DialectThingsee)
	for _, t := range []string{o.MQTT.Downlink, o.MQTT.Will} {
		if t != "" {
			errs = append(errs, CheckTopic(EngineMQTT, t))
		}
	}
	refuse(o.MQTT.TopicAliases < 0 || o.MQTT.TopicAliases > 65535 || o.MQTT.WillDelay < 0 || o.MQTT.SessionExpiry < 0, "will_delay, session_expiry and topic_aliases must not be negative")
	if o.NATS.Downlink != "" {
		errs = append(errs, CheckTopic(EngineNATS, o.NATS.Downlink))
	}
	refuse(o.Encode != nil && o.Engine != EngineHTTP, "engine %q has no encoding", o.Engine)
	if o.Engine == EngineMQTT || o.Engine == EngineNATS {
		errs = append(errs, CheckTopic(o.Engine, o.Topic))
		refuse(o.Payload != PayloadArray && o.Payload != PayloadObject, "payload %q is not known; it can be %s or %s", o.Payload, PayloadArray, PayloadObject)
		refuse(o.Gateway == "", "engine %q needs the gateway's id", o.Engine)
	} else {
		refuse(o.Topic != "", "engine %q has no topic", o.Engine)
	}
	refuse(o.Ack == AckEnvelope && o.Gateway == "", `ack "envelope" needs the gateway's id`)
	_, err = hex.DecodeString(o.Start)
	refuse(o.Start != "" && (err != nil || len(o.Start) != 16), "the start must be 16 hexadecimal digits")
	f := o.AckFallback
	refuse(f != "" && (o.Ack != AckEnvelope || f != AckFence && f != AckCount), `the fallback of ack "envelope" can be fence or count, and no other ack has one`)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"phase_timeout", o.PhaseTimeout}, {"ping_interval", o.PingInterval}, {"pong_timeout", o.PongTimeout},
		{"write_timeout", o.WriteTimeout}, {"auth_settle", o.AuthSettle}, {"backoff base", o.BackoffBase}, {"backoff cap", o.BackoffCap}, {"spread", o.Spread}, {"fence_hold", o.Hold},
	} {
		refuse(d.value < 0, "%s must not be negative", d.name)
	}
	refuse(len(o.Channels) > 0 && o.Dialect != DialectZyeta && o.Dialect != DialectHeimdall, "dialect %q has no channels", o.Dialect)
	refuse(o.BackoffCap < o.BackoffBase, "the cap of the backoff must not be below its base")
	refuse(o.MaxBatchMessages < 1 || o.MaxBatchBytes < minBatchBytes, "a batch must allow at least 1 message and %d bytes", minBatchBytes)
	refuse(o.Order != OrderFIFO && o.Order != OrderFreshFirst, "order %q is not known; it can be %s or %s", o.Order, OrderFIFO, OrderFreshFirst)
	refuse(o.BacklogShare < 1 || o.BacklogShare > 99 || o.DrainRate < 0, "the backlog's share must be 1 to 99 percent, and the drain rate not negative")
	_, err = ParseSchedule(o.Schedule, o.Zone)
	errs = append(errs, err, checkProxy(o.Proxy))
	for name, value := range o.Headers {
		errs = append(errs, CheckHeader(name, value))
	}
	refuse(o.Subprotocol != "" && !token(o.Subprotocol), "the subprotocol %.60q is no name of one", o.Subprotocol)
	refuse(o.Origin != "" && CheckToken(o.Origin) != nil, "the origin %.60q cannot be sent", o.Origin)
	refuse(o.Window < 0 || o.MaxMessage < 0, "window and max_message must not be negative")
	return errors.Join(errs...)
}
