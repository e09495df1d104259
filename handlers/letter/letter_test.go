package letter

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// TestBytes reads letters back: whatever the texts hold, there are no further fields, and lines stay short.
func TestBytes(t *testing.T) {
	at := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"Warnung", "Grüße & \"Küsse\"", "a\r\nBcc: <x@y.test>\r\n\r\nbody", "=?utf-8?q?x?=", strings.Repeat("ä", 500), ".\r\n.\r\n", "",
	} {
		l := Letter{
			From: "postmaster@example.test", To: schema.Address{Local: "anna", Domain: "example.test"}, Subject: text,
			Paragraphs: []string{text, "Ende"}, Date: at, ID: "x-1", Host: "mail1.example.test",
		}
		data := l.Bytes()
		for line := range bytes.Lines(data) {
			if len(line) > 998 || !bytes.HasSuffix(line, []byte("\r\n")) {
				t.Errorf("%q: line %q", text, line)
			}
		}
		m, err := mail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if len(m.Header) != 9 {
			t.Errorf("%q: fields %v", text, m.Header)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if text != "=?utf-8?q?x?=" && (err != nil || subject != text) {
			t.Errorf("%q: subject %q, %v", text, subject, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || string(body) != text+"\r\n\r\nEnde\r\n" {
			t.Errorf("%q: body %q, %v", text, body, err)
		}
	}
}

func TestTexts(t *testing.T) {
	texts := map[string]string{"en": "Full to $PERCENT % of $X.", "de": "Zu $PERCENT % voll."}
	got := Texts([]string{"de", "fr", "en"}, func(l string) string { return texts[l] }, "$PERCENT", "80")
	if !slices.Equal(got, []string{"Zu 80 % voll.", "Full to 80 % of $X."}) {
		t.Errorf("%q", got)
	}
}
