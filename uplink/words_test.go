package uplink

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const nginxTooLarge = "<html>\r\n<head><title>400 Request Header Or Cookie Too Large</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n</body>\r\n</html>\r\n"

func TestWordsOfAServer(t *testing.T) {
	for _, c := range []struct{ name, challenge, body, want string }{
		{"nothing", "", "", ""},
		{"a challenge with a description", `Bearer realm="x", error="invalid_token", error_description="The token expired at 12:00"`, "ignored", "The token expired at 12:00"},
		{"a challenge with an error only", `Bearer realm="x",error="insufficient_scope"`, "", "insufficient_scope"},
		{"a challenge that says nothing", `Basic realm="x"`, "go away", "go away"},
		{"OAuth", "", `{"error":"invalid_client","error_description":"client is disabled"}`, "client is disabled"},
		{"OAuth without a description", "", `{"error":"invalid_client"}`, "invalid_client"},
		{"problem details (RFC 9457)", "", `{"type":"about:blank","title":"Conflict","detail":"client already connected"}`, "client already connected"},
		{"an object for the error", "", `{"status":"error","error":{"code":7,"message":"no such gateway"}}`, "no such gateway"},
		{"FastAPI's list", "", `{"detail":[{"loc":["query"],"msg":"field required"}]}`, "field required"},
		{"JSON with nothing to say", "", `{"ok":false}`, `{"ok":false}`},
		{"JSON that is cut", "", `{"message":"too lo`, `{"message":"too lo`},
		{"nginx", "", nginxTooLarge, "400 Request Header Or Cookie Too Large"},
		{"a page without a title", "", "<html><body><h1>Forbidden &amp; logged</h1>\n<p>by   rule 7</p>", "Forbidden & logged by rule 7"},
		{"a title that is empty", "", "<title> </title><p>no", "no"},
		{"a script is no word", "", "<script>var a = 1 < 2;</script><style>p{}</style>Stop", "Stop"},
		{"plain text", "", "\n  Client sent an HTTP request to an HTTPS server.\nsecond line\n", "Client sent an HTTP request to an HTTPS server. second line"},
		{"tags without end", "", "<<<<p", ""},
	} {
		if got := serverWords(http.Header{"Www-Authenticate": {c.challenge}}, []byte(c.body)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Row 93: what a server says about its refusal is in the status and in the log, in one
// clean line without secrets.
func TestServersOwnWords(t *testing.T) {
	page := func(status, ctype, more, body string) string {
		return "HTTP/1.1 " + status + "\r\nContent-Type: " + ctype + "\r\n" + more + "Connection: close\r\n\r\n" + body
	}
	for name, c := range map[string]struct{ answer, problem, says string }{
		"401 with a description": {page("401 Unauthorized", "text/plain", "WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"signature of hunter2hunter2 is wrong\"\r\n", ""),
			ProblemAuthRejected, "401 Unauthorized: signature of [secret] is wrong"},
		"403 with JSON":         {page("403 Forbidden", "application/json", "", `{"message":"gateway\u0007 is blocked"}`), ProblemForbidden, "403 Forbidden: gateway\uFFFD is blocked"},
		"409":                   {page("409 Conflict", "application/json", "", `{"detail":"client already connected"}`), ProblemRefusedLink, "409 Conflict: client already connected"},
		"426":                   {page("426 Upgrade Required", "text/plain", "Upgrade: h2c\r\n", "use HTTP/2"), ProblemProtocol, "426 Upgrade Required: use HTTP/2"},
		"nginx":                 {page("400 Bad Request", "text/html", "", nginxTooLarge), ProblemProtocol, "400 Request Header Or Cookie Too Large"},
		"a bare 400":            {page("400 Bad Request", "text/plain", "", ""), ProblemProtocol, "malformed: 400 Bad Request"},
		"an echo of the status": {page("503 Service Unavailable", "text/plain", "", "Service Unavailable\n"), ProblemServer, "503 Service Unavailable"},
		"a redirect elsewhere":  {page("302 Found", "text/html", "Location: https://new.example:8443/login?hunter2hunter2\r\n", "moved"), ProblemRedirect, "302 Found to new.example:8443"},
		"a redirect within":     {page("307 Temporary Redirect", "text/html", "Location: /v2/socket\r\n", ""), ProblemRedirect, "307 Temporary Redirect to another path of the same host"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := start(t, Options{Auth: AuthHeader, Token: staticToken(NewSecret("hunter2hunter2")), BackoffBase: 4 * time.Minute}, func(_ int, w *wire) {
					if _, err := w.request(); err == nil {
						_ = w.say(c.answer)
					}
				})
				w.run()
				time.Sleep(2 * time.Second)
				synctest.Wait()
				st := w.link.Status()
				if st.Problem != c.problem || !strings.HasSuffix(st.LastError, c.says) {
					t.Errorf("%s: %q, want %s: ...%q", st.Problem, st.LastError, c.problem, c.says)
				}
				if log := strings.Join(w.logs.lines(), "\n"); !strings.Contains(log, c.says) || strings.Contains(log, "hunter2") {
					t.Errorf("log: %s", log)
				}
				w.end()
			})
		})
	}
}

// Row 97: a server that still has the connection that broke, and says so, is asked again
// soon, and nothing is said of the token.
func TestClientAlreadyConnected(t *testing.T) {
	for name, answer := range map[string]func(w *wire){
		"1008": func(w *wire) {
			if w.accept() == nil {
				w.close(1008, "client already connected")
			}
		},
		"409": func(w *wire) {
			if _, err := w.request(); err == nil {
				_ = w.say("HTTP/1.1 409 Conflict\r\nContent-Length: 24\r\n\r\nclient already connected")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				w := start(t, Options{}, func(n int, w *wire) {
					if time.Since(began) < 20*time.Second { // then it gives the old one up
						answer(w)
						return
					}
					polite(n, w)
				})
				w.run()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				st := w.link.Status()
				if st.State != Waiting || st.Problem != ProblemRefusedLink || !strings.Contains(st.LastError, "client already connected") || strings.Contains(st.LastError, "token") {
					t.Errorf("%s, %s: %s", st.State, st.Problem, st.LastError)
				}
				time.Sleep(25 * time.Second)
				w.state(Online)
				w.end()
			})
		})
	}
}
