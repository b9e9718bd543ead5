package device

import (
	"encoding/hex"

	"portti/device/adv"
)

// decode looks for data that we can decode ourselves, then for values that the
// bridge decoded. ok is false where hex digits belong and are not.
func (b *bleBridge) decode(ad *bleAdvert) (v bleValues, decoded, ok bool) {
	if _, ok = b.unhex(ad.service); !ok {
		return v, false, false
	}
	data, ok := b.unhex(ad.maker)
	if !ok {
		return v, false, false
	}
	if v, decoded = ad.fromMaker(adv.Company(data)); decoded {
		return v, true, true
	}
	if data, ok = b.unhex(ad.raw); !ok {
		return v, false, false
	}
	var r adv.Reader
	for r.Reset(data); r.Next(); {
		if one, ok := ad.fromMaker(r.Manufacturer()); ok {
			v, decoded = one, true
		}
	}
	if r.Cut() > 0 {
		b.result = Malformed
	}
	if decoded {
		return v, true, true
	}
	return ad.values, ad.values.any(), true
}

// unhex decodes into the one payload, so what it gave before is gone.
func (b *bleBridge) unhex(digits []byte) ([]byte, bool) {
	if len(digits) > 2*len(b.payload) {
		return nil, false
	}
	n, err := hex.Decode(b.payload[:], digits)
	return b.payload[:n], err == nil
}

// fromMaker decodes a company's data. It also gives the advertisement its
// address where the bridge gave none.
func (ad *bleAdvert) fromMaker(company uint16, data []byte, ok bool) (bleValues, bool) {
	if !ok || company != adv.Ruuvi {
		return bleValues{}, false
	}
	d, ok := adv.DecodeDF5(data)
	if !ok {
		return bleValues{}, false
	}
	if ad.addressed == 0 && d.HasMAC {
		ad.address, ad.addressed = d.MAC, 1
	}
	v := bleValues{
		temp: d.Temp, humd: d.Humidity, airp: d.Pressure,
		accX: d.AccX, accY: d.AccY, accZ: d.AccZ,
		voltage: d.Voltage, txPower: d.TxPower, movement: d.Movement, sequence: d.Sequence,
	}
	v.voltage.Decimals = 3 // mV are V
	return v, true
}
