package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sallyport/gate/refdata"
	"sallyport/gate/sqlite"
)

// initCmd is `sallyport init`.
type initCmd struct {
	Data   string `help:"Data directory to make." required:"" placeholder:"DIR"`
	Site   string `help:"Short id of the site: a-z, 0-9 and hyphen." required:""`
	Name   string `help:"The site's name as people call it." required:""`
	Policy string `help:"What version 1 of the rules is made of: a shipped pack's name, or a rule file, which is copied beside the site's configuration." default:"paper-baseline" placeholder:"FILE"`
	Root   string `name:"refdata-root" type:"existingfile" placeholder:"FILE" help:"Root file of the authorities whose bundles of reference data the site will trust. Bring it by hand, and compare its fingerprint."`
}

// siteTemplate is what a new site starts from; an administrator completes it.
const siteTemplate = `# A site of Sallyport. Every key is checked at start.
site = %q
name = %q

# What version 1 of the rules was made of when the site was set up: a shipped pack
# or a rule file beside this one. To change the rules, edit nothing here: one
# person proposes ("sallyport policy propose"), another approves.
policy = %q

# The next edition of NHTSA's vPIC: make the file with
# "sallyport refdata build vpic --dump vPICList_lite_YYYY_MM.plain.zip --out FILE",
# put it beside this one and name it here. Without it the program's own is used.
# vpic = "vpic.idx"

# Type allocation codes, the first eight digits of an IMEI: make the file with
# "sallyport refdata build tac --gsma LIST --out FILE" (the GSMA licenses its list
# to the site) or --osmocom, put it beside this one and name it here.
# tac = "tac.json"

# Days after which VIN, plate and driver are erased. The log stays whole.
retention_days = 90

# Whose signed bundles of reference data this site trusts: the authorities' root
# file, brought here by hand. "sallyport refdata install" then takes bundles in.
# refdata.root = "refdata-root.json"

# Threat levels as this site names them, least first, such as FPCON, or the
# response levels "normal", "heightened", "exceptional". Rules may depend on
# them; "sallyport posture set" changes the level.
posture.levels = [%s]

# What is in the air: whose law says what may be heard ("sallyport rf rules"; where
# nothing is named, or one that is not in the table, the strictest holds), and the
# reference of the site's data-protection impact assessment. Without it what the
# sensors hear is shown on the screen and neither decides nor is kept. keep_sets
# keeps pseudonyms of what was surely in a vehicle with the vehicle's own record,
# under a key that is changed after key_days. See deploy/privacy.md.
# radio.jurisdiction = "DE"
# radio.dpia = "DPIA 2026-07, signed 1 June 2026"
# radio.keep_sets = false
# radio.key_days = 30

# How people sign in. Managers and administrators set up one-time codes ("optional"
# leaves that to them); the screen of a kiosk locks after kiosk_idle without a
# touch ("0s": never).
# people.codes = "required"
# people.kiosk_idle = "15m"

# HTTPS: a certificate of the site's own, or one that is made here, whose SHA-256 is
# printed at each start; redirect sends whoever comes by plain HTTP on. Where
# another program speaks TLS before this one, terminated = true.
# [tls]
# certificate = "tls.pem"
# key = "tls-key.pem"
# generate = true
# names = ["gate.example", "192.0.2.10"]
# redirect = ":80"

# An OpenID Connect provider of the site's. Who is in none of the groups does not
# sign in by it; the first group in which somebody is gives the role.
# [oidc]
# name = "Camp directory"
# issuer = "https://id.example/realms/camp"
# client_id = "sallyport"
# secret_file = "oidc-secret"
# site = "https://gate.example"
# [[oidc.role]]
# group = "gate-chiefs"
# role = "security-manager"

# Inspections: how many days hold what a person saw in a vehicle, and what a
# maker, importer or dealer stated of it; from which zone an inspection needs two
# people ("public" is always, "critical" the most sensitive only, "" nowhere);
# whether photographs are kept.
inspection_days = 365
statement_days = 180
two_person_from = ""
keep_photographs = false

# What was found in vehicles of a kind is shown of the next one from k vehicles
# inspected on m days on, with bounds of that level; no one inspector weighs more
# than the part weight. name is how other sites call this one in what
# "sallyport inspect export" writes for them: groups and counts, no vehicle.
# [learning]
# name = "north gate"
# k = 5
# m = 3
# level = 0.95
# weight = 0.5

[[lane]]
id = "lane-1"
name = "Lane 1"
zone = "restricted" # public, controlled, restricted, critical
market = ""         # market of most vehicles here: EU, US, PL …; empty is unknown
turn_out = "Turn-out bay before the arm"
auto_open = false
[lane.arm]
kind = "none"
# One block for each passive receiver on a serial line:
# [[lane.sensor]]
# name = "lane-1-stop"
# port = "/dev/serial/by-id/…"
# baud = 115200
# plain = false # true: also lines of JSON without number and check
# or, for one that sends a datagram each, whom to hear and where:
# [[lane.sensor]]
# name = "lane-1-stop"
# udp = "192.0.2.1:8471"
# from = ["192.0.2.17"]
# or, for one that reports over the network, the id that ` + "`sallyport device add`" + ` told:
# [[lane.sensor]]
# name = "lane-1-stop"
# device = "…"
`

// Run makes the directory, the log's key and an empty database.
func (c *initCmd) Run(ctx context.Context, s *streams) error {
	text, beside, err := c.template()
	if err != nil {
		return err
	}
	var root []byte
	if c.Root != "" {
		if root, err = readSmall(c.Root); err != nil {
			return err
		}
		if err := refdata.CheckRoot(root); err != nil {
			return fmt.Errorf("%s: %w", c.Root, err)
		}
		text = strings.Replace(text, "# refdata.root", "refdata.root", 1)
	}
	if root != nil {
		beside = append(beside, besideFile{rootFile, root})
	}
	key, err := makeSite(ctx, c.Data, c.Site, text, s, beside...)
	if err != nil {
		return err
	}
	if root != nil {
		fmt.Fprintf(s.out, "trusts the root with the SHA-256 %x: compare it with what the authorities say\n", sha256.Sum256(root))
	}
	fmt.Fprintf(s.out, "site %s made in %s\nlog verifier key (keep a copy elsewhere): %s\n", c.Site, c.Data, key)
	fmt.Fprintf(s.out, "next: complete %s, then `sallyport serve --data %s`, which prints a code: with it the first administrator is made on the page /first\n", filepath.Join(c.Data, siteFile), c.Data)
	return nil
}

// makeSite writes the configuration and the empty store. A site that is there
// already is an error and is left as it is.
//
// Version 1 of its rules is what the configuration names. The files that it
// names are put beside it first. A crash on the way leaves a site whose first start makes
// version 1.
func makeSite(ctx context.Context, dir, id, config string, s *streams, beside ...besideFile) (verifierKey string, err error) {
	if strings.TrimSpace(id) == "" {
		return "", errors.New("site: the id is empty")
	}
	there, err := isSite(dir)
	if err != nil {
		return "", err
	}
	if there {
		return "", fmt.Errorf("%s holds a site already; nothing was changed", dir)
	}
	key, err := sqlite.Init(ctx, dir, id, s.now().UTC())
	if errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("%s holds a site's database but no %s: put the file back, or choose another directory", dir, siteFile)
	}
	if err != nil {
		return "", err
	}
	for _, f := range beside {
		if err := writeNew(filepath.Join(dir, f.name), f.text, 0o600); err != nil {
			return "", err
		}
	}
	if err := writeNew(filepath.Join(dir, siteFile), []byte(config), 0o600); err != nil {
		return "", err
	}
	return key, firstRules(ctx, dir, s)
}

// besideFile is a file that is put beside a site's configuration: rules, or the
// root of the authorities.
type besideFile struct {
	name string
	text []byte
}

// firstRules records version 1 of a new site's rules.
func firstRules(ctx context.Context, dir string, s *streams) (err error) {
	cfg, err := loadSite(dir)
	if err != nil {
		return err
	}
	held, err := openRefdata(dir, cfg)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, err = openRules(ctx, dir, cfg, held.parts(), store, s.now, nil, slog.New(slog.NewTextHandler(s.err, nil)))
	return err
}

// template is the configuration of the new site, with its rules and the threat
// levels that they name.
func (c *initCmd) template() (text string, beside []besideFile, err error) {
	p, src, err := openPolicy(c.Policy, &refdata.Data{})
	if err != nil {
		return "", nil, err
	}
	name := c.Policy
	if !isPack(name) {
		name = filepath.Base(name)
		if name == siteFile || strings.HasPrefix(name, ".") {
			return "", nil, fmt.Errorf("policy: %q cannot be put beside %s", name, siteFile)
		}
		beside = append(beside, besideFile{name, src})
	}
	levels := p.Postures()
	if len(levels) == 0 {
		levels = []string{calm}
	}
	quoted := make([]string, len(levels))
	for i, l := range levels {
		quoted[i] = strconv.Quote(l)
	}
	return fmt.Sprintf(siteTemplate, c.Site, c.Name, name, strings.Join(quoted, ", ")), beside, nil
}

// isSite says whether the directory holds a site's configuration.
func isSite(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, siteFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
