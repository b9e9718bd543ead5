// Package buffer keeps records until they are proven delivered.
//
//	q, err := buffer.Open(buffer.Options{Dir: "/var/lib/portti/buffer",
//		CommitEvery: time.Second, FenceHold: 30 * time.Second, Mono: clock.Mono, BootID: id})
//	dev, err := q.Device("gps")
//	err = q.Append(class, dev, stream, record)  // any goroutine, never waits for the disk
//
//	changed := q.Changed()                      // one reader: the link
//	first, recs, err := q.Read(from, 30_000, 200)
//	err = q.Ack(first, first+uint64(len(recs))-1)
//	from, err = q.Rewind()                      // after an end that we did not ask for
//	err = q.Close()                             // commits what is left
package buffer
