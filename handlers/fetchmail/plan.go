package fetchmail

import (
	"strings"

	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/schema"
)

// Plan returns what is to be fetched on a host for an entry: a box without accounts is none. wrong is what cannot be
// fetched; an error says that the entry has no usable address, and nothing is fetched for it. An empty home server means
// every host, as for mailboxes. left returns passwords that the directory has no more.
func Plan(uuid schema.UUID, e *schema.Entry, host string, left func(uid, server, user string) string) (fetchmail.Box, []error) {
	none := fetchmail.Box{UUID: uuid}
	if !schema.IsMailbox(e) || !concerns(e) {
		return none, nil
	}
	m, err := schema.ParseMailbox(e)
	if err != nil {
		return none, []error{err}
	}
	if m.HomeServer != "" && !strings.EqualFold(m.HomeServer, host) {
		return none, nil
	}
	list, wrong := accounts(e, func(server, user string) string { return left(e.First("uid"), server, user) })
	return fetchmail.Box{UUID: uuid, Address: m.Primary, Accounts: list}, wrong
}

// concerns reports whether an entry has attributes of fetchmail.
func concerns(e *schema.Entry) bool {
	return e != nil && (e.First(schema.AttrFetchServer) != "" || e.First(schema.AttrFetchSingle) != "" ||
		e.First(schema.AttrFetchMulti) != "")
}
