// Package bench measures what the library costs, beside the limit and beside
// what else there is. From the root of the repository:
//
//	go run ./bench/report          # all of it, into docs/performance.md, in about five minutes
//	go run ./bench/report -quick   # a look at it, in a minute
//	go run ./bench/guard           # allocations and counts, against the baseline, in 20 seconds
//	go run ./bench/guard -update   # what is now becomes the baseline
//	go test -bench . ./bench       # one thing at a time, with Go's own tools
//
// The server that is called runs in a process of its own, so that memory and
// CPU are those of the client. It is a module of its own, so that nothing of
// what the library is compared with reaches an application.
package bench
