package crosscheck

// cyrusRules are those of Cyrus.
var cyrusRules = []rule{
	{ // Backends of a Murder must be able to take a mailbox over under its new name.
		keys: []string{"mail/cyrus/murder/master", "mail/cyrus/mailbox/rename"},
		find: func(v View) []string {
			return when(isSet(v, "mail/cyrus/murder/master") && !v.Bool("mail/cyrus/mailbox/rename"),
				"{mail/cyrus/murder/master} needs {mail/cyrus/mailbox/rename} to be yes")
		},
	},
	{
		keys: []string{"mail/cyrus/murder/backend/interface", "interfaces/"},
		find: func(v View) []string {
			name := v.String("mail/cyrus/murder/backend/interface")
			address := "interfaces/" + name + "/address"
			return when(name != "" && !isSet(v, address), "{mail/cyrus/murder/backend/interface} needs {"+address+"}")
		},
	},
	{
		keys:  []string{"mail/cyrus/ssl/key", "mail/cyrus/ssl/certificate"},
		works: true,
		find: func(v View) []string {
			return when(isSet(v, "mail/cyrus/ssl/key") && !isSet(v, "mail/cyrus/ssl/certificate"),
				"{mail/cyrus/ssl/key} is not used without {mail/cyrus/ssl/certificate}")
		},
	},
}
