package dovecot

import (
	"context"
	"errors"
)

// Unsubscribe takes a mailbox off a list of subscriptions. A user who is not at home here has none, and that is no error.
func (c *Client) Unsubscribe(ctx context.Context, user, mailbox string) error {
	return c.subscription(ctx, user, "mailbox unsubscribe", mailbox)
}

// Subscribe puts a mailbox on a user's list of subscriptions.
func (c *Client) Subscribe(ctx context.Context, user, mailbox string) error {
	return c.subscription(ctx, user, "mailbox subscribe", mailbox)
}

func (c *Client) subscription(ctx context.Context, user, command, mailbox string) error {
	if len(sendable([]string{user, mailbox})) < 2 {
		return nil
	}
	err := c.whenRunning(ctx, func(ctx context.Context) error {
		return c.command(ctx, []string{"", user, command, "--", mailbox})
	})
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}
