package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/mailreg/mailreg/registry"
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
	// urls are the directory servers in the order of preference.
	urls     []string
	startTLS string
	caFile   string
	base     string
	// bindDN is empty for SASL EXTERNAL on ldapi:// and for an anonymous bind elsewhere.
	bindDN     string
	secretFile string
}

// readSettings returns the settings, or a settingsError that names every key that is missing.
func readSettings(view *registry.View) (settings, error) {
	s := settings{
		urls:       directoryURLs(view),
		caFile:     view.String("ldap/cafile"),
		base:       view.String("ldap/base"),
		bindDN:     view.String("ldap/hostdn"),
		secretFile: view.String("ldap/secret"),
	}
	var missing []string
	for _, key := range []string{"hostname", "domainname", "ldap/base"} {
		if view.String(key) == "" {
			missing = append(missing, key)
		}
	}
	if len(s.urls) == 0 {
		missing = append(missing, "ldap/server/name (or ldap/uri)")
	}
	if len(missing) > 0 {
		return s, settingsErrorf("not set: %s; set them with mailreg set KEY=VALUE", strings.Join(missing, ", "))
	}
	host, err := view.FQDN()
	if err != nil {
		return s, settingsError{err}
	}
	s.host = host
	s.startTLS = startTLS(view, s.urls)
	if s.bindDN != "" && s.secretFile == "" {
		return s, settingsError{errors.New("ldap/hostdn is set, but ldap/secret, the file with its password, is not")}
	}
	return s, nil
}

// directoryURLs returns ldap/uri, else the addresses of ldap/server/name and ldap/server/addition.
func directoryURLs(view *registry.View) []string {
	if urls := view.List("ldap/uri"); len(urls) > 0 {
		return urls
	}
	name := view.String("ldap/server/name")
	if name == "" {
		return nil
	}
	var urls []string
	for _, host := range append([]string{name}, view.List("ldap/server/addition")...) {
		urls = append(urls, "ldap://"+net.JoinHostPort(host, view.String("ldap/server/port")))
	}
	return urls
}

// startTLS returns ldap/starttls; by default a connection that does not leave the host goes without.
func startTLS(view *registry.View, urls []string) string {
	mode := view.String("ldap/starttls")
	if layer, set := view.Source("ldap/starttls"); set && layer > registry.Default {
		return mode
	}
	for _, u := range urls {
		if !stays(u) {
			return mode
		}
	}
	return "no"
}

// stays reports whether a connection to the address stays on the host.
func stays(address string) bool {
	u, err := url.Parse(address)
	if strings.HasPrefix(address, "ldapi:") {
		return true
	}
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}
