// Package chrony writes the samples that chronyd takes from its refclock driver SOCK:
// one datagram says what the machine's clock showed at a moment, and by how much it
// was wrong. See the example.
//
// A sample is a C structure in the machine's own byte order:
//
//	struct timeval tv   what the machine's clock showed
//	double offset       seconds that the true time was ahead of it
//	int pulse           0: the sample knows the whole seconds, not only their beginning
//	int leap            0: no leap second is announced
//	int padding
//	int magic           0x534f434b, "SOCK"
//
// It has 40 bytes where a time_t has 64 bits, and 32 where it has 32: on every
// 64-bit machine 40, on 32-bit ones it depends on how chronyd was built (Debian for
// armhf: 32 bits up to release 12, 64 from release 13 on). A chronyd that only knows the
// other length passes over the datagram with a line in its debug log; newer ones take
// both. So there both are sent, the shorter one first.
//
// Nothing allocates. It is chronyd that makes the socket, and decides whether and how
// the clock is set. Samples are of a resolution of 1 microsecond.
//
// Sources: the description of SOCK in chrony.conf(5) and in chrony's documentation, that of
// NTPsec's driver "sock", which takes the same datagrams; Debian's page on its
// transition to 64-bit time.
package chrony
