//go:build !arm

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

func TestSimulateFleetRefuses(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	os.WriteFile(tokens, []byte("a\nb\n"), 0o600)
	for args, says := range map[string]string{
		"--fleet 0 --url ws://127.0.0.1:1/":                            "--fleet is 1 to 20000",
		"--fleet 20001 --url ws://127.0.0.1:1/":                        "--fleet is 1 to 20000",
		"--fleet 2":                                                    "needs --url",
		"--fleet 2 --url ftp://127.0.0.1:1/":                           "must begin with wss://",
		"--fleet 2 --url ws://127.0.0.1:1/ --readings 0":               "--readings is 1 to 1000000",
		"--fleet 2 --url ws://127.0.0.1:1/ --rate NaN":                 "--rate 0 to 100 readings",
		"--fleet 2 --url ws://127.0.0.1:1/ --ack none":                 "it is fence, count or envelope",
		"--fleet 2 --url ws://127.0.0.1:1/ --ack maybe":                `"maybe"`,
		"--fleet 2 --url ws://127.0.0.1:1/ --engine pigeon":            `engine "pigeon" is not known`,
		"--fleet 2 --url ws://127.0.0.1:1/ --engine nats --topic a..b": "a level is empty",
		"--fleet 2 --url ws://127.0.0.1:1/ --topic a":                  "has no topic",
		"--fleet 3 --url ws://127.0.0.1:1/ --token-file " + tokens:     "has 2 tokens for 3 gateways",
		"--fleet 2 --url ws://127.0.0.1:1/ --against ws://127.0.0.1:1": "none of the others",
	} {
		s := startVerb(t, "", append([]string{"simulate"}, strings.Fields(args)...)...)
		s.ends(t, exitUsage)
		if !strings.Contains(s.err.String(), says) {
			t.Errorf("%s: %s", args, s.err.String())
		}
	}
	if err := filesFor(1000, 1064); err != nil {
		t.Error(err)
	}
	if err := filesFor(1000, 1063); err == nil || !strings.HasSuffix(err.Error(), "allows 1063 (ulimit -n). For it to allow more, type: sudo prlimit --pid $$ --nofile=1064") {
		t.Error(err)
	}
}

// The exit code says whether every reading was proven, and the document has its schema.
func TestSimulateFleetEnds(t *testing.T) {
	r, err := testbed.NewReceiver(testbed.Options{Listen: "127.0.0.1:0", Auth: "header", Token: "t0ken"})
	if err != nil {
		t.Fatal(err)
	}
	go r.Run(t.Context())
	token := filepath.Join(t.TempDir(), "token")
	os.WriteFile(token, []byte("t0ken\n"), 0o600)
	simulate := func(args ...string) *runningVerb {
		return startVerb(t, "", append([]string{"simulate", "--fleet", "20", "--url", r.URL(), "--token-file", token}, args...)...)
	}

	s := simulate("--readings", "30")
	s.ends(t, exitOK)
	for _, line := range []string{"20 of 20 gateways connected, the last after ", "600 of 600 readings proven, ", "from a batch to its proof: half within "} {
		if !strings.Contains(s.out.String(), line) {
			t.Errorf("no %q in\n%s", line, s.out.String())
		}
	}
	s = simulate("--readings", "30", "--json")
	s.ends(t, exitOK)
	loadSchema(t, "fleet").validate(t, "simulate --fleet", []byte(s.out.String()))

	s = simulate("--readings", "30", "--url", "http"+strings.TrimPrefix(r.URL(), "ws"))
	s.ends(t, exitOK)
	if !strings.Contains(s.out.String(), "600 of 600 readings proven, ") {
		t.Error(s.out.String())
	}

	s = simulate("--rate", "10") // which would go on for 100 s
	testkit.Eventually(t, "readings arrive", func() bool { return r.Stats().Distinct > 1900 })
	s.cancel()
	s.ends(t, exitInterrupted)
	testkit.Eventually(t, "every gateway hangs up", func() bool { return r.Stats().Open == 0 })
	if !strings.Contains(s.out.String(), "20 of 20 gateways connected") {
		t.Error(s.out.String())
	}

	r.Answer(503)
	s = simulate("--for", "1s", "--readings", "3")
	s.ends(t, exitFailed)
	for _, words := range []string{" attempts failed, ", "503", "60 readings not proven when it ended after 1 s; 20 of 20 gateways not connected then"} {
		if !strings.Contains(s.out.String(), words) {
			t.Errorf("no %q in\n%s", words, s.out.String())
		}
	}
}
