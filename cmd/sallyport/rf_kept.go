package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/sqlite"
)

// vehicleFlags name the vehicle that somebody asks about.
type vehicleFlags struct {
	Data  string `help:"Data directory of the site." required:"" placeholder:"DIR"`
	VIN   string `help:"Of the vehicle." placeholder:"VIN"`
	Plate string `help:"Of the vehicle; with a VIN both must fit." placeholder:"PLATE"`
}

func (f vehicleFlags) check() error {
	if strings.TrimSpace(f.VIN) == "" && strings.TrimSpace(f.Plate) == "" {
		return errors.New("name the vehicle: --vin, --plate, or both")
	}
	return nil
}

// rfKeptCmd tells which radio sets are kept of a vehicle.
type rfKeptCmd struct {
	vehicleFlags
}

// Run prints them.
func (c *rfKeptCmd) Run(ctx context.Context, s *streams) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	r, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	sets, err := r.RadioSetsOf(ctx, c.VIN, c.Plate)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		fmt.Fprintln(s.out, "no radio set of this vehicle is kept")
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kept\tpassage\tepoch\tpseudonyms")
	for _, set := range sets {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", set.At.Format(time.RFC3339), set.Passage, set.Epoch, len(set.Tags))
	}
	return w.Flush()
}

// rfForgetCmd erases the radio sets of a vehicle.
type rfForgetCmd struct {
	vehicleFlags
	Why string `help:"Why, for the log; it must not name the vehicle or a person." required:""`
}

// opForget erases the radio sets of a vehicle, as the control socket names it.
const opForget = "/rf/forget"

type forgetRequest struct{ VIN, Plate, Why string }

type forgetAnswer struct {
	Erased int `json:"erased"`
}

func forgetSets(ctx context.Context, store gate.RadioSetStore, r forgetRequest, now time.Time) (forgetAnswer, error) {
	if strings.TrimSpace(r.VIN) == "" && strings.TrimSpace(r.Plate) == "" {
		return forgetAnswer{}, errors.New("no vehicle is named")
	}
	n, err := store.EraseRadioSets(ctx, gate.RadioSetFilter{VIN: r.VIN, Plate: r.Plate}, now.UTC(), r.Why)
	return forgetAnswer{Erased: n}, err
}

// radioOps are the operations on what is kept of the air.
func radioOps(store gate.RadioSetStore, now func() time.Time) map[string]operation {
	return map[string]operation{opForget: op(func(ctx context.Context, r forgetRequest) (forgetAnswer, error) {
		return forgetSets(ctx, store, r, now())
	})}
}

// Run erases them, at a site that runs or is stopped.
func (c *rfForgetCmd) Run(ctx context.Context, s *streams) error {
	if err := c.check(); err != nil {
		return err
	}
	if strings.TrimSpace(c.Why) == "" {
		return errors.New("--why is empty; the log needs a reason")
	}
	if _, err := loadSite(c.Data); err != nil {
		return err
	}
	call, end, err := reach(ctx, c.Data, func(store *sqlite.Store) (map[string]operation, error) {
		return radioOps(store, s.now), nil
	})
	if err != nil {
		return err
	}
	var a forgetAnswer
	if err := errors.Join(call(opForget, forgetRequest{VIN: c.VIN, Plate: c.Plate, Why: c.Why}, &a), end()); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%d radio sets erased\n", a.Erased)
	return nil
}
