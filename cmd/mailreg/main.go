// Command mailreg is the command line of the registry and of the listener.
package main

func main() {}
