package notice

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode"
)

// Message is what is told at once. Its JSON form is what mailreg/notify/command reads.
type Message struct {
	// Host is the host's full name.
	Host string    `json:"host"`
	Time time.Time `json:"time"`
	// New are problems that were not told before, Healed those that are over.
	New    []Problem `json:"new"`
	Healed []Problem `json:"healed"`
	// Open is how many there are now.
	Open int `json:"open"`
}

// Subject says it in one line.
func (m Message) Subject() string {
	var parts []string
	for _, kind := range []string{Stalled, Held, Parked} {
		count := 0
		for _, p := range m.New {
			if p.Kind == kind {
				count++
			}
		}
		switch {
		case count > 0 && kind == Stalled:
			parts = append(parts, "not in step")
		case count > 0:
			parts = append(parts, fmt.Sprintf("%d %s", count, kind))
		}
	}
	if len(m.Healed) > 0 {
		parts = append(parts, fmt.Sprintf("%d over", len(m.Healed)))
	}
	if m.Open == 0 {
		parts = append(parts, "all is well again")
	}
	return "mailreg on " + m.Host + ": " + strings.Join(parts, ", ")
}

// most is how many problems of each sort a mail lists.
const most = 20

// Text says it for a person.
func (m Message) Text() string {
	var b strings.Builder
	section(&b, "New:", m.New, true)
	section(&b, "Over:", m.Healed, false)
	switch m.Open {
	case 0:
		b.WriteString("Nothing waits for you any more.\n")
	default:
		fmt.Fprintf(&b, "Open in all: %d. See: mailreg listener status\n", m.Open)
	}
	return b.String()
}

func section(b *strings.Builder, title string, problems []Problem, advise bool) {
	if len(problems) == 0 {
		return
	}
	b.WriteString(title + "\n\n")
	for _, p := range problems[:min(most, len(problems))] {
		b.WriteString(p.text(advise) + "\n")
	}
	if more := len(problems) - most; more > 0 {
		fmt.Fprintf(b, "  and %d more\n\n", more)
	}
}

// text is one problem, with what to do about it.
func (p Problem) text(advise bool) string {
	var line, advice string
	switch p.Kind {
	case Held:
		line = fmt.Sprintf("%s: %d changes of handler %s are held", p.ID, p.Count, p.Handler)
		advice = fmt.Sprintf("mailreg listener held; then mailreg listener approve %s, or reject %s", p.ID, p.ID)
	case Parked:
		line = fmt.Sprintf("%s: handler %s has given up on %s", p.ID, p.Handler, p.DN)
		advice = fmt.Sprintf("mend the entry in the directory, or mailreg listener retry %s, or drop %s", p.ID, p.ID)
	default:
		line, advice = "the listener is not in step", "mailreg listener status"
	}
	text := fmt.Sprintf("  %s\n    since %s: %s\n", plain(line), p.Since.UTC().Format(time.DateTime+" MST"), plain(p.Reason))
	if advise {
		text += "    " + advice + "\n"
	}
	return text
}

// plain keeps what comes from a directory from looking like something else.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// Mail returns the message as mail (RFC 5322), its lines ended by CRLF; id makes its Message-ID. RFC 3834 keeps programs
// from answering it.
func (m Message) Mail(from, to, id string) []byte {
	var b bytes.Buffer
	for _, header := range [][2]string{
		{"From", "mailreg <" + from + ">"},
		{"To", to},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject())},
		{"Date", m.Time.Format(time.RFC1123Z)},
		{"Message-ID", "<" + id + "@" + m.Host + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "base64"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	b.WriteString("\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(m.Text()))
	for ; len(text) > 76; text = text[76:] {
		b.WriteString(text[:76] + "\r\n")
	}
	b.WriteString(text + "\r\n")
	return b.Bytes()
}
