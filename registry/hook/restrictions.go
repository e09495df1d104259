package hook

import (
	"fmt"
	"slices"
	"strings"
)

// restrictionLists are the parameters of Postfix that hold restriction words (postconf(5)). smtpd reads them only when a
// client comes, and answers every one with an error when a word is unknown; postconf says nothing.
var restrictionLists = []string{
	"smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions", "smtpd_relay_restrictions",
	"smtpd_recipient_restrictions", "smtpd_data_restrictions", "smtpd_end_of_data_restrictions", "smtpd_etrn_restrictions",
}

// words are the restrictions without an argument, pairs those with one (Postfix 3.4 to 3.10).
var words = strings.Fields(`
	permit reject defer defer_if_permit defer_if_reject warn_if_reject check_recipient_maps check_relay_domains
	permit_auth_destination permit_inet_interfaces permit_mx_backup permit_mynetworks permit_naked_ip_address
	permit_sasl_authenticated permit_tls_all_clientcerts permit_tls_clientcerts
	defer_unauth_destination reject_unauth_destination reject_unauth_pipelining
	reject_unknown_client reject_unknown_client_hostname reject_unknown_reverse_client_hostname reject_plaintext_session
	reject_invalid_helo_hostname reject_invalid_hostname reject_non_fqdn_helo_hostname reject_non_fqdn_hostname
	reject_unknown_helo_hostname reject_unknown_hostname reject_unknown_address reject_maps_rbl
	reject_non_fqdn_sender reject_non_fqdn_recipient reject_unknown_sender_domain reject_unknown_recipient_domain
	reject_authenticated_sender_login_mismatch reject_known_sender_login_mismatch reject_sender_login_mismatch
	reject_unauthenticated_sender_login_mismatch reject_unlisted_sender reject_unlisted_recipient
	reject_unverified_sender reject_unverified_recipient reject_multi_recipient_bounce`)

var pairs = strings.Fields(`
	check_client_access check_client_a_access check_client_mx_access check_client_ns_access
	check_reverse_client_hostname_access check_reverse_client_hostname_a_access
	check_reverse_client_hostname_mx_access check_reverse_client_hostname_ns_access
	check_helo_access check_helo_a_access check_helo_mx_access check_helo_ns_access
	check_sender_access check_sender_a_access check_sender_mx_access check_sender_ns_access
	check_recipient_access check_recipient_a_access check_recipient_mx_access check_recipient_ns_access
	check_etrn_access check_ccert_access check_sasl_access check_policy_service
	permit_dnswl_client permit_rhswl_client reject_rbl reject_rbl_client reject_rhsbl_client reject_rhsbl_helo
	reject_rhsbl_recipient reject_rhsbl_reverse_client reject_rhsbl_sender sleep`)

func separator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }

// checkRestrictions returns what is wrong with a list, "" when nothing is.
func checkRestrictions(list string, classes []string) string {
	tokens, ok := tokenize(list)
	if !ok {
		return "a brace is not closed"
	}
	for i := 0; i < len(tokens); i++ {
		token := tokens[i]
		switch {
		case slices.Contains(pairs, token):
			if i++; i == len(tokens) || slices.Contains(words, tokens[i]) || slices.Contains(pairs, tokens[i]) {
				return fmt.Sprintf("%s needs a value after it", token)
			}
			if table := strings.HasSuffix(token, "_access"); table && !strings.Contains(tokens[i], ":") && tokens[i][0] != '{' {
				return fmt.Sprintf("%s needs a table such as hash:/etc/postfix/access, not %s", token, tokens[i])
			}
		case slices.Contains(words, token), slices.Contains(classes, token), isTable(token), isReply(token):
		default:
			return fmt.Sprintf("unknown restriction %q", token)
		}
	}
	return ""
}

// isTable accepts a bare table, which smtpd looks the client up in.
func isTable(token string) bool {
	typ, name, ok := strings.Cut(token, ":")
	return ok && typ != "" && strings.HasPrefix(name, "/")
}

// isReply accepts a bare reply code such as 554, as access(5) has them.
func isReply(token string) bool {
	return len(token) == 3 && (token[0] == '4' || token[0] == '5') && strings.Trim(token, "0123456789") == ""
}

// tokenize splits a list at blanks and commas; what stands in braces stays together.
func tokenize(list string) (tokens []string, ok bool) {
	depth, start := 0, -1
	for i, r := range list {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		}
		inside := depth > 0 || !separator(r)
		if inside && start < 0 {
			start = i
		} else if !inside && start >= 0 {
			tokens, start = append(tokens, list[start:i]), -1
		}
	}
	if start >= 0 {
		tokens = append(tokens, list[start:])
	}
	return tokens, depth == 0
}

// guarded reports whether a list holds one of the words without which smtpd refuses to work, lest it be an open relay.
func guarded(list string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(list, separator), func(word string) bool {
		return slices.Contains([]string{"reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "defer_if_permit", "check_relay_domains"}, word)
	})
}
