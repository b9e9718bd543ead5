package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// encodings are the forms of a secret that have to be found, each somewhere among others.
func encodings(secret, before, after string) map[string]string {
	all := before + secret + after
	quoted, _ := json.Marshal(secret)
	return map[string]string{
		"plain": all, "upper": before + strings.ToUpper(secret) + after,
		"query": before + url.QueryEscape(secret) + after, "path": before + url.PathEscape(secret) + after,
		"base64": base64.StdEncoding.EncodeToString([]byte(all)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(all)),
		"hex": hex.EncodeToString([]byte(all)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(all))), "json": before + string(quoted) + after,
	}
}

func TestKnownSecretsAreFoundInEveryForm(t *testing.T) {
	for _, secret := range []string{"s3cr3t-Canary+with/odd=chars", `quote"and\slash<&>kept`, "0123456789abcdef0123456789abcdef", "short"} {
		s := New(Options{Secrets: []string{secret}})
		for _, before := range []string{"", "x", "xy", "xyz"} { // each place in a group of base64
			for form, text := range encodings(secret, before, "~the end") {
				got, counts := s.Scrub([]byte(text))
				if bytes.Equal(got, []byte(text)) || counts["known secret"] == 0 {
					t.Errorf("%s of %q behind %q stays: %s", form, secret, before, got)
				}
				if strings.Contains(string(got), secret) {
					t.Errorf("%s: %s", form, got)
				}
			}
		}
	}
}

// A text that was cut somewhere holds a part of a secret.
func TestPartsOfKnownSecrets(t *testing.T) {
	secret := "canary-5d41402abc4b2a76b9719d911017c592"
	s := New(Options{Secrets: []string{secret}})
	for i := range len(secret) - Window + 1 {
		if got, _ := s.Scrub([]byte("err=" + secret[i:i+Window] + "...")); string(got) != "err="+Mark+"..." {
			t.Errorf("%d: %s", i, got)
		}
	}
}

func TestShapes(t *testing.T) {
	s := New(Options{})
	for _, c := range []struct{ in, want string }{
		{"GET /x Authorization: Bearer abc.def", "GET /x Authorization: [redacted]"},
		{`{"Authorization":"Basic dXNlcg==","n":1}`, `{"Authorization":"[redacted]","n":1}`},
		{"map[Cookie:[a=b; c=d]]", "map[Cookie:[[redacted]"},
		{"sent bearer abcdefgh12345 to it", "sent bearer [redacted] to it"},
		{"x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s-ig_ y", "x [redacted] y"},
		{"wss://user:pa55@h.example/x", "wss://[redacted]@h.example/x"},
		{"dial wss://h.example/x?token=abc&b=c#frag: refused", "dial wss://h.example/x?[redacted] refused"},
		{`url = "wss://h.example/x?token=«set, 5 characters»"`, `url = "wss://h.example/x?token=«set, 5 characters»"`},
		{"?access_token=abc&next=1", "?access_token=[redacted]&next=1"},
		{`{"refresh_token": "abc", "token": {"kind": "jwt"}}`, `{"refresh_token": "[redacted]", "token": {"kind": "jwt"}}`},
		{`{"token": 3, "has_secret": true}`, `{"token": 3, "has_secret": true}`},
		{`msg="{\"password\":\"hunter22\"}"`, `msg="{\"password\":\"[redacted]\"}"`},
		{`password = 'hunter22'`, `password = '[redacted]'`},
		{`{"password":"a\"b","n":1}`, `{"password":"[redacted]","n":1}`},
		{"psk=0011aa", "psk=[redacted]"},
		{"wifi-sec.psk: correct horse", "wifi-sec.psk: [redacted] horse"},
		{`token_file = "/etc/portti/token"`, `token_file = "/etc/portti/token"`},
		{`token_source = "file"`, `token_source = "file"`},
		{"cannot get a token: connection refused", "cannot get a token: connection refused"},
		{"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\nabc=\n-----END EC PRIVATE KEY-----\nrest", "[redacted]\nrest"},
		{`"-----BEGIN PRIVATE KEY-----\nMHcCAQEEIB\n-----END PRIVATE KEY-----\n"`, `"[redacted]\n"`},
		{"MHcCAQEEIBabcdefgh\nMHcCAQEEIBabcdefgh\n-----END EC PRIVATE KEY-----", "[redacted]"},
		{`"A4:C1:38:8D:18:B2" = "00112233445566778899aabbccddeeff"`, `"A4:C1:38:8D:18:B2" = "[redacted]"`},
		{`Authorization: Digest username="u", realm="r", response="0123abc"`, "Authorization: [redacted]"},
		{`{"Authorization":"Digest username=\"u\", response=\"0123abc\"","n":1}`, `{"Authorization":"[redacted]","n":1}`},
		{`{"err":"Authorization: Basic abc=","n":1}`, `{"err":"Authorization: [redacted]","n":1}`},
		{"X-Auth-Token: abcdef12345", "X-Auth-Token: [redacted]"},
		{"client_secret: abcdef12345", "client_secret: [redacted]"},
		{"api_key: abcdef12345", "api_key: [redacted]"},
		{"AWS_SECRET_ACCESS_KEY=abcdef12345", "AWS_SECRET_ACCESS_KEY=[redacted]"},
		{"pwd=abcdef1 pass=abcdef2 bypass=yes", "pwd=[redacted] pass=[redacted] bypass=yes"},
		{`password: "two words"`, `password: "[redacted]"`},
		{`{"err":"password: \"two words\"","n":1}`, `{"err":"password: \"[redacted]\"","n":1}`},
		{"nothing of this is one: 12:30:01 /dev/serial/by-id/usb-u-blox_7-if00", "nothing of this is one: 12:30:01 /dev/serial/by-id/usb-u-blox_7-if00"},
	} {
		got, _ := s.Scrub([]byte(c.in))
		if string(got) != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
		if again, counts := s.Scrub(got); !bytes.Equal(again, got) {
			t.Errorf("%s: a second time it becomes %s %v", c.in, again, counts)
		}
	}
}

func TestPrivate(t *testing.T) {
	s := New(Options{Private: true, Names: Names{Things: []string{"pump-7", "a4c1388d18b2"}, Hosts: []string{"gw-kuopio-07", "ingest.example.net"}}})
	for _, c := range []struct{ in, want string }{
		{"lat = 60.16952 lon=24.93545", "lat = 60.2 lon=24.9"},
		{`{"latitude":60.16,"lon":-24.9,"age_s":3.1}`, `{"latitude":60.2,"lon":-24.9,"age_s":3.1}`},
		{"polygon = [[60.16952, 24.93545], [60.2001, 25.0001]]", "polygon = [[60.2, 24.9], [60.2, 25.0]]"},
		{"$GPGLL,6010.171,N,02456.127,E", "$GPGLL,[position],N,[position],E"},
		{"A4:C1:38:8D:18:B2 and a4-c1-38-8d-18-b2", "mac-1 and mac-1"},
		{"XXXX03GPS00000001 pump-7", "device-2 device-1"},
		{`{"mmsi":230123456,"x":"230123456"}`, `{"mmsi":1,"x":"vessel-1"}`},
		{"from 192.0.2.40:443 via 192.0.2.1, fe80::1, 127.0.0.1 at 12:30:01", "from ip-1:443 via ip-2, ip-3, 127.0.0.1 at 12:30:01"},
		{"wss://other.example.net:8443/x by gw-kuopio-07 at ingest.example.net", "wss://host-3:8443/x by host-2 at host-1"},
		{"a.person@example.com", "mail-1"},
		{"60.16952N 24.93545E", "60.2N 24.9E"},
		{`60°10'10.3"N 24° 56' 7" E`, "[position] [position]"},
		{"N60 10.171 E024 56.127", "[position] [position]"},
		{"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24", "!AIVDM,1,1,,A,[position],0*24"},
		{"Serial\t\t: 10000000abcd1234", "Serial\t\t: serial-1"},
		{"1-1.2\tserial=A50285BI\tspeed=12", "1-1.2\tserial=serial-2\tspeed=12"},
		{"/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0", "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_serial-2-if00-port0"},
		{"serial: cannot open it", "serial: cannot open it"},
		{"enxb827ebcd1234", "enxmac-2"},
		{"portti 1.4.0, 2001:db8::7/64", "portti 1.4.0, ip-4/64"},
	} {
		if got, _ := s.Scrub([]byte(c.in)); string(got) != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	text := []byte("first\nsecond\nthird\n")
	for _, c := range []struct {
		most int
		last bool
		want string
	}{{100, true, string(text)}, {9, true, "third\n"}, {6, true, "third\n"}, {5, true, ""}, {9, false, "first\n"}, {13, false, "first\nsecond\n"}, {3, false, ""}} {
		if got, left := Lines(text, c.most, c.last); string(got) != c.want || left != len(text)-len(c.want) {
			t.Errorf("%+v: %q, %d left out", c, got, left)
		}
	}
}

func Example() {
	s := New(Options{Secrets: []string{"open-sesame-42"}})
	text, counts := s.Scrub([]byte("the server refused open-sesame-42"))
	fmt.Println(string(text), counts)
	// Output: the server refused [redacted] map[known secret:1]
}

// FuzzKnown: whatever stands around a secret, nothing of it stays.
func FuzzKnown(f *testing.F) {
	f.Add("canary-0123456789", "before", "after")
	f.Add("\"\\<>&%+/= canary", "{", "\n")
	f.Add("123456789012345", "1", "2")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		secret = strings.TrimSpace(secret)
		if len(secret) < Window || len(secret) > 200 || len(before)+len(after) > 1000 {
			return
		}
		s := New(Options{Secrets: []string{secret}})
		for form, text := range encodings(secret, before, after) {
			got, _ := s.Scrub([]byte(text))
			if bytes.Contains(got, []byte(secret)) {
				t.Errorf("%s of %q stays in %q", form, secret, got)
			}
		}
	})
}

// FuzzShapes: no text makes it fail, and what was scrubbed stays as it is.
func FuzzShapes(f *testing.F) {
	for _, text := range []string{"Authorization: Bearer abc", `"password":"x"`, "wss://u:p@h/x?t=1#f", "lat=60.1234", "A4:C1:38:8D:18:B2 = 00112233445566778899aabbccddeeff", `token = "a\"b`, "-----BEGIN X-----\n", "mmsi 230123456"} {
		f.Add(text)
	}
	s := New(Options{Private: true, Names: Names{Hosts: []string{"host.example"}, Things: []string{"XXXX03GPS00000001"}}})
	f.Fuzz(func(t *testing.T, text string) {
		got, _ := s.Scrub([]byte(text))
		if !utf8.Valid(got) && utf8.ValidString(text) {
			t.Errorf("%q is no text any more: %q", text, got)
		}
	})
}

// TestJSONStaysJSON holds for what a status document has in it.
func TestJSONStaysJSON(t *testing.T) {
	s := New(Options{Secrets: []string{"canary-0123456789", "123456"}, Private: true})
	doc, err := json.Marshal(map[string]any{"token": "a\"b\\", "n": 5123456.5, "m": 123456, "lat": 60.123456, "mmsi": 230123456,
		"err": `dial "wss://u:canary-0123456789@h.example/x?token=1#x": refused`, "line": `{"password":"canary-0123456789","psk":"x"}`})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Scrub(doc); !json.Valid(got) || bytes.Contains(got, []byte("canary")) {
		t.Errorf("%s\nbecomes %s", doc, got)
	}
}
