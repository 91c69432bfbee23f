package vin

import "iter"

// Holding is one WMI that an index holds.
type Holding struct {
	WMI, Manufacturer string
	Community         bool // not NHTSA's row
}

// WMIs yields the WMIs of vPIC that the index holds, in ascending order.
func (ix *Index) WMIs() iter.Seq[Holding] {
	return func(yield func(Holding) bool) {
		for i := range len(ix.sec[secWMIKeys]) / 4 {
			r := ix.sec[secWMIs][i*20:]
			h := Holding{WMI: wmiText(u32(ix.sec[secWMIKeys], i*4)), Manufacturer: ix.str(u32(r, 4)), Community: r[19]&WMICommunity != 0}
			if !yield(h) {
				return
			}
		}
	}
}

// Models yields the make and name of every model that some pattern of the
// index gives. The same model may come more than once.
func (ix *Index) Models() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		slot := ix.slot[elemModel]
		if slot == 0 {
			return
		}
		for v := ix.sec[secValues]; len(v) > 0; v = v[8:] {
			if v[0] == slot-1 && !yield(ix.str(u32(v, 4)), ix.str(u32(v, 0)>>8)) {
				return
			}
		}
	}
}

// Makes yields every make that a model or a WMI of vPIC has. The same make
// comes many times.
func (ix *Index) Makes() iter.Seq[string] {
	return func(yield func(string) bool) {
		for mk := range ix.Models() {
			if mk != "" && !yield(mk) {
				return
			}
		}
		for i := range len(ix.sec[secWMIKeys]) / 4 {
			if mk := u32(ix.sec[secWMIs], i*20+8); mk != 0 && !yield(ix.str(mk)) {
				return
			}
		}
	}
}

// wmiText is the WMI that WMIKey packed.
func wmiText(key uint32) string {
	var b [6]byte
	n := 0
	for i := 5; i >= 0; i-- {
		if s := key % 37; s > 0 {
			b[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[s-1]
			n = max(n, i+1)
		}
		key /= 37
	}
	return string(b[:n])
}
