package adv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"time"
)

// tagSize is how many bytes authenticate an encrypted advertisement, in all
// formats here.
const tagSize = 4

// anew is how long a tag must have counted below where it was, and have sent
// nothing above, until it counts as one that began anew, and anewLeast how many
// numbers it must have sent so.
const (
	anew      = 10 * time.Minute
	anewLeast = 3
)

// counting is by how many small steps on end a MiBeacon shows that it counts, and
// smallStep what one is at most.
const counting, smallStep = 4, 512

// Key decrypts what one tag sends, and remembers how far it has counted. It is
// for one goroutine.
type Key struct {
	block   cipher.Block
	now     time.Duration
	counter uint32 // of the newest that was authentic
	heard   bool
	steps   int // small ones on end of a MiBeacon

	low      uint32 // the newest below counter, since the newest at or above it
	lows     int    // how many of them, each above the one before; 0 = none
	lowSince time.Duration

	// What the cipher works in: slices that go through its interface would
	// otherwise be allocated each time.
	in, out [aes.BlockSize]byte
	mac     [aes.BlockSize]byte
	plain   [256]byte
}

// NewKey reads a key of 16 bytes written as 32 hexadecimal digits. The error
// does not repeat it.
func NewKey(text string) (*Key, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 16 {
		return nil, errors.New("a key has 32 hexadecimal digits")
	}
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, err
	}
	return &Key{block: block}, nil
}

// open decrypts and authenticates by AES-CCM (RFC 3610, NIST SP 800-38C) with a
// tag of four bytes behind the text. What it gives is good until the next open.
// extra is authenticated as well, 14 bytes at most.
func (k *Key) open(nonce, extra, sealed []byte) (plain []byte, ok bool) {
	n := len(sealed) - tagSize
	if n < 0 || n > len(k.plain) || len(nonce) < 7 || len(nonce) > 13 {
		return nil, false
	}
	plain = k.plain[:n]
	for i := 0; i < n; i += aes.BlockSize {
		k.stream(nonce, i/aes.BlockSize+1)
		subtle.XORBytes(plain[i:], sealed[i:n], k.out[:])
	}
	k.authenticate(nonce, extra, plain)
	k.stream(nonce, 0)
	subtle.XORBytes(k.mac[:tagSize], k.mac[:tagSize], k.out[:])
	if subtle.ConstantTimeCompare(k.mac[:tagSize], sealed[n:]) != 1 {
		return nil, false
	}
	return plain, true
}

// stream makes block i of what the text is hidden with.
func (k *Key) stream(nonce []byte, i int) {
	clear(k.in[:])
	k.in[0] = byte(14 - len(nonce)) // the counter's size, less one
	copy(k.in[1:], nonce)
	k.in[14], k.in[15] = byte(i>>8), byte(i)
	k.block.Encrypt(k.out[:], k.in[:])
}

// authenticate makes the checksum of extra and text.
func (k *Key) authenticate(nonce, extra, text []byte) {
	clear(k.mac[:])
	k.mac[0] = byte(14-len(nonce)) | (tagSize-2)/2<<3
	if len(extra) > 0 {
		k.mac[0] |= 1 << 6
	}
	copy(k.mac[1:], nonce)
	k.mac[14], k.mac[15] = byte(len(text)>>8), byte(len(text))
	k.block.Encrypt(k.mac[:], k.mac[:])
	if len(extra) > 0 {
		k.mac[1] ^= byte(len(extra))
		subtle.XORBytes(k.mac[2:], k.mac[2:], extra)
		k.block.Encrypt(k.mac[:], k.mac[:])
	}
	for ; len(text) > 0; text = text[min(aes.BlockSize, len(text)):] {
		subtle.XORBytes(k.mac[:], k.mac[:], text)
		k.block.Encrypt(k.mac[:], k.mac[:])
	}
}

// At says when the next advertisement was heard, on a clock that never steps.
// Where it is not called, a counter that went back is refused for good.
func (k *Key) At(now time.Duration) { k.now = now }

// accept takes the counter of an authentic advertisement. One that goes back is
// a recording that somebody plays, or a tag whose battery was changed: which one,
// time tells. As long as the tag itself is heard a recording is never taken. The
// same counter again is the same advertisement.
func (k *Key) accept(counter uint32) Outcome {
	if k.heard && counter < k.counter && !k.beganAnew(counter) {
		return Replayed
	}
	if counter != k.counter {
		k.lows = 0
	}
	k.counter, k.heard = counter, true
	return Good
}

// beganAnew notes a counter that went back.
func (k *Key) beganAnew(counter uint32) bool {
	switch {
	case k.lows == 0 || counter < k.low:
		k.low, k.lows, k.lowSince = counter, 1, k.now
	case counter > k.low:
		k.low, k.lows = counter, k.lows+1
	}
	return k.lows >= anewLeast && k.now-k.lowSince >= anew
}

// acceptMi takes the counter of a MiBeacon. The first sensors have a random number
// in place of its upper three bytes (Xiaomi's own mijia_ble_secure draws one for
// each advertisement), so that it is looked at only where it has been seen to count.
func (k *Key) acceptMi(counter uint32) Outcome {
	if k.steps >= counting {
		return k.accept(counter)
	}
	switch step := counter - k.counter; {
	case k.heard && step == 0:
	case k.heard && step <= smallStep:
		k.steps++
	default:
		k.steps = 0
	}
	k.counter, k.heard = counter, true
	return Good
}
