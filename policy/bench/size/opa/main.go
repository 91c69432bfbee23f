// Command opa links Open Policy Agent as a library.
package main

import (
	"context"
	"os"

	"github.com/open-policy-agent/opa/v1/rego"
)

func main() {
	q, err := rego.New(rego.Query("data.gate.deny"), rego.Module("rules", os.Args[1])).PrepareForEval(context.Background())
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	rs, err := q.Eval(context.Background(), rego.EvalInput(map[string]any{}))
	println(len(rs), err == nil)
}
