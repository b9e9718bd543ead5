// Package uplink carries finished records to a WebSocket server and knows when
// they have arrived.
//
// New makes a Link and Run delivers a Source with it: it dials, sends, waits for
// proof and dials again, for ever. Status says what it is doing, Wake makes it
// try now, Idle feeds a watchdog. See the example.
//
// # Frames
//
// A frame is '[' + records joined by ',' + ']', one text message in one
// WebSocket frame: some receivers cannot put fragments together. A record is
// sent at once on a quiet link; a backlog goes in frames of up to
// MaxBatchMessages records and MaxBatchBytes bytes. A record larger than that
// goes alone. Repeats are cut where they were cut before as long as the
// process lives, so a receiver can tell them by a hash of the frame.
//
// # Proof
//
// A successful write proves nothing. With ack "fence" a ping follows each
// batch, at most one is outstanding, and its pong proves that the server's
// WebSocket endpoint has read every byte before it: readings then survive any
// loss of the network. It does not prove that the application behind the
// endpoint has done anything with them. That is what the queue's hold is for:
// after an end that nobody asked for, what was proven a short while ago is
// sent again, once. A front that answers pings itself (some cloud gateways)
// makes a fence prove only that the front has the data; use "count" there.
//
// With "count" the server's application sends {"ack":n} after its n-th message
// of the connection. With "envelope" (subprotocol thingsee-batch.v1) a batch
// names its gateway, the epoch of the numbering and the number of its first
// record, and the application says up to which record it has stored: it can
// tell every repeat by one number kept per gateway and epoch, and refuse a
// single record, which is then set aside alone. What it claims beyond what was
// sent proves nothing, and a number that was never given to a record means that
// the numbering was set back: the queue is notified, and begins a new epoch. With
// "none" written is taken for delivered once it is AckDelay old: delivery is
// not proven, and readings can be lost.
//
// A connection begins with one frame, then 60,000 unproven bytes, doubling per
// proof up to Window, less on a line too slow to answer that within half of
// PongTimeout. When three connections in a row bring no message at all of the
// server while data is on the way, frames get smaller, down to 1,000 bytes:
// a path that swallows large packets still lets those through.
//
// # Order, rate and hours
//
// With OrderFreshFirst a connection that begins with a backlog has two lanes:
// what is older than the connection goes oldest first, what comes then goes at
// once and waits for one frame of the backlog at most. Both share one flight, so
// proof is as exact as with one lane; they merge when the backlog is through.
// DrainRate holds the backlog back in either order, Schedule names the hours in
// which the link may be up, and Compression offers permessage-deflate.
//
// # Who comes
//
// With Options.Start every upgrade says in two headers which gateway comes and
// which start of its process; never where the token goes by query. A server that
// sees two starts of one gateway alternate may send
// {"type":"notice","code":"identity-in-use"}, in every dialect and mode: Status
// says so until a connection has lasted ten minutes without another one. A
// resume below what was acknowledged in this process is a Setback: the server
// has lost those records, and the queue does not have them any more.
//
// # Ends
//
// What to do after each end stands in one table, endPolicies. Delays have
// full jitter and are counted in three classes (network, server busy, refused);
// they start anew only after proof and 60 s up, 120 s where the connection ends as
// the one before did. After a refusal a pong counts only on a connection that has
// outlived Hold, since the library answers pings and the application refuses. Status
// keeps what ended the link until one lasts. A record that the server
// refuses again and again, alone in flight, is set aside; those that an envelope's
// server refuses are set aside together, every ten seconds. The limit of a frame
// learned from close code 1009 is kept in LimitsFile.
//
// # Servers
//
// The addresses of a name are tried 250 ms apart, IPv6 and IPv4 in turn, each as far
// as TLS (RFC 8305). The first that stands is asked for the WebSocket, and no other
// meanwhile; where nothing comes of it the next one has its turn.
//
// With several addresses an end that may be the server's fault leads to the
// next one at once, and to a pause only after the last. From another than the
// first the link goes back to it after 10 minutes, in order and with nothing in
// flight, and ever more rarely (6 h) while the first cannot be reached. The limit of a
// frame and the epoch belong to the address, and what was sent to one and not
// proven is sent to the next.
//
// # Dialects
//
// A dialect says how the address is made, how the token is presented, what the
// server's messages mean and what counts as a sign of life: one file for each. Only
// "thingsee" is documented to take arrays; the others carry them where the
// operator's server does. A token that goes as the first message may be checked
// after pings are answered already, so where proof is a pong nothing is sent
// before the server's first message or AuthSettle.
//
// # Secrets
//
// A token is a Secret, which does not print. Errors, log and Status name the
// server by scheme and host only; foreign text is cleaned of every known
// secret, of control characters, and cut at 200 bytes. Redirects are never
// followed and TLS below 1.2 is refused, so a token reaches the configured
// host and nobody else. A fragment in the URL can never reach a server and is
// refused unless HashAs says what it stands for.
//
// # Limits
//
// Server messages above MaxMessage, and those beyond 50 a second, are counted and
// passed over. More than 1,000 a second, one above 1 MiB and MaxMessage, 50 foreign control
// frames a second, a message that takes over 10 s, and more than 4 MiB a
// second end the link. What neither acknowledges nor belongs to the dialect is
// counted and handed to Downlink, and nothing here acts upon it.
//
// # Another link
//
// Leave ends Run in order for another Link, made by other Options, to go on with the same
// Source. Without an address a Link waits: Status says so, and the Source keeps what it has.
//
// # Concurrency
//
// Run calls the Source from its own goroutine, one call at a time, and joins
// every goroutine it started. Status, Wake and Idle are safe from anywhere.
//
// Sources: RFC 6455 sections 5.5 and 7.4, the IANA registry of close codes,
// RFC 9110 section 10.2.3 (Retry-After), and the measurements named next to
// the constants.
package uplink
