// Package meta reads the head of a bbolt file as bytes: enough to tell a whole file from a torn one, without bbolt and
// without touching anything behind the head.
package meta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// ErrDamaged says that the file is not what a bbolt file of this machine looks like.
var ErrDamaged = errors.New("no whole bbolt file")

// Head is what the newer of the two meta pages says.
type Head struct {
	// Size is the least length of the file in bytes.
	Size int64
	// Closed is set when the list of free pages was written, as it is when the file is closed in order.
	Closed bool
}

// The layout of a meta page: a header of 16 bytes, then the fields in the order of bbolt's internal/common/meta.go.
const (
	atMagic, atVersion, atPageSize, atFreelist, atPages, atTx, atSum = 16, 20, 24, 48, 56, 64, 72

	length  = 80
	magic   = 0xED0CDAED
	version = 2
	noList  = ^uint64(0)
)

// Read returns the head of a file, or ErrDamaged.
func Read(path string) (Head, error) {
	f, err := os.Open(path)
	if err != nil {
		return Head{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Head{}, err
	}
	// The second page lies behind the first, whose size only its own meta tells, for the file may come from another kind of
	// machine; without that, bbolt takes the size of this one's.
	var newest []byte
	second := int64(os.Getpagesize())
	for n := range 2 {
		at := int64(n) * second
		page := make([]byte, length)
		if _, err := f.ReadAt(page, at); err != nil && !errors.Is(err, io.EOF) {
			return Head{}, err
		}
		if valid(page) && (newest == nil || field(page, atTx) > field(newest, atTx)) {
			newest = page
		}
		if n == 0 && newest != nil {
			second = int64(pageSize(newest))
		}
	}
	if newest == nil {
		return Head{}, fmt.Errorf("%w: neither of its two heads is whole", ErrDamaged)
	}
	h := Head{
		Size:   int64(field(newest, atPages)) * int64(pageSize(newest)),
		Closed: field(newest, atFreelist) != noList,
	}
	if info.Size() < h.Size {
		return h, fmt.Errorf("%w: %d of at least %d bytes are there", ErrDamaged, info.Size(), h.Size)
	}
	return h, nil
}

func pageSize(page []byte) uint32 { return binary.NativeEndian.Uint32(page[atPageSize:]) }

func field(page []byte, at int) uint64 { return binary.NativeEndian.Uint64(page[at:]) }

func valid(page []byte) bool {
	sum := fnv.New64a()
	sum.Write(page[atMagic:atSum])
	return binary.NativeEndian.Uint32(page[atMagic:]) == magic && binary.NativeEndian.Uint32(page[atVersion:]) == version &&
		field(page, atSum) == sum.Sum64()
}
