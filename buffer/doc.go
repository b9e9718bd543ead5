// Package buffer keeps records until they are proven delivered. A record is
// opaque bytes with a number, a class, a device and a stream.
//
// Any number of goroutines append, and Append never waits for the disk. One
// reader, the link, reads from Bounds on and acknowledges what the server has
// proven. Its end is Rewind where we did not ask for it, and Forget where we
// did, with every proof in. See the examples.
//
// # Promises
//
// A record is accepted when it is committed, or acknowledged before its commit
// was due. An accepted record is handed out until it was acknowledged and its
// hold is over, or the ledger says why not. At any moment, for each device and
// for all, read = acked + waiting + quarantined + lost, by reason.
//
// Each of these is counted where it happens: read when a record comes, released
// when its hold is over, lost and quarantined when it is given up or set aside, what
// waits from what is there, what is held from the acknowledgements. None is the
// rest, so a difference shows. The counts of all devices and the numbers that they
// have counted as through are one value, written in every commit and in the state
// file, and the newest one counts as a whole. A start compares it with the records
// that are there: what is missing is lost (corrupt, or rollback where a sound file
// was set back), to the reading and by device, whichever files went; what is there
// and in no ledger raises read, and is said. Where the newest file and what was to
// tell of it are gone both, the loss says AtLeast and AtMost. A file is unlinked only
// after a synced note that counts its records.
//
// A power cut costs at most the records of the last CommitEvery that were not
// acknowledged; with CommitEvery 0 nothing that was ever handed out. While the disk
// cannot be written, or is full to MaxSize with DropNewest, what came since waits in
// memory only, and a cut costs that. Over a kill or
// a cut read, acked and accepted may fall by the same amount: what was acknowledged
// and never committed. Lost and quarantined do not fall over a kill that comes a
// second after, nor over a cut that comes a minute after. Records released since the
// last note of it (10,000 from disk, or a minute after the disk part was drained)
// wait and are sent again.
//
// Numbers rise and are never used twice within an epoch. They have gaps, so
// nobody may compute a count from two of them.
//
// Read hands out in number order. A record is replayed because of the hold at
// most once: proven a second time it is released at once. The hold covers one
// crash of the server, not two in a row.
//
// Open succeeds in whatever state the disk is. A disk that fails later stops
// nothing: the queue works from memory, says so in Stats and tries again after
// 1 s, 2 s and so on up to a minute. When memory is full of readings that the
// disk does not take, the oldest are counted as lost with reason io (with
// DropNewest Append says ErrFull instead); while the disk is merely slow Append
// says ErrFull and the caller waits for NotFull or calls Lose.
//
// No file ends the process. bbolt opens nothing but files that this process made,
// and nothing is read through it: it maps a file into memory and believes what it
// finds there. All reading goes page by page through boltfile, where a page that
// the disk cannot deliver is an error. A fault while a file is written, of the disk,
// of memory or a panic of bbolt, ends the use of that file and nothing else: its
// last commit is never trusted, and the same records go to a new file at once. A
// second failure in a row is the disk's.
//
// Damaged is a file that was read and found wrong. One that cannot be read now, as
// with EIO on a card that stutters or for want of descriptors, is waited for: it is
// not renamed, removed or counted. Readers pass over it after 3 s, and what is in it
// is handed out when it can be read. A start that cannot read its files works from
// memory and looks again after 1, 2 and 4 s; then it goes on without those that the
// disk does not deliver.
//
// Damage costs what is damaged. A value with a wrong checksum is set aside in
// quarantine.log, a file with a broken tree is read page by page, rewritten
// with what is sound and kept as .damaged-<n>; the rest is counted as corrupt. A
// file that was renamed, exchanged or copied is taken under the numbers it holds.
//
// A record is known outside by its Name, a gateway and an epoch, and its number.
// Each start has an epoch of its own, and a record keeps the name that it was first
// given for ever: it stands in its segment, so that no state file, lost or set back,
// renames it, and two gateways with a copy of one card never use the same name for
// two records. A receiver keeps one highest number of each name and takes all below
// it for known. So nothing is handed out by a name of which lower records wait in a
// file that readers go by: until the process ends, what lies above it goes by another
// name, and so does what a start could not read. A receiver may have such a record
// twice, as after a cut. What waits when the server acknowledges a number that was
// never given gets another name too.
//
// Beside that the queue as a whole has an epoch, by which an import knows what is its
// own. A state file that is missing, damaged or older than the segments next to it
// begins a new one, and Stats and the log say so (BUF-ROLLBACK). The survivors keep
// their numbers: all new ones are above them and above whatever is present. Numbers
// are reserved on disk a million at a time, though no name needs that: it bounds how
// many readings may have been in a newest file that is lost with what told of it,
// shows a state file that was set back, and says what is above a file that cannot be
// read. At 10 readings a second that is a write in 14 hours.
//
// A folder that another disk was mounted over, or whose disk was taken away, is
// left alone until its own state file shows there again; meanwhile the queue works
// from memory.
//
// # Limits
//
// 65,513 bytes a record; 32,767 devices; 8 MB of records in memory, of which
// from 4 MB on acknowledged ones older than 2 s are released early and the
// oldest are written, 2 MB a commit; segments of 8 MB, or an eighth of MaxSize.
// Sizes are of the pages in use: a file may be 32 KB longer, with zeros behind them.
// At MaxSize holds end first, then the policy decides, see below.
// MaxAge goes by monotonic time and known offsets between boots, never by the
// wall clock: see Queue.ageLocked for what is certain and what is not.
// One queue per directory: the caller holds the lock.
//
// # When full
//
// Thin halves the timed readings of the oldest segments, of every stream (a thing
// and a kind of message) every second one, again and again, and keeps all other
// records until no timed one is left in a closed segment; then the oldest
// segments go. Level n is what was halved n times. Level n may hold n+1 times as
// many bytes as level 0, so resolution falls smoothly with age, from level to
// level by one, and at level n neighbouring readings of a stream are at most 2^n
// original ones apart. Measured with 1 event in 50: a queue filled 2, 5 and 10
// times over keeps one in 8, 32 and 64 of its oldest readings, and the newest as
// they are; a byte given back costs 0.6 to 0.8 written, and at worst, where
// events are most of it, 15. A piece of the work is at most one commit long.
// Between a 20th (200 MB) and a quarter (1 MB) of MaxSize is kept free for it.
//
// What Read has handed out since the last Rewind is touched last: it may be on
// its way. A power cut leaves the old files or the new one, and in the ledger
// what belongs to them; a segment says up to which number it stands for others,
// which a start removes. While the disk refuses the rewriting, and while less of
// it is free than two segments, the oldest segment goes instead.
//
// DropOldest gives up the oldest segment as a whole, DropNewest refuses what
// comes in. With less than MinFree free on the file system the queue stays as
// large as it was, or 8 MB, and does by its policy what it does at MaxSize. All
// four limits can be changed while it is open. Every record given up is counted
// by device and reason: full, age, or shrink when MaxSize was lowered.
//
// # How it is made
//
// New records lie in 64 KB blocks in the form in which they are stored. One
// goroutine, the committer, does all writing: it takes everything in memory
// that is not released, in number order, writes it with the ledger, the
// segment's summary and the names of its records in one bbolt transaction.
// One mutex guards the books and is never held across file I/O; a second one
// belongs to the reader. What may call what is in layers.go. Open at most are the file being
// written, the one being read, the state file, and while it thins the new one. A start
// looks at four files at once, and at each of them once.
//
//	format.go     how each thing on disk is encoded; docs/format.md has the format
//	options.go    options and sizes
//	layers.go     what a queue is made of: the state of each layer
//	queue.go      Append and the other entrances
//	tail.go       the blocks in memory
//	commit.go     the committer: what is due
//	batch.go      one commit: the batch and its transaction
//	finish.go     the last pass: what a stop saves and closes
//	slow.go       how long the committer has been at one piece of work
//	roll.go       new segments, released ones
//	ahead.go      zeros ahead of the pages in use
//	segment.go    one file, and the index of who owns which number
//	segment_read.go   reading it, page by page
//	segment_walk.go   reading one that another process may be writing
//	writer.go     filling a new file, until the first error
//	boltdb.go     bbolt, and what is left of it after a fault
//	touches.go    how long each call of the disk takes, for the watchdog
//	unread.go     files that cannot be read now
//	read.go       Read
//	ack.go        Ack, Rewind, Forget
//	hold.go       what is acknowledged and may be asked for again
//	behind.go     records that surface behind the reader, late acknowledgements
//	ranges.go     sets of numbers
//	fates.go      what became of each number
//	limits.go     losses, and space by giving up the oldest
//	lowdisk.go    the limits at work: MaxSize, MinFree, changes of them
//	thin.go       what to thin next
//	thin_copy.go  rewriting segments with less in them
//	thin_replace.go   putting them in the place of the old ones
//	age.go        how old records are, and MaxAge
//	ledger.go     counts by device
//	reconcile.go  the ledger against what is there
//	rows.go       what records are called
//	sidecar.go    the file "state": numbers, epoch, boots
//	boots.go      boots, their times, the epoch
//	load.go       what a start finds
//	examine.go    what one file says of itself
//	misnamed.go   files with the name of another
//	regain.go     a start that could not read the disk
//	directory.go  a disk that is taken away, or mounted over
//	boltfile/     bbolt files, read without bbolt
//	salvage.go    what can be read of a damaged segment
//	repair.go     setting one aside and putting a sound one in its place
//	damaged.go    damaged files: what was set aside, and how much of it is kept
//	quarantine.go records set aside
//	inspect.go    the state of all files, for stats and check
//	inspect_segment.go  one segment of that
//	export.go     everything that waits, from the files or from the queue
//	import.go     records of other queues, each taken over once
//	fs.go         every touch of the disk, for the tests to fail and to forget
package buffer
