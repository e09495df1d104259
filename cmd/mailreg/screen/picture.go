package screen

import (
	"fmt"
	"io"
	"strings"
)

// The control sequences that are used, all of them of ECMA-48 and of every terminal since the VT100, but for the alternate
// screen, which a terminal without one ignores.
const (
	enter      = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leave      = "\x1b[?25h\x1b[?1049l"
	home       = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	plainText  = "\x1b[m"
)

// colours are the moods' sequences.
var colours = map[Mood]string{Good: "\x1b[32m", Bad: "\x1b[31m", Heading: "\x1b[1m", Quiet: "\x1b[2m"}

// Picture draws lines on a terminal, each time over what was there.
type Picture struct {
	// Out is the terminal; Size returns its columns and rows, 0 when that is not known.
	Out  io.Writer
	Size func() (columns, rows int)
	// Colour says whether moods are shown.
	Colour bool
}

// Open takes the terminal.
func (p Picture) Open() error { return p.write(enter) }

// Close gives it back as it was.
func (p Picture) Close() error { return p.write(leave) }

// Draw shows lines. What does not fit is cut off, and said to be.
func (p Picture) Draw(lines []Line) error {
	columns, rows := p.Size()
	if columns <= 0 {
		columns = 80
	}
	if rows <= 0 {
		rows = 24
	}
	if len(lines) > rows {
		more := fmt.Sprintf("... %d more lines", len(lines)-rows+1)
		lines = append(lines[:rows-1:rows-1], Line{more, Quiet})
	}
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		text := Cut(line.Text, columns)
		if colour := colours[line.Mood]; p.Colour && colour != "" {
			text = colour + text + plainText
		}
		b.WriteString(text + clearLine)
	}
	b.WriteString(clearBelow)
	return p.write(b.String())
}

func (p Picture) write(text string) error {
	_, err := io.WriteString(p.Out, text)
	return err
}

// Cut returns a text that takes no more than so many columns, as far as each character takes one.
func Cut(text string, columns int) string {
	runes := []rune(text)
	if len(runes) <= columns {
		return text
	}
	return string(runes[:max(0, columns-1)]) + "…"
}
