package carry

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"portti/buffer"
)

// Version is the newest version of the file that this program reads, and the
// one it writes. In version 1 a line did not say what its record is called.
const Version = 2

const (
	magic   = "queue-export"
	maxLine = 512 << 10
	crcTail = `,"crc":"`
	crcLen  = len(crcTail) + 8 + len(`"}`)
)

// Header is the first line.
type Header struct {
	Portti   string    `json:"portti"`
	Version  int       `json:"version"`
	Gateway  string    `json:"gateway"`
	Epoch    string    `json:"epoch"`
	First    uint64    `json:"first"`
	Next     uint64    `json:"next"`
	Exported time.Time `json:"exported"`
	LastGood int64     `json:"last_good_ms"`
	Boot     uint32    `json:"boot,omitempty"`
	Mono     int64     `json:"mono_ms,omitempty"`
	Boots    []Boot    `json:"boots"`
}

// Boot is one boot of the gateway's machine.
type Boot struct {
	Boot   uint32 `json:"boot"`
	ID     string `json:"id"`
	Mono   int64  `json:"mono_ms"`
	Offset *int64 `json:"offset_ms,omitempty"`
	Error  int64  `json:"error_s,omitempty"`
	Seen   int64  `json:"seen_ms,omitempty"`
}

// parseEpoch is an epoch as the buffer has it.
func parseEpoch(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 {
		return 0, fmt.Errorf("epoch %q is no number of 16 hexadecimal digits", text)
	}
	return n, nil
}

// Called is the name of records whose line says none, as in version 1, or in part.
func (h *Header) Called() buffer.Name {
	n, _ := parseEpoch(h.Epoch) // NewReader did
	return buffer.Name{Gateway: h.Gateway, Epoch: n}
}

// line is any line but the header. Pointers tell what kind it is.
type line struct {
	N        *uint64         `json:"n,omitempty"`
	After    uint64          `json:"after"`
	Epoch    string          `json:"epoch,omitempty"`
	Gateway  string          `json:"gateway,omitempty"`
	Device   string          `json:"device"`
	Class    byte            `json:"class"`
	Stream   uint32          `json:"stream"`
	Boot     uint32          `json:"boot"`
	Mono     int64           `json:"mono_ms"`
	Messages json.RawMessage `json:"messages,omitempty"`
	Undated  *string         `json:"undated,omitempty"`
	Raw      []byte          `json:"raw,omitempty"`

	Missing *[2]uint64 `json:"missing,omitempty"`
	Why     string     `json:"why,omitempty"`

	End     string  `json:"end,omitempty"`
	Records *uint64 `json:"records,omitempty"`
	SHA256  string  `json:"sha256,omitempty"`
}

// ends says whether it is the last line.
func (l *line) ends() bool { return l.End == magic && l.Records != nil }

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// seal ends a line that lacks its last brace.
func seal(b []byte) []byte {
	return fmt.Appendf(b, "%s%08x\"}\n", crcTail, crc32.Checksum(b, castagnoli()))
}

var errCRC = errors.New("its checksum does not fit")

// unseal checks a line without its "\n" and gives the JSON object without crc.
func unseal(b []byte) ([]byte, error) {
	at := len(b) - crcLen
	if at < 1 || string(b[at:at+len(crcTail)]) != crcTail || string(b[len(b)-2:]) != `"}` {
		return nil, errors.New("it has no checksum")
	}
	want, err := strconv.ParseUint(string(b[at+len(crcTail):len(b)-2]), 16, 32)
	if err != nil || uint32(want) != crc32.Checksum(b[:at], castagnoli()) {
		return nil, errCRC
	}
	return append(b[:at:at], '}'), nil
}
