// Command none is the empty program to which the others are compared.
package main

func main() { println("none") }
