package schema

// ArchiveUUID owns the mailbox of mail/archivefolder. No directory gives it away: its version says that its bits are
// somebody's own choice (RFC 9562 section 5.8), and they read "mailreg archive".
func ArchiveUUID() UUID {
	return UUID{'m', 'a', 'i', 'l', 'r', 'e', 0x80 | 'g'&0x0f, ' ', 0x80 | 'a'&0x3f, 'r', 'c', 'h', 'i', 'v', 'e', 0}
}
