package view

import (
	"strings"
	"time"

	"sallyport/gate"
)

// Train is the training mode: a lane's screen with a sample arrival, in a frame
// that no lane has, and beside it what the trainee sees and hears.
type Train struct {
	*Kiosk
	Number  int // of the lesson, from 1
	Of      int
	Lesson  string
	Right   int // answered right so far
	Rescan  string
	Choices []string // what may be answered where there is no verdict
	Signer  string
	PIN     string

	Answered bool
	Hit      bool // the answer was right
	Did      string
	Wanted   string
}

func (Train) template() string { return "train" }

// Digits are those of a PIN.
func (Train) Digits() []string { return strings.Split("1234567890", "") }

// Brief is what the trainee sees and hears at the line.
func (t Train) Brief() string { return t.T("train.case." + t.Lesson) }

// Because is why the right act is the right one.
func (t Train) Because() string { return t.T("train.why." + t.Lesson) }

// NewTrain is the screen of the lesson that a run shows.
func NewTrain(b Base, t gate.Training, a gate.Assessment, say Say) *Train {
	l, _ := t.Lesson()
	k := NewKiosk(b, l.View(a, t.Shown), say)
	k.Name, k.LaneID = b.T("train.title"), "training"
	k.Radio, k.RadioOK = "", true
	k.Working, k.Signers = true, []string{gate.TrainingSigner}
	k.Post = "/train/act"
	p := &Train{Kiosk: k, Number: t.At + 1, Of: len(t.Lessons), Lesson: l.ID, Right: t.Score(), Signer: gate.TrainingSigner, PIN: gate.TrainingPIN, Rescan: l.Rescan}
	if l.Manual {
		p.Choices = []string{string(gate.TrainPaper), string(gate.TrainByHand), string(gate.TrainWait)}
	}
	if d, ok := t.Answered(); ok {
		p.Answered, p.Hit, p.Did, p.Wanted = true, d.Right, b.trained(d.Did), b.trained(l.Right)
		k.Primary, k.Others = nil, nil
		p.Choices = nil
	}
	return p
}

// trained names what was done in training.
func (b Base) trained(did gate.TrainAct) string {
	switch did {
	case gate.TrainDuress, gate.TrainRescan, gate.TrainPaper, gate.TrainByHand, gate.TrainWait:
		return b.T("train.did." + string(did))
	}
	return b.T("act." + string(did))
}

// TrainStart is the page before a run and after it.
type TrainStart struct {
	Base
	Lane  string // to go back to; empty is none
	Of    int
	Right int
	Rows  []TrainRow // of the run that is over; none: it has not begun
}

func (TrainStart) template() string { return "trainstart" }

// TrainRow is one lesson that was answered.
type TrainRow struct {
	Brief, Did, Wanted, Because string
	Right                       bool
	Seconds                     int
}

// NewTrainResult shows a run that is over.
func NewTrainResult(b Base, t gate.Training) TrainStart {
	p := TrainStart{Base: b, Of: len(t.Lessons), Right: t.Score()}
	for i, d := range t.Done {
		p.Rows = append(p.Rows, TrainRow{
			Brief: b.T("train.case." + d.Lesson), Did: b.trained(d.Did), Wanted: b.trained(t.Lessons[i].Right), Because: b.T("train.why." + d.Lesson),
			Right: d.Right, Seconds: int(d.Took / time.Second),
		})
	}
	return p
}
