package carry_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"portti/buffer"
	"portti/cmd/portti/carry"
)

// A file is written from a queue, here one with a single record, and read.
func Example() {
	each := func(record func(buffer.Record) error, _ func(first, last uint64, why string) error) error {
		return record(buffer.Record{Number: 7, Name: "gps", Entry: buffer.Entry{Rec: []byte(`{"tsmId":1210}`)}})
	}
	var file bytes.Buffer
	head := carry.Header{Gateway: "XXXX00EFS80560445", Epoch: "00000000000000ff", First: 7, Next: 8}
	sum, err := carry.Write(&file, head, each)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("written:", sum.Records)

	r, err := carry.NewReader(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) { // the end, cut or not
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		if item.Record != nil {
			fmt.Printf("%d of %s: %s\n", item.Record.Number, item.Record.Name, item.Record.Rec)
		}
	}
	fmt.Println("complete:", r.Complete() == nil)
	// Output:
	// written: 1
	// 7 of gps: {"tsmId":1210}
	// complete: true
}
