// Package notice proves that a person hears of what waits for one, by mail and by a program, and that it is over.
package notice
