package schema

import (
	"slices"
	"strings"
)

// The attributes by which users have their mail fetched from elsewhere: those of old releases of UCS, one mailbox each, and
// those of UCS 5, whose values are JSON arrays.
const (
	AttrFetchUser     = "univentionFetchmailAddress"
	AttrFetchServer   = "univentionFetchmailServer"
	AttrFetchProtocol = "univentionFetchmailProtocol"
	AttrFetchPassword = "univentionFetchmailPasswd"
	AttrFetchKeep     = "univentionFetchmailKeepMailOnServer"
	AttrFetchTLS      = "univentionFetchmailUseSSL"
	AttrFetchSingle   = "univentionFetchmailSingle"
	AttrFetchMulti    = "univentionFetchmailMulti"
)

// FetchAttributes are all of them.
func FetchAttributes() []string {
	return []string{
		AttrFetchUser, AttrFetchServer, AttrFetchProtocol, AttrFetchPassword, AttrFetchKeep, AttrFetchTLS,
		AttrFetchSingle, AttrFetchMulti,
	}
}

// Secret reports whether the values of an attribute hold passwords, and so are shown to nobody.
func Secret(attribute string) bool {
	base, _, _ := strings.Cut(attribute, ";")
	return slices.ContainsFunc([]string{AttrFetchPassword, AttrFetchSingle, AttrFetchMulti, "userPassword"}, func(secret string) bool {
		return strings.EqualFold(secret, base)
	})
}
