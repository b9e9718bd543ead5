package status

import (
	"crypto/sha256"
	"encoding/hex"
)

// MessageID is the identifier of a code in the systemd journal (MESSAGE_ID=): 128 bits
// that are the same in every version, so that the journal's catalogue finds the text.
func MessageID(code string) string {
	sum := sha256.Sum256([]byte("portti problem " + code))
	return hex.EncodeToString(sum[:16])
}
