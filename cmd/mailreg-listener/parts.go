package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/account"
	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/handlers/domain"
	"github.com/mailreg/mailreg/handlers/fetchmail"
	"github.com/mailreg/mailreg/handlers/folder"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/handlers/policy"
	"github.com/mailreg/mailreg/handlers/quota"
	"github.com/mailreg/mailreg/handlers/transfer"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/advice"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/control/server"
	"github.com/mailreg/mailreg/listener/notice"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/provider"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/watch"
)

// flushQuiet is long enough to gather what a person changes at one go, too short to be noticed.
const flushQuiet = 100 * time.Millisecond

// parts are what the daemon consists of, in the order in which they come about.
type parts struct {
	root   string
	reg    *registry.Registry
	logger *slog.Logger

	set  settings
	site site

	state *durable

	source *provider.Source
	asker  *probe.Probe

	cyrus     cyrus.Host // one for all who ask it
	transfers *transfer.Service
	mailboxes *mailbox.Handler
	fetching  *fetchmail.Handler // nil when no mail is fetched
	accounts  *account.Handler
	policies  *policy.Handler
	edits     *watch.Watcher
	outlook   *outlook
	notices   *notice.Watch
	listener  *listener.Listener

	socket net.Listener
}

// readSettings reads the registry, after a commit that was interrupted has been finished, and the site's own handlers.
func (p *parts) readSettings(ctx context.Context) (err error) {
	if p.set, err = checkSettings(p.reg, p.root); err != nil {
		return err
	}
	if !p.set.staging {
		if err := recoverRegistry(ctx, p.reg, p.logger); err != nil {
			return err
		}
	}
	p.site, err = loadSite(p.root, p.logger)
	p.site.widen(&p.set.scope)
	return err
}

func (p *parts) openStore(ctx context.Context) (err error) {
	p.state, err = openStore(ctx, p.root, p.reg, p.logger)
	return err
}

// findDirectory makes what follows the directory and what asks it. Neither connects yet.
func (p *parts) findDirectory(context.Context) (err error) {
	set := p.set
	p.source, err = provider.New(provider.Config{
		Server: set.server, Base: set.scope.Base, Filter: set.scope.Filter(), Selects: p.site.selects(set.scope),
		Attributes: set.scope.Attributes(), Profile: set.profile, Kind: set.source, Homes: set.homes, Interval: set.interval,
		Compare: set.compare, Logger: p.logger,
	})
	if err != nil {
		return err
	}
	p.asker, err = probe.New(probe.Config{
		Server: set.server, Base: set.scope.Base, Attributes: set.scope.Attributes(), URL: p.source.URL,
		Profile: set.profile, Identity: p.source.Identity, Filter: set.scope.Filter(),
	})
	return err
}

// makeListener makes the handlers, the listener that drives them, and what looks at it.
func (p *parts) makeListener(context.Context) (err error) {
	quotas := quota.New(quota.Config{
		Root: p.root, View: p.reg.View,
		Cyrus: func(view *registry.View) quota.Stores {
			return p.cyrus.Backend(cyrus.FromSettings(p.root, view, p.logger))
		},
	})
	p.mailboxes = mailbox.New(mailbox.Config{
		Root: p.root, View: p.reg.View, Transfer: p.transfers, Limits: quotas, Logger: p.logger,
		Cyrus: func(view *registry.View) mailbox.CyrusBackend {
			return p.cyrus.Backend(cyrus.FromSettings(p.root, view, p.logger))
		},
	})
	p.policies = policy.New(policy.Config{Registry: p.reg, Scope: p.set.scope, Logger: p.logger})
	folders := folder.New(folder.Config{Root: p.root, View: p.reg.View, Server: p.folderServer, Logger: p.logger})
	domains := domain.New(domain.Config{Registry: p.reg, Logger: p.logger})
	fetching, err := p.makeFetching()
	if err != nil {
		return err
	}
	p.edits = watch.New(watch.Config{Registry: p.reg, Logger: p.logger})
	p.outlook = newOutlook(p.reg, p.set, p.logger)
	p.accounts = account.New(account.Config{Root: p.root, View: p.reg.View, Restart: p.reg.Restart, Took: p.outlook.access, Logger: p.logger})
	now := live{p.reg}
	p.listener, err = listener.New(listener.Config{
		Store:       p.state.Store,
		Source:      p.source,
		Probe:       p.asker,
		Handlers:    slices.Concat([]listener.Handler{p.accounts, p.mailboxes, folders, quotas, domains, p.policies}, fetching, p.site.handlers),
		Fingerprint: fingerprint(p.set),
		Kind:        string(p.set.source),
		URL:         p.set.server.URLs[0],
		InFilter:    p.set.scope.Selects,
		Guard:       now.guard,
		ReadyLag:    now.readyLag,
		Audit:       now.audit,
		Liveness:    now.liveness,
		Timeout:     now.handlerTimeout,
		Notes:       p.notes,
		Staging:     p.set.staging,
		Advise:      p.advise,
		Mover:       mover{p},
		Stores:      storesOfCyrus{p},
		FlushQuiet:  flushQuiet,
		Observer:    p.outlook,
		Backup:      p.state.Make,
		Logger:      p.logger,
	})
	if err != nil {
		return err
	}
	p.outlook.of = p.listener
	p.notices = messenger{root: p.root, host: p.set.host, view: p.reg.View}.watch(p.listener, p.logger)
	return nil
}

// makeFetching makes the handler that fetches mail; on a host that does not, it removes the passwords for that.
func (p *parts) makeFetching() ([]listener.Handler, error) {
	switch {
	case p.set.fetches:
		p.fetching = fetchmail.New(fetchmail.Config{Root: p.root, View: p.reg.View, Logger: p.logger})
		return []listener.Handler{p.fetching}, nil
	case p.set.staging:
		return nil, nil
	}
	if err := fetchmail.Clear(p.root); err != nil {
		return nil, fmt.Errorf("removing what was fetched from elsewhere: %w", err)
	}
	return nil, nil
}

func (p *parts) listen(context.Context) (err error) {
	p.socket, err = server.Listen(filepath.Join(p.root, "run/mailreg/control.sock"))
	return err
}

// close closes what has come about, in the reverse order, and adds what went wrong with it to an error.
func (p *parts) close(err error) error {
	if p.asker != nil {
		err = errors.Join(err, p.asker.Close())
	}
	if p.state != nil {
		err = p.state.close(err)
	}
	return err
}

// notes gathers what a person should know.
func (p *parts) notes() []string {
	var servers []string
	if len(p.set.server.URLs) > 1 { // else the source says the same
		servers = p.set.server.Memory.Notes()
	}
	return slices.Concat(servers, p.set.taken.notes(p.reg), p.site.notes, p.state.Notes(), p.edits.Notes(), p.policies.Notes(),
		p.outlook.Notes(), p.notices.Notes(), p.fetching.Notes(), p.transfers.Notes())
}

// advise examines the directory's server for doctor.
func (p *parts) advise(ctx context.Context) ([]control.Advice, error) {
	return advice.Examine(ctx, advice.Config{
		Server: p.set.server, Base: p.set.scope.Base, Filter: p.set.scope.Filter(), URL: p.source.URL,
	})
}

// fingerprint is all that a cookie depends on, but for what the source knows: the address of the server, the kind of its
// cookies, and what identifies entries. Attributes stand with what they mean here: the replica holds them by that.
func fingerprint(set settings) string {
	var attributes []string
	for _, name := range set.scope.Attributes() {
		attributes = append(attributes, name+"="+set.profile.Attribute(name))
	}
	return fmt.Sprintf("base=%q scope=sub filter=%q attributes=%q bind=%q", set.scope.Base, set.profile.Filter(set.scope.Filter()),
		strings.Join(attributes, ","), set.server.Identity())
}
