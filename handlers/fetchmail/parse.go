package fetchmail

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/schema"
)

// maxText bounds each text that becomes a setting of fetchmail, in bytes.
const maxText = 512

// accounts returns the mailboxes elsewhere that an entry names, and what is wrong with those left out. left returns a
// password that is not in the directory any more. No error quotes a value: any of them may be a password in a wrong place.
func accounts(e *schema.Entry, left func(server, user string) string) (list []fetchmail.Account, wrong []error) {
	add := func(attribute string, a fetchmail.Account, err error) {
		if err == nil {
			list = append(list, a)
			return
		}
		wrong = append(wrong, schema.Invalidf("%s: %w", attribute, err))
	}
	if server := e.First(schema.AttrFetchServer); server != "" {
		password := e.First(schema.AttrFetchPassword)
		if password == "" {
			password = left(server, e.First(schema.AttrFetchUser))
		}
		a, err := account(fields{
			server: server, protocol: e.First(schema.AttrFetchProtocol), user: e.First(schema.AttrFetchUser), password: password,
			tls: e.First(schema.AttrFetchTLS), keep: e.First(schema.AttrFetchKeep),
		})
		add(schema.AttrFetchServer, a, err)
	}
	for _, value := range e.Values(schema.AttrFetchSingle) {
		a, err := single(value)
		add(schema.AttrFetchSingle, a, err)
	}
	for _, value := range e.Values(schema.AttrFetchMulti) {
		a, err := multi(value)
		add(schema.AttrFetchMulti, a, err)
	}
	return list, wrong
}

// single reads server, protocol, user, password, TLS and keep.
func single(value string) (fetchmail.Account, error) {
	v, err := split(value, 6)
	if err != nil {
		return fetchmail.Account{}, err
	}
	return account(fields{server: v[0], protocol: v[1], user: v[2], password: v[3], tls: v[4], keep: v[5]})
}

// multi reads server, protocol, user, password, local domains, qmail's prefix, header of the envelope, TLS and keep.
func multi(value string) (fetchmail.Account, error) {
	v, err := split(value, 9)
	if err != nil {
		return fetchmail.Account{}, err
	}
	a, err := account(fields{server: v[0], protocol: v[1], user: v[2], password: v[3], tls: v[7], keep: v[8]})
	if err != nil {
		return fetchmail.Account{}, err
	}
	a.Drop = &fetchmail.Drop{Prefix: v[5], Header: v[6]}
	if !isToken(a.Drop.Header) {
		return fetchmail.Account{}, errors.New("the header of the envelope is no name of a header")
	}
	if err := checkText("the prefix", a.Drop.Prefix); err != nil {
		return fetchmail.Account{}, err
	}
	for _, domain := range strings.FieldsFunc(strings.ToLower(v[4]), func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		if schema.CheckDomain(domain) != nil {
			return fetchmail.Account{}, errors.New("a local domain is none")
		}
		a.Drop.Domains = append(a.Drop.Domains, domain)
	}
	return a, nil
}

// split takes a value apart: a JSON array, or what was written before UCS 5.0-4, texts in quotes with semicolons between,
// in which a quote or semicolon cannot be told from these.
func split(value string, want int) ([]string, error) {
	var parts []string
	if json.Unmarshal([]byte(value), &parts) != nil {
		parts = nil
		for part := range strings.SplitSeq(value, `";"`) {
			parts = append(parts, strings.Trim(part, `"`))
		}
	}
	if len(parts) != want {
		return nil, errors.New("a value has " + strconv.Itoa(len(parts)) + " parts in place of " + strconv.Itoa(want))
	}
	return parts, nil
}

// fields are the parts of a mailbox as the directory has them.
type fields struct{ server, protocol, user, password, tls, keep string }

// account checks them.
func account(f fields) (a fetchmail.Account, err error) {
	a.User, a.Password = f.user, f.password
	a.TLS, a.Keep = f.tls == "1", f.keep == "1"
	if a.Server, a.Port, err = address(f.server); err != nil {
		return a, err
	}
	switch strings.ToUpper(f.protocol) {
	case "IMAP":
		a.Protocol = fetchmail.IMAP
	case "POP3":
		a.Protocol = fetchmail.POP3
	default:
		return a, errors.New("the protocol is neither IMAP nor POP3")
	}
	switch {
	case a.User == "":
		return a, errors.New("there is no user name for the server")
	case a.Password == "":
		return a, errors.New("there is no password for the server")
	}
	if err := checkText("the user name", a.User); err != nil {
		return a, err
	}
	return a, checkText("the password", a.Password)
}

// address reads a host name or an IP address, with a port behind it where there is one.
func address(text string) (host string, port uint16, err error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if at, err := netip.ParseAddrPort(text); err == nil && at.Addr().Zone() == "" {
		return at.Addr().String(), at.Port(), nil
	}
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		return ip.String(), 0, nil
	}
	host, digits, has := strings.Cut(text, ":")
	if has {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return "", 0, errors.New("the server's port is none")
		}
		port = uint16(n)
	}
	if schema.CheckDomain(host) != nil {
		return "", 0, errors.New("the server is neither a host name nor an IP address")
	}
	return host, port, nil
}

// checkText refuses what no server could be told in one line, and what fetchmail cannot hold.
func checkText(what, text string) error {
	switch {
	case len(text) > maxText:
		return errors.New(what + " is too long")
	case !utf8.ValidString(text):
		return errors.New(what + " is not UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New(what + " has a control character")
	}
	return nil
}

// isToken reports whether a text can be the name of a header (RFC 5322 section 2.2), of letters, digits and hyphens.
func isToken(text string) bool {
	return text != "" && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}
