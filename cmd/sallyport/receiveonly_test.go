package main

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestReceiveOnly reads the tree: the program has no way to send anything into
// the air. No driver wakes tyres' sensors (125 kHz), no radio is opened for
// sending, no frame is injected, no Bluetooth scan asks for an answer, and no raw
// socket is opened. Words stand in code and in its texts; a comment may say what
// is not done.
func TestReceiveOnly(t *testing.T) {
	forbidden := []struct {
		words *regexp.Regexp
		why   string
	}{
		{regexp.MustCompile(`(?i)\b(imsi|tmsi|p[_-]?tmsi|rnti|c[_-]?rnti|guti|supi|suci|msisdn)\b`), "no subscriber's or network's temporary identity is parsed"},
		{regexp.MustCompile(`(?i)(125[_ ]?k[_ ]?hz|134[._]?2?[_ ]?k[_ ]?hz|\blf[_ -]?(trigger|wake|activat\w*)|\bwake[_ -]?up[_ -]?(tone|pattern)\b|\btpms[_ -]?(trigger|activat\w*))`), "no tyre's sensor is woken"},
		{regexp.MustCompile(`(?i)\b(hackrf_transfer|hackrf_start_tx|soapysdr|uhd_tx|rfm?69_send|rpitx|packetforge|aireplay|mdk[34]|hci_le_set_scan_parameters|send_?deauth|inject_?(ion|or|frame|packet)s?)\b`), "nothing is sent into the air"},
		{regexp.MustCompile(`\b(AF_PACKET|SOCK_RAW|AF_BLUETOOTH|PF_PACKET|BTPROTO_HCI|WritePacketData|OpenLive)\b`), "no raw socket is opened"},
	}
	radioImports := []string{"github.com/google/gopacket/pcap", "github.com/gopacket/gopacket/pcap", "github.com/gopacket/gopacket/afpacket", "tinygo.org/x/bluetooth", "github.com/muka/go-bluetooth", "github.com/mdlayher/packet", "github.com/mdlayher/wifi", "github.com/go-ble/ble"}
	files := 0
	for _, f := range moduleFiles(t) {
		if f.test {
			continue
		}
		files++
		for _, imp := range f.ast.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range radioImports {
				if path == bad || strings.HasPrefix(path, bad+"/") {
					t.Errorf("%s imports %s, which can send", f.path, path)
				}
			}
		}
		src, err := os.ReadFile(filepath.Join(moduleRoot(t), filepath.FromSlash(f.path)))
		if err != nil {
			t.Fatal(err)
		}
		// Comments are blanked: what is forbidden is code.
		for _, group := range f.ast.Comments {
			from, to := f.fset.Position(group.Pos()).Offset, f.fset.Position(group.End()).Offset
			for i := from; i < to; i++ {
				if src[i] != '\n' {
					src[i] = ' '
				}
			}
		}
		for _, bad := range forbidden {
			for _, at := range bad.words.FindAllIndex(src, -1) {
				t.Errorf("%s:%d: %q: %s", f.path, 1+strings.Count(string(src[:at[0]]), "\n"), src[at[0]:at[1]], bad.why)
			}
		}
		// A receiver's package writes to no socket.
		if strings.HasPrefix(f.dir, "rf/") {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					switch s.Sel.Name {
					case "WriteTo", "WriteToUDP", "WriteToUDPAddrPort", "WriteMsgUDP", "WriteMsgUDPAddrPort", "Sendto", "Sendmsg":
						t.Errorf("%s: %s: a receiver answers nobody", f.fset.Position(s.Pos()), s.Sel.Name)
					}
				}
				return true
			})
		}
	}
	if files < 100 {
		t.Fatalf("only %d files were read", files)
	}
}
