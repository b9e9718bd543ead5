// Package figures measures what portti promises in numbers. It holds nothing
// but tests, most behind the build tag figures, and none fails because something
// was slow: the result is a table, each row with its budget met or missed.
//
//	make bench                       # builds bin/portti, prints the table and writes docs/figures.md, about twelve minutes
//	make bench FIGURES=long          # longer, about twenty-five minutes
//	make bench ROWS='idle|stop'      # some rows only, which leaves the page as it is
//	make bench AGAINST=HEAD~1        # what is noisy three times in turn with that commit's program, medians side by side
//
// FIGURES_BIN names another program to measure, FIGURES_BEFORE one to compare
// with; FIGURES_CARD=31m watches cards that long: the ledger is committed every 30
// minutes, which a short watch of a healthy link does not see.
//
// # Promises
//
// What is measured is the built program, started by its verb run with a file
// of configuration, read through pseudo-terminals or tcp:// ports, and sending
// to a WebSocket server in the test's process. Processor time and memory are
// the gateway's alone. Every row that moves readings also counts them: a row
// with a reading missing is a failed test.
//
// # Limits
//
// Rates and times are those of a machine that does other things as well: they
// are medians with the least and the greatest beside them, and only their
// ratios carry over to another machine. Bytes, flushes, sizes and instruction
// counts do carry over. What a card is written is counted in sectors of an
// ext4 file system of its own on a loop device (root is needed, otherwise the
// row says that it was not measured), less what an idle one beside it is
// written in the same time. A day is extrapolated from what was seen.
//
// Instructions are counted by qemu-arm-static, from its log of executed
// blocks, for everything but the scheduler, the collector, the system calls and
// the world around the gateway, as the difference between two numbers of turns. A
// benchmark of one function repeats to the last one or two; a whole line, which
// passes through several goroutines and a real folder, within one in a
// hundred. With -v its row is followed by what each package and each function takes:
//
//	go test -tags figures -v -run 'Figures/whole'
package figures
