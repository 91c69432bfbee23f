package main

import (
	"fmt"
	"os"
	"path/filepath"

	"sallyport/rf"
)

// refdataBuildRFCmd turns the public tables of address prefixes, Bluetooth
// company ids and network names into the compact form that rf embeds.
type refdataBuildRFCmd struct {
	From    string `help:"Folder with oui_relevant.csv, ssid_patterns.csv and ble_company_relevant.csv." required:"" type:"existingdir"`
	Out     string `help:"File to write." required:"" type:"path"`
	Edition string `help:"Edition to print with every claim." default:"2026-08"`
}

// rfSources says where the tables come from; their dates are those of the
// copies read, not of the build.
var rfSources = []rf.DataSource{
	{Part: "oui", Address: "https://standards-oui.ieee.org/", Date: "2026-08", Note: "IEEE registration authority, by way of npm oui-data (BSD-2-Clause); grouped and rated by us"},
	{Part: "company", Address: "https://github.com/NordicSemiconductor/bluetooth-numbers-database", Date: "2026-01-16", Note: "Bluetooth SIG company identifiers (MIT)"},
	{Part: "ssid", Address: "https://martin.heiland.io/2017/03/12/reverse-wardriving", Date: "2017-03-12", Note: "names seen by one access point in 30 days; each row keeps its own source"},
}

// Run builds the table, or writes nothing.
func (c *refdataBuildRFCmd) Run() (err error) {
	t := rf.PrefixTables{Edition: c.Edition, Sources: rfSources}
	open := func(name string) *os.File {
		if err != nil {
			return nil
		}
		var f *os.File
		f, err = os.Open(filepath.Join(c.From, name))
		return f
	}
	oui, ssid, ble := open("oui_relevant.csv"), open("ssid_patterns.csv"), open("ble_company_relevant.csv")
	for _, f := range []*os.File{oui, ssid, ble} {
		if f != nil {
			defer f.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("radio tables: %w", err)
	}
	t.OUI, t.SSID, t.Companies = oui, ssid, ble
	p, err := rf.BuildPrefixes(t)
	if err != nil {
		return fmt.Errorf("radio tables in %s: %w", c.From, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(c.Out), ".rf-*")
	if err != nil {
		return fmt.Errorf("radio table: %w", err)
	}
	defer os.Remove(tmp.Name())
	if err := p.Write(tmp); err != nil {
		tmp.Close()
		return fmt.Errorf("radio table: %w", err)
	}
	if err := tmp.Chmod(0o644); err != nil {
		tmp.Close()
		return fmt.Errorf("radio table: %w", err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("radio table: %w", err)
	}
	if err := os.Rename(tmp.Name(), c.Out); err != nil {
		return fmt.Errorf("radio table: %w", err)
	}
	return nil
}
