package view

import "sallyport/gate/auth"

// GalleryIndex lists the pages that are shown with made-up data.
type GalleryIndex struct {
	Base
	Rows []GalleryRow
}

func (GalleryIndex) template() string { return "gallery" }

// GalleryRow is one of them.
type GalleryRow struct {
	Name string
	Role auth.Role // as whom it is shown; empty: nobody
	Path string    // where the site has it
}
