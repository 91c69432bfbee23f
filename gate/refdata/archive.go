package refdata

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A bundle is a tar archive (POSIX.1-1988 ustar headers only) compressed with
// Zstandard (RFC 8878). Its first entry is empty and named formatName; then
// come metadata/… and then targets/…, regular files only.

const (
	formatName  = "sallyport-refdata-1"
	metadataDir = "metadata/"
	targetsDir  = "targets/"

	// window is what a reader must keep of what it has unpacked (RFC 8878
	// §3.1.1.1.2); the reader takes no more.
	window = 8 << 20

	// metadataFiles times the limit of one bounds all metadata together.
	metadataFiles = 16
)

// Limits bound what is read of a bundle, in bytes and files.
type Limits struct {
	Archive  int64 // the file as carried
	Metadata int64 // one metadata file
	File     int64 // one data file
	Total    int64 // all files unpacked
	Files    int
}

// DefaultLimits are those of a site. The full set is some 13 MB.
func DefaultLimits() Limits {
	return Limits{Archive: 256 << 20, Metadata: 1 << 20, File: 128 << 20, Total: 256 << 20, Files: 512}
}

// Files are the files of a release by their names in the archive.
type Files map[string][]byte

// meta is the metadata file of a role, or nil.
func (f Files) meta(role string) []byte { return f[metadataDir+role+".json"] }

// WriteArchive writes files as a bundle. The same files give the same bytes.
func WriteArchive(w io.Writer, files Files) error {
	for name := range files {
		if err := checkName(name); err != nil {
			return err
		}
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(window/2), zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	t := tar.NewWriter(z)
	put := func(name string, data []byte) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o644, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("write bundle: %s: %w", name, err)
		}
		_, err := t.Write(data)
		return err
	}
	if err := put(formatName, nil); err != nil {
		return err
	}
	// "metadata/" sorts before "targets/".
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := put(name, files[name]); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}

// admit is asked before an entry's content is read, with what was read so far.
// The first file under targets/ is asked about after the last metadata file.
type admit func(name string, size int64, got Files) error

// readArchive reads a bundle within the limits. Every error is a *Refusal.
func readArchive(r io.Reader, lim Limits, ask admit) (Files, error) {
	in := &bounded{r: r, left: lim.Archive}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, unreadable(err, true)
	}
	defer z.Close()
	t := tar.NewReader(z)
	h, err := t.Next()
	if err != nil {
		return nil, unreadable(err, true)
	}
	if h.Name != formatName || h.Size != 0 || h.Typeflag != tar.TypeReg {
		return nil, refuse(NotABundle, nil, "The file is not a bundle of reference data.")
	}
	got := Files{}
	total := int64(0)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(err, false)
		}
		if err := entry(h, lim, got); err != nil {
			return nil, err
		}
		total += h.Size
		most := lim.Total
		if strings.HasPrefix(h.Name, metadataDir) {
			most = min(most, metadataFiles*lim.Metadata) // it is read before anybody's signature is known
		}
		if total > most {
			return nil, refuse(TooLarge, nil, "The bundle unpacks to more than %d MB at %q.", most>>20, h.Name)
		}
		if ask != nil {
			if err := ask(h.Name, h.Size, got); err != nil {
				return nil, err
			}
		}
		data := make([]byte, h.Size)
		if _, err := io.ReadFull(t, data); err != nil {
			return nil, unreadable(err, false)
		}
		got[h.Name] = data
	}
	// The tar reader is content without its end mark, and does not look behind it.
	if n, err := io.CopyN(io.Discard, z, 1); n > 0 {
		return nil, refuse(Unexpected, nil, "Something stands behind the end of the bundle.")
	} else if !errors.Is(err, io.EOF) {
		return nil, unreadable(err, false)
	}
	return got, nil
}

// entry checks one header before anything of its content is read.
func entry(h *tar.Header, lim Limits, got Files) error {
	if len(got) >= lim.Files {
		return refuse(TooMany, nil, "The bundle holds more than %d files.", lim.Files)
	}
	if h.Typeflag != tar.TypeReg || h.Linkname != "" {
		return refuse(NotAFile, nil, "%q in the bundle is a link, a folder or a device; only plain files are carried.", h.Name)
	}
	if err := checkName(h.Name); err != nil {
		return err
	}
	if _, dup := got[h.Name]; dup {
		return refuse(Duplicate, nil, "%q stands in the bundle twice.", h.Name)
	}
	limit := lim.File
	if strings.HasPrefix(h.Name, metadataDir) {
		limit = lim.Metadata
		for name := range got {
			if strings.HasPrefix(name, targetsDir) {
				return refuse(Unexpected, nil, "The metadata file %q stands behind the data.", h.Name)
			}
		}
	}
	if h.Size > limit {
		return refuse(TooLarge, nil, "%q is %d bytes; at most %d are read.", h.Name, h.Size, limit)
	}
	// A header of another format can carry a second name, a sparse map and more.
	if h.Format != tar.FormatUSTAR || len(h.PAXRecords) > 0 {
		return refuse(NotABundle, nil, "%q has a header of a format that bundles do not use.", h.Name)
	}
	return nil
}

// checkName accepts metadata/[N.]ROLE.json and targets/ROLE/FILE, in lower-case
// letters, digits, hyphen, underscore and dot.
func checkName(name string) error {
	bad := refuse(BadName, nil, "%.100q is not a name that a bundle may hold.", name)
	if len(name) > 100 {
		return bad
	}
	parts := strings.Split(name, "/")
	for _, p := range parts {
		if p == "" || p[0] == '.' || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			return bad
		}
	}
	switch {
	case len(parts) == 2 && parts[0] == "metadata":
		role, ok := strings.CutSuffix(parts[1], ".json")
		if n, rest, numbered := strings.Cut(role, "."); ok && numbered {
			if v, err := strconv.ParseInt(n, 10, 64); err != nil || v < 1 || strconv.FormatInt(v, 10) != n || rest != "root" {
				return bad
			}
			return nil
		}
		if !ok || role == "root" || !isRole(role) {
			return bad
		}
	case len(parts) == 3 && parts[0] == "targets":
		if !isRole(parts[1]) {
			return bad
		}
	default:
		return bad
	}
	return nil
}

// isRole says whether a name may be that of a role: a lower-case letter, then
// letters, digits and hyphens, at most 32.
func isRole(s string) bool {
	return s != "" && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// bounded reads at most left bytes and then fails, where io.LimitReader would
// pretend that the file ends.
type bounded struct {
	r    io.Reader
	left int64
}

var errTooLong = errors.New("longer than the limit")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// unreadable puts an error of the archive's layers into a class.
func unreadable(err error, first bool) error {
	switch {
	case errors.Is(err, errTooLong), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return refuse(TooLarge, err, "The bundle is larger than is read.")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(Truncated, err, "The bundle ends too early: it was not copied whole.")
	case first && (errors.Is(err, zstd.ErrMagicMismatch) || errors.Is(err, tar.ErrHeader)):
		return refuse(NotABundle, err, "The file is not a bundle of reference data.")
	}
	return refuse(Damaged, err, "The bundle cannot be read: it was damaged on its way, or the stick is.")
}
