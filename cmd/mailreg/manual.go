package main

import "github.com/mailreg/mailreg/cmd/mailreg/man"

// manual returns the manual pages of all commands. The linker leaves it out of a program that does not call it.
func manual() []man.Page {
	root := newRootCommand(&app{getenv: func(string) string { return "" }})
	return man.Pages(root, []man.Section{
		{Heading: "EXIT STATUS", Items: []man.Item{
			{Term: "0", Text: "Done."},
			{Term: "1", Text: "Refused or failed; nothing has changed. Also get of an unset variable."},
			{Term: "2", Text: "The call was wrong."},
			{Term: "3", Text: "The files are in place, but a service action failed and is pending; mailreg status tells which."},
		}},
		{Heading: "ENVIRONMENT", Items: []man.Item{
			{Term: "MAILREG_ROOT", Text: "The root, where --root does not name one."},
			{Term: "LC_ALL, LC_MESSAGES, LANG", Text: "The first that is set decides about the language of help and descriptions: English, or German."},
		}},
		{Heading: "FILES", Items: []man.Item{
			{Term: "/etc/mailreg/base.conf, base-ldap.conf, base-schedule.conf, base-forced.conf", Text: "The layers normal, ldap, schedule and forced."},
			{Term: "/etc/mailreg/secrets.conf", Text: "The secrets of layer normal."},
			{Term: "/etc/mailreg/templates, /etc/mailreg/schema.d", Text: "Templates and declarations of one's own."},
			{Term: "/var/lib/mailreg", Text: "The log of transactions, and what was replaced."},
			{Term: "/run/mailreg/control.sock", Text: "The control socket of the daemon."},
		}},
	}, "mailreg-listener(8)")
}
