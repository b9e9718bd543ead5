package device

import (
	"bufio"
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"portti/device/adv"
	"portti/device/thingsee"
)

// The problems of those who hear tags.
const (
	codeUnheard   = "BLE-UNHEARD"
	codeLocked    = "BLE-LOCKED"
	codeRefused   = "BLE-REFUSED"
	codeBLESilent = "BLE-SILENT"
)

func bleProblems() []Problem {
	return []Problem{
		{Code: codeLocked, Title: "Tag encrypts, and its key is not here", ImpactsData: true,
			Sentence: "{subject}: a tag encrypts what it sends, and keys has no key of it. {detail}.",
			Actions:  []string{"Put the tag's key into keys, or into keys_file, under its address, then: `sudo portti reload`", "The maker's app shows the key; docs/ble.md says where"}},
		{Code: codeRefused, Title: "Advertisements are refused", ImpactsData: true,
			Sentence: "{subject}: something sends under the address of a tag that has a key, and cannot be that tag. {detail}.",
			Actions: []string{"Another key: compare the key with the one in the maker's app, then: `sudo portti reload`", "Its counter went back: if its battery was changed, it is taken again after ten minutes, or at once after: `sudo systemctl restart portti`",
				"Not encrypted: switch encryption on in the tag, or take its key out, then: `sudo portti reload`", "If none of it helps, somebody may be imitating the tag"}},
		{Code: codeBLESilent, Title: "No tag is heard", ImpactsData: true,
			Sentence: "{subject} has heard no tag for {age}.",
			Actions:  []string{"Check that the tags are in reach and have power", "See what is heard: `portti tail {subject} --raw`. What portti does not know is taken only where tags of this [[device]] names it", "Where nothing is heard at all, phones neither, move the receiver out of the cabinet, or give it an aerial"}},
		{Code: codeUnheard, Title: "Tag is not heard", ImpactsData: true,
			Sentence: "{subject}: a tag of the list was not heard for three times expect_every. {detail}.",
			Actions:  []string{"Check the tag's battery", "Move the receiver closer to it, or put up another one", "If the tag is gone for good, take it out of tags, then: `sudo portti reload`"}},
	}
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// check checks the keys, all problems at once, and gives the tags' keys. Where the
// daemon does not run, a file that cannot be read is none.
func (o TagOptions) check(running bool) (map[bleAddress]*adv.Key, error) {
	var errs []error
	bad := func(wrong bool, key, rule string, args ...any) {
		if wrong {
			errs = append(errs, keyError(key, rule, args...))
		}
	}
	bad(o.OnlyTags && len(o.Tags) == 0, "only_tags", "needs tags that names some")
	bad(o.RSSIFloor > 0 || o.RSSIFloor < -127, "rssi_floor", "must be from -127 to -1 dBm, or 0 for none")
	if o.TagInterval != "" {
		d, err := time.ParseDuration(o.TagInterval)
		bad(err != nil || d <= 0 || d > 366*24*time.Hour, "tag_interval", `must be a time such as "10s" or "5m", above 0`)
	}
	seen, named := map[bleAddress]bool{}, map[string]bool{}
	for _, address := range sortedKeys(o.Tags) {
		a, ok := parseBLEAddress([]byte(address))
		key := "tags." + address
		bad(!ok, key, bleAddressRule)
		bad(ok && seen[a], key, "is there twice")
		bad(!thingsee.ValidTuid([]byte(o.Tags[address])), key, tuidRule)
		bad(named[o.Tags[address]], key, "must be another name: two things under one tsmTuid cannot be told apart")
		seen[a], named[o.Tags[address]] = true, true
	}
	keys := map[bleAddress]*adv.Key{}
	for _, address := range sortedKeys(o.Keys) {
		a, ok := parseBLEAddress([]byte(address))
		key := "keys." + address
		if len(address) > len("CB:B8:33:4C:88:4F") { // it may be the key, so it is not repeated
			errs = append(errs, keyError("keys", "an address stands before the equals sign, its key behind: the two have changed places"))
			continue
		}
		bad(!ok, key, bleAddressRule)
		bad(ok && keys[a] != nil, key, "is there twice")
		k, err := adv.NewKey(o.Keys[address])
		bad(err != nil, key, bleKeyRule)
		if ok && err == nil {
			keys[a] = k
		}
	}
	if o.KeysFile != "" {
		errs = append(errs, readBLEKeys(o.KeysFile, running, keys))
	}
	return keys, errors.Join(errs...)
}

const (
	bleAddressRule = "must be an address of six pairs of hex digits, such as CB:B8:33:4C:88:4F"
	bleKeyRule     = "must be 32 hexadecimal digits"
	maxBLEKeys     = 1 << 20 // bytes of a file of them
)

// readBLEKeys reads a file of lines "ADDRESS KEY" or "ADDRESS = KEY", with or
// without quotes; # begins a comment. An error names the line, and no key.
func readBLEKeys(path string, must bool, keys map[bleAddress]*adv.Key) error {
	b, err := readAtMost(path, maxBLEKeys)
	if err != nil && !must {
		return nil
	}
	if err != nil {
		return keyError("keys_file", "cannot be read: %v", err)
	}
	n := 0
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		n++
		line, _, _ := strings.Cut(s.Text(), "#")
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t=\"'", r) })
		if len(words) == 0 {
			continue
		}
		a, ok := parseBLEAddress([]byte(words[0]))
		if !ok || len(words) != 2 {
			return keyError("keys_file", "line %d must be an address and a key", n)
		}
		k, err := adv.NewKey(words[1])
		if err != nil {
			return keyError("keys_file", "line %d: the key %s", n, bleKeyRule)
		}
		if keys[a] != nil {
			return keyError("keys_file", "line %d: this address has a key already", n)
		}
		keys[a] = k
	}
	if s.Err() != nil {
		return keyError("keys_file", "line %d is longer than any address and key: is it a text file?", n+1)
	}
	return nil
}
