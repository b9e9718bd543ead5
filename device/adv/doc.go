// Package adv takes Bluetooth Low Energy advertisements apart.
//
//	var r adv.Reader
//	for r.Reset(payload); r.Next(); {
//		if company, data, ok := r.Manufacturer(); ok && company == adv.Ruuvi {
//			if tag, ok := adv.DecodeDF5(data); ok && tag.Temp.Known {
//				use(tag.Temp.Mantissa, tag.Temp.Decimals)
//			}
//		}
//	}
//	if r.Cut() > 0 {
//		// the payload was damaged: that many bytes at its end were dropped
//	}
//
// It promises to take any bytes, to allocate nothing, to give only elements
// that are whole, and values without rounding: a whole number and how many of
// its digits are decimals. A value the tag does not have is not Known, and
// never a zero.
//
// Its limits: it does not join a scan response with its advertisement, and
// does not decrypt. What it gives points into the payload. A Reader is for one
// goroutine.
//
// Sources: Bluetooth Core Specification, volume 3, part C, section 11, with
// its Supplement, part A; Ruuvi's page on data format 5 (docs.ruuvi.com).
package adv
