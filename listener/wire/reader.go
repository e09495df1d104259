package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
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

	left   int // of the message that Read is in
	beyond atomic.Pointer[TooLarge]
}

// NewReader returns a reader that refuses messages of more than limit bytes; 0 means MaxMessage.
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = MaxMessage
	}
	return &Reader{in: bufio.NewReaderSize(r, 64<<10), max: limit}
}

// Read reads raw bytes, those that are buffered first. It is for whoever takes the connection over, and keeps the bound for
// him: a message beyond it is an error, which Beyond returns as well.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		size, err := r.peek()
		if err != nil {
			return 0, err
		}
		r.left = size
	}
	n, err := r.in.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// Beyond returns the message that Read has refused, nil when there was none.
func (r *Reader) Beyond() *TooLarge { return r.beyond.Load() }

// peek returns the size of the message that begins now, header included.
func (r *Reader) peek() (int, error) {
	begin, err := r.in.Peek(2)
	if err == nil && begin[1] > 0x80 {
		begin, err = r.in.Peek(2 + int(begin[1]&0x7f))
	}
	if err != nil {
		if len(begin) > 0 {
			err = unexpected(err)
		}
		return 0, err
	}
	_, header, length, err := head(string(begin))
	if err != nil {
		return 0, err
	}
	if length > r.max {
		t := &TooLarge{Size: length, Limit: r.max}
		r.beyond.Store(t)
		return 0, t
	}
	return header + length, nil
}

// TooLarge is a message beyond the bound. It has been read past, and the next one can be read.
type TooLarge struct {
	// Size and Limit are in bytes.
	Size, Limit int
	// Message is what is left of it: its Value is only the beginning of what it was.
	Message Message
}

// Error names the sizes.
func (t *TooLarge) Error() string {
	return fmt.Sprintf("a message of %d bytes, more than %d", t.Size, t.Limit)
}

// Next returns the content of the next message. A connection that ends between messages gives io.EOF, one that ends
// within a message io.ErrUnexpectedEOF. After a *TooLarge the reader can go on.
func (r *Reader) Next() (string, error) {
	length, err := r.header()
	if err != nil {
		return "", err
	}
	if length > r.max {
		return "", r.pass(length)
	}
	return r.read(length)
}

// read reads a number of bytes.
func (r *Reader) read(length int) (string, error) {
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

// excerpt is how much is kept of the beginning of a message that is too large, and how long its controls may be.
const excerpt = 32 << 10

// pass reads past a message of that length. It keeps the beginning of its operation and its controls.
func (r *Reader) pass(length int) error {
	begin, err := r.read(min(length, excerpt))
	if err != nil {
		return err
	}
	t := &TooLarge{Size: length, Limit: r.max}
	id, rest, err := Expect(begin, TagInteger)
	if err != nil {
		return err
	}
	if t.Message.ID, err = Number(id); err != nil {
		return err
	}
	tag, header, size, err := head(rest)
	if err != nil {
		return err
	}
	rest = rest[header:]
	t.Message.Operation, t.Message.Value = tag, rest[:min(size, len(rest))]
	tail := length - (len(begin) - len(rest)) - size // the controls
	if tail < 0 || tail > excerpt || size < len(rest) {
		return malformed("%v with an operation of %d bytes", t, size)
	}
	if _, err := r.in.Discard(size - len(rest)); err != nil {
		return unexpected(err)
	}
	controls, err := r.read(tail)
	if err != nil {
		return err
	}
	if err := t.Message.takeControls(controls); err != nil {
		return err
	}
	return t
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
	if length < 0 { // where an int has four bytes
		return 0, malformed("a message's length beyond two gigabytes")
	}
	return length, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
