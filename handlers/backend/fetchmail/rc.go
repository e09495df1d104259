package fetchmail

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// Delivery is where fetched mail goes, and how it is fetched.
type Delivery struct {
	// Host and Port are where the mail server of this host takes mail.
	Host string
	Port int64
	// Domains are the hosted domains.
	Domains []string
	// ClearText lets a mailbox be fetched without TLS whose server has none.
	ClearText bool
}

// rc returns the settings of a poll (fetchmail(1), "THE RUN CONTROL FILE"). There must be nothing in it that a user or the
// directory has written and that is not quoted.
func rc(to schema.Address, a Account, d Delivery) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("set no syslog\nset no bouncemail\nset no spambounce\nset postmaster %s", quote(to.String()))
	line("poll %s protocol %s auth password", quote(a.Server), a.Protocol)
	if a.Port != 0 {
		line("service %s", quote(strconv.Itoa(int(a.Port))))
	}
	if a.Drop != nil {
		line("envelope %s", quote(a.Drop.Header))
		if a.Drop.Prefix != "" {
			line("qvirtual %s", quote(a.Drop.Prefix))
		}
		domains := a.Drop.Domains
		if len(domains) == 0 {
			domains = d.Domains
		}
		line("no dns\nlocaldomains")
		for _, domain := range domains {
			line("  %s", quote(domain))
		}
	}
	line("user %s there with password %s", quote(a.User), quote(a.Password))
	if a.Drop != nil {
		line("is * here")
	} else {
		line("is %s here", quote(to.String()))
	}
	line("%s", map[bool]string{true: "keep", false: "no keep"}[a.Keep])
	switch {
	case a.TLS:
		line("ssl sslcertck")
	case d.ClearText:
		line(`sslproto ""`)
	default:
		line(`sslproto "auto" sslcertck`)
	}
	line("smtphost %s", quote(d.Host+"/"+strconv.FormatInt(d.Port, 10)))
	return b.String()
}

// plain are the characters that stand for themselves in a quoted string.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@_-"

// quote writes a string. Fetchmail ends one at the next quote, escaped or not, so everything that could have a meaning is
// given by its number, which has two digits.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(text) {
		if strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
