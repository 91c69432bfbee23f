// Command cel links cel-go.
package main

import (
	"os"

	"cel.dev/cel-go/cel"
)

func main() {
	env, err := cel.NewEnv(cel.Variable("f", cel.MapType(cel.StringType, cel.DynType)))
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	tree, issues := env.Compile(os.Args[1])
	if issues.Err() != nil {
		println(issues.Err().Error())
		os.Exit(1)
	}
	p, err := env.Program(tree)
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	v, _, err := p.Eval(map[string]any{"f": map[string]any{}})
	println(v == nil, err == nil)
}
