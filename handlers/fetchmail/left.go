package fetchmail

import "strings"

// left finds a password in the fetchmailrc of a UCS host. There it stands when the attributes are those of old releases:
// their listener took it out of the directory. The quotes in it were not escaped, so that the password is all that stands
// between what comes before and after.
func left(rc, uid, server, user string) string {
	for line := range strings.Lines(rc) {
		line = strings.TrimSpace(line)
		line, ours := strings.CutSuffix(line, "#UID='"+uid+"'")
		line, of := strings.CutPrefix(line, "poll ")
		if !ours || !of {
			continue
		}
		name, line, _ := strings.Cut(line, " ")
		_, line, ours = strings.Cut(line, " user '"+user+"' there with password '")
		end := strings.LastIndex(line, "' is '")
		if ours && end >= 0 && strings.EqualFold(strings.Trim(name, "'"), server) {
			return line[:end]
		}
	}
	return ""
}
