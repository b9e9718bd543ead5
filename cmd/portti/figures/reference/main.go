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
	if err := run(*in, *url, *file); err != nil {
		log.Fatal(err)
	}
}

func run(in, url, file string) error {
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	q := &queue{db: db}
	if url != "" {
		if q.conn, _, err = websocket.DefaultDialer.Dial(url, nil); err != nil {
			return err
		}
		defer q.conn.Close()
	}
	if in == "" {
		return q.drain()
	}
	return q.read(in)
}

type queue struct {
	db   *bolt.DB
	conn *websocket.Conn // nil: there is none
	next uint64
}

func (q *queue) read(addr string) error {
	port, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer port.Close()
	var batch [][]byte
	for lines := bufio.NewScanner(port); ; {
		more := lines.Scan()
		if more && len(lines.Bytes()) > 0 {
			m := message{ID: 12100, Ev: 10, Tuid: "XXXX03PNL00000001", Gw: "XXXX00TEST0000001", Time: float64(time.Now().UnixMilli()) / 1000}
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				return err
			}
			text, err := json.Marshal(m)
			if err != nil {
				return err
			}
			batch = append(batch, text)
		}
		if len(batch) == batchSize || !more && len(batch) > 0 {
			if err := q.take(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		if !more {
			return lines.Err()
		}
	}
}

// take keeps a batch, removes the one before it, which was sent, and sends it.
func (q *queue) take(batch [][]byte) error {
	first := q.next
	err := q.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("readings"))
		if err != nil {
			return err
		}
		for _, text := range batch {
			if err := b.Put(key(q.next), text); err != nil {
				return err
			}
			q.next++
		}
		for n := first - min(first, batchSize); q.conn != nil && n < first; n++ {
			if err := b.Delete(key(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || q.conn == nil {
		return err
	}
	return q.send(batch)
}

func (q *queue) send(batch [][]byte) error {
	array := append(append([]byte{'['}, bytes.Join(batch, []byte{','})...), ']')
	return q.conn.WriteMessage(websocket.TextMessage, array)
}

// drain sends what waits and removes each batch.
func (q *queue) drain() error {
	for sent := 1; sent > 0; {
		err := q.db.Update(func(tx *bolt.Tx) error {
			var batch [][]byte
			c := tx.Bucket([]byte("readings")).Cursor()
			for k, v := c.First(); k != nil && len(batch) < batchSize; k, v = c.Next() {
				batch = append(batch, bytes.Clone(v))
			}
			if sent = len(batch); sent == 0 {
				return nil
			}
			for range batch {
				c.First()
				if err := c.Delete(); err != nil {
					return err
				}
			}
			return q.send(batch)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
