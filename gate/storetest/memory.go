package storetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/policy"
	"sallyport/vin"
)

// Log is a log's storage in memory: translog.Storage and, with the rows, a
// translog.Reader. Writes take effect at once; the caller holds a lock.
type Log struct {
	EntriesAt   [][]byte
	HashesAt    []translog.Hash
	Checkpoint  map[int64][]byte
	RowsAt      []translog.Row
	lastSize    int64
	lastInstant time.Time
}

// NewLog is an empty log.
func NewLog() *Log { return &Log{Checkpoint: make(map[int64][]byte)} }

// Size is how many entries there are.
func (l *Log) Size() (int64, error) { return int64(len(l.EntriesAt)), nil }

// ReadHashes reads stored hashes.
func (l *Log) ReadHashes(indexes []int64) ([]translog.Hash, error) {
	hashes := make([]translog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(l.HashesAt)) {
			return nil, fmt.Errorf("stored hash %d: %w", index, gate.ErrNotFound)
		}
		hashes[i] = l.HashesAt[index]
	}
	return hashes, nil
}

// WriteEntry keeps one entry.
func (l *Log) WriteEntry(seq int64, data []byte) error {
	if seq != int64(len(l.EntriesAt)) {
		return fmt.Errorf("entry %d after %d", seq, len(l.EntriesAt)-1)
	}
	l.EntriesAt = append(l.EntriesAt, bytes.Clone(data))
	return nil
}

// WriteHashes keeps hashes.
func (l *Log) WriteHashes(first int64, hashes []translog.Hash) error {
	if first != int64(len(l.HashesAt)) {
		return fmt.Errorf("hash %d after %d", first, len(l.HashesAt)-1)
	}
	l.HashesAt = append(l.HashesAt, hashes...)
	return nil
}

// WriteCheckpoint keeps a signed head, and of each minute the last.
func (l *Log) WriteCheckpoint(size int64, at time.Time, signed []byte) error {
	if l.lastSize > 0 && l.lastInstant.Truncate(time.Minute).Equal(at.Truncate(time.Minute)) {
		delete(l.Checkpoint, l.lastSize)
	}
	l.Checkpoint[size] = bytes.Clone(signed)
	l.lastSize, l.lastInstant = size, at
	return nil
}

// Entries streams the log.
func (l *Log) Entries() iter.Seq2[translog.StoredEntry, error] {
	return func(yield func(translog.StoredEntry, error) bool) {
		for i, data := range l.EntriesAt {
			if !yield(translog.StoredEntry{Seq: int64(i), Data: data}, nil) {
				return
			}
		}
	}
}

// Hashes streams the stored hashes.
func (l *Log) Hashes() iter.Seq2[translog.StoredHash, error] {
	return func(yield func(translog.StoredHash, error) bool) {
		for i, h := range l.HashesAt {
			if !yield(translog.StoredHash{Index: int64(i), Hash: h[:]}, nil) {
				return
			}
		}
	}
}

// Checkpoints streams the signed heads.
func (l *Log) Checkpoints() iter.Seq2[translog.StoredCheckpoint, error] {
	list := make([]translog.StoredCheckpoint, 0, len(l.Checkpoint))
	for size, signed := range l.Checkpoint {
		list = append(list, translog.StoredCheckpoint{Size: size, Signed: signed})
	}
	slices.SortFunc(list, func(a, b translog.StoredCheckpoint) int { return cmp.Compare(a.Size, b.Size) })
	return func(yield func(translog.StoredCheckpoint, error) bool) {
		for _, c := range list {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Rows streams the records.
func (l *Log) Rows() iter.Seq2[translog.Row, error] {
	return func(yield func(translog.Row, error) bool) {
		for _, r := range l.RowsAt {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Memory is a working store in memory. What it has been told survives
// Restart, as what a database has committed survives a crash.
type Memory struct {
	mu          sync.Mutex
	log         *translog.Log
	verifierKey string
	store       *Log
	last        time.Time

	passages      []*gate.PassageRecord
	byID          map[gate.PassageID]*gate.PassageRecord
	seqsOf        map[gate.PassageID][]int64 // rows with personal data
	inspections   []*inspected
	registrations []gate.Registration
	lines         []line // of fleets
	fleet         fleetRecords
	settings      []gate.SettingChange
	policies      []gate.PolicyDocument
	versions      []gate.PolicyVersion
	postures      []gate.PostureChange
	radioSets     []radioSet
	radioKeys     []gate.RadioKeyStep
	stays         []kept[gate.Stay]
	watched       []kept[gate.WatchEntry]
	passes        []kept[gate.VehiclePass]
	desk          deskRecords
	standings     map[gate.LaneID]string // documents
}

// NewMemory is an empty store with a key of its own.
func NewMemory() *Memory {
	signing, verifying, err := translog.GenerateKey(rand.Reader, "sallyport/memory")
	if err != nil {
		panic(err) // only when there is no randomness
	}
	log, err := translog.New(signing)
	if err != nil {
		panic(err) // the key was made just now
	}
	m := &Memory{
		log: log, verifierKey: verifying, store: NewLog(),
		byID:   make(map[gate.PassageID]*gate.PassageRecord),
		seqsOf: make(map[gate.PassageID][]int64),
	}
	// As a database does, it begins with an entry of its own, so that no
	// passage has sequence number 0.
	if err := m.RecordEvent(context.Background(), gate.Event{Kind: gate.EventCreated}); err != nil {
		panic(err) // nothing in memory can fail
	}
	return m
}

// Verify checks the whole log.
func (m *Memory) Verify(context.Context) (translog.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := translog.NewVerifier(m.verifierKey)
	if err != nil {
		return translog.Report{}, err
	}
	return translog.Verify(m.store, v)
}

// entry logs one record, with the personal data its row holds.
func (m *Memory) entry(e translog.Entry, personal ...string) (int64, error) {
	var salt [translog.SaltSize]byte
	var fields [][]byte
	if len(personal) > 0 {
		_, _ = rand.Read(salt[:]) // never fails
		for _, p := range personal {
			fields = append(fields, []byte(p))
		}
		c := translog.Commit(salt, fields...)
		e.Commit = &c
	}
	b, err := m.log.Begin(m.store)
	if err != nil {
		return 0, err
	}
	seq, err := b.Add(e)
	if err != nil {
		return 0, err
	}
	if e.At.After(m.last) {
		m.last = e.At.UTC()
	}
	if _, err := b.Seal(m.last); err != nil {
		return 0, err
	}
	if e.Row != "" {
		e.Seq, e.Commit = seq, nil
		r := translog.Row{Claims: e}
		if len(personal) > 0 {
			r.Salt, r.Fields = salt[:], fields
		}
		m.store.RowsAt = append(m.store.RowsAt, r)
	}
	return seq, nil
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the domain's records always encode
	}
	return string(b)
}

func object(v map[string]string) json.RawMessage { return json.RawMessage(text(v)) }

// Record makes a passage durable.
func (m *Memory) Record(ctx context.Context, p gate.Passage) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.record(p)
}

func (m *Memory) record(p gate.Passage) error {
	if p.ID == "" {
		return errors.New("passage without an id")
	}
	if there, ok := m.byID[p.ID]; ok {
		if text(there.Passage) == text(p) {
			return nil
		}
		return gate.ErrExists
	}
	vin := p.Result.VIN
	if vin == "" {
		vin = gate.NormalVIN(p.Arrival.VIN)
	}
	plate := gate.NormalPlate(p.Arrival.Plate)
	seq, err := m.entry(translog.Entry{At: p.At, Kind: "passage", Lane: string(p.Lane), Passage: string(p.ID), Row: "passage",
		Body: object(map[string]string{"policy": p.Result.Verdict.Hash})}, vin, plate, text(p))
	if err != nil {
		return err
	}
	rec := &gate.PassageRecord{
		Summary: gate.PassageSummary{Seq: seq, ID: p.ID, Lane: p.Lane, At: p.At, Outcome: p.Result.Verdict.Outcome, VIN: vin, Plate: plate},
		Passage: p,
	}
	m.passages = append(m.passages, rec)
	m.byID[p.ID] = rec
	m.seqsOf[p.ID] = append(m.seqsOf[p.ID], seq)
	return nil
}

// RecordReassessment adds a later assessment.
func (m *Memory) RecordReassessment(ctx context.Context, r gate.Reassessment) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, ok := m.byID[r.Passage]
	if !ok {
		return gate.ErrNotFound
	}
	if rec.Outcome != nil {
		return gate.ErrExists
	}
	seq, err := m.entry(translog.Entry{At: r.At, Kind: "reassessed", Lane: string(r.Lane), Passage: string(r.Passage), Row: "reassessment"}, text(r))
	if err != nil {
		return err
	}
	rec.Reassessments = append(rec.Reassessments, r)
	rec.Summary.Outcome = r.Result.Verdict.Outcome
	m.seqsOf[r.Passage] = append(m.seqsOf[r.Passage], seq)
	return nil
}

// RecordAct adds an act.
func (m *Memory) RecordAct(ctx context.Context, a gate.Act) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.act(a)
}

func (m *Memory) act(a gate.Act) error {
	rec, ok := m.byID[a.Passage]
	if !ok {
		return gate.ErrNotFound
	}
	seq, err := m.entry(translog.Entry{At: a.At, Kind: "act", Lane: string(rec.Passage.Lane), Passage: string(a.Passage), Row: "act",
		Body: object(map[string]string{"act": string(a.Kind), "by": a.By})}, a.Reason)
	if err != nil {
		return err
	}
	rec.Acts = append(rec.Acts, a)
	m.seqsOf[a.Passage] = append(m.seqsOf[a.Passage], seq)
	return nil
}

// RecordOutcome ends a passage.
func (m *Memory) RecordOutcome(ctx context.Context, o gate.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end(o)
}

func (m *Memory) end(o gate.Outcome) error {
	rec, ok := m.byID[o.Passage]
	if !ok {
		return gate.ErrNotFound
	}
	if rec.Outcome != nil {
		if rec.Outcome.Ending == o.Ending {
			return nil
		}
		return gate.ErrExists
	}
	o.Lane, o.Moment = rec.Passage.Lane, rec.Passage.Moment
	if _, err := m.entry(translog.Entry{At: o.At, Kind: "outcome", Lane: string(o.Lane), Passage: string(o.Passage), Row: "outcome",
		Body: object(map[string]string{"ending": string(o.Ending), "note": o.Note})}); err != nil {
		return err
	}
	rec.Outcome, rec.Summary.Ending = &o, o.Ending
	return m.ledger(rec, o)
}

// RecordEvent logs an event.
func (m *Memory) RecordEvent(ctx context.Context, e gate.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.event(e)
}

// RecordStanding logs an event, and how the lane stands after it.
func (m *Memory) RecordStanding(ctx context.Context, e gate.Event, s gate.LaneStanding) error {
	if err := gate.CheckStanding(e, s); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.event(e); err != nil {
		return err
	}
	doc := text(s)
	if m.standings == nil {
		m.standings = make(map[gate.LaneID]string)
	}
	m.standings[s.Lane] = doc
	_, err := m.entry(translog.Entry{At: e.At, Kind: "standing", Lane: string(s.Lane), Row: "standing",
		Body: object(map[string]string{"event": string(e.Kind), "by": e.By, "doc": doc})})
	return err
}

// Standings are how the lanes stood last.
func (m *Memory) Standings(ctx context.Context) ([]gate.LaneStanding, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []gate.LaneStanding
	for _, lane := range slices.Sorted(maps.Keys(m.standings)) {
		var s gate.LaneStanding
		if err := json.Unmarshal([]byte(m.standings[lane]), &s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (m *Memory) event(e gate.Event) error {
	if e.Kind == gate.EventDeviceFault || e.Kind == gate.EventActRefused {
		m.desk.faults = append(m.desk.faults, e)
	}
	_, err := m.entry(translog.Entry{At: e.At, Kind: string(e.Kind), Lane: string(e.Lane),
		Body: object(map[string]string{"by": e.By, "detail": e.Detail})})
	return err
}

// CloseOpen ends open passages as unknown.
func (m *Memory) CloseOpen(ctx context.Context, at time.Time) ([]gate.PassageID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var closed []gate.PassageID
	for _, rec := range m.passages {
		if rec.Outcome == nil {
			if err := m.end(gate.Outcome{Passage: rec.Passage.ID, Lane: rec.Passage.Lane, Ending: gate.EndUnknown, At: at, Moment: rec.Passage.Moment}); err != nil {
				return nil, err
			}
			closed = append(closed, rec.Passage.ID)
		}
	}
	return closed, nil
}

// LastAt is the latest instant of any record.
func (m *Memory) LastAt(context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last, nil
}

// PutRegistrations enters vehicles into the list.
func (m *Memory) PutRegistrations(ctx context.Context, list ...gate.Registration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	clean := make([]gate.Registration, len(list))
	for i, r := range list {
		r.VIN, r.Plate = gate.NormalVIN(r.VIN), gate.NormalPlate(r.Plate)
		if r.VIN == "" && r.Plate == "" {
			return fmt.Errorf("registration %d of %d: neither VIN nor plate", i+1, len(list))
		}
		clean[i] = r
	}
	for _, r := range clean {
		if _, err := m.entry(translog.Entry{At: r.At, Kind: "registration", Row: "registration", Body: object(map[string]string{"class": string(r.Class)})}, text(r)); err != nil {
			return err
		}
		m.registrations = append(m.registrations, r)
	}
	return nil
}

// Alike finds the registered VINs that share a quarter with what was read.
func (m *Memory) Alike(_ context.Context, read string) ([]vin.VIN, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	read = gate.NormalVIN(read)
	if len(read) != vin.Length {
		return nil, nil
	}
	latest := map[string]gate.Registration{}
	for _, r := range m.registrations {
		latest[r.VIN] = r
	}
	var out []vin.VIN
	for v, r := range latest {
		if len(v) == vin.Length && r.Class != "" &&
			(v[:4] == read[:4] || v[4:8] == read[4:8] || v[8:12] == read[8:12] || v[12:] == read[12:]) {
			out = append(out, vin.VIN(v))
		}
	}
	slices.Sort(out)
	return out, nil
}

// Registration looks a vehicle up.
func (m *Memory) Registration(_ context.Context, vin, plate string) (gate.Registration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	vin, plate = gate.NormalVIN(vin), gate.NormalPlate(plate)
	last := func(match func(gate.Registration) bool) (gate.Registration, bool) {
		for _, r := range slices.Backward(m.registrations) {
			if match(r) {
				return r, true
			}
		}
		return gate.Registration{}, false
	}
	if vin != "" {
		if r, ok := last(func(r gate.Registration) bool { return r.VIN == vin }); ok {
			if r.Class == "" {
				return gate.Registration{}, gate.ErrNotFound
			}
			r.Exempt = m.exempt(&r)
			return r, nil
		}
	}
	if plate != "" {
		r, ok := last(func(r gate.Registration) bool {
			if r.Plate != plate {
				return false
			}
			if r.VIN == "" {
				return true
			}
			now, _ := last(func(n gate.Registration) bool { return n.VIN == r.VIN })
			return now.Plate == plate
		})
		if ok && r.Class != "" {
			r.Exempt = m.exempt(&r)
			return r, nil
		}
	}
	return gate.Registration{}, gate.ErrNotFound
}

// KeepPolicy keeps a policy's source.
func (m *Memory) KeepPolicy(ctx context.Context, p gate.PolicyDocument) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, there := range m.policies {
		if there.Hash == p.Hash {
			return nil
		}
	}
	if _, err := m.entry(translog.Entry{At: p.At, Kind: "policy", Row: "policy", Body: object(map[string]string{"hash": p.Hash, "id": p.ID})}); err != nil {
		return err
	}
	m.policies = append(m.policies, p)
	return nil
}

// Policy is the policy of that hash.
func (m *Memory) Policy(_ context.Context, hash string) (gate.PolicyDocument, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.policies {
		if p.Hash == hash {
			return p, nil
		}
	}
	return gate.PolicyDocument{}, gate.ErrNotFound
}

// Passages lists passages, newest first.
func (m *Memory) Passages(_ context.Context, f gate.PassageFilter) ([]gate.PassageSummary, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	var list []gate.PassageSummary
	for _, rec := range slices.Backward(m.passages) {
		s := rec.Summary
		switch {
		case !f.From.IsZero() && s.At.Before(f.From),
			!f.Until.IsZero() && !s.At.Before(f.Until),
			f.Lane != "" && s.Lane != f.Lane,
			f.VIN != "" && s.VIN != gate.NormalVIN(f.VIN),
			f.Plate != "" && s.Plate != gate.NormalPlate(f.Plate),
			f.Outcome != 0 && s.Outcome != f.Outcome,
			f.Ending == gate.EndOpen && s.Ending != "",
			f.Ending != "" && f.Ending != gate.EndOpen && s.Ending != f.Ending,
			f.Before > 0 && s.Seq >= f.Before:
			continue
		}
		if list = append(list, s); len(list) == limit {
			break
		}
	}
	return list, nil
}

// Passage is everything kept of one passage.
func (m *Memory) Passage(_ context.Context, id gate.PassageID) (gate.PassageRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, ok := m.byID[id]
	if !ok {
		return gate.PassageRecord{}, gate.ErrNotFound
	}
	out := *rec
	out.Acts, out.Reassessments = slices.Clone(rec.Acts), slices.Clone(rec.Reassessments)
	return out, nil
}

// EraseBefore erases the personal data of passages that ended and inspections
// that no longer hold.
func (m *Memory) EraseBefore(ctx context.Context, before, at time.Time, why string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var seqs []int64
	for _, rec := range m.passages {
		if rec.Outcome == nil || rec.Summary.Erased || !rec.Summary.At.Before(before) {
			continue
		}
		id := rec.Passage.ID
		seqs = append(seqs, m.seqsOf[id]...)
		rec.Summary.Erased, rec.Summary.VIN, rec.Summary.Plate = true, "", ""
		first := rec.Passage.Result.Verdict.Outcome
		rec.Passage = gate.Passage{ID: id, Lane: rec.Passage.Lane, At: rec.Passage.At}
		rec.Passage.Result.Verdict.Outcome = first
		for i := range rec.Acts {
			rec.Acts[i].Reason = ""
		}
		for i, r := range rec.Reassessments {
			rec.Reassessments[i].Result = gate.Assessment{Verdict: policy.Verdict{Outcome: r.Result.Verdict.Outcome}}
		}
	}
	seqs = append(seqs, m.forgetInspections(before)...)
	seqs = append(seqs, m.forgetLedger(before)...)
	if len(seqs) == 0 {
		return 0, nil
	}
	slices.Sort(seqs)
	for i, r := range m.store.RowsAt {
		if slices.Contains(seqs, r.Claims.Seq) {
			m.store.RowsAt[i].Salt, m.store.RowsAt[i].Fields, m.store.RowsAt[i].Erased = nil, nil, true
		}
	}
	_, err := m.entry(translog.Entry{At: at, Kind: translog.KindErased,
		Body: json.RawMessage(text(translog.Erasure{Before: before.UTC(), Why: why, Seqs: seqs}))})
	return len(seqs), err
}

// Entries are entries of the log in their stored form.
func (m *Memory) Entries(_ context.Context, from int64, n int) ([]translog.StoredEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []translog.StoredEntry
	for seq := max(from, 0); seq < int64(len(m.store.EntriesAt)) && len(list) < n; seq++ {
		list = append(list, translog.StoredEntry{Seq: seq, Data: bytes.Clone(m.store.EntriesAt[seq])})
	}
	return list, nil
}
