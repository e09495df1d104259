package wire

import (
	"errors"
	"fmt"
)

// ErrFormat says that what the peer sent is not what the protocol allows at that place.
var ErrFormat = errors.New("malformed message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

// Next takes the first element off b.
func Next(b string) (tag byte, value, rest string, err error) {
	tag, header, length, err := head(b)
	if err != nil {
		return 0, "", "", err
	}
	if length > len(b)-header {
		return 0, "", "", malformed("length %d with %d bytes left", length, len(b)-header)
	}
	return tag, b[header : header+length], b[header+length:], nil
}

// head reads the tag and length of the element that begins in b, and how many bytes they take. The content need not be
// there.
func head(b string) (tag byte, header, length int, err error) {
	if len(b) < 2 {
		return 0, 0, 0, malformed("an element ends after %d bytes", len(b))
	}
	if b[0]&0x1f == 0x1f {
		return 0, 0, 0, malformed("tag %#x goes on in the next byte", b[0])
	}
	length, header = int(b[1]), 2
	if length < 0x80 {
		return b[0], header, length, nil
	}
	count := length & 0x7f
	if count == 0 || count > 4 || len(b) < 2+count {
		return 0, 0, 0, malformed("a length of %d bytes", count)
	}
	header += count
	length = 0
	for i := 2; i < header; i++ {
		length = length<<8 | int(b[i])
	}
	if length < 0 { // where an int has four bytes
		return 0, 0, 0, malformed("a length beyond two gigabytes")
	}
	return b[0], header, length, nil
}

// Expect takes the first element off b and demands its tag.
func Expect(b string, want byte) (value, rest string, err error) {
	tag, value, rest, err := Next(b)
	if err != nil {
		return "", "", err
	}
	if tag != want {
		return "", "", malformed("tag %#x where %#x belongs", tag, want)
	}
	return value, rest, nil
}

// Number reads the content of an integer or enumerated value: 1 to 8 bytes, two's complement.
func Number(value string) (int64, error) {
	if len(value) < 1 || len(value) > 8 {
		return 0, malformed("a number of %d bytes", len(value))
	}
	n := int64(int8(value[0]))
	for i := 1; i < len(value); i++ {
		n = n<<8 | int64(value[i])
	}
	return n, nil
}

// Truth reads the content of a boolean.
func Truth(value string) (bool, error) {
	if len(value) != 1 {
		return false, malformed("a truth value of %d bytes", len(value))
	}
	return value[0] != 0, nil
}
