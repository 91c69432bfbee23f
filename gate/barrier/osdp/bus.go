package osdp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sallyport/gate/barrier"
	"sallyport/rf/serial"
)

// Times of the line. The answer time is the standard's.
const (
	DefaultEvery = 50 * time.Millisecond
	answerTime   = 200 * time.Millisecond
	tries        = 3
	busyTries    = 10
	busyPause    = 50 * time.Millisecond

	firstPause = 500 * time.Millisecond
	lastPause  = 10 * time.Second
)

// BusConfig is one line.
type BusConfig struct {
	Name  string
	Open  func() (serial.Port, error) // at the readers' speed, 9600 where nobody changed it
	Every time.Duration               // between two rounds of polls; 0 is DefaultEvery
}

// Bus is one line with its readers.
type Bus struct {
	cfg     BusConfig
	readers []*Reader
	work    chan *request
	ended   chan struct{}
	once    sync.Once

	// owned by Run
	port    serial.Port
	chunks  chan []byte
	decoder decoder
}

// NewBus puts readers on a line. Each belongs to one.
func NewBus(cfg BusConfig, readers ...*Reader) (*Bus, error) {
	if cfg.Open == nil || len(readers) == 0 || cfg.Every < 0 {
		return nil, fmt.Errorf("line %q: no serial line, no reader, or a negative time", cfg.Name)
	}
	if cfg.Every == 0 {
		cfg.Every = DefaultEvery
	}
	b := &Bus{cfg: cfg, readers: readers, work: make(chan *request), ended: make(chan struct{})}
	seen := map[uint8]bool{}
	for _, r := range readers {
		if seen[r.cfg.Address] || r.work != nil {
			return nil, fmt.Errorf("line %q: reader %q: its address %d or the reader itself is used twice", cfg.Name, r.cfg.Name, r.cfg.Address)
		}
		seen[r.cfg.Address] = true
	}
	for _, r := range readers {
		r.work, r.ended = b.work, b.ended
	}
	return b, nil
}

// Run keeps the line until ctx ends, opening it again whenever it is lost, and
// returns ctx's error. It may be called once.
func (b *Bus) Run(ctx context.Context) error {
	first := false
	b.once.Do(func() { first = true })
	if !first {
		return fmt.Errorf("line %q: run twice", b.cfg.Name)
	}
	defer close(b.ended)
	defer func() {
		for _, r := range b.readers {
			r.contacts.Lost(time.Now())
		}
	}()
	pause := serial.FirstPause
	for ctx.Err() == nil {
		port, err := b.cfg.Open()
		if err == nil {
			var heard bool
			heard, err = b.serve(ctx, port)
			if heard {
				pause = serial.FirstPause
			}
		}
		if ctx.Err() != nil {
			break
		}
		for _, r := range b.readers {
			r.lose(barrier.Offline, err)
		}
		if b.away(ctx, pause) != nil {
			break
		}
		pause = min(2*pause, serial.LastPause)
	}
	return ctx.Err()
}

// away waits, and tells whoever asks that the line is lost.
func (b *Bus) away(ctx context.Context, pause time.Duration) error {
	wait := time.NewTimer(pause)
	defer wait.Stop()
	for {
		select {
		case q := <-b.work:
			q.done <- q.reader.fault(barrier.Offline, barrier.NotMoved, errNotConnected)
		case <-wait.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// serve uses an open line until it fails or ctx ends. heard tells whether anything
// came.
func (b *Bus) serve(ctx context.Context, port serial.Port) (heard bool, err error) {
	b.port, b.chunks = port, make(chan []byte, 64)
	stop := make(chan struct{})
	gone := make(chan error, 1)
	go func() {
		defer close(b.chunks)
		for {
			buf := make([]byte, 256)
			n, err := port.Read(buf)
			if err != nil {
				gone <- err
				return
			}
			if n == 0 {
				continue
			}
			select {
			case b.chunks <- buf[:n]:
			case <-stop:
				return
			}
		}
	}()
	defer func() {
		close(stop)
		done := make(chan error, 1)
		go func() { done <- port.Close() }()
		limit := time.NewTimer(barrier.CloseWithin - 30*time.Millisecond)
		defer limit.Stop()
		select {
		case cerr := <-done:
			err = errors.Join(err, cerr)
		case <-limit.C:
			err = errors.Join(err, serial.ErrCloseTimeout)
		}
	}()
	for _, r := range b.readers {
		r.notBefore = time.Time{}
	}
	tick := time.NewTicker(b.cfg.Every)
	defer tick.Stop()
	for {
		for _, r := range b.readers {
			err := b.turn(ctx, r)
			if lineLost(ctx, err) {
				return heard, b.reason(err, gone)
			}
			heard = heard || err == nil
		}
		select {
		case q := <-b.work:
			if err := b.give(ctx, q); lineLost(ctx, err) {
				return heard, b.reason(err, gone)
			}
		case <-tick.C:
		case <-ctx.Done():
			return heard, ctx.Err()
		}
	}
}

// errLine says that the line itself has failed.
var errLine = errors.New("line")

func lineLost(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, errLine)
}

// reason adds why reading ended.
func (b *Bus) reason(err error, gone <-chan error) error {
	select {
	case why := <-gone:
		return errors.Join(err, why)
	default:
		return err
	}
}

// turn gives a reader its turn: greets it when it is out of service, else polls it.
func (b *Bus) turn(ctx context.Context, r *Reader) error {
	if !r.Status().Up {
		if time.Now().Before(r.notBefore) {
			return nil
		}
		err := b.greet(ctx, r)
		if err == nil {
			r.failures = 0
			r.tell(nil)
			return nil
		}
		if lineLost(ctx, err) {
			return err
		}
		r.lose(classOf(err), err)
		r.notBefore = time.Now().Add(min(firstPause<<min(r.failures, 10), lastPause))
		r.failures++
		return err
	}
	code := uint8(cmdPoll)
	if r.turn++; len(r.cfg.Inputs) > 0 && r.turn%2 == 0 {
		code = cmdIStat
	}
	f, err := b.exchange(ctx, r, code, nil, tries)
	if err == nil {
		err = r.understand(f)
	}
	if err != nil && !lineLost(ctx, err) {
		r.lose(classOf(err), err)
	}
	return err
}

// give does what somebody asked for.
func (b *Bus) give(ctx context.Context, q *request) error {
	r := q.reader
	switch {
	case q.ctx.Err() != nil:
		q.done <- r.fault(barrier.Offline, barrier.NotMoved, q.ctx.Err())
		return nil //nolint:nilerr // whoever asked has been told
	case !r.Status().Up:
		q.done <- r.fault(barrier.Offline, barrier.NotMoved, errNotConnected)
		return nil
	}
	n := tries
	if q.once {
		n = 1
	}
	if q.key != nil {
		// From now on either may be the one.
		r.setKeys(*q.key, r.key())
	}
	f, err := b.exchange(ctx, r, q.code, q.data, n)
	if nak, ok := errors.AsType[Nak](err); ok && nak != nakSequence && nak != nakSecurity && nak != nakBlock {
		if q.key != nil {
			r.setKeys(r.keys[1:]...)
		}
		q.done <- r.fault(barrier.Rejected, barrier.NotMoved, nak)
		return nil
	}
	if err == nil {
		err = r.understand(f)
	}
	switch {
	case err == nil && q.key != nil:
		r.setKeys(*q.key)
		q.done <- nil
		// The channel was that of the old key.
		if err := b.greet(ctx, r); err != nil {
			if !lineLost(ctx, err) {
				r.lose(classOf(err), err)
			}
			return err
		}
		return nil
	case err == nil:
		q.done <- nil
		return nil
	}
	effect := barrier.MayHaveMoved
	if _, ok := errors.AsType[Nak](err); ok || errors.Is(err, errBusy) {
		effect = barrier.NotMoved
	}
	q.done <- r.fault(classOf(err), effect, err)
	if !lineLost(ctx, err) {
		r.lose(classOf(err), err)
	}
	return err
}

func (r *Reader) key() Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[0]
}

func (r *Reader) setKeys(k ...Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = slices.Clone(k)
}

// begin makes the next command the first of a new acquaintance.
func (r *Reader) begin() {
	r.sequence, r.session, r.notBefore = 0, nil, time.Time{}
}

// lose says that nothing is known of the reader any more.
func (r *Reader) lose(class barrier.Class, err error) {
	r.begin()
	r.contacts.Lost(time.Now())
	r.tell(r.fault(class, barrier.MayHaveMoved, err))
}

// Why an exchange fails.
var (
	errNoAnswer = errors.New("no answer")
	errGarbled  = errors.New("no answer that could be read")
	errBusy     = errors.New("the reader stays busy")
	errReplaced = errors.New("another reader answers")
	errKey      = errors.New("the reader does not have the key")
	errOpen     = errors.New("the reader offers no secure channel with a key of its own")
)

func classOf(err error) barrier.Class {
	switch {
	case errors.Is(err, errReplaced):
		return barrier.Replaced
	case errors.Is(err, errInsecure), errors.Is(err, errKey), errors.Is(err, errOpen):
		return barrier.Insecure
	case errors.Is(err, errGarbled), errors.Is(err, errMeaning):
		return barrier.Garbled
	case errors.Is(err, errBusy):
		return barrier.Rejected
	}
	if nak, ok := errors.AsType[Nak](err); ok {
		if nak == nakBlock {
			return barrier.Insecure
		}
		return barrier.Rejected
	}
	return barrier.Offline
}

// greet makes the reader's acquaintance: who it is, what it can do, a channel.
func (b *Bus) greet(ctx context.Context, r *Reader) error {
	r.begin()
	n := tries
	if r.failures > 0 {
		n = 1 // the others on the line shall not wait for one that is not there
	}
	f, err := b.exchange(ctx, r, cmdID, []byte{0}, n)
	if err != nil {
		return err
	}
	if f.Code != repPDID {
		return fmt.Errorf("%w: %02x to a question for the identity", errMeaning, f.Code)
	}
	id, err := parseIdentity(f.Data)
	if err != nil {
		return err
	}
	if err := r.recognise(id); err != nil {
		return err
	}
	f, err = b.exchange(ctx, r, cmdCap, []byte{0}, tries)
	if err != nil {
		return err
	}
	if f.Code != repPDCap {
		return fmt.Errorf("%w: %02x to a question for capabilities", errMeaning, f.Code)
	}
	caps, err := parseCapabilities(f.Data)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.caps = caps
	r.mu.Unlock()
	if !r.cfg.Plain {
		if caps[capSecurity].level&1 == 0 {
			return errOpen
		}
		if err := b.secure(ctx, r); err != nil {
			// Where a new key may or may not have been taken, the other is next.
			r.mu.Lock()
			if len(r.keys) > 1 {
				slices.Reverse(r.keys)
			}
			r.mu.Unlock()
			return err
		}
		r.setKeys(r.key())
	}
	f, err = b.exchange(ctx, r, cmdLStat, nil, tries)
	if nak, ok := errors.AsType[Nak](err); ok && nak == nakCommand {
		return nil // it has no tamper contact
	}
	if err != nil {
		return err
	}
	return r.understand(f)
}

// recognise refuses another reader than the one that is expected.
func (r *Reader) recognise(id Identity) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := r.status.Identity
	if r.cfg.Identity != nil {
		want = *r.cfg.Identity
	}
	if want != (Identity{}) && !want.same(id) {
		return fmt.Errorf("%w: %s instead of %s", errReplaced, id, want)
	}
	r.status.Identity = id
	return nil
}

// secure sets up a secure channel.
func (b *Bus) secure(ctx context.Context, r *Reader) error {
	var mine [8]byte
	if _, err := rand.Read(mine[:]); err != nil {
		return err
	}
	f, err := b.exchangeBlock(ctx, r, cmdChlng, mine[:], []byte{scs11, 1})
	if err != nil {
		return err
	}
	if f.Code != repCCrypt || len(f.Data) != 32 || len(f.Security) < 1 || f.Security[0] != scs12 {
		return fmt.Errorf("%w: to a challenge", errMeaning)
	}
	if len(f.Security) < 2 || f.Security[1] != 1 {
		return errOpen // the install-mode key
	}
	theirs := [8]byte(f.Data[8:16])
	s := newSession(r.key(), mine)
	want := s.cryptogram(mine, theirs)
	if subtle.ConstantTimeCompare(want[:], f.Data[16:]) != 1 {
		return errKey
	}
	panel := s.cryptogram(theirs, mine)
	f, err = b.exchangeBlock(ctx, r, cmdSCrypt, panel[:], []byte{scs13, 1})
	if err != nil {
		return err
	}
	first := s.begin(panel)
	if f.Code != repRMACI || len(f.Security) < 2 || f.Security[0] != scs14 || f.Security[1] != 1 || subtle.ConstantTimeCompare(first[:], f.Data) != 1 {
		return errKey
	}
	r.session = s
	return nil
}

// understand takes what an answer tells.
func (r *Reader) understand(f Frame) error {
	now := time.Now()
	switch f.Code {
	case repAck, repOStat, repRStat:
		return nil
	case repLStat:
		if len(f.Data) != 2 {
			return fmt.Errorf("%w: status of %d bytes", errMeaning, len(f.Data))
		}
		r.contacts.Set(now, barrier.Reading{barrier.Tamper: barrier.LevelOf(f.Data[0] != 0)})
		r.mu.Lock()
		r.status.Power = f.Data[1] != 0
		r.mu.Unlock()
		return nil
	case repIStat:
		reading := barrier.Reading{}
		for _, in := range r.cfg.Inputs {
			if int(in.Number) >= len(f.Data) {
				return fmt.Errorf("%w: %d inputs, and none of number %d", errMeaning, len(f.Data), in.Number)
			}
			reading[in.Point] = barrier.LevelOf(f.Data[in.Number]&1 != 0 != in.Inverted)
		}
		r.contacts.Set(now, reading)
		return nil
	case repRaw, repFmt, repKeypad:
		parse := map[uint8]func([]byte, time.Time) (barrier.Badge, error){repRaw: parseRaw, repFmt: parseFormatted, repKeypad: parseKeys}[f.Code]
		badge, err := parse(f.Data, now)
		if err != nil {
			return err
		}
		if r.cfg.Badge != nil {
			r.cfg.Badge(badge)
		}
		return nil
	default:
		return fmt.Errorf("%w: reply %02x", errMeaning, f.Code)
	}
}

// exchange gives a command, in the secure channel where there is one, and returns
// the answer taken out of it. A refusal is an error of type Nak. It changes the
// reader's sequence and session only; after an error the reader has to be greeted
// again, but for a Nak that leaves both as they are.
func (b *Bus) exchange(ctx context.Context, r *Reader, code uint8, data []byte, n int) (Frame, error) {
	f := Frame{Address: r.cfg.Address, Sequence: r.sequence, CRC: !r.cfg.Checksum, Code: code, Data: data}
	if r.session != nil {
		r.session.seal(&f)
	}
	return b.send(ctx, r, &f, n)
}

// exchangeBlock is exchange with a security block of the setting up of a channel.
func (b *Bus) exchangeBlock(ctx context.Context, r *Reader, code uint8, data, block []byte) (Frame, error) {
	f := Frame{Address: r.cfg.Address, Sequence: r.sequence, CRC: !r.cfg.Checksum, Security: block, Code: code, Data: data}
	return b.send(ctx, r, &f, tries)
}

func (b *Bus) send(ctx context.Context, r *Reader, f *Frame, n int) (Frame, error) {
	bytes := f.Append([]byte{mark})
	err := errNoAnswer
	for try, busy := 0, 0; try < n; try++ {
		if try > 0 {
			r.mu.Lock()
			r.status.Repeats++
			r.mu.Unlock()
		}
		var answer Frame
		answer, err = b.transact(ctx, r, bytes)
		if err != nil {
			if errors.Is(err, errLine) || ctx.Err() != nil {
				return answer, err
			}
			continue
		}
		switch {
		case answer.Code == repBusy && n == 1:
			return answer, errBusy
		case answer.Code == repBusy:
			if busy++; busy == busyTries {
				return answer, errBusy
			}
			try--
			if err := rest(ctx, busyPause); err != nil {
				return answer, err
			}
			continue
		case answer.Code == repNak && r.session != nil && answer.Security == nil:
			// It has forgotten the channel; what it says in the open is believed
			// only so far that the channel is set up again.
			return answer, nakOf(answer, nakSecurity)
		}
		if r.session != nil {
			if err := r.session.open(&answer); err != nil {
				return answer, err
			}
		}
		if answer.Code == repNak {
			nak := nakOf(answer, 0)
			if nak == nakCheck && try+1 < n {
				err = nak
				continue
			}
			r.sequence = r.sequence%3 + 1
			return answer, nak
		}
		r.sequence = r.sequence%3 + 1
		return answer, nil
	}
	return Frame{}, err
}

func nakOf(f Frame, otherwise Nak) Nak {
	if otherwise == 0 && len(f.Data) > 0 {
		return Nak(f.Data[0])
	}
	return otherwise
}

func rest(ctx context.Context, d time.Duration) error {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transact writes bytes and waits for the reader's answer with its sequence number.
func (b *Bus) transact(ctx context.Context, r *Reader, bytes []byte) (Frame, error) {
	for drained := false; !drained; {
		select {
		case _, ok := <-b.chunks:
			if !ok {
				return Frame{}, errLine
			}
		default:
			drained = true
		}
	}
	b.decoder.reset()
	if err := b.write(ctx, bytes); err != nil {
		return Frame{}, err
	}
	limit := time.NewTimer(answerTime)
	defer limit.Stop()
	var answer *Frame
	for answer == nil {
		select {
		case chunk, ok := <-b.chunks:
			if !ok {
				return Frame{}, errLine
			}
			b.decoder.feed(chunk, func(f Frame) {
				// What has another number is late, or of another reader; what has
				// no reply bit is our own echo.
				if answer != nil || !f.Reply || f.Address != r.cfg.Address || f.Sequence != r.sequence && f.Code != repBusy {
					return
				}
				f.Data, f.MAC, f.Security = slices.Clone(f.Data), slices.Clone(f.MAC), slices.Clone(f.Security)
				answer = &f
			})
		case <-limit.C:
			if b.decoder.garbled > 0 || len(b.decoder.buf) > 0 {
				r.mu.Lock()
				r.status.Garbled++
				r.mu.Unlock()
				return Frame{}, errGarbled
			}
			return Frame{}, errNoAnswer
		case <-ctx.Done():
			return Frame{}, ctx.Err()
		}
	}
	return *answer, nil
}

// write does not wait any longer once ctx has ended.
func (b *Bus) write(ctx context.Context, bytes []byte) error {
	done := make(chan error, 1)
	go func() {
		_, err := b.port.Write(bytes)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", errLine, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
