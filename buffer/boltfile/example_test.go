package boltfile_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"portti/buffer/boltfile"
)

// example makes a file with the bucket "fruit" and opens it for reading.
func example() (file *os.File, size int64, remove func()) {
	dir, err := os.MkdirTemp("", "boltfile")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: boltfile.PageSize})
	if err != nil {
		log.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("fruit"))
		if err != nil {
			return err
		}
		return b.Put([]byte("apple"), []byte("red"))
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
	if file, err = os.Open(path); err != nil {
		log.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		log.Fatal(err)
	}
	return file, info.Size(), func() {
		_ = file.Close()
		_ = os.RemoveAll(dir)
	}
}

func ExampleBegin() {
	file, size, remove := example()
	defer remove()
	tx, err := boltfile.Begin(file, size)
	if err != nil {
		log.Fatal(err)
	}
	fruit, err := tx.Bucket("fruit")
	if err != nil {
		log.Fatal(err)
	}
	k, v, err := fruit.First()
	for ; k != nil && err == nil; k, v, err = fruit.Next() {
		fmt.Printf("%s is %s\n", k, v)
	}
	fmt.Println(err)
	_, err = boltfile.Begin(file, 2*boltfile.PageSize) // cut short
	fmt.Println(errors.Is(err, boltfile.ErrDamaged))
	// Output:
	// apple is red
	// <nil>
	// true
}

func ExampleCursor_Skip() {
	file, size, remove := example()
	defer remove()
	tx, err := boltfile.Begin(file, size)
	if err != nil {
		log.Fatal(err)
	}
	fruit, err := tx.Bucket("fruit")
	if err != nil {
		log.Fatal(err)
	}
	damaged := 0
	for k, v, err := fruit.First(); k != nil || err != nil; k, v, err = fruit.Skip() {
		if err != nil {
			damaged++
			continue
		}
		fmt.Printf("%s is %s, in page %d\n", k, v, fruit.Element().Page)
	}
	fmt.Println(damaged, "damaged pages")
	// Output:
	// apple is red, in page 4
	// 0 damaged pages
}

func ExampleScan() {
	file, size, remove := example()
	defer remove()
	err := boltfile.Scan(file, size, func(e boltfile.Element) {
		if string(e.Key) == "apple" {
			fmt.Println(string(e.Value))
		}
	})
	fmt.Println(err)
	// Output:
	// red
	// <nil>
}
