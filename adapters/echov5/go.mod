module github.com/kanuu-io/kanuu-go/adapters/echov5

go 1.26.0

require (
	github.com/kanuu-io/kanuu-go v0.0.0-00010101000000-000000000000
	github.com/labstack/echo/v5 v5.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/kanuu-io/kanuu-go => ../..
