// Package machine tells whether a state folder is still on the board that it was
// made on. A card that was copied or moved has everything of the gateway on it but
// the board:
//
//	marks := machine.Read(os.DirFS("/"))
//	note, err := machine.Load(path)            // what was noted of the board, if anything
//	if note.Judge(marks).Other { ... }         // it was another board
//	err = machine.NewNote(id, marks, now).Save(path)
//
// # What decides
//
// The board's serial number does, of the first source that is known of both boards:
// the device tree, /proc/cpuinfo, then what the firmware says (DMI), which only root
// may read. Where no serial number is known of either, the machine-id does. It is of
// the installation: two cards written from one image that was started before can
// have the same. Where one of the boards has a serial number and the other has none,
// nothing is decided. Addresses of network cards never decide: an adapter is
// exchanged or plugged in elsewhere.
//
// # What is stored
//
// A note holds hashes with a salt of its own and neither a serial number nor a
// machine-id. A serial number is short enough to be found by trying, so that a note
// is still kept for the owner alone.
package machine
