package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
)

// formerKeysFile holds the public keys that signed device tokens before the
// present one, each until the end of its overlap. They are no secret; who could
// write here could speak as any device.
const formerKeysFile = "device.former"

const formerKeyType = "SALLYPORT FORMER DEVICE KEY"

// deviceTrust is the key that signs device tokens, and all that are trusted at an
// instant.
func deviceTrust(dir string, at time.Time) (ed25519.PrivateKey, map[string]auth.TrustedKey, error) {
	key, err := deviceKey(dir)
	if err != nil {
		return nil, nil, err
	}
	trusted := map[string]auth.TrustedKey{}
	rest, err := os.ReadFile(filepath.Join(dir, formerKeysFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("former device keys: %w", err)
	}
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		until, err := time.Parse(time.RFC3339, block.Headers["Until"])
		if err != nil || block.Type != formerKeyType || len(block.Bytes) != ed25519.PublicKeySize {
			return nil, nil, fmt.Errorf("former device keys: %s is damaged", filepath.Join(dir, formerKeysFile))
		}
		if at.Before(until) {
			pub := ed25519.PublicKey(block.Bytes)
			trusted[publicKeyID(pub)] = auth.TrustedKey{Key: pub, Until: until}
		}
	}
	// A crash amid a change leaves the present key among the former ones too.
	pub := key.Public().(ed25519.PublicKey)
	trusted[publicKeyID(pub)] = auth.TrustedKey{Key: pub}
	return key, trusted, nil
}

// changeDeviceKey makes a new key. What the present one signed is good for as long
// as the overlap.
func changeDeviceKey(dir string, at time.Time, overlap time.Duration) error {
	key, trusted, err := deviceTrust(dir, at)
	if err != nil {
		return err
	}
	pub := key.Public().(ed25519.PublicKey)
	trusted[publicKeyID(pub)] = auth.TrustedKey{Key: pub, Until: at.Add(overlap)}
	var former strings.Builder
	for _, t := range trusted {
		block := pem.Block{Type: formerKeyType, Headers: map[string]string{"Until": t.Until.UTC().Format(time.RFC3339)}, Bytes: t.Key}
		if err := pem.Encode(&former, &block); err != nil {
			return err
		}
	}
	if err := replacePrivate(filepath.Join(dir, formerKeysFile), []byte(former.String())); err != nil {
		return fmt.Errorf("former device keys: %w", err)
	}
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	if err := replacePrivate(filepath.Join(dir, deviceKeyFile), pem.EncodeToMemory(&pem.Block{Type: "SALLYPORT DEVICE KEY SEED", Bytes: seed})); err != nil {
		return fmt.Errorf("device key: %w", err)
	}
	return nil
}

// replacePrivate puts a file that only its owner may read in the place of another,
// whole or not at all.
func replacePrivate(path string, text []byte) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// enrolment is what enrols devices of a site and mints their tokens.
type enrolment struct {
	dir      string
	cfg      siteConfig
	now      func() time.Time
	verifier *auth.Verifier                                             // of the running site; nil: it does not run
	rekey    func(ed25519.PrivateKey, map[string]auth.TrustedKey) error // has the running site sign passes with another key; nil likewise
	dismiss  func(device string)                                        // ends the streams of a device of the running site; nil likewise
}

// The operations on devices, as the control socket names them.
const (
	opDeviceAdd    = "/device/add"
	opDeviceRenew  = "/device/renew"
	opDeviceRevoke = "/device/revoke"
	opDeviceList   = "/device/list"
	opDeviceRotate = "/device/rotate"
)

type enrolRequest struct {
	Name string
	Kind string
	Lane string
	Life time.Duration
	By   string // who did it; empty: on the command line
}

type renewRequest struct {
	ID   string
	Life time.Duration
}

type enrolled struct {
	ID, Token, Kind, Lane string
}

type rotateRequest struct{ Overlap time.Duration }

// rotated says until when the tokens of the former key are good.
type rotated struct{ Until time.Time }

func (e *enrolment) operations(store *sqlite.Store) map[string]operation {
	return map[string]operation{
		opDeviceAdd:   op(func(ctx context.Context, r enrolRequest) (enrolled, error) { return e.add(ctx, store, r) }),
		opDeviceRenew: op(func(ctx context.Context, r renewRequest) (enrolled, error) { return e.renew(ctx, store, r) }),
		opDeviceRevoke: op(func(ctx context.Context, id string) (struct{}, error) {
			err := store.RevokeDevice(ctx, id, gate.Event{Kind: gate.EventDeviceRevoked, At: e.now().UTC(), Detail: id})
			if err == nil && e.dismiss != nil {
				e.dismiss(id)
			}
			return struct{}{}, err
		}),
		opDeviceList: op(func(ctx context.Context, _ struct{}) ([]sqlite.Device, error) { return store.Devices(ctx) }),
		opDeviceRotate: op(func(ctx context.Context, r rotateRequest) (rotated, error) {
			until := e.now().UTC().Add(r.Overlap).Truncate(time.Second)
			if r.Overlap < 0 || r.Overlap > auth.MaxTokenLife {
				return rotated{}, fmt.Errorf("overlap: %s is not within 0 and %s", r.Overlap, auth.MaxTokenLife)
			}
			if err := changeDeviceKey(e.dir, e.now(), r.Overlap); err != nil {
				return rotated{}, err
			}
			if e.verifier != nil {
				key, trusted, err := deviceTrust(e.dir, e.now())
				if err == nil {
					err = e.verifier.Trust(trusted)
				}
				if err == nil {
					err = e.rekey(key, trusted)
				}
				if err != nil {
					return rotated{}, fmt.Errorf("the key is changed, and the site must be started anew: %w", err)
				}
			}
			return rotated{until}, store.RecordEvent(ctx, gate.Event{Kind: gate.EventDeviceKey, At: e.now().UTC(), Detail: "the former one is trusted until " + until.Format(time.RFC3339)})
		}),
	}
}

func (e *enrolment) mint(d auth.Device, life time.Duration) (string, error) {
	key, err := deviceKey(e.dir)
	if err != nil {
		return "", err
	}
	issuer, err := auth.NewIssuer(issuerName(e.cfg), apiAudience, keyID(key), key)
	if err != nil {
		return "", err
	}
	return issuer.Mint(d, e.now(), life)
}

func (e *enrolment) add(ctx context.Context, store *sqlite.Store, r enrolRequest) (enrolled, error) {
	kind, err := auth.ParseDeviceKind(r.Kind)
	if err != nil {
		return enrolled{}, err
	}
	if r.Lane != auth.WholeSite && !slices.ContainsFunc(e.cfg.Lanes, func(l laneConfig) bool { return l.ID == r.Lane }) {
		return enrolled{}, fmt.Errorf("the site has no lane %q", r.Lane)
	}
	d := auth.Device{ID: strings.ToLower(rand.Text()), Kind: kind, Lane: r.Lane}
	token, err := e.mint(d, r.Life)
	if err != nil {
		return enrolled{}, err
	}
	lane := gate.LaneID(r.Lane)
	if r.Lane == auth.WholeSite {
		lane = ""
	}
	err = store.CreateDevice(ctx, sqlite.Device{ID: d.ID, Name: r.Name, Kind: string(kind), Lane: r.Lane, Created: e.now().UTC()},
		gate.Event{Kind: gate.EventDeviceEnrolled, Lane: lane, At: e.now().UTC(), By: r.By, Detail: fmt.Sprintf("%s, %s, %s", d.ID, kind, r.Name)})
	if err != nil {
		return enrolled{}, err
	}
	return enrolled{ID: d.ID, Token: token, Kind: string(kind), Lane: r.Lane}, nil
}

func (e *enrolment) renew(ctx context.Context, store *sqlite.Store, r renewRequest) (enrolled, error) {
	d, err := store.DeviceByID(ctx, r.ID)
	if err != nil {
		return enrolled{}, err
	}
	if d.Revoked {
		return enrolled{}, fmt.Errorf("device %s is revoked; add it anew", r.ID)
	}
	token, err := e.mint(auth.Device{ID: d.ID, Kind: auth.DeviceKind(d.Kind), Lane: d.Lane}, r.Life)
	return enrolled{ID: d.ID, Token: token, Kind: d.Kind, Lane: d.Lane}, err
}

// onDevices carries one operation out, at the site that runs or at the one that
// does not.
func onDevices(ctx context.Context, dir string, s *streams, path string, in, out any) (err error) {
	cfg, err := loadSite(dir)
	if err != nil {
		return err
	}
	call, end, err := reach(ctx, dir, func(store *sqlite.Store) (map[string]operation, error) {
		return (&enrolment{dir: dir, cfg: cfg, now: s.now}).operations(store), nil
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return call(path, in, out)
}

const day = 24 * time.Hour

// deviceAddCmd is `sallyport device add`.
type deviceAddCmd struct {
	Name string `arg:"" help:"What people call the device."`
	Kind string `required:"" help:"sensor, kiosk, plate-camera, alarm-panel or integration."`
	Lane string `required:"" help:"The one lane it may speak of; * is the whole site, for alarm panels and integrations."`
	Days int    `help:"Days until its token expires." default:"365"`
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run enrols the device and prints its token, once.
func (c *deviceAddCmd) Run(ctx context.Context, s *streams) error {
	var d enrolled
	if err := onDevices(ctx, c.Data, s, opDeviceAdd, enrolRequest{Name: c.Name, Kind: c.Kind, Lane: c.Lane, Life: time.Duration(c.Days) * day}, &d); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "device %s (%s, %s of lane %s); its token is shown this once:\n", d.ID, c.Name, d.Kind, d.Lane)
	fmt.Fprintln(s.out, d.Token)
	return nil
}

// deviceRenewCmd is `sallyport device renew`.
type deviceRenewCmd struct {
	ID   string `arg:"" help:"Id of the device."`
	Days int    `help:"Days until its token expires." default:"365"`
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run prints a new token of the device, signed with the present key.
func (c *deviceRenewCmd) Run(ctx context.Context, s *streams) error {
	var d enrolled
	if err := onDevices(ctx, c.Data, s, opDeviceRenew, renewRequest{ID: c.ID, Life: time.Duration(c.Days) * day}, &d); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "device %s (%s of lane %s); the tokens that it had are good until they expire or their key does:\n", d.ID, d.Kind, d.Lane)
	fmt.Fprintln(s.out, d.Token)
	return nil
}

// deviceRevokeCmd is `sallyport device revoke`.
type deviceRevokeCmd struct {
	ID   string `arg:"" help:"Id of the device."`
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run revokes the device: its token is refused from then on, and what it has open
// at a running site ends.
func (c *deviceRevokeCmd) Run(ctx context.Context, s *streams) error {
	if err := onDevices(ctx, c.Data, s, opDeviceRevoke, c.ID, &struct{}{}); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "device %s is revoked\n", c.ID)
	return nil
}

// deviceListCmd is `sallyport device list`.
type deviceListCmd struct {
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run prints the devices that were ever enrolled.
func (c *deviceListCmd) Run(ctx context.Context, s *streams) error {
	var list []sqlite.Device
	if err := onDevices(ctx, c.Data, s, opDeviceList, struct{}{}, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tLANE\tENROLLED\tSTATE\tNAME")
	for _, d := range list {
		state := "good"
		if d.Revoked {
			state = "revoked"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Kind, d.Lane, d.Created.Format(time.DateOnly), state, d.Name)
	}
	return w.Flush()
}

// deviceRotateCmd is `sallyport device rotate`.
type deviceRotateCmd struct {
	Overlap int    `help:"Days for which tokens and passes of the former key are accepted; 0 ends them now, and every device and every vehicle with a pass needs a new one." default:"90"`
	Data    string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run makes a new key for tokens.
func (c *deviceRotateCmd) Run(ctx context.Context, s *streams) error {
	var r rotated
	if err := onDevices(ctx, c.Data, s, opDeviceRotate, rotateRequest{Overlap: time.Duration(c.Overlap) * day}, &r); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "tokens are signed with a new key; those of the former one are accepted until %s (give each device a new one with `sallyport device renew`)\npasses likewise: draw those that are to be good for longer anew with `sallyport pass qr`\n", r.Until.Format(time.RFC3339))
	return nil
}
