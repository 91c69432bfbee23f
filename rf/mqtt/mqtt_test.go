package mqtt

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	brokerpackets "github.com/mochi-mqtt/server/v2/packets"

	"sallyport/rf"
)

// byWord takes a message for an observation whose sensor is its text; bad is
// refused, old and ahead have a wrong clock.
func byWord(b []byte, at time.Time) (rf.Observation, error) {
	o := rf.Observation{TS: at, Sensor: string(b)}
	switch string(b) {
	case "bad":
		return o, errors.New("no record")
	case "old":
		o.TS = at.Add(-time.Minute)
	case "ahead":
		o.TS = at.Add(time.Minute)
	}
	return o, nil
}

// freePort is an address of this machine at which nobody listens now.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// doorman lets in who knows the password, where there is one, and notes what
// clients of the broker do.
type doorman struct {
	broker.HookBase
	password string
	mu       sync.Mutex
	wills    int
	wrote    map[string]int
}

func (*doorman) ID() string { return "doorman" }

func (*doorman) Provides(b byte) bool {
	return b == broker.OnConnectAuthenticate || b == broker.OnACLCheck || b == broker.OnPublish
}

func (d *doorman) OnConnectAuthenticate(_ *broker.Client, p brokerpackets.Packet) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.Connect.WillFlag {
		d.wills++
	}
	return d.password == "" || string(p.Connect.Username) == "gate" && string(p.Connect.Password) == d.password
}

func (*doorman) OnACLCheck(*broker.Client, string, bool) bool { return true }

func (d *doorman) OnPublish(c *broker.Client, p brokerpackets.Packet) (brokerpackets.Packet, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wrote == nil {
		d.wrote = map[string]int{}
	}
	d.wrote[c.ID]++
	return p, nil
}

// mochi starts a broker of the program's own kind.
func mochi(t *testing.T, addr string, c *tls.Config, d *doorman) (end func() error) {
	t.Helper()
	s := broker.New(&broker.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := s.AddHook(d, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.AddListener(listeners.NewTCP(listeners.Config{ID: "t", Address: addr, TLSConfig: c})); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceValue(s.Close)
	t.Cleanup(func() { _ = end() })
	return end
}

// mosquitto starts Debian's broker where it is installed.
func mosquitto(t *testing.T, addr string) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		t.Skip("SKIPPED: the listener is not tried against mosquitto, which is not installed (apt-get install mosquitto)")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+port+" "+host+"\nallow_anonymous true\npersistence false\nuser root\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "-c", conf)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("mosquitto says: %s", said.String())
		}
	})
}

// publisher is a sensor's own connection to the broker.
func publisher(t *testing.T, addr string) *paho.Client {
	t.Helper()
	var c net.Conn
	for {
		var err error
		if c, err = new(net.Dialer).DialContext(t.Context(), "tcp", addr); err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond) // until the broker is up
	}
	p := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(c)})
	if _, err := p.Connect(t.Context(), &paho.Connect{ClientID: "sensor", CleanStart: true, KeepAlive: 60}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return p
}

func publish(t *testing.T, p *paho.Client, qos byte, retain bool, topic, text string) {
	t.Helper()
	if _, err := p.Publish(t.Context(), &paho.Publish{Topic: topic, QoS: qos, Retain: retain, Payload: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

// running starts a listener and returns it with what ends it.
func running(t *testing.T, c Config, sink func(rf.Observation) bool) (*Listener, <-chan error, func() time.Duration) {
	t.Helper()
	notes := make(chan error, 64)
	c.Notify = func(err error) { notes <- err }
	if c.ClientID == "" {
		c.ClientID = "gate"
	}
	if c.Topic == "" {
		c.Topic = "air/north"
	}
	if c.Parse == nil {
		c.Parse = byWord
	}
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, sink) }()
	stop := sync.OnceValue(func() time.Duration {
		start := time.Now()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		return time.Since(start)
	})
	t.Cleanup(func() {
		if took := stop(); took > 250*time.Millisecond {
			t.Errorf("the end took %v", took)
		}
	})
	return l, notes, stop
}

// up waits until the listener listens.
func up(t *testing.T, notes <-chan error) {
	t.Helper()
	for {
		select {
		case err := <-notes:
			if err == nil {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it does not listen")
		}
	}
}

func TestEveryMessageIsCountedOnce(t *testing.T) {
	for _, x := range []struct {
		name  string
		start func(*testing.T, string)
	}{
		{"mochi", func(t *testing.T, at string) { mochi(t, at, nil, new(doorman)) }},
		{"mosquitto", mosquitto},
	} {
		for qos := range byte(2) {
			t.Run(fmt.Sprintf("%s at %d", x.name, qos), func(t *testing.T) {
				addr := freePort(t)
				x.start(t, addr)
				p := publisher(t, addr)
				publish(t, p, 1, true, "air/north", "of another time")
				// Once a second message is acknowledged, the first has gone out.
				publish(t, p, 1, false, "water/north", "after it")
				got := make(chan string, 16)
				l, notes, stop := running(t, Config{Broker: "mqtt://" + addr, QoS: qos, Topic: "air/+"}, func(o rf.Observation) bool {
					if o.Sensor == "busy" {
						return false
					}
					got <- o.Sensor
					return true
				})
				up(t, notes)
				full := strings.Repeat("z", DefaultLimit)
				// Live, though the broker is to keep it.
				publish(t, p, 1, true, "air/north", "one")
				publish(t, p, 1, false, "water/north", "elsewhere")
				for _, text := range []string{"bad", "old", "ahead", "busy", "", full + "x", strings.Repeat("y", 1<<20), full, "last"} {
					publish(t, p, 1, false, "air/south", text)
				}
				for _, want := range []string{"one", full, "last"} {
					select {
					case have := <-got:
						if have != want {
							t.Fatalf("got %.40q, want %.40q", have, want)
						}
					case <-time.After(20 * time.Second):
						t.Fatalf("%.40q did not come: %+v", want, l.Stats())
					}
				}
				stop()
				s := l.Stats()
				want := Stats{Received: 10, Accepted: 3, Refused: 1, Clock: 2, Dropped: 1, Empty: 1, TooLong: 2,
					Opened: 1, Lost: 1, Down: context.Canceled.Error(), Last: s.Last, Refusal: "no record"}
				if s != want || s.Last.IsZero() {
					t.Errorf("%+v, want %+v", s, want)
				}
			})
		}
	}
}

// A broker sees a client that only listens.
func TestNothingIsPublished(t *testing.T) {
	addr := freePort(t)
	w := new(doorman)
	mochi(t, addr, nil, w)
	got := make(chan string, 1)
	_, notes, stop := running(t, Config{Broker: "mqtt://" + addr, QoS: 1}, func(o rf.Observation) bool { got <- o.Sensor; return true })
	up(t, notes)
	publish(t, publisher(t, addr), 1, false, "air/north", "heard")
	<-got
	stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wills != 0 || len(w.wrote) != 1 || w.wrote["sensor"] != 1 {
		t.Errorf("%d wills; published: %v", w.wills, w.wrote)
	}
}

func TestOnlyWhatAListenerNeedsIsSent(t *testing.T) {
	pack := func(p interface {
		WriteTo(io.Writer) (int64, error)
	}) []byte {
		var b bytes.Buffer
		if _, err := p.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	long := &packets.Subscribe{PacketID: 1, Properties: &packets.Properties{}, Subscriptions: []packets.SubOptions{{Topic: strings.Repeat("x", 300)}}}
	subscribe, ping := pack(long), pack(packets.NewControlPacket(packets.PINGREQ))
	message := pack(&packets.Publish{Topic: "a", Payload: []byte("x"), Properties: &packets.Properties{}})
	for name, x := range map[string]struct {
		b  []byte
		ok bool
	}{
		"subscribe":            {subscribe, true},
		"subscribe, ping":      {append(bytes.Clone(subscribe), ping...), true},
		"message":              {message, false},
		"subscribe, message":   {append(bytes.Clone(subscribe), message...), false},
		"unsubscribe":          {pack(packets.NewControlPacket(packets.UNSUBSCRIBE)), false},
		"answer to a PUBLISH2": {pack(packets.NewControlPacket(packets.PUBREC)), false},
	} {
		// However it is cut into writes.
		for step := 1; step <= len(x.b); step++ {
			var o outgoing
			ok := true
			for rest := x.b; len(rest) > 0 && ok; rest = rest[min(step, len(rest)):] {
				ok = o.allows(rest[:min(step, len(rest))])
			}
			if ok != x.ok {
				t.Fatalf("%s in steps of %d: %v", name, step, ok)
			}
		}
	}
	c := newConn(nil, nil, 1)
	if _, err := c.Write(message); !errors.Is(err, errTransmits) {
		t.Error(err)
	}
}

func TestHearsAgainWhenTheBrokerIsBack(t *testing.T) {
	addr := freePort(t)
	first := mochi(t, addr, nil, new(doorman))
	got := make(chan string, 4)
	l, notes, _ := running(t, Config{Broker: "mqtt://" + addr, QoS: 1}, func(o rf.Observation) bool { got <- o.Sensor; return true })
	up(t, notes)
	publish(t, publisher(t, addr), 1, false, "air/north", "before")
	if s := <-got; s != "before" {
		t.Fatal(s)
	}
	if err := first(); err != nil {
		t.Fatal(err)
	}
	if err := <-notes; err == nil {
		t.Fatal("the loss was not told")
	}
	if s := l.Stats(); s.Up || s.Down == "" {
		t.Errorf("%+v", s)
	}
	mochi(t, addr, nil, new(doorman))
	up(t, notes)
	publish(t, publisher(t, addr), 1, false, "air/north", "after")
	if s := <-got; s != "after" {
		t.Fatal(s)
	}
	if s := l.Stats(); !s.Up || s.Opened != 2 || s.Lost != 1 || s.Accepted != 2 {
		t.Errorf("%+v", s)
	}
}

// certified makes a certificate for 127.0.0.1 and the pool that trusts it.
func certified(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}

func TestTLSAndPassword(t *testing.T) {
	addr := freePort(t)
	own, pool := certified(t)
	mochi(t, addr, own, &doorman{password: "right"})
	for _, x := range []struct {
		name, password, want string
		trust                *tls.Config
	}{
		{"trusted", "right", "", &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		{"wrong password", "wrong-secret", "code 0x86", &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		{"unknown authority", "right", "unknown authority", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, notes, _ := running(t, Config{Broker: "mqtts://" + addr, User: "gate", Password: x.password, TLS: x.trust}, func(rf.Observation) bool { return true })
			err := <-notes
			if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "secret")) {
				t.Fatalf("%v, want %q", err, x.want)
			}
		})
	}
}

func TestSlowParserCostsTheQueueOnly(t *testing.T) {
	addr := freePort(t)
	mochi(t, addr, nil, new(doorman))
	held, more := make(chan struct{}), make(chan struct{})
	l, notes, stop := running(t, Config{Broker: "mqtt://" + addr, QoS: 1, Queue: 4, Parse: func(b []byte, at time.Time) (rf.Observation, error) {
		if string(b) == "0" {
			close(held)
			<-more
		}
		return byWord(b, at)
	}}, func(rf.Observation) bool { return true })
	up(t, notes)
	p := publisher(t, addr)
	publish(t, p, 1, false, "air/north", "0")
	<-held
	const sent = 40
	for i := 1; i < sent; i++ {
		publish(t, p, 1, false, "air/north", fmt.Sprint(i))
	}
	for l.Stats().Received < sent && t.Context().Err() == nil {
		<-time.After(time.Millisecond)
	}
	close(more)
	for l.Stats().Accepted < 5 && t.Context().Err() == nil {
		<-time.After(time.Millisecond)
	}
	stop()
	if s := l.Stats(); s.Accepted != 5 || s.Full != sent-5 || s.Lost != 1 {
		t.Errorf("%+v", s)
	}
}

// scripted runs a listener in made-up time against a broker that is a function
// of the connection.
func scripted(t *testing.T, c Config, brokers ...func(net.Conn)) (l *Listener, calls <-chan time.Duration, notes <-chan error, stop func() time.Duration) {
	t.Helper()
	start := time.Now()
	called := make(chan time.Duration, 64)
	n := -1
	c.Broker = "mqtt://broker.invalid"
	c.Dial = func(context.Context, string, string) (net.Conn, error) {
		n++
		called <- time.Since(start)
		if n >= len(brokers) || brokers[n] == nil {
			return nil, errors.New("nobody there")
		}
		mine, theirs := net.Pipe()
		go brokers[n](theirs)
		return mine, nil
	}
	l, notes, stop = running(t, c, func(rf.Observation) bool { return true })
	return l, called, notes, stop
}

// answer reads packets and answers them as a broker does, until the
// subscription stands; rest is then called.
func answer(rest func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		for {
			p, err := packets.ReadPacket(c)
			if err != nil {
				return
			}
			switch p.Type {
			case packets.CONNECT:
				_, err = packets.NewControlPacket(packets.CONNACK).WriteTo(c)
			case packets.PINGREQ:
				_, err = packets.NewControlPacket(packets.PINGRESP).WriteTo(c)
			case packets.SUBSCRIBE:
				s := p.Content.(*packets.Subscribe)
				_, err = (&packets.Suback{PacketID: s.PacketID, Reasons: []byte{0}, Properties: &packets.Properties{}}).WriteTo(c)
				if err == nil {
					rest(c)
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// drain reads and answers nothing.
func drain(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangUp := func(c net.Conn) { c.Close() }
		steadily := answer(func(c net.Conn) {
			go drain(c)
			<-time.After(steady)
			c.Close()
		})
		_, calls, notes, stop := scripted(t, Config{KeepAlive: time.Minute}, nil, nil, nil, answer(hangUp), nil, nil, nil, nil, steadily, nil, nil)
		var at []time.Duration
		for len(at) < 11 {
			at = append(at, <-calls)
		}
		stop()
		s := time.Second
		want := []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, steady + s/2, s}
		for i := range want {
			if got := at[i+1] - at[i]; (got - want[i]).Abs() > leaveTimeout {
				t.Errorf("calls at %v: pause %d is %v, want %v", at, i, got, want[i])
			}
		}
		var told []error
		for len(notes) > 0 {
			told = append(told, <-notes)
		}
		// Nobody, up, ended, nobody, up, ended, nobody. Whether one that hangs up at
		// once was up is a matter of chance.
		if len(told) != 7 && (len(told) != 6 || !strings.HasPrefix(told[1].Error(), "mqtt: subscribe: ") || errors.Is(told[1], context.Canceled)) {
			t.Errorf("the changes told: %v", told)
		}
	})
}

// A broker that falls silent is told from a quiet one, and whatever a broker
// does, the end comes within 250 ms.
func TestWhateverTheBrokerDoes(t *testing.T) {
	for name, x := range map[string]struct {
		broker func(net.Conn)
		want   string
		within time.Duration
	}{
		"never reads":      {func(net.Conn) {}, "i/o timeout", callTimeout + time.Second},
		"never answers":    {drain, "deadline exceeded", callTimeout + time.Second},
		"falls silent":     {answer(drain), "PINGRESP timed out", 2*DefaultKeepAlive + time.Second},
		"stops reading":    {answer(func(net.Conn) {}), "i/o timeout", 2*DefaultKeepAlive + time.Second},
		"noise":            {func(c net.Conn) { go drain(c); _, _ = c.Write(bytes.Repeat([]byte{0xff, 0x00, 0xa5}, 1000)) }, "mqtt: connect", time.Second},
		"noise later":      {answer(func(c net.Conn) { go drain(c); _, _ = c.Write(bytes.Repeat([]byte{0xff}, 1000)) }), "malformed", time.Second},
		"half a packet":    {answer(func(c net.Conn) { go drain(c); _, _ = c.Write([]byte{0x30, 200}); c.Close() }), "EOF", time.Second},
		"a claim of 256 M": {answer(func(c net.Conn) { go drain(c); _, _ = c.Write([]byte{0xd0, 0xff, 0xff, 0xff, 0x7f}) }), "268435455 bytes", time.Second},
		"shorter than its topic": {answer(func(c net.Conn) {
			go drain(c)
			_, _ = c.Write(append(appendLength([]byte{0x32}, DefaultLimit+maxOther+1), 0xff, 0xff))
			_, _ = c.Write(make([]byte, 10))
			c.Close()
		}), "EOF", time.Second},
		"says goodbye": {answer(func(c net.Conn) {
			go drain(c)
			_, _ = (&packets.Disconnect{ReasonCode: 0x8b, Properties: &packets.Properties{}}).WriteTo(c)
		}), "code 0x8b", time.Second},
		"second connack": {answer(func(c net.Conn) {
			go drain(c)
			_, _ = packets.NewControlPacket(packets.CONNACK).WriteTo(c)
		}), "CONNACK", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				l, _, notes, stop := scripted(t, Config{}, x.broker)
				err := <-notes
				if err == nil {
					err = <-notes
				}
				if err == nil || !strings.Contains(err.Error(), x.want) {
					t.Errorf("%v, want %q", err, x.want)
				}
				if took := time.Since(start); took > x.within {
					t.Errorf("known after %v", took)
				}
				if s := l.Stats(); s.Up || s.Down == "" {
					t.Errorf("%+v", s)
				}
				stop()
			})
			synctest.Test(t, func(t *testing.T) {
				_, calls, _, stop := scripted(t, Config{}, x.broker)
				<-calls
				synctest.Wait()
				if took := stop(); took > 250*time.Millisecond {
					t.Errorf("the end took %v", took)
				}
			})
		})
	}
}

// A message that is too long is not kept while it comes, and costs nothing but
// itself.
func TestLongMessageIsThrownAwayAsItComes(t *testing.T) {
	const length = 64 << 20
	head := appendLength([]byte{0x32}, length)
	body := append([]byte{0, 1, 'a', 0, 9, 0}, make([]byte, 100)...)
	var next bytes.Buffer
	if _, err := (&packets.Publish{Topic: "b", Payload: []byte("next"), Properties: &packets.Properties{}}).WriteTo(&next); err != nil {
		t.Fatal(err)
	}
	stream := io.MultiReader(bytes.NewReader(head), bytes.NewReader(body), io.LimitReader(zeros{}, length-int64(len(body))), &next)
	c := newConn(stub{Reader: stream}, nil, 100)
	p, err := packets.ReadPacket(c)
	if err != nil {
		t.Fatal(err)
	}
	m := p.Content.(*packets.Publish)
	if m.Topic != "a" || m.PacketID != 9 || m.QoS != 1 || len(m.Payload) != 101 {
		t.Fatalf("%q, %d, %d bytes", m.Topic, m.PacketID, len(m.Payload))
	}
	if p, err = packets.ReadPacket(c); err != nil || string(p.Content.(*packets.Publish).Payload) != "next" {
		t.Fatalf("%v, %v", p, err)
	}
	if _, err = packets.ReadPacket(c); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type stub struct {
	net.Conn
	io.Reader
}

func (s stub) Read(b []byte) (int, error) { return s.Reader.Read(b) }

func TestNonsenseIsRefused(t *testing.T) {
	good := Config{Broker: "mqtts://broker", Topic: "a/+/b", ClientID: "x", Parse: byWord}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no address":        func(c *Config) { c.Broker = "" },
		"another protocol":  func(c *Config) { c.Broker = "https://broker" },
		"a path":            func(c *Config) { c.Broker = "mqtt://broker/x" },
		"password in clear": func(c *Config) { c.Broker = "mqtts://gate:secret@broker" },
		"odd and secret":    func(c *Config) { c.Broker = "mqtts://gate:secret@broker/x" },
		"TLS without":       func(c *Config) { c.Broker, c.TLS = "mqtt://broker", &tls.Config{MinVersion: tls.VersionTLS12} },
		"no parser":         func(c *Config) { c.Parse = nil },
		"no client":         func(c *Config) { c.ClientID = "" },
		"quality 2":         func(c *Config) { c.QoS = 2 },
		"no topic":          func(c *Config) { c.Topic = "" },
		"shared":            func(c *Config) { c.Topic = "$share/g/a" },
		"half a wildcard":   func(c *Config) { c.Topic = "a/b+" },
		"beyond the end":    func(c *Config) { c.Topic = "#/a" },
		"long":              func(c *Config) { c.Topic = strings.Repeat("a", 257) },
		"not text":          func(c *Config) { c.Topic = "a\xff" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever comes, no packet longer than the limits is handed on, and what is
// handed on does not bring the library down.
func FuzzConn(f *testing.F) {
	for _, p := range []io.WriterTo{
		&packets.Publish{Topic: "a/b", QoS: 1, PacketID: 7, Payload: bytes.Repeat([]byte("x"), 40), Properties: &packets.Properties{ContentType: "z"}},
		&packets.Suback{PacketID: 1, Reasons: []byte{1}, Properties: &packets.Properties{}},
		packets.NewControlPacket(packets.CONNACK), packets.NewControlPacket(packets.PINGRESP), packets.NewControlPacket(packets.DISCONNECT),
	} {
		var b bytes.Buffer
		if _, err := p.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add(append(appendLength([]byte{0x32}, maxOther+33), bytes.Repeat([]byte{0}, 100)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := newConn(stub{Reader: bytes.NewReader(b)}, nil, 32)
		for {
			p, err := packets.ReadPacket(c)
			if err != nil {
				return
			}
			if m, ok := p.Content.(*packets.Publish); ok && len(m.Payload) > maxOther+32 {
				t.Fatalf("a message of %d bytes", len(m.Payload))
			}
		}
	})
}
