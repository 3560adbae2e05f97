module github.com/kanuu-io/kanuu-go

go 1.26.0

require (
	github.com/maypok86/otter/v2 v2.4.0
	golang.org/x/time v0.16.0
)

require (
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	pgregory.net/rapid v1.3.0
)
