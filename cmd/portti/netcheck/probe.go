package netcheck

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/uplink"
)

// probe goes on from the connection: proxy, TLS, upgrade, login, echo. It tells of the
// stages as the steps come in.
func (r *run) probe(ctx context.Context) {
	switch {
	case r.h.ProxyErr != nil:
		r.bad(Proxy, Fail, uplink.ProblemProxy, r.h.ProxyErr.Error(), "")
		return
	case r.h.Proxy == nil:
		r.skip(Proxy, "none is configured, and none found in the environment")
	}
	if r.addr == "" {
		return
	}
	inner, enough := context.WithCancel(ctx)
	defer enough()
	last, told := uplink.StepConnect, false // one that failed
	err := r.h.Probe(inner, r.addr, r.login(), false, func(s uplink.Step) {
		if inner.Err() != nil {
			return
		}
		last, told = s.Name, s.Problem != ""
		r.step(ctx, s)
		if r.h.online() && (s.Name == uplink.StepTLS || !r.h.secure() && s.Name == r.lastBefore()) {
			enough()
		}
	})
	switch {
	case told || ctx.Err() != nil:
	case inner.Err() != nil:
		r.byTheGateway()
	case err != nil:
		r.next(Fail, err.Error())
	case r.h.Posts:
		r.skip(Login, "the token goes with each request, and readings alone show whether the server takes it")
		r.skip(Echo, `there are no pings with engine = "http"`)
	case last == uplink.StepLogin: // the end came with the large pings, and said nothing
		r.ok(Echo, "pings come back")
	}
}

// lastBefore is the step before the upgrade where there is no TLS.
func (r *run) lastBefore() string {
	if r.h.Proxy != nil {
		return uplink.StepProxy
	}
	return uplink.StepConnect
}

// login says whether anybody logs in.
func (r *run) login() bool { return r.h.NoLogin == "" && !r.h.online() }

// next tells of the stage that is due.
func (r *run) next(v Verdict, sentence string) {
	if len(r.stages) < len(Stages()) {
		r.done(Stage{Name: Stages()[len(r.stages)], Verdict: v, Sentence: sentence})
	}
}

// plain passes over TLS where there is none, before what is waited for next.
func (r *run) plain() {
	if !r.h.secure() && len(r.stages) < slices.Index(Stages(), Upgrade) {
		r.skip(TLS, r.h.Server.Scheme+":// is not encrypted")
	}
}

// byTheGateway takes the word of the running gateway, which is online.
func (r *run) byTheGateway() {
	l := r.h.Running.Link
	r.ok(Upgrade, "the running gateway is online for %s; not done a second time", status.InSeconds(l.SinceS))
	r.ok(Login, "the server takes that of the running gateway")
	what := "the running gateway's pings come back in %s"
	if r.h.Posts {
		what = "the running gateway's requests are answered in %s"
	}
	s := Stage{Name: Echo, Verdict: OK, RTTms: l.RTTms, Sentence: fmt.Sprintf(what, duration(time.Duration(l.RTTms*float64(time.Millisecond))))}
	for _, p := range r.h.Running.Problems {
		if p.Code == uplink.ProblemMTU {
			s = Stage{Name: Echo, Verdict: Warn, Code: p.Code, Sentence: p.Sentence, Actions: p.Actions, Commands: p.Commands}
		}
	}
	r.done(s)
}

// step tells of what a step of the probe means for the stages.
func (r *run) step(ctx context.Context, s uplink.Step) {
	r.began = time.Now().Add(-s.Took)
	failed := s.Problem != ""
	switch s.Name {
	case uplink.StepConnect:
		if failed && r.h.Proxy != nil {
			r.bad(Proxy, Fail, s.Problem, s.Says, "")
		} else if failed { // it did a moment ago
			r.bad(TLS, Fail, s.Problem, s.Says, "connected once, and not a second time: "+s.Says)
		} else if r.h.Proxy == nil {
			r.plain()
		}
	case uplink.StepProxy:
		if failed {
			r.bad(Proxy, Fail, s.Problem, s.Says, "")
		} else {
			r.ok(Proxy, "%s opens the way (%s)", config.MaskURL(r.h.Proxy.Redacted()), r.h.ProxyFrom)
			r.plain()
		}
	case uplink.StepTLS:
		if failed {
			r.noTLS(ctx, s)
		} else {
			r.certificate(s)
		}
	case uplink.StepToken:
		r.skip(Upgrade, "nobody asks for it without a token")
		r.bad(Login, Fail, s.Problem, s.Says, "")
	case uplink.StepUpgrade:
		r.upgraded(ctx, s)
	case uplink.StepLogin:
		r.loggedIn(s)
	case uplink.StepLarge:
		r.echoed(ctx, s)
	}
}

// upgraded judges the answer to the request for a WebSocket. Of one that refuses who
// comes the upgrade is not at fault.
func (r *run) upgraded(ctx context.Context, s uplink.Step) {
	http101 := fmt.Sprintf("the server answers as a WebSocket server (HTTP %d)", s.Status)
	if r.h.Posts {
		http101 = fmt.Sprintf("the server answers requests (HTTP %d to OPTIONS)", s.Status)
	}
	refused := s.Status == http.StatusUnauthorized || s.Status == http.StatusForbidden
	switch {
	case s.Problem == "":
		r.ok(Upgrade, "%s", http101)
	case refused && !r.login():
		r.ok(Upgrade, "the server answers, and wants to know who comes (HTTP %d)", s.Status)
		r.skip(Login, r.h.NoLogin)
	case refused:
		r.ok(Upgrade, "the server answers (HTTP %d), and decides by the login", s.Status)
		r.bad(Login, Fail, s.Problem, s.Says, "")
	case s.Problem == uplink.ProblemTimeout && r.smaller(ctx, uplink.StepUpgrade):
		r.hole(Upgrade)
	case s.Problem == uplink.ProblemTimeout:
		r.bad(Upgrade, Fail, s.Problem, s.Says, fmt.Sprintf("the server takes the connection and never answers the request: nothing came in %s", duration(s.Took)),
			"Ask the server's operator whether the server behind its front is up")
	case s.Status/100 == 3 && r.elsewhere(ctx, Upgrade):
	case s.Status != 0:
		r.bad(Upgrade, Fail, s.Problem, s.Says, "HTTP "+strconv.Itoa(s.Status)+": "+s.Says)
	default:
		r.bad(Upgrade, Fail, s.Problem, s.Says, "")
	}
}

// loggedIn judges whether the server keeps who has come, and answers a ping.
func (r *run) loggedIn(s uplink.Step) {
	good := "the server takes the login"
	if r.h.Anonymous {
		good = "none is needed (auth = \"none\"), and the server keeps the connection"
	}
	switch {
	case r.login() && s.Problem == "":
		r.done(Stage{Name: Login, Verdict: OK, RTTms: ms(s.RTT), Sentence: good})
	case !r.login() && (s.Problem == "" || s.Problem == uplink.ProblemNoPong || s.Problem == uplink.ProblemTimeout):
		r.skip(Login, r.h.NoLogin)
	case !r.login():
		r.skip(Login, r.h.NoLogin)
		r.skip(Echo, "the server ended the connection, to which nobody had logged in")
		return
	case s.Problem == uplink.ProblemNoPong || s.Problem == uplink.ProblemTimeout:
		r.ok(Login, "the server does not refuse the login")
	default:
		r.bad(Login, Fail, s.Problem, s.Says, "")
		return
	}
	if s.Problem != "" {
		r.bad(Echo, Fail, s.Problem, s.Says, "no ping was answered in "+duration(s.Took)+": portti proves by pongs that readings have arrived",
			"Ask the server's operator whether the server answers WebSocket pings; where its application acknowledges by itself, set ack in [uplink]")
	}
}

// echoed judges whether what fills a packet comes through.
func (r *run) echoed(ctx context.Context, s uplink.Step) {
	rtt := Of(r.stages, Login).RTTms
	if rtt == 0 {
		rtt = ms(s.RTT)
	}
	small := duration(time.Duration(rtt * float64(time.Millisecond)))
	switch {
	case s.Problem == "":
		r.done(Stage{Name: Echo, Verdict: OK, RTTms: rtt, Sentence: "pings come back in " + small + ", and so do those that fill a packet of 1,400 bytes"})
	case s.Problem != uplink.ProblemMTU:
		r.done(Stage{Name: Echo, Verdict: OK, RTTms: rtt, Sentence: "pings come back in " + small + "; the server does not take many at once, so a full packet was not tried"})
	case r.smaller(ctx, uplink.StepLarge):
		r.hole(Echo)
	default:
		r.done(Stage{Name: Echo, Verdict: Warn, RTTms: rtt, Sentence: "pings come back in " + small + ", and many at once do not, in small packets neither: the server passes them over, and the size of packets could not be tried",
			Actions: []string{"Nothing to do if readings arrive"}, Commands: []string{""}})
	}
}

// smaller says whether a step is passed where no packet is large.
func (r *run) smaller(ctx context.Context, name string) bool {
	inner, enough := context.WithCancel(ctx)
	defer enough()
	good := false
	_ = r.h.Probe(inner, r.addr, r.login(), true, func(s uplink.Step) {
		if s.Name == name {
			good = s.Problem == ""
			enough()
		}
	})
	return good
}

// hole tells of packets that vanish by their size.
func (r *run) hole(name string) {
	r.bad(name, Fail, uplink.ProblemMTU, "", "small packets come through and packets of 1,400 bytes vanish; with small ones alone it works: something on the way swallows large packets (MTU)")
}
