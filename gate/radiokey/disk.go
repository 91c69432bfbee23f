package radiokey

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sallyport/rf/privacy"
)

// disk is where the keys lie, one file each. Every method is durable on return.
type disk interface {
	list() ([]string, error)
	read(name string) ([]byte, error)
	create(name string, data []byte) error // of a file that is not there yet
	destroy(name string) error             // one that is not there is destroyed
}

const (
	filePrefix = "radio-"
	fileSuffix = ".key"
	pemType    = "SALLYPORT RADIO KEY"
)

func fileName(epoch int) string { return filePrefix + strconv.Itoa(epoch) + fileSuffix }

// epochOf reads the name of a file; false for one that is none of ours.
func epochOf(name string) (int, bool) {
	s, ok := strings.CutPrefix(name, filePrefix)
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, fileSuffix); !ok {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && fileName(n) == name
}

func encodeKey(epoch int, k *privacy.Key) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Headers: map[string]string{"Epoch": strconv.Itoa(epoch)}, Bytes: k[:]})
}

// decodeKey reads a file; false where it is damaged or of another epoch.
func decodeKey(epoch int, data []byte) (k privacy.Key, ok bool) {
	b, _ := pem.Decode(data)
	if b == nil || b.Type != pemType || b.Headers["Epoch"] != strconv.Itoa(epoch) || len(b.Bytes) != len(k) {
		return k, false
	}
	copy(k[:], b.Bytes)
	clear(b.Bytes)
	return k, true
}

// folder is the data directory.
type folder string

func (d folder) list() ([]string, error) {
	all, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		if _, ours := epochOf(e.Name()); ours {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (d folder) read(name string) ([]byte, error) {
	path := filepath.Join(string(d), name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %04o), who could tell vehicles apart by it; make it 0600", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

func (d folder) create(name string, data []byte) (err error) {
	f, err := os.OpenFile(filepath.Join(string(d), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return d.sync()
}

func (d folder) destroy(name string) error {
	path := filepath.Join(string(d), name)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return d.sync()
}

// sync makes names durable.
func (d folder) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
