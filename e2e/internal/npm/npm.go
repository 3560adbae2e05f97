//go:build browser

// Package npm has the browser's side of the tests: the real htmx, the real
// Inertia client and axe, as package-lock.json pins them. They are downloaded
// once into the user's cache folder and never run outside the browser; no Node
// is needed.
//
// To pin another version: edit package.json, then
//
//	npm install --package-lock-only
package npm

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

const (
	publicRegistry = "https://registry.npmjs.org"

	// maxPackage is the most that one package may have, packed or not.
	maxPackage = 64 << 20
)

//go:embed package-lock.json
var lockfile []byte

// Modules is a node_modules folder.
type Modules struct {
	dir string
}

// Install returns the pinned packages. It downloads what the cache folder does
// not have, from the registry that npm is told to use (npm_config_registry, or
// npm's own settings where there is an npm), else from the public one.
func Install(ctx context.Context) (*Modules, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("npm: no folder for the packages: %w", err)
	}

	sum := sha256.Sum256(lockfile)
	m := &Modules{filepath.Join(cache, "kanuu-go", "npm-"+hex.EncodeToString(sum[:8]))}

	if _, err := os.Stat(m.dir); err == nil {
		return m, nil
	}

	if err := install(ctx, lockfile, registry(ctx), m.dir); err != nil {
		return nil, fmt.Errorf("npm: %w: the first run needs the npm registry; set npm_config_registry to use another one", err)
	}

	return m, nil
}

// File of a package, such as "htmx4/dist/htmx.min.js".
func (m *Modules) File(name string) ([]byte, error) {
	content, err := fs.ReadFile(os.DirFS(m.dir), name)
	if err != nil {
		return nil, fmt.Errorf("npm: %w", err)
	}

	return content, nil
}

// Bundle makes one classic script of a module that imports packages.
func (m *Modules) Bundle(module string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		Stdin:     &api.StdinOptions{Contents: module, ResolveDir: m.dir},
		NodePaths: []string{m.dir},
		Bundle:    true,
		Format:    api.FormatIIFE,
		Platform:  api.PlatformBrowser,
		Define:    map[string]string{"process.env.NODE_ENV": `"production"`},
	})

	var problems []error
	for _, message := range result.Errors {
		problems = append(problems, errors.New(message.Text))
	}

	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("npm: the bundle: %w", err)
	}

	return result.OutputFiles[0].Contents, nil
}

func registry(ctx context.Context) string {
	for _, name := range []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"} {
		if url := os.Getenv(name); url != "" {
			return url
		}
	}

	said, err := exec.CommandContext(ctx, "npm", "config", "get", "registry").Output()
	if url := strings.TrimSpace(string(said)); err == nil && strings.HasPrefix(url, "http") {
		return url
	}

	return publicRegistry
}

// locked is what the lock file says of a package.
type locked struct {
	Resolved  string `json:"resolved"`
	Integrity string `json:"integrity"`
}

// install puts all of the lock file's packages into dir, or nothing.
func install(ctx context.Context, lockfile []byte, registry, dir string) error {
	var lock struct {
		Packages map[string]locked `json:"packages"`
	}

	if err := json.Unmarshal(lockfile, &lock); err != nil {
		return fmt.Errorf("package-lock.json: %w", err)
	}

	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // public files
		return err
	}

	// Beside dir, so that it can be renamed: whoever comes at the same time
	// finds a whole folder or none.
	building, err := os.MkdirTemp(filepath.Dir(dir), "npm-building-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(building) //nolint:errcheck // it is gone if it became dir

	for path, pkg := range lock.Packages {
		name, ok := strings.CutPrefix(path, "node_modules/")
		if !ok { // the root, which needs the others
			continue
		}

		archive, err := download(ctx, registry, pkg)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}

		if err := unpack(archive, filepath.Join(building, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}

	err = os.Rename(building, dir)
	if _, missing := os.Stat(dir); missing == nil {
		return nil // by us, or by somebody who was faster
	}

	return err
}

func download(ctx context.Context, registry string, pkg locked) ([]byte, error) {
	path, ok := strings.CutPrefix(pkg.Resolved, publicRegistry)
	if !ok {
		return nil, fmt.Errorf("resolved is %q, not a file of %s", pkg.Resolved, publicRegistry)
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(registry, "/")+path, nil)
	if err != nil {
		return nil, err
	}

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()

	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", req.URL, res.Status)
	}

	archive, err := io.ReadAll(io.LimitReader(res.Body, maxPackage))
	if err != nil {
		return nil, err
	}

	sum := sha512.Sum512(archive)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != pkg.Integrity {
		return nil, fmt.Errorf("GET %s: its integrity is %s, not %s", req.URL, got, cmp.Or(pkg.Integrity, "pinned"))
	}

	return archive, nil
}

// unpack writes the files of a package, and nothing outside dir.
func unpack(archive []byte, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // public files
		return err
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing was written through it

	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return err
	}

	for files := tar.NewReader(io.LimitReader(unzipped, maxPackage)); ; {
		header, err := files.Next()

		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case header.Typeflag != tar.TypeReg:
			continue
		}

		// The first segment is "package", mostly.
		_, name, _ := strings.Cut(header.Name, "/")
		if err := write(root, filepath.FromSlash(name), files); err != nil {
			return err
		}
	}
}

func write(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}

	file, err := root.Create(name)
	if err != nil {
		return err
	}

	_, err = io.Copy(file, content)

	return errors.Join(err, file.Close())
}
