package uplink

import "encoding/json"

// maxCountMessage is longer than any {"ack":n}, white space included. A longer
// message is not read.
const maxCountMessage = 128

// parseCount reads {"ack":n}, n a whole number. Other members are allowed and
// ignored; anything else is not an acknowledgement.
func parseCount(text []byte) (n uint64, ok bool) {
	if len(text) > maxCountMessage {
		return 0, false
	}
	var m struct {
		Ack *uint64 `json:"ack"`
	}
	if json.Unmarshal(text, &m) != nil || m.Ack == nil {
		return 0, false
	}
	return *m.Ack, true
}
