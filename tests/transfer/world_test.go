package transfer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/textproto"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/tests/harness"
)

// fill gives a user messages in the inbox and a folder, with flags, before anybody has looked at them.
func fill(t *testing.T, host *harness.Host, uuid string, inbox, other int) {
	t.Helper()
	maildir := filepath.Join(host.Spool.Dir, harness.HomeByID(uuid), "Maildir")
	for folder, count := range map[string]int{"": inbox, ".Work": other} {
		dir := filepath.Join(maildir, folder)
		for _, sub := range []string{"", "cur", "new", "tmp"} {
			name := filepath.Join(dir, sub)
			if err := errors.Join(os.MkdirAll(name, 0o700), os.Chown(name, 5000, 5000)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range count {
			text := fmt.Sprintf("Subject: kept%s.%d\r\n\r\nhello\r\n", folder, n)
			flags := []string{"", "S", "RS", "FS"}[n%4]
			name := filepath.Join(dir, "cur", fmt.Sprintf("%d.M%dP1.host,S=%d:2,%s", 1700000000+n, n, len(text), flags))
			if err := errors.Join(os.WriteFile(name, []byte(text), 0o600), os.Chown(name, 5000, 5000)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// picture is what a user sees: by folder, the UIDVALIDITY and the messages by UID.
type picture map[string]box

type box struct {
	validity uint32
	messages map[uint32]harness.Message
}

// look logs in and returns what the user sees.
func look(host *harness.Host, user string) (picture, error) {
	client, err := server(host).Login(user, harness.Password)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	p := picture{}
	folders := []string{"INBOX", "Work"}
	if host.Cyrus != nil {
		folders = []string{"INBOX", "INBOX/Spam", "INBOX/Work"}
	}
	for _, folder := range folders {
		selected, err := client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			return nil, err
		}
		messages, err := server(host).Messages(user, harness.Password, folder)
		if err != nil {
			return nil, err
		}
		b := box{selected.UIDValidity, map[uint32]harness.Message{}}
		for _, m := range messages {
			b.messages[m.UID] = m
		}
		p[folder] = b
	}
	return p, nil
}

// sender delivers mail by LMTP as a mail server does: to the host that it last heard of, again after a temporary error.
type sender struct {
	p    *pair
	to   string
	home atomic.Int64 // the host to deliver to

	mu       sync.Mutex
	accepted []string
	// unsure were accepted, perhaps, by a server that died before it said so.
	unsure  map[string]bool
	refused []string
	put     int // temporary errors
	longest time.Duration

	stop chan struct{}
	done sync.WaitGroup
}

func startSender(p *pair, to string, every time.Duration) *sender {
	s := &sender{p: p, to: to, unsure: map[string]bool{}, stop: make(chan struct{})}
	s.done.Go(func() { s.run(every) })
	return s
}

func (s *sender) run(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := time.Now()
	for n := 0; ; {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		subject := fmt.Sprintf("live.%d", n)
		err := server(s.p.hosts[s.home.Load()]).Deliver(s.to, subject)
		answer := (*textproto.Error)(nil)
		s.mu.Lock()
		switch {
		case err == nil:
			s.accepted = append(s.accepted, subject)
			s.longest = max(s.longest, time.Since(last))
			last = time.Now()
			n++
		case errors.As(err, &answer) && answer.Code >= 500:
			s.refused = append(s.refused, err.Error())
			n++
		case errors.As(err, &answer):
			s.put++
		default:
			s.unsure[subject] = true
			s.put++
		}
		s.mu.Unlock()
	}
}

// end stops it and demands that nothing was refused for good.
func (s *sender) end(t *testing.T) {
	t.Helper()
	close(s.stop)
	s.done.Wait()
	if len(s.refused) > 0 {
		t.Errorf("%d refused for good, such as %s", len(s.refused), s.refused[0])
	}
}

// flagger is a client that sets a flag on one message after the other, wherever it is let in.
type flagger struct {
	p       *pair
	user    string
	flagged []uint32
	stop    chan struct{}
	done    sync.WaitGroup
}

func startFlagger(p *pair, user string) *flagger {
	f := &flagger{p: p, user: user, stop: make(chan struct{})}
	f.done.Go(f.run)
	return f
}

func (f *flagger) run() {
	var client *imapclient.Client
	host := 0
	for uid := uint32(1); ; {
		select {
		case <-f.stop:
			if client != nil {
				_ = client.Close()
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
		if client == nil {
			c, err := server(f.p.hosts[host]).Login(f.user, harness.Password)
			if err != nil {
				host = 1 - host
				continue
			}
			if _, err := c.Select("INBOX", nil).Wait(); err != nil {
				_ = c.Close()
				continue
			}
			client = c
		}
		store := client.Store(imap.UIDSetNum(imap.UID(uid)), &imap.StoreFlags{
			Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{"$live"},
		}, nil)
		if err := store.Close(); err != nil {
			_ = client.Close()
			client = nil
			continue
		}
		f.flagged = append(f.flagged, uid)
		uid++
	}
}

func (f *flagger) end() []uint32 {
	close(f.stop)
	f.done.Wait()
	return f.flagged
}

// until asks until there is no error.
func until(t *testing.T, limit time.Duration, what string, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v after %s", what, err, limit)
		}
		<-tick.C
	}
}

// killer ends daemons and servers at random moments, and starts them again.
type killer struct {
	p    *pair
	rand *rand.Rand
	what []string
}

// strike ends one of the four and starts it again after a moment.
func (k *killer) strike() {
	host := k.p.hosts[k.rand.IntN(2)]
	wait := time.Duration(k.rand.IntN(300)) * time.Millisecond
	if k.rand.IntN(2) == 0 {
		k.what = append(k.what, "listener of "+filepath.Base(host.Dir))
		host.Listener.Kill()
		<-time.After(wait)
		host.Listener.Start()
		return
	}
	k.what = append(k.what, "dovecot of "+filepath.Base(host.Dir))
	host.Dovecot.Kill()
	<-time.After(wait)
	host.Dovecot.Start()
}
