// Command mailreg-listener is the daemon that keeps a mail server in step with the directory.
package main

func main() {}
