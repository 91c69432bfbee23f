package view

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// QR is a QR code to draw: one path of unit squares, in a square of Side units
// with the quiet zone of four modules that ISO/IEC 18004 asks for.
type QR struct {
	Side int
	Path string
}

// NewQR draws a text with error correction of level M.
func NewQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return QR{}, fmt.Errorf("view: QR code: %w", err)
	}
	const quiet = 4
	var b strings.Builder
	bounds := code.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if r, _, _, _ := code.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x-bounds.Min.X+quiet, y-bounds.Min.Y+quiet)
			}
		}
	}
	return QR{Side: bounds.Dx() + 2*quiet, Path: b.String()}, nil
}
