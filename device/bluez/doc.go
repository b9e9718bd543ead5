// Package bluez hears Bluetooth LE advertisements through BlueZ, the Bluetooth service of
// Linux, over D-Bus, and gives them as a stream of bytes: one line of JSON each, as a receiver
// on a serial line would write it.
//
//	{"mac":"CB:B8:33:4C:88:4F","rssi":-61,"adv":"1BFF99040512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"}
//
//	mac    the device's address, as it stands in the name of BlueZ's object
//	rssi   dBm; missing where BlueZ has not said it since it found the device
//	adv    hex of AD elements: length, type, data, and so on
//
// BlueZ never shows an advertisement as it was sent. It keeps the properties of each device,
// merges into them what comes, and signals those that came. A line is made of what one signal
// says: elements 01 (flags), FF (manufacturer data), 16, 20 and 21 (service data with a UUID
// of 16, 32 and 128 bits) and 0A (power). What BlueZ says once of a device, 03, 05 and 07
// (lists of services) and 09 (name), stands in each of its lines, since some families are known
// by it. Their order need not be the sender's. ManufacturerData and ServiceData hold the newest data of each company and each
// service that the device ever sent: only those go into the line that differ from what the
// last signal had, or else those that were in the last line. What is longer than 255 bytes
// becomes two lines.
//
// A property of another type than BlueZ documents gives a line whose adv is "?", which no
// reader takes for hex; what else the signal says is kept. A device that BlueZ remembers from
// an earlier day is shown without RSSI when it starts, and is no advertisement.
//
// Between them stand notes, about the scan itself:
//
//	{"note":"active","why":"…"}         the scan is active though a passive one was asked for
//	{"note":"restarted","seconds":30}   nothing was heard for so long: the scan was begun again
//	{"note":"cycled","seconds":60}      the adapter was switched off and on
//	{"note":"stalled","seconds":90}     neither has helped; why says what could not be done
//	{"note":"heard"}                    advertisements come again after one of these
//	{"note":"dropped","adverts":17}     so many were heard and not read in time, the oldest
//
// # Promises
//
//   - A Read costs no wake-up while nothing comes. Signals wake the process, and
//     one look in 30 s whether the scan has stalled.
//   - At most 256 lines wait to be read. Where more come, the oldest go and are counted.
//   - When bluetoothd ends or restarts, when the adapter is pulled out or switched off, and
//     when the bus goes, Read gives what was heard and then an error. Open finds out
//     what holds, and its error (*Error) says which of five things is missing.
//   - A stalled scan is one in which advertisements came and then none for 30 s. The scan is
//     begun again at once, the adapter is switched off and on at twice the time, and at three
//     times it is said to be stalled; then the scan is begun again every five minutes. Where
//     it turns out that a silence ended by itself, later ones are given twice its time.
//   - Nothing is connected to, paired with or written to a device. BlueZ is not started
//     where it does not run.
//
// # Limits
//
// The scan belongs to the D-Bus connection and ends with it. BlueZ merges the scans of all
// programs: another one's filter cannot make ours deaf, but ours makes the scan active for
// all. Switching the adapter off ends the connections that other programs have through it.
// Passive scans need BlueZ 5.56 or newer (AdvertisementMonitorManager1, which many systems
// hide behind bluetoothd --experimental) and at least one pattern: those of flags and of the
// known families stand in monitor.go, and what fits none of them is not heard.
//
// The interfaces are BlueZ's own documentation: org.bluez.Adapter(5), org.bluez.Device(5),
// org.bluez.AdvertisementMonitor(5). Element types: Bluetooth SIG, Assigned Numbers, 2.3.
package bluez
