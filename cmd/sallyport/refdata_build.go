package main

import (
	"fmt"
	"os"
	"path/filepath"

	"sallyport/policy/supply"
	"sallyport/vin/telematics"
)

// refdataBuildSupplyCmd is `sallyport refdata build supply`.
type refdataBuildSupplyCmd struct {
	From string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder with entities, edges, carmakers and instruments (.jsonl)."`
	Out  string `required:"" type:"path" placeholder:"FILE" help:"Graph to write."`
}

// Run builds the supply graph. The file appears whole or not at all.
func (c *refdataBuildSupplyCmd) Run(s *streams) error {
	data, err := supply.Build(os.DirFS(c.From))
	if err != nil {
		return fmt.Errorf("%s: %w", c.From, err)
	}
	g, err := supply.Open(data)
	if err != nil {
		return err
	}
	if err := replaceFile(c.Out, data); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	_, err = fmt.Fprintf(s.out, "supply graph %s: %d parties, %d edges, %d lists, %d instruments; %d bytes\n",
		g.Edition(), len(g.Parties()), len(g.Edges()), len(g.Lists()), len(g.Instruments()), len(data))
	return err
}

// refdataBuildTelematicsCmd is `sallyport refdata build telematics`.
type refdataBuildTelematicsCmd struct {
	From   string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder with the rows on vehicles, makes, devices, grantees, modules and TACs."`
	Supply string `type:"existingdir" placeholder:"DIR" help:"Folder with vehicle_modules.jsonl and edges.jsonl (default: the folder supply beside --from)."`
	Out    string `required:"" type:"path" placeholder:"FILE" help:"Catalogue to write."`
}

// Run builds the telematics catalogue. The file appears whole or not at all.
func (c *refdataBuildTelematicsCmd) Run(s *streams) error {
	from := c.Supply
	if from == "" {
		from = filepath.Join(filepath.Dir(filepath.Clean(c.From)), "supply")
	}
	data, err := telematics.Build(os.DirFS(c.From), os.DirFS(from))
	if err != nil {
		return fmt.Errorf("%s: %w", c.From, err)
	}
	cat, err := telematics.Open(data)
	if err != nil {
		return err
	}
	if err := replaceFile(c.Out, data); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	f := cat.File()
	_, err = fmt.Fprintf(s.out, "telematics catalogue %s: %d vehicle rows, %d devices, %d module models, %d rules on modems; %d bytes\n",
		cat.Edition(), len(f.Rows), len(f.Devices), len(f.Modules), len(f.Rules), len(data))
	return err
}
