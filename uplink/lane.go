package uplink

// lane is one of the rows in which records travel. Within a lane numbers rise.
type lane uint8

const (
	laneMain  lane = iota // everything, oldest first
	laneFresh             // what came after the connection began, while a backlog goes by the main lane
	lanes
)
