package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// How often the settings of the archive are read, and its store is looked after although they are the same: a user who had
// the address may have gone.
const (
	archiveLook  = 2 * time.Second
	archiveEvery = time.Hour
)

// keepArchive gives the archive its store, once all is done that the directory holds: only then is it known that no user
// has the address.
func (p *parts) keepArchive(ctx context.Context) error {
	tick := time.NewTicker(archiveLook)
	defer tick.Stop()
	var done, failed string
	var at time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		settings := p.archiveSettings()
		if settings == done && time.Since(at) < archiveEvery {
			continue
		}
		if status, err := p.listener.Status(ctx); err != nil || !status.Ready {
			continue
		}
		if err := p.mailboxes.Archive(ctx, p.hasAddress(ctx)); err != nil && ctx.Err() == nil {
			if err.Error() != failed {
				failed = err.Error()
				p.logger.Warn("the archive has no mailbox", "op", "archive", "err", err)
			}
			continue
		}
		done, failed, at = settings, "", time.Now()
	}
}

// archiveSettings are what the archive's store depends on, as one text.
func (p *parts) archiveSettings() string {
	view, err := p.reg.View()
	if err != nil {
		return "" // the watcher of edits tells
	}
	return strings.Join([]string{
		view.String("mail/archivefolder"), view.String("mail/hosteddomains"), view.String("mail/mailbox/backend"),
		view.String("mail/dovecot/location/key"),
	}, "\n")
}

// hasAddress tells whether a mail user of the directory has an address as the primary one, whichever host is the home.
func (p *parts) hasAddress(ctx context.Context) func(schema.Address) (bool, error) {
	return func(address schema.Address) (bool, error) {
		known, err := p.listener.Explain(ctx, control.Selection{Address: address.String()})
		return slices.ContainsFunc(known, func(x control.Explanation) bool {
			m, err := schema.ParseMailbox(x.Entry.Schema())
			return err == nil && x.Present && schema.IsMailbox(x.Entry.Schema()) && m.Primary == address
		}), err
	}
}
