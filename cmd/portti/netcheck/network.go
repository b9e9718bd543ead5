package netcheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"portti/uplink"
)

// slowName is from when on finding a name is called slow.
const slowName = time.Second

// asked is what one name server said.
type asked struct {
	server string // "" = the machine's resolver
	addrs  []netip.Addr
	err    error
	took   time.Duration
}

func (a asked) text() string {
	return fmt.Sprintf("%s (%s)", a.server, duration(a.took))
}

// names asks for the server's addresses: the machine's resolver, as the link does, and
// each name server by itself.
func (r *run) names(ctx context.Context) {
	host := r.h.Server.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		r.addrs = []netip.Addr{ip}
		r.ok(DNS, "not needed: the address is a number")
		return
	}
	if r.h.Proxy != nil {
		r.ok(DNS, "not needed: the proxy finds the name")
		return
	}
	if uplink.IsLocalName(host) {
		r.bad(DNS, Fail, uplink.ProblemDNS, "", host+" ends in .local: such names are announced on the local network (mDNS), and portti asks name servers only")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.h.Limit)
	defer cancel()
	all := make([]asked, 1)
	for _, server := range Resolvers(r.h.Root) {
		all = append(all, asked{server: server})
	}
	var asking sync.WaitGroup
	for i := range all {
		asking.Go(func() {
			began := time.Now()
			all[i].addrs, all[i].err = r.h.Lookup(ctx, all[i].server, host)
			all[i].took = time.Since(began)
		})
	}
	asking.Wait()
	r.judgeNames(host, all[0], all[1:])
}

func (r *run) judgeNames(host string, own asked, servers []asked) {
	var good, silent []string
	differ := ""
	for _, s := range servers {
		if s.err != nil {
			silent = append(silent, s.server)
			continue
		}
		good = append(good, s.text())
		if own.err == nil && differ == "" && !overlap(s.addrs, own.addrs) {
			differ = fmt.Sprintf("%s says %s", s.server, joined(s.addrs))
		}
	}
	if own.err != nil {
		code, says := uplink.ConnectProblem(own.err)
		if code != uplink.ProblemNoRoute { // nothing leads to the name server either
			code = uplink.ProblemDNS
		}
		text := fmt.Sprintf("%s was not found: %s", host, says)
		switch {
		case len(good) > 0:
			text += "; but it is known to " + strings.Join(good, ", ")
		case len(servers) > 0:
			text += " (asked: " + strings.Join(silent, ", ") + ")"
		default:
			text += " (no name server is set in /etc/resolv.conf)"
		}
		r.bad(DNS, Fail, code, says+": "+own.err.Error(), text)
		return
	}
	r.addrs = own.addrs
	text := fmt.Sprintf("%s is %s (%s)", host, joined(own.addrs), duration(own.took))
	if len(good) > 0 {
		text += ", by " + strings.Join(good, ", ")
	}
	const look = "Check the name servers: `resolvectl status`, or `cat /etc/resolv.conf`"
	switch {
	case len(silent) > 0:
		r.bad(DNS, Warn, uplink.ProblemDNS, "", text+"; "+strings.Join(silent, ", ")+" gives no answer, which costs time at every connection", look)
	case own.took >= slowName:
		r.bad(DNS, Warn, uplink.ProblemDNS, "", text+": that is slow", look)
	case differ != "":
		r.bad(DNS, Warn, uplink.ProblemDNS, "", text+"; but "+differ+": one of them may be wrong, or the server has many addresses", look)
	default:
		r.ok(DNS, "%s", text)
	}
}

func overlap(a, b []netip.Addr) bool {
	return slices.ContainsFunc(a, func(x netip.Addr) bool {
		return slices.ContainsFunc(b, func(y netip.Addr) bool { return x.Unmap() == y.Unmap() })
	})
}

func joined(addrs []netip.Addr) string {
	var all []string
	for _, a := range addrs {
		all = append(all, a.Unmap().String())
	}
	return list(all, 3)
}

// duration is for people: 18 ms, 1.4 s.
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// connect tries every address of the server, or that of the proxy.
func (r *run) connect(ctx context.Context) {
	if r.h.ProxyErr != nil {
		r.skip(TCP, "the setting of the proxy cannot be used")
		return
	}
	if p := r.h.Proxy; p != nil {
		r.addr = net.JoinHostPort(r.h.Server.Hostname(), r.h.port())
		r.ok(TCP, "goes through a proxy: see there")
		return
	}
	if len(r.addrs) == 0 {
		r.skip(TCP, "there is no address to connect to")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.h.Limit)
	defer cancel()
	type tried struct {
		addr string
		err  error
		took time.Duration
	}
	all := make([]tried, min(len(r.addrs), 8))
	var trying sync.WaitGroup
	for i := range all {
		all[i].addr = net.JoinHostPort(r.addrs[i].Unmap().String(), r.h.port())
		trying.Go(func() {
			began := time.Now()
			all[i].err = r.h.Dial(ctx, all[i].addr)
			all[i].took = time.Since(began)
		})
	}
	trying.Wait()
	var good, bad []string
	problem, says := "", ""
	for _, t := range all {
		if t.err == nil {
			if r.addr == "" {
				r.addr = t.addr
			}
			good = append(good, fmt.Sprintf("%s (%s)", t.addr, duration(t.took)))
			continue
		}
		code, why := uplink.ConnectProblem(t.err)
		if problem == "" || problem == uplink.ProblemNoRoute {
			problem, says = code, why+": "+t.err.Error()
		}
		bad = append(bad, t.addr+": "+why)
	}
	switch {
	case len(good) == 0:
		r.bad(TCP, Fail, problem, says, list(bad, 2))
	case len(bad) > 0:
		r.bad(TCP, Warn, problem, says, "connected to "+list(good, 2)+"; but "+list(bad, 2)+". The link takes the address that works",
			"Nothing to do if readings arrive; tell the server's operator which address does not answer")
	default:
		r.ok(TCP, "connected to %s", list(good, 3))
	}
}
