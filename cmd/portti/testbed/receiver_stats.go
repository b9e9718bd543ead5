package testbed

import (
	"fmt"
	"strings"
)

// Stats is what a Receiver has seen since it was made.
type Stats struct {
	Connections int64 // that completed the handshake
	Open        int64 // of those, now
	Refused     int64 // handshakes refused for a missing or wrong token
	Frames      int64 // data frames handled
	Bytes       int64 // in those frames
	Messages    int64 // Thingsee messages in those frames
	Distinct    int64 // messages whose tsmTuid, tsmId and tsmTs came for the first time
	Repeats     int64 // Messages - Distinct
	Changed     int64 // of the repeats, those whose bytes differ from the first: a sender's fault
	Bare        int64 // frames that were one object where an array is due; taken all the same
	Bad         int64 // frames that are no JSON array of objects, and messages without a key (those count as distinct)
	Commands    int64 // control messages of the dialect
	Skipped     int64 // records of batches that were stored before: acknowledged, not written again
	Nacked      int64 // records of batches that can never be taken, as answered
	SetAside    int64 // messages that the API refused for ever, and bad frames, in the file Options.Aside
	Forwarded   int64 // messages that the API took
	Subscribers int64 // at the fan-out, now
	Dropped     int64 // subscribers that were too slow
	InUse       int64 // connections by which an id was seen to be used by two gateways
	Forgotten   bool  // the table of keys was full once, so Distinct may count a late repeat
}

// Summary is the numbers as a sentence for people.
func (s Stats) Summary() string {
	text := fmt.Sprintf("%s in %s over %s; %d distinct, %d came again",
		count(s.Messages, "message"), count(s.Frames, "frame"), count(s.Connections, "connection"), s.Distinct, s.Repeats)
	for _, n := range []struct {
		count      int64
		noun, what string // where there is no noun, messages are meant
	}{
		{s.Changed, "", " came again with other bytes"},
		{s.Bare, "object", " without an array"},
		{s.Bad, "bad message", ""},
		{s.Refused, "handshake", " refused for the token"},
		{s.Skipped, "", " stored before"},
		{s.Nacked, "record", " answered by nack"},
		{s.Forwarded, "", " taken by the API"},
		{s.SetAside, "", " set aside"},
		{s.Dropped, "subscriber", " too slow"},
		{s.InUse, "connection", " under an id that another gateway uses too"},
	} {
		if n.count > 0 {
			text += "; " + count(n.count, n.noun) + n.what
		}
	}
	return text
}

// count is a number with its noun: 1 message, 2 messages.
func count(n int64, noun string) string {
	if n != 1 && noun != "" {
		noun += "s"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, noun))
}

// add adds what one frame counted.
func (s *Stats) add(n Stats) {
	s.Frames += n.Frames
	s.Bytes += n.Bytes
	s.Messages += n.Messages
	s.Distinct += n.Distinct
	s.Changed += n.Changed
	s.Bare += n.Bare
	s.Bad += n.Bad
	s.Skipped += n.Skipped
	s.Nacked += n.Nacked
}
