package uplink_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorilla/websocket"

	"portti/uplink"
)

// records is the least that a Source can be: records 1, 2, 3 ... in memory, to
// which none will be added.
type records struct {
	all   []string
	first uint64 // not released yet
}

func (r *records) Read(from uint64, _, maxRecs int) (uint64, [][]byte, error) {
	if _, next := r.Bounds(); from >= next {
		return 0, nil, io.EOF
	}
	var recs [][]byte
	for _, rec := range r.all[from-1:] {
		if len(recs) == maxRecs {
			break
		}
		recs = append(recs, []byte(rec))
	}
	return from, recs, nil
}

func (r *records) Ack(from, through uint64) error {
	fmt.Println("proven:", from, "to", through)
	r.first = through + 1
	return nil
}

func (r *records) Rewind() (uint64, error) { return r.first, nil }
func (r *records) Forget() error           { return nil }
func (r *records) Quarantine(n uint64, reason string) error {
	return fmt.Errorf("record %d: %s", n, reason)
}
func (r *records) Bounds() (first, next uint64) { return r.first, uint64(len(r.all)) + 1 }
func (r *records) Changed() <-chan struct{}     { return nil }

// A link delivers a queue to a server that does no more than answer pings.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("presented:", r.Header.Get("Authorization"))
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			_, text, err := conn.ReadMessage() // answers pings, too
			if err != nil {
				return
			}
			fmt.Printf("received: %s\n", text)
		}
	}))
	defer server.Close()
	dir, err := os.MkdirTemp("", "uplink")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	token := filepath.Join(dir, "uplink-token")
	if err := uplink.WriteSecret(token, dir, []byte("t0ken\n")); err != nil {
		fmt.Println(err)
		return
	}

	link, err := uplink.New(uplink.Options{
		URL:   "ws" + strings.TrimPrefix(server.URL, "http"),
		Token: uplink.NewFileToken(token),
		Log:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	queue := &records{all: []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}, first: 1}
	err = link.Run(context.Background(), queue) // until the queue gives io.EOF and all is proven
	fmt.Println("ended:", err, link.Status().Proven)
	// Output:
	// presented: Bearer t0ken
	// received: [{"n":1},{"n":2},{"n":3}]
	// proven: 1 to 3
	// ended: <nil> 3
}
