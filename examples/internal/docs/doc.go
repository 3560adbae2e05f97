// Package docs checks the Markdown files: their links lead somewhere, and their Go
// code compiles.
package docs
