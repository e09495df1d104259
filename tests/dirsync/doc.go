// Package dirsync holds stories with a real Active Directory domain controller, Samba's.
package dirsync
