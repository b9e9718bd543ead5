package web

import (
	"net/http"
	"sync/atomic"
)

// counts is what was asked of the page since the start.
type counts struct {
	answers  [3][4]atomic.Uint64 // by method and class, in the order of methods and classes
	rejected [4]atomic.Uint64    // in the order of reasons
}

// Why a request is turned away.
const (
	rejectedHost    = iota // by a name that is not this machine's
	rejectedOrigin         // by another web page
	rejectedSession        // without a session, or by a link that is not good
	rejectedRate           // after too many failed sign-ins
)

func methods() [3]string { return [...]string{http.MethodGet, http.MethodPost, "other"} }
func classes() [4]string { return [...]string{"2xx", "3xx", "4xx", "5xx"} }
func reasons() [4]string { return [...]string{"host", "origin", "session", "rate"} }

// Answers tells how many requests were answered, by the class of the status and by the method.
func (p *Page) Answers(tell func(code, method string, n uint64)) {
	for m, method := range methods() {
		for c, class := range classes() {
			tell(class, method, p.counts.answers[m][c].Load())
		}
	}
}

// Rejected tells how many requests were turned away, by why.
func (p *Page) Rejected(tell func(reason string, n uint64)) {
	for i, reason := range reasons() {
		tell(reason, p.counts.rejected[i].Load())
	}
}

// counted is an answer that is counted when it begins.
type counted struct {
	http.ResponseWriter
	counts *counts
	method string
	begun  bool
}

// Unwrap is for http.ResponseController.
func (w *counted) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader is part of http.ResponseWriter.
func (w *counted) WriteHeader(code int) {
	w.begin(code)
	w.ResponseWriter.WriteHeader(code)
}

// Write is part of http.ResponseWriter.
func (w *counted) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

func (w *counted) begin(code int) {
	if w.begun || code < 200 {
		return
	}
	w.begun = true
	m := 2
	for i, method := range methods() {
		if method == w.method {
			m = i
		}
	}
	w.counts.answers[m][min(code/100-2, 3)].Add(1)
}
