package report

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// machine that something was measured on.
type machine struct {
	processor, system, goVersion string
	modules                      []string // with their versions
	day                          string
}

// compared are the modules whose versions say what was compared.
var compared = []string{
	"github.com/PaddleHQ/paddle-go-sdk",
	"github.com/gin-gonic/gin",
	"github.com/go-resty/resty",
	"github.com/hashicorp/go-retryablehttp",
	"github.com/hashicorp/golang-lru",
	"github.com/labstack/echo",
	"github.com/maypok86/otter",
	"github.com/stripe/stripe-go",
}

func thisMachine() machine {
	m := machine{
		processor: fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()),
		system:    runtime.GOOS + "/" + runtime.GOARCH,
		goVersion: runtime.Version(),
		day:       time.Now().UTC().Format(time.DateOnly),
	}

	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if slices.ContainsFunc(compared, func(path string) bool { return strings.HasPrefix(module.Path, path) }) {
				m.modules = append(m.modules, module.Path+" "+module.Version)
			}
		}
	}

	return m
}

// processor is its name, where the system tells.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}

	for line := range bytes.Lines(info) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}

	return runtime.GOARCH
}
