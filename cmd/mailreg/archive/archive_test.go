package archive_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/cmd/mailreg/archive"
)

// member is what a forged archive holds: size bytes of nothing, or text.
type member struct {
	name, text string
	kind       byte
	size       int64
}

// forge writes an archive with a list of files that fits.
func forge(t *testing.T, format int, members ...member) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zipped, _ := gzip.NewWriterLevel(f, gzip.BestSpeed)
	w := tar.NewWriter(zipped)
	sums := map[string]string{}
	for _, m := range members {
		if m.kind == 0 {
			m.kind = tar.TypeReg
		}
		if m.size == 0 {
			m.size = int64(len(m.text))
		}
		if m.name == "manifest.json" && m.text == "" {
			data, _ := json.Marshal(map[string]any{"format": format, "made": time.Unix(0, 0), "files": sums})
			m.text, m.size = string(data), int64(len(data))
		}
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: m.name, Typeflag: m.kind, Size: m.size, Linkname: "/etc/passwd", Mode: 0o4755}))
		hash := sha256.New()
		_, writeErr := io.CopyN(io.MultiWriter(w, hash), io.MultiReader(strings.NewReader(m.text), zeros{}), m.size)
		err = errors.Join(err, writeErr)
		sums[m.name] = hex.EncodeToString(hash.Sum(nil))
	}
	if err := errors.Join(err, w.Close(), zipped.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestForgedArchives(t *testing.T) {
	good, list := member{name: "etc/mailreg/base.conf", text: "x"}, member{name: "manifest.json"}
	tests := []struct {
		name    string
		members []member
	}{
		{"above the root", []member{{name: "../etc/passwd", text: "x"}, list}},
		{"above its folder", []member{{name: "etc/mailreg/../passwd", text: "x"}, list}},
		{"absolute", []member{{name: "/etc/passwd", text: "x"}, list}},
		{"a symbolic link", []member{{name: "etc/mailreg/link", kind: tar.TypeSymlink}, list}},
		{"a hard link", []member{{name: "etc/mailreg/link", kind: tar.TypeLink}, list}},
		{"a device", []member{{name: "etc/mailreg/null", kind: tar.TypeChar}, list}},
		{"a folder", []member{{name: "etc/mailreg/", kind: tar.TypeDir}, list}},
		{"one name twice", []member{good, {name: good.name, text: "y"}, list}},
		{"the store twice", []member{{name: archive.Store, text: "y"}, {name: archive.Store, text: "x"}, list}},
		{"a member behind the list", []member{good, list, {name: "etc/mailreg/late", text: "x"}}},
		{"two lists", []member{good, list, list}},
		{"no list", []member{good}},
		{"a list of others", []member{good, {name: "manifest.json", text: `{"format":1,"files":{}}`}}},
		{"too large", []member{{name: "etc/mailreg/large", size: 257 << 20}, list}},
		{"too large together", []member{{name: "etc/mailreg/a", size: 130 << 20}, {name: "etc/mailreg/b", size: 130 << 20}, list}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if a, err := archive.Read(forge(t, 1, test.members...)); !errors.Is(err, archive.ErrDamaged) {
				t.Errorf("read %+v, error %v", a, err)
			}
		})
	}
}

func TestForeignArchives(t *testing.T) {
	good, list := member{name: "etc/mailreg/base.conf", text: "x"}, member{name: "manifest.json"}
	if _, err := archive.Read(forge(t, 2, good, list)); err == nil || !strings.Contains(err.Error(), "a newer mailreg has written it") {
		t.Errorf("of a newer version: %v", err)
	}
	a, err := archive.Read(forge(t, 1, good, list))
	if err != nil {
		t.Fatal(err)
	}
	if m := a.Members[good.name]; m.Mode != 0o755 || string(m.Data) != "x" {
		t.Errorf("member %+v", m)
	}
}

// The store is written to a new file, and through no link.
func TestExtractFollowsNoLink(t *testing.T) {
	a, err := archive.Read(forge(t, 1, member{name: archive.Store, text: "x"}, member{name: "manifest.json"}))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "full")
	if err := os.Symlink("/dev/full", to); err != nil {
		t.Fatal(err)
	}
	if err := a.Extract(to); !errors.Is(err, os.ErrExist) { // it follows no link
		t.Errorf("error %v", err)
	}
}
