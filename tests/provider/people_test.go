package provider

import (
	"fmt"
	"strings"
)

// people returns LDIF of n mail users user000000 and so on, about as large as those of a real directory.
func people(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `dn: uid=user%06[1]d,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
objectClass: univentionMail
uid: user%06[1]d
cn: First%[1]d Last%[1]d
sn: Last%[1]d
mailPrimaryAddress: user%06[1]d@example.test
mailAlternativeAddress: first%[1]d.last%[1]d@example.test
univentionMailHomeServer: mail%[2]d.example.test
description: %[3]s

`, i, i%4, strings.Repeat("x", 300))
	}
	return b.String()
}
