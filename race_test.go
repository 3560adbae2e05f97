//go:build race

package kanuu_test

const raceEnabled = true
