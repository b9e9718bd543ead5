package uplink

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
)

// twice makes two items of each record, leaves every tenth out and cannot encode number 150.
func twice(recs [][]byte) (e Encoded) {
	var items [][]byte
	for i, rec := range recs {
		switch n := numbers(fmt.Appendf(nil, "[%s]", rec))[0]; {
		case n == 150:
			e.Refuse(i, errors.New("no number"))
		case n%10 == 0:
			e.LeftOut++
		default:
			items, e.Records = append(items, bytes.Clone(rec), bytes.Clone(rec)), append(e.Records, i, i)
		}
	}
	if len(items) > 0 {
		e.Body = fmt.Appendf(nil, "[%s]", bytes.Join(items, []byte(",")))
	}
	e.TooLarge = len(items) > 50
	return e
}

// Whatever becomes of a record in the body, it is delivered, left out or set aside: by its
// own number, though items and records have different places, and in frames that fit.
func TestPostEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, largest := map[uint64]int{}, 0
		w := poststart(t, Options{Encode: twice}, func(_ int, _ *http.Request, body []byte) string {
			ns := numbers(body)
			largest = max(largest, len(ns))
			say := `{"accepted_count":1,"rejected_count":0,"errors":[]}`
			for i, n := range ns {
				got[n]++
				if n == 177 && i > 0 && ns[i-1] == n { // both its items
					say = fmt.Sprintf(`{"rejected_count":2,"errors":[{"index":%d,"error":"no such machine"},{"index":%d,"error":"no such machine"}]}`, i-1, i)
				}
			}
			return answer(207, "", say)
		})
		w.src.add(1000)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		q, st := w.src.quarantined, w.link.Status()
		if len(q) != 2 || q[150] != QuarantineRejected || q[177] != QuarantineRejected {
			t.Errorf("set aside %v", q)
		}
		if largest > 50 || st.LeftOut != 99 || st.ForeignAcks != 0 {
			t.Errorf("%d items in a body, %d left out, %d foreign", largest, st.LeftOut, st.ForeignAcks)
		}
		for n := range uint64(1000) {
			if (got[n] >= 2) != (n%10 != 0) {
				t.Errorf("record %d was sent %d times", n, got[n])
			}
		}
	})
}

// A record that cannot be encoded, alone in its frame, does not come again.
func TestPostNothingToSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		w := poststart(t, Options{MaxBatchMessages: 1, Encode: func([][]byte) (e Encoded) {
			if calls++; calls%2 == 0 {
				e.LeftOut = 1
			} else {
				e.Refuse(0, errors.New("no number"))
			}
			return e
		}}, func(int, *http.Request, []byte) string { t.Error("a request"); return "" })
		w.src.add(10)
		w.src.seal()
		w.run()
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.net.wg.Wait()
		if st := w.link.Status(); calls != 10 || st.LeftOut != 5 || len(w.src.quarantined) != 5 || st.Refusal != "no number" {
			t.Errorf("%d calls, set aside %v, %+v", calls, w.src.quarantined, st)
		}
	})
}
