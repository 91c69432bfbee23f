package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

// radioAgain is how much of a picture is sent again with each event: what a
// sensor sends late falls into seconds that were sent before.
const radioAgain = 15 * time.Second

// apiRadio is what the lane's sensors have heard. There is no address in it.
func (s *Server) apiRadio(k *call) error {
	r, err := s.deviceRadio(k)
	if err != nil {
		return err
	}
	return k.JSON(http.StatusOK, r)
}

func (s *Server) deviceRadio(k *call) (gate.LaneRadio, error) {
	id := gate.LaneID(k.Param("lane"))
	r, ok := s.cfg.Lanes.Radio(id)
	if !ok {
		return r, refuse(http.StatusNotFound, "not-found", fmt.Errorf("lane %q: %w", id, gate.ErrUnknownLane))
	}
	return r, nil
}

// sensorHealth is how the sensors are that a device may know of: those of its
// own lane.
type sensorHealth struct {
	At      time.Time           `json:"at"`
	Sensors []gate.SensorHealth `json:"sensors"`
}

func (s *Server) apiSensors(k *call) error {
	out := sensorHealth{At: s.cfg.Now().UTC(), Sensors: []gate.SensorHealth{}}
	for _, lv := range s.cfg.Lanes.Lanes() {
		if !k.sees(lv.Lane) {
			continue
		}
		if r, ok := s.cfg.Lanes.Radio(lv.Lane); ok {
			out.At = r.At
			out.Sensors = append(out.Sensors, r.Sensors...)
		}
	}
	return k.JSON(http.StatusOK, out)
}

// apiRadioStream sends the whole picture as an event called radio, then once
// each Refresh what is new, in the same form: levels of the last seconds only,
// and everything else whole. It ends when the reader goes, does not read, or may
// no longer see it.
func (s *Server) apiRadioStream(k *call) error {
	release, ok := s.limits.stream("device:" + k.device.ID)
	if !ok {
		return refuse(http.StatusTooManyRequests, "too-many", fmt.Errorf("device %q has %d live streams", k.device.ID, streamsAtOnce))
	}
	defer release()
	r, err := s.deviceRadio(k)
	if err != nil {
		return err
	}
	out := newStream(k)
	if err := out.open(); err != nil {
		return nil //nolint:nilerr // the reader has gone, and nobody else waits for an answer
	}
	gone, leave := s.dismissals.wait(k.device.ID)
	defer leave()
	tick := time.NewTicker(s.cfg.Refresh)
	defer tick.Stop()
	for {
		data, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("radio of lane %q: %w", r.Lane, err)
		}
		if out.send("radio", data) != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-gone:
			return nil
		case <-s.closing:
			return nil
		case <-k.Request().Context().Done():
			return nil
		}
		if s.identifyDevice(k, auth.SeeLane) != nil {
			return nil
		}
		if r, err = s.deviceRadio(k); err != nil {
			return nil //nolint:nilerr // there was such a lane when it began
		}
		r = r.Since(r.At.Add(-radioAgain))
	}
}
