package netcheck

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"portti/cmd/portti/status"
	"portti/uplink"
)

// Verdict is how a stage ended.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Warn    Verdict = "warn"
	Fail    Verdict = "fail"
	Skipped Verdict = "skipped"
)

// The stages, in their order.
const (
	Clock     = "clock"
	Interface = "interface"
	DNS       = "DNS"
	TCP       = "TCP"
	Proxy     = "proxy"
	TLS       = "TLS"
	Upgrade   = "upgrade"
	Login     = "login"
	Echo      = "echo"
)

// Stages are their names.
func Stages() []string {
	return []string{Clock, Interface, DNS, TCP, Proxy, TLS, Upgrade, Login, Echo}
}

// Stage is how one of them ended.
type Stage struct {
	Name     string  `json:"name"`
	Verdict  Verdict `json:"verdict"`
	TookMS   float64 `json:"took_ms"`
	Sentence string  `json:"sentence"`
	Code     string  `json:"code"` // of the problem catalogue, or ""
	// Actions are what to do, and Commands has for each of them what to type, or "".
	Actions  []string `json:"actions"`
	Commands []string `json:"commands"`
	RTTms    float64  `json:"rtt_ms,omitempty"` // of login and echo
}

// Advice is what the catalogue says of a problem.
type Advice struct {
	Code, Sentence    string
	Actions, Commands []string
}

// Answer is what came to a plain HTTP request.
type Answer struct {
	Status   int
	Location string // of a redirect: its host
	HTML     bool
}

// Host is the machine, and the way out of it.
type Host struct {
	Server *url.URL // of which nothing but scheme, host and port is looked at
	Root   fs.FS    // proc/net/route, etc/resolv.conf
	Now    func() time.Time

	// Clock is whether the time can be trusted, by what, and why not.
	Clock     func() (trusted bool, source, reason string)
	Addresses func() ([]Address, error) // of the interfaces that are up, without loopback
	// Lookup asks the name server at an address, or the machine's resolver where that is
	// empty.
	Lookup func(ctx context.Context, server, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, addr string) error // connects, and leaves
	Probe  func(ctx context.Context, addr string, login, small bool, tell func(uplink.Step)) error
	// Get asks for the page of a host over plain HTTP, which a login page of a network
	// takes for itself. nil = it is not asked.
	Get     func(ctx context.Context, host string) (Answer, error)
	Explain func(problem, says string) Advice

	Proxy     *url.URL // nil = none
	ProxyFrom string   // where that stands
	ProxyErr  error    // what is wrong with it
	Posts     bool     // engine = "http": there is no WebSocket
	NoLogin   string   // why nobody can log in here; "" = it is done
	Anonymous bool     // the server asks nobody who he is
	Private   bool     // the server's authority is one that the configuration names
	Running   *status.Document
	Limit     time.Duration // of a stage that waits for the network
}

// Address is one of an interface.
type Address struct {
	Interface string
	Prefix    netip.Prefix
}

// run is a check on its way.
type run struct {
	h      *Host
	tell   func(Stage)
	began  time.Time
	stages []Stage

	addrs []netip.Addr // of the server
	addr  string       // that the connection is made to; "" = there is none
	over  string       // the stage that ended the way
}

// Run goes the way and tells of each stage as it ends. It returns all of them.
func Run(ctx context.Context, h *Host, tell func(Stage)) []Stage {
	r := &run{h: h, tell: tell, began: time.Now()}
	r.clock()
	r.interfaces()
	r.names(ctx)
	r.connect(ctx)
	r.probe(ctx)
	for _, name := range Stages()[len(r.stages):] {
		r.skip(name, "the way ends before it")
	}
	return r.stages
}

// Passed says whether no stage failed.
func Passed(stages []Stage) bool {
	for _, s := range stages {
		if s.Verdict == Fail {
			return false
		}
	}
	return true
}

// Of finds a stage; a zero one, if it is not there.
func Of(stages []Stage, name string) Stage {
	for _, s := range stages {
		if s.Name == name {
			return s
		}
	}
	return Stage{}
}

func (r *run) done(s Stage) {
	if s.TookMS == 0 {
		s.TookMS = ms(time.Since(r.began))
	}
	if s.Verdict == Skipped {
		s.TookMS = 0
	}
	s.Sentence = status.Clean(s.Sentence, 500)
	if s.Actions == nil {
		s.Actions, s.Commands = []string{}, []string{}
	}
	r.stages = append(r.stages, s)
	if s.Verdict == Fail && r.over == "" {
		r.over = s.Name
	}
	r.tell(s)
	r.began = time.Now()
}

func (r *run) ok(name, format string, args ...any) {
	r.done(Stage{Name: name, Verdict: OK, Sentence: fmt.Sprintf(format, args...)})
}

func (r *run) skip(name, why string) { r.done(Stage{Name: name, Verdict: Skipped, Sentence: why}) }

// bad tells of a stage with a problem: sentence is more exact than the catalogue's, which
// "" stands for.
func (r *run) bad(name string, v Verdict, problem, says, sentence string, first ...string) {
	a := r.h.Explain(problem, says)
	s := Stage{Name: name, Verdict: v, Code: a.Code, Sentence: sentence}
	if sentence == "" {
		s.Sentence = a.Sentence
	}
	if len(first) > 0 { // of our own: they mend this very thing
		s.Actions, s.Commands = status.Entry{Actions: first}.Advise()
	}
	for i, action := range a.Actions {
		if !slices.Contains(s.Actions, action) {
			s.Actions, s.Commands = append(s.Actions, action), append(s.Commands, a.Commands[i])
		}
	}
	r.done(s)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// secure says whether TLS is spoken to the server.
func (h *Host) secure() bool { return h.Server.Scheme == "wss" || h.Server.Scheme == "https" }

func (h *Host) port() string {
	switch p := h.Server.Port(); {
	case p != "":
		return p
	case h.secure():
		return "443"
	}
	return "80"
}

// online says whether a running gateway has a connection to this very server.
func (h *Host) online() bool {
	if h.Running == nil || h.Running.Link.State != status.LinkOnline {
		return false
	}
	l := h.Running.Link
	u, err := url.Parse(cmp.Or(l.URL, l.URLHost))
	if err != nil || u.Scheme != h.Server.Scheme || u.Host != h.Server.Host {
		return false
	}
	return l.URL == "" || u.Path == h.Server.Path // another path is proven by nothing
}
