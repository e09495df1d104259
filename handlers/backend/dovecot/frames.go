package dovecot

import (
	"encoding/binary"
	"io"
	"strings"
)

// frameLimit bounds a frame: Dovecot sends what it has, a few kB.
const frameLimit = 1 << 20

// frames reads the data of an answer that comes in frames: a byte for the channel, four for the length, and so many of
// text. Where Dovecot cuts means nothing.
type frames struct {
	from io.Reader
	// said hears what Dovecot writes to its log about the command.
	said func(text string)
	// left is how much of the present frame of data is still to be read.
	left uint32
}

// The channels.
const (
	channelData = 0
	channelLog  = 'L'
)

// Read returns data of channel 0.
func (f *frames) Read(p []byte) (int, error) {
	for f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n, err := f.from.Read(p[:min(uint32(len(p)), f.left)])
	f.left -= uint32(n)
	return n, err
}

// next reads the head of a frame, and all of one that is no data.
func (f *frames) next() error {
	var head [5]byte
	if _, err := io.ReadFull(f.from, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > frameLimit {
		return io.ErrUnexpectedEOF
	}
	if head[0] == channelData {
		f.left = size
		return nil
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(f.from, text); err != nil {
		return err
	}
	if head[0] == channelLog {
		f.said(reason(string(text)))
	}
	return nil
}

// reason cuts a line of the log, "\x04doveadm(a@x)<pid><id>: Can't do it\n", to what is the matter.
func reason(text string) string {
	text = strings.TrimFunc(text, func(r rune) bool { return r < ' ' })
	if _, rest, ok := strings.Cut(text, ": "); ok {
		text = rest
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
