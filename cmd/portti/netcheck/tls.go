package netcheck

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"portti/uplink"
)

// soonExpired is from when on a certificate that ends is worth a word.
const soonExpired = 14 * 24 * time.Hour

// interceptors are words in the names of authorities whose certificates are made by what
// stands in a company's network and opens its TLS.
func interceptors() []string {
	return []string{"zscaler", "fortinet", "fortigate", "palo alto", "netskope", "blue coat", "bluecoat", "sophos", "umbrella", "squid", "check point",
		"barracuda", "forcepoint", "sonicwall", "watchguard", "untangle", "mitmproxy", "kaspersky", "avast"}
}

// certificate tells of a connection that stands.
func (r *run) certificate(s uplink.Step) {
	if len(s.Shown) == 0 {
		r.ok(TLS, "%s", tls.VersionName(s.TLS.Version))
		return
	}
	leaf := s.Shown[0]
	left := leaf.NotAfter.Sub(r.h.Now())
	text := fmt.Sprintf("%s, certificate for %s by %s, valid until %s", tls.VersionName(s.TLS.Version), names(leaf), issuer(leaf), leaf.NotAfter.UTC().Format(time.DateOnly))
	by := strings.ToLower(leaf.Issuer.String())
	for _, word := range interceptors() {
		if strings.Contains(by, word) && !r.h.Private {
			r.done(Stage{Name: TLS, Verdict: Warn, Sentence: text + ": by its name this authority stands in the network and opens what is encrypted. It can read the readings and the token",
				Actions:  []string{"Ask the network's operator to let the server's address through unopened, or compare the issuer with what the server's operator names"},
				Commands: []string{""}})
			return
		}
	}
	if left < soonExpired {
		r.done(Stage{Name: TLS, Verdict: Warn, Sentence: fmt.Sprintf("%s, which is in %d days", text, int(left.Hours()/24)),
			Actions: []string{"Tell the server's operator, unless the server renews it by itself"}, Commands: []string{""}})
		return
	}
	r.ok(TLS, "%s", text)
}

// noTLS tells why there is no secure connection.
func (r *run) noTLS(ctx context.Context, s uplink.Step) {
	var leaf *x509.Certificate
	if len(s.Shown) > 0 {
		leaf = s.Shown[0]
	}
	now := r.h.Now().UTC().Format("2006-01-02 15:04")
	silent := s.Problem == uplink.ProblemTimeout || s.Problem == uplink.ProblemMTU
	switch {
	case silent && r.smaller(ctx, uplink.StepTLS):
		r.hole(TLS)
	case silent:
		r.bad(TLS, Fail, s.Problem, s.Says, "connected, and then nothing was answered in "+duration(s.Took))
	case leaf != nil && (s.Problem == uplink.ProblemClockUnset || s.Problem == uplink.ProblemTLSNotYet):
		text := fmt.Sprintf("the certificate is valid from %s to %s, and the clock here says %s. ", leaf.NotBefore.UTC().Format(time.DateOnly), leaf.NotAfter.UTC().Format(time.DateOnly), now)
		if s.Problem == uplink.ProblemClockUnset && r.h.Now().After(leaf.NotAfter) {
			text += "That clock cannot be trusted, so it may be the clock that is wrong and not the certificate"
		} else {
			text += "The clock is wrong, not the certificate"
		}
		r.bad(TLS, Fail, s.Problem, s.Says, text, "Set the clock by a time server: `sudo timedatectl set-ntp true`, and see whether it answers: `timedatectl timesync-status`")
	case (s.Problem == uplink.ProblemTLSUnknownCA || s.Problem == uplink.ProblemTLSName || s.Problem == uplink.ProblemTLSFailed) && r.elsewhere(ctx, TLS):
	case leaf != nil && s.Problem == uplink.ProblemTLSExpired:
		r.bad(TLS, Fail, s.Problem, s.Says, fmt.Sprintf("the certificate, by %s, expired on %s; the clock here says %s", issuer(leaf), leaf.NotAfter.UTC().Format(time.DateOnly), now))
	case leaf != nil && s.Problem == uplink.ProblemTLSName:
		r.bad(TLS, Fail, s.Problem, s.Says, fmt.Sprintf("the certificate is for %s and not for %s", names(leaf), r.h.Server.Hostname()))
	case leaf != nil && s.Problem == uplink.ProblemTLSUnknownCA:
		by := "by " + issuer(leaf) + ", whom this gateway does not trust"
		if leaf.Issuer.String() == leaf.Subject.String() {
			by = "signed by the server itself"
		}
		r.bad(TLS, Fail, s.Problem, s.Says, fmt.Sprintf("the certificate is %s. A private authority, or something in the network that opens what is encrypted", by))
	default:
		r.bad(TLS, Fail, s.Problem, s.Says, "")
	}
}

// elsewhere looks whether this network answers in the server's place, as one does that
// wants to be logged in to: over plain HTTP it shows its page or leads to it. If so it is
// told.
func (r *run) elsewhere(ctx context.Context, name string) bool {
	if r.h.Get == nil {
		return false
	}
	host := r.h.Server.Hostname()
	a, err := r.h.Get(ctx, host)
	led := a.Status/100 == 3 && a.Location != "" && !related(a.Location, host)
	shown := name == TLS && a.Status == 200 && a.HTML
	if err != nil || !led && !shown {
		return false
	}
	where := "a page of its own"
	act := "Sign this gateway in to the network, or use another one: the page opens in a browser at http://" + host + "/"
	if led {
		where = "a page at " + a.Location
		act = "Sign this gateway in to the network, or use another one: the page opens in a browser at http://" + a.Location + "/"
	}
	r.bad(name, Fail, uplink.ProblemPortal, "", "this network answers in the server's place, with "+where+": it wants somebody to sign in (captive portal)", act)
	return true
}

// related says whether a redirect stays with the server, as one to https does.
func related(to, host string) bool {
	to, host = strings.TrimPrefix(strings.ToLower(to), "www."), strings.TrimPrefix(strings.ToLower(host), "www.")
	return to == host || strings.HasSuffix(to, "."+host) || strings.HasSuffix(host, "."+to)
}

func names(c *x509.Certificate) string {
	all := c.DNSNames
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return cmp.Or(c.Subject.CommonName, "nobody")
	}
	return list(all, 2)
}

func issuer(c *x509.Certificate) string {
	org := strings.Join(c.Issuer.Organization, ", ")
	switch cn := c.Issuer.CommonName; {
	case org == "":
		return cmp.Or(cn, "nobody")
	case cn == "":
		return org
	default:
		return cn + " (" + org + ")"
	}
}
