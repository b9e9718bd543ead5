// Package fleet is many gateways in one process: portti simulate --fleet. Each has the
// link that a gateway has, with its pauses after a failure and its repeats after a broken
// connection, and an identity, an epoch and a queue of its own. The queues cost no
// memory: a reading is made anew, byte for byte the same, whenever it is sent.
package fleet
