package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport/rf"
	"sallyport/rf/kismet"
	"sallyport/rf/mqtt"
	"sallyport/rf/v2x"
)

// sensorConfig is one passive receiver: what brings its words, which is a serial
// line, datagrams, a broker or an enrolled device that reports over HTTP, and
// what it speaks there.
type sensorConfig struct {
	Name   string       `toml:"name"`
	Source string       `toml:"source"` // what it speaks: line (also where absent), nrf, rtl433, kismet, v2x
	Port   string       `toml:"port"`   // /dev/serial/by-id/…
	Baud   int          `toml:"baud"`
	UDP    string       `toml:"udp"`    // instead of port and baud: the address and port to listen at
	From   []netip.Addr `toml:"from"`   // udp: the addresses that may send; none: this machine, where udp is an address that no other reaches
	MQTT   string       `toml:"mqtt"`   // instead: the topic at the site's broker; + and # stand for levels
	QoS    int          `toml:"qos"`    // mqtt: 0 or 1
	Plain  bool         `toml:"plain"`  // line: records without number and check are taken, too
	Zone   string       `toml:"zone"`   // rtl433: time zone of times that tell none; absent is UTC
	Device string       `toml:"device"` // instead: the id of the device, and a colon and its antenna's name where it gives one
}

// mqttConfig is [mqtt] of site.toml: the broker to which sensors publish. The
// password stands in a file of its own. Files are named relative to the data
// directory.
type mqttConfig struct {
	Broker       string `toml:"broker"`        // mqtts://host[:8883], or mqtt://host[:1883]
	User         string `toml:"user"`          // of an account that may read the sensors' topics, and write to none
	PasswordFile string `toml:"password_file"` // its one line is the password; readable by its owner only
	CA           string `toml:"ca"`            // certificates of the authorities that certify the broker, PEM; absent: the system's
	Cert         string `toml:"cert"`          // certificate of this site, PEM, where the broker asks for one
	Key          string `toml:"key"`           // and its key; readable by its owner only
}

// The ways in which a sensor reports.
const (
	overSerial = "serial"
	overUDP    = "udp"
	overMQTT   = "mqtt"
	overDevice = "device"
)

// What a sensor may speak.
const (
	speaksLine   = "line"
	speaksNRF    = "nrf"
	speaksRTL433 = "rtl433"
	speaksKismet = "kismet"
	speaksV2X    = "v2x"
)

// ways are those that bring a source's words whole: a piece at a time.
func ways(source string) ([]string, error) {
	switch source {
	case speaksLine:
		return []string{overSerial, overUDP, overMQTT, overDevice}, nil
	case speaksNRF:
		return []string{overSerial}, nil
	case speaksRTL433, speaksV2X:
		return []string{overSerial, overUDP, overMQTT}, nil
	case speaksKismet:
		return []string{overUDP, overMQTT}, nil
	case "pcap", "kismetdb", "sweep", "btmon", "observations":
		return nil, fmt.Errorf("source %q comes through a pipe or as a file: have `sallyport rf replay --source %s --to udp://…` send it, and let the sensor speak line over udp", source, source)
	}
	return nil, fmt.Errorf("source %q is none of line, nrf, rtl433, kismet, v2x", source)
}

// speaks is the name under which the lane hears the sensor. Who holds the line,
// or the token, says who speaks, and not what is sent.
func (c sensorConfig) speaks() string { return cmp.Or(c.Device, c.Name) }

// language is what the sensor speaks.
func (c sensorConfig) language() string { return cmp.Or(c.Source, speaksLine) }

// source is how the sensor reports, in one word.
func (c sensorConfig) source() string {
	switch {
	case c.Device != "":
		return overDevice
	case c.UDP != "":
		return overUDP
	case c.MQTT != "":
		return overMQTT
	}
	return overSerial
}

// limit is the length of the longest piece that the sensor may send, in bytes.
func (c sensorConfig) limit() int {
	switch c.language() {
	case speaksV2X:
		return v2x.MaxMessage
	case speaksKismet:
		return min(kismet.MaxRecord, 1<<16)
	}
	return rf.MaxLine
}

func (c sensorConfig) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("sensor %s: "+format, append([]any{c.Name}, args...)...)
	}
	if !rf.ValidName(c.Name, 64) {
		return fmt.Errorf("sensor: name %q is not 1 to 64 letters, digits, . _ : -", c.Name)
	}
	given := 0
	for _, way := range []bool{c.Port != "" || c.Baud != 0, c.UDP != "", c.MQTT != "", c.Device != ""} {
		if way {
			given++
		}
	}
	over, language := c.source(), c.language()
	if given != 1 || over == overSerial && (c.Port == "" || c.Baud <= 0) {
		return bad("needs either port and baud, or udp, or mqtt, or device")
	}
	possible, err := ways(language)
	if err != nil {
		return bad("%w", err)
	}
	switch {
	case !slices.Contains(possible, over):
		return bad("source %q does not come over %s, but over %s", language, over, strings.Join(possible, ", "))
	case over != overUDP && c.From != nil:
		return bad("from belongs to udp")
	case over != overMQTT && c.QoS != 0:
		return bad("qos belongs to mqtt")
	case c.Plain && (language != speaksLine || over == overDevice):
		return bad("plain belongs to the source line over port, udp or mqtt")
	case c.Zone != "" && language != speaksRTL433:
		return bad("zone belongs to the source rtl433: the others tell theirs")
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		return bad("zone: %w", err)
	}
	switch over {
	case overUDP:
		_, _, err := c.datagrams()
		return err
	case overMQTT:
		if c.QoS < 0 || c.QoS > 1 {
			return bad("qos: %d is neither 0 nor 1", c.QoS)
		}
		if err := mqtt.CheckTopic(c.MQTT); err != nil {
			return bad("%w", err)
		}
	}
	return nil
}

// datagrams is where a sensor's datagrams are received, and from whom.
func (c sensorConfig) datagrams() (at netip.AddrPort, from []netip.Addr, err error) {
	at, err = netip.ParseAddrPort(c.UDP)
	if err != nil {
		return at, nil, fmt.Errorf("sensor %s: udp: %q is not an address and a port, such as 127.0.0.1:8471", c.Name, c.UDP)
	}
	from = c.From
	if len(from) == 0 {
		if !at.Addr().IsLoopback() {
			return at, nil, fmt.Errorf("sensor %s: from is missing: at %s others may send, too", c.Name, at.Addr())
		}
		from = []netip.Addr{at.Addr()}
	}
	return at, from, nil
}

// check says what is wrong with the broker.
func (c mqttConfig) check() error {
	if c == (mqttConfig{}) {
		return nil
	}
	for key, name := range map[string]string{"password_file": c.PasswordFile, "ca": c.CA, "cert": c.Cert, "key": c.Key} {
		if name != "" && !filepath.IsLocal(name) {
			return fmt.Errorf("%s: %q lies outside the data directory", key, name)
		}
	}
	// All but the address is as good as any.
	if _, err := mqtt.New(mqtt.Config{Broker: c.Broker, ClientID: "x", Topic: "x", Queue: 1, Parse: func(b []byte, _ time.Time) (rf.Observation, error) { return rf.ParseLine(b) }}); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	u, err := url.Parse(c.Broker)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	secure := u.Scheme == "mqtts"
	switch {
	case (c.User == "") != (c.PasswordFile == ""):
		return errors.New("user and password_file belong together")
	case (c.Cert == "") != (c.Key == ""):
		return errors.New("cert and key belong together")
	case !secure && (c.CA != "" || c.Cert != ""):
		return errors.New("ca, cert and key belong to mqtts://")
	case !secure && c.PasswordFile != "" && !loopback(u.Hostname()):
		return fmt.Errorf("the password would go to %s in clear: use mqtts://", u.Hostname())
	}
	return nil
}

// secrets reads what the broker is shown and what it must show.
func (c mqttConfig) secrets(dir string) (password string, trust *tls.Config, err error) {
	if c.PasswordFile != "" {
		b, err := readOwn(filepath.Join(dir, c.PasswordFile))
		if err != nil {
			return "", nil, fmt.Errorf("mqtt: password_file: %w", err)
		}
		password = strings.TrimRight(string(b), "\r\n")
		if password == "" || strings.ContainsAny(password, "\r\n") {
			return "", nil, fmt.Errorf("mqtt: password_file: %s does not hold one line", c.PasswordFile)
		}
	}
	if u, err := url.Parse(c.Broker); err != nil || u.Scheme != "mqtts" {
		return password, nil, err
	}
	trust = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		b, err := os.ReadFile(filepath.Join(dir, c.CA))
		if err != nil {
			return "", nil, fmt.Errorf("mqtt: ca: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(b) {
			return "", nil, fmt.Errorf("mqtt: ca: %s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" {
		cert, err := os.ReadFile(filepath.Join(dir, c.Cert))
		if err != nil {
			return "", nil, fmt.Errorf("mqtt: cert: %w", err)
		}
		key, err := readOwn(filepath.Join(dir, c.Key))
		if err != nil {
			return "", nil, fmt.Errorf("mqtt: key: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return "", nil, fmt.Errorf("mqtt: cert and key: %w", err)
		}
		trust.Certificates = []tls.Certificate{pair}
	}
	return password, trust, nil
}

// readOwn reads a secret, which none but its owner may read.
func readOwn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %04o); make it 0600", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

// checkSensors says what is wrong with the lanes' sensors: each by itself, and
// two that would hear the same.
func (c siteConfig) checkSensors() error {
	if err := c.MQTT.check(); err != nil {
		return fmt.Errorf("mqtt: %w", err)
	}
	taken := map[string]string{}
	for i, l := range c.Lanes {
		if err := l.checkUpstream(); err != nil {
			return &placeError{place{table: "lane", n: i, key: "upstream_m"}, fmt.Errorf("lane %q: upstream_m: %w", l.ID, err)}
		}
		for j, s := range l.Sensors {
			bad := func(err error) error {
				return &placeError{place{table: "lane", n: i, sub: "sensor", m: j}, fmt.Errorf("lane %q: %w", l.ID, err)}
			}
			if err := s.check(); err != nil {
				return bad(err)
			}
			if s.MQTT != "" && c.MQTT.Broker == "" {
				return bad(fmt.Errorf("sensor %s: mqtt: the site names no broker: [mqtt] broker = \"mqtts://…\"", s.Name))
			}
			for _, what := range []string{"name " + s.speaks(), "port " + s.Port, "udp " + s.UDP} {
				if strings.HasSuffix(what, " ") {
					continue
				}
				if other, twice := taken[what]; twice {
					return bad(fmt.Errorf("sensor %s has the %s of sensor %s", s.Name, what, other))
				}
				taken[what] = s.Name
			}
		}
	}
	return nil
}

// A second antenna nearer than 3 m hears what the first one hears, and one
// farther off than 40 m another part of the road.
const (
	leastUpstreamM = 3
	mostUpstreamM  = 40
)

// checkUpstream says what is wrong with the distance of a lane's second antenna.
func (l laneConfig) checkUpstream() error {
	switch m := l.UpstreamM; {
	case m == nil:
		return nil
	case !(*m >= leastUpstreamM && *m <= mostUpstreamM):
		return fmt.Errorf("%g is not from %d to %d metres before the line", *m, leastUpstreamM, mostUpstreamM)
	case len(l.Sensors) < 2:
		return errors.New("it is the distance of the second sensor, and the lane has none")
	}
	return nil
}
