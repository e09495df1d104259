package crosscheck

import (
	"slices"
	"strconv"
	"strings"
)

// filterRules are those of what looks into mail on its way: policy services, milters, and webmail before all.
var filterRules = []rule{
	{
		keys: []string{"mail/postfix/greylisting", "mail/postfix/greylisting/port", restrictions},
		find: func(v View) []string {
			// 60000 was the port of Postgrey in older Debian releases.
			if !v.Bool("mail/postfix/greylisting") {
				return nil
			}
			return strayPorts(v, restrictions, "mail/postfix/greylisting/port", 10023, 60000)
		},
	},
	{
		keys: []string{"mail/dovecot/quota-status/port", restrictions},
		find: func(v View) []string {
			return strayPorts(v, restrictions, "mail/dovecot/quota-status/port", 12340)
		},
	},
	{
		keys: []string{"mail/rspamd/worker/proxy/bind_socket", milters},
		find: func(v View) []string {
			return strayPorts(v, milters, "mail/rspamd/worker/proxy/bind_socket", 11332)
		},
	},
	{ // The workers speak HTTP.
		keys: []string{"mail/rspamd/worker/normal/bind_socket", "mail/rspamd/worker/controller/bind_socket", milters},
		find: func(v View) []string {
			var clauses []string
			for _, key := range []string{"mail/rspamd/worker/normal/bind_socket", "mail/rspamd/worker/controller/bind_socket"} {
				for _, milter := range v.Prefix(milters) {
					if port := loopbackPort(milter.Value); port != 0 && port == portOf(v.String(key)) {
						clauses = append(clauses, "{"+milter.Key+"} is {"+key+"}, which speaks no milter protocol")
					}
				}
			}
			return clauses
		},
	},
	{
		keys: []string{"mail/rspamd/worker/proxy/milter", "mail/rspamd/worker/proxy/bind_socket", milters},
		find: func(v View) []string {
			var clauses []string
			for _, milter := range v.Prefix(milters) {
				port := loopbackPort(milter.Value)
				if port != 0 && port == portOf(v.String("mail/rspamd/worker/proxy/bind_socket")) && !v.Bool("mail/rspamd/worker/proxy/milter") {
					clauses = append(clauses, "{"+milter.Key+"} needs {mail/rspamd/worker/proxy/milter} to be yes")
				}
			}
			return clauses
		},
	},
	{ // freshclam(1) refuses one without the other.
		keys: []string{"clamav/proxy/username", "clamav/proxy/password"},
		find: func(v View) []string {
			return when(isSet(v, "clamav/proxy/username") != isSet(v, "clamav/proxy/password"),
				"{clamav/proxy/username} and {clamav/proxy/password} must be set both or not at all")
		},
	},
	{
		keys: []string{"php/limit/filesize", "php/limit/postsize"},
		find: func(v View) []string {
			return when(isSet(v, "php/limit/filesize") && isSet(v, "php/limit/postsize") && v.Int("php/limit/postsize") < v.Int("php/limit/filesize"),
				"{php/limit/postsize} must not be less than {php/limit/filesize}")
		},
	},
	{ // Attachments travel in base64, which takes a third more.
		keys:  []string{"php/limit/filesize", "mail/messagesizelimit"},
		works: true,
		find: func(v View) []string {
			limit := v.Int("mail/messagesizelimit")
			return when(limit != 0 && v.Int("php/limit/filesize")*(1<<20)/3*4 > limit,
				"{php/limit/filesize} is more than {mail/messagesizelimit} lets through")
		},
	},
}

// Where Postfix names the services that it asks.
const (
	restrictions = "mail/postfix/smtpd/restrictions/recipient/"
	milters      = "mail/postfix/smtpd_milters/"
)

// strayPorts finds settings of Postfix that ask a service on this host at one of the ports that are usual for it, while it
// listens on another one.
func strayPorts(v View, below, key string, usual ...int) []string {
	var clauses []string
	for _, pair := range v.Prefix(below) {
		port := loopbackPort(pair.Value)
		if slices.Contains(usual, port) && port != portOf(v.String(key)) {
			clauses = append(clauses, "{"+pair.Key+"} asks at another port than that of {"+key+"}")
		}
	}
	return clauses
}

// loopbackPort returns the port that a word such as "inet:127.0.0.1:10023" in s names on this host, 0 when none does.
func loopbackPort(s string) int {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t,{}", r) }) {
		rest, inet := strings.CutPrefix(word, "inet:")
		for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
			if text, local := strings.CutPrefix(rest, host+":"); inet && local {
				return portOf(text)
			}
		}
	}
	return 0
}

// portOf returns the number behind the last colon, or of all of s; 0 when it is none.
func portOf(s string) int {
	port, err := strconv.Atoi(strings.TrimSpace(s[strings.LastIndexByte(s, ':')+1:]))
	if err != nil {
		return 0
	}
	return port
}
