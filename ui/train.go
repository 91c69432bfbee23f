package ui

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/ui/view"
)

// Teaching is the training mode: sample arrivals, and the Judge that gives the
// verdicts on them. It has no lane, no store and no log. The zero value is a site
// that offers none.
type Teaching struct {
	Lessons []gate.Lesson
	Assess  func(gate.Lesson, time.Time) gate.Assessment
	Say     view.Say // of the packs that the lessons name
}

func (t Teaching) there() bool { return len(t.Lessons) > 0 }

var trainRoutes = []route{
	{"GET", "/train", forPeople, auth.WorkLane, 0, (*Server).trainPage},
	{"POST", "/train", forPeople, auth.WorkLane, formLimit, (*Server).beginTraining},
	{"GET", "/train/now", forPeople, auth.WorkLane, 0, (*Server).trainLesson},
	{"POST", "/train/act", forPeople, auth.WorkLane, formLimit, (*Server).trainAct},
	{"POST", "/train/next", forPeople, auth.WorkLane, formLimit, (*Server).trainNext},
	{"POST", "/train/duress", forPeople, auth.WorkLane, formLimit, (*Server).trainDuress},
}

// trainings are the runs of people, one each. They are kept here only. The zero
// value is ready.
type trainings struct {
	mu   sync.Mutex
	runs map[string]gate.Training // by user id
}

const maxTrainings = 256

func (t *trainings) get(user string) (gate.Training, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.runs[user]
	return r, ok
}

// change sets a person's run to what do makes of it.
func (t *trainings) change(user string, do func(gate.Training) gate.Training) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.runs == nil || len(t.runs) >= maxTrainings {
		t.runs = map[string]gate.Training{}
	}
	t.runs[user] = do(t.runs[user])
}

func (s *Server) teaching() error {
	if !s.cfg.Teaching.there() {
		return refuse(http.StatusNotFound, "not-found", errors.New("this site offers no training"))
	}
	return nil
}

// trainPage explains the training, and shows the result of a run that is over.
func (s *Server) trainPage(k *call) error {
	if err := s.teaching(); err != nil {
		return err
	}
	b := s.base(k)
	b.Path = "/train"
	p := view.TrainStart{Base: b, Of: len(s.cfg.Teaching.Lessons)}
	if t, ok := s.trainings.get(k.user.ID); ok && t.Over() {
		p = view.NewTrainResult(b, t)
	}
	p.Lane = string(s.from(k))
	return s.page(k, http.StatusOK, p)
}

func (s *Server) beginTraining(k *call) error {
	if err := s.teaching(); err != nil {
		return err
	}
	s.trainings.change(k.user.ID, func(gate.Training) gate.Training {
		return gate.NewTraining(s.cfg.Teaching.Lessons, s.cfg.Now())
	})
	return k.Redirect(http.StatusSeeOther, "/train/now")
}

func (s *Server) trainLesson(k *call) error {
	if err := s.teaching(); err != nil {
		return err
	}
	t, ok := s.trainings.get(k.user.ID)
	l, more := t.Lesson()
	if !ok || !more {
		return k.Redirect(http.StatusSeeOther, "/train")
	}
	b := s.base(k)
	b.Path = "/train/now"
	var a gate.Assessment
	if !l.Manual {
		a = s.cfg.Teaching.Assess(l, t.Shown)
	}
	return s.page(k, http.StatusOK, view.NewTrain(b, t, a, s.cfg.Teaching.Say))
}

// trainAct answers the lesson that is shown. An act for another lesson, as after
// a press on the button for going back, is none.
func (s *Server) trainAct(k *call) error {
	if err := s.teaching(); err != nil {
		return err
	}
	if err := parseForm(k); err != nil {
		return err
	}
	t, _ := s.trainings.get(k.user.ID)
	l, ok := t.Lesson()
	if !ok || k.FormValue("passage") != "" && k.FormValue("passage") != "training-"+l.ID {
		return k.Redirect(http.StatusSeeOther, "/train/now")
	}
	did := gate.TrainAct(k.FormValue("kind"))
	switch did {
	case gate.TrainPaper, gate.TrainByHand, gate.TrainWait:
	case gate.TrainRescan:
		// A wrong VIN is no answer yet: it is read again until it fits.
		if read := gate.NormalVIN(strings.TrimSpace(k.FormValue("vin"))); l.Rescan == "" || read != l.Rescan {
			return k.Redirect(http.StatusSeeOther, "/train/now")
		}
	default:
		if _, err := parseAct(string(did)); err != nil {
			return err
		}
		if did == gate.TrainAct(gate.ActOverride) && (k.FormValue("pin") != gate.TrainingPIN || k.FormValue("reason_code") == "") {
			return refuse(http.StatusForbidden, "pin", errors.New("not the PIN that stands on the screen"))
		}
	}
	s.trainings.change(k.user.ID, func(t gate.Training) gate.Training { return t.Do(did, s.cfg.Now()) })
	return k.Redirect(http.StatusSeeOther, "/train/now")
}

func (s *Server) trainNext(k *call) error {
	if err := s.teaching(); err != nil {
		return err
	}
	s.trainings.change(k.user.ID, func(t gate.Training) gate.Training { return t.Next(s.cfg.Now()) })
	return k.Redirect(http.StatusSeeOther, "/train/now")
}

// trainDuress is the silent call, practised: nobody is called.
func (s *Server) trainDuress(k *call) error {
	if err := s.teaching(); err != nil {
		return err
	}
	s.trainings.change(k.user.ID, func(t gate.Training) gate.Training { return t.Do(gate.TrainDuress, s.cfg.Now()) })
	return k.NoContent(http.StatusNoContent)
}
