package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"time"
)

// elsewise finds the options of listeners that expect TLS or a proxy's words from the first byte.
var elsewise = sync.OnceValue(compile(`smtpd_tls_wrappermode=yes|upstream_proxy_protocol=.`))

// smtpAddress returns where the first plain SMTP listener of master.cf can be reached from here, "" when there is none.
func (p *Postfix) smtpAddress(ctx context.Context) (string, error) {
	proxy, err := run(ctx, "postconf", "-c", p.config(), "-x", "-h", "smtpd_upstream_proxy_protocol", "postscreen_upstream_proxy_protocol")
	if err != nil || strings.TrimSpace(proxy.Stdout) != "" {
		return "", err // it would wait for the words of a proxy
	}
	r, err := run(ctx, "postconf", "-c", p.config(), "-M")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(r.Stdout) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "inet" || f[7] != "smtpd" && f[7] != "postscreen" || elsewise().MatchString(line) {
			continue
		}
		host, port, err := net.SplitHostPort(f[0])
		if err != nil {
			host, port = "", f[0]
		}
		if host == "" {
			if host, err = p.interfaceAddress(ctx); err != nil {
				return "", err
			}
		}
		return net.JoinHostPort(host, port), nil
	}
	return "", nil
}

// interfaceAddress returns an address that Postfix listens on when master.cf names none.
func (p *Postfix) interfaceAddress(ctx context.Context) (string, error) {
	r, err := run(ctx, "postconf", "-c", p.config(), "-x", "-h", "inet_interfaces")
	if err != nil {
		return "", err
	}
	first := strings.FieldsFunc(r.Stdout, separator)
	if len(first) == 0 || first[0] == "all" || first[0] == "loopback-only" || first[0] == "localhost" {
		return "127.0.0.1", nil
	}
	return strings.Trim(first[0], "[]"), nil
}

// setting finds a setting in what doveconf prints.
var setting = sync.OnceValue(compile(`(?m)^\s*(listen|address|port) = ([^\s,]+)`))

// imapAddress returns where the IMAP listener without TLS can be reached from here, "" when there is none or doveconf does
// not tell: it prints nested blocks, with small differences between 2.3 and 2.4.
func (d *Dovecot) imapAddress(ctx context.Context) string {
	protocols, err := run(ctx, "doveconf", "-c", d.config(), "protocols")
	if err != nil || !strings.Contains(protocols.Stdout, "imap") {
		return ""
	}
	r, err := run(ctx, "doveconf", "-c", d.config(), "listen", "service/imap-login/inet_listener/imap")
	if err != nil || strings.Contains(r.Stdout, "haproxy = yes") { // then it would wait for the words of a proxy
		return ""
	}
	host, port := "", ""
	for _, found := range setting().FindAllStringSubmatch(r.Stdout, -1) {
		if found[1] == "port" {
			port = found[2]
		} else {
			host = found[2] // that of the listener comes after that of all
		}
	}
	switch host {
	case "", "*":
		host = "127.0.0.1"
	case "::", "[::]":
		host = "::1"
	}
	if port == "" || port == "0" {
		return ""
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// Time that a server gets to answer at all after an action, and to answer each command.
const (
	startTime  = 10 * time.Second
	answerTime = 20 * time.Second
)

// errAnswer says that a server has answered, and how: asking again is of no use.
var errAnswer = errors.New("it answers")

// probe speaks with a server, at HOST:PORT or at the path of a socket. It fails when the server does not listen, hangs up without a word, or answers what talk
// calls an error. A slow answer is no failure: name servers and directories may be slow.
func probe(ctx context.Context, address string, talk func(*textproto.Conn) error) error {
	limit := time.Now().Add(startTime)
	for {
		err := converse(ctx, address, talk)
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errAnswer), time.Now().After(limit):
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func converse(ctx context.Context, address string, talk func(*textproto.Conn) error) error {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := (&net.Dialer{Timeout: answerTime}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	err = talk(textproto.NewConn(conn))
	if errors.Is(err, io.EOF) {
		return errors.New("the server hangs up without a greeting")
	}
	return err
}

// imapDialogue reads the greeting (RFC 9051 §7.1).
func imapDialogue(c *textproto.Conn) error { return greetingDialogue("* ")(c) }

// greetingDialogue reads a greeting that begins with a given text.
func greetingDialogue(start string) func(*textproto.Conn) error {
	return func(c *textproto.Conn) error {
		line, err := c.ReadLine()
		if err == nil && !strings.HasPrefix(line, start) {
			return fmt.Errorf("%w %q", errAnswer, line)
		}
		return err
	}
}

// questionDialogue asks one question; its answer begins with a given text.
func questionDialogue(question, answer string) func(*textproto.Conn) error {
	return func(c *textproto.Conn) error {
		if err := c.PrintfLine("%s", question); err != nil {
			return err
		}
		return greetingDialogue(answer)(c)
	}
}

// smtpDialogue goes up to a recipient; only the answer that says "configuration error" is one.
func smtpDialogue(c *textproto.Conn) error {
	name := "localhost"
	for i, command := range []string{"", "EHLO localhost", "MAIL FROM:<>", "RCPT TO:<mailreg-probe@%s>", "QUIT"} {
		if i > 0 {
			if err := c.PrintfLine("%s", strings.ReplaceAll(command, "%s", name)); err != nil {
				return err
			}
		}
		_, message, err := c.ReadResponse(0)
		if words := strings.Fields(message); i == 0 && len(words) > 0 {
			name = words[0] // RFC 5321 §4.2: the server's own name; a bare postmaster would pass by all restrictions
		}
		if errors.Is(err, io.EOF) && i > 0 {
			return fmt.Errorf("the server hangs up after %q", command)
		}
		if err != nil {
			return err
		}
		if strings.Contains(message, "4.3.5") {
			return fmt.Errorf("%w %q", errAnswer, message)
		}
	}
	return nil
}
