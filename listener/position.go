package listener

import "strings"

// covers reports whether a cookie of OpenLDAP's syncprov, such as "rid=001,sid=002,csn=A;B", is at or past each of the
// contextCSN values: for each server ID its CSN is no less. It is not known of a cookie without CSNs.
func covers(cookie string, position []string) (covered, known bool) {
	have := map[string]string{}
	for part := range strings.SplitSeq(cookie, ",") {
		list, ok := strings.CutPrefix(part, "csn=")
		if !ok {
			continue
		}
		for csn := range strings.SplitSeq(list, ";") {
			have[serverID(csn)] = csn
		}
	}
	if len(have) == 0 || len(position) == 0 {
		return false, false
	}
	for _, csn := range position {
		if have[serverID(csn)] < csn {
			return false, true
		}
	}
	return true, true
}

// serverID returns the third field of a CSN, time#count#sid#mod; "" of what is none.
func serverID(csn string) string {
	fields := strings.Split(csn, "#")
	if len(fields) != 4 {
		return ""
	}
	return fields[2]
}
