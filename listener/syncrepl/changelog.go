package syncrepl

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
)

// checkChangelog refuses a cookie of 389-ds from which the server's changelog does not go on. The server itself takes any
// cookie from its past: of what was trimmed away since it would say nothing.
func checkChangelog(ctx context.Context, conn *connect.Conn, cookie []byte) error {
	attrs, err := search.Read(ctx, conn, "", "firstChangeNumber", "lastChangeNumber")
	if err != nil {
		return err
	}
	var first, last int64 = -1, -1
	for _, a := range attrs {
		n, err := strconv.ParseInt(a.Values[0], 10, 64)
		switch {
		case err != nil:
		case strings.EqualFold(a.Name, "firstChangeNumber"):
			first = n
		case strings.EqualFold(a.Name, "lastChangeNumber"):
			last = n
		}
	}
	text := string(cookie)
	at, err := strconv.ParseInt(text[strings.LastIndexByte(text, '#')+1:], 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("%w: it names no change", listener.ErrCookie)
	case first < 0 || last < 0:
		return fmt.Errorf("%w: the server does not show in its root DSE what its changelog holds", listener.ErrCookie)
	case at+1 < first || at > last:
		return fmt.Errorf("%w: it is of change %d, and the changelog holds %d to %d", listener.ErrCookie, at, first, last)
	}
	return nil
}
