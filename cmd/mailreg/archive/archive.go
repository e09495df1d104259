// Package archive is the form of the file that "mailreg backup" writes: a compressed tar, whose last member lists the
// checksums of the others, so that a file that was cut short or changed is noticed before anything of it is used.
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"time"
)

// Store is the member that holds the listener's store.
const Store = "var/lib/mailreg/listener.db"

const (
	manifestName = "manifest.json"
	format       = 1
	// small is the size of the largest member beside the store, and of all of them together, in bytes: settings, templates,
	// and the log of changes. They are read into memory.
	small = 256 << 20
)

// ErrDamaged says that a file is no whole archive.
var ErrDamaged = errors.New("no whole backup of mailreg")

// manifest is the last member.
type manifest struct {
	Format int       `json:"format"`
	Made   time.Time `json:"made"`
	// Files are the checksums (SHA-256, in hex) by name.
	Files map[string]string `json:"files"`
}

// Source is a file to be archived.
type Source struct {
	// Name is the path as seen from the root, without the leading slash; Path is where the file is.
	Name, Path string
}

// Write writes an archive of the sources.
func Write(out io.Writer, made time.Time, sources []Source) error {
	zipped := gzip.NewWriter(out)
	w := tar.NewWriter(zipped)
	m := manifest{Format: format, Made: made.UTC(), Files: map[string]string{}}
	for _, s := range sources {
		sum, err := add(w, s)
		if err != nil {
			return fmt.Errorf("archiving /%s: %w", s.Name, err)
		}
		m.Files[s.Name] = sum
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(data)), ModTime: made}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return errors.Join(w.Close(), zipped.Close())
}

func add(w *tar.Writer, s Source) (sum string, err error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return "", err
	}
	header.Name = s.Name
	if err := w.WriteHeader(header); err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(w, hash), f, info.Size()); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Member is a file of an archive.
type Member struct {
	Mode fs.FileMode
	// Data is nil for the store, which may be large.
	Data []byte
}

// Archive is what was read of one.
type Archive struct {
	// Made is when the archive was written.
	Made    time.Time
	Members map[string]Member
	path    string
}

// Read reads an archive and checks all of it.
func Read(path string) (*Archive, error) {
	a := &Archive{Members: map[string]Member{}, path: path}
	sums := map[string]string{}
	var m manifest
	left := int64(small)
	err := each(path, func(h *tar.Header, r io.Reader) error {
		hash := sha256.New()
		var data bytes.Buffer
		sink := io.Writer(hash)
		if _, twice := sums[h.Name]; twice || m.Format != 0 {
			return fmt.Errorf("%w: %q comes twice, or behind the list of files", ErrDamaged, h.Name)
		}
		if h.Name != Store {
			sink, r = io.MultiWriter(hash, &data), io.LimitReader(r, left)
			left -= min(h.Size, left)
		}
		if n, err := io.Copy(sink, r); err != nil || n != h.Size {
			return fmt.Errorf("%w: %q is cut short or too large", ErrDamaged, h.Name)
		}
		if h.Name == manifestName {
			return json.Unmarshal(data.Bytes(), &m)
		}
		if !fs.ValidPath(h.Name) {
			return fmt.Errorf("%w: a member is called %q", ErrDamaged, h.Name)
		}
		sums[h.Name] = hex.EncodeToString(hash.Sum(nil))
		a.Members[h.Name] = Member{Mode: h.FileInfo().Mode().Perm(), Data: data.Bytes()}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case m.Format == 0:
		return nil, fmt.Errorf("%w: its list of files is missing", ErrDamaged)
	case m.Format > format:
		return nil, errors.New("a newer mailreg has written it")
	case !maps.Equal(sums, m.Files):
		return nil, fmt.Errorf("%w: the checksums differ", ErrDamaged)
	}
	a.Made = m.Made
	return a, nil
}

// Extract writes the store to a file, which must not be there yet. A file that could not be written whole is removed.
func (a *Archive) Extract(to string) error {
	return each(a.path, func(h *tar.Header, r io.Reader) error {
		if h.Name != Store {
			return nil
		}
		f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			err = errors.Join(err, os.Remove(to))
		}
		return err
	})
}

// bare takes the path out of an error, which the caller names as it was given.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// each calls fn with every regular file of an archive; others are no part of one.
func each(path string, fn func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return bare(err)
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%w: it is not compressed by gzip", ErrDamaged)
	}
	r := tar.NewReader(zipped)
	for {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		case h.Typeflag != tar.TypeReg:
			return fmt.Errorf("%w: %q is no file", ErrDamaged, h.Name)
		}
		if err := fn(h, r); err != nil {
			return err
		}
	}
}
