package wire

import (
	"bufio"
	"errors"
	"io"
	"slices"
)

// MaxMessage is the default bound of one message in bytes: a group of half a million members.
const MaxMessage = 64 << 20

// keep is the largest buffer that a reader holds on to between messages.
const keep = 1 << 20

// Reader reads messages from a connection, one at a time and never ahead of what fits its buffer: a slow consumer slows
// the server down.
type Reader struct {
	in  *bufio.Reader
	max int
	buf []byte
}

// NewReader returns a reader that refuses messages of more than limit bytes; 0 means MaxMessage.
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = MaxMessage
	}
	return &Reader{in: bufio.NewReaderSize(r, 64<<10), max: limit}
}

// Read reads raw bytes, those that are buffered first. It is for whoever takes the connection over.
func (r *Reader) Read(p []byte) (int, error) { return r.in.Read(p) }

// Next returns the content of the next message. A connection that ends between messages gives io.EOF, one that ends
// within a message io.ErrUnexpectedEOF.
func (r *Reader) Next() (string, error) {
	length, err := r.header()
	if err != nil {
		return "", err
	}
	if cap(r.buf) > keep {
		r.buf = nil
	}
	r.buf = r.buf[:0]
	for len(r.buf) < length {
		// The length is the peer's claim: memory grows with what has really come.
		have := len(r.buf)
		chunk := min(length-have, max(keep, have))
		r.buf = slices.Grow(r.buf, chunk)[:have+chunk]
		if _, err := io.ReadFull(r.in, r.buf[have:]); err != nil {
			return "", unexpected(err)
		}
	}
	return string(r.buf), nil
}

// header reads the tag and the length of a message.
func (r *Reader) header() (int, error) {
	tag, err := r.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if tag != TagSequence {
		return 0, malformed("a message begins with tag %#x", tag)
	}
	first, err := r.in.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	length := int(first)
	if first >= 0x80 {
		count := int(first & 0x7f)
		if count == 0 || count > 4 {
			return 0, malformed("a message's length of %d bytes", count)
		}
		length = 0
		for range count {
			b, err := r.in.ReadByte()
			if err != nil {
				return 0, unexpected(err)
			}
			length = length<<8 | int(b)
		}
	}
	if length > r.max {
		return 0, malformed("a message of %d bytes, more than %d", length, r.max)
	}
	return length, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
