package ui

import (
	"fmt"
	"net/http"

	"sallyport/ui/view"
)

// devices shows whether what stands at the lanes works.
func (s *Server) devices(k *call) error {
	p, err := s.devicesPage(k)
	if err != nil {
		return err
	}
	return s.page(k, http.StatusOK, p)
}

func (s *Server) devicesPage(k *call) (*view.Devices, error) {
	b := s.liveBase(k)
	b.Path = "/devices"
	p := &view.Devices{Base: b}
	if s.cfg.Devices == nil {
		return p, nil
	}
	list, err := s.cfg.Devices(k.Request().Context())
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	for _, d := range list {
		row := view.DeviceRow{Base: b, Name: d.Name, Kind: d.Kind, State: d.State, Fault: d.Fault, Trouble: d.Trouble, Since: d.Since, LastSeen: d.LastSeen,
			Faults: d.Faults, Lost: d.Lost, Read: d.Read, Unusable: d.Unusable}
		for _, l := range d.Lanes {
			name := string(l)
			if lv, ok := s.cfg.Lanes.View(l); ok && lv.Name != "" {
				name = lv.Name
			}
			row.Lanes = append(row.Lanes, name)
		}
		p.Rows = append(p.Rows, row)
	}
	return p, nil
}

func (s *Server) devicesEvents(k *call) error {
	return s.follow(k, func() (view.Live, error) { return s.devicesPage(k) })
}
