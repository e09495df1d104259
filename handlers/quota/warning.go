package quota

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mailreg/mailreg/handlers/letter"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Warning returns the mail that tells a user to what percentage the mailbox is filled, in each language of
// mail/dovecot/quota/warning/languages. user and percent are what Dovecot says; a percentage without a text is invalid.
func Warning(view *registry.View, user, percent string, now time.Time) (letter.Letter, error) {
	to, err := schema.ParseAddress(user)
	if err != nil {
		return letter.Letter{}, err
	}
	host, err := view.FQDN()
	if err != nil {
		return letter.Letter{}, err
	}
	text := func(language string) string {
		if language == "en" {
			return view.String("mail/dovecot/quota/warning/text/" + percent)
		}
		name := language + "/" + percent
		return view.String("mail/dovecot/quota/warning/translation/" + name)
	}
	languages := view.List("mail/dovecot/quota/warning/languages")
	paragraphs := letter.Texts(languages, text, "$PERCENT", percent)
	if n, err := strconv.ParseUint(percent, 10, 8); err != nil || n > 100 || text("en") == "" {
		return letter.Letter{}, schema.Invalidf("there is no warning at %q percent", percent)
	}
	if len(paragraphs) == 0 { // rather in another language than not at all
		paragraphs = letter.Texts([]string{"en"}, text, "$PERCENT", percent)
	}
	return letter.Letter{
		From: view.String("mail/dovecot/postmaster_address"), To: to, Subject: view.String("mail/dovecot/quota/warning/subject"),
		Paragraphs: paragraphs, Date: now, Host: host, ID: fmt.Sprintf("quota-%s-%d", percent, now.UnixNano()),
	}, nil
}
