// Package conform plays a gateway to a server that somebody wrote by
// docs/receivers.md, and says which rules of that page it keeps: repeats, gaps, lost
// acknowledgements, several epochs, a copied card, a kill.
//
// A gateway loses nothing at a server that passes; what is seen from outside alone is
// what the server answers. Whether it stored what it acknowledged, and once, is seen
// where it is given a way to what the server stored.
//
// The messages are real ones of a thing that no gateway has. A server that is in use
// stores them with the rest.
package conform
