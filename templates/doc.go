// Package templates holds the stock templates of all config files, the manifests that say what becomes of them, the
// renderer, and the format writers through which every value reaches a file.
//
// The folder stock is the pattern for /etc/mailreg/templates, whose files override it by name:
//
//	postfix.ini                         a manifest: which files there are, their format, mode and owner
//	postfix/ldap.virtual.tmpl           the template of one file
//	postfix/main.cf/10-general.tmpl     one of the parts of a file, joined in numeric order
//	shared/ldap-uris.tmpl               a piece that several templates use: {{template "shared/ldap-uris"}}
//
// Templates are those of text/template with the functions of rendering.funcs and no others. A template writes the words of
// its format itself; an action writes a value in one place of it:
//
//	smtpd_banner = {{get "mail/postfix/smtpd/banner"}}
//
// What an action writes goes first into a list, and only its number into the text. When the text is complete, the format's
// writer replaces each number by its value, with the line around it in view: it knows whether the value stands alone, in
// quotes, or beside other words, and quotes it, doubles what its reader would expand, or refuses it with the name of the
// key. So a value never becomes more than the one value that it is, whatever the template does with it.
//
// The package imports nothing of ours: the renderer sees the registry through the Settings interface.
package templates
