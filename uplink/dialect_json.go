package uplink

import (
	"encoding/json"
	"errors"
	"slices"
)

// kindMalformed counts the messages that are not JSON, in every dialect that
// looks into messages.
const kindMalformed = "malformed"

// parse reads a message into a struct of the members that matter. A member of
// another type than expected stays as it was, and of members with the same name
// the last one counts. It returns false when the message is not JSON.
// encoding/json looks at the whole text first, gives up at 10,000 levels and
// keeps nothing of members that nobody asked for.
func parse(message []byte, into any) bool {
	var syntax *json.SyntaxError
	return !errors.As(json.Unmarshal(message, into), &syntax)
}

// joinReason joins the server's name for what happened with its reason.
func joinReason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// subscriptions makes one message for each channel, whose name stands between
// before and after.
func subscriptions(channels []string, before, after string) [][]byte {
	var all [][]byte
	for _, c := range channels {
		name, _ := json.Marshal(c)
		all = append(all, slices.Concat([]byte(before), name, []byte(after)))
	}
	return all
}
