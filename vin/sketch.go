package vin

// A sketch says of a key, in one word, which VINs it cannot fit: the symbols of
// VIN positions 4–8 fall into eleven bins each, those of position 11 into
// eight, and a bit is set where the key takes some symbol of the bin. A VIN's
// sketch has one bit a position. A key fits no VIN of whose sketch it lacks a
// bit; where it lacks none, its classes decide. So nearly all groups of a schema
// are passed over by one word each, which lie side by side.
const (
	sketchBins  = 11
	sketchPlant = 5 * sketchBins         // first bit of position 11
	sketchVDS   = 1<<sketchPlant - 1     // bits of positions 4–8
	sketchTail  = 1 << (sketchPlant + 8) // the key says something from the `|` on; no VIN's sketch has it
)

// vdsBins and plantBins put the symbols of a class into bins.
func vdsBins(m uint64) uint64 {
	return (m | m>>sketchBins | m>>(2*sketchBins) | m>>(3*sketchBins)) & (1<<sketchBins - 1)
}

func plantBins(m uint64) uint64 {
	return (m | m>>8 | m>>16 | m>>24 | m>>32 | m>>40) & (1<<8 - 1)
}

// sketchOf is the sketch of a keys string.
func sketchOf(sym *[14]uint64) uint64 {
	return vdsBins(sym[0]) | vdsBins(sym[1])<<sketchBins | vdsBins(sym[2])<<(2*sketchBins) |
		vdsBins(sym[3])<<(3*sketchBins) | vdsBins(sym[4])<<(4*sketchBins) | plantBins(sym[7])<<sketchPlant
}

// group is the patterns of one schema that share a key; they end where those of
// the next group start.
type group struct{ key, start uint32 }

// sketch prepares the groups.
func (ix *Index) sketch() {
	vds, plant := make([]uint64, len(ix.sec[secClasses])/8), make([]uint64, len(ix.sec[secTails])/20)
	for i := range vds {
		vds[i] = vdsBins(ix.masks[i])
	}
	for i := range plant {
		plant[i] = plantBins(ix.masks[u16(ix.sec[secTails], i*20+2*2)])<<sketchPlant | sketchTail
	}
	keys := make([]uint64, len(ix.sec[secKeys])/12)
	for i := range keys {
		r := ix.sec[secKeys][i*12 : i*12+12]
		s := uint64(0xff) << sketchPlant
		if t := u16(r, 10) &^ KeyTies; t != 0 {
			s = plant[t]
		}
		for n := range 5 {
			s |= vds[u16(r, 2*n)] << (n * sketchBins)
		}
		keys[i] = s
	}
	sec, at := ix.sec[secGroups], uint32(0)
	ix.groups, ix.sketches = make([]group, len(sec)/3+1), make([]uint64, len(sec)/3)
	for i := range len(sec) / 3 {
		w := u24(sec, i*3)
		ix.groups[i], ix.sketches[i] = group{key: w >> 7, start: at}, keys[w>>7]
		at += w & MaxPerGroup
	}
	ix.groups[len(sec)/3].start = at
}

// prefixes is the first three symbols of some texts: what none of them starts
// with need not be looked up.
type prefixes [(headSymbols*headSymbols*headSymbols + 63) / 64]uint64

const headSymbols = symNone + 1

// add takes in a text; all that starts with one of fewer than three symbols may
// be held.
func (p *prefixes) add(text string) {
	first, n := 0, 1
	for i := range 3 {
		first *= headSymbols
		if i < len(text) {
			first += int(symbolOf[text[i]])
		} else {
			n *= headSymbols
		}
	}
	for i := first; i < first+n; i++ {
		p[i>>6] |= 1 << (i & 63)
	}
}

// may says whether a text that v starts with may be held.
func (p *prefixes) may(v string) bool {
	if len(v) < 3 {
		return len(v) > 0
	}
	i := (int(symbolOf[v[0]])*headSymbols+int(symbolOf[v[1]]))*headSymbols + int(symbolOf[v[2]])
	return p[i>>6]>>(i&63)&1 != 0
}
