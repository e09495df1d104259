package crosscheck

import "testing"

// TestUnfitValues: a value that is none of its type, set by --ignore-check or an editor, reads as zero or nothing, and what
// is concluded from that is not true.
func TestUnfitValues(t *testing.T) {
	for _, settings := range [][]string{
		{"mail/messagesizelimit=abc"},
		{"mail/messagesizelimit="},
		{"mail/postfix/maximal_queue_lifetime=soon"},
		{"mail/postfix/maximal_backoff_time=later"},
	} {
		if got := All(with(t, settings...)); len(got) != 0 {
			t.Errorf("%q: %q", settings, texts(got))
		}
	}
}
