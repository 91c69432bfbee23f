package modbus

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate/barrier"
	"sallyport/gate/barrier/barriertest"
)

// python is an interpreter that has pymodbus.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import pymodbus.server, serial_asyncio").Run() == nil {
			return name
		}
	}
	t.Skip("SKIPPED: no Python with pymodbus here, so that nothing is tried against a Modbus server of other people; as root: apt-get install python3-pymodbus socat")
	return ""
}

// process is a program that a test started.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer

	mu  sync.Mutex
	out *bufio.Reader
	err lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func launch(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...)}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out, p.cmd.Stderr = in, bufio.NewReader(out), &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// say sends a line and returns the answer.
func (p *process) say(format string, args ...any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Errorf("%v: %s", err, p.err.String())
		return ""
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Errorf("%v: %s", err, p.err.String())
	}
	return strings.TrimSpace(line)
}

// pyBoard is the board of testdata/board.py.
type pyBoard struct{ *process }

var inputOf = map[barrier.Point]int{barrier.ArmDown: inDown, barrier.ArmUp: inUp, barrier.UnderArm: inUnder}

func (b pyBoard) Pulses() int {
	n, err := strconv.Atoi(b.say("pulses"))
	if err != nil {
		b.t.Error(err)
	}
	return n
}

func (b pyBoard) Set(p barrier.Point, on bool) {
	bit := 0
	if on != (p == barrier.UnderArm) { // that contact opens
		bit = 1
	}
	b.say("set %d %d", inputOf[p], bit)
}

func (b pyBoard) Lower() {
	b.Set(barrier.ArmUp, false)
	b.Set(barrier.ArmDown, true)
}

func (b pyBoard) Break(how barriertest.Break) {
	b.say("mode %s", map[barriertest.Break]string{barriertest.Works: "works", barriertest.Before: "before", barriertest.After: "after", barriertest.Seized: "seized", barriertest.Silent: "silent"}[how])
}

// line joins two pseudo-terminals by socat, which writes a trace of all bytes.
func line(t *testing.T) (a, b string, trace func() string) {
	t.Helper()
	socat, err := exec.LookPath("socat")
	if err != nil {
		t.Skip("SKIPPED: no socat here, so that nothing is tried over a serial line; as root: apt-get install socat")
	}
	dir := t.TempDir()
	a, b = filepath.Join(dir, "a"), filepath.Join(dir, "b")
	p := launch(t, socat, "-x", "pty,raw,echo=0,link="+a, "pty,raw,echo=0,link="+b)
	await(t, "the serial line", func() bool {
		_, errA := os.Stat(a)
		_, errB := os.Stat(b)
		return errA == nil && errB == nil
	})
	return a, b, p.err.String
}

func rtuBoard(t *testing.T) (url string, b pyBoard, trace func() string) {
	t.Helper()
	py := python(t)
	near, far, trace := line(t)
	b = pyBoard{launch(t, py, "testdata/board.py", "rtu", far, "9600")}
	b.say("ready?")
	return "rtu://" + near, b, trace
}

func TestArmOfPymodbusOverRTU(t *testing.T) {
	url, b, _ := rtuBoard(t)
	b.conforms(t, url)
}

func TestArmOfPymodbusOverTCP(t *testing.T) {
	py := python(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(free.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	b := pyBoard{launch(t, py, "testdata/board.py", "tcp", port)}
	b.say("ready?")
	b.conforms(t, "tcp://127.0.0.1:"+port)
}

func (b pyBoard) conforms(t *testing.T, url string) {
	barriertest.Arm(t, func(t *testing.T) *barriertest.Rig {
		// What the check before it left under way has ended.
		await(t, "a released output", func() bool { return b.say("coil 0") == "0" })
		b.say("reset")
		d, stop := start(t, Config{
			Name: "north", URL: url, Pulse: &Pulse{Address: coilArm}, Inputs: wiring,
			Every: 20 * time.Millisecond, Timeout: 400 * time.Millisecond, Confirm: 2 * time.Second,
		})
		return &barriertest.Rig{
			Arm: d, Inputs: d, World: b, Stop: stop, Polls: 900 * time.Millisecond,
			Breaks: []barriertest.Break{barriertest.Before, barriertest.After, barriertest.Seized, barriertest.Silent},
		}
	})
}

// TestTraceOfRTU reads what went over the line, byte for byte.
func TestTraceOfRTU(t *testing.T) {
	url, b, trace := rtuBoard(t)
	inputs := append(slices.Clone(wiring), Input{Address: 7, Point: barrier.Tamper})
	d, stop := start(t, Config{
		Name: "north", URL: url, Pulse: &Pulse{Address: coilArm}, Lamps: &Lamps{Red: coilRed, Green: coilGreen}, Inputs: inputs,
		Every: 20 * time.Millisecond, Timeout: 400 * time.Millisecond, Confirm: 2 * time.Second,
	})
	await(t, "red", func() bool { return b.say("coil 1") == "1" })
	if err := d.Show(t.Context(), barrier.Green); err != nil {
		t.Fatal(err)
	}
	if err := d.Raise(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	b.Lower()
	await(t, "the output to be released", func() bool { return b.say("coil 0") == "0" })
	await(t, "the closed arm", func() bool {
		l, _ := d.Level(barrier.ArmDown)
		return l == barrier.On
	})
	stop()

	sent, heard := frames(t, trace())
	if len(sent) != len(heard) {
		t.Fatalf("%d requests, %d answers", len(sent), len(heard))
	}
	count := map[string]int{}
	var writes []string
	for i, request := range sent {
		count[request]++
		answer := heard[i]
		switch request {
		case "01 02 00 00 00 08 79 cc": // eight inputs
			// Closed and clear; on its way; open.
			if !slices.Contains([]string{"01 02 01 05 61 8b", "01 02 01 04 a0 4b", "01 02 01 06 21 8a"}, answer) {
				t.Errorf("inputs answered %s", answer)
			}
		case "01 01 00 00 00 01 fd ca": // the arm's coil
			if !slices.Contains([]string{"01 01 01 00 51 88", "01 01 01 01 90 48"}, answer) {
				t.Errorf("coil answered %s", answer)
			}
		default:
			if answer != request {
				t.Errorf("%s answered %s, not by an echo", request, answer)
			}
			writes = append(writes, request)
		}
	}
	want := []string{
		"01 05 00 02 00 00 6c 0a", // green off
		"01 05 00 01 ff 00 dd fa", // red on
		"01 05 00 01 00 00 9c 0a", // red off
		"01 05 00 02 ff 00 2d fa", // green on
		"01 05 00 00 ff 00 8c 3a", // the arm, once, and never off
	}
	if !slices.Equal(writes, want) {
		t.Errorf("written:\n%s\nwant:\n%s", strings.Join(writes, "\n"), strings.Join(want, "\n"))
	}
	if n := count["01 02 00 00 00 08 79 cc"]; n < 5 {
		t.Errorf("only %d readings of the inputs in the trace", n)
	}
}

// frames cuts socat's trace into requests and answers, and checks every CRC with
// arithmetic of its own. An answer that was cut off by the end of the test is
// completed by nobody: its request is left out.
func frames(t *testing.T, trace string) (sent, heard []string) {
	t.Helper()
	var streams [2][]byte
	into := -1
	for text := range strings.Lines(trace) {
		text = strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(text, "> "):
			into = 0
		case strings.HasPrefix(text, "< "):
			into = 1
		case into >= 0 && text != "":
			b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
			if err != nil {
				t.Fatalf("trace: %q: %v", text, err)
			}
			streams[into] = append(streams[into], b...)
		}
	}
	cut := func(s []byte, length func([]byte) int) (list []string) {
		for len(s) >= 3 {
			n := length(s)
			if len(s) < n {
				break
			}
			f := s[:n]
			s = s[n:]
			if crc := bitwiseCRC(f[:n-2]); f[n-2] != byte(crc) || f[n-1] != byte(crc>>8) {
				t.Errorf("CRC of % x should be %04x", f, crc)
			}
			list = append(list, fmt.Sprintf("% x", f))
		}
		return list
	}
	sent = cut(streams[0], func([]byte) int { return 8 })
	heard = cut(streams[1], func(s []byte) int {
		if s[1] < 5 {
			return 5 + int(s[2])
		}
		return 8
	})
	if len(sent) == len(heard)+1 {
		sent = sent[:len(heard)]
	}
	return sent, heard
}

// bitwiseCRC is that of Modbus over serial line v1.02, 6.2.2: polynomial 0xA001
// reflected, from 0xFFFF.
func bitwiseCRC(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, x := range b {
		crc ^= uint16(x)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low == 1 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

func TestBitwiseCRC(t *testing.T) {
	for text, want := range map[string]string{
		"01050000ff00": "8c3a", "010100000008": "3dcc", "01010101": "9048",
		"010200000008": "79cc", "01020155": "61b7", "0101ea600001": "c9cc", "018102": "c191",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if crc := bitwiseCRC(b); fmt.Sprintf("%02x%02x", byte(crc), crc>>8) != want {
			t.Errorf("%s: %04x, want %s", text, crc, want)
		}
	}
}

// TestLineThatGoesAway takes the serial line away and brings it back.
func TestLineThatGoesAway(t *testing.T) {
	py := python(t)
	dir := t.TempDir()
	near, far := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	plug := func() *process {
		socat, err := exec.LookPath("socat")
		if err != nil {
			t.Skip("SKIPPED: no socat here, so that no serial line can go away; as root: apt-get install socat")
		}
		p := launch(t, socat, "pty,raw,echo=0,link="+near, "pty,raw,echo=0,link="+far)
		await(t, "the serial line", func() bool {
			_, errA := os.Stat(near)
			_, errB := os.Stat(far)
			return errA == nil && errB == nil
		})
		return p
	}
	cable := plug()
	b := pyBoard{launch(t, py, "testdata/board.py", "rtu", far, "9600")}
	b.say("ready?")
	told := make(chan error, 64)
	d, _ := start(t, Config{
		Name: "north", URL: "rtu://" + near, Pulse: &Pulse{Address: coilArm}, Inputs: wiring,
		Every: 20 * time.Millisecond, Notify: func(err error) { told <- err },
	})
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	cable.kill()
	_, _ = os.Remove(near), os.Remove(far)
	if err := <-told; err == nil || d.Up() {
		t.Fatalf("told %v when the line went", err)
	}
	if err := d.Raise(t.Context(), "p1"); barrier.ClassOf(err) != barrier.Unread || barrier.EffectOf(err) != barrier.NotMoved {
		t.Fatalf("error %v, want unread and not moved", err)
	}
	b.kill()
	plug()
	b = pyBoard{launch(t, py, "testdata/board.py", "rtu", far, "9600")}
	b.say("ready?")
	for limit := time.After(20 * time.Second); !d.Up(); {
		select {
		case <-told:
		case <-limit:
			t.Fatal("the line did not come back")
		}
	}
}
