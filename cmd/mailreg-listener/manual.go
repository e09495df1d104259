package main

import (
	"flag"

	"github.com/mailreg/mailreg/cmd/mailreg/man"
)

// manual returns the daemon's manual page. The linker leaves it out of a program that does not call it.
func manual() man.Page {
	p := man.Page{
		Name: "mailreg-listener", Section: 8, Summary: "keep a mail server in step with the directory",
		Command: "mailreg-listener", Synopsis: "[OPTION ...]",
		Text: `mailreg-listener follows an LDAP directory, keeps a replica of what it needs, and turns each change into effects on
this host: mailboxes, mail domains and config files. mailreg listener asks and steers it.

It takes its settings from the registry. Those of ldap/*, hostname and domainname are read at start; these must be set:
hostname, domainname, ldap/base, and ldap/server/name or ldap/uri. systemd is told when it serves; whether it is in step
with the directory is told by mailreg listener status.`,
		More: []man.Section{
			{Heading: "EXIT STATUS", Items: []man.Item{
				{Term: "0", Text: "It was told to stop (SIGTERM, SIGINT)."},
				{Term: "1", Text: "It failed; starting it again may help."},
				{Term: "2", Text: "Its settings or its call are wrong; starting it again does not help."},
			}},
			{Heading: "ENVIRONMENT", Items: []man.Item{{Term: "MAILREG_ROOT", Text: "The root, where --root does not name one."}}},
			{Heading: "FILES", Items: []man.Item{
				{Term: "/etc/mailreg", Text: "The settings; see mailreg(1)."},
				{Term: "/var/lib/mailreg/listener.db", Text: "The replica, and what is still to be done."},
				{Term: "/run/mailreg/control.sock", Text: "The control socket."},
			}},
		},
		See: []string{"mailreg(1)", "mailreg-listener(1)"},
	}
	new(options).flags().VisitAll(func(f *flag.Flag) {
		arg, usage := flag.UnquoteUsage(f)
		p.Options = append(p.Options, man.Item{Term: "--" + f.Name, Arg: arg, Text: usage})
	})
	return p
}
