package plate

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// sample is a message of a vendor's shape, after the vendor's documentation: the
// fields are theirs, the values are made up.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func at(text string) time.Time {
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return v
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shape Shape
		body  string
		want  []Reading
	}{
		{"frigate event", Frigate, sample(t, "frigate-event.json"), []Reading{{
			Plate: "WX 12345", Confidence: 0.924341, Camera: "north_front", Vehicle: "1795323600.25-k3xq1z", At: time.Unix(1795323601, 5e8).UTC()}}},
		{"frigate update", Frigate, sample(t, "frigate-lpr.json"), []Reading{{
			Plate: "WX12345", Confidence: 0.95, Camera: "north_front", Vehicle: "1795323600.25-k3xq1z", At: time.Unix(1795323601, 748393000).UTC()}}},
		{"frigate, plate as a text", Frigate, `{"type":"new","after":{"recognized_license_plate":"AB 12","recognized_license_plate_score":0.5}}`, []Reading{{Plate: "AB 12", Confidence: 0.5}}}, //nolint:misspell // their field
		{"frigate, no plate", Frigate, `{"type":"new","after":{"label":"person","recognized_license_plate":null}}`, nil},                                                                        //nolint:misspell // their field
		{"frigate, a description", Frigate, `{"type":"description","id":"1","description":"a car of somebody"}`, nil},
		{"plate recognizer", PlateRecognizer, sample(t, "plate-recognizer.json"), []Reading{{
			Plate: "WX12345", Confidence: 0.839, Country: "PL", Camera: "camera-1", At: at("2026-11-22T05:00:01.606935Z"),
			Candidates: []Candidate{{"WX1234S", 0.41}, {"WXI2345", 0.2}}}}},
		{"plate recognizer, props", PlateRecognizer, sample(t, "plate-recognizer-props.json"), []Reading{{
			Plate: "WX12345", Confidence: 0.97, Country: "US-CA", At: at("2026-11-22T05:00:01.030345Z"), Candidates: []Candidate{{"WX1234S", 0.3}}}}},
		{"plate recognizer, unwrapped", PlateRecognizer, `{"results":[{"plate":"ab12","score":0.7}],"camera_id":7,"timestamp":"2026-11-22T05:00:01Z"}`, []Reading{{
			Plate: "AB12", Confidence: 0.7, Camera: "7", At: at("2026-11-22T05:00:01Z")}}},
		{"plate recognizer, nothing seen", PlateRecognizer, `{"hook":{"event":"image.done"},"data":{"results":[]}}`, nil},
		{"axis", Axis, sample(t, "axis-update.json"), []Reading{{
			Plate: "WX 12345", Confidence: 0.8688, Country: "POL", Camera: "north-front", Vehicle: "1327", At: at("2026-11-22T05:00:01.372Z"), Direction: In}}},
		{"axis, per cent and numbers", Axis, `{"carID":5,"carState":"new","plateText":"AB12","plateConfidence":95.5,"carMoveDirection":"unknown","camera_info":{"SerialNumber":"B8"}}`, []Reading{{
			Plate: "AB12", Confidence: 0.955, Vehicle: "5", Camera: "B8"}}},
		{"axis, gone", Axis, `{"carID":"5","carState":"lost","plateText":"AB12"}`, nil},
		{"axis, no plate", Axis, `{"carID":"5","carState":"new","plateText":" "}`, nil},
		{"generic", Generic, `{"plate":"wx 12345","confidence":0.93,"country":"pl","camera":"front","vehicle":"4711","at":"2026-11-22T06:00:00+01:00","direction":"out","candidates":[{"plate":"WX 1234S","confidence":0.4},{"plate":"wx 12345"}]}`, []Reading{{
			Plate: "WX 12345", Confidence: 0.93, Country: "PL", Camera: "front", Vehicle: "4711", At: at("2026-11-22T05:00:00Z"), Direction: Out, Candidates: []Candidate{{"WX 1234S", 0.4}}}}},
		{"generic, the least", Generic, `{"plate":"Ä-1"}`, []Reading{{Plate: "Ä-1"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.shape, "application/json", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if text := fmt.Sprintf("%+v", got); strings.Contains(text, "Somebody") || strings.Contains(text, "Opel") || strings.Contains(text, "/9j/") {
				t.Errorf("more than the plate is kept: %s", text)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name        string
		shape       Shape
		body, field string
	}{
		{"no JSON", Generic, "plate=AB12", "body"},
		{"nothing", Axis, "", "body"},
		{"two values", Generic, `{"plate":"A1"}{"plate":"A2"}`, "body"},
		{"no plate", Generic, `{}`, "plate"},
		{"blanks", Generic, `{"plate":" - "}`, "plate"},
		{"too long", Generic, `{"plate":"` + strings.Repeat("A", MaxPlate+1) + `"}`, "plate"},
		{"markup", Generic, `{"plate":"<b>A1"}`, "plate"},
		{"misspelt", Generic, `{"plate":"A1","country_code":1}`, "country_code"},
		{"what a camera cannot know", Generic, `{"plate":"A1","vin":"WVWZZZ3BZWE000042"}`, "vin"},
		{"type", Generic, `{"plate":7}`, "plate"},
		{"sure beyond measure", Generic, `{"plate":"A1","confidence":1.5}`, "confidence"},
		{"country", Generic, `{"plate":"A1","country":"Poland"}`, "country"},
		{"direction", Generic, `{"plate":"A1","direction":"left"}`, "direction"},
		{"instant", Generic, `{"plate":"A1","at":"now"}`, "at"},
		{"candidates", Generic, `{"plate":"A1","candidates":[` + strings.Repeat(`{"plate":"B"},`, MaxCandidates) + `{"plate":"C"}]}`, "candidates"},
		{"frigate of nobody", Frigate, `{"plate":"A1"}`, "type"},
		{"frigate plate", Frigate, `{"type":"new","after":{"recognized_license_plate":{"a":1}}}`, "after.recognized_license_plate"}, //nolint:misspell // their field
		{"recognizer of nobody", PlateRecognizer, `{"plate":"A1"}`, "results"},
		{"recognizer plate", PlateRecognizer, `{"data":{"results":[{"plate":"A1"},{"plate":"<script>"}]}}`, "data.results[1].plate"},
		{"recognizer kind", PlateRecognizer, `{"data":{"results":[{"plate":[1]}]}}`, "data.results[0].plate"},
		{"recognizer instant", PlateRecognizer, `{"results":[],"timestamp":"yesterday"}`, "timestamp"},
		{"recognizer crowd", PlateRecognizer, `{"results":[` + strings.Repeat(`{"plate":"A1"},`, MaxReadings) + `{"plate":"A1"}]}`, "results"},
		{"axis of nobody", Axis, `{"plateText":"A1"}`, "carState"},
		{"axis state", Axis, `{"plateText":"A1","carState":"parked"}`, "carState"},
		{"axis instant", Axis, `{"plateText":"A1","carState":"new","capture_timestamp":"soon"}`, "capture_timestamp"},
		{"axis plate", Axis, `{"plateText":"A1;DROP","carState":"new"}`, "plateText"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.shape, "application/json", strings.NewReader(tt.body))
			var at *FieldError
			if !errors.As(err, &at) || at.Field != tt.field || got != nil {
				t.Errorf("%v, %v; want an error at %s", got, err, tt.field)
			}
		})
	}
	if _, err := Parse(Generic, "", strings.NewReader(`{"plate":"A1","camera":"`+strings.Repeat("x", MaxGeneric)+`"}`)); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	broken := errors.New("line lost")
	if _, err := Parse(Axis, "", iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a broken line: %v", err)
	}
	if _, err := Parse("morse", "", strings.NewReader(`{}`)); err == nil {
		t.Error("an unknown shape is read")
	}
	for text, want := range map[string]Shape{"parkpow": PlateRecognizer, "axis": Axis, "generic": Generic, "": "", "Axis": ""} {
		if got, err := ParseShape(text); got != want || (err == nil) != (want != "") {
			t.Errorf("ParseShape(%q) = %q, %v", text, got, err)
		}
	}
}

// form is a message with a picture, as cameras send them.
func form(t testing.TB, text string, pictureFirst bool) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	picture := func() {
		p, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="upload"; filename="a.jpg"`}, "Content-Type": {"image/jpeg"}})
		if err == nil {
			_, err = p.Write(bytes.Repeat([]byte{0xff, 0xd8}, 1<<20))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if pictureFirst {
		picture()
	}
	if text != "" {
		if err := w.WriteField("json", text); err != nil {
			t.Fatal(err)
		}
	}
	if !pictureFirst {
		picture()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestParseForm(t *testing.T) {
	for _, pictureFirst := range []bool{false, true} {
		kind, body := form(t, sample(t, "plate-recognizer.json"), pictureFirst)
		r := strings.NewReader(body)
		got, err := Parse(PlateRecognizer, kind, r)
		if err != nil || len(got) != 1 || got[0].Plate != "WX12345" {
			t.Errorf("picture first %v: %+v, %v", pictureFirst, got, err)
		}
		if !pictureFirst && r.Len() < 1<<20 {
			t.Errorf("the picture was read: %d bytes left", r.Len())
		}
	}
	kind, body := form(t, "", false)
	var at *FieldError
	if _, err := Parse(PlateRecognizer, kind, strings.NewReader(body)); !errors.As(err, &at) || at.Field != "body" {
		t.Errorf("a form of pictures only: %v", err)
	}
	if _, err := Parse(PlateRecognizer, "multipart/form-data", strings.NewReader(body)); !errors.As(err, &at) {
		t.Errorf("a form without a boundary: %v", err)
	}
	if _, err := Parse(PlateRecognizer, kind, strings.NewReader(body[:len(body)/2])); err == nil {
		t.Error("half a form is read")
	}
}

// Whatever comes in, what goes out keeps its bounds, and an error names its place.
func FuzzParse(f *testing.F) {
	for i := range Shapes() {
		for _, name := range []string{"frigate-event.json", "frigate-lpr.json", "plate-recognizer.json", "plate-recognizer-props.json", "axis-update.json"} {
			f.Add(i, "application/json", sample(f, name))
		}
		f.Add(i, "application/json", `{"plate":"WX 12345","confidence":0.9,"direction":"in","candidates":[{"plate":"B"}]}`)
		f.Add(i, `multipart/form-data; boundary=x`, "--x\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n"+`{"results":[]}`+"\r\n--x--\r\n")
	}
	f.Fuzz(func(t *testing.T, shape int, kind, body string) {
		all := Shapes()
		s := all[(shape%len(all)+len(all))%len(all)]
		got, err := Parse(s, kind, strings.NewReader(body))
		if err != nil {
			if got != nil {
				t.Fatalf("%v beside the error %v", got, err)
			}
			return
		}
		if len(got) > MaxReadings {
			t.Fatalf("%d readings", len(got))
		}
		for _, r := range got {
			if clean(r.Plate) != r.Plate || r.Plate == "" || utf8.RuneCountInString(r.Plate) > MaxPlate {
				t.Fatalf("plate %q", r.Plate)
			}
			if !(r.Confidence >= 0 && r.Confidence <= 1) || len(r.Candidates) > MaxCandidates || len(r.Country) > 7 {
				t.Fatalf("%+v", r)
			}
			if utf8.RuneCountInString(r.Camera) > MaxName || utf8.RuneCountInString(r.Vehicle) > MaxName || !utf8.ValidString(r.Camera+r.Vehicle) {
				t.Fatalf("%+v", r)
			}
			for _, c := range r.Candidates {
				if c.Plate == r.Plate || clean(c.Plate) != c.Plate || !(c.Confidence >= 0 && c.Confidence <= 1) {
					t.Fatalf("candidate %+v of %q", c, r.Plate)
				}
			}
			if r.Direction != "" && r.Direction != In && r.Direction != Out {
				t.Fatalf("direction %q", r.Direction)
			}
		}
	})
}

func BenchmarkParseAxis(b *testing.B) {
	text := sample(b, "axis-update.json")
	for b.Loop() {
		if _, err := Parse(Axis, "application/json", strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
