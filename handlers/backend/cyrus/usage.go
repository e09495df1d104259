package cyrus

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/handlers/backend"
)

// What Cyrus notes of each mailbox by itself. The times read 24-Nov-2026 05:37:15 +0000.
const (
	vendor     = "/shared/vendor/cmu/cyrus-imapd"
	size       = vendor + "/size"
	lastUpdate = vendor + "/lastupdate"
	lastPOP    = vendor + "/lastpop"
	noted      = "_2-Jan-2006 15:04:05 -0700"
)

// Usage returns what the folders of a store hold, and its limit. LastMail is when anything of it was changed, if by a flag;
// LastLogin is known of POP3 alone. Messages of shared folders are not counted.
func (b *Backend) Usage(ctx context.Context, st backend.Store) (u backend.Usage, err error) {
	w, err := b.begin(ctx)
	if err != nil {
		return u, err
	}
	defer w.end()
	folders, err := w.folders(st.Place)
	if err != nil {
		return u, err
	}
	if err := w.notes(append([]string{st.Place}, folders...), &u); err != nil {
		return u, err
	}
	limit, err := w.limitOf(st.Place)
	u.Quota = limit * 1024
	if err != nil || !strings.HasPrefix(st.Place, "user/") {
		return u, err
	}
	u.Messages, err = w.count(st.Place, folders)
	return u, err
}

// notes adds up what Cyrus has noted of mailboxes, for which the administrator needs no rights.
func (w *work) notes(mailboxes []string, u *backend.Usage) error {
	return w.do(func(s *session) error {
		var commands []*imapclient.GetMetadataCommand
		for _, mailbox := range mailboxes {
			commands = append(commands, s.GetMetadata(mailbox, []string{size, lastUpdate, lastPOP}, nil))
		}
		for _, command := range commands {
			data, err := command.Wait()
			if err != nil {
				return err
			}
			bytes, _ := strconv.ParseInt(value(data, size), 10, 64) // one that has none holds none
			u.Bytes += bytes
			u.LastMail = later(u.LastMail, value(data, lastUpdate))
			u.LastLogin = later(u.LastLogin, value(data, lastPOP))
		}
		return nil
	})
}

func value(data *imapclient.GetMetadataData, entry string) string {
	if text := data.Entries[entry]; text != nil {
		return string(*text)
	}
	return ""
}

// later returns the later of a time and a note, which may be no time.
func later(than time.Time, note string) time.Time {
	at, err := time.Parse(noted, note)
	if err != nil || at.Before(than) {
		return than
	}
	return at.UTC()
}

// count returns the number of messages in a user's mailboxes. It asks in the user's name, who may read them.
func (w *work) count(inbox string, folders []string) (messages int, err error) {
	err = w.as(inbox, func(s *session) error {
		prefix, err := personal(s)
		if err != nil {
			return err
		}
		names := []string{"INBOX"}
		for _, mailbox := range folders {
			name, _ := folderName(inbox, mailbox)
			names = append(names, prefix+name)
		}
		for _, name := range names {
			data, err := s.Status(name, &imap.StatusOptions{NumMessages: true}).Wait()
			if err != nil {
				return err
			}
			messages += int(*data.NumMessages)
		}
		return nil
	})
	return messages, err
}
