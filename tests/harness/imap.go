package harness

import (
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Message is a message as its reader sees it.
type Message struct {
	Subject string
	// Flags are the IMAP flags, sorted, without \Recent.
	Flags []string
	UID   uint32
}

// Login opens an IMAP session; the caller closes it.
func (d *Dovecot) Login(user, password string) (*imapclient.Client, error) {
	client, err := imapclient.DialInsecure(d.IMAP, nil)
	if err != nil {
		return nil, fmt.Errorf("connecting to IMAP: %w", err)
	}
	if err := client.Login(user, password).Wait(); err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("login as %s: %w", user, err)
	}
	return client, nil
}

// Messages logs in and returns the messages of a folder in order of arrival.
func (d *Dovecot) Messages(user, password, folder string) ([]Message, error) {
	client, err := d.Login(user, password)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	selected, err := client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, fmt.Errorf("selecting %s of %s: %w", folder, user, err)
	}
	if selected.NumMessages == 0 {
		return nil, client.Logout().Wait()
	}
	all := imap.SeqSet{imap.SeqRange{Start: 1}}
	fetched, err := client.Fetch(all, &imap.FetchOptions{Envelope: true, Flags: true, UID: true}).Collect()
	if err != nil {
		return nil, fmt.Errorf("fetching %s of %s: %w", folder, user, err)
	}
	messages := make([]Message, 0, len(fetched))
	for _, m := range fetched {
		messages = append(messages, Message{Subject: m.Envelope.Subject, Flags: flags(m.Flags), UID: uint32(m.UID)})
	}
	return messages, client.Logout().Wait()
}

func flags(from []imap.Flag) []string {
	var names []string
	for _, f := range from {
		if f != `\Recent` {
			names = append(names, string(f))
		}
	}
	slices.Sort(names)
	return names
}

// Subjects returns the subjects of the messages in a user's inbox, or the error as the only one, so that a test can
// compare with what it expects in one line.
func (d *Dovecot) Subjects(user, password string) []string {
	messages, err := d.Messages(user, password, "INBOX")
	if err != nil {
		return []string{err.Error()}
	}
	subjects := make([]string, 0, len(messages))
	for _, m := range messages {
		subjects = append(subjects, m.Subject)
	}
	return subjects
}
