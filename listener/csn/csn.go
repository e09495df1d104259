// Package csn compares positions in a directory: change sequence numbers such as 20261124053715.123456Z#000000#001#000000,
// lists of them with one for each server that writes (contextCSN), and cookies of OpenLDAP's syncprov, which hold such a list.
// Only numbers of the same server can be compared. It does no I/O.
package csn

import "strings"

// ServerID returns the third field of a CSN, time#count#sid#mod; "" of what is none.
func ServerID(csn string) string {
	fields := strings.Split(csn, "#")
	if len(fields) != 4 {
		return ""
	}
	return fields[2]
}

// Older reports whether a CSN is older than another one of the same server.
func Older(csn, than string) bool {
	sid := ServerID(csn)
	return sid != "" && sid == ServerID(than) && csn < than
}

// Behind reports whether a position cannot include a change: of the server where that was made it knows earlier ones only.
func Behind(position []string, change string) bool {
	for _, at := range position {
		if sid := ServerID(at); sid != "" && sid == ServerID(change) {
			return at < change
		}
	}
	return false
}

// Covers reports whether a cookie, such as "rid=001,sid=002,csn=A;B", is at or past each of the CSNs of a position. It is not
// known of a cookie without CSNs.
func Covers(cookie string, position []string) (covered, known bool) {
	have := byServer(list(cookie))
	if len(have) == 0 || len(position) == 0 {
		return false, false
	}
	for _, csn := range position {
		if have[ServerID(csn)] < csn {
			return false, true
		}
	}
	return true, true
}

// Passes reports whether a cookie is known to be at or past another one.
func Passes(cookie, other string) bool {
	covered, _ := Covers(cookie, list(other))
	return covered
}

// list returns the CSNs of a cookie.
func list(cookie string) (position []string) {
	for part := range strings.SplitSeq(cookie, ",") {
		if csns, ok := strings.CutPrefix(part, "csn="); ok {
			position = append(position, strings.Split(csns, ";")...)
		}
	}
	return position
}

// Backwards returns the first CSN of a position that a later one is not at or past, "" when there is none: a position that
// goes back is one of a directory that was restored or has lost something.
func Backwards(before, now []string) string {
	at := byServer(now)
	for _, csn := range before {
		if at[ServerID(csn)] < csn {
			return csn
		}
	}
	return ""
}

func byServer(position []string) map[string]string {
	at := map[string]string{}
	for _, csn := range position {
		at[ServerID(csn)] = csn
	}
	return at
}
