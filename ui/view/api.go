package view

import "sallyport/ui/openapi"

// API is the description of the interface for machines. Its frame is in the
// reader's language, and what it describes in English: who reads it writes
// programs.
type API struct {
	Base
	Doc openapi.Page
}

func (API) template() string { return "api" }

// apiFields is a table of fields with the words of its head.
type apiFields struct {
	P      API
	Fields []openapi.Field
}

// With puts fields beside the page, for the table.
func (p API) With(fields []openapi.Field) apiFields { return apiFields{p, fields} }
