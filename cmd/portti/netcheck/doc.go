// Package netcheck goes the way to the server stage by stage and says where it ends:
// the clock, the interface, the name, the connection, the proxy, TLS, the upgrade to a
// WebSocket, the login, and whether pings come back, small ones and such as fill a packet.
//
// Run is given a Host, which does all that touches the machine and the network, and
// tells of each Stage as it ends. A stage that makes no sense after one that failed is
// skipped and says so.
//
// # Promises
//
// No reading is sent, nothing is changed, and no secret is shown. What a connection comes
// to is judged by package uplink, which does it for the running gateway too: there is no
// second opinion here.
//
// The link of a running gateway that is online is not disturbed: some servers end the
// older of two connections that log in as one. Nothing logs in then; what the gateway
// has proven stands in place of upgrade, login and echo.
package netcheck
