// Package dualmcu speaks the Dual-MCU protocol of a Wirepas Mesh sink on a serial
// line: SLIP, frames with a CRC, requests, confirms, indications and fragments.
//
// Scanner cuts a byte stream into frames; Frame.Append writes one. ParseData reads
// what a node of the mesh sent, and Packets joins what came in fragments. See the
// example.
//
// It promises that a Scanner, Frame.Append and Packets allocate nothing, that no
// frame is given whose CRC or length is wrong, that the time taken grows with the
// bytes alone, and that a packet is given only when each of its bytes has come.
//
// # The wire
//
//	C0 C0 C0 | 04 03 00 0F 45 | C0
//
//	C0      END: the host sends three before a frame, the sink one; one behind it.
//	        C0 within a frame is DB DC, DB is DB DD.
//	04      primitive, here MSAP-INDICATION_POLL.request
//	03      frame id: a confirm or response has that of its request or indication
//	00      length of the payload, which stands here
//	0F 45   CRC-16/CCITT-FALSE of all before it, little-endian, escaped like the rest
//
// All integers are little-endian. A confirm (to the host) and a response (to the
// sink) are the primitive + 0x80. A sink that receives a frame with a wrong CRC
// confirms with FFFF in place of the CRC. It sends indications only when it is polled:
// the confirm of a poll says whether one follows, each indication whether more wait,
// and the response to it whether the next is wanted now. One whose response did not come
// through it sends again, under the same frame id, its travel time grown by the wait.
//
// # Limits
//
// Frames that write to the sink are Frame values like all others; only those that a
// reader needs have functions. Scratchpads (over-the-air updates) are left out.
//
// Sources: the Dual-MCU API as Wirepas' own library implements it,
// https://github.com/wirepas/c-mesh-api (Apache-2.0), and a session recorded of that
// library; how a sink behaves, as DualMcuAPI.md and the firmware in
// https://github.com/wirepas/wm-sdk describe it (Wirepas' own licence, nothing of it is
// used here). CRC: "CRC-16/CCITT-FALSE" (CRC-16/IBM-3740) of the catalogue of
// parametrised CRC algorithms; SLIP: RFC 1055. No sink with a radio was at hand.
package dualmcu
