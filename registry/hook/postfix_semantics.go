package hook

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// tlsFiles are the parameters that name files without which a server offers no TLS.
var tlsFiles = []string{"smtpd_tls_cert_file", "smtpd_tls_key_file", "smtpd_tls_CAfile", "smtp_tls_CAfile"}

// semantics checks what postconf does not look at.
func (c *checker) semantics(ctx context.Context) {
	names := slices.Concat(restrictionLists, tlsFiles, []string{
		"smtpd_restriction_classes", "mailbox_size_limit", "message_size_limit", "virtual_mailbox_limit", "virtual_transport",
	})
	values, err := c.values(ctx, names)
	if err != nil {
		c.refused = append(c.refused, err)
		return
	}
	// Restriction classes are words of their own making, and lists of restrictions in turn.
	classes := strings.FieldsFunc(values["smtpd_restriction_classes"], separator)
	if len(classes) > 0 {
		more, err := c.values(ctx, classes)
		if err != nil {
			c.refused = append(c.refused, err)
			return
		}
		for name, value := range more {
			values[name] = value
		}
	}
	for _, name := range append(slices.Clone(restrictionLists), classes...) {
		if problem := checkRestrictions(values[name], classes); problem != "" {
			c.note(fmt.Sprintf("parameter %s: %s", name, problem))
		}
	}
	if !guarded(values["smtpd_relay_restrictions"] + " " + values["smtpd_recipient_restrictions"]) {
		c.note("parameter smtpd_relay_restrictions: neither it nor smtpd_recipient_restrictions names reject_unauth_destination, " +
			"defer_unauth_destination, reject or defer: anybody could relay")
	}
	c.limits(values)
	for _, name := range tlsFiles {
		if path := values[name]; strings.HasPrefix(path, "/") {
			if _, err := os.Stat(path); err != nil {
				c.note(fmt.Sprintf("parameter %s: %v", name, err))
			}
		}
	}
	if cert, key := values["smtpd_tls_cert_file"], values["smtpd_tls_key_file"]; has(cert, "") && has(key, "") {
		if _, err := KeyPair(cert, key); err != nil {
			c.note("parameter smtpd_tls_key_file: " + err.Error())
		}
	}
	if err := c.transport(ctx, values["virtual_transport"]); err != nil {
		c.note("parameter virtual_transport: " + err.Error())
	}
}

// transport reports that master.cf has no service of the name in "name:nexthop": all mail would wait in the queue.
func (c *checker) transport(ctx context.Context, value string) error {
	name, _, _ := strings.Cut(value, ":")
	r, err := run(ctx, "postconf", "-c", c.stage, "-M")
	if err != nil {
		return err
	}
	for line := range strings.Lines(r.Stdout) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name && f[1] == "unix" {
			return nil
		}
	}
	return fmt.Errorf("master.cf has no transport %q", name)
}

// limits checks that a mailbox takes the largest message; otherwise local(8) and virtual(8) stop with a fatal error.
func (c *checker) limits(values map[string]string) {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(values[name], 10, 64) // postmap has looked at it before
		return n
	}
	message := number("message_size_limit")
	for _, name := range []string{"mailbox_size_limit", "virtual_mailbox_limit"} {
		limit := number(name)
		if name == "virtual_mailbox_limit" && values["virtual_transport"] != "virtual" {
			continue
		}
		if limit > 0 && (limit < message || message == 0) {
			c.note(fmt.Sprintf("parameter %s: %d is smaller than message_size_limit (%d)", name, limit, message))
		}
	}
}

// values asks postconf for parameters, with what they refer to put in.
func (c *checker) values(ctx context.Context, names []string) (map[string]string, error) {
	r, err := run(ctx, "postconf", append([]string{"-c", c.stage, "-x"}, names...)...)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for line := range strings.Lines(r.Stdout) {
		if name, value, ok := strings.Cut(line, "="); ok {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return values, nil
}
