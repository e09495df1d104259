package harness

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"net"
	"slices"
	"strings"

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

// Server is an IMAP server with an LMTP listener.
type Server struct {
	// IMAP is the address of the IMAP listener, LMTP the path of the LMTP socket.
	IMAP, LMTP string

	t       T
	process *Process
}

// Stop ends it in good order.
func (d *Server) Stop() { d.process.Stop() }

// Kill ends the master and all its children by SIGKILL.
func (d *Server) Kill() { d.process.Kill() }

// Login opens an IMAP session; the caller closes it. Each session comes from a loopback address of its own, because
// Dovecot makes the next logins from an address wait after a refused one.
func (d *Server) Login(user, password string) (*imapclient.Client, error) {
	dialer := net.Dialer{Timeout: startLimit, LocalAddr: loopback()}
	conn, err := dialer.Dial("tcp", d.IMAP)
	if err != nil {
		return nil, fmt.Errorf("connecting to IMAP: %w", err)
	}
	client := imapclient.New(conn, nil)
	if err := client.Login(user, password).Wait(); err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("login as %s: %w", user, err)
	}
	return client, nil
}

// loopback returns one of the many addresses of this machine that are not 127.0.0.1.
func loopback() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))}
}

// Messages logs in and returns the messages of a folder in order of arrival.
func (d *Server) Messages(user, password, folder string) ([]Message, error) {
	client, err := d.Login(user, password)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	messages, err := readAll(client, folder)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", folder, user, err)
	}
	return messages, client.Logout().Wait()
}

func readAll(client *imapclient.Client, folder string) ([]Message, error) {
	selected, err := client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, err
	}
	if selected.NumMessages == 0 {
		return nil, nil
	}
	all := imap.SeqSet{imap.SeqRange{Start: 1}}
	fetched, err := client.Fetch(all, &imap.FetchOptions{Envelope: true, Flags: true, UID: true}).Collect()
	if err != nil {
		return nil, err
	}
	messages := make([]Message, 0, len(fetched))
	for _, m := range fetched {
		messages = append(messages, Message{Subject: m.Envelope.Subject, Flags: flags(m.Flags), UID: uint32(m.UID)})
	}
	return messages, nil
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

// Await returns once a message is in a user's inbox: Postfix delivers some milliseconds after it has accepted.
func (d *Server) Await(user, password, subject string) {
	d.t.Helper()
	await(d.t, "mail to "+user, d.process.log, func() error {
		messages, err := d.Messages(user, password, "INBOX")
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(messages, func(m Message) bool { return m.Subject == subject }) {
			return fmt.Errorf("message %q is not there", subject)
		}
		return nil
	})
}

// Subjects returns the subjects of the messages in a user's inbox, or the error as the only one, so that a test can
// compare with what it expects in one line.
func (d *Server) Subjects(user, password string) []string {
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

// Text returns the bodies, in plain text, of the messages in a user's inbox whose subject has a part.
func (d *Dovecot) Text(t T, user, part string) string {
	t.Helper()
	client, err := d.Login(user, Password)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer client.Close()
	if _, err := client.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatalf("selecting the inbox of %s: %v", user, err)
	}
	whole := &imap.FetchItemBodySection{Peek: true}
	all := imap.SeqSet{imap.SeqRange{Start: 1}}
	fetched, err := client.Fetch(all, &imap.FetchOptions{Envelope: true, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		t.Fatalf("fetching the inbox of %s: %v", user, err)
	}
	var text strings.Builder
	for _, m := range fetched {
		if !strings.Contains(m.Envelope.Subject, part) {
			continue
		}
		_, body, _ := bytes.Cut(m.FindBodySection(whole), []byte("\r\n\r\n"))
		plain, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		if err != nil {
			t.Fatalf("reading %q: %v", m.Envelope.Subject, err)
		}
		text.Write(plain)
	}
	return text.String()
}
