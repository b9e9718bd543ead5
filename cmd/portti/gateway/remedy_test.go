package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"portti/cmd/portti/config"
	"portti/uplink"
)

// TestNewAddress: the counters go on when the address is changed, and say nothing of the new one.
func TestNewAddress(t *testing.T) {
	if got := newAddress(uplink.Status{Connects: 3}); !strings.Contains(got, "portti setup") {
		t.Errorf("an address without proof: %s", got)
	}
	if got := newAddress(uplink.Status{Connects: 3, Reached: true}); !strings.Contains(got, "worked before") {
		t.Errorf("one that worked: %s", got)
	}
}

// TestRejectedIsOneSentence: no line of the file and no mark under it is part of a sentence.
func TestRejectedIsOneSentence(t *testing.T) {
	fault := config.Fault{File: "a.toml", Line: 3, Column: 8, Text: `"type" cannot be "linse"`, Excerpt: `type = "linse"`, Hint: "did you mean lines?"}
	err := fmt.Errorf("cannot load: %w", &config.Error{Faults: []config.Fault{fault, fault, fault}})
	if got := rejected("CFG-INVALID", err).why; got != `a.toml:3:8: "type" cannot be "linse", and 2 more` {
		t.Errorf("%q", got)
	}
	if got := rejected("CFG-REFUSED", errors.New("no room")).why; got != "no room" {
		t.Errorf("%q", got)
	}
}

// What is to be typed where a drop-in, a route or the size of packets is the cause.
func TestRemediesThatMendTheCause(t *testing.T) {
	root := fstest.MapFS{"etc/systemd/system/portti.service.d/mine.conf": {Data: []byte("[Service]\nPrivateDevices=yes\n")}}
	const line = "sudo sed -i '/^ *PrivateDevices *=/d' /etc/systemd/system/portti.service.d/mine.conf && sudo systemctl daemon-reload && sudo portti service restart"
	if got := givenBack(root, "the ports", "PrivateDevices=yes"); !strings.HasSuffix(got, "`"+line+"`") || len(got) > 320 {
		t.Errorf("%d characters: %s", len(got), got)
	}
	if got := givenBack(root, "the network", "PrivateNetwork=yes"); got != "" {
		t.Errorf("nothing took it away: %s", got)
	}
	routes := uplink.Routes(fstest.MapFS{"proc/net/route": {Data: []byte(`wwan0 00000000 0100000A 0003 0 0 200 00000000 0 0 0
eth0 00000000 0200630A 0003 0 0 100 00000000 0 0 0
* 00000000 00000000 0205 0 0 900 00000000 0 0 0
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0
* 0200620A 00000000 0205 0 0 0 FFFFFFFF 0 0 0
`)}})
	if got := smallerPackets(routes); !strings.Contains(got, "`sudo ip link set dev eth0 mtu 1280`") {
		t.Error(got)
	}
	for why, want := range map[string]string{
		"the server cannot be reached: dial tcp 10.98.0.2:443: connect: no route to host":         "`sudo ip route del 10.98.0.2/32`",
		"the server cannot be reached: dial tcp 172.17.0.9:443: connect: operation not permitted": "firewall of this machine",
		"the server cannot be reached: dial tcp 172.17.0.9:443: connect: no route to host":        "",
	} {
		if got := openWay(routes, why); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", why, got, want)
		}
	}
}
