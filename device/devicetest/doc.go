// Package devicetest is the test that every driver passes. Only tests import
// it. A driver's test is one line:
//
//	devicetest.Run(t, kind, devicetest.Options{})
//
// It checks what the Kind says of itself, and plays every recording of
// testdata/<kind>/ through the driver as a gateway runs it: in one piece and in
// small ones, against NAME.records; cut off at every byte, and with every byte
// spoiled, dropped and doubled; and many times in a row, to count allocations.
//
// A recording is what came from the wire, unchanged, as *.txt, *.bin, *.nmea or
// *.log; its first 2 KB are played. One whose name begins with "noise" holds
// what the driver must pass over, among good frames or alone; Recognise must know all others. NAME.records is
// what reaches the buffer, one record a line, and the frames by result; go test
// -update writes it, for you to check by eye.
//
// A recording that portti record made, NAME.wire, is played with its own settings,
// pauses and clock, as portti replay does it, and compared with NAME.records, which
// portti replay --update writes too. It is not damaged: it may be damaged enough.
//
// A driver that asks its device (Polls) may have recordings of that form alone. Its answers
// are damaged as above then, each question being answered as it was in the recording; what
// comes of it may lack fields, and with Checked none may have another value.
//
// Under the race detector and with -short every thirteenth byte is damaged.
package devicetest
