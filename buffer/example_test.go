package buffer_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"portti/buffer"
)

// open opens a queue in dir; a gateway takes the monotonic time and the boot's id
// from the kernel.
func open(dir string) *buffer.Queue {
	began := time.Now()
	q, err := buffer.Open(buffer.Options{Dir: dir, CommitEvery: time.Second, FenceHold: 30 * time.Second,
		Mono: func() int64 { return time.Since(began).Milliseconds() }, BootID: [16]byte{1}})
	if err != nil {
		log.Fatal(err)
	}
	return q
}

// send is the link: the one reader of a queue. It ends where a sealed queue does.
func send(q *buffer.Queue) error {
	at, _ := q.Bounds()
	for {
		changed := q.Changed() // before Read, or a wake-up is missed
		first, entries, err := q.Read(at, 30_000, 200)
		if errors.Is(err, io.EOF) {
			return q.Forget() // we end it, with every proof in; otherwise Rewind
		}
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			<-changed
			continue
		}
		for _, e := range entries {
			fmt.Printf("%s\n", e.Rec)
		}
		at = first + uint64(len(entries))
		if err := q.Ack(first, at-1); err != nil { // when the server has proven them
			return err
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "buffer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	q := open(dir)
	dev, err := q.Device("gps")
	if err != nil {
		log.Fatal(err)
	}
	for _, rec := range []string{"one", "two", "three"} {
		if err := q.Append(0, dev, 1, []byte(rec)); err != nil { // any goroutine; never waits for the disk
			log.Fatal(err)
		}
	}
	q.Seal()
	if err := send(q); err != nil {
		log.Fatal(err)
	}
	if err := q.Close(); err != nil { // commits what is left
		log.Fatal(err)
	}
	total, _ := q.Ledger()
	fmt.Println(total.Read, "read,", total.Acked, "acknowledged,", total.Waiting, "waiting")
	// Output:
	// one
	// two
	// three
	// 3 read, 3 acknowledged, 0 waiting
}

// A link that ended in any way that we did not ask for is followed by Rewind:
// what was acknowledged, and may have been lost by the server since, is read
// again.
func ExampleQueue_Rewind() {
	dir, err := os.MkdirTemp("", "buffer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	q := open(dir)
	defer q.Close()
	if err := q.Append(0, 0, 1, []byte("one")); err != nil {
		log.Fatal(err)
	}
	if err := q.Ack(1, 1); err != nil {
		log.Fatal(err)
	}
	at, err := q.Rewind()
	if err != nil {
		log.Fatal(err)
	}
	_, entries, err := q.Read(at, 30_000, 200)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d %s\n", at, entries[0].Rec)
	// Output: 1 one
}
