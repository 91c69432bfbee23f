// Command ours links the engine of package policy.
package main

import (
	"os"

	"sallyport/policy"
)

func main() {
	p, err := policy.Load("rules", []byte(os.Args[1]))
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	v := p.Evaluate(&policy.Facts{}, nil)
	println(v.Outcome.String())
}
