// Command sallyport decides at the gate of a military or sensitive site whether
// a vehicle may come in, judged by the cellular module inside it. One binary
// holds every part: serve and demo run a site; vin and assess answer on the
// command line; log verify re-hashes the record; refdata build makes the
// embedded reference data from its public sources; user and device enrol.
//
// It may import every package of the module and is the one place where they
// are wired together, by hand. Life of one run: the arguments are parsed, the
// chosen command's Run gets its streams and clock, and its error is printed
// once, here.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// streams is what a command may read, write and ask the time of. Commands take
// it as an argument of Run, so that tests run them without a process.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	now func() time.Time
}

// cli is the command line. Later commands extend it; none is changed.
type cli struct {
	VIN     vinCmd     `cmd:"" name:"vin" help:"Decode vehicle identification numbers: one JSON object a line, in input order."`
	Assess  assessCmd  `cmd:"" help:"Decide about vehicles: one JSON request a line in, one JSON answer a line out."`
	Serve   serveCmd   `cmd:"" help:"Run the site whose data directory is given."`
	Demo    demoCmd    `cmd:"" help:"Run a demonstration site with a simulated yard."`
	Init    initCmd    `cmd:"" help:"Make a new site."`
	Devices devicesCmd `cmd:"" help:"How the boards, readers, scanners and cameras of the lanes are."`
	Log     logCmd     `cmd:"" help:"The tamper-evident log."`
	Erase   eraseCmd   `cmd:"" help:"Erase what is kept of a vehicle, on request; the log stays whole."`
	Hold    holdCmd    `cmd:"" help:"Keep what is recorded of a vehicle from erasure."`
	Export  struct {
		Subject exportSubjectCmd `cmd:"" help:"Write everything that is kept of a vehicle, for its keeper."`
	} `cmd:"" help:"What leaves the site."`
	Identify identifyCmd `cmd:"" help:"Say what a label, or one identifier on it, tells of the module's maker."`
	Refdata  struct {
		Build struct {
			VPIC       refdataBuildVPICCmd       `cmd:"" name:"vpic" help:"Build the VIN index from NHTSA's vPIC."`
			Supply     refdataBuildSupplyCmd     `cmd:"" help:"Build the supply graph from its rows."`
			Telematics refdataBuildTelematicsCmd `cmd:"" help:"Build the telematics catalogue from its rows."`
			TAC        refdataBuildTACCmd        `cmd:"" name:"tac" help:"Build a site's table of type allocation codes."`
			RF         refdataBuildRFCmd         `cmd:"" name:"rf" help:"Build the radio prefix table."`
			List       refdataBuildListCmd       `cmd:"" help:"Add an edition of an official list to a supply graph, from a table."`
		} `cmd:"" help:"Build embedded reference data from its public source."`
		Supply struct {
			Show    refdataSupplyShowCmd    `cmd:"" help:"Say who stands behind a party: owners, controllers, lists, ties, statements, with their sources."`
			Path    refdataSupplyPathCmd    `cmd:"" help:"Answer a policy's questions on a party, with the path and its sources."`
			WhatIf  refdataSupplyWhatIfCmd  `cmd:"" name:"whatif" help:"Say what would be judged otherwise if an edge or a list entry were another."`
			Diff    refdataSupplyDiffCmd    `cmd:"" help:"Say what changed between two editions of a list, and which parties and vehicles that touches."`
			Draw    refdataSupplyDrawCmd    `cmd:"" help:"Draw who stands behind a party, and print the same as a table."`
			Trusted refdataSupplyTrustedCmd `cmd:"" help:"Say whether an authority calls a party trusted, until when, and which faults are known."`
		} `cmd:"" help:"Who stands behind the makers."`
		Keygen  refdataKeygenCmd  `cmd:"" help:"Make the key of an authority, an ally or a site."`
		Draft   refdataDraftCmd   `cmd:"" help:"Write the next release after an agreement, to be signed."`
		Sign    refdataSignCmd    `cmd:"" help:"Sign what a key may sign; take over signatures of copies."`
		Verify  refdataVerifyCmd  `cmd:"" help:"Verify a bundle offline; nothing is changed."`
		Install refdataInstallCmd `cmd:"" help:"Verify a bundle and put it into use at a site."`
		Export  refdataExportCmd  `cmd:"" help:"Pack a signed release as a bundle, or sign one's own data for others."`
		Diff    refdataDiffCmd    `cmd:"" help:"Say what a bundle would change, row by row."`
		Status  refdataStatusCmd  `cmd:"" help:"Say what reference data a site holds, who signed it and how old it is."`
	} `cmd:"" help:"Reference data."`
	User struct {
		Add   userAddCmd   `cmd:"" help:"Add a person; the password is read from standard input."`
		Reset userResetCmd `cmd:"" help:"Take password and one-time codes of a person away and print a start code."`
		PIN   userPINCmd   `cmd:"" name:"pin" help:"Set or take away the PIN with which a person signs an override or a handover; it is read from standard input."`
	} `cmd:"" help:"People of the site."`
	Device struct {
		Add    deviceAddCmd    `cmd:"" aliases:"enrol" help:"Enrol a sensor, kiosk, plate camera, alarm panel or other system and print its token."`
		Renew  deviceRenewCmd  `cmd:"" help:"Print a new token of a device."`
		Revoke deviceRevokeCmd `cmd:"" help:"Revoke a device at once; what it has open ends."`
		List   deviceListCmd   `cmd:"" help:"List the devices."`
		Rotate deviceRotateCmd `cmd:"" help:"Sign tokens with a new key from now on."`
	} `cmd:"" help:"Devices of the site."`
	Backup  backupCmd  `cmd:"" help:"Copy a site into one file, while it runs."`
	Restore restoreCmd `cmd:"" help:"Prove a backup; restore it."`
	Jobs    struct {
		List jobsListCmd `cmd:"" default:"withargs" help:"Say how each job last went and when it is due."`
		Run  jobsRunCmd  `cmd:"" help:"Have the running site run a job now."`
	} `cmd:"" help:"The site's housekeeping."`
	Policy  policyCmd  `cmd:"" help:"Rules: the packs that ship, checks, tests, versions, and what a change would do."`
	Fleet   fleetCmd   `cmd:"" help:"Fleets: list them, audit a file of vehicles."`
	Watch   watchCmd   `cmd:"" help:"The site's watch list: enter, list, remove, import."`
	Pass    passCmd    `cmd:"" help:"Passes of vehicles: issue, revoke, list, draw the code."`
	Inside  insideCmd  `cmd:"" help:"Who is inside the site, and corrections."`
	Posture postureCmd `cmd:"" help:"The site's threat level: show it, change it."`
	Inspect inspectCmd `cmd:"" help:"What was read off vehicles: record, confirm, end, list."`
	UI      struct {
		Gallery uiGalleryCmd `cmd:"" help:"Show every page with made-up data, to look at."`
	} `cmd:"" name:"ui" help:"The screens."`
	RF struct {
		Attribute rfAttributeCmd `cmd:"" help:"Say which of the emitters that were recorded travelled in which vehicle."`
		Decode    rfDecodeCmd    `cmd:"" help:"Turn what a receiver's program recorded into observations, one a line."`
		Replay    rfReplayCmd    `cmd:"" help:"Send what a receiver recorded, or hears now, to a running site."`
		Sensors   rfSensorsCmd   `cmd:"" help:"Say how the sensors of a running site are."`
		Kept      rfKeptCmd      `cmd:"" help:"Say what is kept of the radios that were with a vehicle, for its keeper."`
		Forget    rfForgetCmd    `cmd:"" help:"Erase what is kept of the radios that were with a vehicle."`
		Rules     rfRulesCmd     `cmd:"" help:"Say what may be heard, kept or only counted, by the law of a jurisdiction."`
	} `cmd:"" name:"rf" help:"What the air says."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now})
	stop()
	os.Exit(code)
}

// run parses args, runs the command and returns the exit code: 0 done, 1 the
// command failed, 2 the arguments were wrong.
func run(ctx context.Context, args []string, s *streams) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("sallyport"),
		kong.Description("Decides whether a vehicle may enter, judged by the cellular module inside it."),
		kong.UsageOnError(),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { exit = code }),
		kong.Bind(s),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		fmt.Fprintln(s.err, "sallyport:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintln(s.err, "sallyport:", err)
		return 2
	}
	if err := k.Run(); err != nil {
		var verdict exitError
		if errors.As(err, &verdict) {
			return int(verdict)
		}
		fmt.Fprintln(s.err, "sallyport:", err)
		return 1
	}
	return 0
}

// exitError ends the program with its code after the command has said all
// there is to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
