package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport/gate/refdata"
	"sallyport/vin/telematics"
)

// identifyCmd is `sallyport identify`.
type identifyCmd struct {
	Kind  string `arg:"" help:"What it is: label, fcc_id, ic, ce_type, imei, usb_id, module, tcu_part, device."`
	Value string `arg:"" optional:"" default:"-" help:"The identifier, or the label's text; - reads it from standard input."`
	TAC   string `name:"tac" type:"existingfile" placeholder:"FILE" help:"Type allocation codes made by refdata build tac."`
}

// Run prints what the identifier says as one JSON object: of a label every
// identifier in it with its place, and whose module it is. The exit code is 0
// whatever it says.
func (c *identifyCmd) Run(s *streams) error {
	if !slices.Contains(telematics.Kinds[:], c.Kind) {
		return fmt.Errorf("kind %q is none of %s", c.Kind, strings.Join(telematics.Kinds[:], ", "))
	}
	held, err := withTACs(&refdata.Data{}, c.TAC)
	if err != nil {
		return err
	}
	catalogue := held.Catalogue
	if catalogue == nil {
		if catalogue, err = telematics.Embedded(); err != nil {
			return err
		}
	}
	value := c.Value
	if value == "-" {
		b, err := io.ReadAll(io.LimitReader(s.in, telematics.MaxLabel+1))
		if err != nil {
			return fmt.Errorf("reading the text: %w", err)
		}
		if value = string(b); c.Kind != "label" {
			value = strings.TrimRight(value, "\r\n")
		}
	}
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if c.Kind == "label" {
		return enc.Encode(catalogue.ReadLabel(value))
	}
	return enc.Encode(catalogue.Identify(c.Kind, value))
}
