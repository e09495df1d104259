package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/smtp"
	"os"
	"path/filepath"
	"time"

	"github.com/mailreg/mailreg/listener/notice"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/hook/program"
)

// telling is how long telling somebody may take.
const telling = time.Minute

// messenger tells a person of held, parked and stalled work, by the settings as they are when there is something to tell.
type messenger struct {
	root, host string
	view       func() (*registry.View, error)
}

func (m messenger) watch(api notice.API, logger *slog.Logger) *notice.Watch {
	return notice.New(notice.Config{
		API: api, Host: m.host, Path: filepath.Join(m.root, "var/lib/mailreg/notices.json"), Logger: logger,
		Interval: m.interval, Deliver: m.deliver,
	})
}

func (m messenger) interval() time.Duration {
	view, err := m.view()
	if err != nil && view == nil {
		return time.Minute
	}
	return view.Duration("mailreg/notify/interval")
}

// deliver tells the address and the program that are set. Whoever has heard of it is not told again because the other way
// has failed.
func (m messenger) deliver(ctx context.Context, message notice.Message) (told bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, telling)
	defer cancel()
	view, err := m.view()
	if err != nil && view == nil {
		return false, err
	}
	err = nil // what could be read counts
	if to := view.String("mailreg/notify/mail"); to != "" {
		failure := sendMail(ctx, view, to, message)
		told, err = told || failure == nil, errors.Join(err, failure)
	}
	if path := view.String("mailreg/notify/command"); path != "" {
		failure := runCommand(ctx, m.root, path, message)
		told, err = told || failure == nil, errors.Join(err, failure)
	}
	return told, err
}

// sendMail hands the message to this host's own mail server. Its sender is empty, so that it never comes back.
func sendMail(ctx context.Context, view *registry.View, to string, m notice.Message) (err error) {
	server := net.JoinHostPort(mailServer(view.List("mail/postfix/listen")), view.String("mail/smtpport"))
	defer func() {
		if err != nil {
			err = fmt.Errorf("sending mail to %s by %s: %w", to, server, err)
		}
	}()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	client, err := smtp.NewClient(conn, m.Host)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return client.Hello(m.Host) },
		func() error { return client.Mail("") },
		func() error { return client.Rcpt(to) },
		func() error { return sendBody(client, m.Mail("mailreg@"+m.Host, to, rand.Text())) },
		client.Quit,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func sendBody(client *smtp.Client, text []byte) error {
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(text); err != nil {
		return err
	}
	return body.Close()
}

// mailServer picks the address to reach the mail server of this host by, from those that it listens on.
func mailServer(listens []string) string {
	first := "127.0.0.1"
	for i, text := range listens {
		addr, err := netip.ParseAddr(text)
		if err == nil && addr.IsLoopback() {
			return text
		}
		if i == 0 {
			first = text
		}
	}
	return first
}

// runCommand runs the program with the message as JSON on its standard input.
func runCommand(ctx context.Context, root, path string, m notice.Message) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := program.Trusted(info); err != nil {
		return fmt.Errorf("%s is not run: it %w", path, err)
	}
	input, err := json.Marshal(m)
	if err != nil {
		return err
	}
	r, err := program.Call{
		Path: path, Dir: "/", Input: append(input, '\n'), Limit: telling,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "MAILREG_ROOT=" + root},
	}.Run(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w%s", path, err, r.Said())
	}
	return nil
}
