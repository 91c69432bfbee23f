// Command cedar links cedar-go.
package main

import (
	"os"

	"github.com/cedar-policy/cedar-go"
)

func main() {
	set, err := cedar.NewPolicySetFromBytes("rules", []byte(os.Args[1]))
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	decision, _ := cedar.Authorize(set, nil, cedar.Request{})
	println(bool(decision))
}
