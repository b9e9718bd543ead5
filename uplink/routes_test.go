package uplink

import (
	"testing"
	"testing/fstest"
)

// The table of a machine with a default route, a network of its own, and one host that
// another route takes away.
const routeTable = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0200630A	0003	0	0	100	00000000	0	0	0
wwan0	00000000	0100000A	0003	0	0	700	00000000	0	0	0
eth0	0000630A	00000000	0001	0	0	0	00FFFFFF	0	0	0
*	0200620A	00000000	0205	0	0	0	FFFFFFFF	0	0	0
*	0000000A	00000000	0005	0	0	0	000000FF	0	0	0
a line that is none
`

func TestRoutes(t *testing.T) {
	all := Routes(fstest.MapFS{"proc/net/route": {Data: []byte(routeTable)}})
	if iface, via := DefaultRoute(all); len(all) != 5 || iface != "eth0" || via != "10.99.0.2" {
		t.Errorf("%s %s of %+v", iface, via, all)
	}
	for why, want := range map[string]string{
		"the server cannot be reached: dial tcp 10.98.0.2:8443: connect: no route to host":                              "10.98.0.2/32",
		"the server cannot be reached: lookup a.test on 10.98.0.2:53: dial udp 10.98.0.2:53: connect: invalid argument": "10.98.0.2/32",
		"the server cannot be reached: dial tcp 10.1.1.1:443: connect: no route to host":                                "10.0.0.0/8",
		"the server cannot be reached: dial tcp 10.99.0.7:443: connect: no route to host":                               "", // it is switched off
		"the server cannot be reached: dial tcp 192.0.2.1:443: connect: no route to host":                               "",
		"the server cannot be reached: dial tcp [2001:db8::1]:443: connect: network is unreachable":                     "",
		"the link broke": "",
	} {
		if got := DeadRoute(all, why); got != want {
			t.Errorf("%s: %q, want %q", why, got, want)
		}
	}
	if iface, via := DefaultRoute(Routes(fstest.MapFS{})); iface+via != "" {
		t.Errorf("no table: %s %s", iface, via)
	}
}
