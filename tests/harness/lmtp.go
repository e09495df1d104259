package harness

import (
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// Deliver gives the server a message by LMTP (RFC 2033). When it returns nil the message is in the mailbox.
func (d *Server) Deliver(to, subject string) error {
	return d.DeliverText(to, string(letter(sender, to, subject)))
}

const sender = "sender@client.test"

// DeliverText gives the server a message by LMTP: header lines, an empty one and the rest, with CR and LF at the end of each.
func (d *Server) DeliverText(to, text string) error {
	return d.converse([]turn{
		{"", 220},
		{"LHLO client.test", 250},
		{"MAIL FROM:<" + sender + ">", 250},
		{"RCPT TO:<" + to + ">", 250},
		{"DATA", 354},
		{text + ".", 250},
		{"QUIT", 221},
	})
}

// Knows asks the server by LMTP whether it takes mail for an address, without sending any.
func (d *Server) Knows(address string) (bool, error) {
	err := d.converse([]turn{
		{"", 220},
		{"LHLO client.test", 250},
		{"MAIL FROM:<sender@client.test>", 250},
		{"RCPT TO:<" + address + ">", 250},
		{"QUIT", 221},
	})
	if answer := (*textproto.Error)(nil); errors.As(err, &answer) && answer.Code == 550 {
		return false, nil
	}
	return err == nil, err
}

// turn is a line to send and the code to get back.
type turn struct {
	send string
	want int
}

func (d *Server) converse(turns []turn) error {
	conn, err := net.DialTimeout("unix", d.LMTP, sendLimit)
	if err != nil {
		return fmt.Errorf("connecting to LMTP: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(sendLimit)); err != nil {
		return err
	}
	text := textproto.NewConn(conn)
	for _, turn := range turns {
		if turn.send != "" {
			if err := text.PrintfLine("%s", turn.send); err != nil {
				return fmt.Errorf("LMTP: %w", err)
			}
		}
		if _, _, err := text.ReadResponse(turn.want); err != nil {
			verb, _, _ := strings.Cut(turn.send, "\r\n")
			return fmt.Errorf("LMTP %s: %w", verb, err)
		}
	}
	return nil
}
