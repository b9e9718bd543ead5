package testbed

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// posted takes an array that is the body of a request, and answers when it is kept: the
// receiving side of engine "http".
func (r *Receiver) posted(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	over := r.ended || r.faults.refuse.Load()
	if !over {
		r.joined.Add(1)
	}
	r.mu.Unlock()
	if over {
		http.Error(w, "the receiver takes nothing now", http.StatusServiceUnavailable)
		return
	}
	defer r.joined.Done()
	r.faults.wait(req.Context())
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, r.opts.MaxFrame))
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			http.Error(w, "more than "+strconv.FormatInt(r.opts.MaxFrame, 10)+" bytes", http.StatusRequestEntityTooLarge)
		}
		return
	}
	var split splitter
	list, shape := split.elements(body)
	if shape == bad {
		r.note(func(s *Stats) { s.Frames++; s.Bad++ })
		http.Error(w, "the body must be a JSON array of messages", http.StatusBadRequest)
		return
	}
	var refused []refusal
	taken := list
	if r.forward != nil && len(list) > 0 {
		if refused, err = r.forward.send(req.Context(), list); err != nil {
			w.Header().Set("Retry-After", "5")
			http.Error(w, "the API behind this server takes nothing now", http.StatusServiceUnavailable)
			return
		}
		taken = r.passed(list, refused)
	}
	if err := errors.Join(r.setAside(refused), r.take(taken, shape, len(body))); err != nil {
		http.Error(w, "cannot store", http.StatusInternalServerError)
		r.fail(err)
		return
	}
	if r.faults.mute.Load() {
		<-req.Context().Done()
		return
	}
	if len(refused) == 0 {
		return // 200
	}
	type one struct {
		Index int    `json:"index"`
		Error string `json:"error"`
	}
	answer := struct {
		Accepted int   `json:"accepted_count"`
		Rejected int   `json:"rejected_count"`
		Errors   []one `json:"errors"`
	}{Accepted: len(taken), Rejected: len(refused)}
	for _, f := range refused {
		answer.Errors = append(answer.Errors, one{f.index, f.reason})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusMultiStatus)
	_ = json.NewEncoder(w).Encode(answer) // the client asks again where it does not arrive
}
