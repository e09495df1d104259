package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/fetchmail"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/provider"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// settingsError says that the daemon cannot work as it is set up or called; starting it again does not help.
type settingsError struct{ error }

// Unwrap returns the cause.
func (e settingsError) Unwrap() error { return e.error }

func settingsErrorf(format string, args ...any) error {
	return settingsError{fmt.Errorf(format, args...)}
}

// settings are what the daemon takes from the registry once, at its start.
type settings struct {
	// host is the host's full name in lower case.
	host string
	// scope is what of the directory is followed.
	scope  schema.Scope
	server connect.Server
	// staging says that nothing but the daemon's own store may be touched.
	staging bool
	// profile is what the directory calls things, source how it is followed, interval the time between two questions where it
	// does not tell by itself; homes is what must identify its entries, "" when anything may.
	profile  schema.Profile
	source   provider.Kind
	interval time.Duration
	// fetches says that mail is fetched from elsewhere.
	fetches bool
	homes   schema.Identity
	// compare is the time after which everything is compared where the directory does not tell of everything.
	compare time.Duration
	// listen is where metrics and the status page are served, "" for nowhere.
	listen string
	// taken is what all of it comes from.
	taken taken
}

// readSettings returns the settings, or a settingsError that names every key that is missing.
func readSettings(view *registry.View) (settings, error) {
	layer, _ := view.Source("ldap/starttls")
	s := settings{
		scope:  schema.Scope{Base: view.String("ldap/base"), Host: view.String("ldap/hostdn")},
		server: connect.FromSettings(view, layer > registry.Default),
		taken:  takenAtStart(view),
	}
	var missing []string
	for _, key := range []string{"hostname", "domainname", "ldap/base"} {
		if view.String(key) == "" {
			missing = append(missing, key)
		}
	}
	if len(s.server.URLs) == 0 {
		missing = append(missing, "ldap/server/name (or ldap/uri)")
	}
	if s.server.BindDN != "" && s.server.Password == nil {
		missing = append(missing, "ldap/secret")
	}
	if len(missing) > 0 {
		return s, settingsErrorf("not set: %s; set them with mailreg set KEY=VALUE", strings.Join(missing, ", "))
	}
	host, err := view.FQDN()
	if err != nil {
		return s, settingsError{err}
	}
	s.host = host
	s.staging = view.String("mailreg/mode") == "staging"
	if s.fetches = fetchmail.On(view); s.fetches { // else no password of a mailbox elsewhere is asked for
		s.scope.Asked = append(s.scope.Asked, schema.FetchAttributes()...)
	}
	if s.profile, err = view.Profile(); err != nil {
		return s, settingsError{err}
	}
	s.source, s.interval = provider.Kind(view.String("ldap/source")), view.Duration("ldap/interval")
	s.compare = view.Duration("ldap/compare")
	if view.String("mail/dovecot/location/key") != string(backend.ByUUID) {
		return s, nil
	}
	if s.homes = s.profile.Identity(); !s.homes.NamesHomes() {
		return s, settingsErrorf("mail/dovecot/location/key is uuid, but no mail server can name homes by %s, "+
			"by which this directory identifies entries: set it to address", s.homes)
	}
	return s, nil
}
