package dovecot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Session is what one user has open by one protocol.
type Session struct {
	// User is the name that the user has after the login.
	User string
	// Protocol is imap, pop3, sieve, ...
	Protocol string
	// PIDs are the processes that serve it.
	PIDs []int
}

// Sessions returns what is open now; nothing when no Dovecot runs.
func (c *Client) Sessions(ctx context.Context) (sessions []Session, err error) {
	err = c.whenRunning(ctx, func(ctx context.Context) error {
		data, err := c.question(ctx, []string{"", "", "who"})
		sessions = parseWho(data)
		return err
	})
	return sessions, err
}

// parseWho reads rows of user, number, protocol, processes and addresses, (1 2) (::1 ::1), each field followed by a tab.
func parseWho(data string) (sessions []Session) {
	fields := strings.Split(data, "\t")
	for row := range slices.Chunk(fields, 5) {
		if len(row) < 5 {
			break
		}
		s := Session{User: unescape(row[0]), Protocol: row[2]}
		for word := range strings.FieldsSeq(strings.Trim(row[3], "()")) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 1 {
				s.PIDs = append(s.PIDs, pid)
			}
		}
		sessions = append(sessions, s)
	}
	return sessions
}

// unescape reads Dovecot's way to write control characters in fields.
func unescape(field string) string {
	return strings.NewReplacer("\x01"+"0", "\x00", "\x01"+"1", "\x01", "\x01t", "\t", "\x01r", "\r", "\x01n", "\n").Replace(field)
}

// Answer is what Dovecot says about a login.
type Answer string

// The answers. Untold comes from ways of authentication that only know whether a password is right, such as PAM.
const (
	Refused  Answer = "refused"
	Admitted Answer = "admitted"
	Untold   Answer = "untold"
)

// Admits says for each name whether a login by the right password would be admitted, in the order of the names. It takes a
// name as a login does, through the cache; where no Dovecot runs, all are refused.
func (c *Client) Admits(ctx context.Context, names ...string) ([]Answer, error) {
	answers := slices.Repeat([]Answer{Refused}, len(names))
	if len(names) == 0 {
		return nil, nil
	}
	err := c.whenRunning(ctx, func(ctx context.Context) error { return c.ask(ctx, names, answers) })
	return answers, err
}

// ask asks the authentication service for the passdb entries of names (Dovecot's auth protocol, PASS).
func (c *Client) ask(ctx context.Context, names []string, answers []Answer) error {
	d, err := c.dial(ctx, "auth-master")
	if err != nil {
		return err
	}
	defer d.close()
	if _, err := d.exchange("VERSION\t1\t0", func(line string) bool { return strings.HasPrefix(line, "SPID\t") }); err != nil {
		return err
	}
	for i, name := range names {
		if len(sendable([]string{name})) == 0 {
			continue // nobody can log in by that
		}
		ours := func(line string) bool {
			return len(strings.Split(line, "\t")) > 1 && strings.Split(line, "\t")[1] == strconv.Itoa(i+1)
		}
		answer, err := d.exchange(fmt.Sprintf("PASS\t%d\t%s\tservice=imap", i+1, name), ours)
		if err != nil {
			return err
		}
		switch word, _, _ := strings.Cut(answer, "\t"); word {
		case "PASS":
			answers[i] = Admitted
		case "FAIL":
			answers[i] = Untold
		}
	}
	return nil
}

// kick ends the sessions of one user. Dovecot takes the name for a mask: one in which it would see others is looked for here.
func (c *Client) kick(ctx context.Context, user string) error {
	if !strings.ContainsAny(user, "*?") {
		return c.doveadm(ctx, "kick", user)
	}
	data, err := c.question(ctx, []string{"", "", "who"})
	if err != nil {
		return err
	}
	for _, s := range parseWho(data) {
		if s.User != user {
			continue
		}
		for _, pid := range s.PIDs { // which is what Dovecot 2.3 does
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("ending a session of %s: %w", user, err)
			}
		}
	}
	return nil
}
