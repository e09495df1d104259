package transfer

import (
	"fmt"
	"slices"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
)

// protocols are those for which somebody is kept out for a moment: all by which mail comes or is read. doveadm, which
// copies, is none of them.
var protocols = []string{"imap", "pop3", "lmtp", "lda", "sieve", "managesieve", "submission"}

// tables returns what the tables for Dovecot hold while these moves are on their way.
func tables(out, in []Move) map[string][]string {
	all := map[string][]string{"staying": nil, "incoming-doveadm": nil}
	var moving []string
	for _, m := range out {
		for _, name := range m.listed() {
			if !m.Ahead && !m.GivenUp && m.Home != "" {
				all["staying"] = append(all["staying"], fmt.Sprintf("%s::%d:%d::%s::noauthenticate=y userdb_user=%s",
					name, m.UID, m.GID, m.Home, m.Address))
			}
			if m.closed() && !m.GivenUp {
				moving = append(moving, name+":::::::")
			}
		}
	}
	for _, m := range in {
		if m.closed() {
			for _, name := range m.listed() {
				moving = append(moving, name+":::::::")
			}
		}
		if m.State == Receiving {
			all["incoming-doveadm"] = append(all["incoming-doveadm"], fmt.Sprintf("%s::%d:%d::%s::", m.Address, m.UID, m.GID, m.Home))
		}
	}
	slices.Sort(moving)
	moving = slices.Compact(moving)
	for _, protocol := range protocols {
		all["moving-"+protocol] = moving
	}
	return all
}

// writeTables brings the tables in line with the moves. Dovecot sees them at its next look.
func writeTables(to *dovecot.Tables, out, in []Move) (changed bool, err error) {
	for name, lines := range tables(out, in) {
		c, err := to.Write(name, lines, name == "staying")
		if err != nil {
			return changed, err
		}
		changed = changed || c
	}
	return changed, nil
}
