//go:build figures

// Command reference is what one writes in an afternoon to do what portti does: lines
// from a TCP port through encoding/json into bbolt, one transaction for 200 readings,
// and as one WebSocket message to a server. It takes for delivered what it wrote, and
// loses what the server had not read. The figures measure it beside portti.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"log"
	"net"
	"time"

	"github.com/gorilla/websocket"
	bolt "go.etcd.io/bbolt"
)

const batchSize = 200

// message is a Thingsee environment message.
type message struct {
	ID   int     `json:"tsmId"`
	Ev   int     `json:"tsmEv"`
	Time float64 `json:"tsmTs"`
	Tuid string  `json:"tsmTuid"`
	Gw   string  `json:"tsmGw"`
	Temp float64 `json:"temp"`
	Humd float64 `json:"humd"`
	Airp float64 `json:"airp"`
	Lght float64 `json:"lght"`
	Seq  int     `json:"seq"`
}

func main() {
	in := flag.String("in", "", "host:port of the lines; without, what waits is sent")
	url := flag.String("url", "", "WebSocket of the server; without, everything waits")
	file := flag.String("db", "reference.db", "where readings wait")
	flag.Parse()
	db, err := bolt.Open(*file, 0o600, nil)
	must(err)
	q := &queue{db: db}
	if *url != "" {
		q.conn, _, err = websocket.DefaultDialer.Dial(*url, nil)
		must(err)
	}
	if *in != "" {
		q.read(*in)
	} else {
		for q.drain() > 0 {
		}
	}
	must(db.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

type queue struct {
	db   *bolt.DB
	conn *websocket.Conn // nil: there is none
	next uint64
}

func (q *queue) read(addr string) {
	port, err := net.Dial("tcp", addr)
	must(err)
	var batch [][]byte
	lines := bufio.NewScanner(port)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		m := message{ID: 12100, Ev: 10, Tuid: "XXXX03PNL00000001", Gw: "XXXX00TEST0000001", Time: float64(time.Now().UnixMilli()) / 1000}
		must(json.Unmarshal(lines.Bytes(), &m))
		text, err := json.Marshal(m)
		must(err)
		if batch = append(batch, text); len(batch) == batchSize {
			q.take(batch)
			batch = batch[:0]
		}
	}
	must(lines.Err())
	q.take(batch)
}

// take keeps a batch, removes the one before it, which was sent, and sends it.
func (q *queue) take(batch [][]byte) {
	first := q.next
	must(q.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("readings"))
		must(err)
		for _, text := range batch {
			must(b.Put(key(q.next), text))
			q.next++
		}
		for n := first - min(first, batchSize); q.conn != nil && n < first; n++ {
			must(b.Delete(key(n)))
		}
		return nil
	}))
	q.send(batch)
}

func (q *queue) send(batch [][]byte) {
	if q.conn != nil && len(batch) > 0 {
		array := append(append([]byte{'['}, bytes.Join(batch, []byte{','})...), ']')
		must(q.conn.WriteMessage(websocket.TextMessage, array))
	}
}

// drain sends a batch of what waits, removes it, and says how many that were.
func (q *queue) drain() (sent int) {
	must(q.db.Update(func(tx *bolt.Tx) error {
		var batch [][]byte
		c := tx.Bucket([]byte("readings")).Cursor()
		for k, v := c.First(); k != nil && len(batch) < batchSize; k, v = c.Next() {
			batch = append(batch, bytes.Clone(v))
		}
		for range batch {
			c.First()
			must(c.Delete())
		}
		q.send(batch)
		sent = len(batch)
		return nil
	}))
	return sent
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
