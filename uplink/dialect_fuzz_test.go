package uplink

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// fuzzSession holds what any message may do to a session against what the
// dialect promises: kinds are its own names, only a few of them end the
// session, and what is to be said is JSON and no more than the channels.
func fuzzSession(f *testing.F, t dialectSession, kinds, ends []string, channels int, seeds ...string) {
	for _, s := range append(spoilt(), seeds...) {
		if len(s) < 1000 { // long ones only slow it down, and have a test of their own
			f.Add([]byte(s))
		}
	}
	kinds = append(slices.Concat(kinds, ends), "", kindMalformed)
	f.Fuzz(func(tt *testing.T, message []byte) {
		before := bytes.Clone(message)
		h := t.onMessage(message)
		if !bytes.Equal(before, message) {
			tt.Errorf("%q was changed", before)
		}
		if !slices.Contains(kinds, h.kind) {
			tt.Errorf("%q is %q, no word of the dialect", message, h.kind)
		}
		if ended := h.end != failUnknown; ended != slices.Contains(ends, h.kind) {
			tt.Errorf("%q (%s) ends the session: %v", message, h.kind, ended)
		}
		if h.end == failUnknown && h.detail != "" || !json.Valid(message) && h.kind != kindMalformed {
			tt.Errorf("%q: %+v", message, h)
		}
		if len(h.reply) > channels || (len(h.reply) == 0) != (h.after == 0) || h.patience != 0 && h.patience < minPatience {
			tt.Errorf("%q: %d replies after %v, patience %v", message, len(h.reply), h.after, h.patience)
		}
		for _, reply := range append(h.reply, t.keepalive()) {
			if reply != nil && !json.Valid(reply) {
				tt.Errorf("would say %q", reply)
			}
		}
		if len(h.detail)+len(h.complaint) > 3*len(message)+100 {
			tt.Errorf("%q became %q %q", message, h.detail, h.complaint)
		}
	})
}

func FuzzHaltless(f *testing.F) {
	fuzzSession(f, &haltlessSession{}, []string{"heartbeat", "sensor_update", "alert", "machine_status"}, nil, 0,
		heartbeatSaid, sensorSaid, alertSaid, machineSaid,
		`{"type":"heartbeat","server_time":"9999-12-31T23:59:60Z"}`, `{"type":"heartbeat","server_time":1e400}`, `{"TYPE":"heartbeat","type":"alert"}`)
}

func FuzzZyeta(f *testing.F) {
	seeds := []string{notificationSaid, chatSaid, statusSaid, `{"data":{"code":"subscription_failed","channel":"a:1"}}`}
	for _, code := range []string{zyetaInvalid, zyetaUnauthorized, zyetaSubscription, zyetaInternal, "other"} {
		seeds = append(seeds, zyetaErrors(code)...)
	}
	fuzzSession(f, &zyetaSession{channels: []string{"a:1", "b:2"}},
		[]string{"notification", "chat_message", "status_update", "pong", "error", zyetaInvalid, zyetaSubscription, zyetaInternal},
		[]string{zyetaUnauthorized}, 2, seeds...)
}

func FuzzHeimdall(f *testing.F) {
	seeds := []string{gpsSaid, vesselsSaid, fenceSaid, emailSaid, mailSaid, rolesSaid, rightsSaid, roleSaid, `{"type":"Pong"}`, `{"type":"pong"}`,
		`{"type":"Error","message":"Channel not found"}`, `{"type":"Message","channel":"gps","data":"{\"type\":\"gpsUpdate\"}"}`}
	for text := range endings() {
		seeds = append(seeds, text)
	}
	fuzzSession(f, &heimdallSession{channels: []string{"gps", "user:u"}}, heimdallKinds,
		[]string{"forceLogout", "sessionRevoked", "accountDeleted", "accountBanned", "oAuthConsentRevoked"}, 2, seeds...)
}

func FuzzHeimdallURL(f *testing.F) {
	for _, s := range []string{"https://h", "http://h/a/?b#c", "HTTP://", "wss://h", "://", "https://h/v1/ws//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if len(raw) > 100 { // the fuzzer takes seconds to minimise longer ones
			return
		}
		got := heimdallURL(raw)
		if again := heimdallURL(got); again != got {
			t.Errorf("%q became %q, and then %q", raw, got, again)
		}
	})
}
