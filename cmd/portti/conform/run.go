package conform

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The modes of acknowledgement.
const (
	Fence    = "fence"
	Count    = "count"
	Envelope = "envelope"
)

// Options say which server, and what may be done to it.
type Options struct {
	URL    string // ws:// or wss://
	Ack    string // Fence, Count or Envelope
	Header http.Header
	TLS    *tls.Config
	// Patience is how long an answer may take; 0 = 10 s.
	Patience time.Duration
	// Kill ends the server as a crash would and starts it anew; nil = not tried.
	Kill func(context.Context) error
	// Stored gives what the server stored, as JSON in any shape; nil = not looked at.
	Stored func() ([]byte, error)
}

// Verdict is how a rule was kept.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Note    Verdict = "note" // kept; something to know
	Fail    Verdict = "FAIL"
	Skipped Verdict = "skipped"
)

// Result is one rule.
type Result struct {
	Rule    string  `json:"rule"`
	Verdict Verdict `json:"verdict"`
	Says    string  `json:"sentence"` // what was seen
	TookMS  float64 `json:"took_ms"`
}

// rule is one thing that a server has to do. try returns what there is to know, and as
// an error what the server did instead.
type rule struct {
	name string
	try  func(context.Context, *gateway) (string, error)
}

// errSkip is inside the error of a rule that was not tried.
var errSkip = errors.New("not tried")

// Run tries the rules one after another and tells each result at once. The server has
// kept them all if failed is 0. An error means that no rule could be tried.
func Run(ctx context.Context, o Options, tell func(Result)) (failed int, err error) {
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	g := &gateway{o: o, id: "XXXX00CNF" + randomHex(4), sent: map[string]state{}, last: map[string]uint64{}, now: time.Now().UnixMilli()}
	rules := plainRules()
	switch o.Ack {
	case Envelope:
		rules = envelopeRules()
	case Fence, Count:
	default:
		return 0, fmt.Errorf("cannot try the mode %q: it is %s, %s or %s", o.Ack, Fence, Count, Envelope)
	}
	for i, r := range append(rules, rule{"kill", kill}, rule{"stored once", storedOnce}) {
		began := time.Now()
		says, err := r.try(ctx, g)
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		result := Result{Rule: r.name, Verdict: OK, Says: says, TookMS: float64(time.Since(began).Microseconds()) / 1000}
		switch {
		case errors.Is(err, errSkip):
			result.Verdict = Skipped
		case err != nil:
			result.Verdict, result.Says = Fail, err.Error()
			failed++
		case says != "":
			result.Verdict = Note
		}
		tell(result)
		if err != nil && i == 0 {
			return failed, nil // there is nobody to try the rest with
		}
	}
	return failed, nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}
