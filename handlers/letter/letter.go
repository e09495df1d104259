// Package letter writes the mail that this host sends to its users by itself.
package letter

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Letter is a mail to one user.
type Letter struct {
	// From is the sender's address as it stands in the settings.
	From string
	To   schema.Address
	// Subject and Paragraphs are UTF-8; whatever they hold stays text.
	Subject    string
	Paragraphs []string
	Date       time.Time
	// ID is what stands before the "@" of the Message-ID: letters, digits, dots and hyphens.
	ID string
	// Host is the full name of this host.
	Host string
}

// Bytes returns the mail in the form of RFC 5322, its lines ended by CR and LF. No answer of a machine is wanted (RFC 3834).
func (l Letter) Bytes() []byte {
	var b bytes.Buffer
	for _, field := range []string{
		"From: <" + l.From + ">", "To: <" + l.To.String() + ">", "Subject: " + subject(l.Subject),
		"Date: " + l.Date.Format(time.RFC1123Z), "Message-ID: " + l.MessageID(), "Auto-Submitted: auto-generated",
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable",
	} {
		fmt.Fprintf(&b, "%s\r\n", field)
	}
	b.WriteString("\r\n")
	body := quotedprintable.NewWriter(&b)
	_, _ = body.Write([]byte(strings.Join(l.Paragraphs, "\r\n\r\n") + "\r\n")) // to memory
	_ = body.Close()
	return b.Bytes()
}

// subject encodes what is not ASCII (RFC 2047), a word to the line.
func subject(text string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", text), "?= =?", "?=\r\n =?")
}

// MessageID returns the identification of the mail, with its angle brackets.
func (l Letter) MessageID() string { return "<" + l.ID + "@" + l.Host + ">" }

// Texts returns the texts in the languages asked for, by their two letters, in that order; a language without a text is left
// out. words are put in place of names such as $ADDRESS.
func Texts(languages []string, text func(language string) string, words ...string) (paragraphs []string) {
	replace := strings.NewReplacer(words...)
	for _, language := range languages {
		if found := text(language); found != "" {
			paragraphs = append(paragraphs, replace.Replace(found))
		}
	}
	return paragraphs
}
