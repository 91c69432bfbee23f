package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/eclipse/paho.golang/paho"

	"sallyport/rf"
)

// Bounds of a listener.
const (
	DefaultLimit     = rf.MaxLine // bytes of a message
	DefaultQueue     = 1024       // messages
	DefaultKeepAlive = 15 * time.Second

	callTimeout  = 10 * time.Second       // to connect, to subscribe
	writeTimeout = 5 * time.Second        // of one packet
	leaveTimeout = 150 * time.Millisecond // to say goodbye, and for the library to end
	steady       = 10 * time.Second       // a connection that lived so long ends the growing of pauses
	inFlight     = 256                    // messages that a broker may send ahead of acknowledgements
)

// Pauses between calls to a broker that is gone.
const (
	FirstPause = 500 * time.Millisecond
	LastPause  = 30 * time.Second
)

// DefaultSkew is how far a sensor's clock may be off from ours before its
// observations are refused.
const DefaultSkew = 5 * time.Second

// Config says where to listen, and to what.
type Config struct {
	Broker   string      // mqtt://host[:1883] or mqtts://host[:8883]
	TLS      *tls.Config // for mqtts; nil: the system's authorities
	User     string
	Password string
	ClientID string // different at each connection to the broker

	Topic string // filter of what is heard; a shared subscription is none
	QoS   byte   // 0 or 1

	Limit     int           // longest message, in bytes; 0: DefaultLimit
	Queue     int           // messages that may wait; 0: DefaultQueue
	Skew      time.Duration // 0: DefaultSkew
	KeepAlive time.Duration // of a quiet connection, in whole seconds; 0: DefaultKeepAlive

	// Parse reads a message that came at the given time. It runs on one
	// goroutine, and may not keep what it is given.
	Parse func(message []byte, at time.Time) (rf.Observation, error)
	// Notify, where set, hears of each change: nil when it listens, and the
	// reason when it does not. Called from Run's goroutine.
	Notify func(error)
	// Dial replaces the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Listener listens to one topic filter of one broker. Its methods may be called
// while Run is under way.
type Listener struct {
	c      Config
	secure *tls.Config
	addr   string
	queue  chan message

	received, accepted, refused, clock, dropped atomic.Uint64
	retained, empty, tooLong, full              atomic.Uint64
	opened, lost                                atomic.Uint64

	mu   sync.Mutex
	up   bool
	down string
	last time.Time
	why  string
}

type message struct {
	b  []byte
	at time.Time
}

// Stats are the counters of a Listener. Every message Received is, once it was
// handled, in exactly one of the counters down to Full.
type Stats struct {
	Received uint64
	Accepted uint64 // taken by the sink
	Refused  uint64 // Parse did not take it
	Clock    uint64 // the sensor's clock is off by more than the skew allowed
	Dropped  uint64 // not taken by the sink
	Retained uint64 // kept by the broker from another time
	Empty    uint64
	TooLong  uint64
	Full     uint64 // the queue was full, or given up when Run ended

	Opened  uint64    // how often the broker took the subscription
	Lost    uint64    // how often such a connection ended
	Up      bool      // it listens now
	Down    string    // why not, in words for a log
	Last    time.Time // when a message last came
	Refusal string    // the last reason for a refusal; it never repeats what a message held
}

// New makes a listener.
func New(c Config) (*Listener, error) {
	u, err := url.Parse(c.Broker)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("mqtt: %q is not a broker's address, such as mqtts://broker:8883", redacted(u, c.Broker))
	}
	if u.User != nil {
		return nil, errors.New("mqtt: the broker's address carries a name or a password, which have places of their own")
	}
	l := &Listener{}
	port := u.Port()
	switch u.Scheme {
	case "mqtt":
		if c.TLS != nil {
			return nil, fmt.Errorf("mqtt: %s is without TLS: write mqtts://", c.Broker)
		}
		if port == "" {
			port = "1883"
		}
	case "mqtts":
		l.secure = &tls.Config{MinVersion: tls.VersionTLS12}
		if c.TLS != nil {
			l.secure = c.TLS.Clone()
		}
		if l.secure.ServerName == "" {
			l.secure.ServerName = u.Hostname()
		}
		if port == "" {
			port = "8883"
		}
	default:
		return nil, fmt.Errorf("mqtt: %s is neither mqtt:// nor mqtts://", c.Broker)
	}
	l.addr = net.JoinHostPort(u.Hostname(), port)
	switch {
	case c.Parse == nil:
		return nil, errors.New("mqtt: nothing to parse with")
	case c.ClientID == "":
		return nil, errors.New("mqtt: no client id")
	case c.QoS > 1:
		return nil, fmt.Errorf("mqtt: quality of service %d is neither 0 nor 1", c.QoS)
	}
	if err := CheckTopic(c.Topic); err != nil {
		return nil, err
	}
	if c.Limit <= 0 {
		c.Limit = DefaultLimit
	}
	if c.Queue <= 0 {
		c.Queue = DefaultQueue
	}
	if c.Skew <= 0 {
		c.Skew = DefaultSkew
	}
	if c.KeepAlive < time.Second {
		c.KeepAlive = DefaultKeepAlive
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	l.c, l.queue = c, make(chan message, c.Queue)
	return l, nil
}

// redacted is an address without what may be a password.
func redacted(u *url.URL, text string) string {
	if u != nil {
		return u.Redacted()
	}
	return text[:strings.IndexByte(text+":", ':')]
}

// CheckTopic says what is wrong with a topic filter: 1 to 256 bytes of UTF-8,
// with + for one level and # for all that follow (MQTT 5.0, 4.7). Those that
// begin with a dollar sign are the broker's own, or share a subscription.
func CheckTopic(filter string) error {
	bad := func(why string) error { return fmt.Errorf("mqtt: topic %q %s", filter, why) }
	if filter == "" || len(filter) > 256 || !utf8.ValidString(filter) || strings.ContainsRune(filter, 0) {
		return bad("is not 1 to 256 bytes of text")
	}
	if filter[0] == '$' {
		return bad("begins with a dollar sign: it is the broker's own, or shared")
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.ContainsAny(level, "+#") && len(level) > 1 {
			return bad("has a wildcard that is not a level by itself")
		}
		if level == "#" && i != len(levels)-1 {
			return bad("goes on behind #")
		}
	}
	return nil
}

// Stats returns the counters so far.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Received: l.received.Load(), Accepted: l.accepted.Load(), Refused: l.refused.Load(), Clock: l.clock.Load(),
		Dropped: l.dropped.Load(), Retained: l.retained.Load(), Empty: l.empty.Load(), TooLong: l.tooLong.Load(),
		Full: l.full.Load(), Opened: l.opened.Load(), Lost: l.lost.Load(),
		Up: l.up, Down: l.down, Last: l.last, Refusal: l.why,
	}
}

// Run listens until ctx ends, and returns ctx's error within 250 ms with the
// connection closed. sink takes an observation or, when it has no room, returns
// false at once. A broker that cannot be reached, or that goes, is called again
// with growing pauses.
func (l *Listener) Run(ctx context.Context, sink func(rf.Observation) bool) error {
	var parsing sync.WaitGroup
	parsing.Go(func() { l.parse(ctx, sink) })
	defer func() {
		parsing.Wait()
		l.giveUp()
	}()

	pause, told := FirstPause, ""
	for ctx.Err() == nil {
		began, before := time.Now(), l.received.Load()
		err := l.listen(ctx, func() {
			told = ""
			if l.c.Notify != nil {
				l.c.Notify(nil)
			}
		})
		l.state(false, err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// A broker that takes the call and hangs up is not back yet.
		if l.received.Load() != before || time.Since(began) >= steady {
			pause = FirstPause
		}
		if why := err.Error(); why != told && l.c.Notify != nil {
			told = why
			l.c.Notify(err)
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
		pause = min(2*pause, LastPause)
	}
	return ctx.Err()
}

func (l *Listener) state(up bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up && !up {
		l.lost.Add(1)
	}
	l.up, l.down = up, ""
	if err != nil {
		l.down = err.Error()
	}
}

// listen calls the broker and hears it until the connection or ctx ends. The
// error is never nil.
func (l *Listener) listen(ctx context.Context, heard func()) error {
	calling, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	raw, err := l.c.Dial(calling, "tcp", l.addr)
	if err != nil {
		return fmt.Errorf("mqtt: %w", err)
	}
	defer func() { _ = raw.Close() }() // the library may have closed it already
	// Whatever is under way, it ends soon after ctx does.
	stop := context.AfterFunc(ctx, func() {
		// The connection is closed in any case where a deadline cannot be set.
		_ = raw.SetWriteDeadline(time.Now().Add(leaveTimeout))
	})
	defer stop()
	secure := raw
	if l.secure != nil {
		t := tls.Client(raw, l.secure)
		if err := t.HandshakeContext(calling); err != nil {
			return fmt.Errorf("mqtt: %w", err)
		}
		secure = t
	}

	failed := make(chan error, 1)
	fail := func(err error) {
		if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
			return // it was closed here, for another reason
		}
		select {
		case failed <- err:
		default: // the first reason counts
		}
	}
	client := paho.NewClient(paho.ClientConfig{
		Conn:              newConn(secure, raw, l.c.Limit),
		PacketTimeout:     callTimeout,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){l.take},
		OnClientError:     fail,
		OnServerDisconnect: func(d *paho.Disconnect) {
			fail(fmt.Errorf("the broker ended the connection, code 0x%02x", d.ReasonCode))
		},
	})
	ahead, none := uint16(inFlight), uint32(0)
	ack, err := client.Connect(calling, &paho.Connect{
		ClientID: l.c.ClientID, CleanStart: true, KeepAlive: uint16(min(l.c.KeepAlive/time.Second, 1<<16-1)),
		UsernameFlag: l.c.User != "", Username: l.c.User,
		PasswordFlag: l.c.Password != "", Password: []byte(l.c.Password),
		Properties: &paho.ConnectProperties{SessionExpiryInterval: &none, ReceiveMaximum: &ahead, RequestProblemInfo: true},
	})
	if err != nil {
		if ack != nil && ack.ReasonCode >= 0x80 {
			return fmt.Errorf("mqtt: the broker does not take the connection, code 0x%02x", ack.ReasonCode)
		}
		return fmt.Errorf("mqtt: connect: %w", err)
	}
	defer leave(client)
	// The library does not give up a subscription when its connection ends.
	subscribing, giveUp := context.WithCancel(calling)
	defer giveUp()
	go func() {
		select {
		case <-client.Done():
			giveUp()
		case <-subscribing.Done():
		}
	}()
	const sendNone = 2 // retained messages, MQTT 5.0, 3.8.3.1
	_, err = client.Subscribe(subscribing, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
		{Topic: l.c.Topic, QoS: l.c.QoS, RetainHandling: sendNone, NoLocal: true},
	}})
	// ended is why a connection ended, which the library tells a moment later.
	ended := func() error {
		select {
		case err := <-failed:
			return err
		case <-time.After(leaveTimeout):
			return errors.New("the connection ended")
		}
	}
	if err != nil {
		if calling.Err() == nil && subscribing.Err() != nil {
			err = ended()
		}
		return fmt.Errorf("mqtt: subscribe: %w", err)
	}
	cancel()
	l.opened.Add(1)
	l.state(true, nil)
	heard()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-failed:
		return fmt.Errorf("mqtt: %w", err)
	case <-client.Done():
		return fmt.Errorf("mqtt: %w", ended())
	}
}

// leave says goodbye and waits for the library to end, neither for long.
func leave(client *paho.Client) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		// A broker that is gone need not be told.
		_ = client.Disconnect(&paho.Disconnect{})
		<-client.Done()
	}()
	limit := time.NewTimer(leaveTimeout)
	defer limit.Stop()
	select {
	case <-gone:
	case <-limit.C:
	}
}

// take counts a message and has it wait to be parsed. It runs on the library's
// goroutine, which may not be held up.
func (l *Listener) take(p paho.PublishReceived) (bool, error) {
	m := message{p.Packet.Payload, time.Now()}
	l.received.Add(1)
	l.mu.Lock()
	l.last = m.at
	l.mu.Unlock()
	switch {
	case p.Packet.Retain:
		l.retained.Add(1)
	case len(m.b) == 0:
		l.empty.Add(1)
	case len(m.b) > l.c.Limit:
		l.tooLong.Add(1)
	default:
		select {
		case l.queue <- m:
			return true, nil
		default:
			l.full.Add(1)
		}
	}
	clear(m.b)
	return true, nil
}

// parse hands on what waits until ctx ends.
func (l *Listener) parse(ctx context.Context, sink func(rf.Observation) bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-l.queue:
			l.hand(m, sink)
			clear(m.b)
		}
	}
}

// giveUp counts what waits and will not be parsed any more.
func (l *Listener) giveUp() {
	for {
		select {
		case m := <-l.queue:
			l.full.Add(1)
			clear(m.b)
		default:
			return
		}
	}
}

func (l *Listener) hand(m message, sink func(rf.Observation) bool) {
	o, err := l.c.Parse(m.b, m.at)
	if err != nil {
		l.refused.Add(1)
		l.mu.Lock()
		l.why = err.Error()
		l.mu.Unlock()
		return
	}
	if off := o.TS.Sub(m.at); off > l.c.Skew || off < -l.c.Skew {
		l.clock.Add(1)
		return
	}
	if !sink(o) {
		l.dropped.Add(1)
		return
	}
	l.accepted.Add(1)
}
