package status

// Downlink counts what the server asked since the start: received =
// executed + refused + repeated + ignored, but for what is in hand.
type Downlink struct {
	Received uint64 `json:"received"` // messages; one that is not understood counts once
	Executed uint64 `json:"executed"` // carried out and answered
	Refused  uint64 `json:"refused"`  // meant for this gateway or a device of it, and not carried out
	Repeated uint64 `json:"repeated"` // came again and was answered again
	Ignored  uint64 `json:"ignored"`  // everything else
}
