package screen

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema/plain"
)

// Move tells in one line where the mail of a user goes or comes from, and how far it is.
func Move(m control.Move) string {
	way, sent := "to", "sent"
	if m.Direction == "in" {
		way, sent = "from", "received"
	}
	text := fmt.Sprintf("%s %s: %s since %s", way, cmp.Or(m.Peer, "a host that is not known"), m.State, m.Entered.UTC().Format(time.RFC3339))
	if m.Passes > 0 {
		text += fmt.Sprintf(", passes %d, %s %s", m.Passes, Bytes(m.Bytes), sent)
	}
	if m.Ahead {
		text += ", ahead of the directory"
	}
	if remark := cmp.Or(m.Failing, m.Waiting); remark != "" {
		text += "; " + remark
	}
	return plain.Line(text)
}

// Moves is Move for the moves of one user: who comes back at once may be on the way in both directions.
func Moves(all []control.Move) string {
	texts := make([]string, 0, len(all))
	for _, m := range all {
		texts = append(texts, Move(m))
	}
	return strings.Join(texts, "; ")
}

// Bytes prints a size in the unit that fits.
func Bytes(n int64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 10_000 {
			return strconv.FormatInt(n, 10) + " " + unit
		}
		n /= 1000
	}
	return strconv.FormatInt(n, 10) + " TB"
}
