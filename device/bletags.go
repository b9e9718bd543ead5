package device

import (
	"encoding/hex"
	"time"

	"portti/device/adv"
	"portti/device/thingsee"
)

// TagOptions are the keys that all types have that hear Bluetooth tags.
type TagOptions struct {
	Tags        map[string]string `toml:"tags"`                   // address -> tsmTuid
	OnlyTags    bool              `toml:"only_tags"`              // drop tags that Tags does not name
	RSSIFloor   int               `toml:"rssi_floor"`             // dBm; what is heard more faintly is not taken, 0 = all is
	TagInterval string            `toml:"tag_interval"`           // of each kind of reading of a tag one in so long a time, "" = all that are new
	Keys        map[string]string `toml:"keys" secret:"yes"`      // address -> 32 hexadecimal digits
	KeysFile    string            `toml:"keys_file" secret:"yes"` // further keys, a line each
}

// bleTags makes messages of advertisements, whoever heard them. It is for one
// goroutine.
//
// A tag is a thing of its own. Its tsmTuid is what tags names; else the first
// six characters of the device's id (or of the gateway's, where the device has
// none) and the last eleven hex digits of the address: 17 characters. Each
// advertisement that says something new becomes
//
//	12100  temp, humd, airp, lght
//	1111   accx, accy, accz
//	24100  carbonDioxide, status 0
//	24101  tvoc
//	1110   batl
//	17100  dist
//	90200  what has no published message, under the names of docs/ble.md; of
//	       several values of one name all but the first, numbered: temp2
//	1202   tuid, rssi, rssiDbm: said by the gateway, so under its own tsmTuid
//
// as far as it has the values. A value outside the catalogue's limits is left
// out and the line counted as Range.
//
// The same measurement heard again says nothing new: an equal number of the
// measurement or the packet, with equal values; without such a number, equal
// values within bleRepeat. What carries other values, such as a battery's charge
// in a frame of its own, is compared apart. Devices that neither tags names nor
// we can decode, the phones and beacons around, are nobody's tags: Unknown.
type bleTags struct {
	only     bool
	floor    int
	interval int64 // milliseconds
	expect   int64 // likewise: how long a tag of the list may be unheard
	family   string
	gateway  string
	now      func() int64 // milliseconds that never step
	wall     func() time.Time

	decoder *adv.Decoder
	known   []bleTag // of tags and keys, which are never forgotten
	byTuid  map[bleAddress]int
	heard   bleTable
	full    bool // heard is, and the detail says so
	named   map[bleName]string
	watched int64 // when the known ones were looked at
	shown   string
	aside   string // what holds of the receiver, for the detail's end

	msg     thingsee.Message
	advert  adv.Advert
	reading adv.Reading
	bridged [bleDecoded]adv.Measured
	payload [3][255]byte // of the line in hand: payload, manufacturer data, service data
	result  Result       // so far
}

// newBLETags checks the keys, all problems at once, and reads the file of keys,
// which is there only where the daemon runs.
func newBLETags(o TagOptions, c Config, env Env) (*bleTags, error) {
	keys, err := o.check(env.Gateway != "")
	if err != nil {
		return nil, err
	}
	b := &bleTags{
		only: o.OnlyTags, floor: o.RSSIFloor, family: c.ID, gateway: env.Gateway,
		decoder: adv.NewDecoder(), byTuid: map[bleAddress]int{}, named: map[bleName]string{},
	}
	if b.family == "" {
		b.family = env.Gateway
	}
	b.family = b.family[:min(len(b.family), 6)]
	if d, err := time.ParseDuration(o.TagInterval); err == nil {
		b.interval = d.Milliseconds()
	}
	if d, err := time.ParseDuration(c.ExpectEvery); err == nil {
		b.expect = 3 * d.Milliseconds()
	}
	b.msg.Gateway = env.Gateway
	b.wall = env.now
	start := env.now()
	b.now = func() int64 { return env.now().Sub(start).Milliseconds() }
	if env.Clock != nil {
		b.now = func() int64 { return env.Clock.Now().Mono }
	}
	b.list(o.Tags, keys)
	return b, nil
}

// list begins the entries of the tags that the configuration has something on.
func (b *bleTags) list(tags map[string]string, keys map[bleAddress]*adv.Key) {
	entry := func(a bleAddress) *bleTag {
		i, ok := b.byTuid[a]
		if !ok {
			i = len(b.known)
			b.byTuid[a] = i
			b.known = append(b.known, bleTag{address: a, tuid: a.tuid(b.family)})
		}
		return &b.known[i]
	}
	for _, address := range sortedKeys(tags) {
		a, _ := parseBLEAddress([]byte(address))
		tag := entry(a)
		tag.tuid, tag.listed = tags[address], true
	}
	for a, key := range keys {
		entry(a).key = key
	}
}

// take works out one line that is a JSON object, in one of the two forms that
// bleBridge shows. What it was goes to out; heartbeat says that it asks for an
// answer.
func (b *bleTags) take(line []byte, out Out) (heartbeat bool) {
	ad, ok := parseBLELine(line)
	switch {
	case !ok:
		out.Frame(Malformed)
	case ad.heartbeat:
		out.Frame(OK)
	default:
		out.Frame(b.hear(&ad, out))
	}
	b.watch(out)
	return ok && ad.heartbeat
}

// hear works one advertisement out and says what its line was.
func (b *bleTags) hear(ad *bleAdvert, out Out) Result {
	b.result = ad.result
	if !b.unpack(ad) {
		return Malformed
	}
	known := b.knownTag(ad)
	if b.floor != 0 && ad.rssi.Known && ad.rssi.Float() < float64(b.floor) {
		return b.or(Unknown)
	}
	values, outcome := b.decode(ad, known)
	if ad.addressed == 0 && b.reading.HasAddress && outcome == adv.Good {
		ad.address, ad.addressed = b.reading.Address, 1
		if known = b.knownTag(ad); known != nil && known.key != nil {
			return b.or(Malformed) // whoever sent it left the address out
		}
	}
	if outcome > adv.Good {
		return b.refuse(known, outcome)
	}
	listed := known != nil && known.listed
	if ad.addressed == 0 || !listed && (b.only || outcome != adv.Good || b.reading.Beacon) {
		return b.or(Unknown)
	}
	tag, fresh := known, false
	if tag == nil {
		tag, fresh = b.heard.find(ad.address)
	} else if !tag.spoke {
		tag.spoke, fresh = true, true
	}
	if tag.heardAt = b.now(); fresh {
		if tag.tuid == "" {
			tag.tuid = ad.address.tuid(b.family)
		}
		if known != nil || !b.full {
			b.full = len(b.heard.tags) == bleHeard
			b.tell(out)
		}
	}
	if b.repeats(tag, ad, values) {
		return b.result
	}
	b.emit(tag.tuid, values, ad, out)
	return b.result
}

// knownTag is the entry of a sender that the configuration has something on.
func (b *bleTags) knownTag(ad *bleAdvert) *bleTag {
	if i, ok := b.byTuid[ad.address]; ok && ad.addressed > 0 {
		return &b.known[i]
	}
	return nil
}

// or is a result, unless there is a worse one already.
func (b *bleTags) or(r Result) Result {
	if b.result != OK {
		return b.result
	}
	return r
}

// refuse says what an advertisement counts as that is not taken, and notes it
// where a tag of ours is concerned.
func (b *bleTags) refuse(tag *bleTag, outcome adv.Outcome) Result {
	now := b.now()
	if outcome == adv.Locked {
		if tag == nil {
			return b.or(Unknown)
		}
		tag.lockedAt, tag.locked = now, true
		tag.heardAt = now
		return b.or(Unknown)
	}
	if tag != nil && tag.key != nil {
		tag.refusedAt, tag.refused = now, outcome
	}
	if outcome == adv.WrongKey {
		return Checksum
	}
	return Malformed
}

// unpack takes the hex apart. false: hex digits belong there and are not.
func (b *bleTags) unpack(ad *bleAdvert) bool {
	var ok [3]bool
	var data [3][]byte
	for i, digits := range [...][]byte{ad.raw, ad.maker, ad.service} {
		data[i], ok[i] = unhexInto(b.payload[i][:], digits)
	}
	if !ok[0] || !ok[1] || !ok[2] {
		return false
	}
	a := &b.advert
	a.Reset()
	a.Address, a.HasAddress = ad.address, ad.addressed > 0
	a.Name = ad.name
	if len(data[0]) > 0 && a.Payload(data[0]) > 0 {
		b.result = Malformed
	}
	if len(data[1]) > 0 {
		a.Manufacturer(data[1])
	}
	if uuid, ok := adv.ParseUUID(ad.uuid); ok {
		a.Service(uuid, data[2])
	}
	return true
}

func unhexInto(buf, digits []byte) ([]byte, bool) {
	if len(digits) > 2*len(buf) {
		return nil, false
	}
	n, err := hex.Decode(buf, digits)
	return buf[:n], err == nil
}

// decode gives what we can decode ourselves; else what the bridge decoded,
// unless there is a key, since a bridge's word is in the clear.
func (b *bleTags) decode(ad *bleAdvert, known *bleTag) ([]adv.Measured, adv.Outcome) {
	var key *adv.Key
	if known != nil {
		if key = known.key; key != nil {
			key.At(time.Duration(b.now()) * time.Millisecond)
		}
		known.rename(&b.advert)
	}
	outcome := b.decoder.Decode(&b.advert, key, &b.reading)
	if outcome == adv.Good {
		if b.reading.Outside > 0 {
			b.result = Range
		}
		if b.reading.Damaged {
			b.result = Malformed
		}
		if len(b.reading.Values()) > 0 && !b.reading.Beacon {
			return b.reading.Values(), outcome
		}
	}
	if key != nil {
		return b.reading.Values(), outcome
	}
	values := b.bridged[:0]
	for _, v := range ad.decoded {
		if v.Known {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return b.reading.Values(), outcome
	}
	b.reading.Beacon, b.reading.Sequence, b.reading.Family = false, ad.packet, "bridge"
	return values, adv.Good
}
