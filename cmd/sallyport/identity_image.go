package main

import (
	"image"
	"image/color"
)

// bordered is an image with a white frame.
type bordered struct {
	image.Image
	width int
}

// Bounds are those of the image and its frame.
func (f bordered) Bounds() image.Rectangle {
	b := f.Image.Bounds()
	return image.Rect(b.Min.X, b.Min.Y, b.Max.X+2*f.width, b.Max.Y+2*f.width)
}

// ColorModel is that of grey images.
func (f bordered) ColorModel() color.Model { return color.GrayModel }

// At is the image's colour, or white.
func (f bordered) At(x, y int) color.Color {
	if p := (image.Point{X: x - f.width, Y: y - f.width}); p.In(f.Image.Bounds()) {
		return f.Image.At(p.X, p.Y)
	}
	return color.White
}
