// Package web is the gateway's local page: the status document for a browser, in
// English and Finnish, readable without script, and the guards in front of it.
//
// A Page holds what the server of a moment needs and outlives it: who is signed in,
// and the links by which somebody may. Handler is what a server serves; the one for
// HTTPS and the one for plain HTTP on loopback know each other's sessions apart.
//
// # Promises
//
// Every request passes, in this order: the names under which this machine may be
// asked, the cross-origin check of net/http, the session, what its role may do, and
// the limit of its body. Nobody signs in but by a link, which is good once, for ten
// minutes, and comes from the control socket; there are no passwords. A GET changes
// nothing. At most 32 sessions, 16 links and 8 event streams exist at a time. What a
// session does is logged with its ID; the same asked for twice in a row is done once.
//
// Text from devices and servers is written by one function that escapes it, and
// reaches the script as text of a node, never as markup.
//
// A file that is handed out is made while it is taken, piece by piece, and never whole in
// memory or on the card. Who takes nothing, or is signed out, gets no more of it, and a part
// of it does not look like the whole.
//
// While nobody looks nothing runs: no timer, no goroutine, and neither the assets nor
// the Finnish catalogue have been unpacked before the first request. Sessions live in
// memory and end with the process, so nothing is written to the card.
package web
