package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sallyport/policy"
)

// StaleDays is from what age on reference data counts as old in the figures.
// What old data means for a verdict is for the rules to say.
const StaleDays = 90

// VehicleFigure is what the figures count of one passage. It names no vehicle
// and no driver.
type VehicleFigure struct {
	Outcome  policy.Outcome // 0: no machine decided, as where a paper form was entered
	Stale    bool           // it rested on reference data that was old, or of unknown age
	Open     bool           // a fact that a rule asked for was unknown
	Sensed   bool           // a working radio sensor listened
	Counted  bool           // the record was still there to be counted; the four above hold nothing else
	Reasons  []FigureReason // the rules that flagged or denied, each once
	Passage  PassageID
	Lane     LaneID
	Seconds  int64 // from the arrival to the ending; -1 while open
	Override bool
}

// FigureReason is one rule that flagged or denied.
type FigureReason struct {
	Rule    string
	Outcome policy.Outcome
}

// CountVehicle reads from the document of a passage or of a reassessment what
// the figures count. It reads no more of it than it needs.
func CountVehicle(doc []byte) (f VehicleFigure, err error) {
	var d struct {
		Result struct {
			Facts struct {
				Radio struct {
					Sensed policy.Leaf[bool] `json:"sensed"`
				} `json:"radio"`
				Data policy.DataFacts `json:"data"`
			} `json:"facts"`
			Verdict struct {
				Outcome policy.Outcome `json:"outcome"`
				Reasons []struct {
					Rule    string         `json:"rule"`
					Outcome policy.Outcome `json:"outcome"`
					Open    bool           `json:"open"`
				} `json:"reasons"`
				Open []struct{} `json:"open"`
			} `json:"verdict"`
		} `json:"result"`
	}
	if err := json.Unmarshal(doc, &d); err != nil {
		return f, fmt.Errorf("figures: %w", err)
	}
	v := d.Result.Verdict
	f = VehicleFigure{Outcome: v.Outcome, Counted: true, Seconds: -1, Open: len(v.Open) > 0,
		Sensed: d.Result.Facts.Radio.Sensed.Known && d.Result.Facts.Radio.Sensed.Value}
	for _, age := range [...]policy.Leaf[int]{d.Result.Facts.Data.VPICAgeDays, d.Result.Facts.Data.CatalogueAgeDays, d.Result.Facts.Data.SupplyAgeDays} {
		f.Stale = f.Stale || !age.Known || age.Value >= StaleDays
	}
	for _, r := range v.Reasons {
		f.Open = f.Open || r.Open
		k := FigureReason{r.Rule, r.Outcome}
		if r.Outcome > policy.Grant && !slices.Contains(f.Reasons, k) {
			f.Reasons = append(f.Reasons, k)
		}
	}
	return f, nil
}

// Figures are what happened at the site in a period.
type Figures struct {
	From, Until time.Time
	Hourly      bool          // a point is an hour; else a day of the site's calendar
	Points      []FigurePoint // one for each step, oldest first, also those without a vehicle
	Use         Usage         // of the whole period
	Reasons     []ReasonCount // of flags and denials, most first
	Shifts      []ShiftFigure // newest first

	Behind int64 // entries of the log that are not counted yet
}

// FigurePoint is one hour or day.
type FigurePoint struct {
	At                          time.Time
	Grants, Flags, Denies, None int   // by the last verdict of each vehicle; None: no machine decided
	Median, P90                 int64 // seconds from arrival to ending; -1 where none has ended
	Heard, Unheard              int   // decided with and without a working radio sensor
	Faults, Back                int   // devices that failed, and that worked again
}

// Usage says what the gate was used for, of all vehicles of a period.
type Usage struct {
	Vehicles   int
	Checked    int // a machine gave a verdict
	Admitted   int
	Overridden int // let in against a denial
	Stale      int // decided on reference data that was old, or of unknown age
	Open       int // decided while a fact that a rule asked for was unknown
	Unheard    int // decided without a working radio sensor
	Counted    int // of Checked, those whose record was still there: the three above are of these
	Median     int64
	P90        int64
}

// ReasonCount is how often a rule flagged or denied.
type ReasonCount struct {
	Rule          string
	Flags, Denies int
}

// ShiftFigure is one shift of a lane.
type ShiftFigure struct {
	Lane             LaneID
	Number           int
	Holder           string
	Since, Until     time.Time // a zero Until: it goes on
	Vehicles, Denied int
	Overrides        int
}

// Quantile is the value below which so large a share of the counts lies, by the
// nearest rank; -1 where nothing is counted. Counts are how often each value
// occurs.
func Quantile(counts map[int64]int, share float64) int64 {
	total := 0
	values := make([]int64, 0, len(counts))
	for v, n := range counts {
		total += n
		values = append(values, v)
	}
	if total == 0 {
		return -1
	}
	slices.Sort(values)
	rank, seen := share*float64(total), 0
	for _, v := range values {
		if seen += counts[v]; float64(seen) >= rank {
			return v
		}
	}
	return values[len(values)-1]
}

// FigureSteps cuts a period into hours, where it is up to three days long, or
// into days of the zone's calendar. They begin at or before from.
func FigureSteps(from, until time.Time, zone *time.Location) (steps []time.Time, hourly bool) {
	hourly = until.Sub(from) <= 73*time.Hour
	at := from.In(zone)
	if hourly {
		at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), 0, 0, 0, zone)
	} else {
		at = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
	}
	for at.Before(until) {
		steps = append(steps, at)
		if hourly {
			at = at.Add(time.Hour)
		} else {
			at = time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, zone)
		}
	}
	return steps, hourly
}

// LogFilter chooses entries of the log. A zero field does not restrict.
type LogFilter struct {
	From, Until time.Time // [From, Until)
	Kind        string
	Lane        LaneID
	By          string // who did it, or was its second person
	Passage     PassageID
	Vehicle     DataSubject // what is kept of it and not erased
	Seq         int64       // this entry, where HasSeq
	HasSeq      bool
	Limit       int      // at most 1000; 0 is 50
	Before      LogPlace // of the last entry of the page before; the zero place is the newest page
}

// LogPlace is where an entry stands in the order of time.
type LogPlace struct {
	At  int64 // milliseconds since 1970 began
	Seq int64
}

// LogLine is one entry of the log as it is shown in a list.
type LogLine struct {
	Place   LogPlace
	Seq     int64
	At      time.Time
	Kind    string
	Lane    LaneID
	Passage PassageID
	Body    map[string]string // what is kept for ever: act, by, outcome, ending, detail …
	Commits bool              // it commits to personal data
	Text    string            // the entry as it is hashed
}

// LogPage is one page of a search, newest first.
type LogPage struct {
	Lines  []LogLine
	More   bool
	Behind int64 // entries of the log that the search does not know yet
}
