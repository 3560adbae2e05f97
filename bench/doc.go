// Package bench holds benchmarks of the library and of its peers. All code is in test files:
//
//	go test -run '^$' -bench . -benchtime 1x ./bench                        # runs everything once
//	go test -run '^$' -bench CreateNonce -count 10 ./bench | tee new.txt    # measures one subject
//	benchstat -col /peer new.txt                                            # compares the peers
//	benchstat old.txt new.txt                                               # compares two versions
//
// docs/performance.md has the results. The package is a module of its own, so the peers are not
// dependencies of the library.
package bench
