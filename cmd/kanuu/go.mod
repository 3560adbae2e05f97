module github.com/kanuu-io/kanuu-go/cmd/kanuu

go 1.26.0

require (
	github.com/kanuu-io/kanuu-go v0.0.0-00010101000000-000000000000
	github.com/kanuu-io/kanuu-go/adapters/sql v0.0.0-00010101000000-000000000000
	github.com/spf13/cobra v1.10.2
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/kanuu-io/kanuu-go => ../..

replace github.com/kanuu-io/kanuu-go/adapters/sql => ../../adapters/sql
