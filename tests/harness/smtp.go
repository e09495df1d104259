package harness

import (
	"fmt"
	"net"
	"net/smtp"
	"time"
)

// sendLimit bounds one delivery.
const sendLimit = 30 * time.Second

// Send gives Postfix a message for one recipient. Postfix delivers it some milliseconds later.
func (p *Postfix) Send(from, to, subject string) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Mail(from); err != nil {
		return fmt.Errorf("MAIL FROM %s: %w", from, err)
	}
	if err := client.Rcpt(to); err != nil {
		return fmt.Errorf("RCPT TO %s: %w", to, err)
	}
	body, err := client.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := body.Write(letter(from, to, subject)); err != nil {
		return fmt.Errorf("sending the message: %w", err)
	}
	if err := body.Close(); err != nil {
		return fmt.Errorf("end of DATA: %w", err)
	}
	return client.Quit()
}

// Accepts asks Postfix whether it takes mail for a recipient, without sending any. The question comes from another
// address than 127.0.0.1.
func (p *Postfix) Accepts(to string) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Mail("probe@client.test"); err != nil {
		return fmt.Errorf("MAIL FROM: %w", err)
	}
	if err := client.Rcpt(to); err != nil {
		return fmt.Errorf("RCPT TO %s: %w", to, err)
	}
	return client.Quit()
}

// Size returns the message size in bytes that the EHLO answer announces, "" when it announces none.
func (p *Postfix) Size() (string, error) {
	client, err := p.dial()
	if err != nil {
		return "", err
	}
	defer client.Close()
	_, size := client.Extension("SIZE")
	return size, client.Quit()
}

func (p *Postfix) dial() (*smtp.Client, error) {
	dialer := net.Dialer{Timeout: sendLimit, LocalAddr: loopback()}
	conn, err := dialer.Dial("tcp", p.SMTP)
	if err != nil {
		return nil, fmt.Errorf("connecting to SMTP: %w", err)
	}
	if err := conn.SetDeadline(time.Now().Add(sendLimit)); err != nil {
		return nil, err
	}
	client, err := smtp.NewClient(conn, "mail1.example.test")
	if err != nil {
		return nil, fmt.Errorf("SMTP greeting: %w", err)
	}
	if err := client.Hello("client.test"); err != nil {
		return nil, fmt.Errorf("EHLO: %w", err)
	}
	return client, nil
}

func letter(from, to, subject string) []byte {
	return fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n\r\n%s\r\n", from, to, subject, subject)
}
