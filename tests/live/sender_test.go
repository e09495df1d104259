package live

import (
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// pace is how often a sender sends.
const pace = 5 * time.Millisecond

// perLink is how many messages go over one connection.
const perLink = 50

// answerLimit is how long an answer may take; a lock that nobody holds keeps one waiting for two minutes.
const answerLimit = 15 * time.Second

// sender delivers to one address over one connection of LMTP, one message after the other. What is deferred is sent again,
// as a queue does; what is refused is not.
type sender struct {
	to, name string

	stop chan struct{}
	over sync.WaitGroup

	mu sync.Mutex
	// phase is put into each subject. The fields below are guarded by mu.
	phase int
	// accepted are the subjects that were answered by 250; those of deferred may be there twice.
	accepted []string
	deferred map[string]bool
	// refused is what was said with a code of 5xx, by phase.
	refused map[int][]string
	err     error
}

// startSender begins; the caller stops it.
func startSender(d *harness.Dovecot, name, to string) *sender {
	s := &sender{to: to, name: name, stop: make(chan struct{}), deferred: map[string]bool{}, refused: map[int][]string{}}
	s.over.Go(func() {
		err := s.run(d.LMTP)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err = err
	})
	return s
}

// enter begins a phase.
func (s *sender) enter(phase int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = phase
}

// awaits returns when so many messages of a phase were accepted.
func (s *sender) awaits(t *testing.T, phase, count int) {
	t.Helper()
	prefix := fmt.Sprintf("%s.%d.", s.name, phase)
	for end := time.Now().Add(answerLimit); time.Now().Before(end); time.Sleep(pace) {
		n := 0
		for _, subject := range s.tally().accepted {
			if strings.HasPrefix(subject, prefix) {
				n++
			}
		}
		if n >= count {
			return
		}
	}
	t.Fatalf("%s does not take mail: %+v", s.to, s.refused)
}

// end stops the sender, once nothing is deferred.
func (s *sender) end(t *testing.T) {
	t.Helper()
	close(s.stop)
	s.over.Wait()
	if s.err != nil {
		t.Fatalf("sending to %s: %v", s.to, s.err)
	}
}

func (s *sender) run(socket string) error {
	link := &link{socket: socket}
	defer link.close()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-s.stop:
			return nil
		case <-tick.C:
		}
		s.mu.Lock()
		phase := s.phase
		s.mu.Unlock()
		if err := s.deliver(link, fmt.Sprintf("%s.%d.%d", s.name, phase, n), phase); err != nil {
			return err
		}
		if n%perLink == perLink-1 {
			link.close()
		}
	}
}

// deliver sends a message until it is accepted or refused.
func (s *sender) deliver(link *link, subject string, phase int) error {
	for tries := 0; ; tries++ {
		err := link.send(s.to, subject)
		answer := (*textproto.Error)(nil)
		s.mu.Lock()
		switch {
		case err == nil:
			s.accepted = append(s.accepted, subject)
		case errors.As(err, &answer) && answer.Code >= 500:
			s.refused[phase] = append(s.refused[phase], err.Error())
		default:
			s.deferred[subject] = true
		}
		s.mu.Unlock()
		switch {
		case err == nil || answer != nil && answer.Code >= 500:
			return nil
		case answer == nil:
			link.close() // the server has hung up
		}
		if tries == 200 {
			return fmt.Errorf("%s is deferred for ever: %w", subject, err)
		}
		time.Sleep(pace)
	}
}

// link is a connection to a server of LMTP (RFC 2033) that is opened when it is needed.
type link struct {
	socket string
	conn   net.Conn
	text   *textproto.Conn
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.conn = nil
}

func (l *link) open() (err error) {
	if l.conn != nil {
		return nil
	}
	if l.conn, err = net.Dial("unix", l.socket); err != nil {
		return err
	}
	l.text = textproto.NewConn(l.conn)
	_ = l.conn.SetDeadline(time.Now().Add(answerLimit))
	if _, _, err := l.text.ReadResponse(220); err != nil {
		return err
	}
	return l.say(250, "LHLO client.test")
}

func (l *link) say(want int, line string) error {
	_ = l.conn.SetDeadline(time.Now().Add(answerLimit))
	if err := l.text.PrintfLine("%s", line); err != nil {
		return err
	}
	_, _, err := l.text.ReadResponse(want)
	return err
}

// send sends a message; an error is a *textproto.Error when the server has answered so.
func (l *link) send(to, subject string) error {
	if err := l.open(); err != nil {
		return err
	}
	if err := l.say(250, "MAIL FROM:<sender@client.test>"); err != nil {
		return err
	}
	if err := l.say(250, "RCPT TO:<"+to+">"); err != nil {
		return errors.Join(err, l.say(250, "RSET"))
	}
	if err := l.say(354, "DATA"); err != nil {
		return err
	}
	return l.say(250, "Subject: "+subject+"\r\n\r\nhello\r\n.")
}

// tally is how often each message was found, against what was accepted.
type tally struct {
	accepted []string
	deferred map[string]bool
}

func (s *sender) tally() tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return tally{slices.Clone(s.accepted), s.deferred}
}

// compare returns what is wrong with what was found, and the number of messages that are there twice after a 451.
func (l tally) compare(found map[string]int) (duplicates int, err error) {
	var wrong []error
	for _, subject := range l.accepted {
		switch n := found[subject]; {
		case n == 1:
		case n == 0:
			wrong = append(wrong, fmt.Errorf("%s is lost", subject))
		case l.deferred[subject]:
			duplicates += n - 1
		default:
			wrong = append(wrong, fmt.Errorf("%s is there %d times", subject, n))
		}
	}
	if len(wrong) > 5 {
		wrong = append(wrong[:5], fmt.Errorf("and %d more", len(wrong)-5))
	}
	return duplicates, errors.Join(wrong...)
}
